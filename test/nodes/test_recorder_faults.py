# SPDX-License-Identifier: Apache-2.0
"""What ends a recording: kill -9, a full disk, a folder that turns read-only, stepping clocks."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import faults
from support.rigs import SMALL_RIG
from support.trials import START_NS, STEP_NS, thermal_frame, write_trial
from support.waiting import spin_for

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.repair import repair
from thermal_pose.bags.writer import BagWriter
from thermal_pose.calibration.synthetic import write_example
from thermal_pose.errors import BagCorruptError, StorageError
from thermal_pose.messages.images import thermal_message

pytestmark = pytest.mark.graph
rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from thermal_pose.nodes.qos import image_publisher_qos  # noqa: E402
from thermal_pose.nodes.recorder import RecorderNode  # noqa: E402


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes: writing fails in the middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def image_bytes(number: int) -> bytes:
    message = thermal_message(schema.message, thermal_frame(number, (60, 80)))
    return bytes(schema.typestore().serialize_cdr(message, "sensor_msgs/msg/Image"))


class Steady:
    """A recorder node and a publisher that feeds it; `step_s` is added to its clock."""

    class _Node(RecorderNode):
        step_ns = 0

        def now_ns(self) -> int:
            return super().now_ns() + self.step_ns

    def __init__(self, executor: SingleThreadedExecutor, folder: Path) -> None:
        settings = {"output_dir": str(folder), "min_free_mb": 0, "topics": "thermal/image_raw"}
        self._executor = executor
        self.node = self._Node(
            parameter_overrides=[Parameter(name, value=value) for name, value in settings.items()]
        )
        self.source = rclpy.create_node("source")
        self._publisher = self.source.create_publisher(
            Image, "thermal/image_raw", image_publisher_qos()
        )
        for node in (self.node, self.source):
            executor.add_node(node)
        self.node.start()
        spin_for(executor, lambda: self._publisher.get_subscription_count() > 0)
        spin_for(executor, self._subscribed)

    def _subscribed(self) -> bool:
        return self.node.count_publishers("thermal/image_raw") > 0

    def send(self, number: int) -> None:
        """Publish one image and wait until the recorder has dealt with it."""
        seen = self.seen
        self._publisher.publish(image_bytes(number))
        spin_for(self._executor, lambda: self.seen > seen)

    @property
    def seen(self) -> int:
        """Messages written, or refused by the disk."""
        summary = self.node.statistics.summary()
        return summary.frames + sum(summary.counts.values())

    def close(self) -> None:
        for node in (self.node, self.source):
            self._executor.remove_node(node)
        self.node.stop()
        self.source.destroy_node()


@pytest.mark.faults
def test_a_disk_that_fills_up_is_one_clear_error_and_loses_nothing_written(tmp_path: Path) -> None:
    count = faults.times(few=6, full=200)
    rng, worst, kept_in_all = np.random.default_rng(0), 0, 0
    for trial in range(count):
        path, written = tmp_path / str(trial), 0
        with (
            pytest.raises(StorageError, match=r"cannot (write to|create|write) ") as caught,
            files_of_at_most(int(rng.integers(0, 250_000))),
            BagWriter(path) as bag,
        ):
            for number in range(1000):
                frame = thermal_frame(number, (60, 80))
                bag.write(
                    schema.THERMAL_IMAGE, frame.stamp_ns, thermal_message(schema.message, frame)
                )
                written = number + 1
        assert "\n" not in str(caught.value)
        try:
            kept = repair(path).messages
        except BagCorruptError:
            kept = 0
        worst, kept_in_all = max(worst, written - kept), kept_in_all + kept
    # Half a second at 8 Hz, and the one that did not fit.
    assert worst <= 5
    faults.record(
        "disk full while recording (file size limit, at any byte)",
        count,
        f"one clear error; repair keeps {kept_in_all} messages written before, all but the last "
        f"{worst} at most",
    )


@pytest.mark.faults
def test_a_recorder_node_survives_a_full_disk(
    executor: SingleThreadedExecutor, tmp_path: Path
) -> None:
    count = faults.times(few=1, full=10)
    for trial in range(count):
        steady = Steady(executor, tmp_path / str(trial))
        with files_of_at_most(150_000 + 7000 * trial):
            sent = 0
            while steady.node.health()[0] != b"\x02":
                assert sent < 100
                steady.send(sent)
                sent += 1
        assert "cannot write to" in steady.node.health()[1]
        assert steady.node.active
        steady.close()
        (path,) = (tmp_path / str(trial)).iterdir()
        with pytest.raises(BagCorruptError, match="thermal-pose repair"):
            BagReader(path)
        assert repair(path).messages >= 10
    faults.record(
        "disk full under the recorder node (file size limit)",
        count,
        "recording ended, ERROR in /diagnostics, node alive; repair completes it",
    )


def test_a_disk_that_gets_low_ends_the_recording_properly(
    executor: SingleThreadedExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = Steady(executor, tmp_path)
    for number in range(5):
        steady.send(number)

    def low(folder: Path, min_free_mb: int) -> None:
        raise StorageError(f"{folder}: 3 MB free, at least {min_free_mb} are needed")

    monkeypatch.setattr("thermal_pose.nodes.recorder.check_free_space", low)
    spin_for(executor, lambda: steady.node.health()[0] == b"\x02")
    assert "MB free" in steady.node.health()[1]
    (path,) = tmp_path.iterdir()
    with BagReader(path) as bag:
        assert bag.message_count == 5


@pytest.mark.faults
@pytest.mark.parametrize("step_s", [1.0, -1.0])
def test_a_clock_step_loses_no_recorded_message(
    executor: SingleThreadedExecutor, tmp_path: Path, step_s: float
) -> None:
    count, each = faults.times(few=1, full=20), 30
    for trial in range(count):
        steady = Steady(executor, tmp_path / str(trial))
        for number in range(each):
            if number == 10 + trial % 10:
                steady.node.step_ns = round(step_s * 1e9)
            steady.send(number)
        steady.close()
        (path,) = (tmp_path / str(trial)).iterdir()
        with BagReader(path) as bag:
            stamps = [frame.stamp_ns for frame in bag.thermal_frames()]
        assert sorted(stamps) == [START_NS + number * STEP_NS for number in range(each)]
    faults.record(
        f"clock stepped {'forward' if step_s > 0 else 'back'} by 1 s while recording",
        count,
        f"all {count * each} messages in bags that open at once",
    )


#: Root may write anywhere; without these capabilities it meets modes as everyone does.
READ_ONLY = """
import contextlib, ctypes, io, json, os, sys
from pathlib import Path
from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.cli.main import main
from thermal_pose.errors import StorageError
from thermal_pose.messages.images import thermal_message
from support.trials import thermal_frame

