# SPDX-License-Identifier: Apache-2.0
"""Maps a person's thermal crop to the RGB picture, at the person's own depth.

Between two cameras with a baseline, a person is displaced by an amount that depends on the
distance, so that no fixed map is right at all distances.
"""

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.imaging.registration import Registration
from thermal_pose.lab.learning.rgb_patches import PATCH_MARGIN, PATCH_WH
from thermal_pose.skeleton import Joint
from thermal_pose.types import FloatArray, TrueFrame, UInt8Array

#: Assumed height of a person's box, m, for people without truth: between a seated (1.3) and a
#: standing (1.7) person. At a baseline of 5 cm, 15 % of error in depth is 0.1 thermal
#: px at 5 m.
BOX_HEIGHT_M: Final = 1.55
_FAR_PX: Final = 1e4


def cut_patch(
    registration: Registration, rgb: UInt8Array, region: npt.ArrayLike, depth_m: float
) -> tuple[UInt8Array, FloatArray]:
    """Cut the RGB patch of a thermal crop region, at one depth along the thermal axis.

    Parameters
    ----------
    rgb : (H, W, 3).
    region : (4,) centre x, centre y, width, height in thermal px.

    Returns
    -------
    patch : (320, 240, 3).
    affine : (2, 3) thermal pixels to patch pixels.
    """
    x, y, width, height = (float(v) for v in np.asarray(region))
    w, h = width * PATCH_MARGIN, height * PATCH_MARGIN
    scale = np.array([PATCH_WH[0] / w, PATCH_WH[1] / h])
    affine = np.zeros((2, 3), np.float32)
    affine[0, 0], affine[1, 1] = scale
    affine[:, 2] = -(np.array([x, y]) - np.array([w, h]) / 2) * scale - 0.5
    corners = np.array([[x - w / 2, y - h / 2], [x + w / 2, y - h / 2], [x - w / 2, y + h / 2]])
    in_patch = corners @ affine[:, :2].T + affine[:, 2]
    in_rgb = registration.to_rgb(corners, depth_m)
    if not np.isfinite(in_rgb).all() or np.abs(in_rgb).max() > _FAR_PX:
        raise ValueError(f"region {[x, y, w, h]} lies behind or far beside the RGB camera")
    to_rgb = cv2.getAffineTransform(in_patch.astype(np.float32), in_rgb.astype(np.float32))
    patch = cv2.warpAffine(
        rgb,
        to_rgb,
        PATCH_WH,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(patch, dtype=np.uint8), affine


def boxes_from_rgb(
    registration: Registration, boxes_xyxy: npt.ArrayLike, frame_hw: tuple[int, ...]
) -> FloatArray:
    """Map people's boxes from the RGB picture to the thermal one.

    Parameters
    ----------
    boxes_xyxy : (N, 4) px of the RGB picture.
    frame_hw : size of the thermal picture.

    Returns
    -------
    (M, 4) thermal px, cut at the picture's edges, without those wholly beside it.

    Notes
    -----
    The distance is that of a person `BOX_HEIGHT_M` tall.
    """
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    height_px = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    depth_m = registration.rgb.fy_px * BOX_HEIGHT_M / height_px
    carried = registration.boxes_to_thermal(boxes, depth_m)
    edges = np.array([frame_hw[1], frame_hw[0]] * 2) - 1.0
    carried = np.clip(carried, 0, edges)
    inside = (carried[:, 2] > carried[:, 0]) & (carried[:, 3] > carried[:, 1])
    return np.asarray(carried[inside], dtype=np.float32)


def depth_of(camera: CameraPose, joints_m: npt.ArrayLike) -> float:
    """Return the depth in m of the hips of a person's joints (17, 3) in the room."""
    joints = np.asarray(joints_m, dtype=np.float64)
    hips = joints[[Joint.LEFT_HIP, Joint.RIGHT_HIP]].mean(axis=0)
    return float(camera.to_camera(hips)[2])


def locate_camera(truths: list[TrueFrame], thermal: CameraIntrinsics) -> CameraPose | None:
    """Find the thermal camera from the exact joints of a simulated recording; None without any."""
    pairs: list[tuple[Any, Any]] = [
        (person.joints_m[seen], person.xy[seen])
        for truth in truths
        for person in truth.persons
        if (seen := person.visibility > 0).any()
    ]
    if not pairs:
        return None
    joints = np.concatenate([p[0] for p in pairs]).astype(np.float64)
    xy = np.concatenate([p[1] for p in pairs]).astype(np.float64)
    keep = np.linspace(0, len(joints) - 1, min(len(joints), 2000)).astype(int)
    if len(keep) < 6:
        return None
    distortion = np.array(thermal.distortion)
    found, rotation, translation = cv2.solvePnP(
        joints[keep], xy[keep], thermal.matrix, distortion, flags=cv2.SOLVEPNP_SQPNP
    )
    if not found:
        return None
    matrix = np.asarray(cv2.Rodrigues(rotation)[0], dtype=np.float64)
    return CameraPose(matrix, np.asarray(translation, dtype=np.float64).ravel())
