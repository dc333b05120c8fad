# SPDX-License-Identifier: Apache-2.0
"""Finds asynchronous pairs of a recording without truth from its pictures, as `sync` does."""

from typing import Final

import numpy as np

from thermal_pose.calibration.asynchrony import Synchrony, judge_pairs, rgb_row, thermal_rows
from thermal_pose.types import FloatArray, RgbFrame, ThermalFrame, UInt16Array

#: Pairs judged at a time: 40 MB of small colour pictures.
_WINDOW: Final = 256
#: Pairs that successive windows share, because a window's ends lack neighbours.
_SHARED: Final = 32


class PairCheck:
    """Judges the pairs of a recording while they are read; a window of them is in memory.

    Attributes
    ----------
    asynchronous : thermal stamps of pairs with pictures of different moments.
    undecidable : thermal stamps of pairs that the pictures do not decide.
    """

    def __init__(self) -> None:
        self.asynchronous: set[int] = set()
        self.undecidable: set[int] = set()
        self._stamps: list[int] = []
        self._thermal: list[UInt16Array] = []
        self._rgb: list[FloatArray] = []
        self._first = 0

    def add(self, frame: ThermalFrame, rgb: RgbFrame) -> None:
        """Add the next pair of the recording."""
        self._stamps.append(frame.stamp_ns)
        self._thermal.append(frame.centikelvin)
        self._rgb.append(rgb_row(rgb.bgr))
        if len(self._stamps) == _WINDOW:
            self._judge(_WINDOW - _SHARED // 2)
            for column in (self._stamps, self._thermal, self._rgb):
                del column[:-_SHARED]
            self._first = _SHARED // 2

    def finish(self) -> None:
        """Judge the pairs since the last full window."""
        if self._stamps:
            self._judge(len(self._stamps))

    def _judge(self, stop: int) -> None:
        verdicts = judge_pairs(thermal_rows(self._thermal), np.concatenate(self._rgb))
        for stamp_ns, verdict in list(zip(self._stamps, verdicts, strict=True))[self._first : stop]:
            if verdict.outcome is Synchrony.ASYNCHRONOUS:
                self.asynchronous.add(stamp_ns)
            elif verdict.outcome is Synchrony.UNDECIDABLE:
                self.undecidable.add(stamp_ns)
