# SPDX-License-Identifier: Apache-2.0
"""Tables of real frames, from a results file made up here."""

import sys

from support.documents import ROOT

sys.path.insert(0, str(ROOT / "scripts" / "docs"))
from figures import markdown
from real_tables import LOSSES, real_boxes, real_int8, real_loss, with_interval


def figure(value: float) -> dict:
    return {"value": value, "ci95": [value - 0.1, value + 0.1]}


def results() -> dict:
    one = {"ap": figure(0.5), "gain": figure(0.2)}
    detected = one | {"oks": figure(0.6), "box_recall": figure(0.9)}
    detected |= {"boxes": 9, "boxes_of_nobody": 2}
    loss: dict = {}
    for _, kind, key in LOSSES:
        loss.setdefault(kind, {})[key] = one | {"people": 7}
    del loss["view"]["back"]
    loss["box"]["detected"] = detected
    span = {"people": 8, "ap": figure(0.3), "oks": figure(0.7), "detected": detected}
    judged = {"spans_degc": {"21..33": span}, "loss": loss, "ap_minus_fp32": figure(-0.01)}
    return {"models": {"student-lite": {"model_id": "x", "my_set": judged}}}


def test_a_figure_has_its_interval_and_an_undefined_one_is_a_dash() -> None:
    assert with_interval(figure(0.5)) == "0.50 (0.40 to 0.60)"
    assert with_interval(figure(0.5), 1, "+") == "+0.5 (+0.4 to +0.6)"
    assert with_interval({"value": 3.0, "ci95": None}, 0) == "3"
    assert with_interval({"value": None, "ci95": None}) == "-"


def test_losses_are_one_line_each_and_gains_compare_the_same_people() -> None:
    lines = real_loss(results(), markdown).splitlines()
    assert len(lines) == 3 + len(LOSSES)
    assert "| as it is | 8 | 0.30 (0.20 to 0.40) | - |" in lines
    assert "| mirror: sides put right | 7 | 0.50 (0.40 to 0.60) | +0.20 (+0.10 to +0.30) |" in lines
    assert "| view: front | 7 | 0.50 (0.40 to 0.60) | - |" in lines
    assert "| view: back | 0 | - | - |" in lines
    assert "| box: detected | 8 | 0.50 (0.40 to 0.60) | +0.20 (+0.10 to +0.30) |" in lines


def test_boxes_and_int8_name_model_and_set() -> None:
    assert "| `student-lite` | my set | 0.30 (0.20 to 0.40) |" in real_boxes(results(), markdown)
    assert "2 of 9 |" in real_boxes(results(), markdown)
    assert real_int8(results(), markdown).endswith("| -0.010 (-0.110 to +0.090) |")
