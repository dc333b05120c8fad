# SPDX-License-Identifier: Apache-2.0
import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from support.motion import recorded, write_motion

from thermal_pose.cli.main import main
from thermal_pose.clinical.phases import BOUNDARY_KEYS
from thermal_pose.lab.evaluation.tug.motion import (
    MotionResult,
    label_figures,
    motion_figures,
)
from thermal_pose.lab.evaluation.tug.noise_floor import joint_noise_m, noise_floor, redrawn
from thermal_pose.lab.evaluation.tug.trials import EvaluatedTrial
from thermal_pose.lab.metrics.agreement import TrialPair
from thermal_pose.lab.simulation.motion.recorded import aligned
from thermal_pose.lab.simulation.recordings.from_motion import MotionCase
from thermal_pose.types import TIMED_PHASES, PhaseInterval, TrialReason, TugTiming

EDGES = np.array([2.0, 3.0, 5.0, 7.0, 9.0, 10.0, 11.0])


def timing(edges) -> TugTiming:
    return TugTiming(
        0, tuple(PhaseInterval(p, a, b) for p, a, b in zip(TIMED_PHASES, edges, edges[1:]))
    )


def motion_trial(person: int, errors, offsets=0.0, refused: bool = False) -> MotionResult:
    truth = EDGES + 0.1 * person
    estimate = timing(truth + errors)
    if refused:
        estimate = TugTiming(0, reason=TrialReason.PAUSED, sentence="Stood still.")
    stamps = np.arange(0, 14_000_000_000, 125_000_000, dtype=np.int64)
    totals = {"0.01": 9.0, "0.05": 8.5}
    conditions = {"recording": f"r{person}", "totals_by_contact_s": totals, "case": {"room": 0}}
    sds = () if refused else (0.1,) * 7
    pair = TrialPair(timing(truth), estimate, stamps, f"p{person}")
    evaluated = EvaluatedTrial(pair, f"t{person}", conditions, sds)
    return MotionResult(evaluated, truth[[0, 1, 2, 3, 4, 6]] + offsets)


def test_errors_bias_and_coverage_are_those_put_in():
    errors = np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0, -0.5])
    figures = motion_figures([motion_trial(k, errors) for k in range(4)])
    assert figures["total_mae_s"] == pytest.approx(0.6)
    assert figures["boundary_bias_s"] == dict(zip(BOUNDARY_KEYS, errors, strict=True))
    assert figures["boundary_within_196_sd"]["seated"] == 0.0
    assert figures["boundary_within_196_sd"]["turn"] == 1.0
    assert figures["misleading_totals"] == 4
    # The total found is 8.4 s.
    assert figures["contact_sensitivity"]["0.05"]["total_bias_s"] == pytest.approx(-0.1)


def test_refused_recordings_count_as_not_timed():
    trials = [motion_trial(k, np.zeros(7)) for k in range(3)]
    figures = motion_figures([*trials, motion_trial(3, np.zeros(7), refused=True)])
    assert (figures["n_timed"], figures["n_valid"]) == (3, 4)
    assert figures["wrongly_refused"] == {"paused": 1}
    assert figures["frame_accuracy"] == pytest.approx(0.75, abs=0.01)


def test_constant_offsets_of_the_labels_are_taken_from_other_people():
    trials = [motion_trial(k, np.zeros(7), offsets=0.9) for k in range(3)]
    assert label_figures(trials)["estimate"]["boundary_mae_s"] == pytest.approx(0.0, abs=1e-9)
    # One person's labels differ by 0.3 s: an offset cannot take that away.
    trials.append(motion_trial(3, np.zeros(7), offsets=1.2))
    figures = label_figures(trials)["estimate"]
    assert figures["boundary_mae_s"] == pytest.approx((3 * 0.1 + 0.3) / 4, abs=1e-3)
    assert list(figures["offset_s"]) == [
        f"{key}_s" for key in BOUNDARY_KEYS if key != "stand_to_sit"
    ]


def test_recorded_motion_is_judged_from_the_command_line(tmp_path, capsys):
    folder = tmp_path / "recorded"
    folder.mkdir()
    for name in ("walk", "walk_again"):
        write_motion(recorded()[0], folder / f"{name}.npz")
    (folder / "trials.csv").write_text("trial,subject\nwalk_again,walk\n")
    options = ["--keypoints", str(tmp_path / "kp"), "--rooms", "1", "--cohorts", "paper"]
    files = ["--out", str(tmp_path / "f.json"), "--csv", str(tmp_path / "f.csv")]
    assert main(["evaluate-tug", "--motion", str(folder), *options, *files]) == 0
    printed = capsys.readouterr()
    assert "2 of 2 valid" in printed.out
    assert "1 of 2 recordings name no person in trials.csv" in printed.err
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["n_recordings"] == 2
    assert figures["models"]
    with (tmp_path / "f.csv").open() as lines:
        row, _ = csv.DictReader(lines)
    assert row["result"] == "valid"
    error = float(row["found_seated_s"]) - float(row["true_seated_s"])
    assert abs(error) < 0.6
    assert float(row["true_total_contact_0.05_m"]) < float(row["true_total_contact_0.01_m"])


def test_the_noise_floor_grows_with_the_noise() -> None:
    recording = recorded()[0]
    quiet = joint_noise_m(recording)
    rng = np.random.default_rng(0)
    shaken = replace(
        recording, joints_m=recording.joints_m + rng.normal(0, 0.02, recording.joints_m.shape)
    )
    assert joint_noise_m(shaken) > quiet + 0.005
    again = redrawn(shaken, rng)
    spread = np.std(again.joints_m - shaken.joints_m)
    assert spread == pytest.approx(joint_noise_m(shaken), rel=0.05)
    case = MotionCase(aligned(recording), 0, "paper")
    floor = noise_floor([case], n_draws=1)
    assert floor["draws"] == 1
    assert 0.0 <= floor["boundary_mae_s"] < 0.3
