# SPDX-License-Identifier: Apache-2.0
import json
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import faults

from thermal_pose.errors import StorageError
from thermal_pose.store import results
from thermal_pose.store.results import ResultsStore, keep
from thermal_pose.types import NS_PER_S, TrialReason

DAY_NS = 86_400 * NS_PER_S


def document(subject: str = "P-1", trial: str = "a", day: int = 0, **changes: object) -> dict:
    values = {
        "test": "timed_up_and_go",
        "subject_id": subject,
        "trial_id": trial,
        "origin_ns": day * DAY_NS,
        "valid": True,
        "reason": "valid",
        "total_s": 11.5,
        "total_sd_s": 0.06,
        "total_from_go_s": None,
        "age_years": 71.0,
        "phases": [{"phase": "TURN", "duration_s": 2.25}],
        "signals": {"secret_signal": [1.0, 2.0]},
    }
    return values | changes


def test_adds_and_lists_oldest_first(tmp_path: Path) -> None:
    with ResultsStore(tmp_path / "new" / "store.sqlite") as store:
        store.add(document(trial="b", day=2, total_s=10.0))
        store.add(document(trial="a", day=1))
        store.add(document("P-2", day=1))
    with ResultsStore(tmp_path / "new" / "store.sqlite", read_only=True) as store:
        assert store.subjects() == {"P-1": 2, "P-2": 1}
        first, second = store.history("P-1")
        assert (first.trial_id, second.trial_id) == ("a", "b")
        assert second.value == 10.0
        assert first.durations_s == {"turn": 2.25}
        assert "signals" not in store.documents("P-1")[0]
        assert store.history("nobody") == []


@pytest.mark.faults
def test_a_second_visit_never_replaces_the_first(tmp_path: Path) -> None:
    """A camera whose clock begins at zero gives every visit the same first stamp."""
    count = faults.times(few=5, full=200)
    with ResultsStore(tmp_path / "s") as store:
        for visit in range(count):
            assert store.add(document(total_s=10.0 + visit)) == visit + 1
        assert [test.value for test in store.history("P-1")] == [10.0 + n for n in range(count)]
        assert store.delete_trial("P-1", "a") == count
    faults.record(
        "visits with subject, trial and first stamp in common",
        count,
        "all kept in the store, none replaced",
    )


def test_the_same_result_is_kept_once(tmp_path: Path) -> None:
    with ResultsStore(tmp_path / "s") as store:
        first = document(total_s=11.0, run={"created": "today"}, versions={"thermal_pose": "1"})
        again = document(total_s=11.0, run={"created": "later"}, versions={"thermal_pose": "2"})
        assert store.add(first) == store.add(again) == 1
        assert [row["run"]["created"] for row in store.documents("P-1")] == ["later"]


