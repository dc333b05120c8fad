# SPDX-License-Identifier: Apache-2.0
"""Recordings: round trips, determinism, layout, and one clear error for each bad recording."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from mcap.stream_reader import StreamReader
from rosbags.rosbag2 import StoragePlugin, Writer
from support.trials import START_NS, STEP_NS, thermal_frame, true_frame, write_trial

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.writer import BagWriter
from thermal_pose.errors import (
    BagCorruptError,
    BagNotFoundError,
    BagSchemaError,
    ImageFormatError,
    StorageError,
)
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.messages.cameras import camera_info_message
from thermal_pose.messages.images import rgb_message, thermal_message, to_thermal_frame
from thermal_pose.messages.trials import timing_message
from thermal_pose.types import (
    Phase,
    PhaseInterval,
    RgbFrame,
    TrialReason,
    TugTiming,
)


def test_thermal_frames_and_truth_survive_a_recording(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial")
    with BagReader(tmp_path / "trial") as bag:
        frames = list(bag.thermal_frames())
        truth = list(bag.true_frames())
        assert bag.message_count == 48
        assert bag.duration_s == pytest.approx(23 * 0.125)
        assert bag.custom_data == {"subject_id": "S01"}
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.centikelvin, thermal_frame(index).centikelvin)
        assert frame.stamp_ns == START_NS + index * STEP_NS
    for index, state in enumerate(truth):
        expected = true_frame(index)
        assert (state.stamp_ns, state.thermal_acquired_ns, state.rgb_acquired_ns) == (
            expected.stamp_ns,
            expected.thermal_acquired_ns,
            expected.rgb_acquired_ns,
        )
        assert state.asynchronous == expected.asynchronous
        assert state.persons[0].box_xyxy == expected.persons[0].box_xyxy
        np.testing.assert_array_equal(state.persons[0].xy, expected.persons[0].xy)
        np.testing.assert_array_equal(state.persons[0].joints_m, expected.persons[0].joints_m)
        np.testing.assert_array_equal(state.persons[0].visibility, expected.persons[0].visibility)


@pytest.mark.parametrize(
    "timing",
    [
        TugTiming(
            START_NS,
            (
                PhaseInterval(Phase.SIT_TO_STAND, 1.0625, 2.5),
                PhaseInterval(Phase.WALK_OUT, 2.5, 4.75),
            ),
        ),
        TugTiming(START_NS, (), TrialReason.NEVER_STOOD, "The person never stood up."),
    ],
)
def test_true_timing_survives_a_recording(tmp_path: Path, timing: TugTiming) -> None:
    frame = thermal_frame(0)
    with BagWriter(tmp_path / "trial") as bag:
        bag.write(schema.THERMAL_IMAGE, frame.stamp_ns, thermal_message(schema.message, frame))
        report = timing_message(schema.message, timing, stamp_ns=frame.stamp_ns, frame_id="thermal")
        bag.write(schema.TRUTH_TUG, frame.stamp_ns, report)
    with BagReader(tmp_path / "trial") as bag:
        assert bag.true_timing() == timing


def test_colour_and_camera_info_survive_a_recording(tmp_path: Path) -> None:
    gradient = np.linspace(0, 255, 64, dtype=np.uint8)
    bgr = np.dstack([np.tile(gradient, (36, 1))] * 3)
    info = CameraInfo((64, 36), np.diag([50.0, 50.0, 1.0]), np.array([0.1, 0, 0, 0, 0]))
    with BagWriter(tmp_path / "trial") as bag:
        bag.write(
            schema.RGB_COMPRESSED,
            5,
            rgb_message(schema.message, RgbFrame(5, "rgb", bgr), jpeg_quality=95),
        )
        bag.write(schema.RGB_INFO, 5, camera_info_message(schema.message, info, 5, "rgb"))
    with BagReader(tmp_path / "trial") as bag:
        (frame,) = bag.rgb_frames()
        read = bag.camera_info(schema.RGB_INFO)
    assert np.abs(frame.bgr.astype(int) - bgr).max() <= 4
    np.testing.assert_array_equal(read.k, info.k)
    np.testing.assert_array_equal(read.distortion, info.distortion)


def test_same_messages_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_trial(tmp_path / name / "trial")
    for file_name in ("trial_0.mcap", "metadata.yaml"):
        first, second = (tmp_path / name / "trial" / file_name for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_metadata_has_the_fields_that_rosbag2_documents(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial")
    text = (tmp_path / "trial" / "metadata.yaml").read_text()
    info = yaml.safe_load(text)["rosbag2_bagfile_information"]
    assert info["version"] == 9
    assert info["storage_identifier"] == "mcap"
    assert info["message_count"] == 48
    assert info["relative_file_paths"] == ["trial_0.mcap"]
    assert info["duration"]["nanoseconds"] == 23 * STEP_NS
    topic = info["topics_with_message_count"][0]["topic_metadata"]
    # REP-2016 hash of sensor_msgs/msg/Image, as `ros2 topic info -v` prints it.
    assert topic["type_description_hash"] == (
        "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"
    )
    assert topic["offered_qos_profiles"][0]["reliability"] == "reliable"


def test_chunks_are_checked_and_hold_at_most_half_a_second(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial")
    with (tmp_path / "trial" / "trial_0.mcap").open("rb") as stream:
        chunks = [
            record
            for record in StreamReader(stream, emit_chunks=True, validate_crcs=True).records
            if type(record).__name__ == "Chunk"
        ]
    assert len(chunks) >= 5
    assert all(chunk.uncompressed_crc for chunk in chunks)
    assert all(chunk.message_end_time - chunk.message_start_time <= 5e8 for chunk in chunks)


def test_an_exception_leaves_a_recording_that_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    frame = thermal_frame(0)
    with pytest.raises(RuntimeError), BagWriter(tmp_path / "trial") as bag:
        bag.write(schema.THERMAL_IMAGE, frame.stamp_ns, thermal_message(schema.message, frame))
        raise RuntimeError
    with pytest.raises(BagCorruptError, match="not finished"):
        BagReader(tmp_path / "trial")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial", 1)
    with pytest.raises(StorageError, match="already exists"):
        BagWriter(tmp_path / "trial")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot create recording"):
        BagWriter(tmp_path / "file" / "trial")


def test_missing_recording(tmp_path: Path) -> None:
    with pytest.raises(BagNotFoundError, match="no recording at"):
        BagReader(tmp_path / "absent")


def _truncate(bag: Path) -> None:
    mcap = bag / "trial_0.mcap"
    mcap.write_bytes(mcap.read_bytes()[:-3000])


def _empty_file(bag: Path) -> None:
    (bag / "trial_0.mcap").write_bytes(b"")


def _foreign_file(bag: Path) -> None:
    (bag / "trial_0.mcap").write_bytes(b"PK\x03\x04" + bytes(5000))


def _foreign_metadata(bag: Path) -> None:
    (bag / "metadata.yaml").write_text("[1, 2, 3]")


def _missing_file(bag: Path) -> None:
    (bag / "trial_0.mcap").unlink()


def _no_file_at_all(bag: Path) -> None:
    for entry in bag.iterdir():
        entry.unlink()


@pytest.mark.parametrize(
    "damage",
    [_truncate, _empty_file, _foreign_file, _foreign_metadata, _missing_file, _no_file_at_all],
)
def test_bad_recordings_give_one_clear_error(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    write_trial(tmp_path / "trial")
    damage(tmp_path / "trial")
    with pytest.raises(BagCorruptError, match="trial"), BagReader(tmp_path / "trial") as bag:
        list(bag.messages())


def test_a_flipped_bit_inside_is_found_by_the_checksum(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial")
    mcap = tmp_path / "trial" / "trial_0.mcap"
    data = bytearray(mcap.read_bytes())
    data[len(data) // 2] ^= 1
    mcap.write_bytes(data)
    with pytest.raises(BagCorruptError), BagReader(tmp_path / "trial") as bag:
        list(bag.messages())


def test_a_recording_of_stock_ros_in_sqlite_is_read(tmp_path: Path) -> None:
    """rosbag2's older default storage, written by rosbags."""
    store, kind = schema.typestore(), "sensor_msgs/msg/Image"
    with Writer(tmp_path / "trial", version=9, storage_plugin=StoragePlugin.SQLITE3) as bag:
        connection = bag.add_connection(schema.THERMAL_IMAGE, kind, typestore=store)
        for number in range(5):
            image = thermal_message(schema.message, thermal_frame(number))
            cdr = store.serialize_cdr(image, kind)
            bag.write(connection, START_NS + number * STEP_NS, cdr)
    with BagReader(tmp_path / "trial") as bag:
        stamps = [frame.stamp_ns for frame in bag.thermal_frames()]
    assert stamps == [START_NS + number * STEP_NS for number in range(5)]


