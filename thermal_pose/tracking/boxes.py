# SPDX-License-Identifier: Apache-2.0
"""Boxes: overlap, distance, and the box that a skeleton implies.

Legend: boxes are (..., 4) left, top, right, bottom in px.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.types import Float64Array, FloatArray

#: The body extends beyond its outermost joints: crown above the eyes, soles below the
#: ankles, shoulders and hands to the sides. Margins as shares of the skeleton's longer side.
_MARGIN_TOP: Final = 0.09
_MARGIN_BOTTOM: Final = 0.06
_MARGIN_SIDE: Final = 0.06
_SMALLEST_BOX_PX: Final = 2.0


def iou_matrix(ones: npt.ArrayLike, others: npt.ArrayLike) -> Float64Array:
    """Return the (N, M) intersection over union of (N, 4) with (M, 4) boxes.

    >>> float(iou_matrix([[0, 0, 2, 2]], [[1, 0, 3, 2]])[0, 0])
    0.3333333333333333
    """
    a = np.asarray(ones, dtype=np.float64).reshape(-1, 1, 4)
    b = np.asarray(others, dtype=np.float64).reshape(1, -1, 4)
    shared = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    overlap = np.prod(np.maximum(shared, 0.0), axis=-1)
    areas = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1)
    union = areas - overlap
    return np.asarray(np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0))


def box_from_keypoints(
    xy: FloatArray, scores: FloatArray, min_score: float, min_joints: int = 6
) -> tuple[float, float, float, float] | None:
    """Return the box that the confident joints of one person imply, or None if too few.

    Parameters
    ----------
    xy : (17, 2) px; scores : (17,).
    min_score : joints below it are left out.
    min_joints : fewer joints do not determine the body's extent.
    """
    seen = (scores >= min_score) & np.isfinite(xy).all(axis=1)
    if int(seen.sum()) < min_joints:
        return None
    low, high = xy[seen].min(axis=0), xy[seen].max(axis=0)
    size = float(max(*(high - low), _SMALLEST_BOX_PX))
    return (
        float(low[0] - _MARGIN_SIDE * size),
        float(low[1] - _MARGIN_TOP * size),
        float(high[0] + _MARGIN_SIDE * size),
        float(high[1] + _MARGIN_BOTTOM * size),
    )


def shifted(
    xyxy: tuple[float, float, float, float], dx_px: float, dy_px: float
) -> tuple[float, float, float, float]:
    """Return the box moved by (dx, dy)."""
    left, top, right, bottom = xyxy
    return (left + dx_px, top + dy_px, right + dx_px, bottom + dy_px)


def centre(xyxy: tuple[float, float, float, float]) -> tuple[float, float]:
    """Return the centre (x, y) of a box."""
    left, top, right, bottom = xyxy
    return ((left + right) / 2, (top + bottom) / 2)


def height_px(xyxy: tuple[float, float, float, float]) -> float:
    """Return the height of a box."""
    return xyxy[3] - xyxy[1]


def visible_share(xyxy: tuple[float, float, float, float], image_wh: tuple[int, int]) -> float:
    """Return the share of a box's area that lies inside the image, 0..1."""
    left, top, right, bottom = xyxy
    width = min(right, image_wh[0] - 0.5) - max(left, -0.5)
    height = min(bottom, image_wh[1] - 0.5) - max(top, -0.5)
    area = (right - left) * (bottom - top)
    return max(width, 0.0) * max(height, 0.0) / area if area > 0 else 0.0
