# SPDX-License-Identifier: Apache-2.0
"""Draw a thermal image with skeletons, boxes and a status line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.imaging.radiometry import to_mono8
from thermal_pose.skeleton import LIMBS
from thermal_pose.types import FloatArray, PersonKeypoints, UInt8Array, UInt16Array

Colour = tuple[int, int, int]

COLORMAPS: Final[dict[str, int | None]] = {
    "inferno": cv2.COLORMAP_INFERNO,
    "gray": None,
    "jet": cv2.COLORMAP_JET,
    "turbo": cv2.COLORMAP_TURBO,
}

#: BGR colours per identity, distinct from the colour maps above and for colour-blind people
#: (Okabe and Ito 2008).
IDENTITY_COLOURS: Final[tuple[Colour, ...]] = (
    (115, 158, 0), (233, 180, 86), (66, 228, 240), (167, 121, 204), (0, 159, 230), (178, 114, 0),
)  # fmt: skip

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE: Final = (255, 255, 255)
_RIM: Final = (32, 16, 16)


@dataclass(frozen=True)
class DrawSettings:
    """Options of the overlay.

    Attributes
    ----------
    scale : picture pixels per thermal pixel along each axis.
    colormap : a name of `COLORMAPS`.
    low_degc, high_degc : temperatures of the darkest and brightest colour; those of the frame if
        None.
    min_joint_score : joints below it, and limbs that end there, are not drawn.
    boxes : draw each person's box with identity and score.
    """

    scale: int = 8
    colormap: str = "inferno"
    low_degc: float | None = None
    high_degc: float | None = None
    min_joint_score: float = 0.2
    boxes: bool = True

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"scale: expected at least 1, got {self.scale}")
        if self.colormap not in COLORMAPS:
            raise ValueError(
                f"colormap: expected one of {', '.join(COLORMAPS)}, got {self.colormap!r}"
            )


def draw_overlay(
    centikelvin: UInt16Array,
    persons: Sequence[PersonKeypoints],
    settings: DrawSettings | None = None,
    status: str = "",
) -> UInt8Array:
    """Draw one frame.

    Parameters
    ----------
    centikelvin : (H, W).
    persons : people, in the pixels of the frame.
    status : text at the bottom of the picture.

    Returns
    -------
    (H * scale, W * scale, 3) uint8 BGR.
    """
    settings = settings or DrawSettings()
    picture = colour_mapped(centikelvin, settings)
    for person in persons:
        colour = IDENTITY_COLOURS[person.track_id % len(IDENTITY_COLOURS)]
        if settings.boxes:
            _draw_box(picture, person, settings.scale, colour)
        _draw_skeleton(picture, person, settings, colour)
    if status:
        _draw_status(picture, status)
    return picture


def colour_mapped(centikelvin: UInt16Array, settings: DrawSettings) -> UInt8Array:
    """Return the enlarged thermal image alone, (H * scale, W * scale, 3) BGR."""
    grey = to_mono8(centikelvin, settings.low_degc, settings.high_degc)
    rows, columns = grey.shape
    size = (columns * settings.scale, rows * settings.scale)
    large = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC)
    colormap = COLORMAPS[settings.colormap]
    if colormap is None:
        return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    return np.asarray(cv2.applyColorMap(large, colormap), dtype=np.uint8)


def to_picture(xy: npt.ArrayLike, scale: int) -> FloatArray:
    """Map thermal pixels (..., 2) to picture pixels; both count from pixel centres."""
    return np.asarray((np.asarray(xy, dtype=np.float32) + 0.5) * scale - 0.5, dtype=np.float32)


def _draw_skeleton(
    picture: UInt8Array, person: PersonKeypoints, settings: DrawSettings, colour: Colour
) -> None:
    points = to_picture(person.xy, settings.scale)
    shown = (person.scores >= settings.min_joint_score) & np.isfinite(points).all(axis=1)
    width = max(settings.scale // 3, 1)
    limbs = [(start, end) for start, end in LIMBS if shown[start] and shown[end]]
    # A dark rim below all limbs, because warm people are as bright as any colour.
    for start, end in limbs:
        ends = _whole(points[start]), _whole(points[end])
        cv2.line(picture, *ends, _RIM, width + 2, cv2.LINE_AA)
    for start, end in limbs:
        ends = _whole(points[start]), _whole(points[end])
        sure = float(min(person.scores[start], person.scores[end]))
        cv2.line(picture, *ends, _faded(colour, sure), width, cv2.LINE_AA)
    for point, score in zip(points[shown], person.scores[shown], strict=True):
        cv2.circle(picture, _whole(point), width + 1, _faded(_WHITE, float(score)), -1, cv2.LINE_AA)


def _draw_box(picture: UInt8Array, person: PersonKeypoints, scale: int, colour: Colour) -> None:
    corners = to_picture(np.reshape(person.box.xyxy, (2, 2)), scale)
    low, high = _whole(corners[0]), _whole(corners[1])
    cv2.rectangle(picture, low, high, colour, 1, cv2.LINE_AA)
    label = f"{person.track_id}  {100 * person.person_score:.0f} %"
    _draw_text(picture, label, (max(low[0], 2), max(low[1] - 4, 12)), 0.05 * scale, colour)


def _draw_status(picture: UInt8Array, status: str) -> None:
    height, width = picture.shape[:2]
    bar = max(height // 16, 14)
    picture[height - bar :] //= 3
    _draw_text(picture, status, (6, height - bar // 4), width / 1100, _WHITE)


def _draw_text(
    picture: UInt8Array, text: str, at: tuple[int, int], size: float, colour: Colour
) -> None:
    size = min(max(size, 0.35), 1.0)
    cv2.putText(picture, text, at, _FONT, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, at, _FONT, size, colour, 1, cv2.LINE_AA)


def _faded(colour: Colour, score: float) -> Colour:
    """Darken a colour according to the score, so that confidence is visible."""
    share = 0.35 + 0.65 * min(max(score, 0.0), 1.0)
    return (int(colour[0] * share), int(colour[1] * share), int(colour[2] * share))


def _whole(point: FloatArray) -> tuple[int, int]:
    # Far outside the picture, the integers of OpenCV would overflow.
    x, y = np.clip(np.rint(point), -30_000, 30_000)
    return int(x), int(y)
