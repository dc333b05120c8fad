# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise

from lab.metrics.test_agreement import cohort

from thermal_pose.lab.evaluation.tug_page import validation_page
from thermal_pose.lab.metrics.agreement import agreement

MEASURES = {
    "steps_out": {"n": 9, "omitted": 1, "mae": 0.2, "bias": -0.1, "within_two_sd": 0.9},
    "turn_direction": {"n": 9, "omitted": 1, "right": 0.875},
}


def document() -> dict[str, object]:
    point = {
        "value": 0.1,
        "n_valid": 12,
        "detected": 1.0,
        "total_mae_s": 0.0712,
        "boundary_mae_s": None,
        "frame_accuracy": 0.95,
    }
    return {
        "seeds": "9000 and 9001",
        "command": "thermal-pose evaluate-tug --keypoints tug",
        "cohorts": {
            "paper": agreement(cohort(0.14)) | {"measures": MEASURES},
            "clinic": agreement([]),
        },
        "curves": {"paper": {"dropout": [point]}},
    }


def test_page_holds_the_figures_and_says_they_are_simulated() -> None:
    page = validation_page(document(), ["pictures/a.png"])
    assert "simulated data" in page
    assert "| total, bias, s | +0.140 | - | ±0.02 | ±0.02 |" in page
    assert "| 0.1 | 12 | 100.0 | 0.071 | - | 95.0 |" in page
    assert "thermal-pose evaluate-tug --keypoints tug" in page
    assert "| steps_out | 0.200 | -0.100 | - | 90 | 9 | 1 |" in page
    assert "| turn_direction | 88 % right |" in page
    assert "![Agreement and curves](pictures/a.png)" in page


def test_tables_have_as_many_cells_in_every_row() -> None:
    lines = validation_page(document()).splitlines()
    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            assert before.count("|") == line.count("|"), line


def test_the_same_figures_give_the_same_page() -> None:
    assert validation_page(document()) == validation_page(document())


def test_page_gives_the_cost_where_it_was_measured() -> None:
    assert "## Cost" not in validation_page(document())
    memory = {
        "trials": 1000,
        "written": 1000,
        "resident_mib_after": {"100": 110.02, "1000": 110.5},
        "command": "python scripts/tug_cost.py memory",
    }
    page = validation_page(document(), (), {"memory": memory})
    assert "110.0 MiB after 100, 110.5 MiB after 1000: `python scripts/tug_cost.py memory`" in page
    assert "ms on average" not in page
