# SPDX-License-Identifier: Apache-2.0
"""Charts as HTML and stretchable SVG, drawn here so that the page needs no library.

Positions are percentages, text is HTML: a chart keeps legible letters from a phone to A4,
which an SVG scaled as a whole would not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.phases import phase_name
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.norms import DETECTABLE_CHANGES, LANDMARKS, IndividualSpread
from thermal_pose.language import numerals, say
from thermal_pose.report.text import REASON_NAMES, decimal, figure, html, recorded_date, seconds
from thermal_pose.types import NS_PER_S, Float64Array, PhaseInterval

#: Narrower segments of the bar carry no name or no number inside (the table has both).
_NAME_PERCENT, _NUMBER_PERCENT, _TWO_DECIMALS_PERCENT = 8.5, 4.5, 11.0
#: Points of one plotted signal; a page of one signal is hardly wider in pixels.
_MAX_POINTS = 2000


#: Least distance of two marks, of two figures and of two dates on an axis of dates, percent.
MARK_GAP = 3.0
LABEL_GAP = 12.0
DATE_GAP = 24.0


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high`; positions in percent of its length."""

    low: float
    high: float

    def percent(self, value: float) -> float:
        """Return the position of `value`, clipped to the axis."""
        share = (value - self.low) / (self.high - self.low)
        return round(100.0 * min(1.0, max(0.0, share)), 3)

    def ticks(self, most: int = 7) -> list[float]:
        """Return round values on the axis, at most about `most`."""
        span = self.high - self.low
        power = 10.0 ** np.floor(np.log10(span / most))
        step = next(m * power for m in (1, 2, 5, 10) if span / (m * power) <= most)
        first = np.ceil(self.low / step - 1e-9) * step + 0.0
        return [round(float(v), 9) + 0.0 for v in np.arange(first, self.high + step * 1e-6, step)]


def time_axis(
    stamps_s: Float64Array, phases: Sequence[PhaseInterval], margin_s: float = 2.0
) -> Axis:
    """Return the axis of the trial: its timed phases with a margin, else the recording."""
    low = float(stamps_s[0]) if len(stamps_s) else 0.0
    high = float(stamps_s[-1]) if len(stamps_s) else 1.0
    if phases:
        low = max(low, phases[0].start_s - margin_s)
        high = min(high, phases[-1].end_s + margin_s)
    return Axis(low, high if high > low else low + 1.0)


def box(axis: Axis, start: float, end: float) -> str:
    """Return the style that places a block from `start` to `end`."""
    left = axis.percent(start)
    return f"left:{left}%;width:{round(axis.percent(end) - left, 3)}%"


def phase_bar(
    phases: Sequence[PhaseInterval],
    axis: Axis,
    durations_s: Sequence[float | None] | None = None,
) -> str:
    """Draw the phases as one bar, with a scale in seconds where they have durations.

    Parameters
    ----------
    durations_s : of each phase; None where one is withheld. None for all: no figures at all.
    """
    segments, listed = [], []
    for interval, duration_s in zip(phases, durations_s or (None,) * len(phases), strict=True):
        name = say(phase_name(interval.phase))
        text = name if duration_s is None else f"{name}, {seconds(duration_s)}"
        width = axis.percent(interval.end_s) - axis.percent(interval.start_s)
        inner = f"<b>{html(name)}</b>" if width > _NAME_PERCENT else ""
        if width > _NUMBER_PERCENT and duration_s is not None:
            decimals = 2 if width > _TWO_DECIMALS_PERCENT else 1
            inner += f"<span>{decimal(duration_s, decimals)}</span>"
        place = box(axis, interval.start_s, interval.end_s)
        segments.append(
            f'<i class="seg p{int(interval.phase)}" style="{place}" title="{html(text)}">'
            f"{inner}</i>"
        )
        listed.append(name if duration_s is None else f"{name} {seconds(duration_s)}")
    summary = "; ".join(listed)
    return (
        f'<div class="bar" role="img" '
        f'aria-label="{html(say("Phases in order: {listed}.", listed=summary))}">'
        f"{''.join(segments)}</div>{scale(axis) if durations_s else ''}"
    )


