# SPDX-License-Identifier: Apache-2.0
"""Settings of the heavy photometric augmentation, and the bound of each with its reason."""

from dataclasses import dataclass
from typing import Any, Final

#: Field -> greatest allowed value, and why nothing real lies beyond it. The least is 0.
HEAVY_BOUNDS: Final[dict[str, tuple[float, str]]] = {
    "share": (1.0, "a share"),
    "contrast_log2": (2.0, "at four times the contrast, clothes are hotter than skin"),
    "blur_px": (3.0, "the blur's kernel ends at 4 px"),
    "sharpen": (2.0, "beyond twice the detail, halos outshine the edges"),
    "noise_k": (2.0, "seven times the noise of the worst cameras, 0.3 K"),
    "column_k": (1.0, "cameras correct stronger stripes themselves"),
    "texture_k": (4.0, "the most that layers of cloth differ by"),
    "vignette_k": (6.0, "as much as a person is warmer than a room"),
    "gain_control": (1.0, "a share"),
    "equalise": (1.0, "a share"),
    "lamp": (1.0, "a share"),
}
#: Key of effects that are off: the settings as they were before `equalise` existed, so that results
#: and checkpoints of trainings without heavy effects keep their keys.
_KEY_WHEN_OFF: Final[dict[str, float]] = {
    "share": 0.0,
    "contrast_log2": 1.45,
    "blur_px": 1.5,
    "sharpen": 1.0,
    "noise_k": 0.6,
    "column_k": 0.3,
    "texture_k": 3.0,
    "vignette_k": 2.0,
    "gain_control": 0.4,
    "lamp": 0.12,
}


@dataclass(frozen=True)
class HeavyConfig:
    """Effects of cheap cameras, warm clothes and bad optics, drawn for a share of the crops.

    Each effect has a physical reason and an upper bound (`HEAVY_BOUNDS`); 0 switches one off.
    Contrast is that of the frame's warm part above its median.

    Attributes
    ----------
    share : share of crops that get all of these effects, each at its own strength. At 0.5 the
        accuracy on clean simulated frames is kept.
    contrast_log2 : clothing, season and room: contrast times 2^(+- this), 0.33 to 3.03 at 1.6.
    blur_px : defocus and interpolation, standard deviation up to this, px.
    sharpen : edge enhancement of the camera, up to this share of the detail.
    noise_k : temporal noise up to this, K, after the change of contrast.
    column_k : fixed column noise, likewise.
    texture_k : folds, seams and prints of warm cloth, up to this, K, on warm pixels only.
    vignette_k : lens and housing, colder or warmer towards the corners, up to this, K.
    gain_control : share with automatic gain, in 8 or fewer bits: percentile clipping and a curve,
        or histogram equalisation.
    equalise : share of those with automatic gain whose camera equalises the histogram.
    lamp : share with a lamp or heater of up to 60 K before or beside the person.
    """

    share: float = 0.0
    contrast_log2: float = 1.6
    blur_px: float = 1.5
    sharpen: float = 1.0
    noise_k: float = 0.6
    column_k: float = 0.3
    texture_k: float = 3.0
    vignette_k: float = 2.0
    gain_control: float = 0.4
    equalise: float = 0.25
    lamp: float = 0.12

    def __post_init__(self) -> None:
        for name, (bound, reason) in HEAVY_BOUNDS.items():
            value = getattr(self, name)
            if not 0 <= value <= bound:
                raise ValueError(f"heavy.{name}: expected 0 to {bound} ({reason}), got {value}")


def heavy_key(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of heavy effects for the key of a result: all alike where they are off."""
    return settings if settings["share"] > 0 else dict(_KEY_WHEN_OFF)
