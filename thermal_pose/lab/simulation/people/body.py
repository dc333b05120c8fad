# SPDX-License-Identifier: Apache-2.0
"""Bodies of simulated people: shapes, the 22-bone rig that they share, and poses.

Body frame: x forward, y left, z up, in metres; the origin is on the floor, midway between the hips
of the rest pose (legs slightly apart, arms about 40 degrees off the trunk). `bake` makes bodies.
This module and `skinning` do not need the body model, so a machine with a filled cache can render
without it.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np

from thermal_pose.digest import short_key
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray, Int32Array

Sex = Literal["female", "male"]

#: Bones of the reduced rig in topological order: (name, parent). The source model's bones of
#: fingers, toes and face are merged into the nearest of these.
RIG: Final[tuple[tuple[str, str | None], ...]] = (
    ("pelvis", None),
    ("spine_lower", "pelvis"),
    ("spine_upper", "spine_lower"),
    ("chest", "spine_upper"),
    ("neck", "chest"),
    ("head", "neck"),
    ("clavicle.L", "chest"),
    ("upper_arm.L", "clavicle.L"),
    ("forearm.L", "upper_arm.L"),
    ("hand.L", "forearm.L"),
    ("clavicle.R", "chest"),
    ("upper_arm.R", "clavicle.R"),
    ("forearm.R", "upper_arm.R"),
    ("hand.R", "forearm.R"),
    ("thigh.L", "pelvis"),
    ("shank.L", "thigh.L"),
    ("foot.L", "shank.L"),
    ("toes.L", "foot.L"),
    ("thigh.R", "pelvis"),
    ("shank.R", "thigh.R"),
    ("foot.R", "shank.R"),
    ("toes.R", "foot.R"),
)
BONE_NAMES: Final = tuple(name for name, _ in RIG)
BONE_INDEX: Final = {name: index for index, name in enumerate(BONE_NAMES)}
BONE_PARENTS: Final = np.array(
    [-1 if parent is None else BONE_INDEX[parent] for _, parent in RIG], dtype=np.int32
)
N_BONES: Final = len(RIG)
#: Skin weights per vertex; of the up to nine of the source model, the others are below 2 %.
N_INFLUENCES: Final = 4


@dataclass(frozen=True)
class BodyShape:
    """Parameters of a body.

    Attributes
    ----------
    sex : 'female' or 'male'.
    age_years : 18 to 95; from 25 on, the body ages as in the source model.
    height_m : stature without shoes, 1.35 to 2.10.
    weight, muscle : 0 (least) to 1 (most) of the source model; 0.5 is average.
    proportions : 0 (ideal) to 1 (uncommon).
    """

    sex: Sex
    age_years: float
    height_m: float
    weight: float = 0.5
    muscle: float = 0.5
    proportions: float = 0.5

    def __post_init__(self) -> None:
        if self.sex not in ("female", "male"):
            raise ValueError(f"sex: expected 'female' or 'male', got {self.sex!r}")
        for name, low, high in (
            ("age_years", 18.0, 95.0),
            ("height_m", 1.35, 2.10),
            ("weight", 0.0, 1.0),
            ("muscle", 0.0, 1.0),
            ("proportions", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name}: expected {low} to {high}, got {value}")

    @property
    def key(self) -> str:
        """Name of this shape in a cache: 16 hex digits of the SHA-256 of its fields."""
        fields = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return short_key(json.dumps(fields, sort_keys=True))


def draw_stature_m(rng: np.random.Generator, sex: Sex, age_years: float) -> float:
    """Draw the stature of an adult, m.

    Statures are normal, 1.63 m with a standard deviation of 0.068 m for women and 1.77 m with
    0.073 m for men, minus up to 3 cm in old age.
    """
    mean_m, sd_m = (1.63, 0.068) if sex == "female" else (1.77, 0.073)
    return float(rng.normal(mean_m, sd_m) - 0.03 * max(0.0, (age_years - 50.0) / 42.0))


@dataclass(frozen=True)
class Mesh:
    """A skinned surface in the rest pose; all bodies share everything but `vertices`.

    Attributes
    ----------
    vertices : (V, 3) float32, m.
    faces : (F, 3) int32, counter-clockwise as seen from outside.
    bone_indices, bone_weights : (V, N_INFLUENCES) int32 and float32; weights sum to 1.
    """

    vertices: FloatArray
    faces: Int32Array
    bone_indices: Int32Array
    bone_weights: FloatArray

    def __post_init__(self) -> None:
        count = len(self.vertices)
        expected = (count, N_INFLUENCES)
        if self.bone_indices.shape != expected or self.bone_weights.shape != expected:
            raise ValueError(
                f"bone_indices, bone_weights: expected {expected}, "
                f"got {self.bone_indices.shape}, {self.bone_weights.shape}"
            )


@dataclass(frozen=True)
class Body:
    """One person's body in the rest pose.

    Attributes
    ----------
    shape : parameters of the body.
    fine, coarse : meshes of 13,000 vertices (for RGB images) and 1,200 (for thermal ones).
    bone_heads : (N_BONES, 3) float32, m: joint about which each bone turns.
    keypoints : (17, 3) float32, m: COCO joints in the rest pose.
    keypoint_bone_indices, keypoint_bone_weights : (17, N_INFLUENCES) int32 and float32: bones that
        move each keypoint.
    """

    shape: BodyShape
    fine: Mesh
    coarse: Mesh
    bone_heads: FloatArray
    keypoints: FloatArray
    keypoint_bone_indices: Int32Array
    keypoint_bone_weights: FloatArray

    def __post_init__(self) -> None:
        if self.bone_heads.shape != (N_BONES, 3):
            raise ValueError(f"bone_heads: expected ({N_BONES}, 3), got {self.bone_heads.shape}")
        if self.keypoints.shape != (N_JOINTS, 3):
            raise ValueError(f"keypoints: expected ({N_JOINTS}, 3), got {self.keypoints.shape}")

    def bone_head(self, name: str) -> FloatArray:
        """Position (3,) of the joint about which a bone turns, in the rest pose, m."""
        return self.bone_heads[BONE_INDEX[name]]


@dataclass(frozen=True)
class BodyPose:
    """A posture at a place in the room.

    Attributes
    ----------
    pelvis_m : (3,) position of the pelvis bone's head in the room, m.
    rotations : (N_BONES, 3, 3) rotation of each bone relative to its parent, in the axes of the
        rest pose; identities everywhere are the rest pose. The rotation of the pelvis is relative
        to the room. A positive angle about y leans the trunk forward and flexes the knee, a
        negative one flexes hip and elbow; a positive angle about z turns to the left.
    """

    pelvis_m: FloatArray
    rotations: FloatArray

    def __post_init__(self) -> None:
        if self.pelvis_m.shape != (3,) or self.rotations.shape != (N_BONES, 3, 3):
            raise ValueError(
                f"pelvis_m, rotations: expected (3,) and ({N_BONES}, 3, 3), "
                f"got {self.pelvis_m.shape} and {self.rotations.shape}"
            )
