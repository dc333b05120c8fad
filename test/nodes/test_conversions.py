# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from sensor_msgs.msg import Image

from thermal_pose.errors import ImageFormatError
from thermal_pose.nodes import conversions
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import (
    FrameKeypoints,
    PersonBox,
    PersonKeypoints,
    Phase,
    PhaseInterval,
    ThermalFrame,
)

STAMP_NS = 1_760_000_000_123_456_789


def frame(height=60, width=80):
    counts = np.arange(height * width, dtype=np.uint16).reshape(height, width) + 29_315
    return ThermalFrame(STAMP_NS, "thermal_camera", counts)


def person(track_id=3):
    xy = np.linspace(0, 59, N_JOINTS * 2, dtype=np.float32).reshape(N_JOINTS, 2)
    xy[4] = np.nan
    scores = np.linspace(0, 1, N_JOINTS, dtype=np.float32)
    return PersonKeypoints(track_id, PersonBox((1.5, 2.0, 30.25, 55.0), 0.75, track_id), xy, scores)


@pytest.mark.parametrize("shape", [(60, 80), (62, 80), (1, 1)])
def test_thermal_round_trip_is_exact(shape):
    original = frame(*shape)
    back = conversions.thermal_from_msg(conversions.thermal_to_msg(original))
    assert (back.stamp_ns, back.frame_id) == (original.stamp_ns, original.frame_id)
    np.testing.assert_array_equal(back.centikelvin, original.centikelvin)


def test_16uc1_reads_as_mono16():
    message = conversions.thermal_to_msg(frame())
    message.encoding = "16UC1"
    np.testing.assert_array_equal(
        conversions.thermal_from_msg(message).centikelvin, frame().centikelvin
    )


def test_big_endian_image_is_read_in_its_byte_order():
    original = frame()
    message = conversions.thermal_to_msg(original)
    message.is_bigendian = 1
    message.data = original.centikelvin.astype(">u2").tobytes()
    np.testing.assert_array_equal(
        conversions.thermal_from_msg(message).centikelvin, original.centikelvin
    )


def test_padded_rows_are_skipped():
    original = frame()
    message = conversions.thermal_to_msg(original)
    padded = np.zeros((60, 84), np.uint16)
    padded[:, :80] = original.centikelvin
    message.step = 84 * 2
    message.data = padded.tobytes()
    np.testing.assert_array_equal(
        conversions.thermal_from_msg(message).centikelvin, original.centikelvin
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"encoding": "rgb8"}, "encoding 'rgb8': expected mono16"),
        ({"encoding": ""}, "encoding ''"),
        ({"width": 0}, "0 x 60 px is empty"),
        ({"height": 0}, "80 x 0 px is empty"),
        ({"step": 10}, "step 10: expected at least 160"),
        ({"step": 170}, "data of 9600 bytes: expected step x height = 10200"),
        ({"data": b""}, "data of 0 bytes"),
        ({"data": b"\x00" * 9599}, "data of 9599 bytes"),
    ],
)
def test_malformed_image_is_refused_with_expected_and_actual(change, complaint):
    message = conversions.thermal_to_msg(frame())
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ImageFormatError, match=complaint):
        conversions.thermal_from_msg(message)


def test_empty_message_is_refused():
    with pytest.raises(ImageFormatError):
        conversions.thermal_from_msg(Image())


@pytest.mark.parametrize("persons", [(), (person(),), (person(1), person(2))])
def test_keypoints_round_trip_bit_for_bit(persons):
    original = FrameKeypoints(STAMP_NS, "cam", "student:0123456789ab", (80, 60), persons)
    back = conversions.keypoints_from_msg(conversions.keypoints_to_msg(original))
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


def test_boxes_round_trip():
    boxes = (PersonBox((0.0, 0.5, 10.0, 20.0), 0.5), PersonBox((1.0, 1.0, 2.0, 2.0), 1.0, 9))
    message = conversions.boxes_to_msg(STAMP_NS, "cam", boxes, detected=True)
    assert message.detected
    assert conversions.boxes_from_msg(message) == boxes


@pytest.mark.parametrize("edge", [float("nan"), float("inf"), 0.0])
def test_impossible_box_is_refused(edge):
    message = conversions.box_to_msg(PersonBox((0.0, 0.0, 1.0, 1.0), 0.5))
    message.x_max = edge
    with pytest.raises(ImageFormatError, match="person box"):
        conversions.box_from_msg(message)


@pytest.mark.parametrize("stamp_ns", [0, 1, 999_999_999, 1_000_000_000, STAMP_NS])
def test_stamps_round_trip(stamp_ns):
    assert conversions.stamp_to_ns(conversions.ns_to_stamp(stamp_ns)) == stamp_ns


def test_interval_becomes_absolute_stamps():
    interval = PhaseInterval(Phase.TURN, 1.25, 2.5)
    message = conversions.interval_to_msg(interval, STAMP_NS, 0.01, float("nan"))
    assert conversions.stamp_to_ns(message.start) == STAMP_NS + 1_250_000_000
    assert conversions.stamp_to_ns(message.end) == STAMP_NS + 2_500_000_000
