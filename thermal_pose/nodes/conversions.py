# SPDX-License-Identifier: Apache-2.0
"""Between ROS messages and the records of `types.py`; bad messages raise ImageFormatError."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from cv_bridge import CvBridge
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from thermal_pose import msg  # type: ignore[attr-defined]
from thermal_pose.bags.messages import to_timing
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.errors import ImageFormatError
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import (
    NS_PER_S,
    FrameKeypoints,
    PersonBox,
    PersonKeypoints,
    PhaseInterval,
    ThermalFrame,
    TugTiming,
)

#: Both names mean one 16-bit channel; the cv_bridge wheel takes 16UC1 for 8 bits.
THERMAL_ENCODINGS = ("mono16", "16UC1")
_BYTES_PER_COUNT = 2
_BRIDGE = CvBridge()


def stamp_to_ns(stamp: Time) -> int:
    """Return a stamp as integer nanoseconds."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def ns_to_stamp(stamp_ns: int) -> Time:
    """Return integer nanoseconds as a stamp."""
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return Time(sec=sec, nanosec=nanosec)


def make_header(stamp_ns: int, frame_id: str) -> Header:
    """Return a header that repeats an image's stamp and frame bit for bit."""
    return Header(stamp=ns_to_stamp(stamp_ns), frame_id=frame_id)


def transform_to_msg(pose: CameraPose, parent: str, child: str, stamp_ns: int) -> TransformStamped:
    """Return the pose that takes points of frame `child` to frame `parent` as a transform."""
    message = TransformStamped(header=make_header(stamp_ns, parent), child_frame_id=child)
    shift, turn = message.transform.translation, message.transform.rotation
    shift.x, shift.y, shift.z = pose.translation_m.tolist()
    turn.x, turn.y, turn.z, turn.w = pose.quaternion_xyzw.tolist()
    return message


def check_image(message: Image, encodings: Sequence[str], bytes_per_pixel: int) -> None:
    """Raise ImageFormatError unless encoding, size, step and data length agree."""
    if message.encoding not in encodings:
        raise ImageFormatError(
            f"image encoding {message.encoding!r}: expected {' or '.join(encodings)}"
        )
    if message.width == 0 or message.height == 0:
        raise ImageFormatError(f"image of {message.width} x {message.height} px is empty")
    if message.step < message.width * bytes_per_pixel:
        raise ImageFormatError(
            f"image step {message.step}: expected at least {message.width * bytes_per_pixel} "
            f"bytes for {message.width} px of {message.encoding}"
        )
    if len(message.data) != message.step * message.height:
        raise ImageFormatError(
            f"image data of {len(message.data)} bytes: expected step x height = "
            f"{message.step * message.height}"
        )


def _pixels(message: Image) -> npt.NDArray[np.uint16]:
    """Return a copy of 16-bit pixels without row padding, in this machine's byte order.

    The cv_bridge wheel handles neither padding nor foreign byte order with numpy 2.
    """
    order = ">u2" if message.is_bigendian else "<u2"
    rows = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
    packed = np.ascontiguousarray(rows[:, : message.width * _BYTES_PER_COUNT])
    return packed.view(order).astype(np.uint16)


def thermal_from_msg(message: Image) -> ThermalFrame:
    """Return the radiometric frame of a mono16 (or 16UC1) centikelvin image.

    Raises
    ------
    ImageFormatError
        Wrong encoding, size, step or amount of data.
    """
    check_image(message, THERMAL_ENCODINGS, _BYTES_PER_COUNT)
    return ThermalFrame(
        stamp_to_ns(message.header.stamp), message.header.frame_id, _pixels(message)
    )


def thermal_to_msg(frame: ThermalFrame) -> Image:
    """Return a radiometric frame as a mono16 image."""
    header = make_header(frame.stamp_ns, frame.frame_id)
    return image_to_msg(frame.centikelvin, "mono16", header)


def image_to_msg(pixels: npt.NDArray[Any], encoding: str, header: Header) -> Image:
    """Return an (H, W) or (H, W, C) picture as an image message."""
    # cv_bridge of the wheels has no `header` argument.
    message = _BRIDGE.cv2_to_imgmsg(np.ascontiguousarray(pixels), encoding)
    message.header = header
    return message


def box_to_msg(box: PersonBox) -> msg.PersonBox:
    """Return a box as a message."""
    left, top, right, bottom = (float(edge) for edge in box.xyxy)
    return msg.PersonBox(
        x_min=left,
        y_min=top,
        x_max=right,
        y_max=bottom,
        score=float(box.score),
        track_id=box.track_id,
    )


