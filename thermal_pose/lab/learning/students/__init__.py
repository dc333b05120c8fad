# SPDX-License-Identifier: Apache-2.0
"""Students: trained, calibrated, adapted, exported with a card, and judged as shipped."""
