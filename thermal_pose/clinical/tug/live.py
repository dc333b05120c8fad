# SPDX-License-Identifier: Apache-2.0
"""The phase of the newest frame, from the frames so far."""

from dataclasses import dataclass, field

import numpy as np

from thermal_pose.clinical.tug.hmm import STATES
from thermal_pose.clinical.tug.live_network import LiveFeatures, LiveNetwork
from thermal_pose.types import NS_PER_S, Float64Array, PersonKeypoints, Phase

#: A state is entered when it or a later one is this likely, and left for an earlier one when
#: that has become this unlikely: a live display that flickers is of no use.
ENTER, RETURN = 0.5, 0.1


@dataclass
class LivePhases:
    """Causal phases of one trial.

    Attributes
    ----------
    network : gives each frame's state probabilities.
    image_wh : of the frames, px.
    seated_after_s : how long the person must sit after the test until it is finished.
    phase, probability : at the newest frame; UNKNOWN and 0 before a person was seen.
    elapsed_s : since the first movement; 0 before it.
    """

    network: LiveNetwork
    image_wh: tuple[int, int]
    seated_after_s: float
    phase: Phase = Phase.UNKNOWN
    probability: float = 0.0
    elapsed_s: float = 0.0
    _state: int = 0
    _hidden: Float64Array = field(init=False, repr=False)
    _features: LiveFeatures = field(init=False, repr=False)
    _last_ns: int | None = None
    _now_s: float = 0.0
    _onset_s: float | None = None
    _seated_s: float | None = None

    def __post_init__(self) -> None:
        self._hidden = np.zeros(self.network.n_hidden)
        self._features = LiveFeatures(self.image_wh)

    @property
    def moving(self) -> bool:
        """Whether the first movement was seen."""
        return self._onset_s is not None

    @property
    def finished(self) -> bool:
        """Whether the person has sat long enough after a whole test."""
        return self._seated_s is not None and self._now_s - self._seated_s >= self.seated_after_s

    def update(self, stamp_ns: int, person: PersonKeypoints | None) -> None:
        """Take the subject of the newest frame; None where not seen."""
        if self._last_ns is None and person is None:
            return
        step_s = 0.0 if self._last_ns is None else (stamp_ns - self._last_ns) / NS_PER_S
        self._last_ns = stamp_ns
        self._now_s += step_s
        xy = None if person is None else person.xy.astype(np.float64)
        scores = None if person is None else person.scores.astype(np.float64)
        shares, self._hidden = self.network.step(
            self._features.step(xy, scores, step_s), self._hidden
        )
        self._move(shares)
        self.phase = STATES[self._state]
        self.probability = float(shares[self._state])

    def _move(self, shares: Float64Array) -> None:
        """Change the state where the probabilities are clear; keep the clocks of the test."""
        at_least = np.cumsum(shares[::-1])[::-1]
        while self._state < len(STATES) - 1 and at_least[self._state + 1] > ENTER:
            self._state += 1
        while self._state > 0 and at_least[self._state] < RETURN:
            self._state -= 1
        if self._state == 0:
            self._onset_s = None
        elif self._onset_s is None:
            self._onset_s = self._now_s
        if self._state < len(STATES) - 1:
            self._seated_s = None
        elif self._seated_s is None:
            self._seated_s = self._now_s
        if self._onset_s is None:
            self.elapsed_s = 0.0
        else:
            until_s = self._now_s if self._seated_s is None else self._seated_s
            self.elapsed_s = until_s - self._onset_s
