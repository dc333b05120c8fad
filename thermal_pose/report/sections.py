# SPDX-License-Identifier: Apache-2.0
"""The sections of a report's page, each a function from the result to escaped HTML."""

from collections.abc import Sequence
from statistics import median

import numpy as np

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.phases import phase_key, phase_name
from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug import norms
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.language import say
from thermal_pose.report import charts
from thermal_pose.report.charts import Axis, Trace
from thermal_pose.report.earlier_tests import change_sentence, valid_tests
from thermal_pose.report.measure_tables import measures_section
from thermal_pose.report.parts import (
    folded,
    labelled_cell,
    section,
    stacked_table,
    status_mark,
)
from thermal_pose.report.text import (
    ADVICE,
    REASON_NAMES,
    decimal,
    html,
    recorded,
    seconds,
    signed_seconds,
    subject_name,
)
from thermal_pose.types import TIMED_PHASES, Float64Array, PhaseInterval, TrialReason

#: Measures that the outcome and the table of phases show already.
_IN_PHASE_TABLE = {"total_s", *(f"{phase_key(phase)}_s" for phase in TIMED_PHASES)}


def source_items(sources: Sequence[norms.Source]) -> str:
    """Return publications as list items; they keep their language."""
    return "".join(
        f"<li lang='en'>{html(source.full)} <span class='url'>{html(source.url)}</span></li>"
        for source in sources
    )


def person_line(result: MovementResult) -> str:
    """Return who was tested and when, as one line of pairs."""
    visit = result.visit
    pairs = [(say("Person"), subject_name(result.subject_id))]
    if result.trial_id:
        pairs.append((say("Trial"), result.trial_id))
    if moment := recorded(result.timing.origin_ns, visit.time_zone):
        pairs.append((say("Recorded"), moment))
    unknown = say("not given")
    age = say("{age} years", age=f"{result.age_years:g}") if result.age_years else unknown
    pairs.append((say("Age"), age))
    pairs.append((say("Sex"), say(visit.sex) if visit.sex else unknown))
    height = f"{decimal(result.height_m, 2)} m" if result.height_m else unknown
    pairs.append((say("Height"), height))
    pairs.append((say("Walking aid"), say(visit.walking_aid) if visit.walking_aid else unknown))
    if visit.chair:
        pairs.append((say("Chair"), visit.chair))
    if visit.assessor:
        pairs.append((say("Assessor"), visit.assessor))
    return "".join(f"<div><dt>{html(key)}</dt><dd>{html(value)}</dd></div>" for key, value in pairs)


def refusal(reason: TrialReason, sentence: str) -> str:
    """Return the hero of a refused trial: the reason, a sentence, what to do; no figure."""
    advice = say(ADVICE.get(reason, ""))
    what = f'<p class="advice"><b>{html(say("What to do."))}</b> {html(advice)}</p>'
    fine = say(
        "No time or measure is reported for this recording, because none would be trustworthy."
    )
    return (
        '<section id="outcome" class="card hero refused" aria-labelledby="outcome-title">'
        f'<p class="kicker">{html(say("Trial refused"))}</p>'
        f'<h2 id="outcome-title">{html(say(REASON_NAMES[reason]))}</h2>'
        f'<p class="sentence">{html(say(sentence))}</p>'
        + (what if advice else "")
        + f'<p class="fine">{html(fine)} {html(say("Reason code:"))} '
        f"<code>{html(reason)}</code>.</p></section>"
    )


