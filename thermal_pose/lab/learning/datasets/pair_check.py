# SPDX-License-Identifier: Apache-2.0
"""Asynchronous pairs of a recording that has no truth, by its pictures as `thermal-pose sync`."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.calibration.asynchrony import (
    PairVerdict,
    Synchrony,
    judge_pairs,
    rgb_row,
    thermal_rows,
)
from thermal_pose.types import RgbFrame, ThermalFrame

#: Pairs judged at a time: 40 MB of small colour pictures.
_WINDOW: Final = 256
#: Windows share so many pairs: near its ends a window lacks neighbours.
_SHARED: Final = 32


class _Window:
    """The pairs in memory."""

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self.thermal: list[npt.NDArray[np.uint16]] = []
        self.rgb: list[npt.NDArray[np.float32]] = []

    def add(self, frame: ThermalFrame, rgb: RgbFrame) -> None:
        self.stamps.append(frame.stamp_ns)
        self.thermal.append(frame.centikelvin)
        self.rgb.append(rgb_row(rgb.bgr))

    def judge(self) -> list[PairVerdict]:
        return judge_pairs(thermal_rows(self.thermal), np.concatenate(self.rgb))

    def keep_last(self, count: int) -> None:
        for column in (self.stamps, self.thermal, self.rgb):
            del column[:-count]


def asynchronous_stamps(
    pairs: Iterable[tuple[ThermalFrame, RgbFrame | None]],
) -> tuple[frozenset[int], frozenset[int]]:
    """Find the pairs of which one picture is older than the other.

    Parameters
    ----------
    pairs : all of a recording, in order of time.

    Returns
    -------
    asynchronous, undecidable : stamps of the thermal pictures of those pairs, and of pairs
        whose pictures do not tell.
    """
    window, first = _Window(), 0
    found: dict[Synchrony, set[int]] = {outcome: set() for outcome in Synchrony}

    def judge(start: int, stop: int) -> None:
        for stamp_ns, verdict in list(zip(window.stamps, window.judge(), strict=True))[start:stop]:
            found[verdict.outcome].add(stamp_ns)

    for frame, rgb in pairs:
        if rgb is None:
            continue
        window.add(frame, rgb)
        if len(window.stamps) == _WINDOW:
            judge(first, _WINDOW - _SHARED // 2)
            window.keep_last(_SHARED)
            first = _SHARED // 2
    if window.stamps:
        judge(first, len(window.stamps))
    return frozenset(found[Synchrony.ASYNCHRONOUS]), frozenset(found[Synchrony.UNDECIDABLE])
