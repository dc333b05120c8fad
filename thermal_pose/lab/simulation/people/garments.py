# SPDX-License-Identifier: Apache-2.0
"""Clothes, hair, shoes and skin on a body: geometry, temperature and colour by vertex.

A garment is a region of the body's own surface, shifted outwards along the normals. The region
follows from the bones that move a vertex and from the vertex's position along the bone. Garments
are shifted once in the rest pose, so they cost nothing per frame.
"""

from typing import Final

import numpy as np

from thermal_pose.lab.simulation.people.body import BONE_INDEX, Body, Mesh
from thermal_pose.lab.simulation.people.cloth import (
    DressedBody,
    Level,
    folds_and_contacts,
    joined,
    painted,
    slow_pattern,
    smoothed,
    vertex_normals,
)
from thermal_pose.lab.simulation.people.outfits import Colour, Outfit
from thermal_pose.lab.simulation.people.skirts import skirt
from thermal_pose.skeleton import Joint
from thermal_pose.types import BoolArray, FloatArray

#: End of the shortest sleeve, as a share of the arm.
_SLEEVE_TOP: Final = 0.12
#: Lowest edge of hair or cap at the back of the head, in m above the eyes.
_LOWEST_HAIR_M: Final = {
    "short": -0.05,
    "cap": 0.0,
    "hat": -0.02,
    "bun": -0.05,
    "bob": -0.14,
    "long": -0.3,
}
#: Half the height of a waistband or of the hem of a top, m; length of a cuff, as a share of a limb.
_BAND_M: Final = 0.035
_CUFF: Final = 0.07
#: Length of whole trouser legs and sleeves, as a share of the limb.
_LEG_END: Final = 0.98
_SLEEVE_END: Final = 0.97


def dress(body: Body, outfit: Outfit, level: Level) -> DressedBody:
    """The dressed body at one of its two resolutions."""
    mesh = body.fine if level == "fine" else body.coarse
    surface = _Surface(body, mesh, outfit)
    surface.skin()
    surface.trousers()
    surface.top()
    surface.shoes()
    surface.head()
    surface.texture()
    dressed = surface.finish()
    if outfit.skirt_m > 0.0:
        dressed = joined(dressed, skirt(body, outfit, level))
    return dressed


