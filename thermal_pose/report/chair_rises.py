# SPDX-License-Identifier: Apache-2.0
"""The page and the table of a chair-rise test."""

from collections.abc import Sequence

import numpy as np

from thermal_pose.clinical.chair_rises import norms
from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S
from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.chair_rises.result import ChairRiseResult
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.phases import phase_name
from thermal_pose.clinical.records import RunInfo
from thermal_pose.language import say
from thermal_pose.report import charts, earlier_tests, evidence, measure_tables, parts, sections
from thermal_pose.report.charts import Axis, Trace
from thermal_pose.report.text import decimal, html, seconds

#: Phases of a rise, in their order.
_PHASES = tuple(phase_name(key) for key in CHAIR_STAND_30S.phases if key != "seated")
_TABLE = (
    '<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
    '<table class="rises">{rows}</table></div>'
)


def chair_rise_sections(
    result: ChairRiseResult, earlier: Sequence[EarlierTest], run: RunInfo | None
) -> tuple[str, str]:
    """Return the first page's sections, and those that are folded below it."""
    first = rise_outcome(result, earlier) + rises_section(result)
    folded = (
        measure_tables.measures_section(result.measures, result.timing.valid, ())
        + rise_signals(result)
        + earlier_tests.earlier_section(EarlierTest.from_result(result), earlier)
        + rise_quality(result)
        + evidence.provenance(result, run)
        + rise_notes()
    )
    return first, folded


def rise_outcome(result: ChairRiseResult, earlier: Sequence[EarlierTest]) -> str:
    """Return the hero: the figure beside its reference, or the reason of the refusal."""
    if not result.timing.valid:
        return sections.refusal(result.timing.reason, result.timing.sentence)
    is_count = result.test.key == CHAIR_STAND_30S.key
    value = f"{result.stands}" if is_count else decimal(result.total_s or 0.0, 2)
    unit = say("stands") if is_count else "s"
    sd_s = result.total_sd_s
    spread = "" if sd_s is None else f"<span>± {seconds(sd_s)}</span>"
    facts = [
        *_reference(result),
        earlier_tests.change_sentence(EarlierTest.from_result(result), earlier),
    ]
    if result.total_from_go_s is not None:
        go = html(say("From the signalled ‘go’:"))
        facts.insert(0, f"{go} <b>{seconds(result.total_from_go_s)}</b>.")
    if result.stands_also is not None:
        value += f" {say('or {n}', n=result.stands_also)}"
        facts.insert(
            0,
            html(say("A rise was half-way up at the limit of 30 s, within the error of this "
                     "measurement: {n} stands are as possible.", n=result.stands_also)),
        )  # fmt: skip
    if not result.arms_checked:
        facts.append(
            html(say("The use of the arms was not checked with this keypoint network: confirm "
                     "that they stayed crossed."))
        )  # fmt: skip
    listed = "".join(f"<li>{fact}</li>" for fact in facts if fact)
    basis = (
        say("Complete stands within 30 s of the start")
        if is_count
        else say("First movement to seat contact after the fifth stand")
    )
    return (
        '<section id="outcome" class="card hero" aria-labelledby="outcome-title">'
        f'<div class="figure"><h2 id="outcome-title">{html(say(result.test.title))}</h2>'
        f'<p class="total{" count" if is_count else ""}">{value}'
        f"<small> {html(unit)}</small> {spread}</p>"
        f'<p class="fine">{html(basis)}<br>'
        f'<span class="status simulated">{html(say("checked in simulation only"))}</span></p></div>'
        f'<div class="compare"><ul class="facts">{listed}</ul></div></section>'
    )


def _reference(result: ChairRiseResult) -> list[str]:
    if result.test.key == CHAIR_STAND_30S.key:
        limit = norms.chair_stand_limit(result.age_years, result.visit.sex)
        if limit is None:
            return [html(say("No reference: age (60 to 94) and sex are needed."))]
        words = say(
            "Ages {ages}: fewer than {limit} stands are below average ({source}).",
            ages=limit.ages,
            limit=f"{limit.value:.0f}",
            source=norms.STEADI_CHAIR_STAND.short,
        )
        return [html(words)]
    limit = norms.five_times_limit(result.age_years)
    if limit is None:
        return [html(say("No reference: an age of 60 to 89 years is needed."))]
    words = say(
        "Ages {ages}: more than {limit} s is slower than average ({source}).",
        ages=limit.ages,
        limit=f"{limit.value:.1f}",
        source=norms.BOHANNON_2006_FTSS.short,
    )
    return [html(words)]


