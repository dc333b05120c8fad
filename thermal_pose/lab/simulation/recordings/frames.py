# SPDX-License-Identifier: Apache-2.0
"""The frames of a trial's recording, with its faults, and the truth on their stamps.

This module is separate from `output` because frames alone need no bag library.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.recordings.staging import StagedTrial
from thermal_pose.lab.simulation.rooms.scene import Clock
from thermal_pose.lab.simulation.sensors.renderer import RenderedFrame, SceneRenderer
from thermal_pose.types import NS_PER_S, PhaseInterval, RgbFrame, TrialReason, TugTiming

#: Temperature that a covered lens shows, that of a hand, centikelvin.
COVERED_CENTIKELVIN: Final = 30_500


def trial_frames(
    staged: StagedTrial, start_ns: int, with_rgb: bool
) -> Iterator[tuple[int, RenderedFrame]]:
    """Number and content of each frame of the recording, with its faults."""
    renderer = SceneRenderer(staged.scene, staged.actors, start_ns, with_rgb)
    rate_hz = staged.scene.thermal.rate_hz
    fault_s = staged.trial.fault_s
    reason = staged.trial.truth.reason
    for number in range(int(staged.trial.duration_s * rate_hz) + 1):
        at_fault = fault_s is not None and fault_s[0] <= number / rate_hz < fault_s[1]
        if at_fault and reason is TrialReason.STAMP_GAP:
            continue
        frame = renderer.frame(number)
        yield number, _covered(frame, number) if at_fault else frame


def _covered(frame: RenderedFrame, number: int) -> RenderedFrame:
    """The frame with a hand over both lenses, so nobody is in view."""
    rng = np.random.default_rng([frame.thermal.stamp_ns % 2**32, number])
    noise = rng.normal(0.0, 8.0, frame.thermal.centikelvin.shape)
    image = np.round(COVERED_CENTIKELVIN + noise).astype(np.uint16)
    persons = tuple(
        replace(person, box_xyxy=None, area_px=0.0, visibility=np.zeros_like(person.visibility))
        for person in frame.truth.persons
    )
    rgb = frame.rgb
    if rgb is not None:
        rgb = RgbFrame(rgb.stamp_ns, rgb.frame_id, np.full_like(rgb.bgr, 6))
    thermal = replace(frame.thermal, centikelvin=image)
    return RenderedFrame(thermal, rgb, replace(frame.truth, persons=persons))


def stamped_timing(timing: TugTiming, clock: Clock, start_ns: int, origin_ns: int) -> TugTiming:
    """Convert a timing from true time to the stamps of the thermal camera.

    Parameters
    ----------
    timing : phases in true seconds since `start_ns`.
    clock : clock of the thermal camera; its jitter is ignored.
    start_ns : true time of the recording's start.
    origin_ns : stamp of the first frame, the origin of the result.
    """
    offset_s = clock.offset_s + (start_ns - origin_ns) / NS_PER_S

    def stamped(time_s: float) -> float:
        return time_s * (1.0 + 1e-6 * clock.drift_ppm) + offset_s

    phases = tuple(
        PhaseInterval(phase.phase, stamped(phase.start_s), stamped(phase.end_s)) for phase in timing
    )
    return replace(timing, origin_ns=origin_ns, phases=phases)
