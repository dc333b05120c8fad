# SPDX-License-Identifier: Apache-2.0
"""Teaches a row's network on pairs of other people, as a start for the folds.

A fold has some 1,150 pictures of nine people; ten thousand pairs of others cost no recording.
Where `distill.coarse_share` is set, the network sees pictures of half the size first.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from thermal_pose.errors import ConfigError, ModelArtifactError, StorageError, TrainingError
from thermal_pose.files import whole_file
from thermal_pose.lab.learning.fitting.config import FitConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.learner import Learner
from thermal_pose.lab.learning.fitting.stages import fit_in_stages
from thermal_pose.lab.learning.fitting.training import Rows, Training
from thermal_pose.lab.learning.networks.decoder import DECODER_WIDTH, ClassicDecoder
from thermal_pose.lab.learning.networks.folded_pose import folded_network
from thermal_pose.lab.learning.networks.pose import NETWORKS, PoseNetwork, build_network
from thermal_pose.lab.learning.networks.teacher import UNREADABLE
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.ship import supervised_task
from thermal_pose.lab.learning.students.splits import split_rows

_VALIDATION_SHARE: Final = 0.05
#: Marks the file of a start.
_KIND: Final = "start of a fold"


@dataclass(frozen=True)
class PairStart:
    """A network taught on pairs of other people.

    Attributes
    ----------
    name : of its encoder, a key of `NETWORKS`.
    trained_on : subjects that it has seen; none of them may be evaluated.
    steps, crops : optimiser steps, and crops learned from, counting repetitions.
    """

    network: PoseNetwork
    name: str
    trained_on: tuple[str, ...]
    steps: int = 0
    crops: int = 0


def learn_start(
    name: str, data: PoseData, training: Training, earlier: PairStart | None = None
) -> PairStart:
    """Teach a network the keypoints of a data set's thermal crops.

    Parameters
    ----------
    name : key of `NETWORKS`.
    data : pairs with the keypoints to learn, such as those of `with_own_labels`.
    training : `distill` has the decoder's width and the share of the coarse stage; checkpoints
        are kept in its folder. One person in twenty validates.
    earlier : start to go on from; its people, steps and crops count too. None: random weights.

    Raises
    ------
    ConfigError
        There is no such network, or `earlier` is another one.
    TrainingError
        Fewer than two rows show people, or the loss is not finite.
    """
    if name not in NETWORKS:
        raise ConfigError(f"network: expected one of {sorted(NETWORKS)}, got '{name}'")
    rows = _rows(data, training.config.seed)
    training = training.fitted_to(len(rows.train))
    config = training.config
    network = folded_network(_begun(name, config, earlier))
    _, task = supervised_task(data, config, training.device)
    about: list[object] = [_KIND, name, data.fingerprint(), config.of_students()]
    if earlier is not None:
        about.append([earlier.steps, earlier.crops, list(earlier.trained_on)])

    def learner(index: int, seen: PoseNetwork, suffix: str, fit: FitConfig) -> Learner:
        run = replace(training.run(f"{name}{suffix}.progress", about), fit=fit)
        return Learner(f"{name}{suffix}", seen, task, rows, run)

    (steps,) = fit_in_stages([network], learner, training)
    people = {data.subjects[index] for index in np.unique(data.subject)}
    crops = steps * config.fit.batch
    if earlier is not None:
        people |= set(earlier.trained_on)
        steps, crops = steps + earlier.steps, crops + earlier.crops
    return PairStart(network.eval(), name, tuple(sorted(people)), steps, crops)


def _begun(name: str, config: TrainingConfig, earlier: PairStart | None) -> PoseNetwork:
    width = config.distill.decoder_width or DECODER_WIDTH
    torch.manual_seed(config.seed)
    network = build_network(name, ClassicDecoder(width=width))
    if earlier is None:
        return network
    if (earlier.name, earlier.network.decoder.width) != (name, width):
        raise ConfigError(
            f"start: expected {name} with a decoder {width} wide, got {earlier.name} with one "
            f"{earlier.network.decoder.width} wide"
        )
    network.load_state_dict(earlier.network.state_dict())
    return network


def _rows(data: PoseData, seed: int) -> Rows:
    usable = np.flatnonzero(data.person & ~data.asynchronous)
    if len(usable) < 2:
        raise TrainingError(f"start: expected at least 2 rows that show people, got {len(usable)}")
    (train, validation), _ = split_rows(data, usable, (_VALIDATION_SHARE,), seed)
    return Rows(train, validation)


def save_start(path: Path, start: PairStart) -> None:
    """Write a start, which `distill.start` can name; StorageError if that fails."""
    content = {
        "kind": _KIND,
        "name": start.name,
        "width": start.network.decoder.width,
        "network": start.network.state_dict(),
        "trained_on": list(start.trained_on),
        "steps": start.steps,
        "crops": start.crops,
    }
    try:
        with whole_file(path) as stream:
            torch.save(content, stream)
    except RuntimeError as error:  # torch's own word for a failing stream
        raise StorageError(f"cannot write {path}: {error}") from error


def load_start(path: Path) -> PairStart | None:
    """Read what `save_start` wrote; None: another file of weights.

    Raises
    ------
    ModelArtifactError
        The file cannot be read, or is damaged.
    """
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(content, dict) or content.get("kind") != _KIND:
            return None
        network = build_network(content["name"], ClassicDecoder(width=content["width"]))
        network.load_state_dict(content["network"])
        people = tuple(content["trained_on"])
        counts = int(content["steps"]), int(content["crops"])
        return PairStart(network.eval(), content["name"], people, *counts)
    except (*UNREADABLE, KeyError, TypeError, ValueError) as error:
        raise ModelArtifactError(f"{path}: not a trained student: {error}") from error


def read_start(path: Path) -> PairStart:
    """Read what `save_start` wrote; ModelArtifactError: it is anything else."""
    begun = load_start(path)
    if begun is None:
        raise ModelArtifactError(f"{path}: expected what `loso-start` wrote, got another file")
    return begun
