# SPDX-License-Identifier: Apache-2.0
"""The model card of an exported pose network: its input, its output and its limits.

The card is the contract between training, which writes it, and the runtime, which follows it:
input `thermal` float32 (N, 1, 256, 192), outputs `heatmaps` (N, 17, 64, 48), `joint_scores`
(N, 17) and `person_score` (N,).
"""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from thermal_pose.codecs.heatmap import Alignment, DecodeKind, HeatmapGeometry
from thermal_pose.inference.artifacts import CardFile, load_checked
from thermal_pose.types import FloatArray, UInt16Array

NormalizationKind = Literal["crop_minmax", "frame_median", "crop_percentile"]
Precision = Literal["fp32", "int8"]

NORMALIZATION_KINDS: Final = ("crop_minmax", "frame_median", "crop_percentile")
NEVER_ON_PATIENTS: Final = "Never tried on real patients."
_K_PER_COUNT: Final = 0.01
#: 'crop_percentile' reads every eighth pixel of a crop each way, from the fifth on.
PERCENTILE_STRIDE: Final = 8
PERCENTILE_FIRST: Final = 4


@dataclass(frozen=True)
class Normalization:
    """How a crop of centikelvin becomes the network's input.

    Attributes
    ----------
    kind : 'crop_minmax' maps the crop's own minimum and maximum to 0 and 1 (the paper's, we infer);
        'frame_median' subtracts the median of the *whole frame* and divides by `scale_k`,
        clipped to `[clip_min, clip_max]`. Temperatures keep their meaning, and a hot
        lamp in the crop does not darken the person; 'crop_percentile' maps `low_percentile` of
        the crop to 0 and `high_percentile` to `high_value`, clipped likewise, so that neither
        the camera's scale nor the contrast of clothes and room matters.
    scale_k : kelvin per unit, for 'frame_median'.
    low_percentile, middle_percentile, high_percentile, high_value : for 'crop_percentile'.
    most_contrast : the high end lies at most this many times as far above the low end as
        `middle_percentile` does: a lamp or a heater in the crop takes no more contrast from a
        person than that.
    least_span_k : distance of the two ends at least, K: an empty crop's noise stays small.
    """

    kind: NormalizationKind = "crop_minmax"
    scale_k: float = 5.0
    clip_min: float = -2.0
    clip_max: float = 3.0
    low_percentile: float = 10.0
    middle_percentile: float = 95.0
    high_percentile: float = 98.5
    high_value: float = 2.0
    most_contrast: float = 3.0
    least_span_k: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in NORMALIZATION_KINDS:
            raise ValueError(f"kind: expected one of {NORMALIZATION_KINDS}, got {self.kind!r}")
        if not self.scale_k > 0 or not self.clip_min < self.clip_max:
            raise ValueError(
                "normalization: expected scale_k > 0 and clip_min < clip_max, got "
                f"{self.scale_k}, {self.clip_min}, {self.clip_max}"
            )
        ends = (0.0, self.low_percentile, self.middle_percentile, self.high_percentile, 100.0)
        if any(a > b for a, b in itertools.pairwise(ends)):
            raise ValueError(f"percentiles: expected ascending within 0..100, got {ends[1:-1]}")
        if not self.high_value > 0 or not self.most_contrast >= 1 or not self.least_span_k > 0:
            raise ValueError(
                "normalization: expected high_value > 0, most_contrast >= 1, least_span_k > 0, "
                f"got {self.high_value}, {self.most_contrast}, {self.least_span_k}"
            )

    def percentile_indices(self, count: int) -> tuple[int, int, int]:
        """Return places of the low, middle and high percentile among `count` sorted values."""
        low, middle, high = (
            round(percentile / 100.0 * (count - 1))
            for percentile in (self.low_percentile, self.middle_percentile, self.high_percentile)
        )
        return low, middle, high

    def apply(
        self,
        crop: npt.ArrayLike,
        frame: UInt16Array,
        out: FloatArray | None = None,
    ) -> FloatArray:
        """Normalise one crop.

        Parameters
        ----------
        crop : (256, 192) centikelvin, already resampled.
        frame : (H, W) centikelvin, the whole frame that the crop was cut from.
        out : array to write to, which may be `crop` itself; None allocates a new one.

        Returns
        -------
        (256, 192) float32. A crop without contrast becomes all zero under 'crop_minmax'.
        """
        values = np.asarray(crop, dtype=np.float32)
        if self.kind == "crop_minmax":
            low, high = values.min(), values.max()
            answer = np.subtract(values, low, out=out)
            return np.divide(answer, np.float32(max(float(high - low), 1.0)), out=answer)
        if self.kind == "crop_percentile":
            return self._between_percentiles(values, out)
        answer = np.subtract(values, np.float32(np.median(frame)), out=out)
        np.multiply(answer, np.float32(_K_PER_COUNT / self.scale_k), out=answer)
        return np.clip(answer, self.clip_min, self.clip_max, out=answer)

    def _between_percentiles(self, values: FloatArray, out: FloatArray | None) -> FloatArray:
        grid = slice(PERCENTILE_FIRST, None, PERCENTILE_STRIDE)
        sampled = values[grid, grid].ravel()
        places = self.percentile_indices(sampled.size)
        ordered = np.partition(sampled, places)
        low, middle, high = (float(ordered[place]) for place in places)
        span = min(high - low, self.most_contrast * (middle - low))
        span = max(span, self.least_span_k / _K_PER_COUNT)
        answer = np.subtract(values, np.float32(low), out=out)
        np.multiply(answer, np.float32(self.high_value / span), out=answer)
        return np.clip(answer, self.clip_min, self.clip_max, out=answer)


