# SPDX-License-Identifier: Apache-2.0
"""A page on something that was made or measured, in the report's design: verdict, next step, facts.

For engineers: what a calibration or a data set is worth, and what to do about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from thermal_pose.report.page import render_page
from thermal_pose.report.parts import section
from thermal_pose.report.text import html


@dataclass(frozen=True)
class Appraisal:
    """A verdict on one thing.

    Attributes
    ----------
    good : whether it can be used as it is.
    verdict : one sentence.
    next_step : what to do now, one sentence.
    """

    good: bool
    verdict: str
    next_step: str


def findings_page(
    title: str, about: Sequence[tuple[str, str]], appraisal: Appraisal, sections: str
) -> str:
    """Return the page.

    Parameters
    ----------
    about : pairs below the title, such as the folder.
    sections : HTML of `report.parts.section`.
    """
    kind, badge = ("", "ok") if appraisal.good else (" refused", "no")
    state = "Usable" if appraisal.good else "Needs work"
    hero = (
        f'<section id="outcome" class="card hero{kind}" aria-labelledby="outcome-title"><div>'
        f'<h2 id="outcome-title">{html(appraisal.verdict)}</h2>'
        f'<p class="advice"><b>Next step.</b> {html(appraisal.next_step)}</p></div></section>'
    )
    return render_page(
        title=title,
        heading=title,
        badge=f'<p class="badge {badge}">{state}</p>',
        person="".join(f"<div><dt>{html(k)}</dt><dd>{html(v)}</dd></div>" for k, v in about),
        main=hero + sections,
    )


def table_section(anchor: str, title: str, rows: Sequence[tuple[str, str]], lead: str = "") -> str:
    """Return a section with a table of names and values; '' without rows."""
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row">{html(name)}</th><td>{html(value)}</td></tr>' for name, value in rows
    )
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {html(title)}"><table>'
        f'<thead><tr><th scope="col">What</th><th scope="col">Value</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
    return section(anchor, title, table, html(lead))
