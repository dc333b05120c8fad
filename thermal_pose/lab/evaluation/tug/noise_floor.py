# SPDX-License-Identifier: Apache-2.0
"""How far the truth of recorded motion moves with the noise of the sensor that recorded it.

The length of a trunk and the width of hips are constant; what they vary by in a recording is the
sensor's noise. The truth is computed again with as much fresh noise: no method can be judged
more finely on these recordings than the truth repeats.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from thermal_pose.clinical.phases import BOUNDARY_KEYS
from thermal_pose.clinical.tug.definitions import gaussian_lowpass
from thermal_pose.lab.simulation.motion.recorded import RecordedMotion
from thermal_pose.lab.simulation.motion.trial import true_timing
from thermal_pose.lab.simulation.recordings.from_motion import MotionCase, motion_performer
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array

#: Noise above this is what low-pass filtered recordings hold no more, Hz.
NOISE_CUTOFF_HZ = 3.0


def joint_noise_m(recording: RecordedMotion) -> float:
    """Standard deviation of each coordinate of a joint, from the trunk's changing length, m."""
    joints = recording.joints_m
    hips = recording.hips()
    shoulders = (joints[:, Joint.LEFT_SHOULDER] + joints[:, Joint.RIGHT_SHOULDER]) / 2
    length_m = np.linalg.norm(shoulders - hips, axis=1)
    step_s = float(np.median(np.diff(recording.times_s)))
    # Slow changes are the trunk's bending, which is real.
    fast = length_m - gaussian_lowpass(length_m, step_s, 0.5)
    # Each end is the mean of two joints.
    return float(fast.std())


def redrawn(recording: RecordedMotion, rng: np.random.Generator) -> RecordedMotion:
    """The recording with noise as large as its own added to every joint."""
    step_s = float(np.median(np.diff(recording.times_s)))
    shape = recording.joints_m.shape
    raw = rng.normal(size=(shape[0], shape[1] * 3))
    smooth = np.stack([gaussian_lowpass(c, step_s, NOISE_CUTOFF_HZ) for c in raw.T], axis=1)
    noise = smooth / smooth.std() * joint_noise_m(recording)
    return replace(recording, joints_m=recording.joints_m + noise.reshape(shape))


def noise_floor(cases: Sequence[MotionCase], n_draws: int = 4) -> dict[str, Any]:
    """How far boundaries and totals of the truth move with the sensor's noise.

    Returns
    -------
    Mean absolute difference between two draws of the noise, in seconds, by boundary, over all
    boundaries, and of the total; and the noise itself.
    """
    rng = np.random.default_rng(0)
    rows, noise_m = [], []
    for case in cases:
        edges = [_edges(replace(case, recording=case.recording))]
        noise_m.append(joint_noise_m(case.recording))
        for _ in range(n_draws):
            edges.append(_edges(replace(case, recording=redrawn(case.recording, rng))))
        known = [edge for edge in edges[1:] if edge is not None]
        if edges[0] is not None:
            rows += [edge - edges[0] for edge in known]
    moved = np.abs(np.stack(rows))
    totals = np.abs([row[6] - row[0] for row in rows])
    return {
        "draws": len(rows),
        "joint_noise_mm": round(1000 * float(np.median(noise_m)), 1),
        "boundary_mae_each_s": dict(
            zip(BOUNDARY_KEYS, np.round(moved.mean(axis=0), 4).tolist(), strict=True)
        ),
        "boundary_mae_s": round(float(moved.mean()), 4),
        "total_mae_s": round(float(totals.mean()), 4),
    }


def _edges(case: MotionCase) -> Float64Array | None:
    try:
        phases = true_timing(motion_performer(case)[0]).phases
    except ValueError:
        return None
    return np.array([*(phase.start_s for phase in phases), phases[-1].end_s])
