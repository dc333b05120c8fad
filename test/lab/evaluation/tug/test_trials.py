# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.stick_figure import Figure

from thermal_pose.cli import main as cli
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.lab.evaluation.tug.trials import (
    Disturbance,
    cohort_figures,
    condition_curves,
    error_rows,
    evaluate_trial,
)
from thermal_pose.lab.learning.tug.cases import (
    EVALUATION_SEED,
    TrialCase,
    blocked,
    cohort_cases,
)
from thermal_pose.lab.learning.tug.development import development_cases, is_development_seed
from thermal_pose.lab.learning.tug.keypoint_file import (
    KeypointTrial,
    keypoint_path,
    write_keypoints,
)
from thermal_pose.lab.metrics.agreement import TrialPair, boundaries_s, labels_at, live_right
from thermal_pose.lab.simulation.people.presets import INVALID_KINDS
from thermal_pose.types import TrialReason, TugTiming


def trial(seed: int, valid: bool = True) -> KeypointTrial:
    figure = Figure(seed=seed) if valid else Figure(seed=seed, end_s=6.0)
    truth = TugTiming(figure.truth.origin_ns, reason=TrialReason.STOPPED_EARLY, sentence="Short.")
    frames = tuple(figure.frames(origin_ns=0))
    conditions = {"distance_m": 5.6 + 0.4 * seed, "view_deg": -15.0 * seed}
    return KeypointTrial(
        f"t{seed}", f"s{seed}", frames, figure.truth if valid else truth, conditions
    )


@pytest.fixture(scope="module")
def evaluated() -> list:
    trials = [trial(0), trial(1), trial(2), trial(3, valid=False)]
    return [evaluate_trial(t, TugParams(), Disturbance()) for t in trials]


def test_figures_of_a_small_cohort(evaluated: list) -> None:
    figures = cohort_figures(evaluated)
    assert (figures["n_valid"], figures["n_invalid"]) == (3, 1)
    assert figures["detected"] == 1.0
    assert figures["invalid_timed"] == 0
    assert 0.0 < figures["boundary_mae_s"] < 0.5
    assert 0.0 <= figures["within_two_sd"] <= 1.0
    assert 0.5 < figures["live_within_two_frames"] <= 1.0


def test_a_live_phase_may_be_two_frames_late() -> None:
    whole = trial(0)
    stamps_ns = np.array([frame.stamp_ns for frame in whole.frames], dtype=np.int64)
    pair = TrialPair(whole.truth, whole.truth, stamps_ns, "s")
    exact = labels_at((stamps_ns - whole.truth.origin_ns) / 1e9, boundaries_s(whole.truth))
    assert live_right(pair, exact).all()
    assert live_right(pair, np.concatenate([exact[:1].repeat(2), exact[:-2]])).all()
    late = live_right(pair, np.concatenate([exact[:1].repeat(4), exact[:-4]]))
    # Two frames too late at each of the seven boundaries.
    assert (~late).sum() == 14


def test_rows_hold_the_errors_of_timed_trials_only(evaluated: list) -> None:
    rows = error_rows(evaluated)
    assert [len(row.get("errors_s", [])) for row in rows] == [7, 7, 7, 0]
    assert rows[3]["total_s"] is None
    assert json.dumps(rows)


def test_conditions_are_binned_by_size_of_the_angle(evaluated: list) -> None:
    curves = condition_curves(evaluated)
    assert sum(point["n_valid"] for point in curves["view_deg"]) == 3
    assert [point["n_valid"] for point in curves["view_deg"]] == [1, 1, 0, 1]
    assert curves["view_deg"][2]["total_mae_s"] is None


def test_disturbances_are_the_same_each_time() -> None:
    frames = trial(0).frames
    lost = Disturbance(dropout=0.3)
    assert [f.stamp_ns for f in lost(frames, "a")] == [f.stamp_ns for f in lost(frames, "a")]
    assert [f.stamp_ns for f in lost(frames, "a")] != [f.stamp_ns for f in lost(frames, "b")]
    assert len(lost(frames, "a")) == pytest.approx(0.7 * len(frames), abs=12)
    assert len(Disturbance(every=2)(frames, "a")) == len(frames) // 2
    shaken = Disturbance(noise_px=1.0)(frames, "a")
    moves = np.concatenate([s.persons[0].xy - f.persons[0].xy for s, f in zip(shaken, frames)])
    assert float(moves.std()) == pytest.approx(1.0, abs=0.05)


def test_cohorts_have_all_kinds_of_invalid_trials() -> None:
    pytest.importorskip("numba")
    cases = cohort_cases("paper", 12, 14)
    assert len({case.name for case in cases}) == 26
    valid = [case for case in cases if case.kind is TrialReason.VALID]
    assert {case.seed for case in valid} == {EVALUATION_SEED}
    assert not any(is_development_seed(case.seed) for case in cases)
    assert [case.subject_index for case in valid] == [0] * 5 + [1] * 5 + [2] * 2
    kinds = {case.kind for case in cases} - {TrialReason.VALID}
    assert kinds == set(INVALID_KINDS)


def test_development_trials_are_of_development_seeds() -> None:
    pytest.importorskip("numba")
    cases = development_cases("paper")
    assert len({case.name for case in cases}) == len(cases) == 40 + 28 + 320
    assert all(is_development_seed(case.seed) for case in cases)
    assert is_development_seed(9100)
    assert not is_development_seed(9000)


def test_a_carer_right_before_the_camera_hides_the_test() -> None:
    def person(role: str, place: tuple[float, float]) -> SimpleNamespace:
        joints = np.tile(np.array([*place, 0.9]), (17, 1))
        return SimpleNamespace(role=role, joints=lambda time_s: joints)

    def staged(*performers: SimpleNamespace) -> SimpleNamespace:
        placement = SimpleNamespace(position_m=(5.5, -1.6, 1.5))
        return SimpleNamespace(
            scene=SimpleNamespace(thermal_placement=placement),
            trial=SimpleNamespace(duration_s=3.0, performers=performers),
        )

    assert blocked(staged(person("carer", (5.2, -1.35))))
    assert not blocked(staged(person("carer", (4.0, -1.35))))
    # The person tested may walk past the camera.
    assert not blocked(staged(person("subject", (5.2, -1.35))))


def test_command_analyzes_what_is_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [TrialCase("paper", 100, k, 0, TrialReason.VALID) for k in range(3)]
    for k, case in enumerate(cases):
        write_keypoints(trial(k), keypoint_path(tmp_path / "kp", case))
    monkeypatch.setattr("thermal_pose.lab.learning.tug.cases.cohort_cases", lambda *_: cases)
    monkeypatch.setattr("thermal_pose.lab.learning.tug.frame_store.is_current", lambda *_: True)
    out, page = tmp_path / "a.json", tmp_path / "page.md"
    words = f"evaluate-tug --keypoints {tmp_path / 'kp'} --cohorts paper --seed 100"
    code = cli.main([*words.split(), "--out", str(out), "--page", str(page)])
    assert code == 0
    figures = json.loads(out.read_text())["cohorts"]["paper"]
    assert figures["n_timed"] == 3
    assert "paper: total MAE" in capsys.readouterr().out
    assert "simulated" in page.read_text()
