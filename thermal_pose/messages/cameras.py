# SPDX-License-Identifier: Apache-2.0
"""Calibrations and camera poses: `sensor_msgs/CameraInfo` and transforms."""

from typing import Any

import numpy as np

from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.messages.fields import Make, finite, header_message, refusing


def to_camera_info(message: Any) -> CameraInfo | None:
    """Return the calibration in a `sensor_msgs/CameraInfo`, None if the camera is uncalibrated.

    By convention of the message, `k[0] == 0` means uncalibrated. Many drivers then send zeros for
    the size as well.

    Raises
    ------
    MessageFormatError
        The camera is calibrated, but a number is not finite, a focal length is not positive, or
        the size is empty.
    """
    with refusing("camera_info"):
        k = np.asarray(message.k, dtype=np.float64).reshape(3, 3)
        if k[0, 0] == 0.0:
            return None
        info = CameraInfo(
            image_wh=(int(message.width), int(message.height)),
            k=finite(k, "k"),
            distortion=finite(message.d, "d").ravel(),
            distortion_model=str(message.distortion_model),
        )
        if min(k[0, 0], k[1, 1]) <= 0.0:
            raise ValueError(f"k: expected positive focal lengths, got {k[0, 0]} and {k[1, 1]}")
        return info


def camera_info_message(make: Make, info: CameraInfo, stamp_ns: int, frame_id: str) -> Any:
    """Return `sensor_msgs/CameraInfo` of an unrectified single camera."""
    projection = np.hstack([info.k, np.zeros((3, 1))])
    return make(
        "sensor_msgs/msg/CameraInfo",
        header=header_message(make, stamp_ns, frame_id),
        height=info.image_wh[1],
        width=info.image_wh[0],
        distortion_model=info.distortion_model,
        d=np.asarray(info.distortion, dtype=np.float64),
        k=np.asarray(info.k, dtype=np.float64).ravel(),
        r=np.eye(3).ravel(),
        p=projection.ravel(),
        binning_x=0,
        binning_y=0,
        roi=make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0,
            y_offset=0,
            height=0,
            width=0,
            do_rectify=False,
        ),
    )


def to_camera_pose(transform: Any) -> CameraPose:
    """Return the pose in a `geometry_msgs/Transform`.

    Raises
    ------
    MessageFormatError
        The quaternion is not a rotation, or a number is not finite.
    """
    shift, turn = transform.translation, transform.rotation
    with refusing("transform"):
        quaternion = finite((turn.x, turn.y, turn.z, turn.w), "rotation")
        translation_m = finite((shift.x, shift.y, shift.z), "translation")
        return CameraPose.from_quaternion(tuple(quaternion.tolist()), tuple(translation_m.tolist()))


def transform_message(make: Make, pose: CameraPose, parent: str, child: str, stamp_ns: int) -> Any:
    """Return `geometry_msgs/TransformStamped`: takes points of frame `child` to frame `parent`."""
    shift = dict(zip("xyz", map(float, pose.translation_m), strict=True))
    turn = dict(zip("xyzw", map(float, pose.quaternion_xyzw), strict=True))
    return make(
        "geometry_msgs/msg/TransformStamped",
        header=header_message(make, stamp_ns, parent),
        child_frame_id=child,
        transform=make(
            "geometry_msgs/msg/Transform",
            translation=make("geometry_msgs/msg/Vector3", **shift),
            rotation=make("geometry_msgs/msg/Quaternion", **turn),
        ),
    )


def static_transform_message(
    make: Make, pose: CameraPose, parent: str, child: str, stamp_ns: int
) -> Any:
    """Return `tf2_msgs/TFMessage` with the one transform of `transform_message`."""
    transform = transform_message(make, pose, parent, child, stamp_ns)
    return make("tf2_msgs/msg/TFMessage", transforms=[transform])
