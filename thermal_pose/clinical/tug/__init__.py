# SPDX-License-Identifier: Apache-2.0
"""The Timed Up and Go: phase definitions, signals, segmentation, measures, validity, norms."""
