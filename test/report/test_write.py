# SPDX-License-Identifier: Apache-2.0
import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from support import fabricated_results as fabricated

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import MeasureStatus, RunInfo
from thermal_pose.clinical.tug.result import POSTERIOR_PHASES, TrialResult, TrialSignals
from thermal_pose.errors import StorageError
from thermal_pose.report.files import delete_report, find_reports
from thermal_pose.report.picture import PICTURE_WH
from thermal_pose.report.table import COLUMNS, trial_csv
from thermal_pose.report.write import write_report, write_trial_report
from thermal_pose.types import NS_PER_S, TrialReason

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())


def refused(reason: TrialReason = TrialReason.LEFT_VIEW) -> TrialResult:
    return fabricated.result(reason=reason, sentence="The person left the view.")


def empty() -> TrialResult:
    signals = TrialSignals(*[np.zeros(0)] * 7, np.zeros((0, 7)))
    timing = replace(fabricated.timing(TrialReason.NO_PERSON, "Nobody."), phases=())
    return fabricated.result(0, TrialReason.NO_PERSON, "Nobody.", timing=timing, signals=signals)


CASES = {
    "valid": fabricated.result(),
    "go": fabricated.result(go_s=1.0, truth=fabricated.timing()),
    "refused": refused(),
    "stopped": refused(TrialReason.STOPPED_EARLY),
    "empty": empty(),
}


@pytest.mark.parametrize("name", CASES)
def test_every_json_fits_the_schema(name: str, tmp_path: Path):
    paths = write_report(CASES[name], fabricated.frames(), fabricated.keypoints(), tmp_path)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(paths.json.read_text()))


def test_json_with_run_fits_the_schema_and_is_the_results_own(tmp_path: Path):
    run = RunInfo("2026-01-01", "bag", 1.5)
    paths = write_report(fabricated.result(), [], [], tmp_path, run=run)
    assert paths.json.read_text() == fabricated.result().to_json(run)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(paths.json.read_text()))


@pytest.mark.parametrize(
    "damage",
    [
        {"total_s": None},
        {"phases": []},
        {"reason": "left_view"},
        {"surprise": 1},
        {"sentence": "but valid"},
    ],
)
def test_the_schema_refuses_contradictions(damage: dict):
    document = fabricated.result().to_json_dict() | damage
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_the_schema_knows_every_reason_phase_and_status():
    definitions = SCHEMA["$defs"]
    assert set(definitions["reason"]["enum"]) == set(TrialReason)
    assert definitions["phase"]["enum"] == [phase.name for phase in POSTERIOR_PHASES]
    measure = definitions["measure"]["properties"]
    assert set(measure["status"]["enum"]) == set(MeasureStatus)


def test_the_schema_refuses_a_figure_in_a_refused_trial():
    document = refused().to_json_dict() | {"total_s": 12.0}
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


@pytest.mark.parametrize("name", ["valid", "refused", "empty"])
def test_the_same_input_gives_the_same_bytes(name: str, tmp_path: Path):
    written = [
        write_report(
            CASES[name], fabricated.frames(), fabricated.keypoints(), tmp_path / folder,
            fabricated.history(),
        )
        for folder in "ab"
    ]  # fmt: skip
    for kind in ("json", "html", "csv", "png"):
        first, second = (getattr(paths, kind).read_bytes() for paths in written)
        assert first == second and first
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "report.csv", "report.html", "report.json", "report.png",
    ]  # fmt: skip


def test_a_report_replaces_an_earlier_one(tmp_path: Path):
    write_report(fabricated.result(), fabricated.frames(), fabricated.keypoints(), tmp_path)
    paths = write_report(refused(), [], [], tmp_path)
    assert "Trial refused" in paths.html.read_text()
    assert "Total time" not in paths.html.read_text()


