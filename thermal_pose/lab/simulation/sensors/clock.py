# SPDX-License-Identifier: Apache-2.0
"""Exposure times, header stamps, and asynchronous pairs of the two cameras."""

from dataclasses import dataclass

import numpy as np

from thermal_pose.lab.simulation.rooms.scene import Clock, Scene
from thermal_pose.types import NS_PER_S

_THERMAL, _RGB, _PAIRS = 11, 12, 13
#: Least and greatest age of the older frame of an asynchronous pair, in frame periods.
ASYNC_PERIODS = (1, 4)


@dataclass(frozen=True)
class FrameTimes:
    """Times of a thermal frame and the colour frame paired with it.

    Attributes
    ----------
    thermal_s, rgb_s : true times of exposure since the recording's start.
    thermal_stamp_ns, rgb_stamp_ns : stamps in the headers.
    asynchronous : whether one of the two frames is older than its stamp.
    """

    thermal_s: float
    rgb_s: float
    thermal_stamp_ns: int
    rgb_stamp_ns: int
    asynchronous: bool


def frame_times(scene: Scene, frame: int, start_ns: int) -> FrameTimes:
    """Times of the frame with a number from 0 on; the recording starts at `start_ns` true time.

    Raises
    ------
    ValueError
        `frame` is negative.
    """
    if frame < 0:
        raise ValueError(f"frame: expected 0 or more, got {frame}")
    period_s = 1.0 / scene.thermal.rate_hz
    thermal_s = frame * period_s
    rgb_s = thermal_s + scene.rgb_phase_s
    thermal_stamp_ns = _stamp_ns(scene.thermal_clock, thermal_s, start_ns, scene, _THERMAL, frame)
    rgb_stamp_ns = _stamp_ns(scene.rgb_clock, rgb_s, start_ns, scene, _RGB, frame)
    rng = np.random.default_rng((scene.seed, _PAIRS, frame))
    asynchronous = bool(rng.random() < scene.async_share) and frame >= ASYNC_PERIODS[1]
    if asynchronous:
        low, high = ASYNC_PERIODS
        delay_s = int(rng.integers(low, high + 1)) * period_s
        if rng.random() < 0.5:
            thermal_s -= delay_s
        else:
            rgb_s -= delay_s
    return FrameTimes(thermal_s, rgb_s, thermal_stamp_ns, rgb_stamp_ns, asynchronous)


def _stamp_ns(
    clock: Clock, true_s: float, start_ns: int, scene: Scene, stream: int, frame: int
) -> int:
    jitter = np.random.default_rng((scene.seed, stream, frame)).normal()
    # Jitter beyond half a period would swap neighbouring frames.
    limit_s = 0.33 / scene.thermal.rate_hz
    jitter_s = float(np.clip(jitter * clock.jitter_s, -limit_s, limit_s))
    stamp_s = true_s * (1.0 + 1e-6 * clock.drift_ppm) + clock.offset_s + jitter_s
    return start_ns + round(stamp_s * NS_PER_S)
