# SPDX-License-Identifier: Apache-2.0
"""A trial whose input cannot be trusted is refused, with the cause and the remedy."""

from typing import Final

from thermal_pose.clinical.results import MovementResult
from thermal_pose.gates.intake import FrameIntake, Refusals
from thermal_pose.gates.reasons import GOOD, Finding
from thermal_pose.types import NS_PER_S, TrialReason

#: Outcomes that missing images explain, if images were refused.
_EXPLAINED: Final = frozenset(
    {
        TrialReason.NO_PERSON,
        TrialReason.NEVER_SAT,
        TrialReason.STOPPED_EARLY,
        TrialReason.FRAMES_LOST,
        TrialReason.STAMP_GAP,
        TrialReason.LEFT_VIEW,
        TrialReason.BEGAN_LATE,
        TrialReason.CUT_OFF,
        TrialReason.UNCERTAIN,
    }
)
#: Fewer refused images than this explain nothing.
_MIN_REFUSED: Final = 3
#: Images refused this long before the first that was used belong to the trial as well, s.
_BEFORE_S: Final = 8.0


def with_input(
    result: MovementResult, intake: FrameIntake, fault: Finding = GOOD
) -> MovementResult:
    """Return the result, refused if the images or the stamps of its trial cannot be trusted.

    Stamps that do not tell the time refuse any trial. Refused images refuse it only where they
    explain an outcome such as a gap; a valid trial keeps a note of them. A `fault` that the caller
    found refuses it as well.
    """
    if not fault.accepted:
        return result.refused(fault.reason, fault.sentence)
    stamps_s = result.signals.stamps_s
    if not len(stamps_s):
        refused = intake.refusals()
        return _refused(result, refused) if refused.total else result
    first_ns = result.timing.origin_ns
    last_ns = first_ns + round(float(stamps_s[-1]) * NS_PER_S)
    stamps = intake.stamps_verdict(first_ns, last_ns)
    if stamps.accepted and not result.timing.valid:
        stamps = intake.stamps_verdict()  # the fault may have cut the trial short
    if not stamps.accepted:
        return result.refused(stamps.reason, stamps.sentence)
    refused = intake.refusals(first_ns - int(_BEFORE_S * NS_PER_S), last_ns)
    if refused.total >= _MIN_REFUSED and result.timing.reason in _EXPLAINED:
        return _refused(result, refused)
    return result.noted(tuple(_note(finding, count) for finding, count in refused.counts.items()))


def _refused(result: MovementResult, refused: Refusals) -> MovementResult:
    main = refused.main
    n_images = refused.total + len(result.signals.stamps_s)
    return result.refused(
        main.reason,
        f"{refused.total} of {n_images} images could not be used. {main.sentence}",
    )


def _note(finding: Finding, count: int) -> str:
    return f"{count} image{'s' if count > 1 else ''} not used ({finding.reason}): {finding.cause}"