def rises_section(result: ChairRiseResult) -> str:
    """Return the bar and the table of all rises; of a refused trial without durations."""
    if not result.rises:
        return ""
    zero_s = result.rises[0].rise_start_s
    last = result.rises[-1]
    end_s = (last.seat_contact_s or last.stand_s) - zero_s
    axis = Axis(0.0, max(end_s, 1.0))
    bar = _bar(result.rises, zero_s, axis)
    if not result.timing.valid:
        lead = say("What was recognised before the trial was refused.")
        return parts.section("phases", say("Recognised rises"), bar, html(lead))
    return parts.section("phases", say("Rises"), bar + _rise_table(result.rises, zero_s))


def _bar(rises: Sequence[ChairRise], zero_s: float, axis: Axis) -> str:
    bars = []
    for number, rise in enumerate(rises, start=1):
        pieces = [(2, rise.rise_start_s, rise.stand_s)]
        if rise.sit_start_s is not None and rise.seat_contact_s is not None:
            pieces += [
                (3, rise.stand_s, rise.sit_start_s),
                (7, rise.sit_start_s, rise.seat_contact_s),
            ]
        for kind, start_s, end_s in pieces:
            place = charts.box(axis, start_s - zero_s, end_s - zero_s)
            label = f"<b>{number}</b>" if kind == 2 else ""
            bars.append(f'<i class="seg p{kind}" style="{place}">{label}</i>')
    words = say("{n} rises: standing up, standing, sitting down.", n=len(rises))
    return (
        f'<div class="bar rises" role="img" aria-label="{html(words)}">{"".join(bars)}</div>'
        + charts.scale(axis)
        + _bar_key()
    )


def _bar_key() -> str:
    keys = "".join(
        f'<span><i class="swatch p{kind}"></i>{html(say(name))}</span>'
        for kind, name in zip((2, 3, 7), _PHASES, strict=True)
    )
    return f'<p class="key">{keys}</p>'


def _rise_table(rises: Sequence[ChairRise], zero_s: float) -> str:
    names = ("Rise", "Start", *_PHASES, "Height reached", "Complete")
    head = "".join(f'<th scope="col">{html(say(name))}</th>' for name in names)
    rows = []
    for number, rise in enumerate(rises, start=1):
        standing_s = None if rise.sit_start_s is None else rise.sit_start_s - rise.stand_s
        cells = [
            decimal(rise.rise_start_s - zero_s, 2),
            f"<b>{decimal(rise.rise_s, 2)}</b>",
            "—" if standing_s is None else decimal(standing_s, 2),
            "—" if rise.descent_s is None else f"<b>{decimal(rise.descent_s, 2)}</b>",
            f"{100 * min(rise.height_share, 1.0):.0f} %",
            html(say("yes") if rise.complete else say("no")),
        ]
        data = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{number}</th>{data}</tr>')
    table = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    note = say("Times in seconds from the first movement. Height: highest point of the hips, "
               "0 % on the seat, 100 % standing.")  # fmt: skip
    return (
        _TABLE.format(label=html(say("Table of rises")), rows=table)
        + f'<p class="fine">{html(note)}</p>'
    )


def rise_signals(result: ChairRiseResult) -> str:
    """Return the plots of what the rises were read from."""
    data = result.signals
    if len(data.stamps_s) < 2:
        return ""
    zero_s = result.rises[0].rise_start_s if result.rises else 0.0
    times_s = data.stamps_s - zero_s
    axis = Axis(float(times_s[0]), float(times_s[-1]))
    height = np.clip(data.height, -0.2, 1.3)
    traces = (
        Trace(say("Hip height"), "", say("0 on the seat, 1 standing"), height, -0.2, 1.3, 0.0),
        Trace(say("Trunk lean"), "°", say("against the image's vertical"), data.trunk_lean_deg,
              -30.0, 30.0, 0.0),
        Trace(say("Confidence"), "", say("mean joint score"), data.confidence, 0.0, 1.0),
    )  # fmt: skip
    plots = "".join(charts.signal_plot(trace, times_s, (), axis) for trace in traces)
    body = f'<div class="signals">{plots}</div>{charts.scale(axis)}'
    return parts.folded("signals", say("Signals"), body)


def rise_quality(result: ChairRiseResult) -> str:
    """Return how complete the data were."""
    return evidence.quality_section(result.coverage, result.timing, result.input_notes)


def rise_notes() -> str:
    """Return how to read the figures, and their sources."""
    sources = sections.source_items(norms.SOURCES)
    reading = (
        f"<ul><li>{html(say('Published times start at the word ‘go’ and contain the reaction time; the time here starts at the first movement.'))}</li>"  # noqa: E501
        f"<li>{html(say('References are limits to read a figure beside, not a verdict on a person.'))}</li></ul>"  # noqa: E501
        f'<ol class="sources">{sources}</ol>'
    )
    return parts.folded("notes", say("Notes and sources"), reading + evidence.privacy())