def scale(axis: Axis, unit: str = "s") -> str:
    """Write round values below a chart."""
    ticks = axis.ticks()
    units = [""] * (len(ticks) - 1) + [f" {unit}"]
    labels = "".join(
        f'<i style="left:{axis.percent(tick)}%">{numerals(f"{tick:g}")}{last}</i>'
        for tick, last in zip(ticks, units, strict=False)
    )
    return f'<div class="scale" aria-hidden="true">{labels}</div>'


def total_scale(
    total_s: float,
    sd_s: float | None,
    spread: IndividualSpread | None,
    earlier: Sequence[EarlierTest],
) -> str:
    """Draw the total on a line with the spread of individuals, published marks, earlier totals."""
    totals = [test.value for test in earlier if test.value is not None]
    top = max([16.0, 1.15 * total_s, *[1.1 * value for value in totals]])
    axis = Axis(0.0, float(np.ceil(top / 2.0) * 2.0))
    parts = []
    if spread is not None:
        parts.append(
            f'<i class="band" style="{box(axis, spread.low_s, spread.high_s)}"></i>'
            f'<i class="mean" style="left:{axis.percent(spread.mean_s)}%"></i>'
        )
    for mark in LANDMARKS:
        # The two marks lie close together: their labels go to either side.
        side = "left" if mark is LANDMARKS[0] else "right"
        parts.append(
            f'<i class="mark {side}" style="left:{axis.percent(mark.at_s)}%">'
            f"<b>{html(say(mark.label))}</b></i>"
        )
    for value in totals:
        parts.append(f'<i class="past" style="left:{axis.percent(value)}%"></i>')
    if sd_s is not None:
        low, high = total_s - 1.96 * sd_s, total_s + 1.96 * sd_s
        parts.append(f'<i class="spread" style="{box(axis, low, high)}"></i>')
    position = axis.percent(total_s)
    side = " flip" if position > 80 else ""
    parts.append(f'<i class="now{side}" style="left:{position}%"><b>{seconds(total_s)}</b></i>')
    return (
        f'<div class="norm" role="img" aria-label="{html(_scale_words(total_s, spread, totals))}">'
        f"{''.join(parts)}</div>{scale(axis)}"
    )


def _scale_words(total_s: float, spread: IndividualSpread | None, totals: Sequence[float]) -> str:
    words = [say("This test: {value}.", value=seconds(total_s))]
    if spread is not None:
        words.append(
            say(
                "Individuals of {ages} years: {mean} ± {sd} s.",
                ages=spread.ages,
                mean=f"{spread.mean_s:.1f}",
                sd=f"{spread.sd_s:.1f}",
            )
        )
    words += [f"{say(mark.label)}: {say(mark.meaning)}." for mark in LANDMARKS]
    if totals:
        listed = ", ".join(seconds(value) for value in totals)
        words.append(say("Earlier tests: {listed}.", listed=listed))
    return " ".join(words)


@dataclass(frozen=True)
class Trace:
    """One signal to plot: values over `times_s`, its axis limits and a caption."""

    label: str
    unit: str
    explanation: str
    values: Float64Array
    low: float
    high: float
    zero: float | None = None


def signal_plot(
    trace: Trace, stamps_s: Float64Array, phases: Sequence[PhaseInterval], axis: Axis
) -> str:
    """Draw one signal over time with the phases behind it; gaps stay gaps."""
    vertical = Axis(trace.low, trace.high)
    shades = "".join(
        f'<i class="shade p{int(i.phase)}" style="{box(axis, i.start_s, i.end_s)}"></i>'
        for i in phases
    )
    edges = [i.start_s for i in phases] + ([phases[-1].end_s] if phases else [])
    lines = "".join(f'<i class="edge" style="left:{axis.percent(edge)}%"></i>' for edge in edges)
    zero = (
        ""
        if trace.zero is None
        else (f'<i class="zero" style="bottom:{vertical.percent(trace.zero)}%"></i>')
    )
    path = _path(stamps_s, trace.values, axis, vertical)
    return (
        f'<figure class="signal"><figcaption><b>{html(trace.label)}</b> '
        f"<span>{html(trace.explanation)}</span></figcaption>"
        f'<div class="plot" role="img" aria-label="{html(_signal_words(trace))}">'
        f'{shades}{lines}{zero}<svg viewBox="0 0 1000 100" preserveAspectRatio="none" '
        f'aria-hidden="true" focusable="false"><path d="{path}"/></svg>'
        f'<span class="hi">{numerals(f"{trace.high:g}")}{html(trace.unit)}</span>'
        f'<span class="lo">{numerals(f"{trace.low:g}")}{html(trace.unit)}</span>'
        '<i class="cursor"></i></div>'
        "</figure>"
    )


