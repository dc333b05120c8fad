# SPDX-License-Identifier: Apache-2.0
"""The lab: what makes and judges models. Nothing in the ward imports it."""
