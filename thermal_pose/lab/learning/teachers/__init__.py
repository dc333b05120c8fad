# SPDX-License-Identifier: Apache-2.0
"""Teachers: trained on rendered RGB, their answers cached on disk."""
