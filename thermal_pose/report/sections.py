# SPDX-License-Identifier: Apache-2.0
"""The sections of a report's page, each a function from the result to escaped HTML."""

from collections.abc import Sequence
from statistics import median

import numpy as np

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import Measure, MeasureStatus
from thermal_pose.clinical.tug import norms
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.report import charts
from thermal_pose.report.charts import Array, Axis, Trace
from thermal_pose.report.text import (
    ADVICE,
    PHASE_NAMES,
    REASON_NAMES,
    STATUS_NAMES,
    html,
    number,
    recorded,
    recorded_date,
    seconds,
    signed_seconds,
    subject_name,
)
from thermal_pose.types import TIMED_PHASES, Phase, PhaseInterval

#: Measures that the outcome and the table of phases show already.
_IN_PHASE_TABLE = {"total_s", *(f"{phase.name.lower()}_s" for phase in TIMED_PHASES)}


def section(anchor: str, title: str, body: str, lead: str = "", classes: str = "") -> str:
    """Return a titled landmark; '' for an empty body."""
    if not body:
        return ""
    introduction = f'<p class="lead">{lead}</p>' if lead else ""
    return (
        f'<section id="{anchor}" class="card {classes}" aria-labelledby="{anchor}-title">'
        f'<h2 id="{anchor}-title">{html(title)}</h2>{introduction}{body}</section>'
    )


def person_line(result: TrialResult) -> str:
    """Return who was tested and when, as one line of pairs."""
    pairs = [("Person", subject_name(result.subject_id))]
    if result.trial_id:
        pairs.append(("Trial", result.trial_id))
    if moment := recorded(result.timing.origin_ns):
        pairs.append(("Recorded", moment))
    pairs.append(("Age", f"{result.age_years:g} years" if result.age_years else "not given"))
    pairs.append(("Height", f"{result.height_m:.2f} m" if result.height_m else "not given"))
    return "".join(f"<div><dt>{html(key)}</dt><dd>{html(value)}</dd></div>" for key, value in pairs)


def refusal(result: TrialResult) -> str:
    """Return the hero of a refused trial: the reason, a sentence, what to do; no figure."""
    reason = result.timing.reason
    advice = ADVICE.get(reason, "")
    return (
        '<section id="outcome" class="card hero refused" aria-labelledby="outcome-title">'
        '<p class="kicker">Trial refused</p>'
        f'<h2 id="outcome-title">{html(REASON_NAMES[reason])}</h2>'
        f'<p class="sentence">{html(result.timing.sentence)}</p>'
        + (f'<p class="advice"><b>What to do.</b> {html(advice)}</p>' if advice else "")
        + '<p class="fine">No time or measure is reported for this recording, because none would '
        f"be trustworthy. Reason code: <code>{html(reason)}</code>.</p></section>"
    )


def outcome(result: TrialResult, earlier: Sequence[EarlierTest]) -> str:
    """Return the hero of a valid trial: the total on its scale, beside earlier tests."""
    total_s = result.total_s
    if total_s is None:
        return refusal(result)
    band = norms.age_band(result.age_years)
    spread = f"<span>± {result.total_sd_s:.2f} s</span>" if result.total_sd_s else ""
    facts = [
        _band_sentence(total_s, result.total_sd_s, result.age_years),
        "Of the classic bands (under 10, 10 to 20, 20 to 30, 30 s or more; "
        f"{html(norms.PODSIADLO_1991.short)}): <b>{norms.classic_band(total_s)}</b>.",
        _earlier_sentence(total_s, earlier),
    ]
    if result.total_from_go_s is not None:
        facts.insert(0, f"From the signalled ‘go’: <b>{seconds(result.total_from_go_s)}</b>.")
    listed = "".join(f"<li>{fact}</li>" for fact in facts if fact)
    return (
        '<section id="outcome" class="card hero" aria-labelledby="outcome-title">'
        '<div class="figure"><h2 id="outcome-title">Total time</h2>'
        f'<p class="total">{total_s:.2f}<small> s</small> {spread}</p>'
        f'<p class="fine">First movement to seat contact{_evidence_of(result)}</p></div>'
        '<div class="compare">'
        + charts.total_scale(total_s, result.total_sd_s, band, _valid(earlier)[-5:])
        + _scale_key(band is not None, bool(_valid(earlier)))
        + f'<ul class="facts">{listed}</ul></div></section>'
    )