def test_each_trial_has_a_folder_named_after_its_first_stamp(tmp_path: Path):
    result = fabricated.result()
    again = [write_trial_report(result, [], [], tmp_path).html for _ in range(2)]
    assert again[0] == again[1]
    other = write_trial_report(replace(result, subject_id="P-2"), [], [], tmp_path).html
    assert other.parent.name == f"{again[0].parent.name}-2"
    assert write_trial_report(result, [], [], tmp_path).html == again[0]
    later = replace(
        result, timing=replace(result.timing, origin_ns=result.timing.origin_ns + 60 * NS_PER_S)
    )
    assert write_trial_report(later, [], [], tmp_path).html.parent.name > other.parent.name
    assert len(list(find_reports(tmp_path))) == 3


def test_csv_has_one_figure_a_row(tmp_path: Path):
    rows = list(csv.DictReader(trial_csv(fabricated.result()).splitlines()))
    assert tuple(rows[0]) == COLUMNS
    values = {row["name"]: row["value"] for row in rows}
    assert values["total_s"] == "11.3"
    assert values["turn_duration_s"] in {"2.11"}
    assert values["turn_direction"] == "left"
    assert values["gait_speed_out_m_per_s"] == ""
    assert {row["subject_id"] for row in rows} == {fabricated.SUBJECT}
    omitted = next(row for row in rows if row["name"] == "gait_speed_out_m_per_s")
    assert "height" in omitted["note"]


def test_csv_of_a_refused_trial_has_its_reason_and_no_figure():
    rows = list(csv.DictReader(trial_csv(refused()).splitlines()))
    values = {row["name"]: row["value"] for row in rows}
    assert values["valid"] == "false" and values["reason"] == "left_view"
    assert {row["section"] for row in rows} == {"outcome", "coverage", "provenance"}
    assert "total_s" not in values


def test_csv_cells_never_run_as_formulas():
    result = fabricated.result(subject_id="=HYPERLINK(1)", trial_id="+1")
    rows = list(csv.DictReader(trial_csv(result).splitlines()))
    assert {(row["subject_id"], row["trial_id"]) for row in rows} == {("'=HYPERLINK(1)", "'+1")}


@pytest.mark.parametrize("name", CASES)
def test_the_picture_is_one_page_with_something_on_it(name: str, tmp_path: Path):
    result = replace(CASES[name], subject_id="Ünï-7")
    paths = write_report(result, fabricated.frames(), fabricated.keypoints(), tmp_path)
    picture = cv2.imread(str(paths.png))
    assert picture.shape == (PICTURE_WH[1], PICTURE_WH[0], 3)
    assert (picture < 128).any()
    # Nothing runs off the page: its border stays white.
    border = np.concatenate(
        [picture[:8].ravel(), picture[-8:].ravel(), picture[:, :8].ravel(), picture[:, -8:].ravel()]
    )
    assert (border == 255).all()


def test_an_unwritable_folder_is_a_storage_error(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .*report\.json: .*file is not a folder"):
        write_report(refused(), [], [], tmp_path / "file" / "below")


def test_finds_and_deletes_reports_by_person(tmp_path: Path):
    mine = fabricated.result()
    other = replace(mine, subject_id="P-2")
    write_report(mine, [], [], tmp_path / "a")
    write_report(other, [], [], tmp_path / "deep" / "b")
    (tmp_path / "a" / "notes.txt").write_text("kept")
    found = list(find_reports(tmp_path))
    assert [report.subject_id for report in found] == [fabricated.SUBJECT, "P-2"]
    assert [delete_report(report) for report in found] == [4, 4]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["notes.txt"]
    assert not (tmp_path / "deep" / "b").exists()
    assert list(find_reports(tmp_path)) == []


def test_an_unreadable_report_is_not_passed_over(tmp_path: Path):
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(StorageError, match="no readable report"):
        list(find_reports(tmp_path))
    with pytest.raises(StorageError, match="no folder"):
        list(find_reports(tmp_path / "none"))


def test_a_result_and_its_document_make_the_same_earlier_test():
    test = EarlierTest.from_result(fabricated.result())
    assert test.value == pytest.approx(11.3)
    assert test == EarlierTest.from_document(json.loads(fabricated.result().to_json()))
    assert EarlierTest.from_result(refused()).durations_s == {}
    with pytest.raises(ValueError, match="value"):
        EarlierTest("P", "t", 0, reason=TrialReason.LEFT_VIEW, value=1.0)
