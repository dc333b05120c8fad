# SPDX-License-Identifier: Apache-2.0
"""Data sets from the shipped recording (simulated, thermal only, with its truth)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.rigs import boxes_to_rgb

import thermal_pose
from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import intrinsics_of
from thermal_pose.cli import main as command
from thermal_pose.errors import BagError, BagNotFoundError
from thermal_pose.imaging.registration import Registration
from thermal_pose.lab.learning.datasets.build import build_all
from thermal_pose.lab.learning.datasets.extrinsics import find_extrinsics
from thermal_pose.lab.learning.datasets.from_bags import build_shard
from thermal_pose.lab.learning.datasets.options import BuildOptions
from thermal_pose.lab.learning.datasets.recordings import Recording, find_training_recordings
from thermal_pose.lab.learning.pose_data import load_folder
from thermal_pose.types import RgbFrame

DEMO = Path(thermal_pose.__file__).parent / "assets" / "demo"
RECORDING = Recording(DEMO, "s", "1")
EVERY = 16


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The recording as a data set, through the command."""
    out = tmp_path_factory.mktemp("dataset")
    words = ["dataset", str(DEMO), "--out", str(out), "--cohort", "demo", "--no-rgb"]
    words += ["--every", str(EVERY), "--jobs", "1"]
    assert command.main(words) == 0
    return out, words


def test_rows_carry_the_truth_of_their_frames(built) -> None:
    data = load_folder(built[0])
    assert len(data) >= 129 // EVERY
    assert data.frames.shape[1:] == (60, 80) and data.patches == ()
    assert data.subjects[0].startswith("demo/") and len(data.trials) == 1
    assert np.all(np.diff(data.stamp_ns) > 0)
    assert len(np.unique(data.phase)) > 2  # seated, and parts of the test
    assert (data.visibility > 0).any(axis=1).all() and (data.area_px > 50).all()
    inside = (data.xy >= data.boxes[:, None, :2] - 3) & (data.xy <= data.boxes[:, None, 2:] + 3)
    assert inside[data.visibility == 2].mean() > 0.95
    assert ((data.distance_m > 2) & (data.distance_m < 9)).all()
    assert np.isfinite(data.heading_deg).all()


def test_people_are_warmer_than_the_room(built) -> None:
    data = load_folder(built[0])
    for frame, (left, top, right, bottom) in zip(
        data.frames[data.frame_of], data.boxes.round().astype(int), strict=True
    ):
        inner = frame[max(top, 0) : bottom, max(left, 0) : right]
        assert np.percentile(inner, 80) > np.median(frame) + 100  # 1 K


def test_a_second_call_builds_nothing(built, capsys) -> None:
    out, words = built
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.npz")}
    assert command.main([*words, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["built_now"] == 0 and summary["shards"] == 1 and summary["errors"] == {}
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.npz")} == before


def test_a_detectors_boxes_get_the_truth_that_they_overlap() -> None:
    def detect(frame):
        warm = np.argwhere(frame.centikelvin > np.median(frame.centikelvin) + 300)
        (top, left), (bottom, right) = warm.min(axis=0), warm.max(axis=0)
        return [(float(left), float(top), float(right), float(bottom)), (0.0, 0.0, 9.0, 9.0)]

    options = BuildOptions("detector", with_rgb=False, every=64)
    data, quality = build_shard(RECORDING, options, detect=detect)
    assert 1 <= len(data) == quality.rows <= 3
    assert (data.visibility > 0).any(axis=1).all()


def test_a_real_recording_has_boxes_and_an_area_but_no_joints(monkeypatch) -> None:
    opened = BagReader.__init__

    def without_truth(self, *args, **kwargs) -> None:
        opened(self, *args, **kwargs)
        for topic in (schema.TRUTH_FRAME, schema.TRUTH_TUG):
            del self.topics[topic]

    monkeypatch.setattr(BagReader, "__init__", without_truth)
    options = BuildOptions("detector", with_rgb=False, every=64)
    data, quality = build_shard(RECORDING, options, detect=lambda _: [(10.0, 5.0, 30.0, 45.0)])
    assert len(data) == quality.rows == 3
    assert not data.visibility.any() and np.isnan(data.distance_m).all()
    assert (data.area_px == 400).all()  # half of the box: a teacher's labels can be judged


def test_a_corrupt_recording_is_skipped_and_named(tmp_path) -> None:
    for name in ("good_1", "bad_1"):
        shutil.copytree(DEMO, tmp_path / name)
    torn = next((tmp_path / "bad_1").glob("*.mcap"))
    torn.write_bytes(b"no recording" * 100)
    options = BuildOptions(with_rgb=False, every=64)
    with pytest.raises(BagError, match="bad_1"):
        build_shard(Recording(tmp_path / "bad_1", "s", "1"), options)
    bad, good = find_training_recordings([tmp_path])
    assert "bad_1" in bad.error and not good.error
    results = list(build_all([bad, good], tmp_path / "out", options, jobs=1))
    assert "bad_1" in results[0].error and results[0].quality is None
    assert results[1].quality is not None and results[1].quality.rows > 0


def test_a_folder_without_recordings_is_an_error(tmp_path) -> None:
    with pytest.raises(BagNotFoundError, match="no recording"):
        find_training_recordings([tmp_path])


def test_boxes_of_rgb_pictures_land_on_the_people(tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("rgb")
    words = ["simulate", "--preset", "paper", "--subjects", "1", "--trials", "1"]
    assert command.main([*words, "--frame-rate", "2", "--jobs", "1", "--out", str(folder)]) == 0
    recording = find_training_recordings([folder])[0]
    with BagReader(recording.path) as bag:
        extrinsics = find_extrinsics(bag)
        cameras = (bag.camera_info(), bag.camera_info(schema.RGB_INFO))
    view = Registration(*map(intrinsics_of, cameras), extrinsics)
    truth, _ = build_shard(recording, BuildOptions())
    found_in = []

    def detect(frame):
        assert isinstance(frame, RgbFrame)
        row = int(np.argmin(np.abs(truth.stamp_ns - frame.stamp_ns)))
        found_in.append(row)
        return boxes_to_rgb(view, truth.boxes[row], truth.distance_m[row])

    options = BuildOptions("rgb")
    data, _ = build_shard(recording, options, detect=detect)
    assert len(found_in) >= len(data) >= 0.8 * len(truth)
    rows = np.searchsorted(truth.stamp_ns, data.stamp_ns)
    off = np.abs(data.boxes - np.clip(truth.boxes[rows], 0, [79, 59, 79, 59]))
    assert np.median(off) < 1.5  # thermal px: the distance is only guessed from the height
    assert len(data.patches) == len(data)


def test_rgb_boxes_cannot_do_without_rgb() -> None:
    with pytest.raises(ValueError, match="needs RGB"):
        BuildOptions("rgb", with_rgb=False)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"boxes": "hand"}])
def test_options_check_themselves(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BuildOptions(**wrong)
