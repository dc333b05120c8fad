# SPDX-License-Identifier: Apache-2.0
"""The summary picture: one page with outcome, phases, key frames and two signals, as PNG.

Drawn at twice its size and shrunk, which turns OpenCV's stroke letters into legible ones.
OpenCV draws ASCII only; other characters become '?' (the HTML page shows them all).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.tug import norms
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.errors import StorageError
from thermal_pose.report.charts import Axis, time_axis
from thermal_pose.report.film import Film, coloured, drawable, subject_window
from thermal_pose.report.text import (
    NOT_A_DEVICE,
    PHASE_NAMES,
    REASON_NAMES,
    recorded,
    recorded_date,
    signed_seconds,
    subject_name,
)
from thermal_pose.skeleton import LIMBS, Joint
from thermal_pose.types import Phase, PhaseInterval

UInt8Array = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

#: Size of the picture, px, and how much larger it is drawn.
PICTURE_WH: Final = (1400, 990)
_FINE: Final = 2
_MARGIN: Final = 48

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
#: Size of a letter drawn at OpenCV's font scale 1, px, in the sense of a font's size.
_FONT_PX: Final = 27.0

# Colours are BGR; the phases' are those of the page.
_INK: Final = (43, 33, 22)
_SOFT: Final = (109, 96, 82)
_LINE: Final = (232, 227, 221)
_BAND: Final = (234, 227, 207)
_ALARM: Final = (32, 47, 156)
_PHASE_COLOURS: Final[dict[Phase, Colour]] = {
    Phase.SEATED: (224, 218, 211),
    Phase.SIT_TO_STAND: (111, 116, 20),
    Phase.WALK_OUT: (158, 92, 44),
    Phase.TURN: (14, 95, 168),
    Phase.WALK_BACK: (221, 176, 143),
    Phase.TURN_TO_SIT: (125, 191, 236),
    Phase.STAND_TO_SIT: (197, 204, 143),
}
_DARK: Final = {Phase.SIT_TO_STAND, Phase.WALK_OUT, Phase.TURN}
_LEFT: Final = (255, 200, 86)
_RIGHT: Final = (107, 227, 143)


@dataclass(frozen=True)
class Canvas:
    """A page to draw on, in picture px; everything is scaled by `_FINE` inside."""

    image: UInt8Array

    @staticmethod
    def blank() -> "Canvas":
        """Return a white page."""
        width, height = PICTURE_WH
        return Canvas(np.full((height * _FINE, width * _FINE, 3), 255, dtype=np.uint8))

    def text(
        self, words: str, at: tuple[float, float], size: float, colour: Colour = _INK,
        weight: int = 1,
    ) -> float:  # fmt: skip
        """Write with the baseline's left end at `at`; return the x where it ends."""
        plain, scale, thick = _plain(words), size / _FONT_PX * _FINE, weight * _FINE
        origin = (round(at[0] * _FINE), round(at[1] * _FINE))
        cv2.putText(self.image, plain, origin, _FONT, scale, colour, thick, cv2.LINE_AA)
        return at[0] + text_width(words, size, weight)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill a rectangle."""
        cv2.rectangle(self.image, _point(x0, y0), _point(x1, y1), colour, cv2.FILLED)

    def line(
        self, points: npt.NDArray[np.float64], colour: Colour = _INK, width: float = 1.5
    ) -> None:
        """Draw a polyline of (N, 2) points."""
        scaled = np.rint(points * _FINE).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(
            self.image, [scaled], False, colour, max(1, round(width * _FINE)), cv2.LINE_AA
        )

    def paste(self, picture: UInt8Array, x: int, y: int) -> None:
        """Copy an (H, W, 3) picture, given at drawing size, to its top left corner."""
        height, width = picture.shape[:2]
        self.image[y * _FINE : y * _FINE + height, x * _FINE : x * _FINE + width] = picture

    def finished(self) -> UInt8Array:
        """Return the page at its size."""
        return np.asarray(
            cv2.resize(self.image, PICTURE_WH, interpolation=cv2.INTER_AREA), dtype=np.uint8
        )


def _plain(words: str) -> str:
    """Return the words in the letters that OpenCV can draw."""
    plain = (
        words.replace("−", "-")
        .replace("±", "+-")
        .replace("—", "-")
        .replace("\N{NO-BREAK SPACE}", " ")
    )
    return plain.encode("ascii", "replace").decode("ascii")


def text_width(words: str, size: float, weight: int = 1) -> float:
    """Return how wide `Canvas.text` writes the words, in picture px."""
    scale = size / _FONT_PX * _FINE
    (width, _), _ = cv2.getTextSize(_plain(words), _FONT, scale, weight * _FINE)
    return float(width) / _FINE


def _point(x: float, y: float) -> tuple[int, int]:
    return round(x * _FINE), round(y * _FINE)


def summary_png(
    result: TrialResult, film: Film | None, earlier: Sequence[EarlierTest] = ()
) -> bytes:
    """Return the summary of a trial as PNG; a refused one shows its reason and no figure."""
    page = Canvas.blank()
    _draw_head(page, result)
    intervals = result.timing.phases if result.timing.valid else ()
    if result.timing.valid:
        _draw_total(page, result, earlier)
        _draw_bar(page, intervals)
    else:
        _draw_refusal(page, result)
    if film is not None:
        _draw_key_frames(page, result, film)
    _draw_signals(page, result, intervals)
    page.text(NOT_A_DEVICE, (_MARGIN, PICTURE_WH[1] - 26), 14, _SOFT)
    done, encoded = cv2.imencode(".png", page.finished(), [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise StorageError("the summary picture could not be encoded as PNG")
    return encoded.tobytes()


def _draw_head(page: Canvas, result: TrialResult) -> None:
    page.text("Timed Up and Go", (_MARGIN, 66), 30, weight=2)
    words = [f"Person {subject_name(result.subject_id)}"]
    if result.trial_id:
        words.append(f"trial {result.trial_id}")
    if moment := recorded(result.timing.origin_ns):
        words.append(moment)
    if result.age_years:
        words.append(f"age {result.age_years:g}")
    if result.truth is not None:
        words.append("simulated recording")
    page.text("   ".join(words), (_MARGIN, 98), 17, _SOFT)
    page.box(_MARGIN, 114, PICTURE_WH[0] - _MARGIN, 115, _LINE)


def _draw_total(page: Canvas, result: TrialResult, earlier: Sequence[EarlierTest]) -> None:
    total_s = result.total_s or 0.0
    page.text("Total time, first movement to seat contact", (_MARGIN, 152), 17, _SOFT)
    end = page.text(f"{total_s:.2f} s", (_MARGIN, 222), 62, weight=4)
    if result.total_sd_s:
        page.text(f"+- {result.total_sd_s:.2f} s", (end + 20, 222), 22, _SOFT)
    lines = []
    band = norms.age_band(result.age_years)
    if band is not None:
        lines.append(
            f"Ages {band.ages}: mean {band.mean_s:.1f} s, 95 % interval of the mean "
            f"{band.low_s:.1f} to {band.high_s:.1f} s"
        )
        lines.append(f"({band.source.short}; published times start at 'go')")
    else:
        lines.append(norms.missing_band_reason(result.age_years))
    if result.total_from_go_s is not None:
        lines.append(f"From the signalled 'go': {result.total_from_go_s:.2f} s")
    past = [test for test in earlier if test.value is not None]
    if past and past[-1].value is not None:
        when = recorded_date(past[-1].origin_ns)
        change = signed_seconds(total_s - past[-1].value)
        lines.append(f"Previous test {when}: {past[-1].value:.2f} s, change {change}")
    for row, words in enumerate(lines):
        page.text(words, (600, 160 + 27 * row), 17, _INK if row == 0 else _SOFT)


def _draw_refusal(page: Canvas, result: TrialResult) -> None:
    page.box(_MARGIN, 140, _MARGIN + 8, 300, _ALARM)
    left = _MARGIN + 30
    page.text("Trial refused", (left, 166), 18, _ALARM)
    page.text(REASON_NAMES[result.timing.reason], (left, 218), 40, _ALARM, 2)
    for row, words in enumerate(_wrapped(result.timing.sentence, 105)[:3]):
        page.text(words, (left, 256 + 27 * row), 18)


def _wrapped(words: str, most: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) + 1 > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _draw_bar(page: Canvas, intervals: Sequence[PhaseInterval]) -> None:
    if not intervals:
        return
    left, right, top = _MARGIN, PICTURE_WH[0] - _MARGIN, 290
    axis = Axis(intervals[0].start_s, intervals[-1].end_s)
    for interval in intervals:
        x0 = left + (right - left) * axis.percent(interval.start_s) / 100
        x1 = left + (right - left) * axis.percent(interval.end_s) / 100
        page.box(x0, top, x1 - 2, top + 54, _PHASE_COLOURS[interval.phase])
        letters = (255, 255, 255) if interval.phase in _DARK else _INK
        for words in (f"{interval.duration_s:.2f} s", f"{interval.duration_s:.2f}"):
            if text_width(words, 18) + 12 <= x1 - x0:
                page.text(words, (x0 + 8, top + 34), 18, letters)
                break
        # A narrow phase's name takes two lines, so that it does not run into the next.
        name = PHASE_NAMES[interval.phase]
        wide = text_width(name, 15) + 6 <= x1 - x0
        for row, words in enumerate([name] if wide else _wrapped(name, 7)):
            page.text(words, (x0, top + 76 + 18 * row), 15, _SOFT)


def _key_times(result: TrialResult, film: Film) -> list[float]:
    if result.timing.valid and result.timing.phases:
        return [i.start_s for i in result.timing.phases] + [result.timing.phases[-1].end_s]
    times = [frame.time_s for frame in film.frames]
    return np.linspace(times[0], times[-1], 7).tolist()


def _draw_key_frames(page: Canvas, result: TrialResult, film: Film) -> None:
    times, top, gap = _key_times(result, film), 410, 10
    width = (PICTURE_WH[0] - 2 * _MARGIN - (len(times) - 1) * gap) // len(times)
    window = _landscape(subject_window(film), film.image_wh)
    zero = times[0] if result.timing.valid else 0.0
    for column, time_s in enumerate(times):
        x = _MARGIN + column * (width + gap)
        index = film.nearest(time_s)
        picture = _with_skeleton(film, index, window, width * _FINE)
        page.paste(picture, x, top)
        below = top + picture.shape[0] / _FINE + 20
        page.text(f"{time_s - zero:.2f} s", (x, below), 15, _SOFT)


def _landscape(
    window: tuple[int, int, int, int], image_wh: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return a window of 4:3 around the given one, no larger than the image."""
    left, top, right, bottom = window
    width = min(image_wh[0], max(right - left, round((bottom - top) * 4 / 3)))
    height = min(image_wh[1], round(width * 3 / 4))
    x = min(max(0, (left + right - width) // 2), image_wh[0] - width)
    y = min(max(0, (top + bottom - height) // 2), image_wh[1] - height)
    return x, y, x + width, y + height


def _with_skeleton(
    film: Film, index: int, window: tuple[int, int, int, int], width: int
) -> UInt8Array:
    left, top, right, bottom = window
    scale = width / (right - left)
    size = (width, round((bottom - top) * scale))
    part = coloured(film.image(index)[top:bottom, left:right])
    large = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST)
    xy = drawable(film.frames[index].person)
    if xy is not None:
        at = (xy - (left, top) + 0.5) * scale
        for a, b in LIMBS:
            if np.isfinite(at[[a, b]]).all():
                start, end = (tuple(int(v) for v in np.rint(at[joint])) for joint in (a, b))
                cv2.line(large, start, end, _limb_colour(a, b), 3, cv2.LINE_AA)
    return np.asarray(large, dtype=np.uint8)


def _limb_colour(a: Joint, b: Joint) -> Colour:
    sides = {joint.name.split("_")[0] for joint in (a, b)}
    return _LEFT if sides == {"LEFT"} else _RIGHT if sides == {"RIGHT"} else (255, 255, 255)


def _draw_signals(page: Canvas, result: TrialResult, intervals: Sequence[PhaseInterval]) -> None:
    data = result.signals
    if len(data.stamps_s) < 2:
        return
    axis = time_axis(data.stamps_s, intervals)
    rows = (
        ("Hip height (1: standing)", data.hip_height, 0.4, 1.2),
        ("Trunk lean, degrees", data.trunk_lean_deg, -10.0, 50.0),
        ("Facing (+1: the camera)", data.facing, -1.1, 1.1),
    )
    top, height, gap = 612, 80, 32
    for row, (label, values, low, high) in enumerate(rows):
        y = top + row * (height + gap)
        page.text(label, (_MARGIN, y - 8), 15, _SOFT)
        _draw_plot(page, axis, Axis(low, high), data.stamps_s, values, intervals, y, height)


def _draw_plot(
    page: Canvas, axis: Axis, vertical: Axis, stamps_s: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64], intervals: Sequence[PhaseInterval], top: float, height: float,
) -> None:  # fmt: skip
    left, right = _MARGIN, PICTURE_WH[0] - _MARGIN
    per_cent = (right - left) / 100
    page.box(left, top, right, top + height, (250, 248, 246))
    for interval in intervals:
        x0, x1 = (left + per_cent * axis.percent(t) for t in (interval.start_s, interval.end_s))
        page.box(x0, top, x1, top + height, _pale(_PHASE_COLOURS[interval.phase]))
        page.box(x0, top, x0 + 1, top + height, _SOFT)
    run: list[tuple[float, float]] = []
    for time_s, value in [*zip(stamps_s, values, strict=True), (np.nan, np.nan)]:
        if np.isfinite(value) and axis.low <= time_s <= axis.high:
            y = top + height * (1 - vertical.percent(float(value)) / 100)
            run.append((left + per_cent * axis.percent(float(time_s)), y))
        elif run:
            page.line(np.asarray(run))
            run = []


def _pale(colour: Colour) -> Colour:
    blue, green, red = (round(0.84 * 255 + 0.16 * value) for value in colour)
    return blue, green, red
