# SPDX-License-Identifier: Apache-2.0
"""Outside data never raises anything but our own errors: every field of every message taken.

Each number of each message is set to 0, -1, the limits of its type, NaN and infinity in turn.
"""

import array
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support import faults

from thermal_pose.bags import schema
from thermal_pose.clinical.course import PhaseUpdate
from thermal_pose.errors import MessageFormatError
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.messages.cameras import (
    camera_info_message,
    to_camera_info,
    to_camera_pose,
    transform_message,
)
from thermal_pose.messages.images import (
    rgb_message,
    thermal_message,
    to_rgb_frame,
    to_thermal_frame,
)
from thermal_pose.messages.people import (
    keypoints_message,
    person_boxes_message,
    to_keypoints,
    to_person_boxes,
)
from thermal_pose.messages.trials import phase_message, timing_message, to_phase, to_timing
from thermal_pose.nodes.message_types import live
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import (
    FrameKeypoints,
    PersonBox,
    PersonKeypoints,
    Phase,
    PhaseInterval,
    RgbFrame,
    ThermalFrame,
    TugTiming,
)

STAMP_NS = 1_760_000_000_000_000_000
_INTEGER_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
_FLOATS = (0.0, -1.0, 1e30, -1e30, math.nan, math.inf, -math.inf)


def _person() -> PersonKeypoints:
    xy = np.linspace(1, 50, 2 * N_JOINTS, dtype=np.float32).reshape(N_JOINTS, 2)
    box = PersonBox((1.0, 2.0, 40.0, 55.0), 0.9, 1)
    return PersonKeypoints(1, box, xy, np.full(N_JOINTS, 0.5, np.float32), 0.9)


def _messages() -> dict[str, tuple[Any, Callable[[Any], object]]]:
    """A good message of each kind that nodes and viewers take, and what decodes it."""
    counts = np.full((6, 8), 29515, np.uint16)
    info = CameraInfo((80, 60), np.diag([84.0, 84.0, 1.0]), np.zeros(5))
    pose = CameraPose.from_quaternion((0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    timing = TugTiming(STAMP_NS, (PhaseInterval(Phase.SIT_TO_STAND, 1.0, 2.0),))
    keypoints = FrameKeypoints(STAMP_NS, "cam", "m", (80, 60), (_person(),))
    bgr = RgbFrame(STAMP_NS, "rgb", np.zeros((6, 8, 3), np.uint8))
    return {
        "Image": (thermal_message(live, ThermalFrame(STAMP_NS, "cam", counts)), to_thermal_frame),
        "CompressedImage": (rgb_message(live, bgr), to_rgb_frame),
        "CameraInfo": (camera_info_message(live, info, STAMP_NS, "cam"), to_camera_info),
        "Transform": (
            transform_message(live, pose, "a", "b", STAMP_NS),
            lambda message: to_camera_pose(message.transform),
        ),
        "PersonBoxes": (
            person_boxes_message(live, STAMP_NS, "cam", [_person().box], True),
            to_person_boxes,
        ),
        "Keypoints": (keypoints_message(live, keypoints), to_keypoints),
        "TugPhase": (
            phase_message(live, "cam", PhaseUpdate(STAMP_NS, Phase.TURN, 0.9, 1.0, 1, False)),
            to_phase,
        ),
        "TugReport": (timing_message(live, timing, stamp_ns=STAMP_NS, frame_id="cam"), to_timing),
    }


def _extremes(kind: str) -> tuple[Any, ...]:
    if kind in ("float", "double"):
        return _FLOATS
    if kind.lstrip("u") in _INTEGER_BITS:
        bits = _INTEGER_BITS[kind.lstrip("u")]
        return (
            (0, 2**bits - 1) if kind[0] == "u" else (0, -1, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
    return {"string": ("", "\x00", "x" * 300), "boolean": (False, True)}.get(kind, ())


def _changes(message: Any) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """Yield each change of each field, however deep: its name, what does it, what undoes it."""
    for name, kind in message.get_fields_and_field_types().items():
        value = getattr(message, name)
        if hasattr(value, "get_fields_and_field_types"):
            for inner, do, undo in _changes(value):
                yield f"{name}.{inner}", do, undo
        elif isinstance(value, list) and value and not isinstance(value[0], str | bytes):
            for inner, do, undo in _changes(value[0]):
                yield f"{name}[0].{inner}", do, undo
        elif isinstance(value, np.ndarray | array.array) and len(value):
            first = value[0]
            extremes = _FLOATS if isinstance(first, float | np.floating) else (0, 255)
            for extreme in extremes:
                yield (
                    f"{name}[0] = {extreme}",
                    lambda v=value, e=extreme: v.__setitem__(0, e),
                    lambda v=value, f=first: v.__setitem__(0, f),
                )
        else:
            for extreme in _extremes(kind):
                yield (
                    f"{name} = {extreme!r}",
                    lambda n=name, e=extreme: setattr(message, n, e),
                    lambda n=name, v=value: setattr(message, n, v),
                )


@pytest.mark.faults
@pytest.mark.filterwarnings("error")
def test_no_value_of_any_field_raises_anything_else():
    tried = refused = 0
    for kind, (message, decode) in _messages().items():
        decode(message)
        for change, do, undo in _changes(message):
            do()
            try:
                decode(message)
            except MessageFormatError:
                refused += 1
            except Exception as error:
                raise AssertionError(f"{kind}.{change}: {type(error).__name__}: {error}") from error
            finally:
                undo()
            tried += 1
        decode(message)
    assert tried > 250 and refused > 100
    faults.record(
        "message with a field at 0, -1, its type's limits, NaN or infinity",
        tried,
        f"{refused} refused by a message of their own, {tried - refused} read; no other error",
    )


@pytest.mark.parametrize(
    ("decode", "name"),
    [
        (to_keypoints, "Keypoints"),  # of size 0 x 0
        (to_timing, "TugReport"),  # without a reason
    ],
)
def test_default_message_is_refused(decode, name):
    with pytest.raises(MessageFormatError):
        decode(live(f"thermal_pose/msg/{name}"))


def test_camera_info_of_zeros_is_an_uncalibrated_camera():
    assert to_camera_info(live("sensor_msgs/msg/CameraInfo")) is None


@pytest.mark.parametrize("size", [(0, 0), (80, 0), (0, 60)])
def test_calibrated_camera_info_of_an_empty_image_is_refused(size):
    message, _ = _messages()["CameraInfo"]
    message.width, message.height = size
    with pytest.raises(MessageFormatError, match="image_wh: expected > 0"):
        to_camera_info(message)


def test_phase_255_is_refused():
    message, _ = _messages()["TugPhase"]
    message.phase = 255
    with pytest.raises(MessageFormatError, match="255 is not a valid Phase"):
        to_phase(message)


def test_recorded_messages_are_judged_as_live_ones():
    keypoints = FrameKeypoints(STAMP_NS, "cam", "m", (80, 60), (_person(),))
    message = keypoints_message(schema.message, keypoints)
    message.persons[0].x[3] = np.inf
    with pytest.raises(MessageFormatError, match="joints: expected pixels or NaN"):
        to_keypoints(message)