def _evidence_of(result: TrialResult) -> str:
    """Return the mark of the total's evidence, where the result states one."""
    for measure in result.measures:
        if measure.name == "total_s":
            return f'<br><span class="status {html(measure.status)}">{_mark(measure)}</span>'
    return ""


def _mark(measure: Measure) -> str:
    sign = "○" if measure.status is MeasureStatus.EXPERIMENTAL else "✓"
    return f'<span aria-hidden="true">{sign}</span> {html(STATUS_NAMES[measure.status])}'


def _scale_key(has_band: bool, has_past: bool) -> str:
    keys = ['<span><i class="k-now"></i>this test</span>']
    if has_band:
        keys.append('<span><i class="k-band"></i>age reference</span>')
    keys.append('<span><i class="k-mark"></i>published marks</span>')
    if has_past:
        keys.append('<span><i class="k-past"></i>earlier tests</span>')
    return f'<p class="key" aria-hidden="true">{"".join(keys)}</p>'


def _band_sentence(total_s: float, sd_s: float | None, age_years: float | None) -> str:
    band = norms.age_band(age_years)
    if band is None:
        return html(norms.missing_band_reason(age_years))
    return (
        f"Ages {band.ages}: mean <b>{seconds(band.mean_s, 1)}</b>, 95 % interval of the mean "
        f"{band.low_s:.1f} to {seconds(band.high_s, 1)} ({html(band.source.short)}); this total "
        f"lies {_place(total_s, sd_s, band)}. {html(norms.TOTALS_START_NOTE)}"
    )


def _place(total_s: float, sd_s: float | None, band: norms.AgeBand) -> str:
    """Say where a total lies, and that it is at a limit where its uncertainty spans that."""
    half_s = 1.96 * (sd_s or 0.0)
    for limit_s, name in ((band.low_s, "lower"), (band.high_s, "upper")):
        if abs(total_s - limit_s) < half_s:
            return f"at its {name} limit, given its uncertainty"
    return (
        "below it" if total_s < band.low_s else "above it" if total_s > band.high_s else "within it"
    )


def _earlier_sentence(total_s: float, earlier: Sequence[EarlierTest]) -> str:
    valid = _valid(earlier)
    if not valid:
        return "No earlier valid test of this person is on file."
    last = valid[-1]
    assert last.value is not None
    when = recorded_date(last.origin_ns) or last.trial_id or "earlier"
    changes = ", ".join(
        f"{seconds(change.change_s, 1)} in {html(change.group)}"
        for change in norms.DETECTABLE_CHANGES
    )
    return (
        f"Previous test ({html(when)}): {seconds(last.value)}, change "
        f"<b>{signed_seconds(total_s - last.value)}</b>. Smallest change beyond the error of "
        f"repeated stopwatch tests: {changes}."
    )


def _valid(earlier: Sequence[EarlierTest]) -> list[EarlierTest]:
    return [test for test in earlier if test.valid]


def phases(result: TrialResult, earlier: Sequence[EarlierTest]) -> str:
    """Return the phase timeline and its table; for a refused trial the recognised order only."""
    intervals = result.timing.phases
    if not intervals:
        return ""
    axis = charts.time_axis(result.signals.stamps_s, intervals, margin_s=0.0)
    if not result.timing.valid:
        lead = "What was recognised before the trial was refused. Its durations are not reported."
        return section(
            "phases", "Recognised phases", charts.phase_bar(intervals, axis, False), lead
        )
    bar = charts.phase_bar(shown_intervals(result), Axis(0.0, result.total_s or 1.0))
    return section("phases", "Phases", bar + _phase_table(result, _valid(earlier)))


def zero_s(result: TrialResult) -> float:
    """Return the page's zero of time: the first movement, or the first frame when refused."""
    return result.timing.phases[0].start_s if result.timing.valid else 0.0