def obey_modes():
    libc, data = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 6)()
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert libc.capget(head, data) == 0
    for word in (0, 1):
        data[word] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: effective, permitted
    assert libc.capset(head, data) == 0

if os.geteuid() == 0:
    obey_modes()
results = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        results.append((words, main(words), said.getvalue()))
folder = Path(sys.argv[2])
bag = BagWriter(folder)
for number in range(9):
    frame = thermal_frame(number)
    bag.write(schema.THERMAL_IMAGE, frame.stamp_ns, thermal_message(schema.message, frame))
folder.chmod(0o555)
try:
    bag.close()
except StorageError as error:
    results.append((["turned read-only while recording"], error.exit_code, f"{error}\\n"))
print(json.dumps(results))
"""


@pytest.mark.faults
def test_a_read_only_folder_is_one_clear_error_of_every_verb(
    ros_domain: int, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    write_trial(closed / "unfinished")
    (closed / "unfinished" / "metadata.yaml").unlink()
    write_example(tmp_path / "target", SMALL_RIG, n_poses=12, seed=3)
    for folder in (closed / "unfinished", closed):
        folder.chmod(0o555)
    verbs = [
        ["record", "--out", str(closed)],
        ["record", "--out", str(closed / "new")],
        ["repair", str(closed / "unfinished")],
        ["calibrate", str(tmp_path / "target"), "--json", "--out", str(closed)],
        ["calibrate", str(tmp_path / "target"), "--json", "--out", str(closed / "new")],
        ["calibrate", "--make-example", str(closed / "target")],
    ]
    results = _run_where_modes_count(verbs, tmp_path / "turned")
    assert len(results) == len(verbs) + 1
    for words, code, said in results:
        assert (code, said.count("\n")) == (StorageError.exit_code, 1), (words, said)
        assert "Permission denied" in said
    (tmp_path / "turned").chmod(0o755)
    assert repair(tmp_path / "turned").messages == 9
    faults.record(
        "read-only folder (record, repair, calibrate; one that turned so while recording)",
        len(results),
        "one clear error each; repair completes what was recorded",
    )


def _run_where_modes_count(verbs: list[list[str]], turned: Path) -> list[Any]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, Path(__file__).parents[1:3])),
    }
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, json.dumps(verbs), str(turned)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


def _start_recorder(folder: Path) -> subprocess.Popen:
    code = "import sys; from thermal_pose.nodes.run_node import main; sys.exit(main('recorder'))"
    settings = {"output_dir": f"'{folder}'", "min_free_mb": "0", "topics": "thermal/image_raw"}
    pairs = [text for k, v in settings.items() for text in ("-p", f"{k}:={v}")]
    return subprocess.Popen([sys.executable, "-c", code, "--ros-args", *pairs], env=os.environ)


def _recorded_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.mcap"))


def _kill_once(folder: Path, rate_hz: float = 40.0, record_s: float = 1.6) -> tuple[int, int]:
    """(messages published when killed, number up to which the repaired recording has them)."""
    node = rclpy.create_node("source")
    publisher = node.create_publisher(Image, "thermal/image_raw", image_publisher_qos())
    recorder = _start_recorder(folder)
    try:
        deadline_s = time.monotonic() + 90
        while publisher.get_subscription_count() == 0:
            assert time.monotonic() < deadline_s, "the recorder did not come up"
            time.sleep(0.02)
        published = 0
        started_s = time.monotonic()
        while time.monotonic() - started_s < record_s:
            if _recorded_bytes(folder) < 20_000:
                started_s = time.monotonic()  # It has only begun to spin.
            message = thermal_message(schema.message, thermal_frame(published, (60, 80)))
            cdr = schema.typestore().serialize_cdr(message, "sensor_msgs/msg/Image")
            publisher.publish(bytes(cdr))
            published += 1
            time.sleep(1 / rate_hz)
        recorder.send_signal(signal.SIGKILL)
    finally:
        recorder.kill()
        recorder.wait(10)
        node.destroy_node()
    (path,) = folder.iterdir()
    repair(path)
    with BagReader(path) as bag:
        stamps = [frame.stamp_ns for frame in bag.thermal_frames()]
    numbers = [(stamp_ns - START_NS) // STEP_NS for stamp_ns in stamps]
    # The writer may match the reader a moment before the reader matches the writer.
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "a hole in the middle"
    assert numbers[0] < rate_hz
    return published, numbers[-1] + 1


@pytest.mark.faults
def test_a_killed_recorder_loses_at_most_its_last_second(ros: int, tmp_path: Path) -> None:
    count = faults.times(few=1, full=50)
    rate_hz, worst_s = 40.0, 0.0
    for number in range(count):
        published, kept = _kill_once(tmp_path / str(number), rate_hz)
        worst_s = max(worst_s, (published - kept) / rate_hz)
        assert worst_s <= 1.0
    faults.record(
        "recorder killed (kill -9) in mid-recording",
        count,
        f"every bag re-opens after repair; at most its last {worst_s:.2f} s are lost "
        "(promised 1 s), no hole before, by counting messages",
    )
