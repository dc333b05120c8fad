# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest
from pipeline.test_recorded_trial import DrawnPerception, write_drawn_trial
from support import faults
from support.foreign_bags import images, write_bag, write_split

from thermal_pose.cli import main as cli
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import BagError, BagNotFoundError, ConfigError
from thermal_pose.pipeline import batch
from thermal_pose.pipeline.batch import BatchRow, analyze_many, find_recordings
from thermal_pose.pipeline.recorded_trial import analyze_recording


def fake_bag(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "metadata.yaml").write_text("x")
    (folder / "data.mcap").write_bytes(b"x")
    return folder


def test_recordings_below_a_folder_are_found_once(tmp_path: Path) -> None:
    bags = [fake_bag(tmp_path / "b"), fake_bag(tmp_path / "sub" / "a")]
    single = tmp_path / "single.mcap"
    single.write_bytes(b"x")
    assert find_recordings([tmp_path]) == (sorted([*bags, single]), [])
    assert find_recordings([bags[0], single, tmp_path]) == ([bags[0], single, bags[1]], [])


def test_nothing_to_analyze_is_an_error(tmp_path: Path, capsys) -> None:
    words = ["analyze", str(tmp_path), str(tmp_path / "missing")]
    assert cli.main(words) == BagNotFoundError.exit_code
    said = capsys.readouterr().err
    assert f"no recording below {tmp_path}; no recording at {tmp_path / 'missing'}" in said


@pytest.mark.faults
def test_one_bad_input_never_ends_a_batch(tmp_path: Path, monkeypatch, capsys) -> None:
    """Missing, empty, damaged, unfinished, foreign, and one that meets a defect of ours."""
    good = [write_drawn_trial(tmp_path / name) for name in ("P01_2024.05.01", "P01_2024.05.02")]
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.mkdir()
    damaged = write_bag(tmp_path / "damaged", images(5))
    (damaged / "damaged_0.mcap").write_bytes(b"x" * 1000)
    unfinished = write_split(tmp_path / "unfinished", [images(5), images(5)], metadata=False)
    foreign = write_bag(tmp_path / "foreign", [("/t", *m[1:]) for m in images(5)])
    text = tmp_path / "notes.txt"
    text.write_text("not a recording")
    defect = write_bag(tmp_path / "defect", images(5))
    bad = [empty, missing, damaged, unfinished, foreign, text, defect]

    def analyze(bag: Path, perception: object, params: TugParams, test: object) -> object:
        if bag == defect:
            raise ValueError("x: expected 1, got 2")
        return analyze_recording(bag, DrawnPerception(), params, test=test)

    monkeypatch.setattr(batch, "analyze_recording", analyze)
    out = tmp_path / "results"
    words = [str(path) for path in (bad[0], good[0], *bad[1:5], good[1], *bad[5:])]
    assert cli.main(["analyze", *words, "--out", str(out), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    outcomes = {row["bag"]: row["outcome"] for row in rows}
    assert outcomes == {str(path): "error" if path in bad else "valid" for path in (*good, *bad)}
    sentences = {row["bag"]: row["sentence"] for row in rows}
    assert f"run `thermal-pose repair {unfinished}`" in sentences[str(unfinished)]
    assert "unexpected ValueError: x: expected 1, got 2" in sentences[str(defect)]
    assert sorted(path.name for path in out.iterdir()) == [f"{path.name}.json" for path in good]
    names = [json.loads(path.read_text())["trial_id"] for path in sorted(out.iterdir())]
    assert names == [path.name for path in good]
    faults.record(
        "a batch with missing, empty, damaged, unfinished, foreign and defective inputs",
        len(bad),
        "every one is a row with its reason; the other recordings are timed",
    )


def test_results_of_one_name_would_overwrite_each_other(tmp_path: Path) -> None:
    bags = [tmp_path / "a" / "t", tmp_path / "b" / "t"]
    with pytest.raises(ValueError, match="different names"):
        analyze_many(bags, TugParams(), tmp_path)


def test_rows_come_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    def analyze(bag: Path, params: TugParams, out_dir: Path | None) -> tuple[BatchRow, ...]:
        seen.append(bag)
        return (BatchRow(str(bag), "valid", 9.0, ""),)

    monkeypatch.setattr(batch, "analyze_one", analyze)
    rows = analyze_many([tmp_path / str(k) for k in range(1000)], TugParams())
    next(rows)
    # Nothing is worked ahead and nothing is kept: memory does not grow with the batch.
    assert len(seen) == 1


def test_command_counts_and_reports_unreadable_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        fake_bag(tmp_path / name)
    outcomes = {
        "a": BatchRow("a", "valid", 9.123, "", figure="9.12 s"),
        "b": BatchRow("b", "never_sat", None, "Nobody sat."),
        "c": BatchRow("c", "error", None, "damaged"),
    }
    monkeypatch.setattr(batch, "analyze_one", lambda bag, params, out: (outcomes[bag.name],))
    assert cli.main(["analyze", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "9.12 s" in printed
    assert "Nobody sat." in printed
    assert "1 valid, 1 refused, 1 error" in printed


@pytest.mark.parametrize(
    ("words", "key"),
    [([], "timed_up_and_go"), (["--test", "chair_stand_30s"], "chair_stand_30s"),
     (["--test", "auto"], "auto")],
)  # fmt: skip
def test_the_test_is_chosen_or_detected(tmp_path: Path, monkeypatch, words, key) -> None:
    fake_bag(tmp_path / "a")
    asked = []

    def analyze(bag, perception, params, test):
        asked.append(test.key)
        raise BagError("enough")

    monkeypatch.setattr(batch, "analyze_recording", analyze)
    monkeypatch.setattr(batch, "_perception", lambda: None)
    assert cli.main(["analyze", str(tmp_path), *words]) == 1
    assert asked == [key]


def test_a_count_is_a_figure_and_no_total() -> None:
    test = EarlierTest("", "", 0, test="chair_stand_30s", value=12.0)
    row = batch._row(Path("a"), 1, test)
    assert (row.figure, row.total_s, row.test) == ("12 stands", None, "chair_stand_30s")
    timed = batch._row(Path("a"), 1, EarlierTest("", "", 0, value=11.3))
    assert (timed.figure, timed.total_s) == ("11.30 s", 11.3)


def test_an_unknown_test_is_named(tmp_path: Path, capsys) -> None:
    fake_bag(tmp_path / "a")
    assert cli.main(["analyze", str(tmp_path), "--test", "hop"]) == ConfigError.exit_code
    assert "hop" in capsys.readouterr().err
