# SPDX-License-Identifier: Apache-2.0
"""Parts of pages: sections, folded sections, and lists of pairs."""

from collections.abc import Sequence

from thermal_pose.clinical.records import Measure, MeasureStatus
from thermal_pose.language import say
from thermal_pose.report.text import (
    STATUS_NAMES,
    html,
)


def section(anchor: str, title: str, body: str, lead: str = "", classes: str = "") -> str:
    """Return a titled landmark; '' for an empty body."""
    if not body:
        return ""
    introduction = f'<p class="lead">{lead}</p>' if lead else ""
    return (
        f'<section id="{anchor}" class="card {classes}" aria-labelledby="{anchor}-title">'
        f'<h2 id="{anchor}-title">{html(title)}</h2>{introduction}{body}</section>'
    )


def folded(anchor: str, title: str, body: str) -> str:
    """Return a landmark that is closed at first and left out of a print; '' for an empty body."""
    if not body:
        return ""
    return (
        f'<section id="{anchor}" class="card" aria-labelledby="{anchor}-title">'
        f'<details class="more"><summary><h2 id="{anchor}-title">{html(title)}</h2></summary>'
        f"{body}</details></section>"
    )


def status_mark(measure: Measure) -> str:
    """Return the sign and the name of a measure's status."""
    sign = "○" if measure.status is MeasureStatus.EXPERIMENTAL else "✓"
    return f'<span aria-hidden="true">{sign}</span> {html(say(STATUS_NAMES[measure.status]))}'


def pairs_list(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a description list."""
    items = "".join(f"<div><dt>{html(k)}</dt><dd>{html(v)}</dd></div>" for k, v in pairs)
    return f'<dl class="pairs">{items}</dl>'


def labelled_cell(name: str, body: str) -> str:
    """Return a table cell that carries its column's name, for a narrow screen."""
    return f'<td data-label="{html(name)}">{body}</td>'


def stacked_table(label: str, names: Sequence[str], rows: str) -> str:
    """Return a table whose rows become blocks of labelled values on a narrow screen.

    Parameters
    ----------
    label : name of the table.
    names : of the columns, in the reader's language.
    rows : its rows as HTML, of `labelled_cell`.
    """
    head = "".join(f'<th scope="col">{html(name)}</th>' for name in names)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{html(label)}">'
        f'<table class="stacked"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