def _signal_words(trace: Trace) -> str:
    seen = trace.values[np.isfinite(trace.values)]
    if not seen.size:
        return say("{label}: never seen.", label=trace.label)
    return say(
        "{label}: from {low} to {high} over the trial; {explanation}",
        label=trace.label,
        low=f"{decimal(float(seen.min()), 2)}{trace.unit}",
        high=f"{decimal(float(seen.max()), 2)}{trace.unit}",
        explanation=trace.explanation,
    )


def _path(stamps_s: Float64Array, values: Float64Array, axis: Axis, vertical: Axis) -> str:
    """Return an SVG path over 1000 x 100 units, broken where a value is missing."""
    steps, pen_down = [], False
    for index in _kept(values):
        time_s, value = float(stamps_s[index]), float(values[index])
        if not np.isfinite(value) or not axis.low <= time_s <= axis.high:
            pen_down = False
            continue
        x, y = 10 * axis.percent(time_s), 100 - vertical.percent(value)
        steps.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = True
    # A lone point is a line of no length, which round caps make visible.
    return "".join(steps) + ("h0" if steps else "")


def _kept(values: Float64Array) -> list[int]:
    """Return which points to draw: all of a trial, of an hour the extremes of each stretch."""
    n = len(values)
    if n <= _MAX_POINTS:
        return list(range(n))
    kept: set[int] = set()
    for stretch in np.array_split(np.arange(n), _MAX_POINTS // 4):
        part = values[stretch]
        # The first missing value of a stretch keeps the gap.
        missing = np.flatnonzero(~np.isfinite(part))[:1]
        ends = [] if len(missing) == len(part) else [np.nanargmin(part), np.nanargmax(part)]
        kept.update(int(stretch[i]) for i in (*missing, *ends) if i < len(stretch))
    return sorted(kept)


def history_plot(tests: Sequence[EarlierTest], current: int | None) -> str:
    """Draw the figures of one kind of test over a true axis of dates.

    Whiskers span two standard deviations; refused tests stand as crosses at the bottom; where a
    smallest detectable change is published, a band around the first valid test shows it.

    Parameters
    ----------
    tests : of one kind, in order of time.
    current : index of the test to mark, if any.
    """
    valid = [(index, test) for index, test in enumerate(tests) if test.value is not None]
    if not valid:
        return ""
    kind = tests[0].kind
    values = [test.value or 0.0 for _, test in valid]
    change = min((row.change_s for row in DETECTABLE_CHANGES), default=0.0)
    has_band = kind.key == TIMED_UP_AND_GO.key and len(valid) > 1
    reach = values[0] + change if has_band else 0.0
    vertical = Axis(0.0, float(np.ceil(1.12 * max([*values, reach]) / 5.0) * 5.0))
    horizontal = _date_axis([test.origin_ns for test in tests])
    ticks = vertical.ticks(5)
    units = [""] * (len(ticks) - 1) + [f" {kind.unit}" if kind.unit == "s" else ""]
    grid = "".join(
        f'<i class="grid" style="bottom:{vertical.percent(tick)}%">'
        f"<b>{numerals(f'{tick:g}')}{html(unit)}</b></i>"
        for tick, unit in zip(ticks, units, strict=True)
    )
    if has_band:
        low = vertical.percent(values[0] - change)
        high = vertical.percent(values[0] + change)
        grid += f'<i class="hband" style="bottom:{low}%;height:{round(high - low, 3)}%"></i>'
    exact = [horizontal.percent(test.origin_ns / NS_PER_S) for test in tests]
    places = side_by_side(exact)
    points = [(10 * places[i], 100 - vertical.percent(test.value or 0.0)) for i, test in valid]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "h0"
    labelled = _labelled(tests, places, current)
    marks = "".join(
        _history_mark(test, places[index], vertical, index == current, index in labelled)
        for index, test in enumerate(tests)
    )
    words = ", ".join(
        f"{recorded_date(test.origin_ns) or test.trial_id} "
        f"{figure(test.value or 0.0, kind.decimals, say(kind.unit))}"
        for _, test in valid
    )
    note = _band_note() if has_band else ""
    if places != exact:
        note += f'<p class="fine">{html(say("Tests of one day stand side by side."))}</p>'
    label = html(say("Figures in order of time: {words}.", words=words))
    return (
        f'<div class="hplot" role="img" aria-label="{label}">{grid}'
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false"><path d="{path}"/></svg>{marks}</div>'
        f"{_date_scale(tests, horizontal)}{note}"
    )


def _band_note() -> str:
    """Return what the band and the marks of a plot of earlier tests mean."""
    smallest = min(DETECTABLE_CHANGES, key=lambda row: row.change_s)
    text = say(
        "Band: first valid test ± {change} s, the smallest published detectable change "
        "({group}, {source}); whiskers: ± 2 SD of this measurement; × refused.",
        change=f"{smallest.change_s:.1f}",
        group=say(smallest.group),
        source=smallest.source.short,
    )
    return f'<p class="fine">{html(text)}</p>'


def _date_axis(stamps_ns: Sequence[int]) -> Axis:
    first, last = min(stamps_ns) / NS_PER_S, max(stamps_ns) / NS_PER_S
    margin = max(0.06 * (last - first), 3600.0)
    return Axis(first - margin, last + margin)


def side_by_side(places: Sequence[float], gap: float = MARK_GAP) -> list[float]:
    """Move marks of an axis apart that would cover each other, as little as the order allows.

    Parameters
    ----------
    places : of the marks in rising order, percent of the axis.
    gap : least distance between two of them, percent; smaller if there are too many.

    >>> side_by_side([10.0, 10.0, 50.0])
    [10.0, 13.0, 50.0]
    """
    gap = min(gap, 96.0 / max(len(places), 1))
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    limit = 100.0
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return [round(place, 3) for place in moved]


def _labelled(
    tests: Sequence[EarlierTest], places: Sequence[float], current: int | None
) -> set[int]:
    """Which valid tests get their figure written: the marked one, and those with room for it."""
    valid = [index for index, test in enumerate(tests) if test.value is not None]
    chosen = [index for index in valid if index == current]
    for index in valid:
        if all(abs(places[index] - places[other]) >= LABEL_GAP for other in chosen):
            chosen.append(index)
    return set(chosen)


def _date_scale(tests: Sequence[EarlierTest], axis: Axis) -> str:
    """Dates of the tests below the plot; of those too near to each other, the first."""
    labels, last = [], -100.0
    for test in tests:
        place, date = axis.percent(test.origin_ns / NS_PER_S), recorded_date(test.origin_ns)
        if date and place - last >= DATE_GAP:
            labels.append(f'<i style="left:{place}%">{date}</i>')
            last = place
    return f'<div class="scale dates" aria-hidden="true">{"".join(labels)}</div>'


def _history_mark(
    test: EarlierTest, place: float, vertical: Axis, is_current: bool, has_label: bool
) -> str:
    if test.value is None:
        why = html(say(test.sentence or REASON_NAMES[test.reason]))
        return f'<i class="refusal" style="left:{place}%" title="{why}">×</i>'
    whisker = ""
    if test.sd:
        low = vertical.percent(test.value - 1.96 * test.sd)
        high = vertical.percent(test.value + 1.96 * test.sd)
        style = f"left:{place}%;bottom:{low}%;height:{round(high - low, 3)}%"
        whisker = f'<i class="whisker" style="{style}"></i>'
    style = f"left:{place}%;bottom:{vertical.percent(test.value)}%"
    now = " is-now" if is_current else ""
    text = decimal(test.value, min(test.kind.decimals, 1))
    label = f"<b>{text}</b>" if has_label else ""
    return f'{whisker}<i class="dot{now}" style="{style}">{label}</i>'
