# SPDX-License-Identifier: Apache-2.0
"""Recordings that are subtly wrong: what a trial's result says of each.

The shipped recording is written again with one thing changed. Its keypoints are computed once and
looked up by the pixels, so that every change is judged on the whole analysis.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import faults

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.writer import BagWriter
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.messages.cameras import camera_info_message
from thermal_pose.messages.images import thermal_message
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.recorded_trial import analyze_recording
from thermal_pose.types import NS_PER_S, FrameKeypoints, ThermalFrame

DEMO = Path(__file__).parents[2] / "thermal_pose" / "assets" / "demo"
#: The total of the recording as it is, s.
TOTAL_S = 10.46

Logged = tuple[int, ThermalFrame]


class Remembered(Perception):
    """Answers with the keypoints of the same pixels."""

    def __init__(self, frames: Iterable[Logged]) -> None:
        real = build_perception()
        self.by_pixels = {frame.centikelvin.tobytes(): real.step(frame) for _, frame in frames}

    def reset(self) -> None:
        """Nothing to forget."""

    def step(self, frame: ThermalFrame) -> FrameKeypoints:
        found = self.by_pixels[frame.centikelvin.tobytes()]
        return replace(found, stamp_ns=frame.stamp_ns, frame_id=frame.frame_id)


@pytest.fixture(scope="module")
def demo() -> list[Logged]:
    with BagReader(DEMO) as bag:
        return list(bag.logged_thermal_frames())


@pytest.fixture(scope="module")
def remembered(demo: list[Logged]) -> Remembered:
    return Remembered(demo)


def write(path: Path, frames: Iterable[Logged], info: CameraInfo | None = None) -> Path:
    with BagWriter(path) as bag:
        for log_ns, frame in frames:
            bag.write(schema.THERMAL_IMAGE, log_ns, thermal_message(schema.message, frame))
            if info is not None:
                message = camera_info_message(schema.message, info, frame.stamp_ns, "cam")
                bag.write(schema.THERMAL_INFO, log_ns, message)
    return path


def restamped(frames: list[Logged], change: Callable[[int, int], int]) -> list[Logged]:
    """Change stamps by `change(index, ns since the first)`, which returns ns since the first."""
    first_ns = frames[0][1].stamp_ns
    return [
        (log_ns, replace(frame, stamp_ns=first_ns + change(index, frame.stamp_ns - first_ns)))
        for index, (log_ns, frame) in enumerate(frames)
    ]


def repainted(
    frames: list[Logged], change: Callable[[np.ndarray, int], np.ndarray]
) -> list[Logged]:
    return [
        (log_ns, replace(frame, centikelvin=np.ascontiguousarray(change(frame.centikelvin, index))))
        for index, (log_ns, frame) in enumerate(frames)
    ]


def frozen(frames: list[Logged], first: int, count: int) -> list[Logged]:
    """The picture before `first` repeats under new stamps."""
    held = frames[first - 1][1].centikelvin
    return repainted(frames, lambda c, k: held if first <= k < first + count else c)


def telemetry(counts: np.ndarray, index: int) -> np.ndarray:
    rows = np.random.default_rng(index).integers(0, 65536, (2, counts.shape[1]))
    return np.vstack([counts, rows.astype(np.uint16)])


WRONG_STAMPS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "whole seconds": ("coarse_stamps", lambda k, t: t // NS_PER_S * NS_PER_S),
    "half the rate": ("stamp_rate", lambda k, t: t // 2),
    "twice the rate": ("stamp_rate", lambda k, t: t * 2),
    "milliseconds read as seconds": ("stamp_outlier", lambda k, t: t * 1000),
    "bursts": ("stamp_bursts", lambda k, t: t - (k % 5) * 124_000_000),
    "clock set forward by 0.6 s": ("clock_set", lambda k, t: t + 600_000_000 * (k > 60)),
    "clock set back by 0.6 s": ("clock_set", lambda k, t: t - 600_000_000 * (k > 60)),
    "clock set back by 5 s": ("clock_set", lambda k, t: t - 5 * NS_PER_S * (k > 60)),
    "clock set forward by an hour": ("clock_set", lambda k, t: t + 3600 * NS_PER_S * (k > 60)),
}
WRONG_IMAGES: dict[str, tuple[str, Callable[[np.ndarray, int], np.ndarray]]] = {
    "0.1 K": ("wrong_unit", lambda c, k: (c // 10).astype(np.uint16)),
    "kelvin x 64": ("wrong_unit", lambda c, k: (c * 0.64).astype(np.uint16)),
    "other byte order": ("byte_order", lambda c, k: c.byteswap()),
    "telemetry rows": ("telemetry_rows", telemetry),
    "60 K too hot": ("implausible_temperature", lambda c, k: c + np.uint16(6000)),
}


@pytest.mark.faults
@pytest.mark.parametrize("name", WRONG_STAMPS)
def test_a_trial_whose_stamps_do_not_tell_the_time_is_refused(name, demo, remembered, tmp_path):
    reason, change = WRONG_STAMPS[name]
    path = write(tmp_path / "trial", restamped(demo, change))
    result = analyze_recording(path, remembered).result
    assert result.timing.reason == reason and result.total_s is None
    assert result.timing.sentence and not result.measures
    faults.record(f"recording: {name}", 1, f"refused as '{reason}', no total")


@pytest.mark.faults
@pytest.mark.parametrize("name", WRONG_IMAGES)
def test_a_trial_whose_images_are_no_centikelvin_is_refused(name, demo, remembered, tmp_path):
    reason, change = WRONG_IMAGES[name]
    path = write(tmp_path / "trial", repainted(demo, change))
    result = analyze_recording(path, remembered).result
    assert result.timing.reason == reason and result.total_s is None
    assert f"{len(demo)} of {len(demo)} images could not be used" in result.timing.sentence
    faults.record(f"recording: {name}", 1, f"refused as '{reason}', no total")


@pytest.mark.faults
@pytest.mark.parametrize(("first", "count"), [(20, 16), (20, 11), (100, 16), (96, 24)])
def test_repeated_images_count_as_missing_ones(first, count, demo, remembered, tmp_path):
    repeated = write(tmp_path / "repeated", frozen(demo, first, count))
    lost = write(tmp_path / "lost", [*demo[:first], *demo[first + count :]])
    found = analyze_recording(repeated, remembered).result
    expected = analyze_recording(lost, remembered).result
    assert found.total_s == expected.total_s
    if found.timing.valid:
        assert found.input_notes[0].startswith(f"{count} images not used (frozen)")
    else:
        assert (found.timing.reason, expected.timing.reason) == ("frozen", "stamp_gap")
    faults.record(f"recording: frozen for {count / 8:.1f} s from image {first}", 1, "as if missing")


@pytest.mark.parametrize(
    "change",
    [
        lambda k, t: t + (3600 * NS_PER_S if k == 60 else 0),  # one stamp an hour ahead
        lambda k, t: t + 3600 * NS_PER_S,  # all of them
        lambda k, t: t,
    ],
    ids=["one an hour ahead", "all an hour ahead", "as recorded"],
)
def test_stamps_that_can_be_used_give_the_total(change, demo, remembered, tmp_path):
    path = write(tmp_path / "trial", restamped(demo, change))
    result = analyze_recording(path, remembered).result
    assert result.timing.valid and result.total_s == pytest.approx(TOTAL_S, abs=0.01)


@pytest.mark.parametrize("log_of", [lambda k: 0, lambda k: 10**18, lambda k: k * 15_625_000])
def test_log_times_that_say_nothing_change_nothing(log_of, demo, remembered, tmp_path):
    path = write(tmp_path / "trial", [(log_of(k), frame) for k, (_, frame) in enumerate(demo)])
    assert analyze_recording(path, remembered).result.total_s == pytest.approx(TOTAL_S, abs=0.01)


def test_the_result_of_a_sound_recording_has_no_note(demo, remembered, tmp_path):
    path = write(tmp_path / "trial", demo)
    assert "input_notes" not in analyze_recording(path, remembered).result.to_json_dict()


@pytest.mark.parametrize("size_wh", [(160, 120), (320, 256)])
def test_larger_images_give_the_same_trial_in_their_own_pixels(size_wh, demo, tmp_path):
    large = repainted(
        demo, lambda c, k: cv2.resize(c, size_wh, interpolation=cv2.INTER_NEAREST_EXACT)
    )
    trial = analyze_recording(write(tmp_path / "trial", large), build_perception())
    assert trial.result.timing.valid and trial.result.total_s == pytest.approx(TOTAL_S, abs=0.1)
    assert trial.keypoints[0].image_wh == size_wh
    reach = max(p.box.xyxy[2] for k in trial.keypoints for p in k.persons)
    assert reach > 0.4 * size_wh[0]


def speed(path: Path, perception: Perception):
    params = TugParams(height_m=1.7)
    rows = {row.name: row for row in analyze_recording(path, perception, params).result.measures}
    return rows["gait_speed_out_mps"]


@pytest.mark.faults
def test_a_calibration_of_another_size_is_scaled_or_left_out(demo, remembered, tmp_path):
    def lens(width: int, height: int, focal_px: float) -> CameraInfo:
        middle = ((width - 1) / 2, (height - 1) / 2)
        k = np.array([[focal_px, 0, middle[0]], [0, focal_px, middle[1]], [0, 0, 1]])
        return CameraInfo((width, height), k, np.zeros(5))

    fits = speed(write(tmp_path / "fits", demo, lens(80, 60, 84.0)), remembered)
    twice = speed(write(tmp_path / "twice", demo, lens(160, 120, 168.0)), remembered)
    vga = speed(write(tmp_path / "vga", demo, lens(640, 480, 672.0)), remembered)
    wide = speed(write(tmp_path / "wide", demo, lens(160, 90, 168.0)), remembered)
    assert fits.value is not None
    assert twice.value == vga.value == pytest.approx(fits.value)
    assert wide.value is None and "160 x 90 px" in wide.omitted and "80 x 60" in wide.omitted
    faults.record("calibration of another image size", 3, "scaled, or left out with the reason")