def shown_intervals(result: TrialResult) -> tuple[PhaseInterval, ...]:
    """Return the phases on the page's clock; none when refused."""
    if not result.timing.valid:
        return ()
    zero = zero_s(result)
    return tuple(
        PhaseInterval(i.phase, i.start_s - zero, i.end_s - zero) for i in result.timing.phases
    )


def _phase_table(result: TrialResult, earlier: Sequence[EarlierTest]) -> str:
    heads = ["Phase", "Start", "Duration", "± SD", "Share", "Reference"]
    if earlier:
        heads += ["Earlier median", "Change"]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    rows = "".join(
        _phase_row(result, index, interval, earlier)
        for index, interval in enumerate(result.timing.phases)
    )
    note = (
        "Times in seconds; starts count from the first movement. Reference: mean − SD "
        f"to mean + SD of healthy persons over {norms.PHASE_BANDS_FROM_AGE}, taken with an "
        "inertial sensor whose phases are cut differently "
        f"({html(norms.MULAS_2021.short)}); read it as an order of magnitude. "
        "The turn to sit and the sitting down are one phase in some literature."
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table of phases"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="fine">{note}</p>'
    )


def _phase_row(
    result: TrialResult, index: int, interval: PhaseInterval, earlier: Sequence[EarlierTest]
) -> str:
    duration_s, sds = interval.duration_s, result.boundary_sds_s
    # Boundaries are estimated apart: their variances add.
    spread = f"{float(np.hypot(sds[index], sds[index + 1])):.2f}" if sds else ""
    band = norms.phase_band(interval.phase, result.age_years)
    total_s = result.total_s or 1.0
    cells = [
        f"{interval.start_s - result.timing.phases[0].start_s:.2f}",
        f"<b>{duration_s:.2f}</b>",
        spread,
        f"{100 * duration_s / total_s:.0f} %",
        f"{band.low_s:.1f}–{band.high_s:.1f}" if band else "—",
    ]
    if earlier:
        past = [
            test.durations_s[interval.phase.name.lower()]
            for test in earlier
            if interval.phase.name.lower() in test.durations_s
        ]
        cells += (
            [f"{median(past):.2f}", signed_seconds(duration_s - median(past))[:-2]]
            if past
            else ["—"] * 2
        )
    data = "".join(f"<td>{cell}</td>" for cell in cells)
    swatch = f'<i class="swatch p{int(interval.phase)}"></i>'
    return f'<tr><th scope="row">{swatch}{html(PHASE_NAMES[interval.phase])}</th>{data}</tr>'


def signals(result: TrialResult) -> str:
    """Return the plots of what the phases were read from."""
    times_s = result.signals.stamps_s - zero_s(result)
    if len(times_s) < 2:
        return ""
    intervals = shown_intervals(result)
    axis = charts.time_axis(times_s, intervals)
    plots = "".join(
        charts.signal_plot(trace, times_s, intervals, axis) for trace in _traces(result)
    )
    lead = (
        "One value per thermal frame, over seconds since the first movement; vertical lines are "
        "the phase boundaries, which lie between frames."
    )
    if not intervals:
        lead = "One value per thermal frame, over seconds since the first one."
    body = f'<div class="signals">{plots}</div>{charts.scale(axis)}'
    return section("signals", "Signals", body, lead)


def _traces(result: TrialResult) -> tuple[Trace, ...]:
    data = result.signals
    return (
        Trace("Hip height", "", "1 is the person's own standing height", data.hip_height,
              *_limits(data.hip_height, 0.4, 1.2, 0.2)),
        Trace("Trunk lean", "°", "against the image's vertical", data.trunk_lean_deg,
              *_limits(data.trunk_lean_deg, 0.0, 30.0, 10.0), 0.0),
        Trace("Facing", "", "+1 faces the camera, −1 turns the back to it",
              data.facing, -1.1, 1.1, 0.0),
        Trace("Distance", "", "from the camera; 1 is at the chair", data.distance,
              *_limits(data.distance, 0.4, 1.2, 0.2)),
        Trace("Confidence", "", "mean joint score; 0 where the person was not found",
              data.confidence, 0.0, 1.0),
    )  # fmt: skip


