# SPDX-License-Identifier: Apache-2.0
"""The phase of the newest frame, from the frames so far: a forward filter on causal signals."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from thermal_pose.skeleton import Joint
from thermal_pose.tug import hmm
from thermal_pose.tug.params import TugParams
from thermal_pose.tug.subject import standing_index
from thermal_pose.types import NS_PER_S, PersonKeypoints, Phase

Array = npt.NDArray[np.float64]

_SMOOTHING_S = 0.25


@dataclass
class LivePhases:
    """Causal phases of one trial.

    Attributes
    ----------
    phase, probability : at the newest frame; UNKNOWN and 0 before anybody was seen.
    elapsed_s : since the first movement; 0 before it.
    """

    params: TugParams
    phase: Phase = Phase.UNKNOWN
    probability: float = 0.0
    elapsed_s: float = 0.0
    _filter: hmm.PhaseFilter = field(default_factory=hmm.PhaseFilter)
    _first_ns: int | None = None
    _onset_s: float | None = None
    _seated_s: float | None = None
    _last_s: float = 0.0
    _index: float = float("nan")
    _log_size: float = float("nan")
    _growth: float = 0.0
    _facing: float = float("nan")

    @property
    def moving(self) -> bool:
        """Whether the first movement was seen."""
        return self._onset_s is not None

    @property
    def finished(self) -> bool:
        """Whether the person has sat long enough after a whole test."""
        return self._seated_s is not None and (
            self._last_s - self._seated_s >= self.params.seated_after_s
        )

    def update(self, stamp_ns: int, person: PersonKeypoints | None) -> None:
        """Take the subject of the newest frame; None where not seen."""
        if self._first_ns is None:
            if person is None:
                return
            self._first_ns = stamp_ns
        now_s = (stamp_ns - self._first_ns) / NS_PER_S
        step_s = max(1e-3, now_s - self._last_s)
        self._last_s = now_s
        observation = np.full(3, np.nan) if person is None else self._observe(person, step_s)
        belief = self._filter.update(now_s, observation)
        state = int(np.argmax(belief))
        self.phase = hmm.STATES[state]
        self.probability = float(belief[state])
        self._note(state, now_s)

    def _note(self, state: int, now_s: float) -> None:
        if state == 0:
            self._onset_s = None
        elif self._onset_s is None:
            self._onset_s = now_s
        if state < len(hmm.STATES) - 1:
            self._seated_s = None
        elif self._seated_s is None:
            self._seated_s = now_s
        if self._onset_s is None:
            self.elapsed_s = 0.0
        else:
            self.elapsed_s = (now_s if self._seated_s is None else self._seated_s) - self._onset_s

    def _observe(self, person: PersonKeypoints, step_s: float) -> Array:
        xy, scores = person.xy.astype(np.float64), person.scores.astype(np.float64)
        keep = float(np.exp(-step_s / _SMOOTHING_S))
        index = standing_index(xy, scores, self.params.min_joint_score)
        self._index = _blend(self._index, index, keep)
        trunk = _trunk_px(xy)
        width = xy[Joint.LEFT_SHOULDER, 0] - xy[Joint.RIGHT_SHOULDER, 0]
        self._facing = _blend(self._facing, float(2.0 * width / trunk), keep)
        before = self._log_size
        self._log_size = _blend(before, float(np.log(trunk)), float(np.exp(-step_s / 0.6)))
        rate = (self._log_size - before) / step_s
        self._growth = _blend(self._growth, rate, keep)
        return np.array([self._index, self._growth, self._facing])


def _blend(old: float, new: float, keep: float) -> float:
    """Exponential smoothing that starts at, and skips, what is not a number."""
    if not np.isfinite(new):
        return old
    return new if not np.isfinite(old) else keep * old + (1.0 - keep) * new


def _trunk_px(xy: Array) -> float:
    shoulders = (xy[Joint.LEFT_SHOULDER] + xy[Joint.RIGHT_SHOULDER]) / 2
    hips = (xy[Joint.LEFT_HIP] + xy[Joint.RIGHT_HIP]) / 2
    return max(1.0, float(np.hypot(*(shoulders - hips)))) if np.isfinite(xy[5:13]).any() else np.nan
