# SPDX-License-Identifier: Apache-2.0
"""Tables of what helped the shipped models, and of left and right kept over time."""

from collections.abc import Callable
from typing import Any

Markdown = Callable[[list[str], list[list[str]]], str]

#: Counts of a walk by their key in the results: head of the column.
COUNTS = {
    "answers": "answers",
    "mirrored": "mirrored",
    "switches": "switches",
    "walks_with_a_switch": "walks with a switch",
    "walks_mostly_mirrored": "walks mostly mirrored",
}


def what_helped(results: dict[str, Any], markdown: Markdown) -> str:
    """Each change alone and all together, at the same budget."""
    variants = results.get("variants", {})
    first = next(iter(variants.values()), {"simulated_ap": {}, "clinic_disturbed_ap": {}})
    real = [name.replace("_", " ") for name in first.get("real", {})]
    disturbed = [name.replace("_", " ") for name in first["clinic_disturbed_ap"]]
    header = ["variant", *real, "mirrored", "range over spans", *first["simulated_ap"], *disturbed]
    return markdown(header, [_variant(name, one) for name, one in variants.items()])


def _variant(name: str, one: dict[str, Any]) -> list[str]:
    real = one.get("real", {}).values()
    figures = [*one["simulated_ap"].values(), *one["clinic_disturbed_ap"].values()]
    return [
        name,
        *(f"{each['ap']:.2f}" for each in real),
        f"{sum(each['mirrored'] for each in real):.0f}",
        f"{max((each['ap_spread_over_spans'] for each in real), default=0):.3f}",
        *(f"{value:.2f}" for value in figures),
    ]


def kept_sides(results: dict[str, Any], markdown: Markdown) -> str:
    """Mirrored answers and switches within walks, with sides kept over time and without."""
    rows = []
    for cohort, found in results.get("cohorts", {}).items():
        for walk, ways in found.items():
            if isinstance(ways, dict):
                rows += [_way(cohort, walk, way, ways) for way in ("off", "on")]
    header = ["cohort", "walk", "`keep_sides`", "walks", *COUNTS.values(), "walks better, worse"]
    return markdown(header, rows)


def _way(cohort: str, walk: str, way: str, ways: dict[str, Any]) -> list[str]:
    both = ways["compared"]
    change = f"{both['walks_with_fewer']}, {both['walks_with_more']}" if way == "on" else "-"
    counts = [str(ways[way][key]) for key in ("walks", *COUNTS)]
    return [cohort, walk.replace("_", " "), way, *counts, change]
