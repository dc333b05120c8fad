# SPDX-License-Identifier: Apache-2.0
"""Splits one data set into rows to learn from and rows held out, so that groups stay whole."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.types import IntArray

#: What keeps the parts of a split apart.
KeptApart = Literal["people", "trials", "the last minutes"]


def split_rows(
    data: PoseData, rows: IntArray, shares: Sequence[float], seed: int
) -> tuple[list[IntArray], KeptApart]:
    """Split rows by people; with too few people by trials; with too few trials by time.

    A COCO file's trials are its groups of pictures (`scene`). Each share gets at least one group;
    the rows of a single trial are cut at its end.

    Parameters
    ----------
    rows : those to split, (N,).
    shares : of the groups, one per held-out part.

    Returns
    -------
    The rows to learn from and those of each share, and what keeps them apart.
    """
    groups: tuple[tuple[KeptApart, IntArray], ...] = (
        ("people", data.subject[rows]),
        ("trials", data.trial[rows]),
    )
    for kind, group_of in groups:
        names = np.unique(group_of)
        if len(names) > len(shares):
            order = np.random.default_rng(seed).permutation(names)
            held = np.split(order, np.cumsum(_counts(shares, len(order))))
            learnt = rows[np.isin(group_of, held.pop())]
            return [learnt, *(rows[np.isin(group_of, part)] for part in held)], kind
    rows = rows[np.argsort(data.stamp_ns[rows], kind="stable")]
    counts = _counts(shares, len(rows))
    first = max(0, len(rows) - sum(counts))
    return np.split(rows, np.cumsum([first, *counts[:-1]])), "the last minutes"


def _counts(shares: Sequence[float], total: int) -> list[int]:
    return [max(1, round(share * total)) for share in shares]
