# SPDX-License-Identifier: Apache-2.0
"""Puts the exact timing of a simulated trial beside the one that was measured."""

from dataclasses import replace

from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.types import NS_PER_S, PhaseInterval, TugTiming


def rebase(timing: TugTiming, origin_ns: int) -> TugTiming:
    """Return the same intervals in seconds since another stamp."""
    shift_s = (timing.origin_ns - origin_ns) / NS_PER_S
    phases = tuple(
        PhaseInterval(item.phase, item.start_s + shift_s, item.end_s + shift_s)
        for item in timing.phases
    )
    return replace(timing, origin_ns=origin_ns, phases=phases)


def overlaps(truth: TugTiming, first_ns: int, last_ns: int) -> bool:
    """Whether a truth belongs to a trial seen from `first_ns` to `last_ns`.

    A truth without phases (no one stood up) belongs to the trial that begins at its origin.
    """
    if not truth.phases:
        return first_ns <= truth.origin_ns <= last_ns
    start_ns = truth.origin_ns + round(truth.phases[0].start_s * NS_PER_S)
    end_ns = truth.origin_ns + round(truth.phases[-1].end_s * NS_PER_S)
    return start_ns <= last_ns and end_ns >= first_ns


def with_truth(result: MovementResult, truth: TugTiming | None) -> MovementResult:
    """Return the result with the truth in its own seconds; unchanged if it is another trial's."""
    if truth is None or not isinstance(result, TrialResult) or not len(result.signals.stamps_s):
        return result
    first_ns = result.timing.origin_ns
    last_ns = first_ns + round(float(result.signals.stamps_s[-1]) * NS_PER_S)
    if not overlaps(truth, first_ns, last_ns):
        return result
    return replace(result, truth=rebase(truth, first_ns))
