# SPDX-License-Identifier: Apache-2.0
"""The command `thermal-pose`: one thin file per verb."""
