# SPDX-License-Identifier: Apache-2.0
"""The thermal film inside a report: one 8-bit PNG sheet of frames, skeletons and times.

Memory is bounded whatever the length of the recording: at most `MAX_FILM_FRAMES` frames are
touched, one at a time, so `frames` may be read from disk on access.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from thermal_pose.clinical.chair_rises.result import ChairRiseResult
from thermal_pose.clinical.results import MovementResult
from thermal_pose.skeleton import LIMBS
from thermal_pose.types import (
    NS_PER_S,
    FloatArray,
    FrameKeypoints,
    PersonKeypoints,
    Phase,
    ThermalFrame,
    UInt8Array,
    UInt16Array,
)

MAX_FILM_FRAMES: Final = 400
#: Shown before the first and after the last timed phase of a valid trial.
MARGIN_S: Final = 2.0
SHEET_COLUMNS: Final = 16
#: Joints scored below this are not drawn.
MIN_JOINT_SCORE: Final = 0.1
#: The window of temperatures spans these percentiles of the film, widened to `MIN_SPAN_K`.
_PERCENTILES: Final = (1.0, 99.8)
_RANGE_SAMPLES: Final = 32
MIN_SPAN_K: Final = 4.0
KELVIN_0_DEGC: Final = 273.15
_COLOUR_MAP: Final = cv2.COLORMAP_INFERNO


@dataclass(frozen=True)
class FilmFrame:
    """One frame of the film: its time, phase, and the subject where seen."""

    index: int
    time_s: float
    phase: Phase
    person: PersonKeypoints | None


@dataclass(frozen=True)
class Film:
    """What the replay shows.

    Attributes
    ----------
    frames : in order of time.
    image_wh : (width, height) of each frame, px.
    low_degc, high_degc : temperatures of the darkest and the brightest colour.
    sheet : (rows * H, columns * W) uint8, the frames left to right, top to bottom.
    every : 1 where all frames of the span are shown, else each `every`-th.
    """

    frames: tuple[FilmFrame, ...]
    image_wh: tuple[int, int]
    low_degc: float
    high_degc: float
    sheet: UInt8Array
    every: int

    def image(self, index: int) -> UInt8Array:
        """Return frame `index` as (H, W) uint8."""
        width, height = self.image_wh
        row, column = divmod(index, SHEET_COLUMNS)
        return self.sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]

    def nearest(self, time_s: float) -> int:
        """Return the index of the frame nearest to `time_s`."""
        return int(np.argmin([abs(frame.time_s - time_s) for frame in self.frames]))


def subject_window(film: Film, margin_px: float = 4.0) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom (excluded) of all places where the subject was seen.

    The whole image where the subject was never seen.
    """
    width, height = film.image_wh
    seen = [xy for frame in film.frames if (xy := drawable(frame.person)) is not None]
    joints = np.concatenate([np.empty((0, 2), dtype=np.float32), *seen])
    points = joints[np.isfinite(joints).all(axis=1)]
    if not len(points):
        return 0, 0, width, height
    # Percentiles: one wild joint must not undo the crop.
    left, top = np.percentile(points, 0.5, axis=0) - margin_px
    right, bottom = np.percentile(points, 99.5, axis=0) + margin_px
    return (
        max(0, int(np.floor(left))),
        max(0, int(np.floor(top))),
        min(width, int(np.ceil(right)) + 1),
        min(height, int(np.ceil(bottom)) + 1),
    )