def _limits(values: Array, low: float, high: float, step: float) -> tuple[float, float]:
    """Widen the usual limits to multiples of `step` that hold all but wild values."""
    seen = values[np.isfinite(values)]
    if not seen.size:
        return low, high
    bottom, top = np.percentile(seen, [0.5, 99.5])
    down, up = np.floor(min(low, bottom) / step), np.ceil(max(high, top) / step)
    return round(float(down * step), 3) + 0.0, round(float(up * step), 3) + 0.0


def measures(result: TrialResult) -> str:
    """Return the table of measures and the list of those left out, with reasons."""
    if not result.timing.valid or not result.measures:
        return ""
    given = [m for m in result.measures if not m.omitted and m.name not in _IN_PHASE_TABLE]
    rows = "".join(_measure_row(measure) for measure in given)
    table = (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of measures"><table>'
        '<thead><tr><th scope="col">Measure</th><th scope="col">Value</th>'
        '<th scope="col">± SD</th><th scope="col">Evidence</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    note = (
        '<p class="fine">Checked in simulation only: agreement with the truth was shown on '
        "simulated people (docs/validation.md), not on patients. Experimental: agreement was not "
        "shown or is weak; do not rely on it."
        "</p>"
    )
    return section("measures", "Measures", table + _omitted(result.measures) + note)


def _measure_row(measure: Measure) -> str:
    if isinstance(measure.value, str):
        value, spread = html(measure.value), ""
    else:
        assert measure.value is not None
        value = number(measure.value, measure.uncertainty)
        spread = number(measure.uncertainty, measure.uncertainty) if measure.uncertainty else ""
    unit = f" {html(measure.unit)}" if measure.unit else ""
    return (
        f'<tr><th scope="row">{html(measure.label)}</th><td><b>{value}</b>{unit}</td>'
        f'<td>{spread}</td><td class="status {html(measure.status)}">{_mark(measure)}</td></tr>'
    )


def _omitted(given: Sequence[Measure]) -> str:
    by_reason: dict[str, list[str]] = {}
    for measure in given:
        if measure.omitted:
            by_reason.setdefault(measure.omitted, []).append(measure.label)
    if not by_reason:
        return ""
    items = "".join(
        f"<li><b>{html('; '.join(labels))}.</b> {html(reason)}</li>"
        for reason, labels in by_reason.items()
    )
    return f'<h3>Left out</h3><ul class="omitted">{items}</ul>'


def pairs_list(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a description list."""
    items = "".join(f"<div><dt>{html(k)}</dt><dd>{html(v)}</dd></div>" for k, v in pairs)
    return f'<dl class="pairs">{items}</dl>'


def earlier_tests(result: TrialResult, earlier: Sequence[EarlierTest]) -> str:
    """Return the person's totals over time, this test last."""
    if not earlier or not result.timing.valid:
        return ""
    tests = [*earlier, EarlierTest.from_result(result)]
    band = norms.age_band(result.age_years)
    return section(
        "history",
        "Tests of this person",
        charts.history_plot(tests, band, len(tests) - 1) + history_table(tests),
    )


def history_table(tests: Sequence[EarlierTest]) -> str:
    """Return a table of tests in order of time, refused ones with their reason."""
    phases_shown = [phase for phase in PHASE_NAMES if phase > Phase.SEATED]
    head = "".join(f'<th scope="col">{html(PHASE_NAMES[phase])}</th>' for phase in phases_shown)
    rows = []
    for test in tests:
        name = " ".join(filter(None, (recorded_date(test.origin_ns), test.trial_id)))
        if not test.valid:
            cells = f'<td class="why" colspan="{1 + len(phases_shown)}">refused: '
            cells += f"{html(REASON_NAMES[test.reason])}</td>"
        else:
            names = [phase.name.lower() for phase in phases_shown]
            values = [test.value, *(test.durations_s.get(name) for name in names)]
            cells = "".join(
                f"<td>{'<b>' if i == 0 else ''}{'—' if v is None else f'{v:.2f}'}"
                f"{'</b>' if i == 0 else ''}</td>"
                for i, v in enumerate(values)
            )
        rows.append(f'<tr><th scope="row">{html(name or "unnamed")}</th>{cells}</tr>')
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of tests"><table>'
        f'<thead><tr><th scope="col">Test</th><th scope="col">Total, s</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
