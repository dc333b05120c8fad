# SPDX-License-Identifier: Apache-2.0
"""Records to messages and back, with the objects of rclpy and with those of rosbags."""

import array

import numpy as np
import pytest

from thermal_pose.bags import schema
from thermal_pose.errors import ImageFormatError, MessageFormatError
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.messages.cameras import (
    camera_info_message,
    static_transform_message,
    to_camera_info,
    to_camera_pose,
)
from thermal_pose.messages.fields import header_message, time_message, to_stamp_ns
from thermal_pose.messages.images import (
    image_message,
    rgb_message,
    thermal_message,
    to_rgb_frame,
    to_thermal_frame,
)
from thermal_pose.messages.people import (
    keypoints_message,
    person_box_message,
    person_boxes_message,
    to_keypoints,
    to_person_box,
    to_person_boxes,
)
from thermal_pose.messages.trials import interval_message, timing_message, to_timing
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
    TrialReason,
    TugTiming,
)

STAMP_NS = 1_760_000_000_123_456_789


@pytest.fixture(params=[live, schema.message], ids=["rclpy", "rosbags"])
def make(request):
    return request.param


def frame(height=60, width=80):
    counts = np.arange(height * width, dtype=np.uint16).reshape(height, width) + 29_315
    return ThermalFrame(STAMP_NS, "thermal_camera", counts)


def set_data(message, data):
    """Give a message other bytes, as each library holds them."""
    as_array = isinstance(message.data, array.array)
    message.data = array.array("B", data) if as_array else np.frombuffer(data, np.uint8)


def person(track_id=3):
    xy = np.linspace(0, 59, N_JOINTS * 2, dtype=np.float32).reshape(N_JOINTS, 2)
    xy[4] = np.nan
    scores = np.linspace(0, 1, N_JOINTS, dtype=np.float32)
    return PersonKeypoints(track_id, PersonBox((1.5, 2.0, 30.25, 55.0), 0.75, track_id), xy, scores)


@pytest.mark.parametrize("shape", [(60, 80), (62, 80), (120, 160), (1, 1)])
def test_thermal_round_trip_is_exact(make, shape):
    original = frame(*shape)
    back = to_thermal_frame(thermal_message(make, original))
    assert (back.stamp_ns, back.frame_id) == (original.stamp_ns, original.frame_id)
    np.testing.assert_array_equal(back.centikelvin, original.centikelvin)


def test_16uc1_reads_as_mono16(make):
    message = thermal_message(make, frame())
    message.encoding = "16UC1"
    np.testing.assert_array_equal(to_thermal_frame(message).centikelvin, frame().centikelvin)


def test_big_endian_image_is_read_in_its_byte_order(make):
    message = thermal_message(make, frame())
    message.is_bigendian = 1
    set_data(message, frame().centikelvin.astype(">u2").tobytes())
    np.testing.assert_array_equal(to_thermal_frame(message).centikelvin, frame().centikelvin)


def test_padded_rows_are_skipped(make):
    message = thermal_message(make, frame())
    padded = np.zeros((60, 84), np.uint16)
    padded[:, :80] = frame().centikelvin
    message.step = 84 * 2
    set_data(message, padded.tobytes())
    np.testing.assert_array_equal(to_thermal_frame(message).centikelvin, frame().centikelvin)


@pytest.mark.parametrize("order", ["<f4", ">f4"])
@pytest.mark.parametrize("zero_degc", [0.0, 273.15], ids=["celsius", "kelvin"])
def test_floating_point_temperatures_become_centikelvin(make, zero_degc, order):
    degrees = (frame().centikelvin / 100.0 - 273.15 + zero_degc).astype(order)
    degrees[3, 4] = np.nan  # a dead pixel
    header = header_message(make, STAMP_NS, "thermal_camera")
    message = image_message(make, degrees.astype("<f4"), "32FC1", header)
    message.is_bigendian = int(order[0] == ">")
    set_data(message, degrees.tobytes())
    expected = frame().centikelvin.astype(int)
    expected[3, 4] = np.median(expected)
    difference = to_thermal_frame(message).centikelvin.astype(int) - expected
    assert np.abs(difference).max() <= 1  # float32 kelvin hold 0.00003 K


def test_floating_point_image_of_dead_pixels_is_refused(make):
    header = header_message(make, STAMP_NS, "thermal_camera")
    message = image_message(make, np.full((6, 8), np.inf, np.float32), "32FC1", header)
    with pytest.raises(ImageFormatError, match="48 of 48 temperatures are NaN or infinite"):
        to_thermal_frame(message)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"encoding": "rgb8"}, "encoding 'rgb8': expected mono16"),
        ({"encoding": "mono8"}, "encoding 'mono8'"),
        ({"encoding": ""}, "encoding ''"),
        ({"width": 0}, "0 x 60 px is empty"),
        ({"height": 0}, "80 x 0 px is empty"),
        ({"width": 2**32 - 1}, "step 160: expected at least"),
        ({"step": 10}, "step 10: expected at least 160"),
        ({"step": 170}, "data of 9600 bytes: expected step x height = 10200"),
        ({"data": b""}, "data of 0 bytes"),
        ({"data": b"\x00" * 9599}, "data of 9599 bytes"),
    ],
)
def test_malformed_image_is_refused_with_expected_and_actual(make, change, complaint):
    message = thermal_message(make, frame())
    for name, value in change.items():
        if name == "data":
            set_data(message, value)
        else:
            setattr(message, name, value)
    with pytest.raises(ImageFormatError, match=complaint):
        to_thermal_frame(message)


