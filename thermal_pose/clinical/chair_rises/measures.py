# SPDX-License-Identifier: Apache-2.0
"""The figures beside the headline of a chair-rise test."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from thermal_pose.clinical.chair_rises.about import FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.chair_rises.events import event_offsets, event_sd_s
from thermal_pose.clinical.chair_rises.scoring import (
    CHAIR_STAND_S,
    stands_in_30s,
    to_fifth_stand_s,
)
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.records import Measure, MeasureStatus

_SIMULATED: Final = MeasureStatus.SIMULATED
#: Name of the measure that says how near a rise was to the limit of 30 s.
LIMIT_MARGIN: Final = "limit_margin_s"
_TOO_FEW: Final = "Needs at least two rises."


def rise_measures(
    test: MovementTest, rises: Sequence[ChairRise], start_s: float, signalled: bool = False
) -> tuple[Measure, ...]:
    """Return the measures of a valid trial.

    Parameters
    ----------
    rises : all rises, in order of time; incomplete ones are counted apart.
    start_s : from which the test counts.
    signalled : whether that is a 'go' that was signalled, which is exact.
    """
    complete = [rise for rise in rises if rise.complete]
    rows = [
        _mean("mean_rise_s", "Sit to stand, mean", [rise.rise_s for rise in complete],
              event_sd_s("rise_start", "stand")),
        _mean("mean_descent_s", "Stand to sit, mean",
              [rise.descent_s for rise in complete if rise.descent_s is not None],
              event_sd_s("sit_start", "seat_contact")),
        _mean("mean_rest_s", "Seated between rises, mean", _rests_s(rises),
              event_sd_s("rise_start", "seat_contact")),
        _longest("longest_rest_s", "Seated between rises, longest", _rests_s(rises)),
        Measure("incomplete_rises", "Rises not completed", "",
                float(sum(not rise.complete for rise in rises)), None, _SIMULATED),
        _fatigue(complete),
    ]  # fmt: skip
    if test.key == FIVE_TIMES_SIT_TO_STAND.key:
        rows.insert(0, _fifth_stand(rises, start_s))
    else:
        rows.insert(0, _thirds(rises, start_s))
        rows.append(_limit_margin(rises, start_s, signalled))
    return tuple(rows)


def _rests_s(rises: Sequence[ChairRise]) -> list[float]:
    return [
        after.rise_start_s - before.seat_contact_s
        for before, after in pairwise(rises)
        if before.seat_contact_s is not None
    ]


def _mean(name: str, label: str, values: Sequence[float], sd_s: float) -> Measure:
    if not values:
        return Measure(name, label, "s", None, None, _SIMULATED, _TOO_FEW)
    spread = sd_s / float(np.sqrt(len(values)))
    return Measure(name, label, "s", float(np.mean(values)), spread, _SIMULATED)


def _longest(name: str, label: str, values: Sequence[float]) -> Measure:
    if not values:
        return Measure(name, label, "s", None, None, _SIMULATED, _TOO_FEW)
    return Measure(
        name, label, "s", max(values), event_sd_s("rise_start", "seat_contact"), _SIMULATED
    )


def _fatigue(complete: Sequence[ChairRise]) -> Measure:
    """How much slower the last cycle is than the first."""
    name, label = "last_over_first", "Last cycle over first cycle"
    starts = [rise.rise_start_s for rise in complete]
    if len(starts) < 3:
        return Measure(name, label, "", None, None, omitted="Needs at least three rises.")
    cycles = np.diff(starts)
    return Measure(name, label, "", float(cycles[-1] / cycles[0]))


def _fifth_stand(rises: Sequence[ChairRise], start_s: float) -> Measure:
    value = to_fifth_stand_s(rises, start_s)
    name, label = "to_fifth_stand_s", "To the fifth stand (as the SPPB times it)"
    if value is None:
        return Measure(name, label, "s", None, None, _SIMULATED, "Needs five complete stands.")
    return Measure(name, label, "s", value, event_sd_s("first_start", "stand"), _SIMULATED)


def _limit_margin(rises: Sequence[ChairRise], start_s: float, signalled: bool) -> Measure:
    """How near to the limit of 30 s a rise was half-way up: within its error, the count is open."""
    end_s = start_s + CHAIR_STAND_S
    margins_s = [abs(rise.half_up_s - end_s) for rise in rises if rise.complete]
    name, label = LIMIT_MARGIN, "From the limit of 30 s to the nearest rise, half-way up"
    if not margins_s:
        return Measure(name, label, "s", None, None, _SIMULATED, _TOO_FEW)
    return Measure(name, label, "s", min(margins_s), limit_sd_s(signalled), _SIMULATED)


def limit_sd_s(signalled: bool) -> float:
    """Standard deviation of the time from the limit of 30 s to half-way up, s."""
    if signalled:
        return event_offsets()["half_up"].sd_s
    return event_sd_s("first_start", "half_up")


def other_stands(rises: Sequence[ChairRise], start_s: float, signalled: bool) -> int | None:
    """Return the other count that is possible where a rise was half-way up at the limit of 30 s.

    Returns None unless that rise lies within two standard deviations of the limit. It is one more
    than the count if the rise came too late, and one less if it was counted.
    """
    end_s = start_s + CHAIR_STAND_S
    margins_s = [rise.half_up_s - end_s for rise in rises if rise.complete]
    nearest_s = min(margins_s, key=abs, default=CHAIR_STAND_S)
    if abs(nearest_s) >= 2.0 * limit_sd_s(signalled):
        return None
    return stands_in_30s(rises, start_s) + (1 if nearest_s > 0 else -1)


def _thirds(rises: Sequence[ChairRise], start_s: float) -> Measure:
    """Stands in each ten seconds, as words: pacing."""
    third_s = CHAIR_STAND_S / 3
    counts = [
        sum(
            rise.complete and k * third_s <= rise.half_up_s - start_s < (k + 1) * third_s
            for rise in rises
        )
        for k in range(3)
    ]
    words = " / ".join(str(count) for count in counts)
    return Measure("stands_per_third", "Stands in each 10 s", "", words, None, _SIMULATED)