def box_from_msg(message: msg.PersonBox) -> PersonBox:
    """Return a message's box; ImageFormatError where it is empty or not finite."""
    xyxy = (message.x_min, message.y_min, message.x_max, message.y_max)
    if not np.isfinite(xyxy).all() or xyxy[2] <= xyxy[0] or xyxy[3] <= xyxy[1]:
        raise ImageFormatError(f"person box {xyxy}: expected finite x_min < x_max, y_min < y_max")
    return PersonBox(xyxy, message.score, message.track_id)


def boxes_to_msg(
    stamp_ns: int, frame_id: str, boxes: Sequence[PersonBox], detected: bool
) -> msg.PersonBoxes:
    """Return the boxes of one image; `detected` says whether the detector ran on it."""
    return msg.PersonBoxes(
        header=make_header(stamp_ns, frame_id),
        detected=detected,
        persons=[box_to_msg(box) for box in boxes],
    )


def boxes_from_msg(message: msg.PersonBoxes) -> tuple[PersonBox, ...]:
    """Return all boxes of a message."""
    return tuple(box_from_msg(person) for person in message.persons)


def _person_to_msg(person: PersonKeypoints) -> msg.PersonKeypoints:
    return msg.PersonKeypoints(
        track_id=person.track_id,
        box=box_to_msg(person.box),
        x=person.xy[:, 0].astype(np.float32),
        y=person.xy[:, 1].astype(np.float32),
        score=person.scores.astype(np.float32),
        person_score=float(person.person_score),
    )


def _person_from_msg(message: msg.PersonKeypoints) -> PersonKeypoints:
    xy = np.stack([message.x, message.y], axis=1).astype(np.float32)
    scores = np.asarray(message.score, dtype=np.float32).reshape(N_JOINTS)
    box = box_from_msg(message.box)
    return PersonKeypoints(message.track_id, box, xy, scores, message.person_score)


def keypoints_to_msg(frame: FrameKeypoints) -> msg.Keypoints:
    """Return all persons of one image as a message."""
    return msg.Keypoints(
        header=make_header(frame.stamp_ns, frame.frame_id),
        model_id=frame.model_id,
        image_width=frame.image_wh[0],
        image_height=frame.image_wh[1],
        persons=[_person_to_msg(person) for person in frame.persons],
    )


def keypoints_from_msg(message: msg.Keypoints) -> FrameKeypoints:
    """Return a message's persons."""
    return FrameKeypoints(
        stamp_ns=stamp_to_ns(message.header.stamp),
        frame_id=message.header.frame_id,
        model_id=message.model_id,
        image_wh=(message.image_width, message.image_height),
        persons=tuple(_person_from_msg(person) for person in message.persons),
    )


def interval_to_msg(
    interval: PhaseInterval, origin_ns: int, start_sd_s: float, end_sd_s: float
) -> msg.TugPhaseInterval:
    """Return a phase as a message with absolute stamps."""
    return msg.TugPhaseInterval(
        phase=int(interval.phase),
        start=ns_to_stamp(origin_ns + round(interval.start_s * NS_PER_S)),
        end=ns_to_stamp(origin_ns + round(interval.end_s * NS_PER_S)),
        start_sd_s=float(start_sd_s),
        end_sd_s=float(end_sd_s),
    )


def timing_from_msg(message: msg.TugReport) -> TugTiming:
    """Return the timing that a report message states, in seconds since its first phase."""
    first = message.phases[0].start if message.phases else message.header.stamp
    return to_timing(message, stamp_to_ns(first))


def report_to_msg(result: TrialResult, last: FrameKeypoints) -> msg.TugReport:
    """Return a trial's result as a message, stamped as the trial's last image."""
    sds_s = result.boundary_sds_s
    return msg.TugReport(
        header=make_header(last.stamp_ns, last.frame_id),
        subject_id=result.subject_id,
        trial_id=result.trial_id,
        valid=result.timing.valid,
        reason=str(result.timing.reason),
        sentence=result.timing.sentence,
        total_s=_or_nan(result.total_s),
        total_from_go_s=_or_nan(result.total_from_go_s),
        phases=[
            interval_to_msg(
                interval,
                result.timing.origin_ns,
                sds_s[index] if sds_s else float("nan"),
                sds_s[index + 1] if sds_s else float("nan"),
            )
            for index, interval in enumerate(result.timing.phases)
        ],
        model_id=result.provenance.model_id,
        json=result.to_json(),
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)
