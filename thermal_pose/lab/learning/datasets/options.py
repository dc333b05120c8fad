# SPDX-License-Identifier: Apache-2.0
"""The options of building a data set, and the counts of what was left out."""

from dataclasses import dataclass
from typing import Final, Literal

BoxSource = Literal["truth", "detector", "rgb"]

#: A detector on RGB pictures that messages name as an example.
RGB_DETECTOR: Final = "PekingU/rtdetr_r50vd_coco_o365"


@dataclass(frozen=True)
class BuildOptions:
    """How recordings become a data set.

    Attributes
    ----------
    boxes : source of the boxes: the truth, a detector on the thermal pictures, or one on the RGB
        pictures, whose boxes are mapped to the thermal ones.
    with_rgb : also cut RGB patches (needed by teachers).
    every : use every n-th thermal frame.
    roles : roles of the simulated people to use.
    joints_at_rgb : interpolate the true joints to the RGB exposure (to train a teacher).
    """

    boxes: BoxSource = "truth"
    with_rgb: bool = True
    every: int = 1
    roles: tuple[str, ...] = ("subject",)
    joints_at_rgb: bool = False

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every: expected >= 1, got {self.every}")
        if self.boxes not in ("truth", "detector", "rgb"):
            raise ValueError(f"boxes: expected truth, detector or rgb, got {self.boxes!r}")
        if self.boxes == "rgb" and not self.with_rgb:
            raise ValueError("boxes: 'rgb' needs RGB pictures, with_rgb is false")


@dataclass
class Quality:
    """Counts of what was left out of one recording.

    Attributes
    ----------
    start_ns : log time of the recording's first message.
    synchrony : how asynchronous pairs were found: 'truth', 'pictures', or '' (not searched).
    refused : images that cannot be used (frozen, of another unit, ...; `gates.reasons`).
    refusal : the most frequent reason for that, with its remedy; '' if there is none.
    undecidable : pairs that the pictures show neither as synchronous nor as asynchronous.
    """

    recording: str = ""
    subject: str = ""
    trial: str = ""
    start_ns: int = 0
    thermal_frames: int = 0
    refused: int = 0
    refusal: str = ""
    without_rgb: int = 0
    without_person: int = 0
    tiny_boxes: int = 0
    outside_rgb: int = 0
    asynchronous: int = 0
    synchrony: str = ""
    undecidable: int = 0
    rows: int = 0
    registered: bool = True
