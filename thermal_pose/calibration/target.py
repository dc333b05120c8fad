# SPDX-License-Identifier: Apache-2.0
"""The calibration target: a grid of round spots that are warm in thermal and dark in RGB images.

Printed black discs under a lamp, or a heated plate behind a cold sheet with holes, are visible to
both cameras. Blur at 80 x 60 pixels does not move the centres of spots, unlike the corners of a
chessboard.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from thermal_pose.types import Float64Array, UInt8Array, UInt16Array

#: Enlargement of the thermal image before the search for spots, which are three pixels wide.
_THERMAL_SCALE = 8


@dataclass(frozen=True)
class SpotTarget:
    """A rectangular grid of round spots.

    Attributes
    ----------
    grid_wh : number of spots per row and per column.
    spacing_m : distance between neighbouring centres.
    radius_m : radius of the spots, needed because the centre of a tilted disc is not imaged to the
        centre of its image.
    """

    grid_wh: tuple[int, int] = (5, 4)
    spacing_m: float = 0.10
    radius_m: float = 0.032

    def __post_init__(self) -> None:
        columns, rows = self.grid_wh
        if columns < 3 or rows < 3 or not 0 < self.radius_m < self.spacing_m / 2:
            raise ValueError(
                "grid_wh, spacing_m, radius_m: expected at least 3 x 3 spots that do not touch, "
                f"got {self.grid_wh}, {self.spacing_m}, {self.radius_m}"
            )

    @property
    def points_m(self) -> Float64Array:
        """Centres (N, 3) on the plane z = 0 of the target, row by row from the top left."""
        columns, rows = self.grid_wh
        x, y = np.meshgrid(np.arange(columns), np.arange(rows))
        grid = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1).astype(np.float64)
        return grid * self.spacing_m


def find_in_thermal(centikelvin: UInt16Array, target: SpotTarget) -> Float64Array | None:
    """Centres (N, 2) of the warm spots in a thermal image, px; None unless all are visible."""
    low, high = np.percentile(centikelvin, [2.0, 99.5])
    if high - low < 50:  # 0.5 K: no target is so faint.
        return None
    stretched = np.clip((centikelvin - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
    height, width = stretched.shape
    large = cv2.resize(
        stretched,
        (width * _THERMAL_SCALE, height * _THERMAL_SCALE),
        interpolation=cv2.INTER_CUBIC,
    )
    centres = _find_grid(np.asarray(large, dtype=np.uint8), target, blob_colour=255)
    return None if centres is None else (centres + 0.5) / _THERMAL_SCALE - 0.5


def find_in_rgb(bgr: UInt8Array, target: SpotTarget) -> Float64Array | None:
    """Centres (N, 2) of the dark spots in a colour image, px; None unless all are visible."""
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    return _find_grid(np.asarray(grey, dtype=np.uint8), target, blob_colour=0)


def _find_grid(grey: UInt8Array, target: SpotTarget, blob_colour: int) -> Float64Array | None:
    # The plain search stands clutter, the clustering one strong perspective.
    for extra in (0, cv2.CALIB_CB_CLUSTERING):
        found, centres = cv2.findCirclesGrid(
            grey,
            target.grid_wh,
            flags=cv2.CALIB_CB_SYMMETRIC_GRID | extra,
            blobDetector=_blob_detector(grey, blob_colour),
        )
        if found:
            points = upright(centres.reshape(-1, 2).astype(np.float64), target.grid_wh)
            return points if _whole(points, grey, target) else None
    return None


def _whole(points: Float64Array, grey: UInt8Array, target: SpotTarget) -> bool:
    """Whether all spots are completely inside the image; a cut spot has a wrong centre."""
    height, width = grey.shape
    columns, rows = target.grid_wh
    grid = points.reshape(rows, columns, 2)
    steps = np.concatenate(
        [np.diff(grid, axis=0).reshape(-1, 2), np.diff(grid, axis=1).reshape(-1, 2)]
    )
    margin_px = np.linalg.norm(steps, axis=1).max() * 1.2 * target.radius_m / target.spacing_m
    low, high = points.min(axis=0), points.max(axis=0)
    return bool((low > margin_px).all() and (high < np.array([width, height]) - margin_px).all())


def _blob_detector(grey: UInt8Array, blob_colour: int) -> cv2.SimpleBlobDetector:
    params = cv2.SimpleBlobDetector.Params()
    area_px = float(grey.size)
    params.minThreshold, params.maxThreshold, params.thresholdStep = 40.0, 220.0, 10.0
    params.filterByColor, params.blobColor = True, blob_colour
    params.filterByArea, params.minArea, params.maxArea = True, area_px / 8000, area_px / 40
    params.filterByCircularity, params.minCircularity = True, 0.6
    params.filterByConvexity, params.minConvexity = True, 0.8
    params.filterByInertia, params.minInertiaRatio = True, 0.2
    params.minDistBetweenBlobs = float(np.sqrt(area_px) / 60)
    return cv2.SimpleBlobDetector.create(params)


def upright(centres: Float64Array, grid_wh: tuple[int, int]) -> Float64Array:
    """Sort centres row by row from the top left of the image.

    A symmetric grid has no top, so both cameras use that of the image.
    """
    columns, rows = grid_wh
    grid: Float64Array = centres.reshape(rows, columns, 2)
    if (grid[:, -1] - grid[:, 0])[:, 0].sum() < 0:
        grid = grid[:, ::-1]
    if (grid[-1] - grid[0])[:, 1].sum() < 0:
        grid = grid[::-1]
    return grid.reshape(-1, 2).copy()
