# SPDX-License-Identifier: Apache-2.0
"""Simulated people: body, gait and habits, and how these vary between trials.

A subject is drawn once from a population; `Subject.trial_variant` varies speed and timing from
trial to trial. A subject is determined by (namespace, seed, index), so two cohorts have no person
in common unless they agree in all three.
"""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any
from zlib import crc32

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.people.body import BodyShape, Sex, draw_stature_m

Rng = np.random.Generator


class Aid(StrEnum):
    """Walking aid."""

    NONE = "none"
    STICK = "stick"
    FRAME = "frame"


class ArmUse(StrEnum):
    """Use of the arms while standing up and sitting down."""

    FREE = "free"
    THIGHS = "thighs"
    ARMRESTS = "armrests"


#: Field -> (least, greatest) allowed value.
LIMITS: dict[str, tuple[float, float]] = {
    "speed_mps": (0.06, 1.9),
    "cadence_spm": (45, 170),
    "step_width_m": (0.06, 0.30),
    "double_support_share": (0.12, 0.6),
    "asymmetry": (-0.3, 0.3),
    "arm_swing": (0.0, 1.6),
    "stoop_deg": (0.0, 30.0),
    "shuffling": (0.0, 1.0),
    "festination": (0.0, 0.6),
    "hesitation_s": (0.0, 4.0),
    "sit_to_stand_s": (0.6, 7.0),
    "stand_to_sit_s": (0.4, 5.0),
    "turn_s": (0.8, 9.0),
    "turn_to_sit_s": (0.7, 7.0),
    "n_rocks": (0, 3),
}
#: Longest step of a drawn subject, as a share of stature.
LONGEST_STEP = 0.41
#: Longest step that a subject may have, as a share of stature.
POSSIBLE_STEP = 0.52


@dataclass(frozen=True)
class Subject:
    """One simulated person; a value outside `LIMITS` is an error.

    Attributes
    ----------
    subject_id : pseudonym, unique in a cohort.
    shape : sex, age, stature and build of the body.
    speed_mps, cadence_spm : comfortable gait speed and steps per minute.
    step_width_m : distance between the ankles.
    double_support_share : share of a step with both feet on the floor.
    asymmetry : relative difference between the step times of the two sides, positive where the
        left one's are longer.
    arm_swing : amplitude; 1 is a healthy swing.
    stoop_deg : forward lean of the trunk while walking.
    shuffling : 0 for normally lifted feet to 1 for hardly lifted ones.
    festination : relative rise of the cadence during the walk, at the same speed.
    hesitation_s : pause between standing up and the first step.
    sit_to_stand_s, turn_s, turn_to_sit_s, stand_to_sit_s : habitual duration of each phase.
    n_rocks : failed attempts to stand up before the successful one.
    arm_use, aid, aid_side : habits; `aid_side` is +1 left or -1 right.
    turn_side : preferred direction of both turns, +1 left or -1 right.
    appearance_seed : seed of clothes, hair and skin.
    """

    subject_id: str
    shape: BodyShape
    speed_mps: float
    cadence_spm: float
    step_width_m: float
    double_support_share: float
    asymmetry: float
    arm_swing: float
    stoop_deg: float
    shuffling: float
    festination: float
    hesitation_s: float
    sit_to_stand_s: float
    turn_s: float
    turn_to_sit_s: float
    stand_to_sit_s: float
    n_rocks: int
    arm_use: ArmUse
    aid: Aid
    aid_side: int
    turn_side: int
    appearance_seed: int

    def __post_init__(self) -> None:
        for name, (least, greatest) in LIMITS.items():
            value = getattr(self, name)
            if not least <= value <= greatest:
                raise SimulationError(
                    f"subject {self.subject_id!r}: {name} must lie in "
                    f"[{least}, {greatest}], got {value}"
                )
        step_m = 60 * self.speed_mps / self.cadence_spm
        if step_m > POSSIBLE_STEP * self.shape.height_m:
            raise SimulationError(
                f"subject {self.subject_id!r}: step length (60 speed_mps / cadence_spm) must be "
                f"at most {POSSIBLE_STEP * self.shape.height_m:.2f} m, got {step_m:.2f} m"
            )
        for side in ("aid_side", "turn_side"):
            if getattr(self, side) not in (-1, 1):
                raise SimulationError(f"{side}: expected +1 or -1, got {getattr(self, side)}")

    def trial_variant(self, rng: Rng) -> "Subject":
        """The person in one trial: speed and timing vary by about 6 %, turns go either way."""
        noise = 1.0 + 0.06 * np.clip(rng.standard_normal(7), -2.5, 2.5)
        varied: dict[str, Any] = {
            name: float(np.clip(getattr(self, name) * factor, *LIMITS[name]))
            for name, factor in zip(
                (
                    "speed_mps",
                    "cadence_spm",
                    "sit_to_stand_s",
                    "turn_s",
                    "turn_to_sit_s",
                    "stand_to_sit_s",
                ),
                noise,
                strict=False,
            )
        }
        fastest_mps = 160 / 60 * LONGEST_STEP * self.shape.height_m
        varied["speed_mps"] = min(varied["speed_mps"], fastest_mps)
        shortest_spm = 60 * varied["speed_mps"] / (LONGEST_STEP * self.shape.height_m)
        varied["cadence_spm"] = max(varied["cadence_spm"], shortest_spm)
        varied["hesitation_s"] = float(min(4.0, self.hesitation_s * rng.uniform(0.4, 1.6)))
        varied["n_rocks"] = int(rng.binomial(self.n_rocks, 0.6)) if self.n_rocks else 0
        side = self.turn_side if rng.random() < 0.75 else -self.turn_side
        return replace(self, turn_side=side, **varied)

    def to_json(self) -> dict[str, Any]:
        """All fields, for the manifest of a cohort."""
        return asdict(self)


