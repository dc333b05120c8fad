# SPDX-License-Identifier: Apache-2.0
"""Unplugs and replugs an emulated camera under a running driver and watches for leaks."""

import gc
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from support.senxor_emulator import EmulatedSenxor, PtyLink
from support.waiting import wait_for

from thermal_pose.cameras.driver import CameraDriver, DriverOptions, StampedFrame
from thermal_pose.cameras.factory import file_fingerprint
from thermal_pose.cameras.senxor import SenxorCamera

#: A busy machine takes its time; what is promised is measured, not waited for.
_PATIENCE_S = 60.0


@dataclass
class UnplugOutcome:
    """Seconds from each replug to the next published frame, and growth over all of them."""

    recovery_s: list[float]
    threads_grown: int
    descriptors_grown: int
    memory_grown_mb: float
    refused_others: int
    frames_of_others: int


class Sink:
    """Takes published frames."""

    def __init__(self) -> None:
        self.frames: list[StampedFrame] = []

    def __call__(self, frame: StampedFrame) -> None:
        self.frames = [*self.frames[-200:], frame]


def make_driver(device: str, sink: Sink) -> CameraDriver:
    """A driver as the node runs it."""
    return CameraDriver(
        lambda: SenxorCamera(device),
        sink,
        DriverOptions("thermal"),
        fingerprint=file_fingerprint(Path(device)),
    )


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def unplug_and_replug(folder: Path, times: int, other_every: int = 10) -> UnplugOutcome:
    """Pull the plug `times` times; every `other_every`th time another camera comes first."""
    sink = Sink()
    emulated = EmulatedSenxor(PtyLink(folder / "senxor"), max_rate_hz=30.0)
    own_serial = emulated.serial_number
    outcome = UnplugOutcome([], 0, 0, 0.0, 0, 0)
    with emulated:
        driver = make_driver(emulated.device, sink)
        driver.start()
        wait_for(lambda: len(sink.frames) > 3, what="first frames")
        before = (threading.active_count(), _descriptors(), _memory_mb())
        for number in range(times):
            emulated.unplug()
            wait_for(lambda: driver.camera is None, _PATIENCE_S, "loss noticed")
            if number % other_every == other_every - 1:
                _offer_another(emulated, driver, sink, outcome)
                emulated.serial_number = own_serial
            sink.frames.clear()
            emulated.plug()
            replugged_s = time.monotonic()
            wait_for(lambda: len(sink.frames) > 0, _PATIENCE_S, "stream back")
            outcome.recovery_s.append(time.monotonic() - replugged_s)
        wait_for(lambda: len(sink.frames) > 3, what="last frames")
        # The emulator duplicates its descriptor while it reads.
        wait_for(lambda: _descriptors() <= before[1], what="descriptors given back")
        after = (threading.active_count(), _descriptors(), _memory_mb())
        outcome.refused_others = driver.status().refused
        assert driver.stop()
    outcome.threads_grown = after[0] - before[0]
    outcome.descriptors_grown = after[1] - before[1]
    outcome.memory_grown_mb = after[2] - before[2]
    return outcome


def _memory_mb() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


def _offer_another(
    emulated: EmulatedSenxor, driver: CameraDriver, sink: Sink, outcome: UnplugOutcome
) -> None:
    refused = driver.status().refused
    sink.frames.clear()
    emulated.serial_number = 0x0FF1CE
    emulated.plug()
    wait_for(lambda: driver.status().refused > refused, _PATIENCE_S, "other device refused")
    outcome.frames_of_others += len(sink.frames)
    emulated.unplug()
