# SPDX-License-Identifier: Apache-2.0
import csv
import errno
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from support import fabricated_results as fabricated
from support import faults

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import MeasureStatus, RunInfo
from thermal_pose.clinical.tug.result import POSTERIOR_PHASES, TrialResult, TrialSignals
from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.report.files import delete_files, find_pages, find_reports, find_unnamed
from thermal_pose.report.history import write_history
from thermal_pose.report.picture import PICTURE_WH, installed_browser, print_page
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
    "withheld": fabricated.result(boundary_sds_s=(0.05, 0.04, 0.06, 1.9, 0.06, 0.05, 0.04)),
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
    for kind in ("json", "html", "csv"):
        first, second = (getattr(paths, kind).read_bytes() for paths in written)
        assert first == second and first
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "report.csv", "report.html", "report.json",
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
    assert len(find_reports(tmp_path)) == 3


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


@pytest.mark.browser
@pytest.mark.skipif(installed_browser() is None, reason="no Chromium or Chrome is installed")
def test_the_picture_shows_the_page(tmp_path: Path):
    paths = write_report(fabricated.result(), fabricated.frames(), fabricated.keypoints(), tmp_path)
    assert not paths.png.exists()
    print_page(paths.html, paths.png)
    picture = cv2.imread(str(paths.png))
    assert picture.shape == (PICTURE_WH[1], PICTURE_WH[0], 3)
    assert 0.001 < (picture < 128).any(axis=2).mean() < 0.9
    # Another report in the folder must not keep the picture of the first.
    write_report(refused(), [], [], tmp_path)
    assert not paths.png.exists()


def test_without_a_browser_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigError, match=r"Chromium or Chrome.*report\.html"):
        print_page(tmp_path / "report.html", tmp_path / "report.png")


def test_a_browser_that_fails_is_named(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: "/bin/false")
    with pytest.raises(StorageError, match="/bin/false: cannot take a picture"):
        print_page(tmp_path / "report.html", tmp_path / "report.png")


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
    (tmp_path / "a" / "report.png").write_bytes(b"a picture of the page")
    found = find_reports(tmp_path)
    assert [report.subject_id for report in found] == [fabricated.SUBJECT, "P-2"]
    assert [len(report.files) for report in found] == [4, 3]
    assert [delete_files(report.files, tmp_path) for report in found] == [{}, {}]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["notes.txt"]
    assert not (tmp_path / "deep" / "b").exists()
    assert find_reports(tmp_path) == []


def test_linked_folders_are_searched_once(tmp_path: Path):
    write_report(fabricated.result(), [], [], tmp_path / "far" / "a")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "far")
    (tmp_path / "here" / "loop").symlink_to(tmp_path / "here")
    assert len(find_reports(tmp_path / "here")) == 1


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(StorageError, match="not a folder"):
        find_reports(tmp_path / "none")


def test_what_no_readable_json_names_is_found_by_what_it_says(tmp_path: Path):
    paths = write_report(fabricated.result(), [], [], tmp_path / "a")
    document = paths.json.read_text()
    paths.json.write_text(document[:1000])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "report.json").write_bytes(b"")
    (tmp_path / "b" / ".report.html.0123abcd.part").write_bytes(paths.html.read_bytes()[:3000])
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / ".report.html.part").write_bytes(b"\0" * 10)
    found = find_unnamed(tmp_path)
    assert [(u.folder.name, len(u.files)) for u in found] == [("a", 3), ("b", 2), ("c", 1)]
    assert [u.is_of(fabricated.SUBJECT) for u in found] == [True, True, False]
    assert not any(u.is_of(fabricated.SUBJECT[:-1]) for u in found)
    assert find_reports(tmp_path) == []


def test_pages_about_a_person_are_found_wherever_they_lie(tmp_path: Path):
    page = write_history(tmp_path / "deep" / "over_time.html", "P-1", [])
    write_history(tmp_path / "other.html", "P-10", [])
    write_report(replace(fabricated.result(), subject_id="P-1"), [], [], tmp_path / "a")
    assert find_pages(tmp_path, "P-1") == [page]


