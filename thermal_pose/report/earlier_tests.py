# SPDX-License-Identifier: Apache-2.0
"""Earlier tests of the same person: the change since then, and the table of all tests."""

from collections.abc import Mapping, Sequence

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.phases import phase_name
from thermal_pose.clinical.tug import norms
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.language import say
from thermal_pose.report import charts
from thermal_pose.report.parts import folded, labelled_cell, stacked_table
from thermal_pose.report.text import (
    REASON_NAMES,
    decimal,
    figure,
    html,
    recorded_date,
    seconds,
    signed,
)


def change_sentence(current: EarlierTest, earlier: Sequence[EarlierTest]) -> str:
    """Return the change since the person's previous valid test of the same kind."""
    valid = [test for test in valid_tests(earlier) if test.test == current.test]
    if not valid or current.value is None:
        return html(say("No earlier valid test of this person is on file."))
    last, kind = valid[-1], current.kind
    assert last.value is not None
    when = recorded_date(last.origin_ns) or last.trial_id or say("earlier")
    change = signed(current.value - last.value, kind.decimals, say(kind.unit))
    line = html(say("Previous test ({when}):", when=when))
    line += f" {figure(last.value, kind.decimals, say(kind.unit))}, "
    line += f"{html(say('change'))} <b>{change}</b>."
    if current.test == TIMED_UP_AND_GO.key:
        line += " " + html(say("Smallest detectable change of repeated stopwatch tests:"))
        line += " " + ", ".join(
            f"{seconds(row.change_s, 1)} {html(say('in'))} {html(say(row.group))}"
            for row in norms.DETECTABLE_CHANGES
        )
        line += "."
    return line


def valid_tests(earlier: Sequence[EarlierTest]) -> list[EarlierTest]:
    """Return the valid ones of the tests."""
    return [test for test in earlier if test.valid]


def earlier_section(current: EarlierTest, earlier: Sequence[EarlierTest]) -> str:
    """Return the person's tests of this kind over time, this one last."""
    same = [test for test in earlier if test.test == current.test]
    if not same or not current.valid:
        return ""
    tests = [*same, current]
    body = charts.history_plot(tests, len(tests) - 1) + history_table(tests)
    return folded("history", say("Tests of this person"), body)


def history_table(tests: Sequence[EarlierTest], links: Mapping[int, str] | None = None) -> str:
    """Return a table of tests of one kind in order of time, refused ones with their reason.

    Parameters
    ----------
    links : address of a test's report by its `origin_ns`.
    """
    kind = tests[0].kind
    phases_shown = kind.phases if kind.key == TIMED_UP_AND_GO.key else ()
    names = [say("Test"), say(kind.title), *(_phase_title(name) for name in phases_shown)]
    rows = []
    for test in tests:
        name = _name(test)
        if links and test.origin_ns in links:
            name = f'<a href="{html(links[test.origin_ns])}">{name}</a>'
        if not test.valid:
            why = say(test.sentence or REASON_NAMES[test.reason])
            cells = f'<td class="why" colspan="{1 + len(phases_shown)}">'
            cells += f"<span>{html(say('refused:'))} {html(why)}</span></td>"
        else:
            assert test.value is not None
            sd = f" ± {decimal(test.sd, 2)}" if test.sd else ""
            value = figure(test.value, kind.decimals, say(kind.unit))
            past = (test.durations_s.get(name) for name in phases_shown)
            shown = [f"<b>{value}</b>{sd}", *("—" if v is None else decimal(v, 2) for v in past)]
            cells = "".join(labelled_cell(*pair) for pair in zip(names[1:], shown, strict=True))
        rows.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return stacked_table(say("Table of tests"), names, "".join(rows))


def _name(test: EarlierTest) -> str:
    """The date, which stays on one line, and the name of a test."""
    day = recorded_date(test.origin_ns)
    shown = f'<span class="day">{day}</span>' if day else ""
    return " ".join(filter(None, (shown, html(test.trial_id)))) or html(say("unnamed"))


def _phase_title(name: str) -> str:
    return say(phase_name(name))