def test_what_is_compared_with_are_the_other_tests(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert keep(path, document(day=1)).earlier == []
    for _ in range(2):  # as when a report could not be written at the first attempt
        kept = keep(path, document(day=2, total_s=10.0))
        assert [test.value for test in kept.earlier] == [11.5]
        assert kept.number == 1
    kept = keep(path, document(day=2, total_s=9.0))
    assert ([test.value for test in kept.earlier], kept.number) == ([11.5, 10.0], 2)


def test_a_store_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with sqlite3.connect(path) as old:
        old.executescript(
            "CREATE TABLE trial (subject_id TEXT NOT NULL, trial_id TEXT NOT NULL, origin_ns "
            "INTEGER NOT NULL, valid INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY "
            "(subject_id, trial_id, origin_ns)) WITHOUT ROWID; CREATE INDEX trial_by_time ON trial "
            f"(origin_ns); PRAGMA application_id = {results.APPLICATION_ID}; "
            "PRAGMA user_version = 1;"
        )
        old.execute("INSERT INTO trial VALUES ('P-1', 'a', 0, 1, ?)", (json.dumps(document()),))
    old.close()
    with ResultsStore(path, read_only=True) as store:
        assert [test.value for test in store.history("P-1")] == [11.5]
    with ResultsStore(path) as store:
        assert store.add(document(total_s=9.0)) == 2
        assert [test.value for test in store.history("P-1")] == [11.5, 9.0]
    with ResultsStore(path) as store:
        assert store.subjects() == {"P-1": 2}


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s"
    umask = os.umask(0o022)
    try:
        ResultsStore(path).close()
    finally:
        os.umask(umask)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("damaged", ["{", "{}", "[1]", "[" * 100_000, '{"origin_ns": null}'])
def test_a_damaged_report_in_it_is_named_and_can_be_deleted(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / "s"
    with ResultsStore(path) as store:
        store.add(document())
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE trial SET document = ?", (damaged,))
    raw.close()
    with ResultsStore(path) as store:
        with pytest.raises(StorageError, match="a report in it is damaged"):
            store.history("P-1")
        assert store.keys("P-1") == [("P-1", "a", 0)]
        kept = keep(path, document(total_s=9.0))
        assert (kept.earlier, kept.number, kept.damaged) == ([], 2, 1)
        assert "1 earlier reports are damaged" in kept.remark
        assert store.delete_trial("P-1", "a") == 2
        store.add(document())
        assert store.delete_subject("P-1") == 1


def test_a_refused_trial_keeps_its_reason_and_no_figure(tmp_path: Path) -> None:
    with ResultsStore(tmp_path / "s") as store:
        store.add(document(valid=False, reason="stopped_early", total_s=None, total_sd_s=None))
        (test,) = store.history("P-1")
    assert test.reason is TrialReason.STOPPED_EARLY
    assert test.value is None and test.durations_s == {}


def test_deleting_a_person_leaves_no_trace_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with ResultsStore(path) as store:
        for index in range(50):
            store.add(document("P-gone", f"t{index}", index))
        store.add(document("P-stays"))
        assert b"P-gone" in path.read_bytes()
        assert store.delete_subject("P-gone") == 50
        assert store.delete_subject("P-gone") == 0
        assert store.subjects() == {"P-stays": 1}
    assert all(b"P-gone" not in file.read_bytes() for file in tmp_path.iterdir())


def test_deletes_one_trial_and_by_age(tmp_path: Path) -> None:
    with ResultsStore(tmp_path / "s") as store:
        for day in (1, 2, 3):
            store.add(document(trial=f"t{day}", day=day))
        assert store.older_than(2 * DAY_NS) == [("P-1", "t1", DAY_NS)]
        assert store.delete_older_than(2 * DAY_NS) == 1
        assert store.delete_trial("P-1", "t3") == 1
        assert [test.trial_id for test in store.history("P-1")] == ["t2"]


@pytest.mark.parametrize("subject", ["", "Jane Doe", "=1+1"])
def test_refuses_what_is_no_pseudonym(tmp_path: Path, subject: str) -> None:
    with ResultsStore(tmp_path / "s") as store, pytest.raises(ValueError, match="pseudonym"):
        store.add(document(subject))


def test_refuses_a_document_that_is_no_report(tmp_path: Path) -> None:
    with ResultsStore(tmp_path / "s") as store, pytest.raises(ValueError, match="test"):
        store.add({"subject_id": "P-1", "trial_id": "", "valid": False, "phases": []})


def test_a_locked_store_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "s"
    with ResultsStore(path) as store:
        other = sqlite3.connect(path)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="another program holds it"):
            store.add(document())
        other.close()
        store.add(document())
        assert store.subjects() == {"P-1": 1}


def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"this is no database at all, and longer than a header" * 40)
    with pytest.raises(StorageError, match="damaged"):
        ResultsStore(garbage)

    path = tmp_path / "cut"
    with ResultsStore(path) as store:
        for index in range(200):
            store.add(document(trial=f"t{index}"))
    content = path.read_bytes()
    path.write_bytes(content[: 4096 * 2] + b"\xff" * (len(content) - 4096 * 2))
    with pytest.raises(StorageError, match="damaged"), ResultsStore(path) as store:
        store.history("P-1")


def test_a_damaged_report_inside_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with ResultsStore(path) as store:
        store.add(document())
        raw = sqlite3.connect(path)
        raw.execute("UPDATE trial SET document = '{'")
        raw.commit()
        raw.close()
        with pytest.raises(StorageError, match="damaged"):
            store.history("P-1")


def test_a_read_only_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s"
    ResultsStore(path).close()
    store = ResultsStore(path, read_only=True)
    with store, pytest.raises(StorageError, match="read-only"):
        store.add(document())


def test_a_full_disk_says_so_and_loses_nothing(tmp_path: Path) -> None:
    with ResultsStore(tmp_path / "s") as store:
        store.add(document())
        store._db.execute("PRAGMA max_page_count = 4")
        with pytest.raises(StorageError, match="full"):
            store.add(document(trial="large", note="x" * 100_000))
        assert [test.trial_id for test in store.history("P-1")] == ["a"]


def test_a_missing_store_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot open"):
        ResultsStore(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()


def test_a_foreign_or_newer_database_is_left_alone(tmp_path: Path) -> None:
    foreign = sqlite3.connect(tmp_path / "foreign")
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.commit()
    foreign.close()
    before = (tmp_path / "foreign").read_bytes()
    with pytest.raises(StorageError, match="not a results store"):
        ResultsStore(tmp_path / "foreign")
    assert (tmp_path / "foreign").read_bytes() == before

    with ResultsStore(tmp_path / "newer") as store:
        store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="version 99"):
        ResultsStore(tmp_path / "newer")


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s"

    def add(worker: int) -> None:
        with ResultsStore(path) as store:
            for index in range(10):
                store.add(document(f"P-{worker}", f"t{index}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    with ResultsStore(path) as store:
        assert store.subjects() == {f"P-{worker}": 10 for worker in range(4)}


def test_hostile_ids_are_data_not_sql(tmp_path: Path) -> None:
    hostile = "x'; DROP TABLE trial; --"
    with ResultsStore(tmp_path / "s") as store:
        store.add(document(trial=hostile))
        assert store.delete_trial("P-1", "' OR '1'='1") == 0
        assert store.history("P-1")[0].trial_id == hostile
