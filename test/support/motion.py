# SPDX-License-Identifier: Apache-2.0
"""Recorded motion made by ourselves: a simulated person's joints, as a laboratory records them."""

from pathlib import Path

import numpy as np
from support.people import trial

from thermal_pose.lab.simulation.motion.recorded import RecordedMotion
from thermal_pose.types import TugTiming

RATE_HZ = 30.0


def recorded(kind: str = "normal", turned_rad: float = 0.7) -> tuple[RecordedMotion, TugTiming]:
    """A recording in axes of its own, and its true timing in the recording's seconds.

    The walkway points anywhere and the origin lies anywhere, as in a laboratory.
    """
    planned = trial(kind)
    times_s = np.arange(0.0, planned.duration_s, 1.0 / RATE_HZ)
    joints_m = np.stack([planned.joints(float(time_s)) for time_s in times_s]).astype(np.float64)
    cos, sin = np.cos(turned_rad), np.sin(turned_rad)
    joints_m[..., :2] = joints_m[..., :2] @ np.array([[cos, sin], [-sin, cos]]) + (1.5, -0.8)
    edges = [*(phase.start_s for phase in planned.truth), planned.truth.phases[-1].end_s]
    labels = tuple(edges[k] for k in (0, 1, 2, 3, 4, 6))
    return RecordedMotion("walk", "p1", times_s, joints_m, labels), planned.truth


def write_motion(recording: RecordedMotion, path: Path) -> None:
    """Write one recording as an `.npz` file."""
    arrays = {"time_s": recording.times_s, "joints_m": recording.joints_m}
    if recording.hand_labels_s is not None:
        arrays["hand_labels_s"] = np.array(recording.hand_labels_s)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
