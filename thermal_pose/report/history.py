# SPDX-License-Identifier: Apache-2.0
"""The history page: one person's tests over time, self-contained HTML."""

from collections.abc import Sequence
from pathlib import Path

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.tug import norms
from thermal_pose.files import write_whole
from thermal_pose.report import charts, evidence, sections
from thermal_pose.report.page import render_page
from thermal_pose.report.text import html, recorded_date, seconds, signed_seconds, subject_name


def history_page(subject_id: str, tests: Sequence[EarlierTest]) -> str:
    """Return the page of one person's tests, given in any order.

    Raises
    ------
    ValueError
        When a test is another person's.
    """
    for test in tests:
        if test.subject_id != subject_id:
            raise ValueError(f"tests: expected those of {subject_id!r}, got {test.subject_id!r}")
    ordered = sorted(tests, key=lambda test: (test.origin_ns, test.trial_id))
    valid = [test for test in ordered if test.valid]
    age_years = ordered[-1].age_years if ordered else None
    band = norms.age_band(age_years)
    body = '<p class="lead">No tests of this person are on file.</p>'
    if ordered:
        plot = charts.history_plot(ordered, band, len(ordered) - 1)
        body = _summary(valid, age_years) + plot + sections.history_table(ordered)
    count = f"{len(ordered)} test{'' if len(ordered) == 1 else 's'}, {len(valid)} valid"
    person = [("Person", subject_name(subject_id)), ("On file", count)]
    if age_years:
        person.append(("Age at the last test", f"{age_years:g} years"))
    return render_page(
        title=f"Timed Up and Go over time, {subject_name(subject_id)}",
        badge="",
        person="".join(f"<div><dt>{html(k)}</dt><dd>{html(v)}</dd></div>" for k, v in person),
        main=sections.section("history", "Total time over time", body)
        + evidence.notes(bool(ordered)),
    )


def write_history(path: Path, subject_id: str, tests: Sequence[EarlierTest]) -> Path:
    """Write the history page to a file, whole or not at all.

    Raises
    ------
    StorageError
        When it cannot be written.
    """
    page = history_page(subject_id, tests)
    write_whole(path, page)
    return path


def _summary(valid: Sequence[EarlierTest], age_years: float | None) -> str:
    facts = []
    if valid and valid[-1].value is not None:
        facts.append(f"Last valid total: <b>{seconds(valid[-1].value)}</b>{_when(valid[-1])}.")
    if len(valid) > 1 and valid[-1].value is not None and valid[0].value is not None:
        change = signed_seconds(valid[-1].value - valid[0].value)
        facts.append(f"Change since the first valid test{_when(valid[0])}: <b>{change}</b>.")
    band = norms.age_band(age_years)
    facts.append(
        f"Shaded: ages {band.ages}, 95 % interval of the mean {band.low_s:.1f} to "
        f"{seconds(band.high_s, 1)} ({html(band.source.short)})."
        if band
        else html(norms.missing_band_reason(age_years))
    )
    changes = ", ".join(
        f"{seconds(change.change_s, 1)} in {html(change.group)}"
        for change in norms.DETECTABLE_CHANGES
    )
    facts.append(f"Smallest change beyond the error of repeated stopwatch tests: {changes}.")
    return f'<ul class="facts">{"".join(f"<li>{fact}</li>" for fact in facts)}</ul>'


def _when(test: EarlierTest) -> str:
    date = recorded_date(test.origin_ns)
    return f" ({html(date)})" if date else ""
