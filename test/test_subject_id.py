# SPDX-License-Identifier: Apache-2.0
"""One rule for subject ids, at every entrance."""

import csv
import io
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from support import fabricated_results as fabricated
from support import faults
from support.trials import write_trial

from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.recording import recording_path
from thermal_pose.bags.writer import BagWriter
from thermal_pose.cli import main as cli
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import ConfigError
from thermal_pose.lab.learning.datasets.recordings import find_training_recordings
from thermal_pose.report.table import trial_csv
from thermal_pose.store.results import ResultsStore
from thermal_pose.subject_id import (
    SubjectIdError,
    check_optional_subject_id,
    check_subject_id,
    new_subject_id,
)

GOOD = ("P-4F7K2Q", "s01", "7", "A_b-9", "x" * 40)
BAD = (
    "Jane Doe", "jane@example.org", "../x", "x" * 41, "j.doe", "ä", "a/b", "a,b", 'a"b', "<b>",
    *(f"{sign}1" for sign in "=+-@_ "), "1 ", "a\n", "a\rb", "\ta", "a\x00", "a\x1b[31m", "a\x7f",
    "a\u202eb", "\udce9",
)  # fmt: skip


@pytest.mark.parametrize("subject", GOOD)
def test_pseudonyms_are_accepted(subject: str) -> None:
    assert check_subject_id(subject) == subject


@pytest.mark.faults
def test_what_is_no_pseudonym_is_refused_at_every_entrance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = 0
    for number, subject in enumerate(BAD):
        for enter in (
            check_subject_id,
            lambda text: TugParams(subject_id=text),
            lambda text: recording_path(tmp_path, text, 0),
            lambda text: find_training_recordings([tmp_path], subject=text),
            lambda text: _store(tmp_path / "s", text),
        ):
            with pytest.raises(SubjectIdError, match="pseudonym"):
                enter(subject)
            tried += 1
        if "\x00" in subject:
            continue
        for verb in ("analyze", "report", "record"):
            words = [verb, f"--subject={subject}"]
            words += [] if verb == "record" else [str(tmp_path)]
            try:
                code = cli.main(words)
            except SystemExit as ended:
                code = ended.code
            assert code in (2, ConfigError.exit_code), words
            assert "pseudonym" in capsys.readouterr().err
            tried += 1
        tried += _recorded(tmp_path / f"recorded{number}", subject)
    faults.record(
        "subject ids with blanks, control characters, formulas, addresses",
        tried,
        "refused at every entrance (commands, node parameters, recordings, store)",
    )


def _store(path: Path, subject: str) -> None:
    document = fabricated.result().to_json_dict() | {"subject_id": subject}
    with ResultsStore(path) as store:
        store.add(document)


def _recorded(path: Path, subject: str) -> int:
    """A recording whose recorder noted such an id is left out of a data set, by name."""
    with BagWriter(path / "walk", custom_data={"subject_id": subject}) as bag:
        write_trial(path / "other", 1)
        with BagReader(path / "other") as other:
            for message in other.raw_messages():
                bag.add_topic(message.topic, message.type_name)
                bag.write_raw(message.topic, message.log_ns, message.cdr)
    (found,) = find_training_recordings([path / "walk"])
    assert "pseudonym" in found.error
    return 1


def test_an_empty_id_is_no_id() -> None:
    assert check_optional_subject_id("") == ""
    with pytest.raises(SubjectIdError, match="got ''"):
        check_subject_id("")
    with pytest.raises(SubjectIdError, match=r"got 'x{60}'$"):
        check_subject_id("x" * 100_000)


def test_new_ids_are_pseudonyms_and_differ() -> None:
    made = {new_subject_id() for _ in range(50)}
    assert len(made) == 50
    assert all(check_subject_id(one) == one for one in made)


@pytest.mark.faults
def test_no_text_becomes_a_formula_or_another_row_of_the_table() -> None:
    """The trial's name comes from a folder, which may be called anything."""
    starts = ("", " ", "\t", "\r", "\u00a0", "x\r", "x\n")
    names = [f"{start}{sign}cmd|' /C calc'!A0" for start, sign in itertools.product(starts, "=+-@")]
    plain = trial_csv(fabricated.result())
    for name in names:
        table = trial_csv(replace(fabricated.result(), trial_id=name))
        assert not any(ord(sign) < 32 and sign != "\n" for sign in table)
        assert table.count("\n") == plain.count("\n")
        rows = list(csv.reader(io.StringIO(table)))
        assert not any(
            cell.lstrip().startswith(tuple("=+@")) or cell.lstrip().startswith("-cmd")
            for row in rows
            for cell in row
        )
    faults.record(
        "formulas and control characters in the name of a trial",
        len(names),
        "text in the table: no formula, no row of its own",
    )
