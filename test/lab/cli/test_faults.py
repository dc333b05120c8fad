# SPDX-License-Identifier: Apache-2.0
"""The fault table: what people read is what was measured."""

import json
from pathlib import Path

import pytest

from thermal_pose.lab.cli.faults import table

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def test_the_table_in_the_documents_is_that_of_the_figures() -> None:
    rows = json.loads((RESULTS / "faults.json").read_text(encoding="utf-8"))
    assert (RESULTS / "faults.md").read_text(encoding="utf-8") == table(rows)


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        ("camera unplugged", 100),
        ("another camera in its place", 25),
        ("damaged protocol packet", 100_000),
        ("mutated images", 10_000),
        ("recorder killed", 50),
        ("pair asynchronous", 500),
        ("disk full", 10),
        ("read-only folder", 7),
        ("clock stepped forward", 20),
        ("clock stepped back", 20),
        ("frame sent twice, exchanged", 500),
        ("recording cut at any byte", 1000),
        ("compression bomb", 8),
        ("damaged or cut zstd and lz4", 60),
        ("repair killed at each of its steps", 20),
        ("power cut while recording", 30),
        ("report killed at each of its steps", 10),
        ("two analyzers writing to one report folder", 100),
        ("visits with subject, trial and first stamp in common", 200),
        ("COCO labels that only look like COCO", 40),
        ("every verb without any optional package", 38),
        ("calibration made for another image size", 16),
    ],
)
def test_every_promised_fault_was_tried_as_often_as_promised(fault: str, least: int) -> None:
    rows = json.loads((RESULTS / "faults.json").read_text(encoding="utf-8"))
    counts = [row["times"] for row in rows if row["fault"].startswith(fault)]
    assert counts, f"no row about '{fault}'"
    assert min(counts) >= least
