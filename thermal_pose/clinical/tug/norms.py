# SPDX-License-Identifier: Apache-2.0
"""Published reference bands of the Timed Up and Go, each with its source.

Bands are for reading a figure beside them, never a verdict: nothing here classifies a person
or predicts anything. Published totals start at the word 'go' and so contain the reaction
time; a total from the first movement is shorter by it (`TOTALS_START_NOTE`).
"""

from dataclasses import dataclass
from typing import Final

from thermal_pose.types import Phase

TOTALS_START_NOTE: Final = (
    "Published totals start at the word 'go' and contain the reaction time; the total here "
    "starts at the first movement and is shorter by it."
)


@dataclass(frozen=True)
class Source:
    """A publication: `short` for a caption, `full` for the list of sources, and its address."""

    short: str
    full: str
    url: str


BOHANNON_2006: Final = Source(
    "Bohannon 2006",
    "Bohannon RW. Reference values for the Timed Up and Go test: a descriptive meta-analysis. "
    "J Geriatr Phys Ther 2006;29:64-68. 21 studies of apparently healthy elders.",
    "https://doi.org/10.1519/00139143-200608000-00004",
)
STEADI: Final = Source(
    "CDC STEADI",
    "Centers for Disease Control and Prevention. STEADI assessment: Timed Up and Go.",
    "https://www.cdc.gov/steadi/",
)
BARRY_2014: Final = Source(
    "Barry 2014",
    "Barry E et al. Is the Timed Up and Go test a useful predictor of risk of falls in community "
    "dwelling older adults: a systematic review and meta-analysis. BMC Geriatr 2014;14:14.",
    "https://pmc.ncbi.nlm.nih.gov/articles/PMC3924230/",
)
PODSIADLO_1991: Final = Source(
    "Podsiadlo 1991",
    "Podsiadlo D, Richardson S. The timed 'Up & Go': a test of basic functional mobility for "
    "frail elderly persons. J Am Geriatr Soc 1991;39:142-148.",
    "https://doi.org/10.1111/j.1532-5415.1991.tb01616.x",
)
MULAS_2021: Final = Source(
    "Mulas 2021",
    "Mulas I et al. Clinical assessment of gait and functional mobility in Italian healthy and "
    "cognitively impaired older persons using wearable inertial sensors. Aging Clin Exp Res "
    "2021;33:1853-1864, table 3, healthy controls.",
    "https://doi.org/10.1007/s40520-020-01715-9",
)
HUANG_2011: Final = Source(
    "Huang 2011",
    "Huang SL et al. Minimal detectable change of the timed 'up & go' test and the dynamic gait "
    "index in people with Parkinson disease. Phys Ther 2011;91:114-121.",
    "https://doi.org/10.2522/ptj.20090126",
)
ALGHADIR_2015: Final = Source(
    "Alghadir 2015",
    "Alghadir A et al. The reliability and minimal detectable change of Timed Up and Go test in "
    "individuals with grade 1-3 knee osteoarthritis. BMC Musculoskelet Disord 2015;16:174.",
    "https://doi.org/10.1186/s12891-015-0637-8",
)


PONDAL_2008: Final = Source(
    "Pondal 2008",
    "Pondal M, del Ser T. Normative data and determinants for the timed 'up and go' test in a "
    "population-based sample of elderly individuals without gait disturbances. J Geriatr Phys Ther "
    "2008;31:57-63. 308 people of 71 to 99 years; mean and standard deviation of individuals.",
    "https://pubmed.ncbi.nlm.nih.gov/19856551/",
)


@dataclass(frozen=True)
class IndividualSpread:
    """Totals of individuals of an age group, from 'go': mean and standard deviation, s.

    Two thirds of the group lie within one standard deviation of the mean. `[age_from, age_to)`
    in whole years.
    """

    age_from: int
    age_to: int
    mean_s: float
    sd_s: float
    source: Source = PONDAL_2008

    @property
    def ages(self) -> str:
        """The group for people, such as '76-80'."""
        return f"{self.age_from}-{self.age_to - 1}"

    @property
    def low_s(self) -> float:
        """One standard deviation below the mean, s."""
        return self.mean_s - self.sd_s

    @property
    def high_s(self) -> float:
        """One standard deviation above the mean, s."""
        return self.mean_s + self.sd_s


SPREAD_N_PEOPLE: Final = 308
INDIVIDUAL_SPREADS: Final = (
    IndividualSpread(71, 76, 9.5, 2.5),
    IndividualSpread(76, 81, 9.9, 3.0),
    IndividualSpread(81, 86, 11.2, 3.6),
    IndividualSpread(86, 100, 12.0, 3.8),
)


@dataclass(frozen=True)
class AgeBand:
    """Total time of an age group, from 'go': `[age_from, age_to)` in whole years.

    `low_s` and `high_s` bound the 95 % confidence interval of the group's *mean*: they say
    where the mean lies, not where most persons of that age do.
    """

    age_from: int
    age_to: int
    mean_s: float
    low_s: float
    high_s: float
    source: Source = BOHANNON_2006

    @property
    def ages(self) -> str:
        """The group for people, such as '70-79'."""
        return f"{self.age_from}-{self.age_to - 1}"


