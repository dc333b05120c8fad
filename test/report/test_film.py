# SPDX-License-Identifier: Apache-2.0
import base64
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
from support import fabricated_results as fabricated

from thermal_pose.report import film as film_module
from thermal_pose.report.film import (
    MAX_FILM_FRAMES,
    build_film,
    png_data_uri,
    replay_data,
    subject_window,
    to_8bit,
)
from thermal_pose.types import FrameKeypoints, Phase, ThermalFrame, TrialReason


class LazyFrames(Sequence):
    """Frames made on access, which counts them."""

    def __init__(self, n_frames: int) -> None:
        self.stamps = fabricated.stamps_ns(n_frames)
        self.image = fabricated.frames(1)[0].centikelvin
        self.touched = 0

    def __len__(self) -> int:
        return len(self.stamps)

    def __getitem__(self, index):
        self.touched += 1
        return ThermalFrame(self.stamps[index], "thermal", self.image)

    def __iter__(self) -> Iterator[ThermalFrame]:
        raise AssertionError("the film reads chosen frames only")


def test_holds_the_trial_with_a_margin_and_every_frame_of_it():
    film = build_film(fabricated.result(), fabricated.frames(), fabricated.keypoints())
    assert film is not None and film.every == 1
    times = [frame.time_s for frame in film.frames]
    first, last = fabricated.BOUNDARIES_S[0], fabricated.BOUNDARIES_S[-1]
    assert first - 2.0 <= times[0] <= first - 1.8
    assert times == sorted(times)
    assert len(times) == round((times[-1] - times[0]) * fabricated.RATE_HZ) + 1
    assert times[-1] <= last + 2.0


def test_frames_survive_the_sheet_to_half_a_level():
    frames = fabricated.frames()
    film = build_film(fabricated.result(), frames, [])
    assert film is not None
    low_k, high_k = film.low_degc + 273.15, film.high_degc + 273.15
    by_stamp = {frame.stamp_ns: frame for frame in frames}
    for entry in film.frames[::17]:
        stamp = fabricated.ORIGIN_NS + round(entry.time_s * 1e9)
        kelvin = by_stamp[stamp].centikelvin / 100.0
        back = low_k + film.image(entry.index) / 255.0 * (high_k - low_k)
        inside = (kelvin > low_k) & (kelvin < high_k)
        assert inside.mean() > 0.9
        half_level = 0.51 * (high_k - low_k) / 255
        assert np.abs(back - kelvin)[inside].max() <= half_level


def test_temperatures_outside_the_window_are_clipped_not_wrapped():
    image = np.array([[0, 29_000, 30_000, 31_000, 65_535]], dtype=np.uint16)
    assert to_8bit(image, 290.0, 310.0).tolist() == [[0, 0, 128, 255, 255]]


def test_a_flat_image_keeps_a_window_of_some_kelvin():
    flat = [
        ThermalFrame(stamp, "t", np.full((60, 80), 29_500, dtype=np.uint16))
        for stamp in fabricated.stamps_ns(128)
    ]
    film = build_film(fabricated.result(), flat, [])
    assert film is not None
    assert film.high_degc - film.low_degc == pytest.approx(film_module.MIN_SPAN_K)


def test_a_long_recording_is_thinned_and_read_sparingly():
    n_frames = 20_000
    frames = LazyFrames(n_frames)
    refused = fabricated.result(n_frames, TrialReason.TOO_SLOW, "Too slow.")
    film = build_film(refused, frames, [])
    assert film is not None
    assert len(film.frames) <= MAX_FILM_FRAMES
    assert film.every == 50
    assert frames.touched <= 2 * MAX_FILM_FRAMES
    assert film.sheet.nbytes < 3_000_000


def test_two_hundred_frames_take_less_than_a_megabyte():
    made = fabricated.frames(200)
    film = build_film(fabricated.result(200, TrialReason.STOPPED_EARLY, "Stopped."), made, [])
    assert film is not None and len(film.frames) == 200
    assert len(png_data_uri(film.sheet)) < 1_000_000


def test_no_frame_no_film():
    assert build_film(fabricated.result(), [], fabricated.keypoints()) is None


def test_the_phase_of_each_frame_follows_the_intervals():
    film = build_film(fabricated.result(), fabricated.frames(), [])
    assert film is not None
    for frame in film.frames:
        passed = sum(frame.time_s >= boundary for boundary in fabricated.BOUNDARIES_S)
        expected = Phase.SEATED if passed in (0, 7) else Phase(passed + 1)
        assert frame.phase is expected


def test_shows_the_followed_person_and_nobody_else():
    keypoints = []
    for frame in fabricated.keypoints():
        other = [type(p)(9, p.box, p.xy + 5.0, p.scores, 1.0) for p in frame.persons]
        keypoints.append(
            FrameKeypoints(
                frame.stamp_ns, frame.frame_id, frame.model_id, frame.image_wh,
                (*other, *frame.persons),
            )
        )  # fmt: skip
    film = build_film(fabricated.result(), fabricated.frames(), keypoints)
    assert film is not None
    assert {frame.person.track_id for frame in film.frames if frame.person} == {1}
    assert sum(frame.person is None for frame in film.frames) == 2


def test_joints_that_are_unsure_or_unknown_are_not_drawn():
    frame = fabricated.keypoints(1)[0]
    person = frame.persons[0]
    xy, scores = person.xy.copy(), person.scores.copy()
    xy[3], scores[4] = np.nan, 0.0
    unsure = type(person)(1, person.box, xy, scores)
    keypoints = [
        FrameKeypoints(stamp, "t", "m", (80, 60), (unsure,)) for stamp in fabricated.stamps_ns(128)
    ]
    film = build_film(fabricated.result(), fabricated.frames(), keypoints)
    assert film is not None
    joints = replay_data(film)["joints"][0]
    assert joints[6:10] == [None] * 4
    assert None not in joints[:6] + joints[10:]


def test_the_window_holds_the_person_and_resists_a_wild_joint():
    keypoints = fabricated.keypoints()
    film = build_film(fabricated.result(), fabricated.frames(), keypoints)
    assert film is not None
    left, top, right, bottom = subject_window(film)
    assert 0 <= left < right <= 80 and 0 <= top < bottom <= 60
    assert right - left < 40
    points = np.concatenate([f.person.xy for f in film.frames if f.person])
    inside = (points[:, 0] >= left) & (points[:, 0] <= right)
    assert inside.mean() > 0.99
    empty = build_film(fabricated.result(), fabricated.frames(), [])
    assert empty is not None and subject_window(empty) == (0, 0, 80, 60)


def test_the_embedded_sheet_decodes_to_the_same_pixels():
    film = build_film(fabricated.result(), fabricated.frames(), [])
    assert film is not None
    data = base64.b64decode(png_data_uri(film.sheet).split(",")[1])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(decoded, film.sheet)


def test_frames_of_another_size_are_left_out():
    frames = fabricated.frames()
    frames[60] = ThermalFrame(frames[60].stamp_ns, "t", np.full((62, 80), 29_500, dtype=np.uint16))
    film = build_film(fabricated.result(), frames, [])
    whole = build_film(fabricated.result(), fabricated.frames(), [])
    assert film.image_wh == whole.image_wh
    assert len(film.frames) == len(whole.frames) - 1
    assert [frame.index for frame in film.frames] == list(range(len(film.frames)))
