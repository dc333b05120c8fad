# SPDX-License-Identifier: Apache-2.0
"""Teachers: ViTPose from the Hugging Face hub or a folder, or one trained here.

Whatever its origin, a teacher is a `PoseNetwork` without 1x1 convolution whose latent and
classic decoder the student shares, plus a description of its input (`TeacherInfo`).
"""

import dataclasses
import hashlib
import json
import pickle
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from thermal_pose.codecs.heatmap import Alignment
from thermal_pose.errors import MissingExtraError, ModelArtifactError, StorageError
from thermal_pose.files import whole_file, write_whole
from thermal_pose.lab.learning.networks.decoder import DECODER_WIDTH, ClassicDecoder
from thermal_pose.lab.learning.networks.mobilenet import (
    MobileNetV3LatentEncoder,
    MobileNetV3SmallEncoder,
)
from thermal_pose.lab.learning.networks.pose import PoseNetwork, build_network
from thermal_pose.lab.learning.networks.resnet import ResNet50Encoder
from thermal_pose.lab.learning.networks.vit import VisionTransformerEncoder, VitConfig
from thermal_pose.skeleton import N_JOINTS

#: RGB means and standard deviations that ViTPose (and ImageNet) inputs are scaled with.
RGB_MEAN: Final = (0.485, 0.456, 0.406)
RGB_STD: Final = (0.229, 0.224, 0.225)

#: Errors of `torch.load` and `load_state_dict` for a file that is not such a checkpoint.
UNREADABLE: Final = (OSError, RuntimeError, EOFError, pickle.UnpicklingError, struct.error)

CHECKPOINT_NAME: Final = "teacher.pt"
INFO_NAME: Final = "teacher.json"


@dataclass(frozen=True)
class TeacherInfo:
    """Description of a teacher, as named in every result.

    Attributes
    ----------
    name : hub name, folder or the name given at training.
    encoder : kind of the part before the latent ('vitpose', 'vit', 'resnet50_layer3').
    alignment : of its heatmaps with the crop.
    trained_on : subjects that a teacher trained here has seen ('stream-0/*' stands for a whole
        stream); empty for a foreign teacher.
    decoder_width : channels of its deconvolutions; a student can share only a decoder of its own
        width.
    figures : its own accuracy on RGB, where measured.
    """

    name: str
    encoder: str
    alignment: Alignment = "half_pixel"
    trained_on: tuple[str, ...] = ()
    decoder_width: int = DECODER_WIDTH
    figures: dict[str, Any] = dataclasses.field(default_factory=dict)


