# SPDX-License-Identifier: Apache-2.0
"""The gate for images, on rooms that are and rooms that are not in centikelvin."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support import faults

from thermal_pose.gates.intake import FrameIntake
from thermal_pose.gates.quality import InputGate, InputLimits, judge_temperatures
from thermal_pose.gates.reasons import REMEDIES
from thermal_pose.types import ThermalFrame, TrialReason, UInt16Array

LIMITS = InputLimits()
PERIOD_NS = 125_000_000


def room(seed: int = 0, shape: tuple[int, int] = (60, 80)) -> UInt16Array:
    """A room of 22 degC with a warm person, and a sensor's noise."""
    counts = np.random.default_rng(seed).normal(29515, 6, shape)
    height, width = shape
    counts[height // 4 :, width // 3 : width // 2] += 900
    return counts.round().astype(np.uint16)


def frame(index: int, counts: UInt16Array | None = None) -> ThermalFrame:
    return ThermalFrame(
        10**18 + index * PERIOD_NS, "cam", room(index) if counts is None else counts
    )


def counts_of(centikelvin: UInt16Array, scale_k: float, offset_k: float = 0.0) -> UInt16Array:
    """The same temperatures in another unit."""
    counts = np.rint((centikelvin / 100.0 - offset_k) / scale_k)
    return np.clip(counts, 0, 65535).astype(np.uint16)


def stretched(counts: UInt16Array) -> UInt16Array:
    return ((counts - counts.min()) / np.ptp(counts) * 65535).astype(np.uint16)


def with_rows(counts: UInt16Array, where: str, rows: int, seed: int) -> UInt16Array:
    telemetry = np.random.default_rng(seed).integers(0, 65536, (rows, counts.shape[1]))
    parts = [telemetry, counts] if where == "head" else [counts, telemetry]
    return np.vstack(parts).astype(np.uint16)


Change = Callable[[UInt16Array, int], UInt16Array]

WRONG: dict[str, tuple[TrialReason, str, Change]] = {
    "0.1 K": (TrialReason.WRONG_UNIT, "0.1 K per count", lambda c, _: counts_of(c, 0.1)),
    "kelvin x 64": (TrialReason.WRONG_UNIT, "1/64 K", lambda c, _: counts_of(c, 1 / 64)),
    "0.04 K": (TrialReason.WRONG_UNIT, "0.04 K per count", lambda c, _: counts_of(c, 0.04)),
    "degrees Celsius x 100": (
        TrialReason.WRONG_UNIT, "hundredths", lambda c, _: counts_of(c, 0.01, 273.15),
    ),
    "tenths of a degree above -100": (
        TrialReason.WRONG_UNIT, "above -100 degC", lambda c, _: counts_of(c, 0.1, 173.15),
    ),
    "raw counts": (
        TrialReason.WRONG_UNIT, "raw counts", lambda c, _: counts_of(c, 1 / 13, 295 - 8200 / 13),
    ),
    "other byte order": (TrialReason.BYTE_ORDER, "other order", lambda c, _: c.byteswap()),
    "automatic gain": (TrialReason.STRETCHED, "spans", lambda c, _: stretched(c)),
    "an oven": (TrialReason.IMPLAUSIBLE_TEMPERATURE, "82 degC", lambda c, _: c + np.uint16(6000)),
    "telemetry foot": (
        TrialReason.TELEMETRY_ROWS, "last 2 of 62", lambda c, k: with_rows(c, "foot", 2, k),
    ),
    "telemetry head": (
        TrialReason.TELEMETRY_ROWS, "first 2 of 62", lambda c, k: with_rows(c, "head", 2, k),
    ),
}  # fmt: skip


@pytest.mark.faults
@pytest.mark.parametrize("name", WRONG)
def test_values_that_are_not_centikelvin_are_named(name: str) -> None:
    reason, words, change = WRONG[name]
    tries = faults.times(few=5, full=200)
    for seed in range(tries):
        found = judge_temperatures(change(room(seed), seed), LIMITS)
        assert found.reason is reason and words in found.cause
        assert found.sentence == f"{found.cause} {REMEDIES[reason]}"
    faults.record(f"images: {name}", tries, f"all refused as '{reason}', cause and remedy named")


@pytest.mark.faults
def test_rooms_are_accepted() -> None:
    tries = faults.times(few=40, full=2000)
    random = np.random.default_rng(1)
    for seed in range(tries):
        shape = [(60, 80), (62, 80), (120, 160), (256, 320), (24, 32)][seed % 5]
        counts = room(seed, shape).astype(np.int64)
        counts += int(random.integers(-2500, 1500))  # -3 to 37 degC
        counts[:: shape[0] // 3, -2:] = int(random.integers(31000, 36000))  # lamps
        counts[-1, -1] = 0  # a dead pixel
        found = judge_temperatures(counts.astype(np.uint16), LIMITS)
        assert found.accepted, (seed, found)
    faults.record("images: sound rooms of five sizes", tries, "none refused")


def test_an_image_without_any_noise_is_accepted() -> None:
    """A simulator's: constant rows are no lost band there."""
    counts = np.full((60, 80), 29500, np.uint16)
    counts[20:50, 30:40] = 30500
    assert judge_temperatures(counts, LIMITS).accepted


def test_a_lost_band_in_a_noisy_image_is_refused() -> None:
    counts = room()
    counts[30:34] = 29500
    assert judge_temperatures(counts, LIMITS).reason is TrialReason.CORRUPT_ROWS


def test_repeated_images_are_refused_and_the_same_message_again_is_not() -> None:
    gate = InputGate()
    assert gate.judge(frame(0)).accepted
    assert gate.judge(frame(0)).accepted
    assert gate.judge(frame(1, room(0))).reason is TrialReason.FROZEN
    assert gate.judge(frame(2, room(0))).reason is TrialReason.FROZEN
    assert gate.judge(frame(3)).accepted


def test_another_camera_on_the_topic_is_refused_until_it_has_taken_over() -> None:
    gate = InputGate()
    for index in range(20):
        assert gate.judge(frame(2 * index)).accepted
        other = replace(frame(2 * index + 1), frame_id="other")
        assert gate.judge(other).reason is TrialReason.OTHER_CAMERA
    assert gate.judge(frame(49)).accepted
    answers = [gate.judge(frame(50 + index, room(index, (62, 80)))).accepted for index in range(12)]
    assert answers == [False] * 8 + [True] * 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 80), (2, 2), (3, 5)])
@pytest.mark.parametrize("value", [0, 29500, 65535])
def test_tiny_and_extreme_images_get_an_answer(shape: tuple[int, int], value: int) -> None:
    reason = judge_temperatures(np.full(shape, value, np.uint16), LIMITS).reason
    assert reason in {TrialReason.VALID, *REMEDIES}


def test_refusals_are_counted_by_cause_within_a_span() -> None:
    intake = FrameIntake()
    intake.admit(frame(0))
    for index in range(1, 5):
        intake.admit(frame(index, room(0)))
    intake.admit(frame(5))
    intake.admit(frame(6, room(6).byteswap()))
    refused = intake.refusals()
    assert refused.total == 5 and refused.main.reason is TrialReason.FROZEN
    late = intake.refusals(frame(5).stamp_ns, frame(9).stamp_ns)
    assert late.total == 1 and late.main.reason is TrialReason.BYTE_ORDER
