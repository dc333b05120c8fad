# SPDX-License-Identifier: Apache-2.0
"""What a user is told when nothing usable comes: /diagnostics, status line, exit code."""

import signal
import subprocess
import sys
import time

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from support.trials import START_NS, STEP_NS, thermal_frame
from support.waiting import spin_for, wait_for

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.writer import BagWriter
from thermal_pose.cli.demo import DEMO_BAG
from thermal_pose.errors import CameraError, ConfigError, GraphError, MissingExtraError
from thermal_pose.messages.fields import time_message
from thermal_pose.messages.images import thermal_message
from thermal_pose.nodes.detector import DetectorNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import image_publisher_qos

pytestmark = pytest.mark.graph
RUN = [sys.executable, "-m", "thermal_pose.cli.main", "run"]


@pytest.fixture
def detector(executor):
    """A detector, a node that plays the camera, and what /diagnostics says."""
    node = DetectorNode(
        use_global_arguments=False,
        parameter_overrides=[
            Parameter("model", value="warm_blob"),
            Parameter("diagnostics_period_s", value=0.1),
        ],
    )
    node.start()
    peer = rclpy.create_node("peer")
    heard = []
    peer.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 50)
    executor.add_node(node)
    executor.add_node(peer)
    yield node, peer, heard
    peer.destroy_node()


def latest(heard):
    return heard[-1].status[0] if heard else None


def publish_until(executor, images, message_of, condition):
    """Publish images four times per second until a condition holds."""
    numbers = iter(range(10**6))
    next_s = [0.0]

    def step():
        if time.monotonic() >= next_s[0]:
            images.publish(message_of(next(numbers)))
            next_s[0] = time.monotonic() + 0.25
        return condition()

    spin_for(executor, step, 30.0)


def test_a_node_without_input_warns_and_names_the_topic(detector, executor):
    _, _, heard = detector
    spin_for(executor, lambda: heard and latest(heard).level == DiagnosticStatus.WARN)
    assert latest(heard).message.startswith("no message on 'thermal/image_raw' for 2 s: no node")
    assert latest(heard).name == "detector" and latest(heard).hardware_id == "none"


def test_refused_images_are_an_error_with_the_reason_until_good_ones_come(detector, executor):
    _, peer, heard = detector
    images = peer.create_publisher(Image, "thermal/image_raw", image_publisher_qos())

    def colour(number):
        message = thermal_message(live, thermal_frame(number, (60, 80)))
        message.encoding = "rgb8"
        return message

    def good(number):
        return thermal_message(live, thermal_frame(1000 + number, (60, 80)))

    publish_until(
        executor, images, colour, lambda: latest(heard) and latest(heard).level == b"\x02"
    )
    assert "every message on 'thermal/image_raw' is refused: " in latest(heard).message
    assert "rgb8" in latest(heard).message
    publish_until(executor, images, good, lambda: latest(heard).level == b"\x00")


def test_the_rate_in_diagnostics_decays(detector, executor):
    node, peer, heard = detector
    images = peer.create_publisher(Image, "thermal/image_raw", image_publisher_qos())

    def rate():
        rows = {row.key: row.value for row in latest(heard).values} if heard else {}
        text = rows.get("rate", "unknown")
        return None if text == "unknown" else float(text.split()[0])

    publish_until(
        executor,
        images,
        lambda number: thermal_message(live, thermal_frame(number, (60, 80))),
        lambda: node.statistics.summary().frames >= 6 and (rate() or 0.0) > 1.0,
    )
    spin_for(executor, lambda: rate() < 0.5, 30.0)


def test_a_deactivated_node_is_not_ok(detector, executor):
    node, _, heard = detector
    node.trigger_deactivate()
    spin_for(executor, lambda: heard and latest(heard).message.startswith("inactive"))
    assert latest(heard).level == DiagnosticStatus.WARN