AGE_BANDS: Final = (
    AgeBand(60, 70, 8.1, 7.1, 9.0),
    AgeBand(70, 80, 9.2, 8.2, 10.2),
    AgeBand(80, 100, 11.3, 10.0, 12.7),
)


@dataclass(frozen=True)
class PhaseBand:
    """Duration of a phase in healthy persons over 65, mean - SD to mean + SD, in seconds.

    The source gives two age groups without whole-year limits we could verify; the band spans
    both. It was taken with an inertial sensor, whose phases are cut differently from ours.
    """

    phase: Phase
    low_s: float
    high_s: float
    source: Source = MULAS_2021


PHASE_BANDS_FROM_AGE: Final = 65
#: (mean, SD) of the younger and of the older group of the source, in seconds.
_PHASE_GROUPS: Final = {
    Phase.SIT_TO_STAND: ((1.5, 0.3), (1.5, 0.2)),
    Phase.TURN: ((2.2, 0.4), (2.5, 0.7)),
    Phase.TURN_TO_SIT: ((1.7, 0.5), (2.0, 0.7)),
    Phase.STAND_TO_SIT: ((0.9, 0.3), (0.9, 0.3)),
}
PHASE_BANDS: Final = {
    phase: PhaseBand(
        phase,
        round(min(mean - sd for mean, sd in groups), 2),
        round(max(mean + sd for mean, sd in groups), 2),
    )
    for phase, groups in _PHASE_GROUPS.items()
}


@dataclass(frozen=True)
class Landmark:
    """A published mark on the scale of totals, with what it does and does not mean."""

    at_s: float
    label: str
    meaning: str
    source: Source


LANDMARKS: Final = (
    Landmark(12.0, "12 s", "screening mark of the STEADI programme (12 s or more)", STEADI),
    Landmark(
        13.5,
        "13.5 s",
        "often used for fall risk; pooled sensitivity 0.31 and specificity 0.74, 'should not be "
        "used in isolation'",
        BARRY_2014,
    ),
)

#: Lower limits in seconds of the classic bands of the total (Podsiadlo and Richardson).
CLASSIC_BANDS_S: Final = (0.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True)
class DetectableChange:
    """Smallest change of the total beyond the error of repeated stopwatch tests (MDC)."""

    group: str
    change_s: float
    source: Source


DETECTABLE_CHANGES: Final = (
    DetectableChange("Parkinson's disease", 3.5, HUANG_2011),
    DetectableChange("knee osteoarthritis", 1.1, ALGHADIR_2015),
)

SOURCES: Final = (
    PONDAL_2008,
    BOHANNON_2006,
    STEADI,
    BARRY_2014,
    PODSIADLO_1991,
    MULAS_2021,
    HUANG_2011,
    ALGHADIR_2015,
)


def age_band(age_years: float | None) -> AgeBand | None:
    """Return the age group of `age_years`; None when the age is unknown or has no band.

    Raises
    ------
    ValueError
        For an age that nobody has.
    """
    if age_years is None:
        return None
    if not 0.0 <= age_years <= 130.0:
        raise ValueError(f"age_years: expected 0 to 130, got {age_years}")
    return next((band for band in AGE_BANDS if band.age_from <= age_years < band.age_to), None)


def individual_spread(age_years: float | None) -> IndividualSpread | None:
    """Return the spread of individuals of this age; None if unknown or not published.

    Raises
    ------
    ValueError
        For an age that nobody has.
    """
    if age_years is None:
        return None
    if not 0.0 <= age_years <= 130.0:
        raise ValueError(f"age_years: expected 0 to 130, got {age_years}")
    rows = (row for row in INDIVIDUAL_SPREADS if row.age_from <= age_years < row.age_to)
    return next(rows, None)


def missing_spread_reason(age_years: float | None) -> str:
    """Say in one sentence why there is no age reference; '' when there is one."""
    if age_years is None:
        return "No age reference: the person's age was not given."
    if individual_spread(age_years) is None:
        low, high = INDIVIDUAL_SPREADS[0].age_from, INDIVIDUAL_SPREADS[-1].age_to - 1
        return f"No age reference: it is published for {low} to {high} years."
    return ""


def phase_band(phase: Phase, age_years: float | None) -> PhaseBand | None:
    """Return the band of a phase for this age; None where nothing was published for it."""
    if age_years is None or age_years < PHASE_BANDS_FROM_AGE:
        return None
    return PHASE_BANDS.get(phase)


def classic_band(total_s: float) -> str:
    """Return the classic band of a total for people, such as '10 to 20 s'.

    Raises
    ------
    ValueError
        For a negative or not-finite total.
    """
    if not 0.0 <= total_s < float("inf"):
        raise ValueError(f"total_s: expected a finite time of 0 s or more, got {total_s}")
    if total_s < CLASSIC_BANDS_S[1]:
        return "under 10 s"
    if total_s >= CLASSIC_BANDS_S[-1]:
        return "30 s or more"
    low = max(limit for limit in CLASSIC_BANDS_S if total_s >= limit)
    return f"{low:.0f} to {low + 10.0:.0f} s"
