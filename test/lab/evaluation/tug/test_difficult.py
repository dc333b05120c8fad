# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import pytest
from support.stick_figure import Figure

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.lab.evaluation.tug.difficult import (
    CUT,
    DIFFICULT_SEED,
    MISTAKES,
    PAUSES,
    cut_before_seat,
    difficult_cases,
    difficult_figures,
    difficult_rows,
    evaluate_difficult,
    page_lines,
)
from thermal_pose.lab.learning.tug.development import is_development_seed
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, write_keypoints
from thermal_pose.types import TrialReason, TugTiming


def paused_trial(pause_s: float) -> KeypointTrial:
    figure = Figure()
    conditions = {"case": {"pause_s": pause_s, "pause_place": "turn"}}
    return KeypointTrial("t", "s", tuple(figure.frames()), figure.truth, conditions)


def test_every_place_and_every_mistake_has_its_trials() -> None:
    pytest.importorskip("numba")
    groups = difficult_cases(DIFFICULT_SEED, 2)
    paused, mistaken = groups[PAUSES], groups[MISTAKES]
    assert len({case.name for case in paused}) == len(paused) == 2 * 7 * 2
    assert {case.pause_s for case in paused} == {3.0, 8.0}
    assert len({case.pause_place for case in paused}) == 7
    assert {case.kind for case in mistaken} >= {TrialReason.TWO_LAPS, TrialReason.CUT_OFF}
    assert all(is_development_seed(case.seed) for case in (*paused, *mistaken))


def test_a_cut_recording_ends_before_the_seat() -> None:
    whole = paused_trial(3.0)
    cut = cut_before_seat(whole, 0.2)
    seat_ns = whole.truth.origin_ns + int(whole.truth.phases[-1].end_s * 1e9)
    assert 0.2e9 <= seat_ns - cut.frames[-1].stamp_ns < 0.4e9
    assert cut.truth.reason is TrialReason.CUT_OFF


def test_figures_and_page(tmp_path: Path) -> None:
    paths = [tmp_path / f"p{k}.npz" for k in range(3)]
    for path, pause_s in zip(paths, (3.0, 3.0, 8.0), strict=True):
        write_keypoints(paused_trial(pause_s), path)
    stopped = TugTiming(0, reason=TrialReason.STOPPED_EARLY, sentence="Short.")
    short = replace(
        paused_trial(0.0), frames=tuple(Figure(end_s=6.0).frames()), truth=stopped, name="m"
    )
    write_keypoints(short, tmp_path / "m.npz")
    trials = evaluate_difficult({PAUSES: paths, MISTAKES: [tmp_path / "m.npz"]}, TugParams())
    figures = difficult_figures(trials)
    three = figures["pauses"]["3"]
    assert (three["n"], three["timed"], three["timed_by_place"]) == (2, 2, {"turn": 2})
    assert three["right"] <= 2
    assert figures["mistakes"]["stopped_early"]["n"] == 1
    assert "valid" not in figures["mistakes"]["stopped_early"]["called"]
    assert figures["cut_before_seat"]["n"] == 2
    text = "\n".join(page_lines({"command": "c", **figures}))
    assert "| 3 | 2 | 2 |" in text
    assert "cut off 0.2 s before seat contact | 2 |" in text
    rows = difficult_rows(trials)
    assert [row["group"] for row in rows] == [PAUSES] * 3 + [MISTAKES] + [CUT] * 2
    assert [row["pause_s"] for row in rows[:3]] == [3.0, 3.0, 8.0]


def test_results_without_unusual_tests_still_make_a_page() -> None:
    empty = {"lead_s": 0.2}
    document = {"command": "c", PAUSES: {}, MISTAKES: {}, CUT: empty}
    assert "Unusual" not in "\n".join(page_lines(document))
