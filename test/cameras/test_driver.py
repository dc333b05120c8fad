# SPDX-License-Identifier: Apache-2.0
"""The driver: reconnects, refuses others, drops what is not a measurement, says how it is."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from support import faults
from support.senxor_emulator import EmulatedSenxor, PtyLink, noisy_room
from support.unplugging import Sink, make_driver, unplug_and_replug
from support.waiting import wait_for

from thermal_pose.cameras.assessment import Level, assess, describe
from thermal_pose.cameras.base import CameraIdentity, CapturedFrame
from thermal_pose.cameras.driver import CameraDriver, DriverOptions, DriverState
from thermal_pose.cameras.senxor import SenxorCamera
from thermal_pose.errors import CameraDisconnectedError


@pytest.mark.faults
def test_unplug_and_replug_comes_back_and_leaks_nothing(tmp_path: Path) -> None:
    count = faults.times(few=4, full=100)
    outcome = unplug_and_replug(tmp_path, times=count, other_every=4)
    assert max(outcome.recovery_s) < 3.0
    assert outcome.threads_grown <= 0
    assert outcome.descriptors_grown <= 0
    assert outcome.memory_grown_mb < 5.0 + 0.02 * count
    assert outcome.refused_others >= count // 4
    assert outcome.frames_of_others == 0
    faults.record(
        "camera unplugged and plugged in again (emulated SenXor)",
        count,
        f"stream back within {max(outcome.recovery_s):.2f} s each (promised 3 s); threads "
        f"{outcome.threads_grown:+d}, descriptors {outcome.descriptors_grown:+d}, memory "
        f"{outcome.memory_grown_mb:+.1f} MB",
    )
    faults.record(
        "another camera in its place (emulated SenXor)",
        count // 4,
        "refused each time; none of its frames published",
    )


def test_stall_is_reported_and_survived(tmp_path: Path) -> None:
    sink = Sink()
    with EmulatedSenxor(PtyLink(tmp_path / "senxor"), max_rate_hz=30.0) as device:
        driver = CameraDriver(
            make_driver(device.device, sink)._make_camera,
            sink,
            DriverOptions("thermal", stall_timeout_s=0.3, first_backoff_s=0.05),
        )
        driver.start()
        wait_for(lambda: len(sink.frames) > 3)
        device.stalled = True
        wait_for(lambda: "no frame for" in driver.status().last_error)
        device.stalled = False
        count = driver.status().published
        wait_for(lambda: driver.status().published > count + 3)
        assert driver.status().reconnects >= 1
        assert driver.stop()
    assert driver.status().state is DriverState.STOPPED


def test_frozen_content_is_never_published_as_new(tmp_path: Path) -> None:
    sink = Sink()
    with EmulatedSenxor(PtyLink(tmp_path / "senxor"), max_rate_hz=30.0) as device:
        driver = make_driver(device.device, sink)
        driver.start()
        wait_for(lambda: len(sink.frames) > 3)
        device.frozen = True
        wait_for(lambda: driver.status().health.repeated > 5)
        published = driver.status().published
        wait_for(lambda: driver.status().health.repeated > 15)
        assert driver.status().published == published
        device.frozen = False
        wait_for(lambda: driver.status().published > published)
        assert driver.status().health.shutter_freezes == 1
        driver.stop()


class ScriptedCamera:
    """Gives the frames of a list, then ends or vanishes."""

    def __init__(self, frames: list[CapturedFrame], vanish: bool = False) -> None:
        self._frames = list(frames)
        self._vanish = vanish
        self.closed = 0

    @property
    def ended(self) -> bool:
        return not self._frames and not self._vanish

    def open(self) -> CameraIdentity:
        return CameraIdentity("scripted", "test", "1", (8, 6), 8.0)

    def read(self, timeout_s: float) -> CapturedFrame | None:
        if not self._frames:
            raise CameraDisconnectedError("gone")
        return self._frames.pop(0)

    def close(self) -> None:
        self.closed += 1


def captured(number: int, sequence: int | None = None, value: int = 0) -> CapturedFrame:
    rng = np.random.default_rng(number)
    image = rng.integers(29000, 30000, (6, 8)).astype(np.uint16)
    if value:
        image[2:4] = value
    return CapturedFrame(image, arrived_ns=number * 125_000_000, sequence=sequence)


def run_to_end(frames: list[CapturedFrame], **options: object) -> tuple[Sink, CameraDriver]:
    sink, ended = Sink(), threading.Event()
    driver = CameraDriver(
        lambda: ScriptedCamera(frames),
        sink,
        DriverOptions("thermal", **options),
        on_end=ended.set,
    )
    driver.start()
    assert ended.wait(5)
    driver.stop()
    return sink, driver


def test_duplicates_reordered_and_corrupt_frames_are_dropped_and_counted() -> None:
    frames = [
        captured(0, 10),
        captured(1, 11),
        captured(2, 11),
        captured(3, 9),
        captured(4, 12, value=65535),
        captured(5, 15),
    ]
    sink, driver = run_to_end(frames)
    health = driver.status().health
    assert len(sink.frames) == 3
    assert (health.duplicates, health.corrupt, health.gaps, health.frames_lost) == (2, 1, 1, 2)


class Shuffler:
    """Sends some packets twice, exchanges some with the next one, and leaves some out."""

    def __init__(self, injuries: int) -> None:
        self._rng = np.random.default_rng(3)
        self._most = injuries
        self._held = b""
        self.twice = self.exchanged = self.lost = 0

    @property
    def injuries(self) -> int:
        return self.twice + self.exchanged + self.lost

    def __call__(self, packet: bytes) -> bytes:
        if self._held:
            held, self._held = self._held, b""
            return packet + held
        if self.injuries >= self._most:
            return packet
        fate = self._rng.random()
        if fate < 0.15:
            self.twice += 1
            return packet + packet
        if fate < 0.3:
            self.exchanged += 1
            self._held = packet
            return b""
        self.lost += fate < 0.4
        return b"" if fate < 0.4 else packet


@pytest.mark.faults
def test_duplicate_reordered_and_lost_packets_of_a_device(tmp_path: Path) -> None:
    count, room = faults.times(few=12, full=500), noisy_room()
    published: list[bytes] = []
    shuffler = Shuffler(count)
    with EmulatedSenxor(PtyLink(tmp_path / "senxor"), max_rate_hz=30.0) as device:
        driver = CameraDriver(
            lambda: SenxorCamera(device.device),
            lambda frame: published.append(frame.image.tobytes()),
            DriverOptions("thermal", stall_timeout_s=30.0),
        )
        driver.start()
        wait_for(lambda: len(published) > 3, 30.0)
        device.mutate = shuffler
        wait_for(lambda: shuffler.injuries >= count, 600.0)
        late = shuffler.twice + shuffler.exchanged
        missing = shuffler.lost + shuffler.exchanged
        wait_for(lambda: driver.status().health.duplicates >= late, 30.0, "all late ones")
        wait_for(lambda: driver.status().health.frames_lost >= missing, 30.0, "all gaps")
        driver.stop()
    assert driver.status().health.duplicates == late
    # The device skips a number where nobody takes its frames.
    numbers = {(room(n) * 10).tobytes(): n for n in range(device.sent_frames + 1000)}
    order = [numbers[image] for image in published]
    assert order == sorted(set(order))
    faults.record(
        "frame sent twice, exchanged with the next, or left out (emulated SenXor)",
        shuffler.injuries,
        f"{late} duplicate or late frames counted, none published; published frames in order, "
        f"gaps counted",
    )


def test_stamps_rise_and_are_never_in_the_future() -> None:
    sink, _ = run_to_end([captured(n, n) for n in range(20)])
    stamps = [frame.stamp_ns for frame in sink.frames]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] <= time.time_ns()


def test_frame_divider_publishes_every_nth() -> None:
    sink, _ = run_to_end([captured(n, n) for n in range(10)], frame_divider=3)
    assert len(sink.frames) == 4


def test_assessment_of_a_camera_that_never_was() -> None:
    def absent() -> ScriptedCamera:
        raise CameraDisconnectedError("no camera on the bus")

    class Absent(ScriptedCamera):
        def open(self) -> CameraIdentity:
            raise CameraDisconnectedError("no camera on the bus")

    driver = CameraDriver(lambda: Absent([], vanish=True), Sink(), DriverOptions("thermal"))
    driver.start()
    wait_for(lambda: bool(driver.status().last_error))
    level, sentence = assess(driver.status(), 8.0)
    assert level is Level.ERROR
    assert "no camera on the bus" in sentence
    assert describe(driver.status())["state"] == "connecting"
    assert driver.stop(), "a driver in its backoff must stop at once"


def test_options_are_validated() -> None:
    with pytest.raises(ValueError, match="first_backoff_s <= max_backoff_s"):
        DriverOptions("thermal", first_backoff_s=11.0)
