# SPDX-License-Identifier: Apache-2.0
"""Calibration files: standard camera_info YAML, and the extrinsics between the two cameras."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from thermal_pose.bags.messages import CameraInfo
from thermal_pose.errors import CalibrationError, StorageError

#: Horizontal fields of view of the cameras the defaults are for, degrees.
THERMAL_HFOV_DEG = 51.0
RGB_HFOV_DEG = 69.0


@dataclass(frozen=True)
class Extrinsics:
    """Where the thermal camera is, seen from the RGB camera.

    A point x of the RGB camera's optical frame is `rotation @ x + translation_m` in the thermal
    camera's optical frame (x right, y down, z forward).

    Attributes
    ----------
    rotation : (3, 3) proper rotation.
    translation_m : (3,) m.
    """

    rotation: npt.NDArray[np.float64]
    translation_m: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.rotation.shape != (3, 3) or self.translation_m.shape != (3,):
            raise ValueError(
                "rotation, translation_m: expected (3, 3) and (3,), got "
                f"{self.rotation.shape} and {self.translation_m.shape}"
            )
        error = np.abs(self.rotation @ self.rotation.T - np.eye(3)).max()
        if error > 1e-6 or np.linalg.det(self.rotation) < 0:
            raise ValueError(f"rotation: expected a proper rotation, is off by {error:.2g}")


def default_camera_info(image_wh: tuple[int, int], hfov_deg: float) -> CameraInfo:
    """An uncalibrated pinhole camera with square pixels, centred, without distortion."""
    if not 0 < hfov_deg < 180:
        raise ValueError(f"hfov_deg: expected 0 to 180, got {hfov_deg}")
    width, height = image_wh
    focal_px = width / 2 / math.tan(math.radians(hfov_deg) / 2)
    k = np.array(
        [[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]], dtype=float
    )
    return CameraInfo(image_wh, k, np.zeros(5))


def save_camera_info(path: Path, info: CameraInfo, camera_name: str) -> None:
    """Write a camera_info YAML as `camera_calibration_parsers` reads it."""
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
        The file is missing, is no such YAML, or holds impossible values.
    """
    content = _read_yaml(path)
    try:
        info = CameraInfo(
            image_wh=(int(content["image_width"]), int(content["image_height"])),
            k=_array(content["camera_matrix"]),
            distortion=_array(content["distortion_coefficients"]).ravel(),
            distortion_model=str(content["distortion_model"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationError(f"{path} is no camera_info YAML: {error}") from error
    if not (np.isfinite(info.k).all() and info.k[0, 0] > 0 and info.k[1, 1] > 0):
        raise CalibrationError(f"{path}: expected finite, positive focal lengths")
    return info


def save_extrinsics(path: Path, extrinsics: Extrinsics) -> None:
    """Write the pose of the thermal camera relative to the RGB camera."""
    content = {
        "convention": "x_thermal = rotation @ x_rgb + translation_m (optical frames)",
        "rotation": _matrix(extrinsics.rotation),
        "translation_m": [float(value) for value in extrinsics.translation_m],
    }
    _write_yaml(path, content)


def load_extrinsics(path: Path) -> Extrinsics:
    """Read an extrinsics YAML; CalibrationError as in `load_camera_info`."""
    content = _read_yaml(path)
    try:
        return Extrinsics(
            rotation=_array(content["rotation"]),
            translation_m=np.array(content["translation_m"], dtype=np.float64),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationError(f"{path} is no extrinsics YAML: {error}") from error


def _matrix(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    rows, cols = values.shape
    return {"rows": rows, "cols": cols, "data": [float(value) for value in values.ravel()]}


def _array(content: dict[str, Any]) -> npt.NDArray[np.float64]:
    data = np.array(content["data"], dtype=np.float64)
    return data.reshape(int(content["rows"]), int(content["cols"]))


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    try:
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path} is no YAML file") from error
    if not isinstance(content, dict):
        raise CalibrationError(f"{path}: expected a mapping, got {type(content).__name__}")
    return content
