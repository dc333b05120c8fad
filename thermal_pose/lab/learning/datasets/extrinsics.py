# SPDX-License-Identifier: Apache-2.0
"""How the two cameras of a recording stand to each other, from wherever that is written."""

import json
from pathlib import Path
from typing import Final

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import load_extrinsics
from thermal_pose.errors import TrainingError
from thermal_pose.imaging.camera_model import CameraPose

EXTRINSICS_NAME: Final = "extrinsics.yaml"


def find_extrinsics(reader: BagReader) -> CameraPose | None:
    """Return the pose that takes points of the RGB camera to the thermal one; None if unknown.

    The first of these counts: an `extrinsics.yaml` in the recording's folder or the two above, the
    recording's own `/tf_static`, the scene of a simulated recording (`trial.json`).

    Raises
    ------
    CalibrationError, BagSchemaError, TrainingError
        The first one found cannot be used.
    """
    path = reader.path
    for folder in (path, *list(path.parents)[:2]):
        if (folder / EXTRINSICS_NAME).is_file():
            return load_extrinsics(folder / EXTRINSICS_NAME)
    return _recorded(reader) or _simulated(path / "trial.json")


def _recorded(reader: BagReader) -> CameraPose | None:
    images = reader.has(schema.RGB_IMAGE) or reader.has(schema.RGB_COMPRESSED)
    if not images or not reader.has(schema.TF_STATIC):
        return None
    thermal, rgb = next(reader.thermal_frames()), next(reader.rgb_frames())
    return reader.static_transform(thermal.frame_id, rgb.frame_id)


def _simulated(trial: Path) -> CameraPose | None:
    if not trial.is_file():
        return None
    try:
        scene = json.loads(trial.read_text(encoding="utf-8"))["scene"]
        thermal, rgb = (
            CameraPose.looking_at(
                scene[name]["position_m"], scene[name]["target_m"], scene[name]["roll_rad"]
            )
            for name in ("thermal_placement", "rgb_placement")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{trial}: not the description of a simulated scene: {error}"
        ) from error
    rotation = thermal.rotation @ rgb.rotation.T
    return CameraPose(rotation, thermal.translation_m - rotation @ rgb.translation_m)
