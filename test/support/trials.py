# SPDX-License-Identifier: Apache-2.0
"""Small recordings with random content, for tests of whatever reads or writes recordings."""

from pathlib import Path

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.messages.images import thermal_message
from thermal_pose.messages.truth import true_frame_message
from thermal_pose.types import ThermalFrame, TrueFrame, TruePerson

START_NS = 1_700_000_000_000_000_000
STEP_NS = 125_000_000


def thermal_frame(index: int, shape: tuple[int, int] = (62, 80)) -> ThermalFrame:
    rng = np.random.default_rng(index)
    counts = rng.integers(28000, 31000, shape).astype(np.uint16)
    return ThermalFrame(START_NS + index * STEP_NS, "thermal", counts)


def true_frame(index: int) -> TrueFrame:
    rng = np.random.default_rng(index)
    person = TruePerson(
        person_id=1,
        role="subject",
        box_xyxy=(1.0, 2.0, 3.0, 4.5) if index % 2 else None,
        area_px=12.25,
        xy=rng.normal(40, 20, (17, 2)).astype(np.float32),
        visibility=rng.integers(0, 3, 17).astype(np.uint8),
        joints_m=rng.normal(0, 1, (17, 3)).astype(np.float32),
    )
    stamp_ns = START_NS + index * STEP_NS
    return TrueFrame(stamp_ns, stamp_ns - 5, stamp_ns + 7, index == 3, (person,))


def write_trial(path: Path, n_frames: int = 24) -> None:
    with BagWriter(path, custom_data={"subject_id": "S01"}) as bag:
        for index in range(n_frames):
            frame = thermal_frame(index)
            bag.write(schema.THERMAL_IMAGE, frame.stamp_ns, thermal_message(schema.message, frame))
            truth = true_frame_message(schema.message, true_frame(index), frame.frame_id)
            bag.write(schema.TRUTH_FRAME, frame.stamp_ns, truth)
