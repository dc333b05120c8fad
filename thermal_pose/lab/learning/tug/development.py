# SPDX-License-Identifier: Apache-2.0
"""Which simulated trials the networks of the Timed Up and Go are trained and tuned on.

Cohorts of even walkers, patients, adults who move like recorded people, and recordings that must be
refused. Some people are kept from training, to see what the networks make of others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thermal_pose.lab.learning.tug.cases import TrialCase, cohort_cases
from thermal_pose.types import TrialReason


@dataclass(frozen=True)
class DevelopmentSet:
    """Trials of each cohort to train and tune on: valid under `seed`, invalid under the next."""

    seed: int
    n_valid: int
    n_invalid: int


#: What timing is developed on, beside patients.
DEVELOPMENT = (DevelopmentSet(77, 40, 28), DevelopmentSet(400, 320, 0))
#: Evaluation seeds that were used once; their errors have been looked at, so they can show nothing
#: any more but how to do better.
_USED_SEEDS = frozenset({9100, 9101, 9200, 9201})


def is_development_seed(seed: int) -> bool:
    """Whether trials of a seed may be trained and tuned on."""
    return 0 <= seed < 1000 or seed in _USED_SEEDS


#: People whom no network is trained on, though timing is developed on them: these seeds, and this
#: many of the patients and of the adults.
HELD_OUT_SEEDS, N_HELD_OUT_PATIENTS = (77, 78), 40


def is_held_out(case: Mapping[str, Any]) -> bool:
    """Whether a development trial (`KeypointTrial.conditions["case"]`) is kept from training."""
    if case["seed"] in HELD_OUT_SEEDS:
        return True
    return case["seed"] == PATIENT_SEED and case["subject_index"] < N_HELD_OUT_PATIENTS


#: Patients to develop on: each valid trial is of another person; invalid ones under the next seed.
PATIENT_SEED, N_PATIENTS, N_MISTAKES = 412, 500, 120
#: People under the patients' seed who move like the recorded ones, as less than half of the
#: patients do.
N_ADULTS = 800
#: Presets whose people move irregularly, as patients do.
IRREGULAR = frozenset({"patients", "adults", "misused"})


def patient_cases() -> list[TrialCase]:
    """Trials of patients and adults, invalid ones, and recordings that users make wrongly."""
    from thermal_pose.lab.simulation.people.presets import INVALID_KINDS, MISUSED_KINDS

    cases = [
        TrialCase(preset, PATIENT_SEED, k, 0, TrialReason.VALID)
        for preset, n_people in (("patients", N_PATIENTS), ("adults", N_ADULTS))
        for k in range(n_people)
    ]
    for k in range(N_MISTAKES):
        for preset, kinds in (("misused", MISUSED_KINDS), ("patients", INVALID_KINDS)):
            cases.append(TrialCase(preset, PATIENT_SEED + 1, k, 0, kinds[k % len(kinds)]))
    return cases


def development_cases(preset: str) -> list[TrialCase]:
    """The trials of one cohort that timing is developed on."""
    if preset == "patients":
        return patient_cases()
    return [
        case
        for part in DEVELOPMENT
        for case in cohort_cases(preset, part.n_valid, part.n_invalid, part.seed)
    ]
