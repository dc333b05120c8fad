# SPDX-License-Identifier: Apache-2.0
"""The figures of the chair-rise tests, on stick figures whose rises are known."""

from dataclasses import asdict
from pathlib import Path

import pytest
from support import rises as stick

from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.lab.evaluation.chair_rises.cases import rise_cases
from thermal_pose.lab.evaluation.chair_rises.judge import evaluate_rise_files, rise_figures
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, write_keypoints
from thermal_pose.types import TrialReason, TugTiming


def recorded(path: Path, test: str, n_rises: int, reason: TrialReason) -> Path:
    moves = stick.even_rises(n_rises)
    frames = tuple(stick.frames(moves, 3.0 * n_rises + 6.0))
    truth = [
        ChairRise(start, start + 0.5, start + 0.9, down + 0.1, seated, 1.0)
        for start, _, down, seated, _ in moves
    ]
    conditions = {
        "case": {"test": test},
        "rises": [asdict(rise) for rise in truth],
        "distance_m": 3.0,
    }
    timing = TugTiming(frames[0].stamp_ns, reason=reason)
    write_keypoints(KeypointTrial(path.stem, "stick", frames, timing, conditions), path)
    return path


def test_counts_are_judged_from_the_first_movement_and_from_go(tmp_path: Path) -> None:
    paths = [recorded(tmp_path / f"{n}.npz", "chair_stand_30s", n, TrialReason.VALID)
             for n in (9, 10, 11)]  # fmt: skip
    for signalled in (False, True):
        trials = list(evaluate_rise_files(paths, signalled))
        assert all((trial.go_s is None) != signalled for trial in trials)
        if signalled:
            # A reaction time of its own before each first movement, which is at 2 s.
            gos = [trial.go_s for trial in trials]
            assert all(1.2 <= go_s <= 1.8 for go_s in gos) and len(set(gos)) == 3
            assert [trial.result.go_s for trial in trials] == pytest.approx(gos, abs=1e-6)
        figures = rise_figures(trials)
        assert figures["n_given"] == 3 and figures["repetitions_exact_share"] == 1.0
        assert figures["figure_or_other_exact_share"] == 1.0


def test_an_invalid_trial_that_gets_a_number_is_counted(tmp_path: Path) -> None:
    kinds = (TrialReason.VALID, TrialReason.ARMS_USED)
    paths = [recorded(tmp_path / f"{kind}.npz", "five_times_sit_to_stand", 5, kind)
             for kind in kinds]  # fmt: skip
    figures = rise_figures(list(evaluate_rise_files(paths)))
    # Arms are not checked for keypoints of a network that the model does not know.
    assert figures["n_invalid"] == 1 and figures["invalid_given_a_number"] == 1
    assert figures["invalid"]["arms_used"]["given"] == 1


def test_valid_and_invalid_trials_have_seeds_of_their_own() -> None:
    cases = rise_cases("chair_stand_30s", 7, 5, 40)
    assert [case.seed for case in cases] == [40] * 7 + [41] * 5
    assert len({case.name for case in cases}) == 12