def test_a_recording_without_messages(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "trial"):
        pass
    with pytest.raises(BagCorruptError, match="no message"):
        BagReader(tmp_path / "trial")


def test_missing_topic_and_wrong_type_are_named(tmp_path: Path) -> None:
    frame = thermal_frame(0)
    with BagWriter(tmp_path / "trial") as bag:
        bag.add_topic("/other", "sensor_msgs/msg/Image")
        bag.write("/other", frame.stamp_ns, thermal_message(schema.message, frame))
        bag.add_topic(schema.TRUTH_FRAME, "sensor_msgs/msg/Image")
        bag.write(schema.TRUTH_FRAME, frame.stamp_ns, thermal_message(schema.message, frame))
    with BagReader(tmp_path / "trial") as bag:
        with pytest.raises(BagSchemaError, match=r"/thermal/image_raw.*it has: /other"):
            bag.thermal_frames()
        with pytest.raises(BagSchemaError, match=r"expected thermal_pose/msg/GroundTruth"):
            bag.true_frames()


def test_wrong_encoding_is_named(tmp_path: Path) -> None:
    image = thermal_message(schema.message, thermal_frame(0))
    image.encoding = "mono8"
    with BagWriter(tmp_path / "trial") as bag:
        bag.write(schema.THERMAL_IMAGE, 0, image)
    with (
        BagReader(tmp_path / "trial") as bag,
        pytest.raises(BagSchemaError, match=r"image encoding 'mono8': expected mono16"),
    ):
        list(bag.thermal_frames())


@pytest.mark.parametrize(
    ("field", "value"),
    [("step", 10), ("height", 0), ("height", 63), ("width", 81), ("data", np.zeros(0, np.uint8))],
)
def test_malformed_images_are_rejected(field: str, value: object) -> None:
    image = thermal_message(schema.message, thermal_frame(0))
    setattr(image, field, value)
    with pytest.raises(ImageFormatError):
        to_thermal_frame(image)


def test_padded_rows_and_big_endian_words_are_read() -> None:
    frame = thermal_frame(0, (4, 6))
    image = thermal_message(schema.message, frame)
    rows = frame.centikelvin.astype(">u2").view(np.uint8).reshape(4, 12)
    image.data = np.hstack([rows, np.full((4, 3), 255, np.uint8)]).ravel()
    image.step, image.is_bigendian = 15, 1
    np.testing.assert_array_equal(to_thermal_frame(image).centikelvin, frame.centikelvin)


def test_every_definition_is_known_and_hashed() -> None:
    for type_name in schema.TOPIC_TYPES.values():
        assert schema.type_hash(type_name).startswith("RIHS01_")
        assert schema.schema_text(type_name)
