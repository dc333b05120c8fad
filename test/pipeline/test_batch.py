# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from thermal_pose.cli import main as cli
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import BagNotFoundError
from thermal_pose.pipeline import batch
from thermal_pose.pipeline.batch import BatchRow, analyze_many, find_recordings


def fake_bag(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "metadata.yaml").write_text("x")
    (folder / "data.mcap").write_bytes(b"x")
    return folder


def test_recordings_below_a_folder_are_found_once(tmp_path: Path) -> None:
    bags = [fake_bag(tmp_path / "b"), fake_bag(tmp_path / "sub" / "a")]
    single = tmp_path / "single.mcap"
    single.write_bytes(b"x")
    assert find_recordings([tmp_path]) == sorted([*bags, single])
    assert find_recordings([bags[0], single]) == [bags[0], single]


def test_nothing_to_analyze_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BagNotFoundError, match="no recording below"):
        find_recordings([tmp_path])
    with pytest.raises(BagNotFoundError, match="no recording at"):
        find_recordings([tmp_path / "missing"])


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
        "a": BatchRow("a", "valid", 9.123, ""),
        "b": BatchRow("b", "never_sat", None, "Nobody sat."),
        "c": BatchRow("c", "error", None, "damaged"),
    }
    monkeypatch.setattr(batch, "analyze_one", lambda bag, params, out: (outcomes[bag.name],))
    assert cli.main(["analyze", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "9.12 s" in printed
    assert "Nobody sat." in printed
    assert "1 valid, 1 refused, 1 error" in printed