@dataclass(frozen=True)
class CropRule:
    """The part of the frame that the network sees, given a person's box.

    Attributes
    ----------
    padding : size of the crop relative to the box.
    aspect : width over height of the crop.
    input_wh : (width, height) of the network's input, px.

    Notes
    -----
    Sampling is bilinear; outside the frame the border pixel is repeated.
    """

    padding: float = 1.25
    aspect: float = 0.75
    input_wh: tuple[int, int] = (192, 256)

    def __post_init__(self) -> None:
        if not self.padding >= 1 or not self.aspect > 0:
            raise ValueError(
                f"crop: expected padding >= 1 and aspect > 0, got {self.padding}, {self.aspect}"
            )

    def region(self, boxes_xyxy: npt.ArrayLike) -> FloatArray:
        """Return the crops' (..., 4) centre x, centre y, width, height in frame px.

        The box is grown about its centre to `aspect` and then by `padding`. Crop pixel u
        (0 at the centre of the left column) is at `cx + ((u + 0.5) / input_w - 0.5) * width`
        of the frame, likewise downwards.
        """
        boxes = np.asarray(boxes_xyxy, dtype=np.float32)
        if boxes.shape[-1] != 4:
            raise ValueError(f"boxes_xyxy: expected (..., 4), got {boxes.shape}")
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2
        size = boxes[..., 2:] - boxes[..., :2]
        height = np.maximum(size[..., 1], size[..., 0] / self.aspect) * self.padding
        return np.concatenate(
            [centre, (height * self.aspect)[..., None], height[..., None]], axis=-1
        ).astype(np.float32)

    def to_frame(self, crop_xy: npt.ArrayLike, region: npt.ArrayLike) -> FloatArray:
        """Map crop pixels (N, K, 2) to frame pixels, `region` (N, 4) from `region()`."""
        where = np.asarray(region, dtype=np.float32)[:, None, :]
        unit = (np.asarray(crop_xy, dtype=np.float32) + 0.5) / np.asarray(self.input_wh, np.float32)
        return np.asarray(where[..., :2] + (unit - 0.5) * where[..., 2:], dtype=np.float32)


@dataclass(frozen=True)
class DecodeRule:
    """How heatmaps become coordinates: decoder, blur, and alignment with the crop."""

    kind: DecodeKind = "dark"
    blur: int = 11
    alignment: Alignment = "half_pixel"

    def geometry(self, input_wh: tuple[int, int] = (192, 256)) -> HeatmapGeometry:
        """Return the map between heatmap and crop pixels (stride 4)."""
        return HeatmapGeometry(input_wh, (input_wh[0] // 4, input_wh[1] // 4), self.alignment)


@dataclass(frozen=True)
class ModelCard(CardFile):
    """Everything that is known about an exported pose network.

    Attributes
    ----------
    name, file, sha256, precision : identity; `file` lies beside the card.
    normalization, crop, decode : how to feed and read it.
    data : what it was trained on (cohorts, seeds, counts, whether simulated).
    command, device : how it was made.
    figures : measured results, each on named held-out seeds.
    limits : known limits; always includes that it was never tried on real patients.
    """

    name: str
    file: str
    sha256: str
    precision: Precision
    normalization: Normalization = field(default_factory=Normalization)
    crop: CropRule = field(default_factory=CropRule)
    decode: DecodeRule = field(default_factory=DecodeRule)
    data: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    device: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = (NEVER_ON_PATIENTS,)

    def __post_init__(self) -> None:
        if len(self.sha256) != 64:
            raise ValueError(f"sha256: expected 64 hex digits, got {self.sha256!r}")
        if self.precision not in ("fp32", "int8"):
            raise ValueError(f"precision: expected fp32 or int8, got {self.precision!r}")
        if not any(NEVER_ON_PATIENTS.rstrip(".").lower() in limit.lower() for limit in self.limits):
            raise ValueError(f"limits: expected a line saying {NEVER_ON_PATIENTS!r}")


def load_card(path: Path) -> ModelCard:
    """Read a pose network's card and verify the model file beside it.

    Raises
    ------
    ModelArtifactError
        The card or model is missing, a field is unknown or missing, or the SHA-256 differs.
    """
    return load_checked(path, "model card", _build)


def _build(fields: dict[str, Any]) -> ModelCard:
    crop = fields["crop"]
    return ModelCard(
        **{
            **fields,
            "normalization": Normalization(**fields["normalization"]),
            "crop": CropRule(**{**crop, "input_wh": tuple(crop["input_wh"])}),
            "decode": DecodeRule(**fields["decode"]),
            "limits": tuple(fields["limits"]),
        }
    )
