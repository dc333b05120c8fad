# SPDX-License-Identifier: Apache-2.0
"""Keypoints to Gaussian heatmaps and back, for all persons and joints at once.

Legend: N persons, K joints, (H, W) heatmap. All coordinates here are *heatmap* pixels with
(0, 0) at the centre of the top left one; `HeatmapGeometry` maps them to and from the crop.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from thermal_pose.types import FloatArray

DecodeKind = Literal["argmax", "quarter", "dark"]
Alignment = Literal["half_pixel", "corner"]

#: Maps with a lower peak are flat and contain no joint to refine.
_FLAT: Final = 1e-6
_LOG_FLOOR: Final = 1e-6


@dataclass(frozen=True)
class HeatmapGeometry:
    """Alignment of heatmap pixels with crop pixels.

    Attributes
    ----------
    crop_wh, heatmap_wh : sizes in pixels.
    alignment : 'half_pixel' if both grids cover the same area (our own teachers), 'corner' if the
        centres of the corner pixels coincide (UDP in ViTPose).
    """

    crop_wh: tuple[int, int] = (192, 256)
    heatmap_wh: tuple[int, int] = (48, 64)
    alignment: Alignment = "half_pixel"

    def __post_init__(self) -> None:
        if min(*self.crop_wh, *self.heatmap_wh) < 2:
            raise ValueError(
                f"sizes: expected at least 2 px, got {self.crop_wh}, {self.heatmap_wh}"
            )
        if self.alignment not in ("half_pixel", "corner"):
            raise ValueError(f"alignment: expected half_pixel or corner, got {self.alignment!r}")

    def _scale_offset(self) -> tuple[FloatArray, FloatArray]:
        crop: FloatArray = np.asarray(self.crop_wh, dtype=np.float32)
        heat: FloatArray = np.asarray(self.heatmap_wh, dtype=np.float32)
        if self.alignment == "corner":
            return (crop - 1) / (heat - 1), np.zeros_like(crop)
        scale: FloatArray = crop / heat
        return scale, (scale - 1) * np.float32(0.5)

    def to_crop(self, xy: npt.ArrayLike) -> FloatArray:
        """Map heatmap pixels (..., 2) to crop pixels (..., 2)."""
        scale, offset = self._scale_offset()
        return np.asarray(np.asarray(xy, dtype=np.float32) * scale + offset, dtype=np.float32)

    def to_heatmap(self, xy: npt.ArrayLike) -> FloatArray:
        """Map crop pixels (..., 2) to heatmap pixels (..., 2)."""
        scale, offset = self._scale_offset()
        return np.asarray((np.asarray(xy, dtype=np.float32) - offset) / scale, dtype=np.float32)


def encode_gaussian(
    xy: npt.ArrayLike, present: npt.ArrayLike, heatmap_wh: tuple[int, int], sigma_px: float = 2.0
) -> FloatArray:
    """Draw one unnormalised Gaussian per joint, centred with sub-pixel accuracy.

    Parameters
    ----------
    xy : (N, K, 2) heatmap pixels; may lie outside the map.
    present : (N, K) bool; the map of an absent joint is all zero.
    heatmap_wh : (W, H).
    sigma_px : standard deviation in heatmap pixels.

    Returns
    -------
    (N, K, H, W) float32 in [0, 1].

    Notes
    -----
    Unbiased encoding of Zhang et al. 2020 (DARK, arXiv:1910.06278): the centre is not rounded.
    """
    points = np.asarray(xy, dtype=np.float32)
    if points.ndim != 3 or points.shape[-1] != 2:
        raise ValueError(f"xy: expected (N, K, 2), got {points.shape}")
    shown = np.asarray(present, dtype=bool)
    if shown.shape != points.shape[:2]:
        raise ValueError(f"present: expected {points.shape[:2]}, got {shown.shape}")
    if not sigma_px > 0:
        raise ValueError(f"sigma_px: expected > 0, got {sigma_px}")
    width, height = heatmap_wh
    centre = np.where(shown[..., None], points, 0.0)[..., None]
    across = np.exp(-((np.arange(width) - centre[:, :, 0]) ** 2) / (2 * sigma_px**2))
    down = np.exp(-((np.arange(height) - centre[:, :, 1]) ** 2) / (2 * sigma_px**2))
    maps = down[..., :, None] * across[..., None, :] * shown[..., None, None]
    return np.asarray(maps, dtype=np.float32)


def _checked(heatmaps: npt.ArrayLike) -> FloatArray:
    maps = np.asarray(heatmaps, dtype=np.float32)
    if maps.ndim != 4:
        raise ValueError(f"heatmaps: expected (N, K, H, W), got {maps.shape}")
    return maps


def decode_argmax(heatmaps: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Take each map's highest pixel.

    Parameters
    ----------
    heatmaps : (N, K, H, W).

    Returns
    -------
    xy : (N, K, 2) float32 heatmap pixels.
    peaks : (N, K) float32, the values there. A peak is not a probability.
    """
    maps = _checked(heatmaps)
    n, k, height, width = maps.shape
    flat = maps.reshape(n * k, height * width)
    best = flat.argmax(axis=1)
    xy: FloatArray = np.empty((n * k, 2), dtype=np.float32)
    xy[:, 1], xy[:, 0] = np.divmod(best, width)
    return xy.reshape(n, k, 2), flat[np.arange(n * k), best].reshape(n, k)


