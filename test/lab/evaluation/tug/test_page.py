# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise

from lab.metrics.test_agreement import cohort

from thermal_pose.lab.evaluation.tug.page import validation_page
from thermal_pose.lab.metrics.agreement import agreement

MEASURES = {
    "steps_out": {"n": 9, "omitted": 1, "mae": 0.2, "bias": -0.1, "within_two_sd": 0.9},
    "turn_direction": {"n": 9, "omitted": 1, "right": 0.875},
}


COMMAND = "thermal-pose evaluate-tug --keypoints tug"


def document() -> dict[str, object]:
    cohorts = {
        "paper": agreement(cohort(0.14)) | {"measures": MEASURES},
        "clinic": agreement([]),
    }
    return {"seeds": "9000 and 9001", "command": COMMAND, "cohorts": cohorts}


def motion() -> dict[str, object]:
    each = dict.fromkeys(("sit_to_stand_s", "seated_s"), 0.1)
    labels = {"offset_s": each, "boundary_mae_each_s": each, "boundary_mae_s": 0.11}
    return {
        "command": "thermal-pose evaluate-tug --motion recorded",
        "models": ["student-lite-0123"],
        "n_recordings": 12,
        "n_people": 4,
        **agreement(cohort(0.05)),
        "hand_labels": {"estimate": labels, "truth": labels},
        "contact_sensitivity": {"0.01": {"total_mae_s": 0.2, "total_bias_s": -0.1}},
        "noise_floor": {"joint_noise_mm": 6.0, "boundary_mae_s": 0.02, "total_mae_s": 0.06},
    }


def test_simulated_people_real_motion_and_real_camera_stand_apart() -> None:
    page = validation_page(document(), motion(), ["pictures/a.png"])
    assert "real camera**: none yet" in page
    assert "| total, bias, s | +0.140 | - | +0.050 | - | ±0.02 | ±0.05 / ±0.02 |" in page
    assert COMMAND in page
    assert "12 recorded tests of 4 people" in page
    assert "`student-lite-0123`" in page
    assert "| steps_out | 0.200 | - | 90 |" in page
    assert "| turn_direction | 88 % right |" in page
    assert "![Agreement and curves](pictures/a.png)" in page
    assert "10 mm: 0.200 s (bias -0.100 s)" in page
    assert "about 6.0 mm" in page


def test_tables_have_as_many_cells_in_every_row() -> None:
    lines = validation_page(document(), motion()).splitlines()
    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            assert before.count("|") == line.count("|"), line


def test_real_motion_that_was_not_measured_is_left_blank() -> None:
    page = validation_page(document(), {})
    assert "| total, bias, s | +0.140 | - | - | - |" in page
    assert "Against hand labels" not in page.replace("[Against hand labels]", "")


def test_the_same_figures_give_the_same_page() -> None:
    assert validation_page(document(), motion()) == validation_page(document(), motion())


def test_page_gives_the_cost_where_it_was_measured() -> None:
    assert "## Cost" not in validation_page(document(), motion())
    memory = {
        "trials": 1000,
        "written": 1000,
        "resident_mib_after": {"100": 110.02, "1000": 110.5},
        "command": "python scripts/tug_cost.py memory",
    }
    page = validation_page(document(), motion(), (), {"memory": memory})
    assert "110.0 MiB after 100, 110.5 MiB after 1000: `python scripts/tug_cost.py memory`" in page
    assert "ms on average" not in page
