# SPDX-License-Identifier: Apache-2.0
"""How much a pose model loses on simulated frames that are disturbed in one way at a time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from thermal_pose.inference.base import PoseModel
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.judge import evaluate_model
from thermal_pose.types import FloatArray

Rng = np.random.Generator
_COUNTS_PER_K: Final = 100.0
#: A pixel of a person's box is on the person above this share of the box's contrast.
_ON_PERSON: Final = 0.35
#: Grain of cloth texture, px (standard deviation of the blur of white noise).
_GRAIN_PX: Final = 1.5

#: A lamp or radiator is this much warmer than the room, K.
_LAMP_K: Final = 40.0
#: Area of a crop over that of its box (`CropRule`: padded on all sides).
_CROP_OVER_BOX: Final = 1.25**2

#: What is measured unless told otherwise: name -> (effect, strength).
STANDARD: Final[tuple[tuple[str, float], ...]] = (
    ("texture_k", 1.0),
    ("texture_k", 2.0),
    ("texture_k", 3.0),
    ("contrast", 3.0),
    ("contrast", 0.5),
    ("blur_px", 1.2),
    ("noise_k", 0.5),
    ("lamp", 0.03),
    ("lamp", 0.10),
)


def disturbed(data: PoseData, effect: str, strength: float, seed: int = 0) -> PoseData:
    """Return the data with every frame disturbed.

    Parameters
    ----------
    effect : 'texture_k' (cloth on people, deviation in K), 'contrast' (factor about the frame's
        median), 'blur_px' (standard deviation), 'noise_k' (deviation per pixel), 'lamp' (a square
        40 K above the room in the upper left corner of each box, as a share of the crop's area).

    Raises
    ------
    ValueError
        Unknown effect.
    """
    if effect not in _EFFECTS:
        raise ValueError(f"effect: expected one of {sorted(_EFFECTS)}, got {effect!r}")
    rng = np.random.default_rng(seed)
    frames = np.empty_like(data.frames)
    for index, (frame, rows) in enumerate(zip(data.frames, data.frame_rows, strict=True)):
        boxes = data.boxes[data.frame_of == index]
        image = frame[:rows].astype(np.float32)
        changed = _EFFECTS[effect](image, boxes, strength, rng)
        frames[index, :rows] = np.clip(np.rint(changed), 0, 65535).astype(np.uint16)
        frames[index, rows:] = frame[rows:]
    return replace(data, frames=frames)


def sensitivity(
    estimator: PoseModel,
    data: PoseData,
    effects: Sequence[tuple[str, float]] = STANDARD,
    seed: int = 0,
) -> dict[str, float]:
    """Return AP with true boxes by effect, such as {'plain': .92, 'texture_k=2': .88}."""
    result = {"plain": float(evaluate_model(estimator, data)["ap"])}
    for effect, strength in effects:
        judged = evaluate_model(estimator, disturbed(data, effect, strength, seed))
        result[f"{effect}={strength:g}"] = float(judged["ap"])
    return result


def _texture(image: FloatArray, boxes: FloatArray, strength: float, rng: Rng) -> FloatArray:
    field = cv2.GaussianBlur(rng.standard_normal(image.shape).astype(np.float32), (0, 0), _GRAIN_PX)
    field = field * np.float32(strength * _COUNTS_PER_K / max(float(field.std()), 1e-6))
    on_people = np.zeros(image.shape, np.bool_)
    room = np.median(image)
    for box in boxes:
        left, top, right, bottom = (max(round(float(edge)), 0) for edge in box)
        part = image[top : bottom + 1, left : right + 1]
        if part.size:
            warm = np.percentile(part, 95) - room
            on_people[top : bottom + 1, left : right + 1] |= part - room > _ON_PERSON * warm
    return np.where(on_people, image + field, image).astype(np.float32)


def _contrast(image: FloatArray, boxes: FloatArray, strength: float, rng: Rng) -> FloatArray:
    del boxes, rng
    room = np.float32(np.median(image))
    return np.asarray(room + np.float32(strength) * (image - room), np.float32)


def _blur(image: FloatArray, boxes: FloatArray, strength: float, rng: Rng) -> FloatArray:
    del boxes, rng
    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), strength, borderType=cv2.BORDER_REPLICATE), np.float32
    )


def _noise(image: FloatArray, boxes: FloatArray, strength: float, rng: Rng) -> FloatArray:
    del boxes
    noise = rng.standard_normal(image.shape).astype(np.float32)
    return np.asarray(image + np.float32(strength * _COUNTS_PER_K) * noise, np.float32)


def _lamp(image: FloatArray, boxes: FloatArray, strength: float, rng: Rng) -> FloatArray:
    del rng
    lit, room = image.copy(), np.float32(np.median(image))
    for left, top, right, bottom in boxes:
        side = round(float(np.sqrt(strength * _CROP_OVER_BOX * (right - left) * (bottom - top))))
        x, y = max(round(float(left)), 0), max(round(float(top)), 0)
        lit[y : y + side, x : x + side] = room + _LAMP_K * _COUNTS_PER_K
    return lit


_EFFECTS: Final[dict[str, Callable[[FloatArray, FloatArray, float, Rng], FloatArray]]] = {
    "texture_k": _texture,
    "contrast": _contrast,
    "blur_px": _blur,
    "noise_k": _noise,
    "lamp": _lamp,
}