class _Surface:
    """A body's surface while it is being dressed."""

    def __init__(self, body: Body, mesh: Mesh, outfit: Outfit) -> None:
        self._body, self._mesh, self._outfit = body, mesh, outfit
        count = len(mesh.vertices)
        self._shift: FloatArray = np.zeros(count, np.float32)
        self._extra: FloatArray = np.zeros((count, 3), np.float32)
        self._share: FloatArray = np.ones(count, np.float32)
        self._warm_k: FloatArray = np.zeros(count, np.float32)
        self._colour: FloatArray = np.empty((count, 3), np.float32)
        self._rng = np.random.default_rng(outfit.texture_seed)
        self._folds = slow_pattern(mesh.vertices, self._rng)
        # One-hot weights per vertex make region tests plain array sums.
        self._weights = np.zeros((count, len(BONE_INDEX)), np.float32)
        np.put_along_axis(self._weights, mesh.bone_indices, mesh.bone_weights, axis=1)
        self._normals = vertex_normals(mesh.vertices, mesh.faces)
        self._clothed = np.zeros(count, np.bool_)

    def _on(self, *bones: str) -> FloatArray:
        return np.asarray(self._weights[:, [BONE_INDEX[name] for name in bones]].sum(axis=1))

    def _along(self, upper: str, lower: str, tip: FloatArray | None = None) -> FloatArray:
        """Position of each vertex from the head of `upper` (0) to that of `lower` (1)."""
        start = self._body.bone_head(upper)
        end = self._body.bone_head(lower) if tip is None else tip
        axis = end - start
        return np.asarray((self._mesh.vertices - start) @ axis / (axis @ axis))

    def _limb(self, side: str, bones: tuple[str, str, str], length: float) -> FloatArray:
        """How far (V,), 0 to 1, a vertex is inside a tube over the share `length` of a limb."""
        upper, lower, end = (f"{name}.{side}" for name in bones)
        position = np.where(
            self._on(lower, end) > self._on(upper),
            0.5 + 0.5 * self._along(lower, end),
            0.5 * self._along(upper, lower),
        )
        member = self._on(upper, lower) > 0.5
        return np.asarray(member * np.clip((length - position) / 0.03, 0.0, 1.0))

    def skin(self) -> None:
        """Bare skin: mottled, warm on the trunk, cooler towards the ends of the limbs."""
        self._colour[:] = np.array(self._outfit.skin_colour, np.float32)
        self._colour *= (1.0 + 0.06 * self._folds)[:, None]
        self._warm_k += 0.35 * self._folds
        for side in "LR":
            arm = self._on(f"forearm.{side}") > 0.5
            leg = self._on(f"shank.{side}", f"foot.{side}", f"toes.{side}") > 0.5
            self._warm_k[arm] -= 0.6
            self._warm_k[leg] -= 1.6
            hand = self._on(f"hand.{side}")
            reach = np.clip(self._along(f"forearm.{side}", f"hand.{side}") - 1.0, 0.0, 0.7)
            self._warm_k += hand * (self._outfit.hand_k - 2.0 * reach)
        self._colour[:, 2] *= 1.0 + 0.08 * (self._on("hand.L", "hand.R", "head") > 0.5)

    def _cover(
        self, depth: FloatArray, shift_m: float, warmth: float, colour: Colour, pattern: int
    ) -> None:
        inside = depth > 0.0
        shift = depth * shift_m * (1.0 + 0.45 * self._folds)
        self._shift = np.where(inside, np.maximum(self._shift, shift), self._shift).astype(
            np.float32
        )
        # Cloth on the skin (shoulders, thighs of a seated person) is warmer than its folds.
        share = warmth + 0.06 * self._folds
        self._share = np.where(inside, share, self._share).astype(np.float32)
        self._warm_k = np.where(inside, 0.4 * self._warm_k, self._warm_k).astype(np.float32)
        colours = painted(self._mesh.vertices, colour, pattern, self._rng)
        colours *= (1.0 + 0.10 * self._folds)[:, None]
        self._colour[inside] = colours[inside]

    def trousers(self) -> None:
        """Trousers or shorts, which also cover the pelvis."""
        outfit = self._outfit
        hips = np.clip(self._on("pelvis", "spine_lower") * 2.0 - 0.3, 0.0, 1.0)
        waist_m = self._body.bone_head("spine_lower")[2] + 0.05
        depth = hips * (self._mesh.vertices[:, 2] < waist_m)
        for side in "LR":
            leg = self._limb(side, ("thigh", "shank", "foot"), _LEG_END * outfit.leg)
            depth = np.maximum(depth, leg)
        self._clothed |= depth > 0.0
        flare = 0.8 + 0.5 * np.clip(1.0 - self._mesh.vertices[:, 2], 0.0, 1.0)
        self._cover(
            np.asarray(depth, np.float32),
            outfit.looseness_m,
            outfit.bottom_warmth,
            outfit.bottom_colour,
            0,
        )
        self._shift *= flare.astype(np.float32)

    def top(self) -> None:
        """Shirt or jumper, down over the waist of the trousers."""
        outfit = self._outfit
        trunk = self._on("spine_lower", "spine_upper", "chest", "clavicle.L", "clavicle.R")
        collar_m = self._body.bone_head("neck")[2] + 0.01
        hem_m = self._hem_m()
        z = self._mesh.vertices[:, 2]
        depth = ((trunk + self._on("pelvis")) > 0.35) * (z > hem_m) * (z < collar_m)
        depth = depth.astype(np.float32)
        sleeve = _SLEEVE_TOP + (_SLEEVE_END - _SLEEVE_TOP) * outfit.sleeve
        for side in "LR":
            arm = self._limb(side, ("upper_arm", "forearm", "hand"), sleeve)
            depth = np.maximum(depth, arm)
        pressed = np.float32(0.6) * np.clip(self._normals[:, 2], 0.0, 1.0)
        self._cover(
            np.asarray(depth, np.float32),
            outfit.looseness_m * 1.2,
            outfit.top_warmth,
            outfit.top_colour,
            outfit.pattern,
        )
        covered = depth > 0.0
        self._clothed |= covered
        self._warm_k[covered] += 1.0 * pressed[covered]

    def _hem_m(self) -> float:
        """Height of the lower edge of the top, m."""
        return float(self._body.bone_head("pelvis")[2] - 0.03)

    def _hems(self) -> BoolArray:
        """Vertices (V,) of the lower edge of the top and of the ends of sleeves and legs."""
        outfit = self._outfit
        trunk = self._on("pelvis", "spine_lower", "thigh.L", "thigh.R") > 0.5
        hems = trunk & (np.abs(self._mesh.vertices[:, 2] - self._hem_m()) < _BAND_M)
        sleeve = _SLEEVE_TOP + (_SLEEVE_END - _SLEEVE_TOP) * outfit.sleeve
        for bones, end in (
            (("upper_arm", "forearm", "hand"), sleeve),
            (("thigh", "shank", "foot"), _LEG_END * outfit.leg),
        ):
            for side in "LR":
                above = self._limb(side, bones, end - _CUFF)
                hems |= (self._limb(side, bones, end) > 0.0) & (above < 0.5)
        return np.asarray(hems)

    def shoes(self) -> None:
        """Shoes with a sole, or bare feet."""
        outfit = self._outfit
        if outfit.barefoot:
            return
        feet = self._on("foot.L", "toes.L", "foot.R", "toes.R") > 0.45
        depth = (feet & (self._mesh.vertices[:, 2] < 0.095)).astype(np.float32)
        self._cover(depth, 0.009, outfit.shoe_warmth, outfit.shoe_colour, 0)
        below = depth * (self._mesh.vertices[:, 2] < 0.03)
        self._extra[:, 2] -= 0.018 * below

    def head(self) -> None:
        """Face, hair or cap, glasses, mask."""
        outfit = self._outfit
        weight = self._on("head")
        points = self._mesh.vertices
        ears = self._body.keypoints[[Joint.LEFT_EAR, Joint.RIGHT_EAR]].mean(axis=0)
        nose = self._body.keypoints[Joint.NOSE]
        eyes = self._body.keypoints[[Joint.LEFT_EYE, Joint.RIGHT_EYE]].mean(axis=0)
        front = (points[:, 0] - ears[0]) / (nose[0] - ears[0])
        rise = points[:, 2] - eyes[2]
        self._warm_k += weight * np.float32(outfit.face_k)
        self._warm_k += 0.8 * self._on("neck")
        near_nose = np.exp(-np.sum((points - nose) ** 2, axis=1) / 2e-4)
        self._warm_k -= (1.8 * near_nose * weight).astype(np.float32)
        inner_eye = np.exp(-np.sum((points - eyes) ** 2, axis=1) / 3e-4)
        self._warm_k += (1.0 * inner_eye * weight).astype(np.float32)
        self._features(weight, nose)
        self._hair(weight, front, rise)
        self._worn_on_face(weight, front, rise)

    def _features(self, weight: FloatArray, nose: FloatArray) -> None:
        """Eyes, brows and lips as spots of colour; the coarse mesh is too coarse for them."""
        if len(self._mesh.vertices) < 5000:
            return
        points, skin = self._mesh.vertices, np.array(self._outfit.skin_colour, np.float32)
        for eye in self._body.keypoints[[Joint.LEFT_EYE, Joint.RIGHT_EYE]]:
            away = points - eye
            flat = np.hypot(away[:, 1], away[:, 2])
            near = (weight > 0.5) & (np.abs(away[:, 0]) < 0.03)
            self._colour[near & (flat < 0.011)] = (0.35, 0.35, 0.35)
            self._colour[near & (flat < 0.006)] = (0.02, 0.02, 0.03)
            brow = (np.abs(away[:, 1]) < 0.021) & (np.abs(away[:, 2] - 0.021) < 0.0045)
            self._colour[near & brow] = 0.4 * skin
        away = points - nose
        lips = (np.abs(away[:, 1]) < 0.024) & (np.abs(away[:, 2] + 0.042) < 0.009)
        lips &= (weight > 0.5) & (np.abs(away[:, 0]) < 0.045)
        self._colour[lips] = skin * np.array((0.62, 0.55, 0.85), np.float32)

    def _hair(self, weight: FloatArray, front: FloatArray, rise: FloatArray) -> None:
        outfit = self._outfit
        if outfit.hair == "bald":
            return
        top = (rise > 0.055 + 0.03 * np.clip(front, 0, 1)) & (weight > 0.5)
        lowest = _LOWEST_HAIR_M[outfit.hair]
        back = (front < -0.12) & (rise > lowest) & ((weight + self._on("neck")) > 0.5)
        side = (front < 0.2) & (rise > max(lowest, -0.1)) & (weight > 0.5)
        side &= outfit.hair in ("bob", "long")
        scalp = (top | back | side).astype(np.float32)
        if outfit.hair == "hat":  # a brim, and a crown above the hair
            scalp *= 1.0 + 1.2 * (np.abs(rise - 0.06) < 0.02)
        elif outfit.hair == "bun":
            ball = np.exp(-((front + 0.9) ** 2) / 0.08 - ((rise - 0.06) ** 2) / 2e-3)
            self._extra[:, 0] -= (0.06 * ball * weight).astype(np.float32)
        self._cover(scalp, outfit.hair_volume_m, outfit.hair_warmth, outfit.hair_colour, 0)
        if outfit.hair == "long":
            self._extra[:, 0] -= 0.02 * scalp * (rise < 0.0)

    def _worn_on_face(self, weight: FloatArray, front: FloatArray, rise: FloatArray) -> None:
        outfit = self._outfit
        if outfit.mask:
            mask = (front > 0.45) & (rise < -0.02) & (rise > -0.13) & (weight > 0.5)
            self._cover(mask.astype(np.float32), 0.008, 0.75, (0.8, 0.75, 0.6), 0)
        if outfit.glasses:
            # Glass is opaque and cool in the long-wave infrared, but transparent to the eye.
            lens = (front > 0.45) & (np.abs(rise) < 0.017) & (weight > 0.5)
            seen = self._colour.copy()
            self._cover(lens.astype(np.float32), 0.012, 0.45, (0.1, 0.1, 0.1), 0)
            self._colour[lens] = 0.8 * seen[lens] + 0.02

    def texture(self) -> None:
        """Folds, seams and layers of cloth (`fold_k`, `seam_k`, `hem_k`, `layer_k` of the outfit).

        They have a random generator of their own, so plain outfits do not depend on them.
        """
        outfit = self._outfit
        if outfit.fold_k + outfit.seam_k + outfit.hem_k + outfit.layer_k <= 0.0:
            return
        rng = np.random.default_rng((outfit.texture_seed, 11))
        points = self._mesh.vertices
        extra = np.zeros(len(points), np.float32)
        if outfit.fold_k > 0.0:
            extra += outfit.fold_k * folds_and_contacts(points, self._clothed, rng)
        if outfit.seam_k > 0.0:
            waist_m = self._body.bone_head("spine_lower")[2] + rng.uniform(-0.06, 0.06)
            extra -= outfit.seam_k * (np.abs(points[:, 2] - waist_m) < _BAND_M)
        if outfit.hem_k > 0.0:
            extra -= outfit.hem_k * self._hems()
        if outfit.layer_k > 0.0:
            open_m = rng.uniform(0.03, 0.09)
            trunk = self._on("spine_lower", "spine_upper", "chest", "pelvis") > 0.5
            front = trunk & (self._normals[:, 0] > 0.3) & (np.abs(points[:, 1]) < open_m)
            extra += outfit.layer_k * front
        self._warm_k = np.where(self._clothed, self._warm_k + extra, self._warm_k).astype(
            np.float32
        )

    def finish(self) -> DressedBody:
        """The dressed surface."""
        shift = smoothed(self._shift, self._mesh.faces)
        vertices = self._mesh.vertices + shift[:, None] * self._normals + self._extra
        return DressedBody(
            mesh=Mesh(
                np.asarray(vertices, np.float32),
                self._mesh.faces,
                self._mesh.bone_indices,
                self._mesh.bone_weights,
            ),
            warm_share=self._share,
            warm_k=np.asarray(self._warm_k, np.float32),
            colour=np.clip(self._colour, 0.004, 0.95),
        )
