# SPDX-License-Identifier: Apache-2.0
import json
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource
from support.rises import even_rises, frames

from thermal_pose.clinical.catalogue import MOVEMENT_TESTS
from thermal_pose.clinical.chair_rises.result import ChairRiseResult
from thermal_pose.clinical.records import RunInfo
from thermal_pose.pipeline.chair_rises import ChairRiseCourse
from thermal_pose.report.write import write_report

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA, SHARED = (
    json.loads((DOCS / f"{name}.schema.json").read_text()) for name in ("chair_rises", "report")
)
REGISTRY = Registry().with_resource(SHARED["$id"], Resource.from_contents(SHARED))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, registry=REGISTRY)
FIVE, THIRTY = "five_times_sit_to_stand", "chair_stand_30s"
#: Test, rises and length of the recording, s.
TRIALS = {
    "five": (FIVE, 5, 20.0),
    "thirty": (THIRTY, 13, 43.0),
    "five stopped": (FIVE, 3, 14.0),
    "thirty stopped": (THIRTY, 4, 16.0),
    "nobody rose": (FIVE, 0, 8.0),
}


@cache
def result(name: str) -> ChairRiseResult:
    key, n_rises, duration_s = TRIALS[name]
    course = ChairRiseCourse(test=MOVEMENT_TESTS[key])
    for frame in frames(even_rises(n_rises), duration_s):
        course.update(frame)
    return course.finish()


@pytest.mark.parametrize("name", TRIALS)
def test_every_json_fits_the_schema(name: str, tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    paths = write_report(result(name), [], [], tmp_path, run=RunInfo("2026-01-01", "bag", 1.5))
    document = json.loads(paths.json.read_text())
    assert document["valid"] == (name in ("five", "thirty"))
    VALIDATOR.validate(document)


def test_a_result_of_no_frame_fits_the_schema() -> None:
    VALIDATOR.validate(ChairRiseCourse(test=MOVEMENT_TESTS[THIRTY]).finish().to_json_dict())


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("five", {"total_s": None}),
        ("five", {"stands": 5}),
        ("five", {"rises": []}),
        ("five", {"sentence": "but valid"}),
        ("thirty", {"stands": None}),
        ("thirty", {"stands": 10.5}),
        ("thirty", {"total_s": 30.0}),
        ("thirty", {"surprise": 1}),
        ("five stopped", {"total_s": 9.0}),
        ("thirty stopped", {"stands": 4}),
        ("thirty stopped", {"reason": "valid"}),
        ("five", {"test": "timed_up_and_go"}),
    ],
)
def test_the_schema_refuses_contradictions(name: str, damage: dict) -> None:
    assert not VALIDATOR.is_valid(result(name).to_json_dict() | damage)