@dataclass(frozen=True)
class Population:
    """Distributions from which subjects are drawn.

    Durations and ages are (mean, standard deviation), other pairs are (least, greatest), shares are
    probabilities. `walk_s` is the walk from the first step to the turn, at most `longest_walk_s`;
    `speed_mps` bounds the speed that follows from it. `walk_ratio` is step length over cadence,
    m min; the other names are those of `Subject`. `docs/simulated-clinic.md` gives the sources.
    """

    age_years: tuple[float, float]
    sit_to_stand_s: tuple[float, float]
    walk_s: tuple[float, float]
    turn_s: tuple[float, float]
    turn_to_sit_s: tuple[float, float]
    stand_to_sit_s: tuple[float, float]
    walk_ratio: tuple[float, float] = (0.0048, 0.0062)
    female_share: float = 0.5
    stick_share: float = 0.0
    frame_share: float = 0.0
    shuffling_share: float = 0.0
    armrest_share: float = 0.1
    thigh_share: float = 0.3
    stoop_deg: tuple[float, float] = (1.0, 5.0)
    hesitation_s: tuple[float, float] = (0.0, 0.15)
    max_rocks: int = 0
    longest_walk_s: float = 20.0
    speed_mps: tuple[float, float] = (0.16, 1.55)


#: Correlation of each phase duration of a person with the factor that all share.
COMMON_SHARE = 0.75


def subject_rng(namespace: str, seed: int, index: int, *purpose: int) -> Rng:
    """Random generator of one purpose for one subject of one cohort."""
    return np.random.default_rng([crc32(namespace.encode()), seed, index, *purpose])


def _log_normal(rng_value: float, mean: float, sd: float) -> float:
    """Value of a log-normal distribution (mean, sd) at a standard normal value."""
    spread = np.sqrt(np.log1p((sd / mean) ** 2))
    return float(mean * np.exp(spread * rng_value - spread**2 / 2))


def _durations_s(population: Population, rng: Rng) -> dict[str, float]:
    common = rng.standard_normal()
    durations_s: dict[str, float] = {}
    for name in ("sit_to_stand_s", "walk_s", "turn_s", "turn_to_sit_s", "stand_to_sit_s"):
        value = COMMON_SHARE * common + np.sqrt(1 - COMMON_SHARE**2) * rng.standard_normal()
        mean, sd = getattr(population, name)
        drawn = _log_normal(float(np.clip(value, -2.2, 2.2)), mean, sd)
        limits_s = LIMITS.get(name, (1.0, population.longest_walk_s))
        durations_s[name] = float(np.clip(drawn, *limits_s))
    return durations_s


