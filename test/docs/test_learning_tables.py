# SPDX-License-Identifier: Apache-2.0
"""Tables of what helped and of kept sides, from results made up here; the page names every row."""

import sys

from support.documents import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT / "scripts" / "docs"))
from figures import markdown
from learning_tables import kept_sides, what_helped
from what_helped import VARIANTS


def variant(real: dict) -> dict:
    return {"simulated_ap": {"clinic": 0.9}, "clinic_disturbed_ap": {"noise_k=0.5": 0.8}, **real}


def test_mirrored_people_add_up_and_the_worst_range_is_shown() -> None:
    real = {
        "my_set": {"ap": 0.5, "mirrored": 3.0, "ap_spread_over_spans": 0.01},
        "other": {"ap": 0.6, "mirrored": 4.0, "ap_spread_over_spans": 0.02},
    }
    lines = what_helped({"variants": {"a change": variant({"real": real})}}, markdown).splitlines()
    assert lines[0].startswith(
        "| variant | my set | other | mirrored | range over spans | clinic |"
    )
    assert lines[2] == "| a change | 0.50 | 0.60 | 7 | 0.020 | 0.90 | 0.80 |"


def test_without_results_the_tables_are_empty() -> None:
    assert len(what_helped({}, markdown).splitlines()) == 2
    assert len(kept_sides({}, markdown).splitlines()) == 2


def test_sides_have_a_row_per_cohort_walk_and_way() -> None:
    counts = {"walks": 9, "frames": 99, "answers": 98, "mirrored": 7, "switches": 5,
              "walks_with_a_switch": 3, "walks_mostly_mirrored": 1}  # fmt: skip
    ways = {"off": counts, "on": counts | {"mirrored": 2},
            "compared": {"walks_with_fewer": 4, "walks_with_more": 1}}  # fmt: skip
    found = {"recordings": 9, "walk_out": ways}
    lines = kept_sides({"cohorts": {"clinic": found}}, markdown).splitlines()
    assert lines[2] == "| clinic | walk out | off | 9 | 98 | 7 | 5 | 3 | 1 | - |"
    assert lines[3] == "| clinic | walk out | on | 9 | 98 | 2 | 5 | 3 | 1 | 4, 1 |"


def test_the_page_explains_every_row() -> None:
    page = (ROOT / "docs" / "real-frames.md").read_text()
    for name in VARIANTS:
        words = name.partition(" without ")[0]
        assert f"| {words} |" in page.partition("## What helped")[2].partition("<!--")[0], name
