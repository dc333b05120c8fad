# SPDX-License-Identifier: Apache-2.0
"""Simulated cameras in real time: the trials of one subject in an endless loop.

The frame at a moment depends only on the wall clock, so a thermal and a colour camera in two
processes show the same person in the same posture without communicating.
"""

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Final

from thermal_pose.lab.simulation.people.bake import is_baked
from thermal_pose.lab.simulation.people.presets import find_preset
from thermal_pose.lab.simulation.recordings.cohort import CohortSpec, cohort_people, stage_trial
from thermal_pose.lab.simulation.recordings.staging import StagedTrial
from thermal_pose.lab.simulation.rooms.scene import Scene
from thermal_pose.lab.simulation.sensors.renderer import SceneRenderer
from thermal_pose.types import NS_PER_S, RgbFrame, ThermalFrame

#: Number of trials in the loop.
_TRIALS: Final = 3


def _spec(preset: str, seed: int) -> CohortSpec:
    trials = min(_TRIALS, find_preset(preset).n_trials)
    return CohortSpec(preset, seed, n_subjects=1, n_trials=trials)


class LiveClinic:
    """The trials of one subject in an endless loop.

    Parameters
    ----------
    preset, seed : source of the subject (`people.presets`).
    bodies : folder of baked bodies; the user's cache if None.

    Raises
    ------
    SimulationError
        The preset is unknown.
    MissingExtraError
        The body is not in the cache and the body model is not installed.
    """

    def __init__(self, preset: str, seed: int, bodies: Path | None = None) -> None:
        self._spec = _spec(preset, seed)
        self._staged: list[StagedTrial] = [
            stage_trial(self._spec, 0, index, bodies) for index in range(self._spec.n_trials)
        ]
        lengths = [max(int(s.trial.duration_s * self.rate_hz), 1) for s in self._staged]
        self._ends = list(accumulate(lengths))
        self._renderer = lru_cache(maxsize=2)(self._make_renderer)

    @staticmethod
    def is_prepared(preset: str, seed: int, bodies: Path | None = None) -> bool:
        """Return whether all bodies are cached; baking one takes many seconds."""
        people = cohort_people(_spec(preset, seed)).values()
        return all(is_baked(person.shape, bodies) for person in people)

    @property
    def rate_hz(self) -> float:
        """Frame rate of both cameras."""
        return self._spec.rate_hz

    @property
    def scene(self) -> Scene:
        """Room and cameras, the same in all trials."""
        return self._staged[0].scene

    def tick_at(self, time_ns: int) -> int:
        """Number of the latest frame at a wall-clock time, ns."""
        return int(time_ns * self.rate_hz // NS_PER_S)

    def time_of(self, tick: int) -> int:
        """Wall-clock time of a frame, ns."""
        return round(tick * NS_PER_S / self.rate_hz)

    def thermal(self, tick: int) -> ThermalFrame:
        """The thermal frame of a tick."""
        renderer, number, shift_ns = self._locate(tick)
        frame = renderer.thermal_frame(number)
        return ThermalFrame(frame.stamp_ns + shift_ns, frame.frame_id, frame.centikelvin)

    def rgb(self, tick: int) -> RgbFrame:
        """The colour frame of a tick."""
        renderer, number, shift_ns = self._locate(tick)
        frame = renderer.rgb_frame(number)
        return RgbFrame(frame.stamp_ns + shift_ns, frame.frame_id, frame.bgr)

    def _locate(self, tick: int) -> tuple[SceneRenderer, int, int]:
        position = tick % self._ends[-1]
        index = bisect_right(self._ends, position)
        number = position - (self._ends[index - 1] if index else 0)
        return self._renderer(index), number, self.time_of(tick) - self.time_of(number)

    def _make_renderer(self, index: int) -> SceneRenderer:
        staged = self._staged[index]
        return SceneRenderer(staged.scene, staged.actors)
