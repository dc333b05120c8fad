# SPDX-License-Identifier: Apache-2.0
"""Judges pose models on pictures that people have labelled: real frames above all."""
