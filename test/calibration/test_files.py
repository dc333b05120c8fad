# SPDX-License-Identifier: Apache-2.0
"""Calibration files that cannot be used: one sentence with the path and what was expected."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from thermal_pose.calibration.files import (
    load_camera_info,
    save_camera_info,
)
from thermal_pose.errors import CalibrationError, StorageError
from thermal_pose.imaging.camera_info import camera_info_of
from thermal_pose.imaging.camera_model import LEPTON


def _set(*keys: str, to: object) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_set("image_width", to="wide"), "not a camera_info YAML"),
        (_set("image_width", to=0), "not a camera_info YAML file: image_wh: expected > 0"),
        (_set("camera_matrix", to=7), "not a camera_info YAML file: expected rows"),
        (_set("camera_matrix", "rows", to=2), "not a camera_info YAML"),
        (_set("camera_matrix", "data", to=[0.0] * 9), "positive focal lengths"),
        (_set("camera_matrix", "data", to=[float("nan")] * 9), "finite, positive focal lengths"),
        (_set("distortion_coefficients", "data", to=[float("inf")] * 5), "finite distortion"),
        (_set("image_width", to=80.5), "image_width: expected a whole number, got 80.5"),
        (_set("camera_matrix", to=[1.0] * 9), "expected rows, cols and data in camera_matrix"),
        (_set("distortion_coefficients", "data", to=[0.0] * 8), "cannot reshape"),
        (_set("image_width", to=30), r"principal point inside the image of 30 x 60 px, got \(39"),
        (lambda content: content.pop("distortion_model"), "it lacks distortion_model .*ost.yaml"),
    ],
)
def test_a_camera_info_with_impossible_values(
    tmp_path: Path, change: Callable[[Any], None], match: str
) -> None:
    path = tmp_path / "thermal.yaml"
    save_camera_info(path, camera_info_of(LEPTON), "thermal_camera")
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(CalibrationError, match=match) as caught:
        load_camera_info(path)
    assert "thermal.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "expected a mapping, got NoneType"),
        (b"[1, 2]", "expected a mapping, got list"),
        (b"a: [", "is not a YAML file"),
        (b"\xff\xfe\x00", "is not a YAML file"),
        (b"image_width: 80", "not a camera_info YAML"),
    ],
)
def test_a_file_of_another_kind(tmp_path: Path, data: bytes, match: str) -> None:
    path = tmp_path / "thermal.yaml"
    path.write_bytes(data)
    with pytest.raises(CalibrationError, match=match):
        load_camera_info(path)


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="Is a directory"):
        load_camera_info(tmp_path)
    with pytest.raises(StorageError, match="cannot write"):
        save_camera_info(tmp_path, camera_info_of(LEPTON), "thermal_camera")
