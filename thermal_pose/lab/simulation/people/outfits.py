# SPDX-License-Identifier: Apache-2.0
"""Outfits of simulated people, and how they are drawn at random."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

Colour = tuple[float, float, float]
Hair = Literal["bald", "short", "bob", "long", "cap", "bun", "hat"]
HAIRS: Final[tuple[Hair, ...]] = ("bald", "short", "bob", "long", "cap", "bun", "hat")
#: Largest temperature difference due to folds, seams or layers, K.
MAX_TEXTURE_K: Final = 4.0
#: Temperature of cloth as a share of the way from air to skin: least (thick) and greatest (thin).
_WARMTH_RANGE: Final = (0.2, 0.9)
#: Parts of an outfit of everyday life -> the fields that they vary. Sleeves belong to the coat of
#: `layers` if there is one, and else to `bare_skin`.
OUTFIT_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "folds": ("fold_k", "seam_k"),
    "hems": ("hem_k",),
    "layers": ("top_warmth", "bottom_warmth", "shoe_warmth", "looseness_m", "layer_k"),
    "heads": ("hair", "hair_volume_m", "hair_warmth"),
    "face_wear": ("glasses", "mask"),
    "bare_skin": ("leg", "hand_k", "barefoot"),
}


@dataclass(frozen=True)
class Outfit:
    """Clothes and skin of a person; sleeves and legs are shares of the limb.

    Attributes
    ----------
    sleeve : 0 none, 0.5 to the elbow, 1 to the wrist.
    leg : 0.25 shorts, 0.5 to the knee, 1 to the ankle.
    skirt_m : length of a skirt or gown below the hip; 0 for none.
    looseness_m : distance of the cloth from the skin.
    hair, hair_volume_m : style and thickness.
    top_colour, bottom_colour, shoe_colour, hair_colour, skin_colour : linear BGR, 0 to 1.
    pattern : 0 plain, 1 horizontal stripes, 2 vertical stripes, 3 checks, 4 print.
    top_warmth, bottom_warmth, hair_warmth, shoe_warmth : temperature as a share of the way from
        air to skin.
    skin_degc : temperature of covered skin.
    face_k, hand_k : temperature of face and hands relative to covered skin.
    glasses, mask : cool glass over the eyes; cloth over mouth and nose.
    barefoot : no shoes.
    fold_k : amplitude of folds and of spots where cloth lies on the skin or stands off it.
    layer_k : temperature of the front of an open coat relative to the rest; 0 for no coat.
    seam_k : how much colder the waistband is, where cloth is double.
    hem_k : how much colder the hems of top, sleeves and legs are, likewise.
    texture_seed : seed of folds and prints.
    """

    sleeve: float = 1.0
    leg: float = 1.0
    skirt_m: float = 0.0
    looseness_m: float = 0.012
    hair: Hair = "short"
    hair_volume_m: float = 0.015
    top_colour: Colour = (0.35, 0.25, 0.2)
    bottom_colour: Colour = (0.15, 0.1, 0.08)
    shoe_colour: Colour = (0.05, 0.05, 0.05)
    hair_colour: Colour = (0.03, 0.04, 0.06)
    skin_colour: Colour = (0.3, 0.42, 0.65)
    pattern: int = 0
    top_warmth: float = 0.6
    bottom_warmth: float = 0.58
    skin_degc: float = 32.0
    face_k: float = 1.8
    hand_k: float = -1.5
    hair_warmth: float = 0.5
    shoe_warmth: float = 0.35
    glasses: bool = False
    mask: bool = False
    barefoot: bool = False
    fold_k: float = 0.0
    layer_k: float = 0.0
    seam_k: float = 0.0
    hem_k: float = 0.0
    texture_seed: int = 0

    def __post_init__(self) -> None:
        if self.hair not in HAIRS:
            raise ValueError(f"hair: expected one of {HAIRS}, got {self.hair!r}")
        low, high = _WARMTH_RANGE
        for name in ("top_warmth", "bottom_warmth"):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: expected {low} to {high}, got {getattr(self, name)}")
        if not (0.0 <= self.sleeve <= 1.0 and 0.0 <= self.leg <= 1.0):
            raise ValueError(f"sleeve, leg: expected 0 to 1, got {self.sleeve}, {self.leg}")
        if not 0.0 <= self.looseness_m <= 0.06:
            raise ValueError(f"looseness_m: expected 0 to 0.06, got {self.looseness_m}")
        for name in ("fold_k", "layer_k", "seam_k", "hem_k"):
            if not 0.0 <= getattr(self, name) <= MAX_TEXTURE_K:
                raise ValueError(
                    f"{name}: expected 0 to {MAX_TEXTURE_K}, got {getattr(self, name)}"
                )


def draw_outfit(rng: np.random.Generator, room_degc: float = 22.0) -> Outfit:
    """A random outfit of a patient, carer or visitor, of any skin tone."""
    skirt_m = float(rng.uniform(0.25, 0.65)) if rng.random() < 0.12 else 0.0
    lightness = rng.uniform(0.0, 1.0)
    light, dark = np.array((0.42, 0.55, 0.80)), np.array((0.03, 0.05, 0.10))
    skin = dark + (light - dark) * lightness**1.2
    hair = _draw_hair(rng)
    return Outfit(
        sleeve=float(rng.choice((0.1, 0.25, 0.45, 0.75, 1.0), p=(0.06, 0.26, 0.13, 0.1, 0.45))),
        leg=float(rng.choice((0.3, 0.5, 0.75, 1.0), p=(0.06, 0.1, 0.06, 0.78))),
        skirt_m=skirt_m,
        looseness_m=float(rng.uniform(0.004, 0.026)),
        hair=hair,
        hair_volume_m=float(rng.uniform(0.006, 0.03)),
        top_colour=_draw_colour(rng),
        bottom_colour=_draw_colour(rng, 0.6),
        shoe_colour=_draw_colour(rng, 0.5),
        hair_colour=_draw_hair_colour(rng),
        skin_colour=(float(skin[0]), float(skin[1]), float(skin[2])),
        pattern=int(rng.choice(5, p=(0.55, 0.15, 0.1, 0.1, 0.1))),
        top_warmth=float(np.clip(rng.normal(0.58, 0.1), 0.32, 0.85)),
        bottom_warmth=float(np.clip(rng.normal(0.56, 0.1), 0.3, 0.82)),
        skin_degc=float(np.clip(rng.normal(32.0, 0.8) + 0.15 * (room_degc - 22.0), 29.5, 35.0)),
        face_k=float(np.clip(rng.normal(1.8, 0.5), 0.3, 3.0)),
        hand_k=float(np.clip(rng.normal(-1.5, 1.3), -5.0, 1.0)),
        hair_warmth=float(rng.uniform(0.3, 0.7)),
        shoe_warmth=float(rng.uniform(0.18, 0.55)),
        glasses=bool(rng.random() < 0.35),
        mask=bool(rng.random() < 0.08),
        barefoot=bool(rng.random() < 0.05),
        texture_seed=int(rng.integers(2**31)),
    )


def draw_varied_outfit(
    rng: np.random.Generator, room_degc: float = 22.0, plain_parts: Collection[str] = ()
) -> Outfit:
    """A random outfit outside the clinic: more bare skin, coats, hats and textured cloth.

    Parameters
    ----------
    plain_parts : those of `OUTFIT_PARTS` that stay as `draw_outfit` has them; the other parts are
        drawn as if there were none.

    Notes
    -----
    The differences from `draw_outfit` have physical reasons. Cloth that touches the skin is 1 to
    3 K warmer than cloth that stands off it (`fold_k`). Double cloth insulates twice (`seam_k`,
    `hem_k`). An open coat shows the warm shirt below (`layer_k`). A thick coat is almost as cold
    as the air, thin summer clothes are almost as warm as the skin, and shoes worn all day are as
    warm as trousers.
    """
    plain = draw_outfit(rng, room_degc)
    textured = rng.random() < 0.75
    coat = rng.random() < 0.2
    warmth = rng.uniform(0.22, 0.45) if coat else rng.uniform(0.35, 0.85)
    hair_shares = (0.12, 0.33, 0.14, 0.15, 0.08, 0.08, 0.10)
    varied = replace(
        plain,
        sleeve=1.0 if coat else float(rng.choice((0.0, 0.25, 0.45, 0.75, 1.0))),
        leg=float(rng.choice((0.25, 0.5, 0.75, 1.0), p=(0.14, 0.13, 0.08, 0.65))),
        looseness_m=float(rng.uniform(0.02, 0.05) if coat else rng.uniform(0.003, 0.035)),
        hair=HAIRS[int(rng.choice(len(HAIRS), p=hair_shares))],
        hair_volume_m=float(rng.uniform(0.004, 0.045)),
        hair_warmth=float(rng.uniform(0.2, 0.9)),
        top_warmth=float(warmth),
        bottom_warmth=float(np.clip(warmth + rng.normal(0.0, 0.12), 0.25, 0.88)),
        shoe_warmth=float(rng.uniform(0.15, 0.8)),
        hand_k=float(np.clip(rng.normal(-1.0, 2.0), -6.0, 1.5)),
        glasses=bool(rng.random() < 0.4),
        mask=bool(rng.random() < 0.1),
        barefoot=bool(rng.random() < 0.1),
        fold_k=float(rng.uniform(0.0, 3.0)) if textured else 0.0,
        seam_k=float(rng.uniform(0.0, 2.5)) if textured and rng.random() < 0.5 else 0.0,
        hem_k=_draw_hem_k(plain.texture_seed) if textured else 0.0,
        layer_k=float(rng.uniform(0.5, 3.5)) if coat and rng.random() < 0.6 else 0.0,
    )
    kept = [field for part in plain_parts for field in OUTFIT_PARTS[part]]
    if ("layers" if coat else "bare_skin") in plain_parts:
        kept.append("sleeve")
    return replace(varied, **{field: getattr(plain, field) for field in kept})


def _draw_hem_k(texture_seed: int) -> float:
    """Hems that can be seen on half of the clothes, K, from a generator of their own."""
    rng = np.random.default_rng((texture_seed, 12))
    return float(rng.uniform(0.5, 2.5)) if rng.random() < 0.5 else 0.0


def _draw_hair(rng: np.random.Generator) -> Hair:
    return HAIRS[int(rng.choice(5, p=(0.12, 0.45, 0.2, 0.15, 0.08)))]


def _draw_colour(rng: np.random.Generator, brightness: float = 1.0) -> Colour:
    value = brightness * rng.uniform(0.03, 0.85) ** 1.3
    tint = 1.0 + rng.uniform(0.0, 0.75) * rng.uniform(-1.0, 0.6, 3)
    blue, green, red = np.clip(value * tint, 0.01, 0.9)
    return float(blue), float(green), float(red)


def _draw_hair_colour(rng: np.random.Generator) -> Colour:
    grey = np.array((0.45, 0.45, 0.45)) * rng.uniform(0.5, 1.5)
    brown = np.array((0.02, 0.04, 0.08)) * rng.uniform(0.5, 4.0)
    blue, green, red = grey if rng.random() < 0.45 else brown
    return float(blue), float(green), float(red)
