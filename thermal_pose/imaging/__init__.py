# SPDX-License-Identifier: Apache-2.0
"""Camera geometry, radiometry, crops, thermal-RGB registration, and drawing."""