def build_film(
    result: MovementResult, frames: Sequence[ThermalFrame], keypoints: Sequence[FrameKeypoints]
) -> Film | None:
    """Select, window to 8 bit and lay out the frames of a trial; None without any frame.

    Parameters
    ----------
    frames : in order of time; only the shown ones are read.
    keypoints : matched to the frames by their stamp.

    Notes
    -----
    A camera may change its image size while it runs; frames of another size than the first shown
    one are left out.
    """
    chosen, every = _select(result, frames)
    if not chosen:
        return None
    low_k, high_k = _temperature_window(frames, chosen)
    height, width = frames[chosen[0]].centikelvin.shape
    rows = -(-len(chosen) // SHEET_COLUMNS)
    sheet = np.zeros((rows * height, SHEET_COLUMNS * width), dtype=np.uint8)
    persons = _persons_by_stamp(result, keypoints)
    entries: list[FilmFrame] = []
    for source in chosen:
        frame, index = frames[source], len(entries)
        if frame.centikelvin.shape != (height, width):
            continue
        row, column = divmod(index, SHEET_COLUMNS)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = to_8bit(
            frame.centikelvin, low_k, high_k
        )
        time_s = (frame.stamp_ns - result.timing.origin_ns) / NS_PER_S
        entries.append(
            FilmFrame(index, time_s, phase_at(result, time_s), persons.get(frame.stamp_ns))
        )
    return Film(
        frames=tuple(entries),
        image_wh=(width, height),
        low_degc=low_k - KELVIN_0_DEGC,
        high_degc=high_k - KELVIN_0_DEGC,
        sheet=sheet,
        every=every,
    )


def to_8bit(centikelvin: UInt16Array, low_k: float, high_k: float) -> UInt8Array:
    """Map (H, W) centikelvin linearly to 0..255 between `low_k` and `high_k`, kelvin."""
    scaled = (centikelvin.astype(np.float32) / 100.0 - low_k) * (255.0 / (high_k - low_k))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def phase_at(result: MovementResult, time_s: float) -> Phase:
    """Return the phase at `time_s`: SEATED around a valid trial, UNKNOWN where none is."""
    if isinstance(result, ChairRiseResult):
        return _rise_phase_at(result, time_s)
    for interval in result.timing.phases:
        if interval.start_s <= time_s < interval.end_s:
            return interval.phase
    return Phase.SEATED if result.timing.valid else Phase.UNKNOWN


def _rise_phase_at(result: ChairRiseResult, time_s: float) -> Phase:
    """SIT_TO_STAND, WALK_OUT (for standing) and STAND_TO_SIT within a rise, else SEATED."""
    for rise in result.rises:
        if rise.rise_start_s <= time_s < rise.stand_s:
            return Phase.SIT_TO_STAND
        if rise.sit_start_s is not None and rise.stand_s <= time_s < rise.sit_start_s:
            return Phase.WALK_OUT
        if rise.sit_start_s is None or rise.seat_contact_s is None:
            continue
        if rise.sit_start_s <= time_s < rise.seat_contact_s:
            return Phase.STAND_TO_SIT
    return Phase.SEATED


def colour_table() -> UInt8Array:
    """Return the film's colours, (256, 3) uint8 RGB."""
    grey = np.arange(256, dtype=np.uint8).reshape(256, 1)
    bgr = cv2.applyColorMap(grey, _COLOUR_MAP).reshape(256, 3)
    return np.ascontiguousarray(bgr[:, ::-1])


def coloured(image: UInt8Array) -> UInt8Array:
    """Colour an (H, W) image; returns (H, W, 3) uint8 BGR."""
    return np.asarray(cv2.applyColorMap(np.ascontiguousarray(image), _COLOUR_MAP), dtype=np.uint8)


def png_data_uri(image: UInt8Array) -> str:
    """Return a PNG of the image as a `data:` address."""
    done, encoded = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ValueError(f"image: expected one that PNG can hold, got {image.shape} {image.dtype}")
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def replay_data(film: Film, zero_s: float = 0.0) -> dict[str, Any]:
    """Return what the page's script replays, as plain JSON types.

    Times count from `zero_s`, in the seconds of the film's frames.
    Joint positions are in tenths of a pixel, flat x0, y0, x1, ...; null where not drawn.
    """
    return {
        "width": film.image_wh[0],
        "height": film.image_wh[1],
        "columns": SHEET_COLUMNS,
        "times": [round(frame.time_s - zero_s, 3) + 0.0 for frame in film.frames],
        "phases": [int(frame.phase) for frame in film.frames],
        "joints": [_joints(frame.person) for frame in film.frames],
        "limbs": [[int(a), int(b)] for a, b in LIMBS],
        "colours": base64.b64encode(colour_table().tobytes()).decode("ascii"),
    }


def drawable(person: PersonKeypoints | None) -> FloatArray | None:
    """Return (17, 2) positions with NaN where a joint is not to be drawn; None for nobody."""
    if person is None:
        return None
    xy = person.xy.copy()
    xy[~(person.scores >= MIN_JOINT_SCORE)] = np.nan
    return xy


def _joints(person: PersonKeypoints | None) -> list[int | None] | None:
    xy = drawable(person)
    if xy is None:
        return None
    return [round(float(value) * 10) if np.isfinite(value) else None for value in xy.ravel()]


def _select(result: MovementResult, frames: Sequence[ThermalFrame]) -> tuple[list[int], int]:
    """Choose the frames of the trial with margins, thinned evenly to the limit."""
    signals = result.signals.stamps_s
    # Stamps are read from the frames only where the result does not already hold them all.
    times = (
        signals.tolist()
        if len(signals) == len(frames)
        else [(frame.stamp_ns - result.timing.origin_ns) / NS_PER_S for frame in frames]
    )
    start_s, end_s = -np.inf, np.inf
    if result.timing.valid and result.timing.phases:
        start_s = result.timing.phases[0].start_s - MARGIN_S
        end_s = result.timing.phases[-1].end_s + MARGIN_S
    span = [index for index, time_s in enumerate(times) if start_s <= time_s <= end_s]
    every = max(1, -(-len(span) // MAX_FILM_FRAMES))
    return span[::every], every


def _temperature_window(
    frames: Sequence[ThermalFrame], chosen: Sequence[int]
) -> tuple[float, float]:
    step = max(1, len(chosen) // _RANGE_SAMPLES)
    limits = [np.percentile(frames[index].centikelvin, _PERCENTILES) for index in chosen[::step]]
    low, high = np.median(np.asarray(limits), axis=0) / 100.0
    missing = max(0.0, MIN_SPAN_K - (high - low))
    return float(low - missing / 2), float(high + missing / 2)


def _persons_by_stamp(
    result: MovementResult, keypoints: Sequence[FrameKeypoints]
) -> Mapping[int, PersonKeypoints]:
    """Return the subject of each image; the best scored person where nobody was followed."""
    found: dict[int, PersonKeypoints] = {}
    for image in keypoints:
        if not image.persons:
            continue
        same = [person for person in image.persons if person.track_id == result.track_id]
        if same or not result.track_id:
            found[image.stamp_ns] = max(same or image.persons, key=lambda p: p.person_score)
    return found
