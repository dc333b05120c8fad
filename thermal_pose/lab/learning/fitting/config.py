# SPDX-License-Identifier: Apache-2.0
"""All settings of training: frozen dataclasses that validate themselves and are read from YAML.

They are the only place for defaults, which are the seed paper's wherever the paper states them.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from thermal_pose.errors import ConfigError
from thermal_pose.inference.card import Normalization
from thermal_pose.lab.learning.fitting.heavy_config import HeavyConfig, heavy_key

Schedule = Literal["plateau", "cosine"]
Labels = Literal["teacher", "truth"]


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ValueError(sentence)


@dataclass(frozen=True)
class AugmentConfig:
    """Thermal augmentations, each with a physical reason; 0 switches one off.

    Attributes
    ----------
    shift, scale : box jitter: centre by a share of the crop, size by a factor up to 1 + scale.
    rotate_deg : camera roll, up to this, deg.
    flip : share of crops mirrored.
    gain : relative error of the sensor's slope, standard deviation.
    offset_k : error of its offset (drift of the die), standard deviation, K.
    noise_k : temporal noise (NETD), up to this, K.
    column_k : column noise, up to this, K.
    pattern_k : slow gradients over the frame (housing, lens), up to this, K per half frame.
    blur : share of a pixel's signal that leaks to each neighbour (focus), up to this.
    occlude : share of crops with an upright bar or box of another temperature in front.
    heavy : effects beyond these, for a share of the crops.
    """

    shift: float = 0.0
    scale: float = 0.0
    rotate_deg: float = 0.0
    flip: float = 0.0
    gain: float = 0.05
    offset_k: float = 0.5
    noise_k: float = 0.1
    column_k: float = 0.05
    pattern_k: float = 0.3
    blur: float = 0.1
    occlude: float = 0.1
    heavy: HeavyConfig = field(default_factory=HeavyConfig)

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if each.name != "heavy":
                _require(value >= 0, f"{each.name}: expected >= 0, got {value}")
        for name in ("flip", "occlude", "shift", "scale"):
            _require(getattr(self, name) <= 1, f"{name}: expected <= 1, got {getattr(self, name)}")
        _require(self.blur <= 0.25, f"blur: expected <= 0.25, got {self.blur}")


@dataclass(frozen=True)
class FitConfig:
    """Settings of one optimisation, in the paper's terms where it has them.

    Attributes
    ----------
    epochs, batch, lr, weight_decay : up to 500, 50, 0.01, 0 in the paper (Adam).
    schedule : 'plateau' (the paper's ReduceLROnPlateau) or 'cosine' over epochs or minutes.
    plateau_factor, plateau_patience : of ReduceLROnPlateau, in validations.
    early_stop : validations without improvement after which training ends.
    validate_every : epochs between validations.
    max_minutes : wall-clock limit, after which the best weights so far are taken; 0: none.
    ema : decay of an exponential moving average of the weights, such as 0.999, which is validated
        and kept in place of the last weights; 0 switches it off.
    bf16 : automatic mixed precision where the device has it.
    cuda_graph : replay the whole step as one CUDA graph (same arithmetic, no launch gaps).
    """

    epochs: int = 500
    batch: int = 50
    lr: float = 0.01
    weight_decay: float = 0.0
    schedule: Schedule = "plateau"
    plateau_factor: float = 0.3
    plateau_patience: int = 4
    early_stop: int = 15
    validate_every: int = 2
    max_minutes: float = 0.0
    ema: float = 0.0
    bf16: bool = True
    cuda_graph: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "plateau_patience", "early_stop", "validate_every"):
            _require(getattr(self, name) >= 1, f"{name}: expected >= 1, got {getattr(self, name)}")
        _require(self.batch >= 2, f"batch: expected >= 2 (batch norms), got {self.batch}")
        _require(self.lr > 0, f"lr: expected > 0, got {self.lr}")
        _require(0 < self.plateau_factor < 1, f"plateau_factor: got {self.plateau_factor}")
        _require(0 <= self.ema < 1, f"ema: expected 0..1, 1 excluded, got {self.ema}")
        _require(self.max_minutes >= 0, f"max_minutes: expected >= 0, got {self.max_minutes}")
        _require(self.schedule in ("plateau", "cosine"), f"schedule: got {self.schedule!r}")


@dataclass(frozen=True)
class DistillConfig:
    """How a student is distilled from its teacher.

    Attributes
    ----------
    beta : weight of the latent's L1; 1 - beta is that of the heatmap's Adaptive Wing loss.
    latent_share : share of epochs and wall clock that trains on the latent's L1 alone, before
        both terms (if 0 < beta < 1); that stage needs no decoder. 0 in the paper.
    coarse_share : share of epochs and wall clock, after that, that trains on pictures of half the
        size, which costs a large encoder a quarter (`networks.coarse`). 0 in the paper.
    start : initial weights of the student's encoder: 'random'; 'teacher': the teacher's encoder
        and 1x1, if both have the same encoder; a trained student's file ('….pt'): its encoder; a
        shipped model's name or card: its encoder and 1x1, for a teacher that started from it, or
        its encoder alone if the teacher's latent is its own, or all of it, the decoder too, where
        only a teacher's keypoints are known;
        'imagenet:FILE': torchvision's state dict of MobileNetV3-Small or ResNet-50, as we infer
        of the paper (also for supervised rows with that encoder).
    decoder_width : channels of the student's own decoder, trained on the teacher's heatmaps; 0: the
        teacher's decoder, frozen, as in the paper.
    variants : crops of each sample whose teacher output is cached (box jitter, flip).
    variant_shift, variant_scale, variant_flip : jitter of all those crops but the first, as in
        `AugmentConfig`.
    labels : source of the keypoints of supervised baselines ('teacher' in the paper, we infer).
    sigma_px : standard deviation of drawn heatmaps, heatmap px.
    earlier_frames : use the frame and the two before it as the three input channels, instead of
        the frame three times. Not available in exported models.
    """

    beta: float = 0.4
    latent_share: float = 0.0
    coarse_share: float = 0.0
    start: str = "random"
    decoder_width: int = 0
    variants: int = 4
    variant_shift: float = 0.06
    variant_scale: float = 0.2
    variant_flip: float = 0.5
    labels: Labels = "teacher"
    sigma_px: float = 2.0
    earlier_frames: bool = False

    def __post_init__(self) -> None:
        _require(0 <= self.beta <= 1, f"beta: expected 0..1, got {self.beta}")
        for name in ("latent_share", "coarse_share"):
            share = getattr(self, name)
            _require(0 <= share < 1, f"{name}: expected 0..1, 1 excluded, got {share}")
        early = self.latent_share + self.coarse_share
        _require(early < 1, f"latent_share + coarse_share: expected less than 1, got {early}")
        _require(self.start != "", "start: expected random, teacher, a file or a model, got ''")
        _require(self.variants >= 1, f"variants: expected >= 1, got {self.variants}")
        width = self.decoder_width
        _require(width >= 0, f"decoder_width: expected >= 0, got {width}")
        _require(self.labels in ("teacher", "truth"), f"labels: got {self.labels!r}")

    def variant_geometry(self) -> AugmentConfig:
        """Return the box jitter of the cached variants, for learners that draw their own."""
        return AugmentConfig(
            shift=self.variant_shift, scale=self.variant_scale, flip=self.variant_flip
        )


@dataclass(frozen=True)
class TeacherConfig:
    """How a teacher is trained on rendered RGB.

    Attributes
    ----------
    encoder : 'vit'; without a GPU 'resnet50_layer3', or for trainings of minutes 'mobilenetv3',
        or 'mobilenetv3_latent', whose latent is its own.
    depth : blocks of the ViT.
    decoder_width : channels of its deconvolutions (256 in ViTPose; 64 for `student-lite`).
    trained_width : channels during training; the decoder is then widened to `decoder_width`
        without changing any heatmap. Saves time on CPUs; 0: all channels.
    """

    encoder: str = "vit"
    depth: int = 8
    decoder_width: int = 256
    trained_width: int = 0
    sigma_px: float = 2.0
    fit: FitConfig = field(
        default_factory=lambda: FitConfig(
            epochs=60, batch=128, lr=6e-4, weight_decay=0.05, schedule="cosine", max_minutes=3.5
        )
    )
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(
            shift=0.08, scale=0.25, rotate_deg=15, flip=0.5, occlude=0.2
        )
    )

    def __post_init__(self) -> None:
        known = ("vit", "resnet50_layer3", "mobilenetv3", "mobilenetv3_latent")
        _require(self.encoder in known, f"encoder: expected {known}, got {self.encoder!r}")
        for name in ("depth", "decoder_width"):
            _require(getattr(self, name) >= 1, f"{name}: expected >= 1, got {getattr(self, name)}")
        fits = self.trained_width >= 0 and self.decoder_width % (self.trained_width or 1) == 0
        _require(fits, f"trained_width: expected a divisor of {self.decoder_width}")


@dataclass(frozen=True)
class RcnnConfig:
    """How Keypoint R-CNN is trained on whole thermal frames; the paper gives no settings.

    Attributes
    ----------
    backbone : 'resnext101_32x8d' (the table's size) or another ResNet of torchvision.
    min_size_px : the frame's shorter side is enlarged to this.
    fit : Adam at a rate at which the detection losses are stable; no CUDA graph (shapes vary).
    """

    backbone: str = "resnext101_32x8d"
    min_size_px: int = 240
    fit: FitConfig = field(
        default_factory=lambda: FitConfig(epochs=60, batch=8, lr=1e-4, cuda_graph=False)
    )

    def __post_init__(self) -> None:
        _require(self.min_size_px >= 32, f"min_size_px: expected >= 32, got {self.min_size_px}")
        _require(not self.fit.cuda_graph, "cuda_graph: expected false for an R-CNN")


@dataclass(frozen=True)
class TrainingConfig:
    """All settings of one training run; see `config/training.yaml`.

    Attributes
    ----------
    validation_stride : use every n-th sample of the validation trials.
    train_stride : use every n-th sample of the training trials (neighbours at 8 Hz are alike).
    """

    seed: int = 1
    normalization: Normalization = field(default_factory=Normalization)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    rcnn: RcnnConfig = field(default_factory=RcnnConfig)
    train_stride: int = 1
    validation_stride: int = 4

    def of_students(self) -> dict[str, Any]:
        """Return the settings of a student's input, crops and loss: all but how long it learns."""
        whole = dataclasses.asdict(self)
        whole["augment"]["heavy"] = heavy_key(whole["augment"]["heavy"])
        return {name: whole[name] for name in ("normalization", "augment", "distill")}


def for_key(settings: Any) -> dict[str, Any]:
    """Return settings (a dataclass) for the key of a result, as JSON.

    An average of weights and a coarse stage that are off are left out, and heavy effects that are
    off are all alike, so that checkpoints and results from before there were any keep their keys.
    """
    whole = settings if isinstance(settings, dict) else dataclasses.asdict(settings)
    return {
        name: _part_of_key(name, value)
        for name, value in whole.items()
        if name not in ("ema", "coarse_share") or value
    }


def _part_of_key(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return for_key(heavy_key(value) if name == "heavy" else value)


T = TypeVar("T")


def from_mapping(kind: type[T], values: Any, where: str = "", base: T | None = None) -> T:
    """Fill a (nested) dataclass from a mapping.

    Parameters
    ----------
    base : values of the keys not given; None: the dataclass' own defaults.

    Raises
    ------
    ConfigError
        Unknown key, wrong type or value out of range; names the key.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{where or kind.__name__}: expected a mapping, got {values!r}")
    hints = typing.get_type_hints(kind)
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(
            f"{where or kind.__name__}: unknown key '{unknown[0]}', known: {sorted(known)}"
        )
    base = kind() if base is None else base
    filled = {
        key: _value(hints[key], value, f"{where}{key}", getattr(base, key))
        for key, value in values.items()
    }
    try:
        return dataclasses.replace(base, **filled)  # type: ignore[type-var]
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{where or kind.__name__}: {error}") from error


def _value(hint: Any, value: Any, where: str, base: Any) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_mapping(hint, value, f"{where}.", base)
    if typing.get_origin(hint) in (Literal, types.UnionType):
        return value
    wrong = isinstance(value, bool) != (hint is bool)
    if hint is float and isinstance(value, int) and not wrong:
        return float(value)
    if wrong or not isinstance(value, hint):
        raise ConfigError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value


def load_config(path: Path | None, overrides: list[str] | None = None) -> TrainingConfig:
    """Read a YAML file (None: defaults) and apply overrides such as 'fit.epochs=3'.

    Raises
    ------
    ConfigError
        File unreadable, unknown key, wrong type or range.
    """
    values: Any = {}
    if path is not None:
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
    for override in overrides or []:
        key, _, text = override.partition("=")
        if not text:
            raise ConfigError(f"--set {override}: expected KEY=VALUE")
        *parents, last = key.split(".")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = yaml.safe_load(text)
    return from_mapping(TrainingConfig, values)
