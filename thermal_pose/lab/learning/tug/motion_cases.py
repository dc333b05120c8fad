# SPDX-License-Identifier: Apache-2.0
"""Frames and keypoints of recorded motion: real people's movement on simulated bodies."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from thermal_pose.clinical.tug.definitions import SEAT_CONTACT_M
from thermal_pose.lab.learning.tug.cases import START_NS, render_staged, shipped_perception
from thermal_pose.lab.learning.tug.frame_store import FrameTrial, cache_trial
from thermal_pose.lab.simulation.recordings.from_motion import (
    MotionCase,
    labels_on_motion_s,
    stage_motion,
    totals_by_contact_s,
)
from thermal_pose.types import NS_PER_S

#: Seed of the rooms and bodies that recorded motion is evaluated in.
MOTION_SEED = 9800


def render_motion(case: MotionCase) -> FrameTrial:
    """Render a recording."""
    staged = stage_motion(case)
    conditions = {
        "case": {"seed": case.seed, "preset": case.preset, "room": case.room},
        "recording": case.recording.name,
        "totals_by_contact_s": {str(k): v for k, v in totals_by_contact_s(case).items()},
        "contact_m": SEAT_CONTACT_M,
    }
    trial = render_staged(staged, case.name, case.recording.subject, conditions)
    labels = labels_on_motion_s(case.recording)
    if labels is not None:
        clock = staged.scene.thermal_clock
        start_s = (START_NS - trial.truth.origin_ns) / NS_PER_S + clock.offset_s
        trial.conditions["hand_labels_s"] = [label + start_s for label in labels]
    return trial


def motion_path(folder: Path, case: MotionCase) -> Path:
    """Where the keypoints of a case are kept."""
    return folder / f"{case.name}.npz"


def cache_motion(
    cases: Sequence[MotionCase],
    folder: Path,
    done: Callable[[], object] = lambda: None,
    frames_only: bool = False,
) -> None:
    """Make the frames and keypoint files that are missing, as `cases.cache_keypoints` does.

    Parameters
    ----------
    done : called after each case, for a progress bar.
    frames_only : render, and leave the keypoints for later.
    """
    for case in cases:
        path = motion_path(folder, case)
        cache_trial(path, partial(render_motion, case), shipped_perception(), frames_only)
        done()
