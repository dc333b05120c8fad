# SPDX-License-Identifier: Apache-2.0
"""Named cohorts: their people, rooms and kinds of trials.

Durations are (mean, SD) of real people: 45 trials of the TST-TUG recordings (healthy adults), and
instrumented tests of healthy old people and cognitively impaired very old people (doi
10.1007/s40520-020-01715-9). `docs/simulated-clinic.md` compares the simulated durations with them.
"""

from dataclasses import dataclass

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.people.body import Sex
from thermal_pose.lab.simulation.people.subject import (
    Population,
    Subject,
    draw_subject,
    subject_rng,
)
from thermal_pose.types import TrialReason

#: Adults of normal mobility with the durations of TST-TUG. `turn_to_sit_s` and `stand_to_sit_s`
#: divide its 2.86 +- 0.41 s of turning and sitting down.
NORMAL = Population(
    age_years=(36, 12),
    sit_to_stand_s=(1.44, 0.30),
    walk_s=(2.30, 0.42),
    turn_s=(1.75, 0.38),
    turn_to_sit_s=(1.98, 0.34),
    stand_to_sit_s=(0.88, 0.2),
)
#: Healthy people over 60.
OLD = Population(
    age_years=(73, 7),
    sit_to_stand_s=(1.5, 0.3),
    walk_s=(2.6, 0.5),
    turn_s=(2.0, 0.4),
    turn_to_sit_s=(1.75, 0.45),
    stand_to_sit_s=(0.95, 0.28),
    armrest_share=0.3,
    thigh_share=0.45,
    stoop_deg=(2.0, 9.0),
    hesitation_s=(0.0, 0.4),
)
#: Impaired old people, many with a stick or a frame, some shuffling.
IMPAIRED = Population(
    age_years=(80, 7),
    sit_to_stand_s=(2.2, 0.8),
    walk_s=(5.2, 2.2),
    turn_s=(3.4, 1.2),
    turn_to_sit_s=(2.8, 1.1),
    stand_to_sit_s=(1.35, 0.5),
    walk_ratio=(0.0035, 0.0055),
    stick_share=0.28,
    frame_share=0.24,
    shuffling_share=0.25,
    armrest_share=0.5,
    thigh_share=0.4,
    stoop_deg=(4.0, 20.0),
    hesitation_s=(0.0, 1.5),
    max_rocks=2,
)

#: Adults who move like 43 recorded real people: quick turns before the chair, free arms.
RECORDED = Population(
    age_years=(45, 20),
    sit_to_stand_s=(1.15, 0.25),
    walk_s=(3.1, 0.6),
    turn_s=(1.6, 0.4),
    turn_to_sit_s=(1.05, 0.35),
    stand_to_sit_s=(0.9, 0.25),
)
#: Fit people who hurry; totals from 5 s.
HURRIED = Population(
    age_years=(30, 9),
    sit_to_stand_s=(0.8, 0.15),
    walk_s=(1.3, 0.2),
    turn_s=(1.05, 0.2),
    turn_to_sit_s=(1.0, 0.2),
    stand_to_sit_s=(0.6, 0.12),
)
#: People who take about forty seconds, some a minute.
VERY_SLOW = Population(
    age_years=(82, 6),
    sit_to_stand_s=(3.2, 1.2),
    walk_s=(12.0, 4.0),
    turn_s=(5.5, 1.8),
    turn_to_sit_s=(4.2, 1.4),
    stand_to_sit_s=(2.4, 0.9),
    walk_ratio=(0.0030, 0.0050),
    stick_share=0.3,
    frame_share=0.3,
    shuffling_share=0.5,
    armrest_share=0.5,
    thigh_share=0.4,
    stoop_deg=(5.0, 25.0),
    hesitation_s=(0.0, 3.0),
    max_rocks=3,
)
#: People who take 60 to 100 s, with short steps and long hesitation.
SLOWEST = Population(
    age_years=(85, 5),
    sit_to_stand_s=(4.0, 1.0),
    walk_s=(28.0, 3.0),
    turn_s=(6.5, 1.0),
    turn_to_sit_s=(5.0, 1.0),
    stand_to_sit_s=(3.0, 0.8),
    walk_ratio=(0.0020, 0.0035),
    stick_share=0.3,
    frame_share=0.4,
    shuffling_share=0.6,
    armrest_share=0.6,
    thigh_share=0.3,
    stoop_deg=(5.0, 25.0),
    hesitation_s=(0.0, 3.0),
    max_rocks=3,
    longest_walk_s=34.0,
    speed_mps=(0.07, 0.16),
)
#: Fit people who hurry as much as they can: totals of 5 to 6 s.
FASTEST = Population(
    age_years=(26, 5),
    sit_to_stand_s=(0.64, 0.04),
    walk_s=(1.05, 0.05),
    turn_s=(0.84, 0.04),
    turn_to_sit_s=(0.74, 0.04),
    stand_to_sit_s=(0.48, 0.04),
    speed_mps=(1.4, 1.65),
)

#: Kinds of invalid trials, in the order in which a cohort uses them; the slow one takes long to
#: render and comes once per round.
INVALID_KINDS = (
    TrialReason.NEVER_SAT,
    TrialReason.STOPPED_EARLY,
    TrialReason.LEFT_VIEW,
    TrialReason.SECOND_PERSON,
    TrialReason.NEVER_STOOD,
    TrialReason.STAMP_GAP,
    TrialReason.FRAMES_LOST,
    TrialReason.WRONG_ORDER,
    TrialReason.NO_PERSON,
    TrialReason.STOPPED_EARLY,
    TrialReason.SECOND_PERSON,
    TrialReason.LEFT_VIEW,
    TrialReason.NEVER_SAT,
    TrialReason.TOO_SLOW,
)