def test_run_without_a_camera_names_the_cause_and_exits_with_its_code(ros_domain, tmp_path):
    device = f"thermal_camera.device={tmp_path}/no_such_port"
    done = subprocess.run(
        [*RUN, "-p", device, "--duration", "10"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == CameraError.exit_code, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if "thermal_camera: connecting" in line]
    assert all(line.startswith("no keypoints for ") for line in lines)
    # On a busy machine the first lines come before the first attempt to connect.
    assert any("no_such_port" in line for line in lines)
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("thermal-pose: error")]
    assert "no keypoints came" in error and "no_such_port" in error


def test_run_without_any_image_names_the_silent_topic(ros_domain):
    done = subprocess.run(
        [*RUN, "--without", "thermal_camera", "--duration", "6"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == GraphError.exit_code, done.stdout + done.stderr
    assert "detector: no message on 'thermal/image_raw'" in done.stdout


WITHOUT_NUMBA = (
    "import sys; sys.modules['numba'] = None\n"
    "from thermal_pose.cli.main import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)


def test_the_simulated_camera_says_what_to_install(ros_domain):
    done = subprocess.run(
        [
            *(sys.executable, "-c", WITHOUT_NUMBA, "run"),
            *("-p", "thermal_camera.backend=simulated", "--duration", "20"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == MissingExtraError.exit_code, done.stdout + done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("thermal-pose: error")]
    assert "numba" in error and "install" in error
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("extra", [[], ["--processes"]], ids=["one process", "processes"])
def test_a_camera_that_can_never_start_ends_the_run_with_its_code(ros_domain, extra):
    done = subprocess.run(
        [*RUN, "-p", "thermal_camera.backend=bag", *extra, "--duration", "30"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == ConfigError.exit_code, done.stdout + done.stderr
    assert "bag_path" in done.stderr


@pytest.mark.simulation
@pytest.mark.slow
def test_bodies_are_announced_and_interrupted_cleanly(ros_domain, tmp_path, monkeypatch):
    monkeypatch.setenv("THERMAL_POSE_BODIES", str(tmp_path / "bodies"))
    process = subprocess.Popen(
        [*RUN, "-p", "thermal_camera.backend=simulated"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []

    def announced():
        lines.append(process.stdout.readline())
        return "building the bodies of the simulated clinic" in lines[-1]

    wait_for(announced, 60.0, "the announcement")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10.0)
    assert process.returncode in (0, GraphError.exit_code), errors
    assert "Traceback" not in errors


def restamped(folder, stamp_of):
    """Copy the first images of the shipped recording with other stamps."""
    with BagReader(DEMO_BAG) as bag, BagWriter(folder) as writer:
        writer.add_topic(schema.THERMAL_IMAGE)
        for number, entry in enumerate(bag.messages([schema.THERMAL_IMAGE])):
            if number == 40:
                break
            stamp_ns = stamp_of(number, START_NS + number * STEP_NS)
            entry.message.header.stamp = time_message(schema.message, stamp_ns)
            writer.write(schema.THERMAL_IMAGE, entry.log_ns, entry.message)
    return folder


STAMPS = {
    "zero": lambda number, stamp_ns: 0,
    "equal": lambda number, stamp_ns: START_NS,
    "some zero": lambda number, stamp_ns: 0 if number % 20 == 7 else stamp_ns,
    "one an hour ahead": lambda number, stamp_ns: stamp_ns + (number == 20) * 3600 * 10**9,
}


@pytest.mark.parametrize("stamps", STAMPS)
def test_a_replay_ends_whatever_its_stamps(ros_domain, tmp_path, stamps):
    path = restamped(tmp_path / "bag", STAMPS[stamps])
    done = subprocess.run(
        [*RUN, "--bag", str(path), "--rate", "4"],
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert "Traceback" not in done.stderr
    said = done.stdout + done.stderr
    if done.returncode:
        (error,) = [line for line in said.splitlines() if line.startswith("thermal-pose: error")]
        assert "stamp" in error
    else:
        assert "ended after" in said
