# SPDX-License-Identifier: Apache-2.0
"""Keypoint files of recorded motion: real people's movement on simulated bodies."""

from collections.abc import Callable, Sequence
from pathlib import Path

from thermal_pose.clinical.tug.definitions import SEAT_CONTACT_M
from thermal_pose.lab.learning.tug.cases import START_NS, shipped_perception, staged_keypoints
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, write_keypoints
from thermal_pose.lab.simulation.recordings.from_motion import (
    MotionCase,
    labels_on_motion_s,
    stage_motion,
    totals_by_contact_s,
)
from thermal_pose.pipeline.perception import Perception
from thermal_pose.types import NS_PER_S

#: Seed of the rooms and bodies that recorded motion is evaluated in.
MOTION_SEED = 9800


def motion_keypoints(case: MotionCase, perception: Perception) -> KeypointTrial:
    """Render a recording and let the pipeline find its keypoints."""
    staged = stage_motion(case)
    conditions = {
        "case": {"seed": case.seed, "preset": case.preset, "room": case.room},
        "recording": case.recording.name,
        "totals_by_contact_s": {str(k): v for k, v in totals_by_contact_s(case).items()},
        "contact_m": SEAT_CONTACT_M,
    }
    trial = staged_keypoints(staged, perception, case.name, case.recording.subject, conditions)
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
) -> None:
    """Make the keypoint files that are missing.

    Parameters
    ----------
    done : called after each case, for a progress bar.
    """
    for case in cases:
        path = motion_path(folder, case)
        if not path.is_file():
            write_keypoints(motion_keypoints(case, shipped_perception()), path)
        done()
