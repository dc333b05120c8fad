# SPDX-License-Identifier: Apache-2.0
"""Live nodes refuse the images that the offline analysis refuses, and a replay waits for none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import faults

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.writer import BagWriter
from thermal_pose.cameras.bag import BagCamera
from thermal_pose.errors import BagSchemaError
from thermal_pose.lab.learning.datasets.options import Quality
from thermal_pose.lab.learning.datasets.pairing import usable_frames
from thermal_pose.messages.images import thermal_message
from thermal_pose.nodes.collect import collect_keypoints
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.replay import replay_keypoints
from thermal_pose.types import ThermalFrame

DEMO = Path(__file__).parents[2] / "thermal_pose" / "assets" / "demo"
N_FRAMES = 24
HOUR_NS = 3600 * 10**9


def demo_frames() -> list[tuple[int, ThermalFrame]]:
    with BagReader(DEMO) as bag:
        logged = bag.logged_thermal_frames()
        return [next(logged) for _ in range(N_FRAMES)]


def write(path: Path, frames: list[tuple[int, ThermalFrame]]) -> Path:
    with BagWriter(path) as bag:
        for log_ns, frame in frames:
            bag.write(schema.THERMAL_IMAGE, log_ns, thermal_message(schema.message, frame))
    return path


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """Six of the images cannot be used."""
    frames = demo_frames()

    def change(index: int, **fields: object) -> None:
        log_ns, frame = frames[index]
        frames[index] = (log_ns, replace(frame, **fields))

    for index in (5, 6):
        change(index, centikelvin=frames[4][1].centikelvin)  # frozen
    change(9, centikelvin=frames[9][1].centikelvin.byteswap())
    change(12, centikelvin=(frames[12][1].centikelvin // 10).astype(np.uint16))
    change(15, stamp_ns=frames[15][1].stamp_ns + HOUR_NS)
    change(18, stamp_ns=0)
    return write(tmp_path / "spoilt", frames)


@pytest.mark.graph
@pytest.mark.faults
def test_live_and_offline_refuse_the_same_images(ros, spoilt: Path) -> None:
    offline = list(replay_keypoints(spoilt, build_perception()))
    online = collect_keypoints(spoilt)
    assert len(offline) == N_FRAMES - 6
    assert [frame.stamp_ns for frame in online] == [frame.stamp_ns for frame in offline]
    for one, other in zip(online, offline, strict=True):
        assert [p.xy.tobytes() for p in one.persons] == [p.xy.tobytes() for p in other.persons]
    faults.record(
        "replay through the graph with images that cannot be used", 6, "the same ones as offline"
    )


def test_a_recording_of_images_in_another_unit_is_refused_before_the_replay(tmp_path: Path) -> None:
    frames = [
        (log_ns, replace(frame, centikelvin=(frame.centikelvin // 10).astype(np.uint16)))
        for log_ns, frame in demo_frames()
    ]
    camera = BagCamera(write(tmp_path / "tenths", frames))
    with pytest.raises(BagSchemaError, match=r"the values fit 0\.1 K per count"):
        camera.open()
    camera.close()


def test_data_sets_leave_the_same_images_out(spoilt: Path) -> None:
    quality = Quality()
    with BagReader(spoilt) as bag:
        used = list(usable_frames(bag, quality))
    assert (len(used), quality.thermal_frames, quality.refused) == (N_FRAMES - 6, N_FRAMES, 6)
    assert "bit for bit" in quality.refusal
