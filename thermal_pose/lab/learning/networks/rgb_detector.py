# SPDX-License-Identifier: Apache-2.0
"""People in RGB pictures by RT-DETR, the detector that ViTPose's authors pair with it.

Through `transformers`, from a hub name or a local folder, v1 or v2. RT-DETR takes pictures of
640 x 640 with values 0 to 1, whatever their shape was, and needs no suppression of duplicates
(Zhao et al. 2024, arXiv:2304.08069). Scores are sigmoids of the class 'person'.
"""

from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from thermal_pose.errors import MissingExtraError, ModelArtifactError
from thermal_pose.types import Float64Array, UInt8Array

_INPUT_PX: Final = 640
_KNOWN: Final = ("rt_detr", "rt_detr_v2")
_PERSON: Final = "person"


class RgbPersonDetector:
    """Finds people in one picture at a time.

    Parameters
    ----------
    model : an RT-DETR, or a model with the same output.
    person : index of its class 'person'.
    min_score : boxes below it are left out.
    """

    def __init__(self, model: Any, person: int, min_score: float = 0.5) -> None:
        self._model, self._person, self._min_score = model, person, min_score

    @torch.no_grad()
    def detect(self, rgb: UInt8Array) -> Float64Array:
        """Return (N, 4) boxes x0, y0, x1, y1 in px of an (H, W, 3) picture, surest first.

        Raises
        ------
        ValueError
            The picture has another shape.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            raise ValueError(f"rgb: expected (H, W, 3), got {rgb.shape}")
        image = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255
        image = functional.interpolate(image, (_INPUT_PX, _INPUT_PX), mode="bilinear")
        answer = self._model(image)
        scores = answer.logits[0, :, self._person].sigmoid()
        order = [int(i) for i in scores.argsort(descending=True) if scores[i] >= self._min_score]
        middle, size = answer.pred_boxes[0, order, :2], answer.pred_boxes[0, order, 2:]
        corners = torch.cat([middle - size / 2, middle + size / 2], dim=1).double().numpy()
        height, width = rgb.shape[:2]
        return np.asarray(corners * np.array([width, height, width, height]), dtype=np.float64)


def load_rgb_detector(source: str, min_score: float = 0.5) -> RgbPersonDetector:
    """Load a detector from a hub name, such as 'PekingU/rtdetr_r50vd_coco_o365', or a folder.

    Raises
    ------
    ModelArtifactError
        Nothing usable there, another architecture, or no class 'person'.
    MissingExtraError
        `transformers` is not installed.
    """
    try:
        from transformers import AutoConfig, AutoModelForObjectDetection
    except ImportError as error:
        raise MissingExtraError("a detector on RGB", "transformers", "train") from error
    try:
        config = AutoConfig.from_pretrained(source)
        kind = str(getattr(config, "model_type", "?"))
        if kind not in _KNOWN:
            raise ModelArtifactError(f"detector '{source}': expected an RT-DETR, got '{kind}'")
        names = {str(name): int(index) for index, name in config.id2label.items()}
        if _PERSON not in names:
            raise ModelArtifactError(f"detector '{source}': has no class '{_PERSON}'")
        model = AutoModelForObjectDetection.from_pretrained(source).eval()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelArtifactError(f"detector '{source}': cannot be loaded: {error}") from error
    return RgbPersonDetector(model, names[_PERSON], min_score)