def _shape(rng: Rng, sex: Sex, age_years: float) -> BodyShape:
    height_m = draw_stature_m(rng, sex, age_years)
    return BodyShape(
        sex=sex,
        age_years=round(age_years, 1),
        height_m=round(float(np.clip(height_m, 1.45, 1.98)), 3),
        weight=round(float(np.clip(rng.normal(0.52, 0.18), 0.1, 0.95)), 3),
        muscle=round(float(np.clip(rng.normal(0.5, 0.16), 0.1, 0.9)), 3),
        proportions=round(float(rng.uniform(0.2, 0.9)), 3),
    )


def _aid(population: Population, rng: Rng) -> Aid:
    value = rng.random()
    if value < population.stick_share:
        return Aid.STICK
    return Aid.FRAME if value < population.stick_share + population.frame_share else Aid.NONE


def _arm_use(population: Population, rng: Rng, aid: Aid) -> ArmUse:
    value = rng.random()
    if value < population.armrest_share:
        return ArmUse.ARMRESTS
    if value < population.armrest_share + population.thigh_share or aid is Aid.FRAME:
        return ArmUse.THIGHS
    return ArmUse.FREE


def draw_subject(
    population: Population, namespace: str, seed: int, index: int, sex: Sex | None = None
) -> Subject:
    """Draw a subject; the same arguments always give the same person.

    Parameters
    ----------
    population : distributions to draw from.
    namespace : name of the preset.
    seed, index : seed of the cohort, and index of the subject in it.
    sex : 'female' or 'male'; drawn if None.
    """
    rng = subject_rng(namespace, seed, index)
    drawn_sex: Sex = "female" if rng.random() < population.female_share else "male"
    age_years = float(np.clip(rng.normal(*population.age_years), 18, 94))
    shape = _shape(rng, sex or drawn_sex, age_years)
    durations_s = _durations_s(population, rng)
    shuffling = float(rng.uniform(0.6, 1.0) if rng.random() < population.shuffling_share else 0.0)
    # 2.45 m of walking, plus 0.42 s lost by speeding up and slowing down.
    walk_s = max(0.6, durations_s["walk_s"] - 0.42)
    speed_mps = float(np.clip(2.45 / walk_s, *population.speed_mps))
    walk_ratio = rng.uniform(*population.walk_ratio) * (1.0 - 0.5 * shuffling)
    aid = _aid(population, rng)
    slowness = float(np.clip((1.1 - speed_mps) / 0.8, 0.0, 1.0))
    return Subject(
        subject_id=f"{namespace}-{seed}-{index:03d}",
        shape=shape,
        speed_mps=speed_mps,
        cadence_spm=max(
            float(np.clip(np.sqrt(60 * speed_mps / walk_ratio), 62, 150)),
            60 * speed_mps / (LONGEST_STEP * shape.height_m),
        ),
        step_width_m=float(np.clip(rng.normal(0.12 + 0.06 * slowness, 0.025), 0.07, 0.28)),
        double_support_share=float(
            np.clip(0.22 + 0.22 * slowness + rng.normal(0, 0.02), 0.16, 0.55)
        ),
        asymmetry=float(np.clip(rng.normal(0, 0.02 + 0.06 * slowness), -0.28, 0.28)),
        arm_swing=float(np.clip(rng.normal(0.95 - 0.5 * slowness, 0.2), 0.05, 1.5)),
        stoop_deg=float(rng.uniform(*population.stoop_deg)),
        shuffling=shuffling,
        festination=float(rng.uniform(0.1, 0.4)) if shuffling and rng.random() < 0.5 else 0.0,
        hesitation_s=float(rng.uniform(*population.hesitation_s)),
        sit_to_stand_s=durations_s["sit_to_stand_s"],
        turn_s=durations_s["turn_s"],
        turn_to_sit_s=durations_s["turn_to_sit_s"],
        stand_to_sit_s=durations_s["stand_to_sit_s"],
        n_rocks=int(rng.integers(0, population.max_rocks + 1)) if slowness > 0.4 else 0,
        arm_use=_arm_use(population, rng, aid),
        aid=aid,
        aid_side=int(rng.choice([-1, 1])),
        turn_side=int(rng.choice([-1, 1])),
        appearance_seed=int(rng.integers(2**31)),
    )
