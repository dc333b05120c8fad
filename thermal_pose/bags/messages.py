# SPDX-License-Identifier: Apache-2.0
"""Our records as recorded messages, and back.

The `to_*` readers touch fields only, so they take messages of rclpy as well.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.bags.schema import message
from thermal_pose.errors import ImageFormatError
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import (
    NS_PER_S,
    FloatArray,
    Phase,
    PhaseInterval,
    RgbFrame,
    ThermalFrame,
    TrialReason,
    TrueFrame,
    TruePerson,
    TugTiming,
)

_COLOUR_TO_BGR = {"bgr8": None, "rgb8": cv2.COLOR_RGB2BGR}


@dataclass(frozen=True)
class CameraInfo:
    """Calibration of one camera as `sensor_msgs/CameraInfo` has it.

    Attributes
    ----------
    image_wh : width and height, px.
    distortion_model : 'plumb_bob' for `distortion` k1 k2 p1 p2 k3.
    k : (3, 3) intrinsic matrix, px; all zero where the camera is not calibrated.
    """

    image_wh: tuple[int, int]
    k: npt.NDArray[np.float64]
    distortion: npt.NDArray[np.float64]
    distortion_model: str = "plumb_bob"

    def __post_init__(self) -> None:
        if self.k.shape != (3, 3):
            raise ValueError(f"k: expected (3, 3), got {self.k.shape}")
        if min(self.image_wh) <= 0:
            raise ValueError(f"image_wh: expected > 0, got {self.image_wh}")


def static_transform_message(pose: CameraPose, parent: str, child: str, stamp_ns: int) -> Any:
    """`tf2_msgs/TFMessage` of the pose that takes points of frame `child` to frame `parent`."""
    shift = dict(zip("xyz", map(float, pose.translation_m), strict=True))
    turn = dict(zip("xyzw", map(float, pose.quaternion_xyzw), strict=True))
    transform = message(
        "geometry_msgs/msg/TransformStamped",
        header=header_message(stamp_ns, parent),
        child_frame_id=child,
        transform=message(
            "geometry_msgs/msg/Transform",
            translation=message("geometry_msgs/msg/Vector3", **shift),
            rotation=message("geometry_msgs/msg/Quaternion", **turn),
        ),
    )
    return message("tf2_msgs/msg/TFMessage", transforms=[transform])


def to_pose(transform: Any) -> CameraPose:
    """The pose in a `geometry_msgs/Transform`; ValueError where it is none."""
    shift, turn = transform.translation, transform.rotation
    return CameraPose.from_quaternion((turn.x, turn.y, turn.z, turn.w), (shift.x, shift.y, shift.z))


def time_message(stamp_ns: int) -> Any:
    """`builtin_interfaces/Time` of nanoseconds since the epoch."""
    sec, nanosec = divmod(stamp_ns, NS_PER_S)
    return message("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)


def to_ns(time: Any) -> int:
    """Nanoseconds since the epoch of a `builtin_interfaces/Time`."""
    return int(time.sec) * NS_PER_S + int(time.nanosec)


def header_message(stamp_ns: int, frame_id: str) -> Any:
    """`std_msgs/Header` of a stamp (ns) and a frame."""
    return message("std_msgs/msg/Header", stamp=time_message(stamp_ns), frame_id=frame_id)


def thermal_message(frame: ThermalFrame) -> Any:
    """`sensor_msgs/Image`, mono16 centikelvin, little endian."""
    height, width = frame.centikelvin.shape
    data = np.ascontiguousarray(frame.centikelvin, dtype="<u2").view(np.uint8).ravel()
    return message(
        "sensor_msgs/msg/Image",
        header=header_message(frame.stamp_ns, frame.frame_id),
        height=height,
        width=width,
        encoding="mono16",
        is_bigendian=0,
        step=2 * width,
        data=data,
    )


def to_thermal_frame(image: Any) -> ThermalFrame:
    """The frame in a `sensor_msgs/Image` of encoding mono16 (or 16UC1).

    Raises
    ------
    ImageFormatError
        Another encoding, or height, width, step and data do not fit together.
    """
    if image.encoding not in ("mono16", "16UC1"):
        raise ImageFormatError(f"image encoding: expected mono16, got '{image.encoding}'")
    rows = _rows(image, bytes_per_px=2)
    counts = rows.view(">u2" if image.is_bigendian else "<u2").astype(np.uint16)
    return ThermalFrame(to_ns(image.header.stamp), str(image.header.frame_id), counts)


def _rows(image: Any, bytes_per_px: int) -> npt.NDArray[np.uint8]:
    """(H, W * bytes_per_px) uint8: the image without the padding of its rows."""
    height, width, step = int(image.height), int(image.width), int(image.step)
    data = np.frombuffer(image.data, dtype=np.uint8)
    if height <= 0 or width <= 0:
        raise ImageFormatError(f"image size: expected > 0, got {width} x {height}")
    if step < width * bytes_per_px:
        raise ImageFormatError(f"image step: expected >= {width * bytes_per_px}, got {step}")
    if data.size != height * step:
        raise ImageFormatError(f"image data: expected {height * step} bytes, got {data.size}")
    return np.ascontiguousarray(data.reshape(height, step)[:, : width * bytes_per_px])


def rgb_message(frame: RgbFrame, jpeg_quality: int = 90) -> Any:
    """`sensor_msgs/CompressedImage`, JPEG."""
    if not 1 <= jpeg_quality <= 100:
        raise ValueError(f"jpeg_quality: expected 1..100, got {jpeg_quality}")
    _, data = cv2.imencode(".jpg", frame.bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    return message(
        "sensor_msgs/msg/CompressedImage",
        header=header_message(frame.stamp_ns, frame.frame_id),
        format="bgr8; jpeg compressed bgr8",
        data=data.ravel(),
    )


def to_rgb_frame(image: Any) -> RgbFrame:
    """The frame in a CompressedImage, or in an Image of encoding bgr8 or rgb8.

    Raises
    ------
    ImageFormatError
        The data is no JPEG or PNG, or of another encoding, or does not fit its size.
    """
    stamp_ns, frame_id = to_ns(image.header.stamp), str(image.header.frame_id)
    if hasattr(image, "format"):
        return RgbFrame(stamp_ns, frame_id, _decode_jpeg(image))
    if image.encoding not in _COLOUR_TO_BGR:
        raise ImageFormatError(f"image encoding: expected bgr8 or rgb8, got '{image.encoding}'")
    pixels = _rows(image, bytes_per_px=3).reshape(int(image.height), int(image.width), 3)
    code = _COLOUR_TO_BGR[image.encoding]
    bgr = pixels if code is None else cv2.cvtColor(pixels, code)
    return RgbFrame(stamp_ns, frame_id, np.asarray(bgr, dtype=np.uint8))


def _decode_jpeg(image: Any) -> npt.NDArray[np.uint8]:
    data = np.frombuffer(image.data, dtype=np.uint8)
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if bgr is None:
        raise ImageFormatError(
            f"compressed image: expected JPEG or PNG, got {data.size} bytes that are neither"
        )
    return np.asarray(bgr, dtype=np.uint8)


def camera_info_message(info: CameraInfo, stamp_ns: int, frame_id: str) -> Any:
    """`sensor_msgs/CameraInfo`; the projection is that of an unrectified single camera."""
    projection = np.hstack([info.k, np.zeros((3, 1))])
    return message(
        "sensor_msgs/msg/CameraInfo",
        header=header_message(stamp_ns, frame_id),
        height=info.image_wh[1],
        width=info.image_wh[0],
        distortion_model=info.distortion_model,
        d=np.asarray(info.distortion, dtype=np.float64),
        k=np.asarray(info.k, dtype=np.float64).ravel(),
        r=np.eye(3).ravel(),
        p=projection.ravel(),
        binning_x=0,
        binning_y=0,
        roi=message(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0,
            y_offset=0,
            height=0,
            width=0,
            do_rectify=False,
        ),
    )


def to_camera_info(info: Any) -> CameraInfo:
    """The calibration in a `sensor_msgs/CameraInfo`."""
    return CameraInfo(
        image_wh=(int(info.width), int(info.height)),
        k=np.asarray(info.k, dtype=np.float64).reshape(3, 3),
        distortion=np.asarray(info.d, dtype=np.float64),
        distortion_model=str(info.distortion_model),
    )


def truth_message(truth: TrueFrame, frame_id: str) -> Any:
    """`thermal_pose/GroundTruth` of one thermal image."""
    return message(
        "thermal_pose/msg/GroundTruth",
        header=header_message(truth.stamp_ns, frame_id),
        thermal_acquired=time_message(truth.thermal_acquired_ns),
        rgb_acquired=time_message(truth.rgb_acquired_ns),
        asynchronous=truth.asynchronous,
        persons=[_true_person_message(person) for person in truth.persons],
    )


def _true_person_message(person: TruePerson) -> Any:
    box = person.box_xyxy or (0.0, 0.0, 0.0, 0.0)
    return message(
        "thermal_pose/msg/TruePerson",
        person_id=person.person_id,
        role=person.role,
        in_view=person.box_xyxy is not None,
        x_min=box[0],
        y_min=box[1],
        x_max=box[2],
        y_max=box[3],
        area_px=person.area_px,
        x=_floats(person.xy[:, 0]),
        y=_floats(person.xy[:, 1]),
        visibility=np.asarray(person.visibility, dtype=np.uint8),
        joints_m=_floats(person.joints_m.ravel()),
    )


def _floats(values: npt.ArrayLike) -> FloatArray:
    return np.ascontiguousarray(values, dtype=np.float32)


def to_true_frame(truth: Any) -> TrueFrame:
    """The exact state in a `thermal_pose/GroundTruth`."""
    return TrueFrame(
        stamp_ns=to_ns(truth.header.stamp),
        thermal_acquired_ns=to_ns(truth.thermal_acquired),
        rgb_acquired_ns=to_ns(truth.rgb_acquired),
        asynchronous=bool(truth.asynchronous),
        persons=tuple(_to_true_person(person) for person in truth.persons),
    )


def _to_true_person(person: Any) -> TruePerson:
    box = (float(person.x_min), float(person.y_min), float(person.x_max), float(person.y_max))
    return TruePerson(
        person_id=int(person.person_id),
        role=str(person.role),
        box_xyxy=box if person.in_view else None,
        area_px=float(person.area_px),
        xy=np.stack([_floats(person.x), _floats(person.y)], axis=1),
        visibility=np.asarray(person.visibility, dtype=np.uint8),
        joints_m=_floats(person.joints_m).reshape(N_JOINTS, 3),
    )


def timing_message(
    timing: TugTiming,
    *,
    stamp_ns: int,
    frame_id: str,
    subject_id: str = "",
    trial_id: str = "",
    model_id: str = "truth",
    json: str = "",
) -> Any:
    """`thermal_pose/TugReport`: the phases or the reason why there are none.

    `stamp_ns` is that of the trial's last image. Standard deviations are NaN (not estimated).
    """
    total_s = timing.total_s
    return message(
        "thermal_pose/msg/TugReport",
        header=header_message(stamp_ns, frame_id),
        subject_id=subject_id,
        trial_id=trial_id,
        valid=timing.valid,
        reason=timing.reason.value,
        sentence=timing.sentence,
        total_s=float("nan") if total_s is None else total_s,
        total_from_go_s=float("nan"),
        phases=[_interval_message(interval, timing.origin_ns) for interval in timing],
        model_id=model_id,
        json=json,
    )


def _interval_message(interval: PhaseInterval, origin_ns: int) -> Any:
    return message(
        "thermal_pose/msg/TugPhaseInterval",
        phase=int(interval.phase),
        start=time_message(origin_ns + round(interval.start_s * NS_PER_S)),
        end=time_message(origin_ns + round(interval.end_s * NS_PER_S)),
        start_sd_s=float("nan"),
        end_sd_s=float("nan"),
    )


def to_timing(report: Any, origin_ns: int) -> TugTiming:
    """The timing in a `thermal_pose/TugReport`, in seconds since `origin_ns`."""
    return TugTiming(
        origin_ns=origin_ns,
        phases=tuple(
            PhaseInterval(
                Phase(int(interval.phase)),
                (to_ns(interval.start) - origin_ns) / NS_PER_S,
                (to_ns(interval.end) - origin_ns) / NS_PER_S,
            )
            for interval in report.phases
        ),
        reason=TrialReason(str(report.reason)),
        sentence=str(report.sentence),
    )
