# SPDX-License-Identifier: Apache-2.0
"""Renders the frames of both cameras, with the exact ground truth of each."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.rooms.scene import Actor, Scene
from thermal_pose.lab.simulation.sensors.clock import FrameTimes, frame_times
from thermal_pose.lab.simulation.sensors.heat_traces import HeatHistory
from thermal_pose.lab.simulation.sensors.rasteriser import Canvas
from thermal_pose.lab.simulation.sensors.rgb import RgbScene
from thermal_pose.lab.simulation.sensors.thermal_scene import ThermalScene
from thermal_pose.lab.simulation.sensors.thermal_sensor import ThermalChain
from thermal_pose.lab.simulation.sensors.truth import true_persons
from thermal_pose.types import NS_PER_S, FloatArray, RgbFrame, ThermalFrame, TrueFrame, TruePerson

THERMAL_FRAME_ID: Final = "thermal_camera"
RGB_FRAME_ID: Final = "rgb_camera"
#: Number of rendered instants in the cache.
_KEPT: Final = 8


@dataclass(frozen=True)
class RenderedFrame:
    """A thermal frame, the colour frame paired with it (None if not rendered), and the truth."""

    thermal: ThermalFrame
    rgb: RgbFrame | None
    truth: TrueFrame


@dataclass(frozen=True)
class _Instant:
    """Noise-free temperatures (H, W) and the truth at one instant."""

    ideal_degc: FloatArray
    persons: tuple[TruePerson, ...]


class SceneRenderer:
    """Renders a recording; frames do not depend on the order of requests.

    Parameters
    ----------
    scene : room and cameras.
    actors : people, the subject first.
    start_ns : true time of the recording's start, ns.
    with_rgb : render the colour camera, too.

    Raises
    ------
    ValueError
        Two actors have the same `person_id`.
    """

    def __init__(
        self,
        scene: Scene,
        actors: tuple[Actor, ...],
        start_ns: int = 0,
        with_rgb: bool = True,
    ) -> None:
        ids = [actor.person_id for actor in actors]
        if len(set(ids)) != len(ids):
            raise ValueError(f"actors: expected distinct person_id, got {ids}")
        self.scene, self.actors = scene, actors
        self._start_ns = start_ns
        self._with_rgb = with_rgb
        self._chain = ThermalChain(scene.thermal)
        chair = scene.chairs[0] if scene.chairs else None
        self._heat = HeatHistory(actors, chair, scene.seat_warm_k)
        self._instants: OrderedDict[float, _Instant] = OrderedDict()

    @cached_property
    def _thermal(self) -> ThermalScene:
        return ThermalScene(self.scene)

    @cached_property
    def _rgb(self) -> RgbScene:
        return RgbScene(self.scene)

    def frame(self, number: int) -> RenderedFrame:
        """Both frames and the truth of a number from 0 on."""
        times = frame_times(self.scene, number, self._start_ns)
        thermal, persons, exposed_s = self._thermal_frame(number, times)
        rgb = self.rgb_frame(number) if self._with_rgb else None
        truth = TrueFrame(
            stamp_ns=times.thermal_stamp_ns,
            thermal_acquired_ns=self._start_ns + round(exposed_s * NS_PER_S),
            rgb_acquired_ns=self._start_ns + round(times.rgb_s * NS_PER_S),
            asynchronous=times.asynchronous,
            persons=persons,
        )
        return RenderedFrame(thermal, rgb, truth)

    def rgb_frame(self, number: int) -> RgbFrame:
        """The colour frame of a number."""
        times = frame_times(self.scene, number, self._start_ns)
        bgr = self._rgb.frame(self.actors, times.rgb_s, number)
        return RgbFrame(times.rgb_stamp_ns, RGB_FRAME_ID, bgr)

    def thermal_frame(self, number: int) -> ThermalFrame:
        """The thermal frame of a number."""
        return self._thermal_frame(number, frame_times(self.scene, number, self._start_ns))[0]

    def _thermal_frame(
        self, number: int, times: FrameTimes
    ) -> tuple[ThermalFrame, tuple[TruePerson, ...], float]:
        frozen_s = self._chain.frozen_since_s(times.thermal_s)
        exposed_s = times.thermal_s if frozen_s is None else max(frozen_s, 0.0)
        instant = self._instant(exposed_s)
        ideal_degc, lag = instant.ideal_degc, np.float32(self._chain.lag)
        if lag > 0.02:
            before = self._instant(exposed_s - 1.0 / self.scene.thermal.rate_hz)
            ideal_degc = (1 - lag) * ideal_degc + lag * before.ideal_degc
        # While the image is frozen, its noise is, too: all these frames have the same noise number.
        noise_number = number if frozen_s is None else _event_number(exposed_s)
        image = self._chain.expose(ideal_degc, noise_number, exposed_s)
        frame = ThermalFrame(times.thermal_stamp_ns, THERMAL_FRAME_ID, image)
        return frame, instant.persons, exposed_s

    def _instant(self, time_s: float) -> _Instant:
        found = self._instants.get(time_s)
        if found is None:
            found = self._render(time_s)
            self._instants[time_s] = found
            if len(self._instants) > _KEPT:
                self._instants.popitem(last=False)
        return found

    def _render(self, time_s: float) -> _Instant:
        people = [
            self._thermal.posed(actor, time_s)
            for actor in self.actors
            if actor.motion.present(time_s)
        ]
        canvas: Canvas = self._thermal.compose(
            people, self._heat.seat_warm_k(time_s), self._heat.floor_prints(time_s)
        )
        persons = true_persons(canvas, self._thermal.view, people)
        return _Instant(self._thermal.sense(canvas), persons)


def _event_number(time_s: float) -> int:
    return 1_000_000_000 + round(1000.0 * time_s)