class ResNetTeacherEncoder(nn.Module):
    """ResNet-50 to layer3 and a 1x1 convolution to the latent, for teachers made on a CPU."""

    def __init__(self, latent_channels: int = 768) -> None:
        super().__init__()
        self.out_channels = latent_channels
        self.body = ResNet50Encoder()
        self.to_latent = nn.Conv2d(self.body.out_channels, latent_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(N, 3, 256, 192) -> (N, latent, 16, 12)."""
        return self.to_latent(self.body(image))


def is_teacher_of(teacher: PoseNetwork, network: str) -> bool:
    """Whether a student network (`pose.NETWORKS`) has the architecture of a teacher's encoder."""
    encoder = teacher.encoder
    if isinstance(encoder, ResNetTeacherEncoder):
        return network == "resnet50"
    if isinstance(encoder, VisionTransformerEncoder):
        return network == "vit_b" and replace(encoder.config, conv_stem=False) == VitConfig()
    return network == "mobilenetv3" and isinstance(encoder, MobileNetV3SmallEncoder)


def has_own_latent(teacher: PoseNetwork) -> bool:
    """Whether a teacher's latent is not a 1x1 convolution of its encoder's, as students' are."""
    return not isinstance(teacher.project, nn.Conv2d)


def student_state(teacher: PoseNetwork) -> dict[str, torch.Tensor]:
    """Return a teacher's weights before the latent, under a student's names.

    A ViT teacher with a convolutional stem gives a student of patches everything but the stem.
    """
    renamed = {"encoder.body.": "encoder.", "encoder.to_latent.": "project."}
    state = {}
    for name, value in teacher.state_dict().items():
        old = next((prefix for prefix in renamed if name.startswith(prefix)), "")
        new = renamed.get(old, "") + name.removeprefix(old)
        if new.startswith(("encoder.", "project.")):
            state[new] = value
    return state


def build_teacher(
    encoder: str, vit: VitConfig | None = None, decoder_width: int = DECODER_WIDTH
) -> PoseNetwork:
    """Build an untrained teacher.

    Parameters
    ----------
    encoder : 'vit', 'resnet50_layer3', 'mobilenetv3' (the student's encoder and 1x1) or
        'mobilenetv3_latent' (a deeper one with a nonlinear latent of its own).

    Raises
    ------
    ValueError
        Unknown encoder.
    """
    if encoder == "vit":
        config = vit or VitConfig(conv_stem=True)
        decoder = ClassicDecoder(config.width, decoder_width)
        return PoseNetwork(VisionTransformerEncoder(config), decoder, project=False)
    if encoder == "resnet50_layer3":
        decoder = ClassicDecoder(width=decoder_width)
        return PoseNetwork(ResNetTeacherEncoder(), decoder, project=False)
    if encoder == "mobilenetv3_latent":
        decoder = ClassicDecoder(width=decoder_width)
        return PoseNetwork(MobileNetV3LatentEncoder(), decoder, project=False)
    if encoder == "mobilenetv3":
        return build_network("mobilenetv3", ClassicDecoder(width=decoder_width))
    raise ValueError(
        "encoder: expected 'vit', 'resnet50_layer3', 'mobilenetv3' or 'mobilenetv3_latent', "
        f"got {encoder!r}"
    )


def save_teacher(
    network: PoseNetwork, info: TeacherInfo, folder: Path, vit: VitConfig | None = None
) -> None:
    """Write `teacher.pt` and `teacher.json` into `folder`; StorageError if that fails."""
    description = {
        "info": dataclasses.asdict(info),
        "vit": None if vit is None else dataclasses.asdict(vit),
    }
    text = json.dumps(description, indent=2) + "\n"
    try:
        with whole_file(folder / CHECKPOINT_NAME) as stream:
            torch.save(network.state_dict(), stream)
    except RuntimeError as error:  # torch's own word for a failing stream
        raise StorageError(f"{folder}: the teacher cannot be written: {error}") from error
    write_whole(folder / INFO_NAME, text)


def load_teacher(source: str) -> tuple[PoseNetwork, TeacherInfo]:
    """Load a teacher from a folder written by `save_teacher`, a ViTPose folder or a hub name.

    Raises
    ------
    ModelArtifactError
        Nothing usable there, the simple decoder, or other joints than COCO's 17.
    MissingExtraError
        A ViTPose is requested and `transformers` is not installed.
    """
    if (Path(source) / INFO_NAME).is_file():
        return _load_own(Path(source))
    return _load_vitpose(source)


def _load_own(folder: Path) -> tuple[PoseNetwork, TeacherInfo]:
    try:
        description = json.loads((folder / INFO_NAME).read_text(encoding="utf-8"))
        info = TeacherInfo(**{**description["info"], "trained_on": _subjects(description)})
        vit = description["vit"]
        if vit is not None:
            vit = VitConfig(**{**vit, "input_wh": tuple(vit["input_wh"])})
        network = build_teacher(info.encoder, vit, info.decoder_width)
        state = torch.load(folder / CHECKPOINT_NAME, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except (*UNREADABLE, ValueError, KeyError, TypeError) as error:
        raise ModelArtifactError(f"{folder}: not a teacher: {error}") from error
    return network.eval().requires_grad_(False), info


def _subjects(description: dict[str, Any]) -> tuple[str, ...]:
    """Return the subjects that a teacher has seen; release 0.1 wrote them as one string."""
    seen = description["info"]["trained_on"]
    return tuple(filter(None, seen.split(",")) if isinstance(seen, str) else seen)


class VitPoseEncoder(nn.Module):
    """The backbone of a Hugging Face ViTPose, tokens reshaped to (N, C, 16, 12)."""

    def __init__(self, backbone: nn.Module, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.out_channels = channels

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode a crop."""
        tokens = self.backbone(image).feature_maps[-1]
        n, _, height, width = image.shape
        return tokens.transpose(1, 2).reshape(n, -1, height // 16, width // 16)


def _load_vitpose(source: str) -> tuple[PoseNetwork, TeacherInfo]:
    try:
        from transformers import AutoConfig, VitPoseForPoseEstimation
    except ImportError as error:
        raise MissingExtraError("a ViTPose teacher", "transformers", "train") from error
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise ModelArtifactError(f"teacher '{source}': cannot be loaded: {error}") from error
    _check_vitpose(source, config)
    try:
        model = VitPoseForPoseEstimation.from_pretrained(source)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelArtifactError(f"teacher '{source}': cannot be loaded: {error}") from error
    channels = int(config.backbone_config.hidden_size)
    decoder = ClassicDecoder(channels)
    decoder.load_state_dict(model.head.state_dict())
    network = PoseNetwork(VitPoseEncoder(model.backbone, channels), decoder, project=False)
    info = TeacherInfo(name=source, encoder="vitpose", alignment="corner")
    return network.eval().requires_grad_(False), info


def _check_vitpose(source: str, config: Any) -> None:
    if getattr(config, "model_type", "") != "vitpose":
        raise ModelArtifactError(
            f"teacher '{source}': expected a ViTPose, got '{getattr(config, 'model_type', '?')}'"
        )
    if config.use_simple_decoder:
        raise ModelArtifactError(
            f"teacher '{source}' has the simple decoder, which has no latent that a student "
            "could share; use a checkpoint with the classic one, such as "
            "'usyd-community/vitpose-base'"
        )
    if config.num_labels != N_JOINTS:
        raise ModelArtifactError(
            f"teacher '{source}': expected {N_JOINTS} joints (COCO), got {config.num_labels}"
        )


def fingerprint(network: nn.Module) -> str:
    """Return 16 hex digits that change with any weight."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
