# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page per trial: template, style and script from `static/`."""

import json
from collections.abc import Sequence
from string import Template
from typing import Any

import numpy as np

from thermal_pose.clinical.chair_rises.about import FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.chair_rises.result import ChairRiseResult
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.phases import phase_key, phase_name
from thermal_pose.clinical.records import RunInfo
from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.language import DECIMAL_MARK, language, say
from thermal_pose.report import charts, earlier_tests, evidence, parts, sections
from thermal_pose.report.chair_rises import chair_rise_sections
from thermal_pose.report.film import (
    Film,
    coloured,
    drawable,
    png_data_uri,
    replay_data,
    subject_window,
)
from thermal_pose.report.text import (
    NOT_A_DEVICE,
    REASON_NAMES,
    html,
    seconds,
    static_text,
    subject_name,
    with_texts,
)
from thermal_pose.skeleton import LIMBS, Joint
from thermal_pose.types import FloatArray, Phase, PhaseInterval

#: What a boundary is called under its key frame, in the order of the seven boundaries.
BOUNDARY_NAMES = (
    "First movement",
    "Standing",
    "Turn begins",
    "Turn ends",
    "Turn to sit begins",
    "Sitting begins",
    "Seat contact",
)
#: What the replay's script writes.
_REPLAY_WORDS = {
    "play": "Play",
    "pause": "Pause",
    "frame": "frame {n} of {all}",
    "moment": "{time} seconds, {name}",
}
_N_PLAIN_KEY_FRAMES = 4

#: Part of an image: left, top, right, bottom, px, the latter two excluded.
Window = tuple[int, int, int, int]


def trial_page(
    result: MovementResult,
    film: Film | None,
    history: Sequence[EarlierTest] = (),
    run: RunInfo | None = None,
) -> str:
    """Return the page of one trial: a first page for the file, details folded below it.

    Parameters
    ----------
    film : None when no frame is at hand; the replay and the key frames are then left out.
    history : other tests of the same person; those not earlier than this one are ignored.
    run : what differs between identical runs; without it the page is a function of the rest.
    """
    earlier = earlier_than(result, history)
    valid = result.timing.valid
    if isinstance(result, ChairRiseResult):
        title, simulated = say(result.test.title), False
        first, details = chair_rise_sections(result, earlier, run)
        main = first + replay(result, film) + details
    else:
        title, simulated = say(TIMED_UP_AND_GO.title), result.truth is not None
        main = _tug_sections(result, film, earlier, run)
    reason = say(REASON_NAMES[result.timing.reason])
    state = say("Valid") if valid else f"{say('Refused:')} {reason}"
    sim = f'<p class="badge sim">{html(say("Simulated recording"))}</p>' if simulated else ""
    name = f"{title}, {subject_name(result.subject_id)}"
    return render_page(
        title=name if not result.trial_id else f"{name}, {result.trial_id}",
        heading=title,
        badge=f'<p class="badge {"ok" if valid else "no"}">{html(state)}</p>{sim}',
        person=sections.person_line(result),
        main=main,
        script=static_text("report", "report.js") if film is not None else "",
    )


def _tug_sections(
    result: TrialResult,
    film: Film | None,
    earlier: Sequence[EarlierTest],
    run: RunInfo | None,
) -> str:
    return "".join(
        (
            sections.outcome(result, earlier),
            sections.phases(result, earlier),
            key_frames(result, film),
            replay(result, film),
            sections.measures(result),
            sections.signals(result),
            earlier_tests.earlier_section(EarlierTest.from_result(result), earlier),
            evidence.quality(result),
            evidence.truth(result),
            evidence.provenance(result, run),
            evidence.notes(result.timing.valid),
        )
    )


def render_page(
    title: str, heading: str, badge: str, person: str, main: str, script: str = ""
) -> str:
    """Fill the page's template; `title` and `heading` are escaped here, the rest is HTML."""
    return Template(static_text("report", "report.html")).substitute(
        title=html(title),
        badge=badge,
        person=person,
        main=main,
        style=static_text("report", "report.css") + _page_foot(title),
        script=f"<script>{script}</script>" if script else "",
        not_a_device=html(say(NOT_A_DEVICE)),
        not_a_device_short=html(say("Not a medical device")),
        heading=html(heading),
        skip=html(say("Skip to the result")),
        language=language(),
    )


def _page_foot(title: str) -> str:
    """Return the style that names the person and numbers the pages when printed."""
    return (
        f"@page {{ @bottom-left {{ content: {css_string(title)}; }} "
        f"@bottom-center {{ content: {css_string(say('Not a medical device'))}; }} "
        '@bottom-right { content: counter(page) " / " counter(pages); } }\n'
    )


def css_string(text: str) -> str:
    """Return a CSS string that can hold any text, also inside a style element."""
    plain = set(" -_.,:")
    escaped = (c if c in plain or (c.isascii() and c.isalnum()) else f"\\{ord(c):x} " for c in text)
    return f'"{"".join(escaped)}"'


def earlier_than(result: MovementResult, history: Sequence[EarlierTest]) -> list[EarlierTest]:
    """Return the tests of `history` recorded before this one, oldest first."""
    before = [test for test in history if test.origin_ns < result.timing.origin_ns]
    return sorted(before, key=lambda test: (test.origin_ns, test.trial_id))