def decode_quarter(heatmaps: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Move the argmax a quarter pixel towards the higher neighbour (Newell et al. 2016).

    Shapes as in `decode_argmax`.
    """
    maps = _checked(heatmaps)
    xy, peaks = decode_argmax(maps)
    window = _windows(maps, xy, radius=1)
    step = np.stack(
        [
            np.sign(window[:, :, 1, 2] - window[:, :, 1, 0]),
            np.sign(window[:, :, 2, 1] - window[:, :, 0, 1]),
        ],
        axis=-1,
    )
    return np.asarray(xy + 0.25 * step * (peaks > _FLAT)[..., None], dtype=np.float32), peaks


def decode_dark(heatmaps: npt.ArrayLike, blur: int = 11) -> tuple[FloatArray, FloatArray]:
    """Refine the argmax with one Newton step on the logarithm of the blurred map (DARK).

    Parameters
    ----------
    heatmaps : (N, K, H, W).
    blur : odd width of the Gaussian kernel in px; 11 suits maps drawn with sigma 2.

    Returns
    -------
    xy, peaks : as in `decode_argmax`; the peak is that of the map before blurring.

    Notes
    -----
    Zhang et al. 2020, arXiv:1910.06278, with the unit-step derivatives of Huang et al. 2020
    (UDP, arXiv:1911.07524). Deviations: only the 3 x 3 pixels that the step reads are
    blurred, edges are replicated, and a step is at most one pixel.
    """
    if blur < 3 or blur % 2 == 0:
        raise ValueError(f"blur: expected an odd width of at least 3, got {blur}")
    maps = _checked(heatmaps)
    xy, peaks = decode_argmax(maps)
    window = _windows(maps, xy, radius=blur // 2 + 1)
    kernel = _blur_rows(blur)
    blurred = np.matmul(np.matmul(kernel, window), kernel.T)
    step = _newton_step(np.log(np.maximum(blurred, _LOG_FLOOR)))
    return np.asarray(xy + step * (peaks > _FLAT)[..., None], dtype=np.float32), peaks


def _windows(maps: FloatArray, xy: FloatArray, radius: int) -> FloatArray:
    """Cut (N, K, 2 radius + 1, 2 radius + 1) around integer centres, edges replicated."""
    n, k, height, width = maps.shape
    around = xy.astype(np.int64)[..., None] + np.arange(-radius, radius + 1)
    # The ufuncs themselves: np.clip's wrapper costs as much as the arithmetic here.
    columns = np.minimum(np.maximum(around[:, :, 0], 0), width - 1)
    rows = np.minimum(np.maximum(around[:, :, 1], 0), height - 1)
    first = (np.arange(n * k) * (height * width)).reshape(n, k, 1)
    return np.take(maps, (first + rows * width)[..., :, None] + columns[..., None, :])


@functools.cache
def _blur_rows(blur: int) -> FloatArray:
    """Return (3, blur + 2): the kernel centred on the pixel before, at and after the middle."""
    sigma = 0.3 * ((blur - 1) * 0.5 - 1) + 0.8  # OpenCV's rule, which DARK's code relies on
    taps = np.exp(-(np.arange(-(blur // 2), blur // 2 + 1) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    rows = np.zeros((3, blur + 2), dtype=np.float32)
    for row in range(3):
        rows[row, row : row + blur] = taps
    return rows


#: Of a 3 x 3 patch, row by row: d/dx, d/dy, d2/dx2, d2/dy2, d2/dxdy.
_DERIVATIVES: Final = np.array(
    [
        [0, 0, 0, -0.5, 0, 0.5, 0, 0, 0],
        [0, -0.5, 0, 0, 0, 0, 0, 0.5, 0],
        [0, 0, 0, 1, -2, 1, 0, 0, 0],
        [0, 1, 0, 0, -2, 0, 0, 1, 0],
        [0.25, 0, -0.25, 0, 0, 0, -0.25, 0, 0.25],
    ],
    dtype=np.float32,
).T


def _newton_step(log_maps: FloatArray) -> FloatArray:
    """Return the (..., 2) step -H^-1 g on (..., 3, 3) patches; zero if the patch has no maximum."""
    derived = log_maps.reshape(-1, 9) @ _DERIVATIVES
    gx, gy, hxx, hyy, hxy = derived.T.reshape(5, *log_maps.shape[:-2])
    determinant = hxx * hyy - hxy**2
    is_maximum = (determinant > 1e-9) & (hxx < 0)
    safe = np.where(is_maximum, determinant, 1.0)
    step = np.stack([-(hyy * gx - hxy * gy) / safe, -(hxx * gy - hxy * gx) / safe], axis=-1)
    return np.asarray(np.clip(step, -1, 1) * is_maximum[..., None], dtype=np.float32)


Decoder = Callable[[npt.ArrayLike], tuple[FloatArray, FloatArray]]

#: The decoders by the name that model cards and configurations use.
DECODERS: Final[dict[str, Decoder]] = {
    "argmax": decode_argmax,
    "quarter": decode_quarter,
    "dark": decode_dark,
}
