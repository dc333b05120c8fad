# SPDX-License-Identifier: Apache-2.0
"""Calibration files: standard camera_info YAML, and the extrinsics between the two cameras."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from thermal_pose.errors import CalibrationError
from thermal_pose.files import write_whole
from thermal_pose.imaging.camera_info import CameraInfo, camera_info_of
from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose, intrinsics_of_view
from thermal_pose.imaging.registration import PlaneRegistration
from thermal_pose.types import Float64Array

#: Horizontal fields of view of the default cameras, degrees.
THERMAL_HFOV_DEG = 51.0
_CAMERA_INFO_KEYS = (
    "image_width",
    "image_height",
    "camera_matrix",
    "distortion_coefficients",
    "distortion_model",
)
RGB_HFOV_DEG = 69.0


def intrinsics_of(info: CameraInfo) -> CameraIntrinsics:
    """The lens of a CameraInfo.

    Raises
    ------
    CalibrationError
        It is uncalibrated (zero matrix), or its model is not plumb_bob.
    """
    if info.distortion_model not in ("plumb_bob", ""):
        raise CalibrationError(f"distortion model '{info.distortion_model}': expected plumb_bob")
    if info.k[0, 0] <= 0 or info.k[1, 1] <= 0:
        raise CalibrationError("the camera_info is uncalibrated: its focal lengths are zero")
    k1, k2, p1, p2, k3 = (*map(float, info.distortion[:5]), *(5 - len(info.distortion)) * (0.0,))
    return CameraIntrinsics(
        size_wh=info.image_wh,
        fx_px=float(info.k[0, 0]),
        fy_px=float(info.k[1, 1]),
        cx_px=float(info.k[0, 2]),
        cy_px=float(info.k[1, 2]),
        distortion=(k1, k2, p1, p2, k3),
    )


def default_camera_info(image_wh: tuple[int, int], hfov_deg: float) -> CameraInfo:
    """A default pinhole camera with square pixels, a centred axis and no distortion."""
    return camera_info_of(intrinsics_of_view(image_wh, math.radians(hfov_deg)))


def save_camera_info(path: Path, info: CameraInfo, camera_name: str) -> None:
    """Write a camera_info YAML file for `camera_calibration_parsers`."""
    width, height = info.image_wh
    content = {
        "image_width": width,
        "image_height": height,
        "camera_name": camera_name,
        "camera_matrix": _matrix(info.k),
        "distortion_model": info.distortion_model,
        "distortion_coefficients": _matrix(info.distortion.reshape(1, -1)),
        "rectification_matrix": _matrix(np.eye(3)),
        "projection_matrix": _matrix(np.hstack([info.k, np.zeros((3, 1))])),
    }
    _write_yaml(path, content)


def load_camera_info(path: Path) -> CameraInfo:
    """Read a camera_info YAML.

    Raises
    ------
    CalibrationError
        The file is missing, is not a camera_info YAML file, or contains impossible values.
    """
    content = _read_yaml(path)
    _check_keys(path, content)
    try:
        info = CameraInfo(
            image_wh=(_whole(content, "image_width"), _whole(content, "image_height")),
            k=_array(content["camera_matrix"]),
            distortion=_array(content["distortion_coefficients"]).ravel(),
            distortion_model=str(content["distortion_model"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationError(f"{path} is not a camera_info YAML file: {error}") from error
    if not (np.isfinite(info.k).all() and info.k[0, 0] > 0 and info.k[1, 1] > 0):
        raise CalibrationError(f"{path}: expected finite, positive focal lengths")
    centre = float(info.k[0, 2]), float(info.k[1, 2])
    if not all(0.0 < at < size for at, size in zip(centre, info.image_wh, strict=True)):
        raise CalibrationError(
            f"{path}: expected a principal point inside the image of {info.image_wh[0]} x "
            f"{info.image_wh[1]} px, got ({centre[0]:g}, {centre[1]:g})"
        )
    if not np.isfinite(info.distortion).all():
        raise CalibrationError(f"{path}: expected finite distortion coefficients")
    return info


def _check_keys(path: Path, content: dict[str, Any]) -> None:
    missing = [key for key in _CAMERA_INFO_KEYS if key not in content]
    if missing:
        raise CalibrationError(
            f"{path} is not a camera_info YAML file: it lacks {', '.join(missing)} (the program "
            "camera_calibration writes such a file as ost.yaml)"
        )
    for key in ("camera_matrix", "distortion_coefficients"):
        entry = content[key]
        if not isinstance(entry, dict) or not {"rows", "cols", "data"} <= set(entry):
            raise CalibrationError(
                f"{path} is not a camera_info YAML file: expected rows, cols and data in {key}"
            )


def _whole(content: dict[str, Any], key: str) -> int:
    value = content[key]
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{key}: expected a whole number, got {value}")
    return int(value)


def save_extrinsics(path: Path, extrinsics: CameraPose) -> None:
    """Write the pose of the thermal camera relative to the RGB camera."""
    content = {
        "convention": "x_thermal = rotation @ x_rgb + translation_m (optical frames)",
        "rotation": _matrix(extrinsics.rotation),
        "translation_m": [float(value) for value in extrinsics.translation_m],
    }
    _write_yaml(path, content)


def load_extrinsics(path: Path) -> CameraPose:
    """Read an extrinsics YAML; CalibrationError as in `load_camera_info`."""
    content = _read_yaml(path)
    try:
        return CameraPose(
            rotation=_array(content["rotation"]),
            translation_m=np.array(content["translation_m"], dtype=np.float64),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationError(f"{path} is not an extrinsics YAML file: {error}") from error


def save_homography(path: Path, plane: PlaneRegistration) -> None:
    """Write a fixed map from RGB to thermal pixels."""
    content = {
        "convention": "homogeneous thermal px = homography @ homogeneous rgb px",
        "homography": _matrix(plane.matrix),
        "depth_m": plane.depth_m,
    }
    _write_yaml(path, content)


def _matrix(values: Float64Array) -> dict[str, Any]:
    rows, cols = values.shape
    return {"rows": rows, "cols": cols, "data": [float(value) for value in values.ravel()]}


def _array(content: dict[str, Any]) -> Float64Array:
    data = np.array(content["data"], dtype=np.float64)
    return data.reshape(int(content["rows"]), int(content["cols"]))


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    write_whole(path, yaml.safe_dump(content, sort_keys=False))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path} is not a YAML file") from error
    if not isinstance(content, dict):
        raise CalibrationError(f"{path}: expected a mapping, got {type(content).__name__}")
    return content
