# SPDX-License-Identifier: Apache-2.0
"""Published references of both chair-rise tests, each with its source.

They are for reading a figure beside them, never a verdict: nothing here classifies a person or
predicts anything.
"""

from dataclasses import dataclass
from typing import Final

from thermal_pose.clinical.tug.norms import Source

BOHANNON_2006_FTSS: Final = Source(
    "Bohannon 2006",
    "Bohannon RW. Reference values for the five-repetition sit-to-stand test: a descriptive "
    "meta-analysis of data from elders. Percept Mot Skills 2006;103:215-222. 14 studies.",
    "https://doi.org/10.2466/pms.103.1.215-222",
)
STEADI_CHAIR_STAND: Final = Source(
    "CDC STEADI",
    "Centers for Disease Control and Prevention. STEADI assessment: 30-second chair stand. Limits "
    "after Rikli and Jones 1999, community-residing adults of 60 to 94 years.",
    "https://www.cdc.gov/steadi/",
)


@dataclass(frozen=True)
class RiseLimit:
    """The limit that a publication gives for `[age_from, age_to)`.

    `value` is in seconds (slower than average above it) or stands (below average under it).
    """

    age_from: int
    age_to: int
    value: float

    @property
    def ages(self) -> str:
        """The group for people, such as '70-79'."""
        return f"{self.age_from}-{self.age_to - 1}"


FIVE_TIMES_LIMITS: Final = (
    RiseLimit(60, 70, 11.4),
    RiseLimit(70, 80, 12.6),
    RiseLimit(80, 90, 14.8),
)
#: By sex; fewer stands than these are below average.
CHAIR_STAND_LIMITS: Final[dict[str, tuple[RiseLimit, ...]]] = {
    sex: tuple(RiseLimit(60 + 5 * k, 65 + 5 * k, float(value)) for k, value in enumerate(values))
    for sex, values in (("male", (14, 12, 12, 11, 10, 8, 7)), ("female", (12, 11, 10, 10, 9, 8, 4)))
}
SOURCES: Final = (BOHANNON_2006_FTSS, STEADI_CHAIR_STAND)


def five_times_limit(age_years: float | None) -> RiseLimit | None:
    """Return the limit at this age; None if the age is unknown or has none."""
    return _at(FIVE_TIMES_LIMITS, age_years)


def chair_stand_limit(age_years: float | None, sex: str) -> RiseLimit | None:
    """Return the limit at this age and sex; None if either is unknown or has none."""
    return _at(CHAIR_STAND_LIMITS.get(sex, ()), age_years)


def _at(limits: tuple[RiseLimit, ...], age_years: float | None) -> RiseLimit | None:
    if age_years is None:
        return None
    return next((row for row in limits if row.age_from <= age_years < row.age_to), None)
