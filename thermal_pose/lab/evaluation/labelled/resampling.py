# SPDX-License-Identifier: Apache-2.0
"""Bootstrap over scenes: the same draws for every figure, so that differences are paired.

Legend: S scenes, R draws, N people.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thermal_pose.types import Int64Array

RESAMPLES: Final = 400
_INTERVAL: Final = (2.5, 97.5)
_DIGITS: Final = 5
_IN_JSON: Final = re.compile(
    r'\{\s+"value": ([^\s,]+),\s+"ci95": (?:(null)|\[\s+([^\s,]+),\s+([^\s,]+)\s+\])\s+\}'
)

Figure = dict[str, Any]


@dataclass(frozen=True)
class SceneDraws:
    """Whole scenes, drawn with replacement.

    Attributes
    ----------
    names : (S,) the scenes, sorted.
    chosen : R + 1 arrays (S,) of numbers of scenes; the first is every scene once.
    """

    names: npt.NDArray[np.str_]
    chosen: tuple[Int64Array, ...]

    @classmethod
    def over(
        cls, scenes: npt.NDArray[np.str_], resamples: int = RESAMPLES, seed: int = 0
    ) -> "SceneDraws":
        """Draw as many scenes as there are, `resamples` times.

        Parameters
        ----------
        scenes : (N,) the scene of each person.
        resamples : 0 for no intervals.
        """
        names = np.unique(scenes)
        rng = np.random.default_rng(seed)
        drawn = (rng.integers(len(names), size=len(names)) for _ in range(resamples))
        return cls(names, (np.arange(len(names)), *drawn))

    def rows(self, scenes: npt.NDArray[np.str_]) -> list[Int64Array]:
        """Return for each draw the numbers of its rows, (n,), of N rows with these scenes."""
        members = [np.flatnonzero(scenes == name) for name in self.names]
        return [np.concatenate([members[k] for k in chosen]) for chosen in self.chosen]


def figure(values: Sequence[float]) -> Figure:
    """Return a figure and its 95 % interval.

    Parameters
    ----------
    values : the figure of the whole set, then of each draw. NaN marks draws that leave it
        undefined, such as those without a person of a rare view; the interval omits them.

    Returns
    -------
    {'value': float or None, 'ci95': [low, high] or None without draws}
    """
    first, spread = values[0], np.asarray(values[1:], np.float64)
    spread = spread[np.isfinite(spread)]
    interval = None
    if len(spread):
        interval = [round(float(limit), _DIGITS) for limit in np.percentile(spread, _INTERVAL)]
    return {"value": round(float(first), _DIGITS) if np.isfinite(first) else None, "ci95": interval}


def difference(values: Sequence[float], before: Sequence[float]) -> Figure:
    """Return how much higher `values` are than `before`, paired by draw."""
    return figure((np.asarray(values) - np.asarray(before)).tolist())


def one_line_each(text: str) -> str:
    """Return indented JSON with each figure on one line.

    >>> one_line_each('{"ap": {\\n "value": 0.5,\\n "ci95": [\\n 0.4,\\n 0.6\\n ]\\n }}')
    '{"ap": {"value": 0.5, "ci95": [0.4, 0.6]}}'
    """

    def line(found: re.Match[str]) -> str:
        interval = found[2] or f"[{found[3]}, {found[4]}]"
        return f'{{"value": {found[1]}, "ci95": {interval}}}'

    return _IN_JSON.sub(line, text)
