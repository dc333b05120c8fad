# SPDX-License-Identifier: Apache-2.0
"""The approximate place of a person in the room, for display and not for measures.

The camera frame is the optical frame of ROS: x to the right, y down, z along the view.
"""

from dataclasses import dataclass

import numpy as np

from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array, PersonKeypoints

_ANKLES = [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]
#: Rays that fall less than this (m per m ahead) meet the floor too far away to tell.
_SMALLEST_FALL = 0.03


@dataclass(frozen=True)
class Mounting:
    """Mounting of the camera above the floor.

    Attributes
    ----------
    height_m : above the floor.
    pitch_deg : downward tilt.
    person_height_m : gives the distance of people whose feet are out of view.
    """

    height_m: float = 1.2
    pitch_deg: float = 0.0
    person_height_m: float = 1.7

    def __post_init__(self) -> None:
        if not self.height_m > 0 or not self.person_height_m > 0:
            raise ValueError(
                "expected positive height_m and person_height_m, got "
                f"{self.height_m} and {self.person_height_m}"
            )

    def down(self) -> Float64Array:
        """Return the unit vector towards the floor in the camera frame."""
        pitch = np.radians(self.pitch_deg)
        return np.array([0.0, np.cos(pitch), np.sin(pitch)])

    def pose(self) -> CameraPose:
        """Return the camera's pose over the floor frame.

        The floor frame has its origin below the camera: x along the view, y to the left, z up.
        """
        pitch = np.radians(self.pitch_deg)
        right = np.array([0.0, -1.0, 0.0])
        forward = np.array([np.cos(pitch), 0.0, -np.sin(pitch)])
        rotation = np.stack([right, np.cross(forward, right), forward])
        return CameraPose(rotation, -rotation @ np.array([0.0, 0.0, self.height_m]))


@dataclass(frozen=True)
class Placement:
    """A person in the camera frame.

    Attributes
    ----------
    joints_m : (17, 3), all at the person's distance; NaN where the estimator gives none.
    floor_m : (3,) the point of the floor below the person.
    """

    joints_m: Float64Array
    floor_m: Float64Array


def place_person(
    person: PersonKeypoints,
    intrinsics: CameraIntrinsics,
    mounting: Mounting,
    min_joint_score: float = 0.2,
) -> Placement:
    """Put a person onto the floor.

    Notes
    -----
    Where an ankle is seen, the ray through the ankles' middle meets the floor at the person's
    distance; else the box's height against `person_height_m` tells it, which takes a seated
    person for one farther away. All joints are put at that one distance: a flat figure.
    """
    distance_m = _distance_by_feet(person, intrinsics, mounting, min_joint_score)
    if distance_m is None:
        height_px = person.box.xyxy[3] - person.box.xyxy[1]
        distance_m = intrinsics.fy_px * mounting.person_height_m / height_px
    rays = intrinsics.to_rays(person.xy)
    joints_m = rays * distance_m
    shown = person.scores >= min_joint_score
    middle = joints_m[shown & np.isfinite(joints_m).all(axis=1)]
    body = middle.mean(axis=0) if len(middle) else np.array([0.0, 0.0, distance_m])
    down = mounting.down()
    floor_m = body + (mounting.height_m - body @ down) * down
    return Placement(np.where(shown[:, None], joints_m, np.nan), floor_m)


def _distance_by_feet(
    person: PersonKeypoints,
    intrinsics: CameraIntrinsics,
    mounting: Mounting,
    min_joint_score: float,
) -> float | None:
    """Return the depth at which the ankles stand on the floor, m; None if they cannot."""
    seen = [joint for joint in _ANKLES if person.scores[joint] >= min_joint_score]
    if not seen:
        return None
    ray = intrinsics.to_rays(person.xy[seen].mean(axis=0)[None])[0]
    fall = float(ray @ mounting.down())
    return mounting.height_m / fall if fall > _SMALLEST_FALL else None
