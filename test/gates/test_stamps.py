# SPDX-License-Identifier: Apache-2.0
"""The gate for stamps, against log times that no driver sets."""

from collections.abc import Callable

import numpy as np
import pytest
from support import faults

from thermal_pose.gates.stamps import StampGate
from thermal_pose.types import TrialReason

START_NS = 1_760_000_000 * 10**9
N_FRAMES = 120
Times = np.ndarray


def taken_s(rate_hz: float = 8.0) -> Times:
    return np.arange(N_FRAMES) / rate_hz


def judge(stamps_s: Times, arrivals_s: Times | None, offset_s: float = 0.0) -> TrialReason:
    """Verdict over all images of a stream that begins now, or `offset_s` from now."""
    gate = StampGate()
    for index, stamp_s in enumerate(stamps_s):
        stamp_ns = START_NS + round((stamp_s + offset_s) * 1e9)
        arrived_ns = None if arrivals_s is None else START_NS + round(arrivals_s[index] * 1e9)
        gate.admit(stamp_ns, arrived_ns)
    return gate.verdict().reason


def after(at_s: Times, step_s: float) -> Times:
    return at_s + np.where(np.arange(len(at_s)) >= 60, step_s, 0.0)


WRONG: dict[str, tuple[TrialReason, Callable[[Times], Times]]] = {
    "stamps in whole seconds": (TrialReason.COARSE_STAMPS, np.floor),
    "stamps all equal": (TrialReason.COARSE_STAMPS, np.zeros_like),
    "stamps in bursts of five": (
        TrialReason.STAMP_BURSTS,
        lambda at_s: at_s[(np.arange(len(at_s)) // 5) * 5] + (np.arange(len(at_s)) % 5) * 1e-3,
    ),
    "stamps at twice the rate": (TrialReason.STAMP_RATE, lambda at_s: 2.0 * at_s),
    "stamps at half the rate": (TrialReason.STAMP_RATE, lambda at_s: 0.5 * at_s),
    "clock set forward by 0.6 s": (TrialReason.CLOCK_SET, lambda at_s: after(at_s, 0.6)),
    "clock set back by 0.6 s": (TrialReason.CLOCK_SET, lambda at_s: after(at_s, -0.6)),
    "clock set back by 5 s": (TrialReason.CLOCK_SET, lambda at_s: after(at_s, -5.0)),
    "clock set forward by an hour": (TrialReason.CLOCK_SET, lambda at_s: after(at_s, 3600.0)),
}


@pytest.mark.faults
@pytest.mark.parametrize("name", WRONG)
def test_stamps_that_do_not_tell_the_time_are_named(name: str) -> None:
    reason, change = WRONG[name]
    tries = faults.times(few=5, full=200)
    for seed in range(tries):
        random = np.random.default_rng(seed)
        late_s = np.abs(random.normal(0.0, 0.03, N_FRAMES))
        at_s = taken_s(float(random.uniform(7.0, 10.0)))
        assert judge(change(at_s), at_s + late_s) is reason
    faults.record(f"stamps: {name}", tries, f"all refused as '{reason}'")


@pytest.mark.faults
def test_sound_stamps_pass_however_they_arrive() -> None:
    tries = faults.times(few=30, full=1000)
    for seed in range(tries):
        random = np.random.default_rng(seed)
        at_s = taken_s(float(random.uniform(5.0, 30.0)))
        late_s = np.abs(random.normal(0.0, 0.06, N_FRAMES))
        stall = int(random.integers(20, 90))
        arrivals_s = at_s + late_s
        # A receiver that stalls for a second and catches up.
        waits = (arrivals_s >= at_s[stall]) & (arrivals_s < at_s[stall] + 1.0)
        arrivals_s = np.maximum.accumulate(np.where(waits, at_s[stall] + 1.0, arrivals_s))
        kept = random.random(N_FRAMES) > 0.2  # lost frames
        assert judge(at_s[kept], arrivals_s[kept]) is TrialReason.VALID, seed
    faults.record("stamps: sound, with late and lost messages", tries, "none refused")


def test_a_machine_that_gets_busy_is_no_clock_that_was_set() -> None:
    at_s = taken_s()
    for delay_s in (0.3, 1.0, 3.0):
        assert judge(at_s, after(at_s, delay_s)) is TrialReason.VALID


def test_a_replay_is_not_judged_by_its_arrivals() -> None:
    random = np.random.default_rng(0)
    at_s = taken_s()
    for _ in range(20):
        arrivals_s = np.cumsum(random.exponential(0.03, N_FRAMES))
        arrivals_s[60:] += float(random.uniform(0.2, 5.0))
        assert judge(at_s, arrivals_s, offset_s=-86_400.0) is TrialReason.VALID


@pytest.mark.parametrize("rate", [0.5, 1.0, 8.0])
def test_a_replay_may_run_at_any_rate(rate: float) -> None:
    at_s = taken_s()
    assert judge(at_s, at_s / rate, offset_s=-86_400.0) is TrialReason.VALID


@pytest.mark.parametrize("arrivals_s", [None, np.zeros(N_FRAMES)])
def test_without_a_second_clock_only_the_stamps_are_judged(arrivals_s: Times | None) -> None:
    assert judge(taken_s(), arrivals_s) is TrialReason.VALID
    assert judge(np.floor(taken_s()), arrivals_s) is TrialReason.COARSE_STAMPS


def test_stamps_that_are_all_an_hour_ahead_change_no_duration() -> None:
    assert judge(taken_s(), taken_s(), offset_s=3600.0) is TrialReason.VALID


def test_one_stamp_an_hour_ahead_is_left_out() -> None:
    gate = StampGate()
    answers = [
        gate.admit(START_NS + index * 125_000_000 + (3600 * 10**9 if index == 20 else 0)).reason
        for index in range(40)
    ]
    assert [k for k, reason in enumerate(answers) if reason is not TrialReason.VALID] == [20]
    assert answers[20] is TrialReason.STAMP_OUTLIER


def test_a_long_gap_costs_one_image() -> None:
    gate = StampGate()
    stamps = [START_NS + k * 125_000_000 + (60 * 10**9 if k >= 20 else 0) for k in range(40)]
    refused = [k for k, stamp_ns in enumerate(stamps) if not gate.admit(stamp_ns).accepted]
    assert refused == [20]


def test_zero_is_no_stamp_after_the_first_image() -> None:
    gate = StampGate()
    assert gate.admit(0).accepted and gate.admit(125_000_000).accepted
    assert gate.admit(0).reason is TrialReason.UNSET_STAMP


def test_a_loop_begins_a_new_run() -> None:
    gate = StampGate()
    for loop in range(3):
        for index in range(N_FRAMES):
            arrived_ns = START_NS + 10**15 + (loop * N_FRAMES + index) * 125_000_000
            assert gate.admit(START_NS + index * 125_000_000, arrived_ns).accepted
    assert gate.verdict().accepted
