# SPDX-License-Identifier: Apache-2.0
"""The card of a detector's ONNX file: an adapter, written as data.

Any exported detector with boxes and scores works: put a card beside the file, with

- `input_wh`, `channels`: the size it takes (a grey frame is repeated over the channels);
- `resize`: 'pad' repeats the frame's last row and column up to `input_wh` and leaves the scale
  alone; 'stretch' resizes;
- `scale_k`, `clip_min`, `clip_max`: input = kelvin above the frame's median / `scale_k`,
  clipped, then mapped by `gain` and `offset` (`gain` 0.2, `offset` 0.4 bring -2..3 to 0..1);
- `boxes`, `scores`, `labels`: names of the outputs ((1, M, 4) or (M, 4) xyxy, (1, M) or (M,));
  `person_label` for a detector with several classes ('' and -1 for a single class);
- `origin`: 'centre' if its (0, 0) is the centre of the top left pixel, else 'corner';
- `score_threshold`, `nms_iou` (1: the graph already suppresses duplicates), `max_persons`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from thermal_pose.inference.artifacts import CardFile, load_checked


@dataclass(frozen=True)
class DetectorCard(CardFile):
    """How to feed and read an exported detector; see the module's text for the fields."""

    name: str
    file: str
    sha256: str
    precision: str = "fp32"
    input_wh: tuple[int, int] = (80, 64)
    channels: int = 1
    resize: Literal["pad", "stretch"] = "pad"
    scale_k: float = 5.0
    clip_min: float = -2.0
    clip_max: float = 3.0
    gain: float = 1.0
    offset: float = 0.0
    boxes: str = "boxes"
    scores: str = "scores"
    labels: str = ""
    person_label: int = -1
    origin: Literal["centre", "corner"] = "centre"
    score_threshold: float = 0.5
    nms_iou: float = 1.0
    max_persons: int = 10
    data: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ("Never tried on real patients.",)

    def __post_init__(self) -> None:
        if len(self.sha256) != 64:
            raise ValueError(f"sha256: expected 64 hex digits, got {self.sha256!r}")
        if self.resize not in ("pad", "stretch") or self.origin not in ("centre", "corner"):
            raise ValueError(
                "resize, origin: expected pad or stretch and centre or corner, got "
                f"{self.resize!r} and {self.origin!r}"
            )
        if not self.scale_k > 0 or not self.clip_min < self.clip_max:
            raise ValueError(
                "expected scale_k > 0 and clip_min < clip_max, got "
                f"{self.scale_k}, {self.clip_min}, {self.clip_max}"
            )
        if not 0 <= self.score_threshold <= 1 or not 0 < self.nms_iou <= 1:
            raise ValueError(
                "score_threshold, nms_iou: expected 0 to 1, got "
                f"{self.score_threshold}, {self.nms_iou}"
            )


def load_detector_card(path: Path) -> DetectorCard:
    """Read a detector's card and verify the model file beside it.

    Raises
    ------
    ModelArtifactError
        The card or model is missing, a field is unknown or missing, or the SHA-256 differs.
    """
    return load_checked(path, "detector card", _build)


def _build(fields: dict[str, Any]) -> DetectorCard:
    size, limits = tuple(fields["input_wh"]), tuple(fields["limits"])
    return DetectorCard(**{**fields, "input_wh": size, "limits": limits})
