# SPDX-License-Identifier: Apache-2.0
"""Fit a fixed map from RGB to thermal pixels to moving people, without a target.

A walking person changes both images at the same positions. The fit finds the scale, rotation, shift
and aspect ratio with the best correlation of both images' changes over many moments. The result is
exact at the average depth of the people; `imaging.registration.plane_error_by_depth` gives its
error at other depths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.errors import CalibrationError
from thermal_pose.imaging.registration import PlaneRegistration
from thermal_pose.types import Float64Array, FloatArray, UInt8Array, UInt16Array

#: Width of reduced colour images; finer detail is smaller than a thermal pixel.
_SEARCH_WIDTH = 256
#: Distance of the two images whose difference is a map of change, in frames.
_LAG = 3
_MAX_MOMENTS = 40
_MIN_MOMENTS = 10
#: Smaller changes are noise: K, and grey levels.
_THERMAL_NOISE_K, _RGB_NOISE = 0.25, 10.0
_THERMAL_LIMIT_K, _RGB_LIMIT = 4.0, 60.0
#: Least mean correlation of a usable fit.
MIN_CORRELATION = 0.5


@dataclass(frozen=True)
class PeopleRegistration:
    """The map, and how well it explains the recording.

    Attributes
    ----------
    plane : RGB to thermal pixels; its depth is unknown.
    correlation : mean over the moments used, 0 to 1.
    moments : number of moments used.
    """

    plane: PlaneRegistration
    correlation: float
    moments: int


def shrink_rgb(bgr: UInt8Array) -> FloatArray:
    """Reduce a colour image (H, W, 3) to the size used to detect changes, float32."""
    height, width = bgr.shape[:2]
    size = (_SEARCH_WIDTH, round(height * _SEARCH_WIDTH / width))
    return cv2.resize(bgr, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def register_from_people(
    thermal: Sequence[UInt16Array],
    rgb_small: Sequence[FloatArray],
    rgb_wh: tuple[int, int],
    scale: float,
) -> PeopleRegistration:
    """Fit the map.

    Parameters
    ----------
    thermal : (h, w) centikelvin images of pairs that follow each other.
    rgb_small : `shrink_rgb` of the colour images of the same pairs.
    rgb_wh : size of the full colour images.
    scale : initial thermal px per RGB px: the ratio of the focal lengths.

    Raises
    ------
    CalibrationError
        Too little moves, or the two cameras do not see the same movement.
    ValueError
        The streams differ in length.
    """
    if len(thermal) != len(rgb_small):
        raise ValueError(f"expected one length, got {len(thermal)} and {len(rgb_small)}")
    warm, colour = _changes(thermal, rgb_small)
    shrink = rgb_small[0].shape[1] / rgb_wh[0]
    search = _Search(warm, colour, scale / shrink)
    parameters, correlation = search.climb()
    if correlation < MIN_CORRELATION:
        raise CalibrationError(
            f"the cameras do not see the same movement (correlation {correlation:.2f}, at least "
            f"{MIN_CORRELATION} is needed): are both on the walkway and paired?"
        )
    # Pixel centres: u_small + 0.5 = shrink * (u + 0.5).
    offset = (shrink - 1) / 2
    to_small = np.array([[shrink, 0, offset], [0, shrink, offset], [0, 0, 1]])
    matrix = np.vstack([search.matrix(parameters), [0, 0, 1]]) @ to_small
    return PeopleRegistration(PlaneRegistration(matrix), correlation, len(warm))


def _changes(
    thermal: Sequence[UInt16Array], rgb_small: Sequence[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Maps of change of both streams at the moments with most movement."""
    if len(thermal) < _LAG + _MIN_MOMENTS:
        raise CalibrationError(
            f"{len(thermal)} pairs, at least {_LAG + _MIN_MOMENTS} are needed to see people move"
        )
    degc = np.stack(thermal).astype(np.float32) / 100.0
    warm = np.abs(degc[_LAG:] - degc[:-_LAG])
    warm = np.clip(warm - _THERMAL_NOISE_K, 0.0, _THERMAL_LIMIT_K)
    amount = warm.mean(axis=(1, 2))
    # A person moves if 1 % of the pixels change by a degree.
    moving = np.flatnonzero(amount > 0.01)
    if len(moving) < _MIN_MOMENTS:
        raise CalibrationError(f"a person moves at {len(moving)} moments only")
    chosen = moving[np.argsort(-amount[moving])][:_MAX_MOMENTS]
    colour = np.stack([np.abs(rgb_small[i + _LAG] - rgb_small[i]).max(axis=-1) for i in chosen])
    return warm[chosen], np.clip(colour - _RGB_NOISE, 0.0, _RGB_LIMIT)


class _Search:
    """Coordinate descent over scale, rotation (rad), shift (px) and aspect ratio."""

    def __init__(self, warm: FloatArray, colour: FloatArray, scale: float) -> None:
        self._warm = _normalised(warm)
        self._shape = warm.shape[1:]
        blur = 0.5 / scale
        self._colour = [cv2.GaussianBlur(change, (0, 0), blur) for change in colour]
        self._start = np.array([scale, 0.0, 0.0, 0.0, 1.0])
        self._step = np.array([0.08 * scale, 0.04, 4.0, 4.0, 0.05])

    def matrix(self, parameters: Float64Array) -> Float64Array:
        """Affine (2, 3) from reduced RGB pixels to thermal pixels; rotates about the centres."""
        scale, turn, dx, dy, aspect = parameters
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        linear = np.array([[cos, -sin * aspect], [sin, cos * aspect]])
        centre = (np.array(self._colour[0].shape[::-1]) - 1) / 2
        target = (np.array(self._shape[::-1]) - 1) / 2 + [dx, dy]
        return np.hstack([linear, (target - linear @ centre)[:, None]])

    def climb(self) -> tuple[Float64Array, float]:
        """Best parameters and their mean correlation."""
        best, step = self._start, self._step.copy()
        value = self._correlation(best)
        while step[2] > 0.05:
            moved = False
            for trial in _neighbours(best, step):
                candidate = self._correlation(trial)
                if candidate > value:
                    best, value, moved = trial, candidate, True
                    break
            if not moved:
                step /= 2
        return best, value

    def _correlation(self, parameters: Float64Array) -> float:
        matrix, size = self.matrix(parameters), self._shape[::-1]
        warped = np.stack([cv2.warpAffine(change, matrix, size) for change in self._colour])
        return float((_normalised(warped) * self._warm).sum(axis=1).mean())


def _neighbours(centre: Float64Array, step: Float64Array) -> list[Float64Array]:
    return [centre + sign * step * axis for axis in np.eye(len(centre)) for sign in (1.0, -1.0)]


def _normalised(maps: npt.NDArray[Any]) -> FloatArray:
    """Rows of zero mean and unit length, so that their products are correlations."""
    rows = maps.reshape(len(maps), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-6), dtype=np.float32)
