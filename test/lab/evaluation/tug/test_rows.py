# SPDX-License-Identifier: Apache-2.0
"""The figures of a cohort, computed again from nothing but its rows."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lab.metrics.test_agreement import cohort

from thermal_pose.clinical.phases import BOUNDARY_KEYS
from thermal_pose.lab.evaluation.tug.floor import floor_figures
from thermal_pose.lab.evaluation.tug.rows import cohort_rows, write_rows
from thermal_pose.lab.evaluation.tug.trials import EvaluatedTrial, cohort_figures
from thermal_pose.lab.learning.tug.calibrate import left_out_coverage
from thermal_pose.lab.metrics.agreement import TrialPair, icc_a1
from thermal_pose.types import TIMED_PHASES, Phase, TrialReason, TugTiming

FLOOR_S = (0.03,) * 7


def evaluated(k: int, pair: TrialPair) -> EvaluatedTrial:
    """Trial k of a cohort: the first is refused, and the third lacks a measure."""
    refused = k == 0
    if refused:
        pair = replace(pair, estimate=TugTiming(0, (), TrialReason.PAUSED, "Stood still."))
    sds_s = () if refused else tuple(0.04 + 0.01 * (j + k % 2) for j in range(7))
    found = {"steps_out": (None, None) if k == 2 else (5.1 + 1.1 * k, 0.5)}
    found["turn_direction"] = ("left" if k % 2 else "right", None)
    truth = {} if refused else {"steps_out": 5.0 + k, "turn_direction": "left"}
    pair = replace(pair, subject=f"person {k % 3}")
    return EvaluatedTrial(pair, f"t{k}", {}, sds_s, truth, found, np.arange(10) < 9)


def trials() -> list[EvaluatedTrial]:
    return [evaluated(k, pair) for k, pair in enumerate(cohort(0.14))]


def table(path: Path) -> list[dict[str, str]]:
    write_rows(cohort_rows(trials()), path)
    with path.open() as lines:
        return list(csv.DictReader(lines))


def columns(rows: list[dict[str, str]], kind: str) -> np.ndarray:
    """(K, 7) boundaries or their standard deviations."""
    return np.array([[float(row[f"{kind}_{name}_s"]) for name in BOUNDARY_KEYS] for row in rows])


def total(rows: list[dict[str, str]], name: str) -> int:
    return sum(int(row[name]) for row in rows)


def test_times_and_their_uncertainty(tmp_path: Path) -> None:
    figures = cohort_figures(trials())
    rows = [row for row in table(tmp_path / "a.csv") if row["result"] == "valid"]
    truth, found, sds = (columns(rows, kind) for kind in ("true", "found", "sd"))
    error = found - truth
    totals = error[:, 6] - error[:, 0]
    assert figures["total_mae_s"] == pytest.approx(np.abs(totals).mean(), abs=2e-4)
    assert figures["total_bias_s"] == pytest.approx(totals.mean(), abs=2e-4)
    icc = icc_a1(truth[:, 6] - truth[:, 0], found[:, 6] - found[:, 0])
    assert figures["total_icc"] == pytest.approx(icc, abs=1e-3)
    assert figures["within_two_sd"] == pytest.approx((np.abs(error) <= 1.96 * sds).mean())
    spread = np.hypot(sds[:, 0], sds[:, 6])
    assert figures["total_within_196_sd"] == pytest.approx(
        (np.abs(totals) <= 1.96 * spread).mean(), abs=1e-4
    )


def test_shares_of_frames(tmp_path: Path) -> None:
    figures = cohort_figures(trials())
    rows = [row for row in table(tmp_path / "a.csv") if row["truth"] == "valid"]
    n_frames = total(rows, "frames")
    assert figures["frame_accuracy"] == pytest.approx(
        total(rows, "frames_right") / n_frames, abs=1e-4
    )
    template = total(rows, "frames_right_template") / n_frames
    assert figures["template"]["frame_accuracy"] == pytest.approx(template, abs=1e-4)
    live = total(rows, "frames_right_live") / total(rows, "frames_live")
    assert figures["live_within_two_frames"] == pytest.approx(live, abs=1e-4)
    f1 = [
        2
        * total(rows, f"frames_both_{name}")
        / (total(rows, f"frames_true_{name}") + total(rows, f"frames_found_{name}"))
        for name in (phase.name.lower() for phase in (Phase.SEATED, *TIMED_PHASES))
    ]
    assert figures["macro_f1"] == pytest.approx(np.mean(f1), abs=1e-4)


def test_measures(tmp_path: Path) -> None:
    figures = cohort_figures(trials())["measures"]
    timed = [row for row in table(tmp_path / "a.csv") if row["result"] == "valid"]
    rows = [row for row in timed if row["found_steps_out"]]
    truth, found, sd = (
        np.array([float(row[f"{kind}_steps_out"]) for row in rows])
        for kind in ("true", "found", "sd")
    )
    steps = figures["steps_out"]
    assert (steps["n"], steps["omitted"]) == (len(rows), len(timed) - len(rows))
    assert steps["mae"] == pytest.approx(np.abs(found - truth).mean(), abs=1e-4)
    assert steps["icc"] == pytest.approx(icc_a1(truth, found), abs=1e-4)
    assert steps["within_two_sd"] == pytest.approx((np.abs(found - truth) <= 1.96 * sd).mean())
    right = [row["true_turn_direction"] == row["found_turn_direction"] for row in timed]
    assert figures["turn_direction"]["right"] == pytest.approx(np.mean(right), abs=1e-4)


def test_coverage_with_people_left_out(tmp_path: Path) -> None:
    figures = floor_figures(trials(), FLOOR_S)
    rows = [row for row in table(tmp_path / "a.csv") if row["result"] == "valid"]
    truth, found, sds = (columns(rows, kind) for kind in ("true", "found", "sd"))
    own = np.sqrt(np.maximum(sds**2 - np.array(figures["printed_floor_s"]) ** 2, 0.0))
    people = np.array([row["person"] for row in rows])
    shares = left_out_coverage(found - truth, own, people)
    assert tuple(figures["left_out"].values()) == pytest.approx(shares, abs=1e-4)
    assert len(figures["fitted_floor_s"]) == 7


def test_one_person_cannot_be_left_out() -> None:
    alone = [replace(t, pair=replace(t.pair, subject="one")) for t in trials()]
    assert floor_figures(alone) == {}


def test_rows_of_refused_and_invalid_trials_have_empty_cells(tmp_path: Path) -> None:
    first = table(tmp_path / "a.csv")[0]
    assert first["result"] == "paused"
    assert first["found_seated_s"] == ""
    assert first["frames_right"] == "0"