def test_empty_message_is_refused():
    from sensor_msgs.msg import Image

    with pytest.raises(ImageFormatError):
        to_thermal_frame(Image())


@pytest.mark.parametrize("encoding", ["bgr8", "rgb8"])
def test_raw_colour_is_read_in_its_order(make, encoding):
    bgr = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    pixels = bgr if encoding == "bgr8" else bgr[..., ::-1]
    message = image_message(make, pixels, encoding, header_message(make, STAMP_NS, "rgb"))
    np.testing.assert_array_equal(to_rgb_frame(message).bgr, bgr)


def test_other_colour_encodings_are_left_to_cv_bridge_or_refused(monkeypatch):
    import sys

    message = image_message(live, np.zeros((6, 8), np.uint8), "mono8", header_message(live, 1, "c"))
    assert to_rgb_frame(message).bgr.shape == (6, 8, 3)
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    with pytest.raises(ImageFormatError, match="encoding 'mono8': expected bgr8 or rgb8"):
        to_rgb_frame(message)


def test_jpeg_round_trip_and_damage(make):
    bgr = np.full((6, 8, 3), 90, np.uint8)
    message = rgb_message(make, RgbFrame(STAMP_NS, "rgb", bgr))
    assert np.abs(to_rgb_frame(message).bgr.astype(int) - 90).max() <= 2
    set_data(message, b"not a picture")
    with pytest.raises(ImageFormatError, match="13 bytes that are neither"):
        to_rgb_frame(message)


@pytest.mark.parametrize("persons", [(), (person(),), (person(1), person(2))])
def test_keypoints_round_trip_bit_for_bit(make, persons):
    original = FrameKeypoints(STAMP_NS, "cam", "student:0123456789ab", (80, 60), persons)
    back = to_keypoints(keypoints_message(make, original))
    assert (back.stamp_ns, back.frame_id, back.model_id, back.image_wh) == (
        STAMP_NS,
        "cam",
        "student:0123456789ab",
        (80, 60),
    )
    assert len(back.persons) == len(persons)
    for one, other in zip(back.persons, persons, strict=True):
        assert one.xy.tobytes() == other.xy.tobytes()
        assert one.scores.tobytes() == other.scores.tobytes()
        assert one.box == other.box and one.track_id == other.track_id


def test_boxes_round_trip(make):
    boxes = (PersonBox((0.0, 0.5, 10.0, 20.0), 0.5), PersonBox((1.0, 1.0, 2.0, 2.0), 1.0, 9))
    message = person_boxes_message(make, STAMP_NS, "cam", boxes, detected=True)
    assert message.detected
    assert to_person_boxes(message) == boxes


@pytest.mark.parametrize("edge", [float("nan"), float("inf"), 0.0, 1e30])
def test_impossible_box_is_refused(make, edge):
    message = person_box_message(make, PersonBox((0.0, 0.0, 1.0, 1.0), 0.5))
    message.x_max = edge
    with pytest.raises(MessageFormatError, match="person box"):
        to_person_box(message)


@pytest.mark.parametrize("stamp_ns", [0, 1, 999_999_999, 1_000_000_000, STAMP_NS])
def test_stamps_round_trip(make, stamp_ns):
    assert to_stamp_ns(time_message(make, stamp_ns)) == stamp_ns


@pytest.mark.parametrize(("sec", "nanosec"), [(-1, 0), (0, 1_000_000_000), (5, 2**32 - 1)])
def test_impossible_stamp_is_refused(make, sec, nanosec):
    with pytest.raises(MessageFormatError, match="expected sec >= 0 and nanosec"):
        to_stamp_ns(make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec))


def test_interval_becomes_absolute_stamps(make):
    interval = PhaseInterval(Phase.TURN, 1.25, 2.5)
    message = interval_message(make, interval, STAMP_NS, 0.01, float("nan"))
    assert to_stamp_ns(message.start) == STAMP_NS + 1_250_000_000
    assert to_stamp_ns(message.end) == STAMP_NS + 2_500_000_000


def test_timing_round_trip(make):
    phases = (PhaseInterval(Phase.SIT_TO_STAND, 1.0, 2.5), PhaseInterval(Phase.WALK_OUT, 2.5, 4.0))
    original = TugTiming(STAMP_NS, phases)
    message = timing_message(make, original, stamp_ns=STAMP_NS, frame_id="cam")
    assert to_timing(message, STAMP_NS) == original
    refused = TugTiming(STAMP_NS, (), TrialReason.NEVER_SAT, "Nobody sat.")
    message = timing_message(make, refused, stamp_ns=STAMP_NS, frame_id="cam")
    assert to_timing(message) == refused and np.isnan(message.total_s)


def test_camera_info_and_pose_round_trip(make):
    info = CameraInfo((80, 60), np.diag([84.0, 85.0, 1.0]), np.array([0.1, 0, 0, 0, 0]))
    back = to_camera_info(camera_info_message(make, info, STAMP_NS, "cam"))
    assert back is not None and back.image_wh == info.image_wh
    np.testing.assert_array_equal(back.k, info.k)
    np.testing.assert_array_equal(back.distortion, info.distortion)
    pose = CameraPose.from_quaternion((0.1, 0.2, 0.3, 0.9), (1.0, 2.0, 3.0))
    message = static_transform_message(make, pose, "thermal", "rgb", STAMP_NS)
    found = to_camera_pose(message.transforms[0].transform)
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=1e-12)
    message.transforms[0].transform.rotation.w = float("nan")
    with pytest.raises(MessageFormatError, match="transform"):
        to_camera_pose(message.transforms[0].transform)