def test_a_file_that_cannot_be_deleted_is_named_and_the_others_go(tmp_path: Path, monkeypatch):
    paths = write_report(fabricated.result(), [], [], tmp_path / "a")
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == paths.csv:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    (found,) = find_reports(tmp_path)
    left = delete_files(found.files, tmp_path)
    assert left == {
        paths.csv: "Operation not permitted",
        paths.json: "kept, because it says whose the others are",
    }
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["report.csv", "report.json"]


def test_reports_are_for_their_owner_only(tmp_path: Path):
    umask = os.umask(0o022)
    try:
        write_trial_report(fabricated.result(), [], [], tmp_path / "reports")
        write_history(tmp_path / "pages" / "history.html", "P-1", [])
    finally:
        os.umask(umask)
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.faults
def test_analyzers_that_share_a_folder_lose_and_mix_nothing(tmp_path: Path):
    """Two processes write results with the same first stamp at the same time: equal, or not."""
    count = faults.times(few=4, full=100)
    mine = fabricated.result()
    for number in range(count):
        other = mine if number % 2 else replace(mine, subject_id="P-OTHER")
        folder = tmp_path / str(number)
        children = []
        for result in (mine, other):
            child = os.fork()
            if child == 0:
                try:
                    write_trial_report(result, [], [], folder)
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
        found = find_reports(folder)
        assert sorted(r.subject_id for r in found) == sorted({mine.subject_id, other.subject_id})
        for report in found:
            assert [file.name for file in report.files] == [
                "report.csv",
                "report.html",
                "report.json",
            ]
            csv_rows = (report.folder / "report.csv").read_text().splitlines()[1:]
            assert all(row.startswith(f"{report.subject_id},") for row in csv_rows)
            page = (report.folder / "report.html").read_text()
            assert f"<title>Timed Up and Go, {report.subject_id}, " in page
        assert find_unnamed(folder) == []
    faults.record(
        "two analyzers writing to one report folder at the same time",
        count,
        "every result has its files in a folder of its own, none mixed or lost",
    )


def test_a_result_and_its_document_make_the_same_earlier_test():
    test = EarlierTest.from_result(fabricated.result())
    assert test.value == pytest.approx(11.3)
    assert test == EarlierTest.from_document(json.loads(fabricated.result().to_json()))
    assert EarlierTest.from_result(refused()).durations_s == {}
    with pytest.raises(ValueError, match="value"):
        EarlierTest("P", "t", 0, reason=TrialReason.LEFT_VIEW, value=1.0)


KILLED_STEPS = ((Path, "replace"), (os, "fsync"), (os, "link"))


@pytest.mark.faults
def test_a_report_that_is_killed_at_any_step_is_whole_files_and_can_be_deleted(tmp_path: Path):
    """The process dies before its n-th change on the disk, for every n."""
    frames, keypoints = fabricated.frames(), fabricated.keypoints()
    parts = step = 0
    for step in itertools.count(1):
        folder = tmp_path / str(step)
        child = os.fork()
        if child == 0:
            _dies_before(step)
            write_trial_report(fabricated.result(), frames, keypoints, folder)
            os._exit(0)
        killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        for path in folder.rglob("report.*"):
            content = path.read_bytes()
            ends = {".json": b"}\n", ".html": b"</html>\n", ".csv": b"\n"}
            assert content.endswith(ends[path.suffix]), (step, path)
        if not folder.exists():
            continue
        left = [*find_reports(folder), *find_unnamed(folder)]
        parts += sum(file.name.endswith(".part") for found in left for file in found.files)
        assert all(delete_files(found.files, folder) == {} for found in left)
        assert not any(path.is_file() for path in folder.rglob("*")), step
        if not killed:
            break
    assert step > 10 and parts > 0
    faults.record(
        "report killed at each of its steps",
        step,
        f"no half file; deletion removes all of it, {parts} unfinished files included",
    )


def _dies_before(step: int) -> None:
    left = [step]
    for owner, name in KILLED_STEPS:
        call = getattr(owner, name)

        def counted(*args: object, _call: Callable[..., object] = call, **more: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            return _call(*args, **more)

        setattr(owner, name, counted)
