# SPDX-License-Identifier: Apache-2.0
"""Loads a shipped model's ONNX file as the network that a training starts from.

A student continues as it is, a teacher learns RGB from a student's weights, and a student of such
a teacher can start from the same weights to learn the teacher's latent.
"""

from dataclasses import replace
from typing import Final

from thermal_pose.errors import ConfigError, ModelArtifactError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import ModelCard, load_card
from thermal_pose.lab.learning.fitting.config import TrainingConfig
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.mobilenet import (
    MobileNetV3LatentEncoder,
    MobileNetV3SmallEncoder,
)
from thermal_pose.lab.learning.networks.onnx.unfold import unfold_student
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import build_teacher
from thermal_pose.lab.learning.networks.width import narrowed
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.ship import SHIPPED
from thermal_pose.lab.learning.students.ship_export import calibration_crops
from thermal_pose.lab.learning.teachers.fit import Start, check_disjoint

#: Crops that fix the batch norms' statistics.
_CROPS: Final = 128


def shipped_start(model: str, name: str, data: PoseData, config: TrainingConfig) -> Start:
    """Return the network of a shipped model, its name, and the people it was trained on.

    The configuration's normalization may differ from the model's: it then learns the new input.
    A student with more bottlenecks than the model begins as the same function, deepened.

    Parameters
    ----------
    model : a name in the package's assets, or the path of a card.
    name : of the student to train (`SHIPPED`).
    data : the training set.

    Raises
    ------
    ConfigError
        The model's decoder is not that of the student to train, or it has more bottlenecks.
    ModelArtifactError
        Card or file missing or damaged, or the file is quantised.
    """
    card = load_card(card_path(model))
    network, head = _unfolded(model, card, data, config)
    _fit_width(card, network, SHIPPED[name].width, f"'{name}'")
    encoder, wanted = network.encoder, SHIPPED[name].extra
    assert isinstance(encoder, MobileNetV3SmallEncoder)
    if encoder.extra > wanted:
        raise ConfigError(
            f"--start {card.name}: it has {encoder.extra} bottlenecks more than the paper's "
            f"encoder, '{name}' {wanted}"
        )
    network.encoder = encoder.deepened(wanted)
    return Start(network, head, described(card), learnt_from(card))


def student_start(model: str, data: PoseData, config: TrainingConfig) -> PoseNetwork:
    """Return a shipped model whose encoder and 1x1 a student on a cohort starts from.

    Parameters
    ----------
    data : the cohort; its thermal frames fix the batch norms' statistics.

    Raises
    ------
    TrainingError
        The model was trained on people of the cohort.
    ConfigError
        The model's input is not the configuration's.
    ModelArtifactError
        As `shipped_start`.
    """
    card = card_of_same_input(model, config)
    check_disjoint(learnt_from(card), data.subjects, card.name)
    return _unfolded(model, card, data, config)[0]


def teacher_start(model: str, data: PoseData, config: TrainingConfig) -> Start:
    """Return what a teacher with a MobileNetV3 encoder starts from.

    A teacher with a latent of its own takes the encoder; its latent and decoder are untrained.

    Parameters
    ----------
    model : a name in the package's assets, or the path of a card.
    data : the teacher's training set; its thermal frames fix the batch norms' statistics.

    Raises
    ------
    ConfigError
        The teacher to train has another encoder, or a decoder of another width.
    ModelArtifactError
        As `shipped_start`.
    """
    settings = config.teacher
    if settings.encoder not in ("mobilenetv3", "mobilenetv3_latent"):
        raise ConfigError(
            f"--start {model}: expected teacher.encoder=mobilenetv3 or mobilenetv3_latent, got "
            f"{settings.encoder}"
        )
    card = load_card(card_path(model))
    width = settings.trained_width or settings.decoder_width
    same_input = replace(config, normalization=card.normalization)
    network, head = _unfolded(model, card, data, same_input)
    if settings.encoder == "mobilenetv3_latent":
        network = _with_own_latent(card, network, width)
    else:
        _check_as_deep(card, network)
        _fit_width(card, network, width, "the teacher")
    return Start(network, head, described(card), learnt_from(card))


def _check_as_deep(card: ModelCard, network: PoseNetwork) -> None:
    assert isinstance(network.encoder, MobileNetV3SmallEncoder)
    if network.encoder.extra:
        raise ConfigError(
            f"--start {card.name}: its encoder is deeper than the teacher's; --start student is not"
        )


def _with_own_latent(card: ModelCard, network: PoseNetwork, width: int) -> PoseNetwork:
    """Put a student's encoder, deepened if need be, before a new latent and decoder."""
    teacher = build_teacher("mobilenetv3_latent", decoder_width=width)
    assert isinstance(teacher.encoder, MobileNetV3LatentEncoder)
    assert isinstance(network.encoder, MobileNetV3SmallEncoder)
    wanted = teacher.encoder.body.extra
    if network.encoder.extra > wanted:
        raise ConfigError(
            f"--start {card.name}: it has {network.encoder.extra} bottlenecks more than the "
            f"paper's encoder, the teacher {wanted}"
        )
    teacher.encoder.body = network.encoder.deepened(wanted)
    return teacher


def card_of_same_input(model: str, config: TrainingConfig) -> ModelCard:
    """Return a model's card.

    Raises
    ------
    ConfigError
        The model's input is not the configuration's.
    ModelArtifactError
        Card missing or damaged.
    """
    card = load_card(card_path(model))
    if card.normalization != config.normalization:
        raise ConfigError(
            f"{model}: its input is {card.normalization}, the configuration's is "
            f"{config.normalization}: --set normalization.KEY=VALUE"
        )
    return card


def _unfolded(
    model: str, card: ModelCard, data: PoseData, config: TrainingConfig
) -> tuple[PoseNetwork, ConfidenceHead]:
    crops = calibration_crops(data, config, _CROPS)
    return unfold_student(card_path(model).parent / card.file, crops)


def _fit_width(card: ModelCard, network: PoseNetwork, width: int, wanted: str) -> None:
    """Narrow a decoder that was widened, so that it is `width` wide."""
    if network.decoder.width > width:
        try:
            network.decoder = narrowed(network.decoder, width)
        except ValueError as error:
            raise ConfigError(f"--start {card.name}: {error}") from error
    if network.decoder.width != width:
        raise ConfigError(
            f"--start {card.name}: its decoder is {network.decoder.width} wide, "
            f"that of {wanted} {width}"
        )


def described(card: ModelCard) -> str:
    """Return a model's name and the beginning of its file's hash, as other cards name it."""
    return f"{card.name} {card.sha256[:12]}"


def learnt_from(card: ModelCard) -> tuple[str, ...]:
    """Return the simulated streams that a model was trained on, as patterns of subjects.

    Raises
    ------
    ModelArtifactError
        The card does not name them.
    """
    before: list[str] = card.data.get("seen_before", [])
    sets = [card.data[name] for name in ("train", "confidence") if name in card.data]
    found: set[str] = set()
    for part in sets:
        ends = [part.get("first_subject", ""), part.get("last_subject", "")]  # of older cards
        found.update(part.get("streams", [subject.partition("/")[0] for subject in ends]))
    if not sets or "" in found:
        raise ModelArtifactError(
            f"{card.name}: its card does not name the people it was trained on, so they "
            "could not be excluded from the evaluation"
        )
    return tuple(sorted({f"{stream}/*" for stream in found} | set(before)))
