# SPDX-License-Identifier: Apache-2.0
"""Camera, calibration and recording verbs on input that is none: one sentence, never a trace."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.rigs import SMALL_RIG
from support.trials import thermal_frame, write_trial

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.calibration.synthetic import write_example
from thermal_pose.cli.main import main
from thermal_pose.errors import BagError, CalibrationError, ConfigError
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.types import RgbFrame

BLACK = np.zeros((36, 64, 3), np.uint8)


def write_pair(path: Path, count: int, rgb_later_s: int = 0, jpeg: bytes | None = None) -> None:
    with BagWriter(path) as bag:
        for number in range(count):
            frame = thermal_frame(number)
            bag.write(schema.THERMAL_IMAGE, frame.stamp_ns, thermal_message(schema.message, frame))
            stamp_ns = frame.stamp_ns + rgb_later_s * 10**9
            image = rgb_message(schema.message, RgbFrame(stamp_ns, "rgb", BLACK))
            if jpeg is not None:
                image.data = np.frombuffer(jpeg, np.uint8)
            bag.write(schema.RGB_COMPRESSED, stamp_ns, image)


def write_cut(path: Path) -> None:
    write_pair(path, 12)
    file = next(path.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:-5000])


RECORDINGS: dict[str, Callable[[Path], None]] = {
    "target": lambda path: write_example(path, SMALL_RIG, n_poses=1),
    "thermal_only": write_trial,
    "one": lambda path: write_pair(path, 1),
    "apart": lambda path: write_pair(path, 15, rgb_later_s=1000),
    "garbage": lambda path: write_pair(path, 15, jpeg=b"no JPEG"),
    "still": lambda path: write_pair(path, 8),
    "cut": write_cut,
    "empty": Path.mkdir,
    "file": lambda path: path.write_bytes(b"") and None,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bad")
    for name, write in RECORDINGS.items():
        write(made / name)
    return made


def exit_code_of_one_sentence(words: list[str], folder: Path, capsys, match: str) -> int:
    code = main([word.replace("@", f"{folder}/") for word in words])
    said = capsys.readouterr().err
    (line,) = [line for line in said.splitlines() if "error:" in line]
    assert said.endswith(f"{line}\n")
    assert match in line
    return code


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("@target --grid 0x4", "--grid, --spacing, --radius: "),
        ("@target --grid 5", "expected COLUMNSxROWS"),
        ("@target --spacing nan", "at least 3 x 3 spots that do not touch"),
        ("@target --spacing -1", "at least 3 x 3 spots that do not touch"),
        ("@target --radius 0.2", "at least 3 x 3 spots that do not touch"),
        ("@target --live", "either a recording or --live"),
        ("--people", "either a recording or --live"),
    ],
)
def test_settings_of_a_calibration(words: str, match: str, folder: Path, capsys) -> None:
    given = ["calibrate", *words.split(), "--json", "--out", "@out"]
    assert exit_code_of_one_sentence(given, folder, capsys, match) == ConfigError.exit_code


@pytest.mark.parametrize(
    ("words", "match", "error"),
    [
        ("calibrate @one", "1 thermal and 1 RGB images, at least 2", CalibrationError),
        ("calibrate @apart", "no thermal image has an RGB image at its time", CalibrationError),
        ("calibrate @target", "at least 8 are needed", CalibrationError),
        ("calibrate @one --people", "1 thermal and 1 RGB images", CalibrationError),
        ("calibrate @apart --people", "no thermal image has an RGB image", CalibrationError),
        ("calibrate @still --people", "8 pairs, at least 13", CalibrationError),
        ("sync @one", "1 thermal and 1 RGB images", CalibrationError),
        ("sync @apart", "no thermal image has an RGB image at its time", CalibrationError),
        ("sync @still --tolerance nan", "positive number of seconds", ConfigError),
        *(
            (f"{verb} @{recording}", match, BagError)
            for verb in ("calibrate", "sync", "calibrate --people")
            for recording, match in (
                ("thermal_only", "no messages on /rgb/image_raw/compressed"),
                ("garbage", "expected JPEG or PNG"),
                ("cut", "truncated"),
                ("empty", "a folder without a recording"),
                ("file", "is empty"),
                ("absent", "no recording at"),
            )
        ),
    ],
)
def test_recordings_of_a_pair(words: str, match: str, error: type, folder: Path, capsys) -> None:
    out = ["--out", "@out"] if words.startswith("calibrate") else []
    given = [*words.split(), "--json", *out]
    assert exit_code_of_one_sentence(given, folder, capsys, match) == error.exit_code
    assert not (folder / "out").exists()


@pytest.mark.graph
@pytest.mark.parametrize(
    ("words", "match", "error"),
    [
        ("play @target --rate -1", "rate = -1.0", ConfigError),
        ("play @target --rate nan", "rate = nan", ConfigError),
        ("play @target --skip -3", "start_s = -3.0", ConfigError),
        ("play @target --clock -4", "clock_hz = -4.0", ConfigError),
        ("play @target --loop --skip 9999", "no message after the first 9999 s", BagError),
        ("play @target --topics no/such", "no messages on /no/such", BagError),
        ("play @target --namespace 3/w", "namespace '3/w'", ConfigError),
        ("play @cut", "truncated", BagError),
        ("record --duration -1", "--duration -1.0", ConfigError),
        ("record --duration nan", "--duration nan", ConfigError),
        ("record --min-free-mb -5", "min_free_mb = -5", ConfigError),
        ("record --namespace a/b-c", "namespace 'a/b-c'", ConfigError),
        ("calibrate --live --namespace 7", "namespace '7'", ConfigError),
    ],
)
def test_settings_of_playing_and_recording(
    ros_domain: int, words: str, match: str, error: type, folder: Path, capsys
) -> None:
    assert exit_code_of_one_sentence(words.split(), folder, capsys, match) == error.exit_code