#: Further trials that cannot be timed: mistakes in recording or doing the test.
MISUSED_KINDS = (
    TrialReason.BEGAN_LATE,
    TrialReason.CUT_OFF,
    TrialReason.TWO_LAPS,
    TrialReason.WALKED_BACKWARDS,
    TrialReason.SAT_ELSEWHERE,
    TrialReason.SIT_TO_STANDS,
    TrialReason.CAMERA_BEHIND,
    TrialReason.CAMERA_TILTED,
)


@dataclass(frozen=True)
class Preset:
    """A kind of cohort.

    Attributes
    ----------
    name, summary : value of the option `--preset`, and one line of help.
    populations : (population, share) from which subjects are drawn.
    n_subjects, n_trials : defaults of the command line.
    room : difficulty of the rooms: 'plain', 'clinic', 'stress' or 'mixed' (`recordings.staging`).
    n_women : number of women among every ten subjects; None for a random number.
    carer_share : share of trials with a carer in view.
    kinds : kinds of trials, used in turn.
    patients : whether trials vary like those of real patients (`motion.manner`).
    """

    name: str
    summary: str
    populations: tuple[tuple[Population, float], ...]
    n_subjects: int
    n_trials: int
    room: str
    n_women: int | None = None
    carer_share: float = 0.0
    kinds: tuple[TrialReason, ...] = (TrialReason.VALID,)
    patients: bool = False

    def kind(self, subject_index: int, trial_index: int, n_trials: int) -> TrialReason:
        """Kind of a trial."""
        return self.kinds[(subject_index * n_trials + trial_index) % len(self.kinds)]

    def subject(self, seed: int, index: int) -> Subject:
        """The subject of an index, determined by (preset, seed, index)."""
        value = float(subject_rng(self.name, seed, index, 1).random())
        chosen = self.populations[-1][0]
        for population, share in self.populations:
            if value < share:
                chosen = population
                break
            value -= share
        sex: Sex | None = None
        if self.n_women is not None:
            # Women are spread evenly: with two of ten, they have the indices 4 and 9.
            before, after = index * self.n_women // 10, (index + 1) * self.n_women // 10
            sex = "female" if after > before else "male"
        return draw_subject(chosen, self.name, seed, index, sex)

    def extra_subject(self, seed: int, index: int, trial_index: int, role: int) -> Subject:
        """A carer (role 2) or a second tested person (role 3) of one trial."""
        index = 1_000_000 * role + 1000 * index + trial_index
        return draw_subject(OLD if role == 3 else NORMAL, self.name, seed, index)


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "paper",
            "10 adults of normal mobility (8 men, 2 women), 5 trials each, plain rooms",
            ((NORMAL, 1.0),),
            n_subjects=10,
            n_trials=5,
            room="plain",
            n_women=2,
        ),
        Preset(
            "clinic",
            "people over 60, half of them impaired, with walking aids; sometimes a carer in view",
            ((OLD, 0.5), (IMPAIRED, 0.5)),
            n_subjects=40,
            n_trials=5,
            room="clinic",
            carer_share=0.25,
        ),
        Preset(
            "patients",
            "people who pause, freeze, try again, settle slowly, hurry or take a minute",
            ((RECORDED, 0.45), (OLD, 0.18), (IMPAIRED, 0.2), (HURRIED, 0.09), (VERY_SLOW, 0.08)),
            n_subjects=40,
            n_trials=5,
            room="mixed",
            carer_share=0.2,
            patients=True,
        ),
        Preset(
            "adults",
            "adults who move like 43 recorded real people; patients without the frail ones",
            ((RECORDED, 1.0),),
            n_subjects=20,
            n_trials=3,
            room="mixed",
            carer_share=0.2,
            patients=True,
        ),
        Preset(
            "slowest",
            "patients who take 60 to 100 s",
            ((SLOWEST, 1.0),),
            n_subjects=8,
            n_trials=2,
            room="clinic",
            patients=True,
        ),
        Preset(
            "fastest",
            "fit people who take 5 to 6 s",
            ((FASTEST, 1.0),),
            n_subjects=8,
            n_trials=2,
            room="clinic",
            patients=True,
        ),
        Preset(
            "misused",
            "wrongly made recordings, each labelled with the reason",
            ((RECORDED, 0.5), (OLD, 0.3), (IMPAIRED, 0.2)),
            n_subjects=8,
            n_trials=4,
            room="clinic",
            kinds=MISUSED_KINDS,
            patients=True,
        ),
        Preset(
            "stress",
            "warm distractors, partial views, noisy cameras, people passing by",
            ((NORMAL, 0.4), (OLD, 0.3), (IMPAIRED, 0.3)),
            n_subjects=20,
            n_trials=3,
            room="stress",
            carer_share=0.35,
        ),
        Preset(
            "invalid",
            "trials that cannot be timed, each labelled with the reason",
            ((NORMAL, 0.4), (OLD, 0.35), (IMPAIRED, 0.25)),
            n_subjects=14,
            n_trials=4,
            room="clinic",
            kinds=INVALID_KINDS,
        ),
        Preset(
            "teacher",
            "many different people in all rooms, to train an RGB teacher",
            ((NORMAL, 0.5), (OLD, 0.3), (IMPAIRED, 0.2)),
            n_subjects=200,
            n_trials=1,
            room="mixed",
            carer_share=0.15,
        ),
    )
}


def find_preset(name: str) -> Preset:
    """Return a preset by its name.

    Raises
    ------
    SimulationError
        If there is no such preset; the message lists all presets.
    """
    if name not in PRESETS:
        raise SimulationError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]
