# SPDX-License-Identifier: Apache-2.0
"""Radiometry, crops and affines, thermal-RGB registration, drawing."""
