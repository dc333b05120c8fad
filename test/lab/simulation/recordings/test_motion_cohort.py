# SPDX-License-Identifier: Apache-2.0
"""`simulate --motion`: recorded motion becomes recordings in any preset's rooms, with its truth."""

import json
from pathlib import Path

import pytest
from support.motion import recorded, write_motion

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.cli.main import main
from thermal_pose.errors import StorageError

pytestmark = pytest.mark.simulation


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    write_motion(recorded()[0], folder / "walk.npz")
    return folder


def _simulated(folder: Path, out: Path, *more: str) -> list[dict]:
    words = ["simulate", "--motion", str(folder), "--out", str(out), "--no-rgb", "--json"]
    words += ["--frame-rate", "2", "--rooms", "1", *more]
    assert main(words) == 0
    return json.loads((out / "manifest.json").read_text())["trials"]


@pytest.mark.parametrize("preset", ["paper", "clinic"])
def test_recorded_motion_becomes_a_recording_with_its_truth(folder, tmp_path, preset) -> None:
    (entry,) = _simulated(folder, tmp_path / "out", "--preset", preset)
    truth = recorded()[1]
    assert (entry["recording"], entry["person"], entry["preset"]) == ("walk", "walk", preset)
    assert entry["total_s"] == pytest.approx(truth.total_s, abs=0.1)
    (bag,) = {path.parent for path in (tmp_path / "out").rglob("metadata.yaml")}
    with BagReader(bag) as opened:
        frames = list(opened.thermal_frames())
        assert opened.require(schema.TRUTH_FRAME, "thermal_pose/msg/GroundTruth").count
    # With the rest before and after.
    assert 0.0 < len(frames) / 2.0 - recorded()[0].times_s[-1] < 6.0
    warm = frames[len(frames) // 2].centikelvin
    assert int(warm.max()) - int(warm.min()) > 300  # someone is there


def test_the_same_command_goes_on_and_renders_nothing_twice(folder, tmp_path) -> None:
    options = ("--preset", "paper")
    first = _simulated(folder, tmp_path / "out", *options)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.mcap")}
    assert files and _simulated(folder, tmp_path / "out", *options) == first
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_a_folder_without_recordings_is_one_clear_error(tmp_path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    words = ["simulate", "--motion", str(tmp_path / "empty"), "--preset", "paper"]
    words += ["--out", str(tmp_path / "out")]
    assert main(words) == StorageError.exit_code
    assert "empty" in capsys.readouterr().err
