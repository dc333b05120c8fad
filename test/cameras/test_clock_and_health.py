# SPDX-License-Identifier: Apache-2.0
"""Stamps from a device clock, and the judge of frames."""

import numpy as np
import pytest
from support import faults

from thermal_pose.cameras.clock import DeviceClock, HostTime, StampClock
from thermal_pose.cameras.health import (
    FrameJudge,
    FrameVerdict,
    GapCounter,
)
from thermal_pose.gates.quality import InputLimits, corrupt_rows

MS = 1_000_000
PERIOD_NS = 125 * MS


def room(seed: int, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wall = 29500 + np.linspace(-80, 80, shape[0])[:, None]
    return np.rint(wall + rng.normal(0, 6, shape)).astype(np.uint16)


@pytest.mark.parametrize("drift_ppm", [-80.0, 0.0, 80.0])
def test_device_clock_finds_offset_and_drift_through_jitter(drift_ppm: float) -> None:
    rng = np.random.default_rng(3)
    clock = DeviceClock()
    offset_ns, least_delay_ns = 10**15, 4 * MS
    errors_ms = []
    for number in range(960):
        true_ns = number * PERIOD_NS
        device_ns = round(true_ns * (1 - drift_ppm * 1e-6))
        arrived_ns = offset_ns + true_ns + least_delay_ns + round(rng.exponential(8) * MS)
        host_ns = clock.to_host_ns(device_ns, arrived_ns)
        errors_ms.append((host_ns - (offset_ns + true_ns + least_delay_ns)) / MS)
        assert host_ns <= arrived_ns
    assert clock.drift_ppm == pytest.approx(drift_ppm, abs=15)
    assert np.abs(errors_ms[200:]).max() < 4.0
    assert clock.resets == 0


def test_device_clock_starts_anew_when_the_device_did() -> None:
    clock = DeviceClock()
    for number in range(50):
        clock.to_host_ns(number * PERIOD_NS, 10**12 + number * PERIOD_NS)
    later_ns = 10**12 + 50 * PERIOD_NS
    assert clock.to_host_ns(0, later_ns) == later_ns
    assert clock.resets == 1


def stamp_sequence(ros_offsets_s: list[float]) -> tuple[list[int | None], StampClock]:
    """Stamps of frames every 125 ms while ROS time is off by the given seconds."""
    clock = StampClock()
    stamps = []
    for number, offset_s in enumerate(ros_offsets_s):
        arrived_ns = number * PERIOD_NS
        now = HostTime(arrived_ns + 2 * MS, 10**18 + arrived_ns + 2 * MS + round(offset_s * 1e9))
        stamp_ns = clock.stamp(None, arrived_ns, now)
        stamps.append(stamp_ns)
        assert stamp_ns is None or stamp_ns <= now.ros_ns
    return stamps, clock


def test_a_clock_step_forward_is_followed() -> None:
    stamps, clock = stamp_sequence([0.0] * 5 + [1.0] * 5)
    steps_s = np.diff([stamp for stamp in stamps if stamp is not None]) / 1e9
    assert steps_s[4] == pytest.approx(1.125)
    assert (clock.held, clock.jumps) == (0, 0)


def test_a_clock_step_back_holds_frames_until_stamps_rise_again() -> None:
    stamps, clock = stamp_sequence([0.0] * 5 + [-1.0] * 15)
    given = [stamp for stamp in stamps if stamp is not None]
    assert given == sorted(set(given))
    assert clock.held == stamps.count(None) == 7
    assert clock.jumps == 0


@pytest.mark.faults
@pytest.mark.parametrize("step_s", [1.0, -1.0])
def test_clock_steps_at_any_moment_through_jitter(step_s: float) -> None:
    count, worst_ms, most_held = faults.times(few=20, full=1000), 0.0, 0
    for trial in range(count):
        rng = np.random.default_rng((trial, int(step_s > 0)))
        clock, step_at = StampClock(), int(rng.integers(20, 60))
        device_ns = np.arange(80) * PERIOD_NS
        arrivals = device_ns + (rng.exponential(5, 80) * MS).astype(np.int64) + 7 * MS
        last_ns = 0
        for number in range(80):
            arrived_ns = int(arrivals[number])
            ros_ns = 10**18 + arrived_ns + round(step_s * 1e9) * (number >= step_at)
            now = HostTime(arrived_ns, ros_ns)
            stamp_ns = clock.stamp(int(device_ns[number]), arrived_ns, now)
            if stamp_ns is None:
                continue
            assert last_ns < stamp_ns <= ros_ns
            last_ns = stamp_ns
            if number >= step_at:
                error_ns = stamp_ns - (ros_ns - arrived_ns + int(device_ns[number]))
                worst_ms = max(worst_ms, abs(error_ns) / MS)
        assert clock.jumps == 0
        assert (clock.held > 0) == (step_s < 0)
        most_held = max(most_held, clock.held)
    assert most_held <= 10
    # 7 ms of it is the least delay, which no clock shows.
    assert worst_ms < 25.0
    faults.record(
        f"clock stepped {'forward' if step_s > 0 else 'back'} by 1 s (stamps of 80 frames each)",
        count,
        f"stamps rise, none in the future, none off by more than {worst_ms:.0f} ms; at most "
        f"{most_held} frames held and counted",
    )


def test_a_long_step_back_is_followed_and_counted() -> None:
    stamps, clock = stamp_sequence([0.0] * 5 + [-3600.0] * 5)
    assert None not in stamps
    assert clock.jumps == 1


def test_latency_moves_stamps_back() -> None:
    clock = StampClock(latency_s=0.05)
    assert clock.stamp(None, 0, HostTime(0, 10**18)) == 10**18 - 50 * MS


def test_judge_accepts_a_quiet_room_and_rejects_its_repetition() -> None:
    judge = FrameJudge()
    for number in range(20):
        assert judge.judge(room(number), number * PERIOD_NS) is FrameVerdict.GOOD
    assert judge.judge(room(19), 20 * PERIOD_NS) is FrameVerdict.REPEATED
    assert not judge.frozen
    assert judge.judge(room(19), 40 * PERIOD_NS) is FrameVerdict.REPEATED
    assert judge.frozen
    assert judge.counts.shutter_freezes == 0


def test_a_short_freeze_that_ends_is_a_shutter() -> None:
    judge = FrameJudge()
    judge.judge(room(0), 0)
    for number in range(1, 5):
        judge.judge(room(0), number * PERIOD_NS)
    assert judge.judge(room(1), 5 * PERIOD_NS) is FrameVerdict.GOOD
    assert (judge.counts.repeated, judge.counts.shutter_freezes) == (4, 1)


def test_a_uniform_step_is_a_recalibration() -> None:
    judge = FrameJudge()
    judge.judge(room(0), 0)
    judge.judge(room(1) + np.uint16(120), PERIOD_NS)
    assert judge.counts.shutter_freezes == 1


def test_corrupt_bands_are_found_and_a_hot_person_is_not() -> None:
    limits = InputLimits()
    image = room(0)
    image[20:58, 30:45] = 30700
    image[50:60, :] += 300
    assert not corrupt_rows(image, limits).any()
    zeros, constant, torn = image.copy(), image.copy(), image.copy()
    zeros[40:44] = 0
    constant[40:44] = 29500
    torn[30:] = np.roll(torn[30:], 7, axis=1) + 1500
    assert corrupt_rows(zeros, limits)[40:44].all()
    assert corrupt_rows(constant, limits)[40:44].all()
    assert corrupt_rows(torn, limits)[30]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda image: (image // 10).astype(np.uint16), "wrong_unit"),
        (lambda image: image.byteswap(), "byte_order"),
        (lambda image: np.vstack([image, 65535 - image[:2] // 2]), "telemetry_rows"),
    ],
)
def test_the_judge_of_a_device_names_what_the_gate_names(change, reason) -> None:
    judge = FrameJudge()
    assert judge.judge(change(room(0)), 0) is FrameVerdict.CORRUPT
    assert judge.refusal.reason == reason and judge.refusal.sentence
    assert judge.judge(room(1), PERIOD_NS) is FrameVerdict.GOOD


def test_gap_counter_learns_the_rate() -> None:
    counter = GapCounter(period_s=0.04)
    stamps = [number * PERIOD_NS for number in range(20)]
    for stamp in stamps:
        counter.note(stamp)
    learned = counter.gaps
    counter.note(stamps[-1] + 4 * PERIOD_NS)
    assert counter.gaps == learned + 1
