# SPDX-License-Identifier: Apache-2.0
"""The history page: one person's tests over time, self-contained HTML."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from thermal_pose.clinical.catalogue import MOVEMENT_TESTS
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.files import write_whole
from thermal_pose.language import ENGLISH, numerals, say, speaking
from thermal_pose.report import charts, earlier_tests, evidence, parts
from thermal_pose.report.page import render_page
from thermal_pose.report.text import figure, html, recorded_date, signed, subject_name


def history_page(
    subject_id: str, tests: Sequence[EarlierTest], links: Mapping[int, str] | None = None
) -> str:
    """Return the page of one person's tests, given in any order; one section per kind of test.

    Parameters
    ----------
    links : address of a test's report by its `origin_ns`.

    Raises
    ------
    ValueError
        When a test is another person's.
    """
    for test in tests:
        if test.subject_id != subject_id:
            raise ValueError(f"tests: expected those of {subject_id!r}, got {test.subject_id!r}")
    ordered = sorted(tests, key=lambda test: (test.origin_ns, test.trial_id))
    n_valid = sum(test.valid for test in ordered)
    empty = say("No tests of this person are on file.")
    body = "".join(
        _kind_section(kind, [test for test in ordered if test.test == kind.key], links)
        for kind in MOVEMENT_TESTS.values()
    )
    person = [
        (say("Person"), subject_name(subject_id)),
        (say("Tests on file"), say("{n}, {valid} valid", n=len(ordered), valid=n_valid)),
    ]
    if ordered and ordered[-1].age_years:
        person.append((say("Age at the last test"), numerals(f"{ordered[-1].age_years:g}")))
    title = say("Tests over time")
    return render_page(
        title=f"{title}, {subject_name(subject_id)}",
        heading=title,
        badge="",
        person="".join(f"<div><dt>{html(k)}</dt><dd>{html(v)}</dd></div>" for k, v in person),
        main=(body or parts.section("history", title, f'<p class="lead">{html(empty)}</p>'))
        + evidence.notes(bool(ordered)),
    )


def _kind_section(
    kind: MovementTest, tests: Sequence[EarlierTest], links: Mapping[int, str] | None
) -> str:
    if not tests:
        return ""
    plot = charts.history_plot(tests, len(tests) - 1)
    body = _summary(tests) + plot + earlier_tests.history_table(tests, links)
    return parts.section(f"history-{kind.key.replace('_', '-')}", say(kind.title), body)


def write_history(
    path: Path, subject_id: str, tests: Sequence[EarlierTest], language: str = ENGLISH
) -> Path:
    """Write the history page to a file, whole or not at all.

    Raises
    ------
    StorageError
        When it cannot be written.
    """
    with speaking(language):
        page = history_page(subject_id, tests)
    write_whole(path, page, private=True)
    return path


def _summary(tests: Sequence[EarlierTest]) -> str:
    """The last valid figure and the change since the first one."""
    valid = [test for test in tests if test.value is not None]
    kind = tests[0].kind
    facts = []
    if valid:
        last = valid[-1]
        value = figure(last.value or 0.0, kind.decimals, say(kind.unit))
        facts.append(f"{html(say('Last valid test:'))} <b>{value}</b>{_when(last)}.")
    if len(valid) > 1:
        change = (valid[-1].value or 0.0) - (valid[0].value or 0.0)
        text = signed(change, kind.decimals, say(kind.unit))
        facts.append(
            f"{html(say('Change since the first valid test:'))} <b>{text}</b>{_when(valid[0])}."
        )
    aids = {test.walking_aid for test in valid if test.walking_aid}
    if len(aids) > 1:
        facts.append(html(say("Different walking aids were used: compare with care.")))
    return f'<ul class="facts">{"".join(f"<li>{fact}</li>" for fact in facts)}</ul>'


def _when(test: EarlierTest) -> str:
    date = recorded_date(test.origin_ns)
    return f" ({html(date)})" if date else ""
