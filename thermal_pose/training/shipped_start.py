# SPDX-License-Identifier: Apache-2.0
"""Lets a shipped model learn on: from its ONNX file to the network that a training begins with."""

from typing import Final

from thermal_pose.errors import ConfigError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import load_card
from thermal_pose.models.pose import PoseNetwork
from thermal_pose.models.unfold import unfold_student
from thermal_pose.training.config import TrainingConfig
from thermal_pose.training.pose_data import PoseData
from thermal_pose.training.ship import SHIPPED
from thermal_pose.training.ship_export import calibration_crops

#: Crops that fix the batch norms' statistics.
_CROPS: Final = 128


def shipped_start(
    model: str, name: str, data: PoseData, config: TrainingConfig
) -> tuple[PoseNetwork, str]:
    """Return the network of a shipped model and what a card says of it.

    Parameters
    ----------
    model : a name in the package's assets, or the path of a card.
    name : of the student to train (`SHIPPED`).
    data : the training set.

    Raises
    ------
    ConfigError
        The model's input or decoder is not that of the student to train.
    ModelArtifactError
        Card or file missing or damaged, or the file is quantised.
    """
    path = card_path(model)
    card = load_card(path)
    if card.normalization != config.normalization:
        raise ConfigError(
            f"--start {model}: its input is {card.normalization}, the configuration's is "
            f"{config.normalization}"
        )
    crops = calibration_crops(data, config, _CROPS)
    network, _ = unfold_student(path.parent / card.file, crops)
    if network.decoder.width != SHIPPED[name]:
        raise ConfigError(
            f"--start {model}: its decoder is {network.decoder.width} wide, that of '{name}' "
            f"{SHIPPED[name]}"
        )
    return network, f"{card.name} {card.sha256[:12]}"
