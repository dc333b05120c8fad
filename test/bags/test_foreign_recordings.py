# SPDX-License-Identifier: Apache-2.0
"""Recordings that other recorders made: every message is read, or the error says which is not."""

from pathlib import Path

import numpy as np
import pytest
from mcap.writer import CompressionType, IndexType
from support import faults
from support.foreign_bags import (
    IMAGE,
    START_NS,
    STEP_NS,
    TOPIC,
    image,
    images,
    pixels,
    profile,
    write_bag,
    write_db3,
    write_mcap,
    write_metadata,
    write_split,
)

from thermal_pose.bags.inflate import zstd
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.repair import repair
from thermal_pose.bags.summary import summarise_recording
from thermal_pose.errors import BagCorruptError, BagSchemaError

N = 20


def read(path: Path) -> int:
    """Read a recording of `images(N)` from end to end; return the number of its images."""
    with BagReader(path) as bag:
        frames = list(bag.thermal_frames())
        assert (bag.start_ns, bag.end_ns) == (START_NS, START_NS + (N - 1) * STEP_NS)
        assert bag.topics[TOPIC].count == len(frames)
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.centikelvin, pixels(index))
    assert summarise_recording(path).messages == len(frames)
    return len(frames)


#: Ways of other writers, and of people who edited metadata.yaml.
WAYS = {
    "another QoS in metadata.yaml": {"metadata_qos": [profile("best_effort")]},
    "no QoS in metadata.yaml": {"metadata_qos": None},
    "no QoS in the file": {"qos": None},
    "metadata version 4": {"version": 4},
    "metadata version 5": {"version": 5},
    "metadata version 8": {"version": 8},
    "chunk index without message index": {"index": IndexType.CHUNK},
    "the same without statistics": {"index": IndexType.CHUNK, "use_statistics": False},
    "no index": {"index": IndexType.NONE},
    "no chunks": {"use_chunking": False},
    "no statistics": {"use_statistics": False},
    "zstd chunks": {"compression": CompressionType.ZSTD},
    "lz4 chunks": {"compression": CompressionType.LZ4},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_message_is_read_from_folder_and_file(tmp_path: Path, way: str) -> None:
    path = write_bag(tmp_path / "trial", images(N), **WAYS[way])
    assert read(path) == N
    assert read(path / "trial_0.mcap") == N
    assert repair(path).was_whole


@pytest.mark.parametrize("mode", ["FILE", "MESSAGE"])
def test_compressed_recordings_are_read(tmp_path: Path, mode: str) -> None:
    assert read(write_compressed(tmp_path / "trial", mode)) == N


def write_compressed(path: Path, mode: str) -> Path:
    """A recording of `ros2 bag record --compression-mode`."""
    recorded = images(N)
    name = f"{path.name}_0.mcap"
    if mode == "MESSAGE":
        packed = [(*message[:3], zstd.compress(message[3])) for message in recorded]
        write_mcap(path / name, packed)
    else:
        plain = write_mcap(path / name, recorded)
        name = f"{name}.zstd"
        (path / name).write_bytes(zstd.compress(plain.read_bytes()))
        plain.unlink()
    write_metadata(path, [name], recorded, mode=mode)
    return path


def test_messages_compressed_one_by_one_are_read_without_metadata(tmp_path: Path) -> None:
    path = write_compressed(tmp_path / "trial", "MESSAGE")
    (path / "metadata.yaml").unlink()
    assert read(path / "trial_0.mcap") == N
    assert repair(path).messages == N
    assert read(path) == N


@pytest.mark.parametrize("name", ["visit", "visit #1 50%", "is it?"])
def test_sqlite_is_read_from_folder_and_file_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = write_db3(tmp_path / "plain", images(N), name)
    assert read(path) == N
    assert read(path / "plain.db3") == N


def test_split_recordings_are_read_as_one(tmp_path: Path) -> None:
    recorded = images(N)
    assert read(write_split(tmp_path / "trial", [recorded[:8], recorded[8:11], recorded[11:]])) == N


@pytest.mark.faults
def test_a_recording_that_holds_less_than_it_promises_is_refused(tmp_path: Path) -> None:
    """Also one whose index or metadata is of another state than its messages."""
    count = faults.times(few=3, full=30)
    for missing in range(1, count + 1):
        path = write_bag(tmp_path / str(missing), images(N), more=missing)
        sentence = rf"promises {N + missing} messages on {TOPIC} and holds {N}: .*repair"
        with pytest.raises(BagCorruptError, match=sentence):
            read(path)
        with pytest.raises(BagCorruptError, match=sentence):
            summarise_recording(path)
        result = repair(path)
        assert (result.was_whole, result.messages, result.promised) == (False, N, N + missing)
        assert read(path) == N
    faults.record(
        "recording whose index promises more messages than it holds",
        count,
        "refused with both counts; repaired, every message kept",
    )


def test_files_that_the_metadata_does_not_name_are_not_overlooked(tmp_path: Path) -> None:
    recorded = images(N)
    path = write_split(tmp_path / "trial", [recorded[:12], recorded[12:]])
    write_metadata(path, ["trial_0.mcap"], recorded[:12])
    with pytest.raises(BagCorruptError, match=r"does not name trial_1\.mcap"):
        BagReader(path)
    assert repair(path).messages == N
    assert read(path) == N


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    recorded = images(N)
    path = write_split(tmp_path / "trial", [recorded[:12], recorded[12:]])
    (path / "trial_1.mcap").unlink()
    with pytest.raises(BagCorruptError, match=r"missing: trial_1\.mcap.*repair"):
        BagReader(path)
    result = repair(path)
    assert (result.messages, result.promised) == (12, N)


EMPTY = [
    ("/thermal/camera_info", "sensor_msgs/msg/CameraInfo"),
    ("/rgb/image_raw/compressed", "sensor_msgs/msg/CompressedImage"),
    ("/tf_static", "tf2_msgs/msg/TFMessage"),
]


def test_topics_without_messages_are_as_good_as_absent(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "trial", images(N), empty=EMPTY)
    with BagReader(path) as bag:
        assert [topic for topic in bag.topics if bag.has(topic)] == [TOPIC]
        assert bag.calibration() is None
        assert bag.static_transform("camera", "rgb") is None
        with pytest.raises(BagSchemaError, match=rf"no messages on /rgb.*it has: {TOPIC}\)"):
            bag.rgb_frames()
    assert read(path) == N


def test_the_colour_topic_with_messages_is_chosen(tmp_path: Path) -> None:
    colour = [("/rgb/image_raw", IMAGE, *message[2:]) for message in images(2)]
    path = write_bag(tmp_path / "trial", colour, empty=EMPTY)
    with BagReader(path) as bag, pytest.raises(BagSchemaError, match=r"/rgb/image_raw: .*mono16"):
        next(bag.rgb_frames())


def test_types_that_are_not_known_here_do_not_disturb(tmp_path: Path) -> None:
    foreign = [
        ("/status", "acme_msgs/msg/Status", START_NS + i * STEP_NS, b"\0\1\0\0*\0\0\0")
        for i in range(N)
    ]
    path = write_bag(
        tmp_path / "trial",
        [*images(N), *foreign],
        definitions={"acme_msgs/msg/Status": "uint32 x"},
    )
    with BagReader(path) as bag:
        assert len(list(bag.thermal_frames())) == N
        with pytest.raises(BagSchemaError, match="/status is of type acme_msgs/msg/Status, which"):
            next(bag.messages(["/status"]))


@pytest.mark.faults
def test_images_of_another_size_or_camera_on_one_topic_are_refused(tmp_path: Path) -> None:
    count = faults.times(few=3, full=20)
    for number in range(count):
        odd = image(N, (80, 62)) if number % 2 else image(N, frame_id="another")
        recorded = images(N)
        recorded.insert(5 + number % 10, (*recorded[5 + number % 10][:3], odd))
        path = write_bag(tmp_path / str(number), recorded)
        what = "80 x 62 px, the first has 80 x 60" if number % 2 else "camera 'another', the first"
        place = rf"image {6 + number % 10} "
        with (
            BagReader(path) as bag,
            pytest.raises(BagSchemaError, match=rf"{TOPIC}: {place}.*{what}"),
        ):
            list(bag.thermal_frames())
    faults.record(
        "images of two sizes, or of two cameras, on one recorded topic",
        count,
        "refused with the number of the image and both sizes or cameras",
    )