def outcome(result: TrialResult, earlier: Sequence[EarlierTest]) -> str:
    """Return the hero of a valid trial: the total on its scale, beside earlier tests."""
    total_s = result.total_s
    if total_s is None:
        return refusal(result.timing.reason, result.timing.sentence)
    spread_s = norms.individual_spread(result.age_years)
    sd = f"<span>± {decimal(result.total_sd_s, 2)} s</span>" if result.total_sd_s else ""
    facts = [
        _spread_sentence(result.age_years),
        html(say("Classic band ({source}):", source=norms.PODSIADLO_1991.short))
        + f" <b>{html(say(norms.classic_band(total_s)))}</b>.",
        change_sentence(EarlierTest.from_result(result), earlier),
        html(say(STOPWATCH)),
    ]
    if result.total_from_go_s is not None:
        go = html(say("From the signalled ‘go’:"))
        facts.insert(0, f"{go} <b>{seconds(result.total_from_go_s)}</b>.")
    listed = "".join(f"<li>{fact}</li>" for fact in facts if fact)
    basis = html(say("First movement to seat contact"))
    return (
        '<section id="outcome" class="card hero" aria-labelledby="outcome-title">'
        f'<div class="figure"><h2 id="outcome-title">{html(say("Total time"))}</h2>'
        f'<p class="total">{decimal(total_s, 2)}<small> s</small> {sd}</p>'
        f'<p class="fine">{basis}{_evidence_of(result)}</p></div>'
        '<div class="compare">'
        + charts.total_scale(total_s, result.total_sd_s, spread_s, valid_tests(earlier)[-5:])
        + _scale_key(spread_s is not None, bool(valid_tests(earlier)))
        + f'<ul class="facts">{listed}</ul></div></section>'
    )


#: What the start and the end mean against a stopwatch.
STOPWATCH = (
    "Against a stopwatch: the total starts at the first movement, so it lacks the reaction time "
    "after ‘go’, and it ends when the seat is touched, about 0.9 s before an observer says "
    "‘seated’."
)


def _evidence_of(result: TrialResult) -> str:
    """Return the mark of the total's evidence, where the result states one."""
    for measure in result.measures:
        if measure.name == "total_s":
            return f'<br><span class="status {html(measure.status)}">{status_mark(measure)}</span>'
    return ""


def _scale_key(has_spread: bool, has_past: bool) -> str:
    keys = [f'<span><i class="k-now"></i>{html(say("this test"))}</span>']
    if has_spread:
        words = say("mean ± SD of individuals of this age")
        keys.append(f'<span><i class="k-band"></i>{html(words)}</span>')
    for mark in norms.LANDMARKS:
        keys.append(
            f'<span><i class="k-mark"></i>{html(say(mark.label))} {html(mark.source.short)}</span>'
        )
    if has_past:
        keys.append(f'<span><i class="k-past"></i>{html(say("earlier tests"))}</span>')
    return f'<p class="key">{"".join(keys)}</p>'


def _spread_sentence(age_years: float | None) -> str:
    spread = norms.individual_spread(age_years)
    if spread is None:
        return html(say(norms.missing_spread_reason(age_years)))
    return html(
        say(
            "Individuals of {ages} years without gait disorder: {mean} ± {sd} s (mean ± SD, "
            "{source}; {n} people of all ages).",
            ages=spread.ages,
            mean=f"{spread.mean_s:.1f}",
            sd=f"{spread.sd_s:.1f}",
            source=spread.source.short,
            n=norms.SPREAD_N_PEOPLE,
        )
    )


def phases(result: TrialResult, earlier: Sequence[EarlierTest]) -> str:
    """Return the phase timeline and its table; for a refused trial the recognised order only."""
    intervals = result.timing.phases
    if not intervals:
        return ""
    axis = charts.time_axis(result.signals.stamps_s, intervals, margin_s=0.0)
    if not result.timing.valid:
        lead = "What was recognised before the trial was refused. Its durations are not reported."
        return section(
            "phases",
            say("Recognised phases"),
            charts.phase_bar(intervals, axis),
            html(say(lead)),
        )
    axis = Axis(0.0, result.total_s or 1.0)
    bar = charts.phase_bar(shown_intervals(result), axis, result.durations_s)
    return section("phases", say("Phases"), bar + _phase_table(result, valid_tests(earlier)))


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
    names = [say(name) for name in heads]
    rows = "".join(
        _phase_row(result, index, interval, earlier, names[1:])
        for index, interval in enumerate(result.timing.phases)
    )
    note = html(
        say(
            "Times in seconds from the first movement, in this table, the CSV and the replay. "
            "Reference: mean − SD to mean + SD of healthy persons over {age} with an inertial "
            "sensor that cuts phases differently ({source}); an order of magnitude only.",
            age=norms.PHASE_BANDS_FROM_AGE,
            source=norms.MULAS_2021.short,
        )
    )
    return stacked_table(say("Table of phases"), names, rows) + f'<p class="fine">{note}</p>'


