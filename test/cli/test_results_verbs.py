# SPDX-License-Identifier: Apache-2.0
import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from pipeline.test_recorded_trial import DrawnPerception, write_drawn_trial
from support import fabricated_results as fabricated
from support import faults

from thermal_pose.calibration.files import default_camera_info, save_camera_info
from thermal_pose.cli import main as cli
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.pipeline import perception_params
from thermal_pose.report.history import write_history
from thermal_pose.report.write import write_report
from thermal_pose.store.results import ResultsStore
from thermal_pose.types import NS_PER_S


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two tests of one person and one of another, and their reports."""
    path = tmp_path / "results.sqlite"
    day_ns = 86_400 * NS_PER_S
    now_ns = time.time_ns()
    with ResultsStore(path) as opened:
        for subject, trial, days in (("P-1", "old", 400), ("P-1", "new", 1), ("P-2", "old", 500)):
            result = shifted(
                fabricated.result(subject_id=subject, trial_id=trial), now_ns - days * day_ns
            )
            opened.add(result.to_json_dict())
            write_report(result, [], [], tmp_path / "out" / subject / trial)
    return path


def shifted(result: TrialResult, origin_ns: int) -> TrialResult:
    return replace(result, timing=replace(result.timing, origin_ns=origin_ns))


def remaining(store: Path) -> tuple[dict[str, int], list[str]]:
    reports = sorted(
        str(path.parent.relative_to(store.parent / "out"))
        for path in (store.parent / "out").rglob("report.html")
    )
    with ResultsStore(store) as opened:
        return opened.subjects(), reports


def test_without_yes_nothing_is_deleted(store: Path, capsys):
    assert (
        cli.main(["delete", str(store), "--subject", "P-1", "--reports", str(store.parent / "out")])
        == 0
    )
    text = capsys.readouterr().out
    assert "would delete P-1 old" in text and "nothing deleted" in text
    assert remaining(store) == ({"P-1": 2, "P-2": 1}, ["P-1/new", "P-1/old", "P-2/old"])


def test_deletes_a_person_with_the_reports(store: Path, capsys):
    out = str(store.parent / "out")
    assert cli.main(["delete", str(store), "--subject", "P-1", "--reports", out, "--yes"]) == 0
    assert capsys.readouterr().out == "deleted: 2 tests, 2 reports\n"
    assert remaining(store) == ({"P-2": 1}, ["P-2/old"])


def test_deletes_one_trial(store: Path, capsys):
    out = str(store.parent / "out")
    words = ["delete", str(store), "--subject", "P-1", "--trial", "old", "--reports", out, "--yes"]
    assert cli.main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["deleted"] is True
    assert [(row["subject_id"], row["trial_id"]) for row in document["tests"]] == [("P-1", "old")]
    assert remaining(store) == ({"P-1": 1, "P-2": 1}, ["P-1/new", "P-2/old"])


def test_deletes_by_retention_period(store: Path):
    out = str(store.parent / "out")
    words = ["delete", str(store), "--older-than-days", "365", "--reports", out, "--yes"]
    assert cli.main(words) == 0
    assert remaining(store) == ({"P-1": 1}, ["P-1/new"])


def clutter(out: Path) -> dict[str, Path]:
    """What else a folder of reports may hold."""
    write_history(out / "history.html", "P-1", [])
    write_history(out / "P-2" / "history.html", "P-2", [])
    page = (out / "P-1" / "old" / "report.html").read_bytes()
    result = (out / "P-1" / "new" / "report.json").read_bytes()
    files = {
        "part of a killed writer": out / "P-1" / "old" / ".report.html.0123abcd.part",
        "part of an older release": out / "P-1" / "killed" / ".report.html.part",
        "report without JSON": out / "P-1" / "killed" / "report.html",
        "page copied elsewhere": out / "for the doctor.html",
        "result of analyze": out / "results" / "visit.json",
    }
    for path in files.values():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(result if path.suffix == ".json" else page)
    (out / "power cut").mkdir()
    (out / "power cut" / "report.json").write_bytes(b"")
    return files


def holding(folder: Path, subject: str) -> list[Path]:
    found = re.compile(rb"\b%b\b" % subject.encode())
    return [
        path for path in folder.rglob("*") if path.is_file() and found.search(path.read_bytes())
    ]


@pytest.mark.faults
def test_deleting_a_person_leaves_nothing_of_them(store: Path, capsys):
    out = store.parent / "out"
    files = clutter(out)
    words = ["delete", str(store), "--subject", "P-1", "--reports", str(out)]
    assert cli.main([*words, "--json"]) == 0
    would = json.loads(capsys.readouterr().out)
    assert cli.main([*words, "--yes"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("deleted: 2 tests, 3 reports, 2 pages, 2 leftover files\n")
    assert holding(store.parent, "P-1") == []
    assert not any(path.exists() for path in files.values())
    assert remaining(store) == ({"P-2": 1}, ["P-2/old"])
    assert (out / "P-2" / "history.html").exists()
    assert not (out / "P-1").exists()
    assert (len(would["tests"]), len(would["reports"]), len(would["leftovers"])) == (2, 3, 2)
    faults.record(
        "a person deleted, beside leftovers, copies, and an empty report of a power cut",
        len(files) + 3,
        "nothing that names the person is left; other people's files stay",
    )


def test_what_stays_is_named(store: Path, capsys):
    out = store.parent / "out"
    strange = out / "strange" / "report.json"
    strange.parent.mkdir()
    strange.write_bytes(b"\0" * 100)
    words = ["delete", str(store), "--subject", "P-1", "--trial", "old", "--reports", str(out)]
    assert cli.main([*words, "--yes"]) == 0
    said = capsys.readouterr().out
    assert f"stays: {strange.parent}: 1 report files, whose they are cannot be told" in said
    assert f"stays: {out / 'P-1' / 'new'}: this later report may still show a deleted test" in said


def test_what_cannot_be_deleted_is_an_error_and_the_tests_stay(store: Path, capsys, monkeypatch):
    out = store.parent / "out"
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == out / "P-1" / "old" / "report.html":
            raise OSError(30, "Read-only file system")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    words = ["delete", str(store), "--subject", "P-1", "--reports", str(out), "--yes"]
    assert cli.main(words) == StorageError.exit_code
    said = capsys.readouterr()
    assert "deleted:" not in said.out
    assert "2 files could not be deleted, the tests are kept" in said.err
    assert "old/report.html: Read-only file system" in said.err
    assert remaining(store) == ({"P-1": 2, "P-2": 1}, ["P-1/old", "P-2/old"])
    monkeypatch.undo()
    assert cli.main(words) == 0
    assert remaining(store) == ({"P-2": 1}, ["P-2/old"])


@pytest.mark.parametrize("verb", ["history", "delete"])
def test_an_unknown_person_is_no_success(store: Path, capsys, verb: str):
    words = [verb, str(store), *(["--subject"] if verb == "delete" else []), "p-1"]
    assert cli.main(words) == ConfigError.exit_code
    assert f"{store} has no tests of 'p-1'" in capsys.readouterr().err
    assert cli.main(["delete", str(store), "--subject", "P-1", "--trial", "x"]) != 0
    assert "no test 'x' of P-1" in capsys.readouterr().err


def test_a_person_who_is_only_in_the_reports_is_deleted_there(store: Path, capsys):
    out = store.parent / "out"
    with ResultsStore(store) as opened:
        opened.delete_subject("P-1")
    words = ["delete", str(store), "--subject", "P-1", "--reports", str(out), "--yes"]
    assert cli.main(words) == 0
    assert remaining(store) == ({"P-2": 1}, ["P-2/old"])


@pytest.mark.parametrize(
    "words", [["--older-than-days", "0"], ["--older-than-days", "5", "--trial", "x"]]
)
def test_refuses_conditions_that_make_no_sense(store: Path, words: list[str]):
    assert cli.main(["delete", str(store), *words, "--yes"]) == ConfigError.exit_code
    assert remaining(store)[0] == {"P-1": 2, "P-2": 1}


def test_a_missing_store_is_one_line(tmp_path: Path, capsys):
    assert cli.main(["history", str(tmp_path / "none")]) == StorageError.exit_code
    assert "cannot open the results store" in capsys.readouterr().err


def test_lists_persons_and_one_persons_tests(store: Path, capsys, tmp_path: Path):
    assert cli.main(["history", str(store)]) == 0
    assert capsys.readouterr().out.endswith("2 persons, 3 tests\n")
    page = tmp_path / "h" / "history.html"
    assert cli.main(["history", str(store), "P-1", "--out", str(page)]) == 0
    assert "P-1: 2 tests, 2 valid" in capsys.readouterr().out
    assert "2, 2 valid" in page.read_text()
    assert cli.main(["history", str(store), "P-1", "--json"]) == 0
    assert [row["trial_id"] for row in json.loads(capsys.readouterr().out)] == ["old", "new"]
    assert cli.main(["history", str(store), "--out", str(page)]) == ConfigError.exit_code


def test_reports_on_a_recording_and_stores_it(tmp_path: Path, monkeypatch, capsys):
    bag = write_drawn_trial(tmp_path / "visit-1")
    monkeypatch.setattr(perception_params, "build_perception", DrawnPerception)
    store = tmp_path / "results.sqlite"
    words = ["report", str(bag), "--out", str(tmp_path / "out"), "--subject", "P-9", "--age", "74"]
    assert cli.main([*words, "--store", str(store)]) == 0
    assert str(tmp_path / "out" / "report.html") in capsys.readouterr().out
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert document["trial_id"] == "visit-1" and document["age_years"] == 74
    assert document["run"]["source"] == "visit-1"
    schema = Path(__file__).parents[2] / "docs" / "report.schema.json"
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(document)
    with ResultsStore(store) as opened:
        assert opened.subjects() == {"P-9": 1}


def test_report_takes_its_scale_from_a_calibration(tmp_path: Path, monkeypatch, capsys):
    bag = write_drawn_trial(tmp_path / "visit-1")
    monkeypatch.setattr(perception_params, "build_perception", DrawnPerception)
    calibration = tmp_path / "thermal.yaml"
    save_camera_info(calibration, default_camera_info((80, 60), 51.0), "thermal")
    words = ["report", str(bag), "--out", str(tmp_path / "out"), "--height", "1.7", "--json"]
    assert cli.main([*words, "--calibration", str(calibration)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["parameters"]["focal_px"] == pytest.approx(40 / math.tan(math.radians(25.5)))
    assert re.fullmatch("[0-9a-f]{12}", document["calibration"])


@pytest.mark.faults
def test_a_calibration_of_another_image_size_is_scaled_or_gives_no_scale(
    tmp_path: Path, monkeypatch, capsys
):
    """From a file, and from the recording itself; the images have 80 x 60 px."""
    monkeypatch.setattr(perception_params, "build_perception", DrawnPerception)
    sizes = [
        (80, 60),
        (160, 120),
        (640, 480),
        (1280, 960),
        (160, 122),
        (80, 62),
        (60, 80),
        (80, 80),
    ]
    for size_wh in sizes:
        info = default_camera_info(size_wh, 45.0)
        plain = write_drawn_trial(tmp_path / "plain" / str(size_wh))
        recorded = write_drawn_trial(tmp_path / "recorded" / str(size_wh), info=info)
        save_camera_info(tmp_path / "lens.yaml", info, "thermal")
        for bag, more in ((plain, ["--calibration", str(tmp_path / "lens.yaml")]), (recorded, [])):
            words = [
                "report",
                str(bag),
                "--out",
                str(tmp_path / "out"),
                "--height",
                "1.7",
                "--json",
            ]
            assert cli.main([*words, *more]) == 0
            document = json.loads(capsys.readouterr().out)
            speeds = [m for m in document["measures"] if m["name"].startswith("gait_speed")]
            if 3 * size_wh[0] == 4 * size_wh[1]:
                focal_px = 40 / math.tan(math.radians(22.5))
                assert document["parameters"]["focal_px"] == pytest.approx(focal_px)
                assert not any("calibration" in m["omitted"].lower() for m in speeds)
            else:
                assert document["parameters"]["focal_px"] == 0
                assert all(m["value"] is None for m in speeds)
                assert all("another aspect ratio" in m["omitted"] for m in speeds), speeds
    faults.record(
        "calibration made for another image size (file, recording)",
        2 * len(sizes),
        "scaled where the aspect ratio fits, else speeds and lengths omitted with the reason",
    )


def test_report_needs_a_pseudonym_to_store(tmp_path: Path, capsys):
    words = ["report", "nowhere", "--store", str(tmp_path / "s")]
    assert cli.main(words) == ConfigError.exit_code
    assert "pseudonym" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--subject", "Jane Doe"])
    assert ended.value.code == 2
    assert not (tmp_path / "s").exists()


def test_report_refuses_an_impossible_age(tmp_path: Path, capsys):
    assert cli.main(["report", "nowhere", "--age", "300"]) == ConfigError.exit_code
    assert "age_years" in capsys.readouterr().err
