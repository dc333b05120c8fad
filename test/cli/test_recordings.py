# SPDX-License-Identifier: Apache-2.0
"""The verbs on recordings: info, repair, sync, record's arguments; exit codes and JSON."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.trials import write_trial

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.recording import DEMO_BAG, recording_path, topics_to_record
from thermal_pose.bags.writer import BagWriter
from thermal_pose.cli import record
from thermal_pose.cli.main import main
from thermal_pose.errors import (
    BagCorruptError,
    BagNotFoundError,
    BagSchemaError,
    ConfigError,
    GraphError,
)
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.store.results import ResultsStore
from thermal_pose.types import RgbFrame, ThermalFrame


def test_info_tells_counts_rates_and_gaps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trial(tmp_path / "trial")
    assert main(["info", "--json", str(tmp_path / "trial")]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["messages"] == 48
    images = next(topic for topic in summary["topics"] if topic["name"] == schema.THERMAL_IMAGE)
    assert (images["count"], images["gaps"]) == (24, 0)
    assert images["rate_hz"] == pytest.approx(8.0)
    assert main(["info", str(tmp_path / "trial")]) == 0
    assert "48 messages, 2.88 s" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["info", "repair", "sync"])
def test_missing_recordings_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert main([verb, str(tmp_path / "absent")]) == BagNotFoundError.exit_code
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unfinished_recording_is_repaired_by_the_verb_that_the_error_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trial(tmp_path / "trial")
    (tmp_path / "trial" / "metadata.yaml").unlink()
    assert main(["info", str(tmp_path / "trial")]) == BagCorruptError.exit_code
    assert f"thermal-pose repair {tmp_path / 'trial'}" in capsys.readouterr().err
    assert main(["repair", "--json", str(tmp_path / "trial")]) == 0
    assert json.loads(capsys.readouterr().out)["messages"] == 48
    assert main(["repair", str(tmp_path / "trial")]) == 0
    assert "is whole" in capsys.readouterr().out


def test_sync_reports_offset_and_asynchronous_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    with BagWriter(tmp_path / "pair") as bag:
        for number in range(24):
            shown = 15 if number == 18 else number
            for size, rgb in (((60, 80), False), ((144, 256), True)):
                x = np.arange(size[1]) * 80 / size[1]
                moment = shown if rgb else number
                person = np.tile(np.abs(x - 15 - 1.5 * moment) < 5, (size[0], 1))
                person[: size[0] // 3] = person[3 * size[0] // 4 :] = False
                stamp_ns = number * 125_000_000 + 20_000_000 * rgb + 10**18
                if rgb:
                    grey = 120 - 60 * person + rng.normal(0, 3, size)
                    bgr = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
                    image = rgb_message(schema.message, RgbFrame(stamp_ns, "rgb", bgr), 95)
                    bag.write(schema.RGB_COMPRESSED, stamp_ns, image)
                else:
                    counts = np.rint(29500 + 700 * person + rng.normal(0, 6, size))
                    frame = ThermalFrame(stamp_ns, "thermal", counts.astype(np.uint16))
                    bag.write(
                        schema.THERMAL_IMAGE, stamp_ns, thermal_message(schema.message, frame)
                    )
    assert main(["sync", "--json", str(tmp_path / "pair")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["offset_s"] == pytest.approx(0.02, abs=1e-6)
    assert (report["pairs"], report["asynchronous"]) == (24, 1)
    assert report["discarded"][0]["older"] == "rgb"
    assert report["discarded"][0]["age_periods"] == pytest.approx(3, abs=0.2)


def test_sync_of_a_thermal_only_recording_names_the_missing_topic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trial(tmp_path / "trial")
    assert main(["sync", str(tmp_path / "trial")]) == BagSchemaError.exit_code
    assert schema.RGB_COMPRESSED in capsys.readouterr().err


def test_nobody_is_recorded_in_colour_unasked() -> None:
    assert not any(topic.startswith("/rgb") for topic in topics_to_record("", record_rgb=False))
    assert schema.RGB_COMPRESSED in topics_to_record("", record_rgb=True)
    with pytest.raises(ConfigError, match="record_rgb"):
        topics_to_record("thermal/image_raw, rgb/image_raw/compressed", record_rgb=False)


def test_recordings_get_distinct_names(tmp_path: Path) -> None:
    first = recording_path(tmp_path, "S01", 1_700_000_000_000_000_000)
    assert first.name == "S01_20231114T221320Z"
    first.mkdir()
    assert recording_path(tmp_path, "S01", 1_700_000_000_000_000_000).name == f"{first.name}_1"


def test_a_name_is_no_pseudonym(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "--subject", "Jane Doe"]) == ConfigError.exit_code
    assert "Jane Doe" in capsys.readouterr().err


def test_record_quotes_what_yaml_would_take_for_a_number() -> None:
    parser = argparse.ArgumentParser()
    record.add_arguments(parser)
    arguments = record._ros_arguments(parser.parse_args(["--subject", "0017", "--namespace", "a"]))
    assert "subject_id:='0017'" in arguments
    assert arguments[-2:] == ["-r", "__ns:=/a"]


@pytest.mark.graph
def test_recording_a_graph_that_does_not_run_is_an_error(
    tmp_path: Path, ros_domain: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["record", "--duration", "1", "--out", str(tmp_path), "--subject", "P017"])
    assert code == GraphError.exit_code
    assert "no image came on /thermal/image_raw" in capsys.readouterr().err
    (kept,) = tmp_path.glob("P017_*")  # what was recorded, the log of the recorder itself, stays
    assert (kept / "metadata.yaml").exists()


def test_what_was_recorded_is_counted_by_topic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trial(tmp_path / "trial")
    parser = argparse.ArgumentParser()
    record.add_arguments(parser)
    assert record._summary(tmp_path / "trial", parser.parse_args(["--json"])) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["topics"] == {"thermal/image_raw": 24} and told["messages"] == 48
    asked = parser.parse_args(["--topics", "tug/phase"])
    with pytest.raises(GraphError, match="no message on tug/phase"):
        record._summary(tmp_path / "trial", asked)


def _shown_twice(path: Path) -> None:
    """The shipped recording, and again half a minute later."""
    with BagReader(DEMO_BAG) as demo:
        frames = list(demo.thermal_frames())
    later_ns = frames[-1].stamp_ns - frames[0].stamp_ns + 125_000_000
    with BagWriter(path) as bag:
        for shift_ns in (0, later_ns):
            for frame in frames:
                each = replace(frame, stamp_ns=frame.stamp_ns + shift_ns)
                bag.write(
                    schema.THERMAL_IMAGE, each.stamp_ns, thermal_message(schema.message, each)
                )


def test_each_test_of_a_recording_is_reported_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _shown_twice(tmp_path / "visit")
    out, store = tmp_path / "out", tmp_path / "results.sqlite"
    words = ["report", str(tmp_path / "visit"), "--out", str(out), "--subject", "P-1"]
    assert main([*words, "--store", str(store), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (second,) = document.pop("further_tests")
    written = [
        json.loads(path.read_text())
        for path in (out / "report.json", out / "test-2" / "report.json")
    ]
    assert [document, second] == written
    assert second["trial_id"] == "visit-2" and document["valid"] and second["valid"]
    assert second["total_s"] == pytest.approx(document["total_s"], abs=0.3)
    with ResultsStore(store) as opened:
        assert opened.subjects() == {"P-1": 2}