def _phase_row(
    result: TrialResult,
    index: int,
    interval: PhaseInterval,
    earlier: Sequence[EarlierTest],
    names: Sequence[str],
) -> str:
    duration_s, sds = result.durations_s[index], result.boundary_sds_s
    # Boundaries are estimated apart: their variances add.
    spread = decimal(float(np.hypot(sds[index], sds[index + 1])), 2) if sds else ""
    band = norms.phase_band(interval.phase, result.age_years)
    total_s = result.total_s or 1.0
    cells = [
        decimal(interval.start_s - result.timing.phases[0].start_s, 2),
        _duration(result, index),
        spread,
        "—" if duration_s is None else f"{100 * duration_s / total_s:.0f} %",
        f"{decimal(band.low_s, 1)}–{decimal(band.high_s, 1)}" if band else "—",
    ]
    if earlier:
        past = [
            test.durations_s[phase_key(interval.phase)]
            for test in earlier
            if phase_key(interval.phase) in test.durations_s
        ]
        cells += (
            [decimal(median(past), 2), signed_seconds(duration_s - median(past))[:-2]]
            if past and duration_s is not None
            else [decimal(median(past), 2) if past else "—", "—"]
        )
    data = "".join(labelled_cell(*pair) for pair in zip(names, cells, strict=True))
    swatch = f'<i class="swatch p{int(interval.phase)}"></i>'
    return f'<tr><th scope="row">{swatch}{html(say(phase_name(interval.phase)))}</th>{data}</tr>'


def _duration(result: TrialResult, index: int) -> str:
    """Return a phase's duration, or why it is withheld."""
    duration_s, why = result.durations_s[index], result.withheld_phases[index]
    if duration_s is None:
        return f'<span class="fine">{html(say(why))}</span>'
    return f"<b>{decimal(duration_s, 2)}</b>"


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
    return folded("signals", say("Signals"), f'<p class="lead">{html(say(lead))}</p>{body}')


def _traces(result: TrialResult) -> tuple[Trace, ...]:
    data = result.signals
    return (
        Trace(say("Hip height"), "", say("1 is the person's own standing height"), data.hip_height,
              *_limits(data.hip_height, 0.4, 1.2, 0.2)),
        Trace(say("Trunk lean"), "°", say("against the image's vertical"), data.trunk_lean_deg,
              *_limits(data.trunk_lean_deg, 0.0, 30.0, 10.0), 0.0),
        Trace(say("Facing"), "", say("+1 faces the camera, −1 turns the back to it"),
              data.facing, -1.1, 1.1, 0.0),
        Trace(say("Distance"), "", say("from the camera; 1 is at the chair"), data.distance,
              *_limits(data.distance, 0.4, 1.2, 0.2)),
        Trace(say("Confidence"), "", say("mean joint score; 0 where the person was not found"),
              data.confidence, 0.0, 1.0),
    )  # fmt: skip


def _limits(values: Float64Array, low: float, high: float, step: float) -> tuple[float, float]:
    """Widen the usual limits to multiples of `step` that hold all but wild values."""
    seen = values[np.isfinite(values)]
    if not seen.size:
        return low, high
    bottom, top = np.percentile(seen, [0.5, 99.5])
    down, up = np.floor(min(low, bottom) / step), np.ceil(max(high, top) / step)
    return round(float(down * step), 3) + 0.0, round(float(up * step), 3) + 0.0


def measures(result: TrialResult) -> str:
    """Return the measures of a Timed Up and Go."""
    return measures_section(result.measures, result.timing.valid, _IN_PHASE_TABLE)
