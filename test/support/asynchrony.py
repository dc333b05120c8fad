# SPDX-License-Identifier: Apache-2.0
"""Simulated trials with asynchronous pairs made on purpose, and how many are found.

A pair is made asynchronous by putting an image one to four periods older into one stream, with
noise of its own, as the simulated clinic's cameras do.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from thermal_pose.calibration.asynchrony import Synchrony, judge_pairs, rgb_row, thermal_rows
from thermal_pose.lab.simulation.recordings.cohort import CohortSpec, stage_trial
from thermal_pose.lab.simulation.sensors.renderer import SceneRenderer

#: Pairs at the ends have too few neighbours to be judged.
FIRST, LAST = 8, 2


@dataclass(frozen=True)
class TrialImages:
    """Rows of both streams, and the true joints (N, 17, 2) px at each thermal frame."""

    thermal: np.ndarray
    rgb: np.ndarray
    joints_px: np.ndarray


@lru_cache(maxsize=1)
def render_trial(seed: int, subject: int, max_frames: int) -> TrialImages:
    """Both cameras' images of one simulated trial from its first movement on."""
    from dataclasses import replace

    spec = CohortSpec(preset="paper", seed=seed, n_subjects=subject + 1, n_trials=1)
    staged = stage_trial(spec, subject, 0, None)
    scene = replace(staged.scene, async_share=0.0)
    renderer = SceneRenderer(scene, staged.actors, 0, with_rgb=True)
    rate_hz = scene.thermal.rate_hz
    n_frames = min(max_frames, int(staged.trial.duration_s * rate_hz))
    frames = [renderer.frame(number) for number in range(n_frames)]
    return TrialImages(
        thermal_rows([frame.thermal.centikelvin for frame in frames]),
        np.concatenate([rgb_row(frame.rgb.bgr) for frame in frames if frame.rgb is not None]),
        np.stack([frame.truth.persons[0].xy for frame in frames]),
    )


@dataclass
class Tally:
    """Counts over all judged pairs."""

    moving_async: int = 0
    found: int = 0
    moving_sync: int = 0
    false_alarms_moving: int = 0
    sync: int = 0
    false_alarms: int = 0
    still_async: int = 0
    still_called_synchronous: int = 0


def judge_made_pairs(images: TrialImages, share: float, rng: np.random.Generator) -> Tally:
    """Make a share of the pairs asynchronous, judge all, compare.

    A person 'moves' when the joints' mean displacement between the two exposures exceeds one
    thermal pixel, and is still below a tenth of one.
    """
    thermal, rgb, made = images.thermal.copy(), images.rgb.copy(), {}
    for index in range(FIRST, len(thermal) - LAST):
        if rng.random() < share:
            age = int(rng.integers(1, 5))
            stream, source, noise = (
                (thermal, images.thermal, 0.06) if rng.random() < 0.5 else (rgb, images.rgb, 1.0)
            )
            row = source[index - age]
            stream[index] = row + rng.normal(0.0, noise, row.shape)
            made[index] = age
    verdicts = judge_pairs(thermal, rgb)
    tally = Tally()
    for index in range(FIRST, len(thermal) - LAST):
        age = made.get(index, 0)
        moved = images.joints_px[index] - images.joints_px[index - max(age, 1)]
        _count(tally, age > 0, float(np.linalg.norm(moved, axis=1).mean()), verdicts[index].outcome)
    return tally


def _count(tally: Tally, made: bool, moved_px: float, outcome: Synchrony) -> None:
    flagged = outcome is Synchrony.ASYNCHRONOUS
    moving, still = moved_px > 1.0, moved_px < 0.1
    if made:
        tally.moving_async += moving
        tally.found += moving and flagged
        tally.still_async += still
        tally.still_called_synchronous += still and outcome is Synchrony.SYNCHRONOUS
    else:
        tally.sync += 1
        tally.false_alarms += flagged
        tally.moving_sync += moving
        tally.false_alarms_moving += moving and flagged