def script_json(document: dict[str, Any]) -> str:
    """Return JSON that is safe inside a script element."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def replay(result: MovementResult, film: Film | None) -> str:
    """Return the player of the thermal film."""
    if film is None:
        return ""
    width, height = film.image_wh
    intervals: tuple[PhaseInterval, ...]
    if isinstance(result, ChairRiseResult):
        zero, intervals = result.rises[0].rise_start_s if result.rises else 0.0, ()
        names = [say(_rise_phase_name(phase)) for phase in Phase]
    else:
        zero, intervals = sections.zero_s(result), sections.shown_intervals(result)
        names = [say(phase_name(phase)) for phase in Phase]
    axis = charts.time_axis(result.signals.stamps_s - zero, intervals)
    data = replay_data(film, zero) | {
        "names": names,
        "sheet": png_data_uri(film.sheet),
        "axis": [round(axis.low, 4), round(axis.high, 4)],
        "words": {name: say(text) for name, text in _REPLAY_WORDS.items()},
        "mark": say(DECIMAL_MARK),
    }
    jumps = "".join(
        f'<button type="button" class="jump" data-time="{i.start_s:.3f}">'
        f'<i class="swatch p{int(i.phase)}"></i>{html(say(phase_name(i.phase)))}</button>'
        for i in intervals
    )
    to_phase = html(say("Go to phase"))
    thinned = " " + say("One in {n} frames is shown.", n=film.every) if film.every > 1 else ""
    body = Template(with_texts(static_text("report", "replay.html"))).substitute(
        width=width,
        height=height,
        last=len(film.frames) - 1,
        strip=_strip(result, film),
        jumps=f'<div class="jumps" role="group" aria-label="{to_phase}">{jumps}</div>'
        if jumps
        else "",
        range=html(
            say("{low} to {high} °C", low=f"{film.low_degc:.1f}", high=f"{film.high_degc:.1f}")
        ),
        data=script_json(data),
        thinned=html(thinned),
    )
    return parts.section("replay", say("Replay"), body, classes="screen-only")


def _rise_phase_name(phase: Phase) -> str:
    """The name of a film's phase in a chair-rise test; other than seated and moving is standing."""
    key = phase_key(phase)
    return phase_name(key if key in FIVE_TIMES_SIT_TO_STAND.phases else "standing")


def _strip(result: MovementResult, film: Film) -> str:
    first_s, last_s = film.frames[0].time_s, film.frames[-1].time_s
    span = charts.Axis(first_s, max(last_s, first_s + 1e-3))
    return "".join(
        f'<i class="seg p{int(i.phase)}" style="{charts.box(span, i.start_s, i.end_s)}"></i>'
        for i in result.timing.phases
    )


def key_frames(result: TrialResult, film: Film | None) -> str:
    """Return the frames nearest to the boundaries, or evenly spread ones when refused."""
    if film is None:
        return ""
    last = len(film.frames) - 1
    if result.timing.valid:
        times = [i.start_s for i in result.timing.phases] + [result.timing.phases[-1].end_s]
        zero = times[0]
        chosen = [
            (film.nearest(time_s), say(name), seconds(time_s - zero))
            for time_s, name in zip(times, BOUNDARY_NAMES, strict=True)
        ]
        lead = "The thermal frame nearest to each phase boundary; seconds since the first movement."
    else:
        shares = np.linspace(0.0, 1.0, min(_N_PLAIN_KEY_FRAMES, last + 1))
        indices = sorted({round(float(share) * last) for share in shares})
        moments = [f"{film.frames[i].time_s:.1f}" for i in indices]
        chosen = [
            (i, say("{time} s into the recording", time=moment), "")
            for i, moment in zip(indices, moments, strict=True)
        ]
        lead = "Frames spread evenly over the recording."
    # A refused trial shows whole images: what lies around the person may be the reason.
    window = subject_window(film) if result.timing.valid else (0, 0, *film.image_wh)
    items = "".join(_key_frame(film, window, *entry) for entry in chosen)
    body = f'<ol class="frames n{len(chosen)}">{items}</ol>'
    return parts.section("key-frames", say("Key frames"), body, html(say(lead)))


def _key_frame(film: Film, window: Window, index: int, name: str, when: str) -> str:
    left, top, right, bottom = window
    frame = film.frames[index]
    seen = say("with the estimated skeleton") if frame.person else say("person not found")
    alt = f"{say('Thermal image')}, {name}, {seen}"
    picture = coloured(film.image(index)[top:bottom, left:right])
    overlay = skeleton_svg(drawable(frame.person), window)
    return (
        f'<li><figure><div class="pic" style="aspect-ratio:{right - left}/{bottom - top}">'
        f'<img src="{png_data_uri(picture)}" width="{right - left}" '
        f'height="{bottom - top}" alt="{html(alt)}">{overlay}</div>'
        f"<figcaption><b>{html(name)}</b><span>{html(when)}</span></figcaption></figure></li>"
    )


def side_of(joint: int) -> str:
    """Return 'l', 'r' or 'm' for a joint of the left, right or middle."""
    name = Joint(joint).name
    return "l" if name.startswith("LEFT") else "r" if name.startswith("RIGHT") else "m"


def skeleton_svg(xy: FloatArray | None, window: Window) -> str:
    """Draw a skeleton over the window's part of the image, in pixel coordinates."""
    if xy is None:
        return ""
    lines = []
    for a, b in LIMBS:
        if not np.isfinite(xy[[a, b]]).all():
            continue
        side = side_of(a) if side_of(a) == side_of(b) else "m"
        (x1, y1), (x2, y2) = xy[a], xy[b]
        lines.append(
            f'<line class="s-{side}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
        )
    left, top, right, bottom = window
    # (0, 0) is the centre of the top left pixel, whose corner lies half a pixel off.
    view = f"{left - 0.5} {top - 0.5} {right - left} {bottom - top}"
    return f'<svg viewBox="{view}" aria-hidden="true" focusable="false">{"".join(lines)}</svg>'
