# SPDX-License-Identifier: Apache-2.0
"""One vocabulary for all verbs: an option means one thing, and says its default and its unit."""

import argparse
import re

import pytest

from thermal_pose.cli.arguments import VOCABULARY
from thermal_pose.cli.main import verb_parser
from thermal_pose.cli.parser import Parser
from thermal_pose.cli.verbs import VERBS

#: (type, metavar) that each shared option may have; flags have (None, 0).
SHARED_FORMS = {
    "--bodies": {"DIR"},
    "--body-count": {"N"},
    "--calibration": {"FILE"},
    "--duration": {"S"},
    "--evaluation": {"NAME=DIR"},
    "--jobs": {"N"},
    "--max-minutes": {"MINUTES"},
    "--out": {"PATH"},
    "--rate": {"FACTOR"},
    "--ray": {"ADDRESS"},
    "--seed": {"SEED"},
    "--set": {"KEY=VALUE"},
}

#: Metavars of numbers: the units in which options are given.
UNITS = {
    "S", "MS", "HZ", "M", "PX", "DEG", "YEARS", "DAYS", "MINUTES",
    "MB", "N", "FACTOR", "PORT", "SEED", "STEPS", "FRAMES", "K",
}  # fmt: skip


def actions(verb: str) -> list[argparse.Action]:
    parser = verb_parser(verb)[0]
    return [action for action in parser._actions if action.dest != "help"]


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_shared_options_have_one_form(verb: str) -> None:
    for action in actions(verb):
        for name in set(action.option_strings) & set(SHARED_FORMS):
            assert action.metavar in SHARED_FORMS[name], f"{name}: {VOCABULARY[name]}"


#: Verbs without --json, and why.
WITHOUT_JSON = {
    "view": "shows a page until it is closed",
    "serve": "serves a page until it is stopped",
    "completion": "prints code for the shell",
    "bench-serve": "prints its JSON document in any case",
    "evaluate-chair-rises": "prints its JSON document in any case",
}


def test_every_verb_can_print_json_or_has_a_reason_not_to() -> None:
    options = {verb: {o for a in actions(verb) for o in a.option_strings} for verb in VERBS}
    assert {verb for verb, names in options.items() if "--json" not in names} == set(WITHOUT_JSON)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_option_states_default_and_unit(verb: str) -> None:
    parser = verb_parser(verb)[0]
    formatter = parser._get_formatter()
    for action in actions(verb):
        name = "/".join(action.option_strings) or action.dest
        shown = formatter._get_help_string(action)
        assert shown, f"{name}: no help"
        of_numbers = action.type in (int, float) or getattr(action.type, "__name__", "") in (
            "count",
            "positive",
        )
        if of_numbers:
            assert action.metavar in UNITS, f"{name}: the metavar is the unit, one of UNITS"
            stated = "(default" in shown or action.required or not action.option_strings
            optional = re.search(r"instead|with --|to delete|longer ago", shown)
            assert stated or optional, f"{name}: no default in '{shown}'"


def test_zero_is_shown_as_a_default() -> None:
    parser = Parser("x")
    parser.add_argument("--rate", type=float, default=0.0, help="how fast")
    assert "how fast (default: 0.0)" in parser.format_help()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["analyse"], "did you mean analyze?"),
        (["recrod"], "did you mean record?"),
        (["record", "--output", "x"], "unknown option --output; did you mean --out?"),
        (["run", "--rte", "4"], "unknown option --rte; did you mean --rate?"),
        (["info", "a", "b"], "unexpected argument 'b'"),
        (["bench", "--rounds", "0"], "expected a whole number of at least 1"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from thermal_pose.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_abbreviations_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from thermal_pose.cli.main import main

    with pytest.raises(SystemExit):
        main(["run", "--dur", "3"])
    assert "unknown option --dur" in capsys.readouterr().err
