# SPDX-License-Identifier: Apache-2.0
"""The course and the outcome of a trial: `thermal_pose/TugPhase` and `TugReport`."""

import math
from typing import Any, Protocol

from thermal_pose.clinical.course import PhaseUpdate
from thermal_pose.messages.fields import (
    Make,
    header_message,
    probability,
    refusing,
    time_message,
    to_stamp_ns,
)
from thermal_pose.types import NS_PER_S, Phase, PhaseInterval, TrialReason, TugTiming

_NAN = float("nan")


class ReportedTrial(Protocol):
    """The part of a trial's result that `result_message` needs."""

    @property
    def timing(self) -> TugTiming:
        """Phases and validity."""
        ...

    @property
    def boundary_sds_s(self) -> tuple[float, ...]:
        """Standard deviation of each boundary, s; () if refused."""
        ...

    @property
    def subject_id(self) -> str:
        """Pseudonym."""
        ...

    @property
    def trial_id(self) -> str:
        """Name of the trial."""
        ...

    @property
    def total_from_go_s(self) -> float | None:
        """From the signalled 'go' to the end, s."""
        ...

    @property
    def provenance(self) -> Any:
        """Holds `model_id`."""
        ...

    def to_json(self) -> str:
        """Return the whole result."""
        ...


def to_phase(message: Any) -> Phase:
    """Return the phase in a `TugPhase`.

    Raises
    ------
    MessageFormatError
        The phase is none of the constants, its probability is not one, or the time is negative or
        not finite.
    """
    with refusing("phase"):
        probability(message.probability, "probability")
        elapsed_s = float(message.elapsed_s)
        if not (math.isfinite(elapsed_s) and elapsed_s >= 0.0):
            raise ValueError(f"elapsed_s: expected a finite time >= 0, got {elapsed_s}")
        to_stamp_ns(message.header.stamp)
        return Phase(int(message.phase))


def to_timing(report: Any, origin_ns: int | None = None) -> TugTiming:
    """Return the timing in a `TugReport`.

    Parameters
    ----------
    origin_ns : the stamp that the seconds count from; None takes the start of the first phase, or
        the header's stamp if there is none.

    Raises
    ------
    MessageFormatError
        The reason or a phase is not a known one, `valid` contradicts the reason, or a phase ends
        before it starts.
    """
    with refusing("report"):
        reason = TrialReason(str(report.reason))
        if bool(report.valid) != (reason is TrialReason.VALID):
            raise ValueError(f"valid = {report.valid} contradicts the reason '{reason}'")
        if origin_ns is None:
            first = report.phases[0].start if report.phases else report.header.stamp
            origin_ns = to_stamp_ns(first)
        phases = tuple(_interval(interval, origin_ns) for interval in report.phases)
        return TugTiming(origin_ns, phases, reason, str(report.sentence))


def _interval(message: Any, origin_ns: int) -> PhaseInterval:
    return PhaseInterval(
        Phase(int(message.phase)),
        (to_stamp_ns(message.start) - origin_ns) / NS_PER_S,
        (to_stamp_ns(message.end) - origin_ns) / NS_PER_S,
    )


def phase_message(make: Make, frame_id: str, update: PhaseUpdate) -> Any:
    """Return the phase at one image as `TugPhase`."""
    return make(
        "thermal_pose/msg/TugPhase",
        header=header_message(make, update.stamp_ns, frame_id),
        phase=int(update.phase),
        probability=float(update.probability),
        elapsed_s=float(update.elapsed_s),
        track_id=int(update.track_id),
    )


def result_message(make: Make, result: ReportedTrial, stamp_ns: int, frame_id: str) -> Any:
    """Return a trial's result as `TugReport`, stamped as the trial's last image."""
    return timing_message(
        make,
        result.timing,
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        subject_id=result.subject_id,
        trial_id=result.trial_id,
        result=result,
    )


def timing_message(
    make: Make,
    timing: TugTiming,
    *,
    stamp_ns: int,
    frame_id: str,
    subject_id: str = "",
    trial_id: str = "",
    result: ReportedTrial | None = None,
) -> Any:
    """Return a timing as `TugReport`: the phases, or the reason why there are none.

    Parameters
    ----------
    result : the result of which this is the timing; None for a truth, which has neither standard
        deviations nor a 'go': those figures are NaN.
    """
    sds_s = (result and result.boundary_sds_s) or (_NAN,) * (len(timing.phases) + 1)
    return make(
        "thermal_pose/msg/TugReport",
        header=header_message(make, stamp_ns, frame_id),
        subject_id=subject_id,
        trial_id=trial_id,
        valid=timing.valid,
        reason=timing.reason.value,
        sentence=timing.sentence,
        total_s=_or_nan(timing.total_s),
        total_from_go_s=_or_nan(result.total_from_go_s if result else None),
        phases=[
            interval_message(make, interval, timing.origin_ns, sds_s[index], sds_s[index + 1])
            for index, interval in enumerate(timing.phases)
        ],
        model_id=result.provenance.model_id if result else "truth",
        json=result.to_json() if result else "",
    )


def interval_message(
    make: Make, interval: PhaseInterval, origin_ns: int, start_sd_s: float, end_sd_s: float
) -> Any:
    """Return a phase as `TugPhaseInterval`, with absolute stamps."""
    return make(
        "thermal_pose/msg/TugPhaseInterval",
        phase=int(interval.phase),
        start=time_message(make, origin_ns + round(interval.start_s * NS_PER_S)),
        end=time_message(make, origin_ns + round(interval.end_s * NS_PER_S)),
        start_sd_s=float(start_sd_s),
        end_sd_s=float(end_sd_s),
    )


def _or_nan(value: float | None) -> float:
    return _NAN if value is None else float(value)
