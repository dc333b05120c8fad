# SPDX-License-Identifier: Apache-2.0
"""Tables of measures, for the pages of all movement tests."""

from collections.abc import Collection, Sequence

from thermal_pose.clinical.records import Measure, MeasureStatus
from thermal_pose.language import say
from thermal_pose.report.parts import section, status_mark
from thermal_pose.report.text import (
    html,
    number,
)


def measures_section(given: Sequence[Measure], valid: bool, hidden: Collection[str]) -> str:
    """Return the checked measures, the experimental ones folded, and those left out.

    Parameters
    ----------
    hidden : names of measures that the page shows elsewhere.
    """
    if not valid or not given:
        return ""
    shown = [m for m in given if not m.omitted and m.name not in hidden]
    checked = [m for m in shown if m.status is not MeasureStatus.EXPERIMENTAL]
    experimental = [m for m in shown if m.status is MeasureStatus.EXPERIMENTAL]
    note = say(
        "Checked in simulation only: agreement with the truth was shown on simulated people "
        "(docs/validation.md), not on patients."
    )
    why = say(
        "Experimental: read from one frontal view of 80 × 60 pixels, where lengths, sides and "
        "single steps are uncertain; agreement was not shown or is weak, so do not rely on them."
    )
    body = _measure_table(checked, say("Table of measures"))
    body += f'<p class="fine">{html(note)}</p>' if checked else ""
    if experimental:
        body += (
            f"<details><summary>{html(say('Experimental measures'))}</summary>"
            f'<p class="fine">{html(why)}</p>'
            + _measure_table(experimental, say("Table of experimental measures"))
            + "</details>"
        )
    return section("measures", say("Measures"), body + _omitted(given))


def _measure_table(given: Sequence[Measure], label: str) -> str:
    if not given:
        return ""
    heads = "".join(
        f'<th scope="col">{html(say(name))}</th>'
        for name in ("Measure", "Value", "± SD", "Evidence")
    )
    rows = "".join(_measure_row(measure) for measure in given)
    return (
        f'<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{html(label)}"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _measure_row(measure: Measure) -> str:
    if isinstance(measure.value, str):
        value, spread = html(say(measure.value)), ""
    elif measure.name.startswith(("steps", "incomplete")):
        value, spread = _whole_range(measure)
    else:
        assert measure.value is not None
        value = number(measure.value, measure.uncertainty)
        spread = number(measure.uncertainty, measure.uncertainty) if measure.uncertainty else ""
    unit = f" {html(say(measure.unit))}" if measure.unit else ""
    return (
        f'<tr><th scope="row">{html(say(measure.label))}</th><td><b>{value}</b>{unit}</td>'
        f'<td>{spread}</td><td class="status {html(measure.status)}">'
        f"{status_mark(measure)}</td></tr>"
    )


def _whole_range(measure: Measure) -> tuple[str, str]:
    """A count as a whole number, with the range that two standard deviations span."""
    assert isinstance(measure.value, float)
    if not measure.uncertainty:
        return f"{measure.value:.0f}", ""
    reach = 1.96 * measure.uncertainty
    low, high = max(0, round(measure.value - reach)), round(measure.value + reach)
    return f"{measure.value:.0f}", f"{low}–{high}"


def _omitted(given: Sequence[Measure]) -> str:
    by_reason: dict[str, list[str]] = {}
    for measure in given:
        if measure.omitted:
            by_reason.setdefault(measure.omitted, []).append(say(measure.label))
    if not by_reason:
        return ""
    items = "".join(
        f"<li><b>{html('; '.join(labels))}.</b> {html(say(reason))}</li>"
        for reason, labels in by_reason.items()
    )
    summary = html(say("Measures left out, with the reason"))
    return f'<details><summary>{summary}</summary><ul class="omitted">{items}</ul></details>'
