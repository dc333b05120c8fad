# SPDX-License-Identifier: Apache-2.0
"""The recording as a camera: order, pace, loop, start and the window of frames in flight."""

import time
from pathlib import Path

import numpy as np
import pytest
from support.trials import START_NS, STEP_NS, thermal_frame, write_trial

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.writer import BagWriter
from thermal_pose.cameras.bag import BagCamera
from thermal_pose.cameras.base import AcknowledgedCamera, CapturedFrame
from thermal_pose.cameras.flow import FlowWindow, ReplayClock
from thermal_pose.errors import BagNotFoundError, BagSchemaError, GraphError
from thermal_pose.types import NS_PER_S


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    write_trial(tmp_path / "trial", 12)
    return tmp_path / "trial"


def read_all(camera: BagCamera, acknowledge: bool = False) -> list[CapturedFrame]:
    frames = []
    deadline_s = time.monotonic() + 10
    while not camera.ended and time.monotonic() < deadline_s:
        frame = camera.read(0.05)
        if frame is not None:
            frames.append(frame)
            if acknowledge:
                assert frame.stamp_ns is not None
                camera.acknowledge(frame.stamp_ns)
    return frames


def test_frames_come_bit_for_bit(trial: Path) -> None:
    camera = BagCamera(trial, rate=0.0)
    identity = camera.open()
    frames = read_all(camera)
    camera.close()
    assert identity.image_wh == (80, 62)
    assert identity.rate_hz == pytest.approx(8.0)
    assert [frame.stamp_ns for frame in frames] == [START_NS + n * STEP_NS for n in range(12)]
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, thermal_frame(number).centikelvin)
        assert frame.frame_id == "thermal"


def test_rate_sets_the_pace(trial: Path) -> None:
    camera = BagCamera(trial, rate=10.0)
    camera.open()
    started_s = time.monotonic()
    read_all(camera)
    # No frame comes before its time; how late they come depends on the machine.
    assert time.monotonic() - started_s >= 11 * 0.0125 - 1e-3


def test_start_skips_and_too_late_a_start_is_refused(trial: Path) -> None:
    camera = BagCamera(trial, rate=0.0, start_s=1.0)
    camera.open()
    assert read_all(camera)[0].stamp_ns == START_NS + 8 * STEP_NS
    with pytest.raises(BagSchemaError, match="no image after the first 99 s"):
        BagCamera(trial, start_s=99.0).open()


def test_loop_repeats_the_stamps(trial: Path) -> None:
    camera = BagCamera(trial, rate=0.0, loop=True)
    camera.open()
    stamps = [camera.read(0.1).stamp_ns for _ in range(30)]
    assert stamps[12:24] == stamps[:12]
    assert not camera.ended


def test_nothing_is_sent_before_the_consumers_are_there(trial: Path) -> None:
    ready = False
    camera = BagCamera(trial, rate=0.0, consumers_ready=lambda: ready)
    camera.open()
    assert camera.read(0.05) is None
    ready = True
    assert camera.read(0.5) is not None


def test_lossless_replay_holds_frames_until_results_were_seen(trial: Path) -> None:
    camera = BagCamera(trial, rate=0.0, window_frames=2)
    assert isinstance(camera, AcknowledgedCamera)
    camera.open()
    first, second = camera.read(0.1), camera.read(0.1)
    assert first is not None
    assert second is not None
    assert camera.read(0.05) is None
    camera.acknowledge(123)
    assert camera.read(0.05) is None
    camera.acknowledge(second.stamp_ns)
    rest = read_all(camera, acknowledge=True)
    assert len(rest) == 10
    assert camera.ended


def test_frames_whose_results_stay_away_are_sent_again(trial: Path, monkeypatch) -> None:
    monkeypatch.setattr("thermal_pose.cameras.bag.RESEND_S", 0.1)
    camera = BagCamera(trial, rate=0.0, window_frames=2)
    camera.open()
    sent = [camera.read(0.05).stamp_ns for _ in range(2)]
    again: list[int] = []
    deadline_s = time.monotonic() + 5.0
    while len(again) < 2 and time.monotonic() < deadline_s:
        frame = camera.read(0.05)
        again += [] if frame is None else [frame.stamp_ns]
    assert again == sent
    camera.acknowledge(sent[-1])
    assert read_all(camera, acknowledge=True)[0].stamp_ns > sent[-1]
    assert camera.ended


def test_an_image_recorded_twice_is_not_waited_for(trial: Path, tmp_path: Path) -> None:
    """The pose node answers it once; the copy would hold up the replay until it is given up."""
    with BagReader(trial) as bag, BagWriter(tmp_path / "twice") as writer:
        writer.add_topic(schema.THERMAL_IMAGE)
        for index, entry in enumerate(bag.raw_messages([schema.THERMAL_IMAGE])):
            for _ in range(2 if index == 3 else 1):
                writer.write_raw(entry.topic, entry.log_ns, entry.cdr)
    camera = BagCamera(tmp_path / "twice", rate=0.0, window_frames=1)
    camera.open()
    stamps: list[int] = []
    deadline_s = time.monotonic() + 20.0
    while not camera.ended and time.monotonic() < deadline_s:
        frame = camera.read(0.5)
        if frame is not None and frame.stamp_ns not in stamps:
            camera.acknowledge(frame.stamp_ns)
        stamps += [] if frame is None else [frame.stamp_ns]
    assert camera.ended and camera.unanswered == 0
    assert stamps[3] == stamps[4] and len(set(stamps)) == len(stamps) - 1


def test_a_replay_without_any_results_ends_with_an_error(trial: Path, monkeypatch) -> None:
    monkeypatch.setattr("thermal_pose.cameras.bag.RESEND_S", 0.02)
    camera = BagCamera(trial, rate=0.0, window_frames=1)
    camera.open()
    deadline_s = time.monotonic() + 10.0
    with pytest.raises(GraphError, match="no results came for 3 images in a row"):
        while time.monotonic() < deadline_s:
            camera.read(0.02)
    assert camera.unanswered == 3


def test_a_stamp_far_ahead_does_not_hold_up_a_replay() -> None:
    clock = ReplayClock(1.0, max_leap_s=10.0)
    assert clock.delay_s(0) == 0.0
    assert clock.delay_s(3600 * NS_PER_S) == 0.0
    assert clock.delay_s(NS_PER_S) == 0.0, "and back again"
    assert clock.delay_s(NS_PER_S + 125_000_000) == pytest.approx(0.125, abs=0.02)


def test_the_end_waits_for_the_last_results(trial: Path) -> None:
    camera = BagCamera(trial, rate=0.0, window_frames=20)
    camera.open()
    frames = [camera.read(0.1) for _ in range(12)]
    assert not camera.ended
    camera.acknowledge(frames[-1].stamp_ns)
    assert camera.ended


def test_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagNotFoundError):
        BagCamera(tmp_path / "absent").open()


def test_replay_clock_does_not_rush_after_a_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 5.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    clock = ReplayClock(1.0)
    assert clock.delay_s(0) == 0.0
    now_s += 0.2
    assert clock.delay_s(50_000_000) == 0.0
    assert clock.delay_s(150_000_000) == pytest.approx(0.1)


def test_flow_window_without_limit_never_waits() -> None:
    window = FlowWindow(0)
    for stamp_ns in range(100):
        assert window.wait_for_room(0.0)
        window.sent(stamp_ns)
    assert len(window) == 0
