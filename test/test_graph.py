# SPDX-License-Identifier: Apache-2.0
"""The whole way: the shipped recording through real nodes over real DDS, and offline."""

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rosgraph_msgs.msg import Clock
from support.replayed import replay_trial
from support.waiting import spin_for, wait_for

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.bags.writer import BagWriter
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.msg import Keypoints, TugReport
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import config_file
from thermal_pose.nodes.processes import ProcessGraph
from thermal_pose.nodes.qos import report_qos, result_qos
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.types import TIMED_PHASES

pytestmark = pytest.mark.graph
PROGRAM = [sys.executable, "-m", "thermal_pose.cli.main"]


def demo(out: Path, *options: str) -> dict:
    """Run `thermal-pose demo` as a user would; return its report.json."""
    command = [*PROGRAM, "demo", "--out", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "report.json").read_text())


@pytest.fixture(scope="module")
def offline() -> str:
    """The report of the shipped recording through the same pipeline, without ROS."""
    return replay_trial(
        DEMO_BAG, build_perception(DetectorParameters(), PoseParameters())
    ).to_json()


def without_run(path: Path) -> str:
    document = json.loads(path.read_text())
    document.pop("run", None)
    return json.dumps(document, indent=2) + "\n"


def test_offline_result_agrees_with_the_truth(offline):
    report = json.loads(offline)
    assert report["valid"], report["sentence"]
    assert [row["phase"] for row in report["phases"]] == [phase.name for phase in TIMED_PHASES]
    assert abs(report["total_s"] - report["truth"]["total_s"]) < 0.5


@pytest.mark.parametrize(
    "options", [("--rate", "1"), ("--rate", "4"), ("--rate", "0")], ids=["1x", "4x", "fastest"]
)
def test_live_graph_gives_the_offline_bytes(offline, ros_domain, tmp_path, options):
    demo(tmp_path, *options)
    assert without_run(tmp_path / "report.json") == offline


def test_separate_processes_give_the_offline_bytes(offline, ros_domain, tmp_path):
    demo(tmp_path, "--rate", "4", "--processes")
    assert without_run(tmp_path / "report.json") == offline


def test_an_analyzer_that_stands_still_for_a_while_misses_no_frame(offline, ros, tmp_path):
    """The recording has more frames than the analyzer's queue holds."""
    camera = {"backend": "bag", "bag_path": str(DEMO_BAG), "bag_rate": 0.0}
    camera |= {"bag_min_subscribers": 3, "bag_awaits": "test/state"}
    plan = GraphPlan(
        overrides={"thermal_camera": camera, "tug_analyzer": {"report_dir": str(tmp_path)}}
    )
    heard_s: list[float] = []
    listener = rclpy.create_node("listener", use_global_arguments=False)
    listener.create_subscription(
        Keypoints, "keypoints", lambda _: heard_s.append(time.monotonic()), result_qos()
    )
    executor = SingleThreadedExecutor()
    executor.add_node(listener)
    with ProcessGraph(plan) as graph:
        spin_for(executor, lambda: bool(heard_s), 60.0)
        graph.processes["tug_analyzer"].send_signal(signal.SIGSTOP)
        spin_for(executor, lambda: time.monotonic() - heard_s[-1] > 1.0, 60.0)
        graph.processes["tug_analyzer"].send_signal(signal.SIGCONT)
        wait_for(lambda: any(tmp_path.rglob("report.html")), 60.0, "the report")
    executor.shutdown()
    listener.destroy_node()
    assert without_run(next(tmp_path.rglob("report.json"))) == offline


def test_demo_leaves_a_report_that_shows_the_trial(ros_domain, tmp_path):
    report = demo(tmp_path, "--rate", "0")
    assert {"total_s", "phases", "truth", "model", "versions"} <= report.keys()
    assert {"phase", "start_s", "end_s"} <= report["phases"][0].keys()
    page = (tmp_path / "report.html").read_text()
    for word in ("SIT", "TURN", "<svg", "not a medical device"):
        assert word.lower() in page.lower()


def test_run_prints_a_status_line_and_ends_on_sigint(ros_domain):
    command = [*PROGRAM, "run", "--bag", str(DEMO_BAG), "--loop"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = []

    def running() -> bool:
        lines.append(process.stdout.readline())
        return " Hz | frame age" in lines[-1]

    wait_for(running, 30.0, "a status line")
    process.send_signal(signal.SIGINT)
    assert process.wait(3.0) == 0


@pytest.mark.skipif(
    importlib.util.find_spec("launch_ros") is None,
    reason="launch_ros is no wheel; runs where ROS 2 is installed",
)
def test_launch_file_starts_the_graph(ros_domain):
    command = ["ros2", "launch", "thermal_pose", "tug.launch.py", f"bag:={DEMO_BAG}", "rate:=8.0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: "the recording has ended" in process.stdout.readline(), 60.0, "the end")
    process.send_signal(signal.SIGINT)
    assert process.wait(10.0) == 0


def bag_missing(folder: Path) -> Path:
    return folder / "nowhere"


def bag_empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def bag_truncated(folder: Path) -> Path:
    shutil.copytree(DEMO_BAG, folder / "truncated")
    path = next((folder / "truncated").glob("*.mcap"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return folder / "truncated"


def bag_foreign(folder: Path) -> Path:
    shutil.copytree(DEMO_BAG, folder / "foreign")
    next((folder / "foreign").glob("*.mcap")).write_bytes(b"PK\x03\x04 no recording" * 99)
    return folder / "foreign"


def bag_without_thermal(folder: Path) -> Path:
    with BagReader(DEMO_BAG) as bag, BagWriter(folder / "no_thermal") as writer:
        writer.add_topic(schema.TRUTH_FRAME)
        for entry in bag.raw_messages([schema.TRUTH_FRAME]):
            writer.write_raw(entry.topic, entry.log_ns, entry.cdr)
    return folder / "no_thermal"


def bag_of_colour_pictures(folder: Path) -> Path:
    """Thermal topic and type, but 8-bit colour pixels in it."""
    with BagReader(DEMO_BAG) as bag, BagWriter(folder / "rgb8") as writer:
        writer.add_topic(schema.THERMAL_IMAGE)
        for entry in bag.messages([schema.THERMAL_IMAGE]):
            entry.message.encoding = "rgb8"
            writer.write(entry.topic, entry.log_ns, entry.message)
    return folder / "rgb8"


BAD_BAGS = [
    bag_missing,
    bag_empty,
    bag_truncated,
    bag_foreign,
    bag_without_thermal,
    bag_of_colour_pictures,
]


@pytest.mark.parametrize("verb", ["demo", "run"])
@pytest.mark.parametrize("make", BAD_BAGS)
def test_bad_recording_is_one_clear_error(ros_domain, tmp_path, make, verb):
    path = make(tmp_path)
    command = [*PROGRAM, verb, "--bag", str(path)]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 4
    errors = [line for line in done.stderr.splitlines() if line.startswith("thermal-pose: error:")]
    assert len(errors) == 1 and str(path) in errors[0]
    assert "Traceback" not in done.stderr


def test_altered_model_is_one_clear_error(ros_domain, tmp_path):
    from thermal_pose.inference.artifacts import ASSETS

    name = PoseParameters().model
    for suffix in (".onnx", ".json"):
        shutil.copy(ASSETS / f"{name}{suffix}", tmp_path)
    with (tmp_path / f"{name}.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    command = [*PROGRAM, "run", "--bag", str(DEMO_BAG), "-p", f"pose.model={tmp_path}/{name}.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 6
    assert "sha256" in done.stderr and "Traceback" not in done.stderr


def test_config_files_are_where_the_graph_looks():
    assert config_file("pose").exists()


@pytest.mark.timeout(400)
def test_ten_looped_replays_give_one_json_while_the_clock_jumps_back(ros):
    params = TugParams(height_m=1.7)
    expected = replay_trial(DEMO_BAG, build_perception(), params).to_json()
    plan = GraphPlan(
        overrides={
            "thermal_camera": {
                "backend": "bag",
                "bag_path": str(DEMO_BAG),
                "bag_rate": 0.0,
                "bag_loop": True,
                "bag_min_subscribers": 2,
                "bag_awaits": "test/state",
            },
            "tug_analyzer": {"height_m": params.height_m},
        },
        use_sim_time=True,
    )
    found = []
    with SingleProcessGraph(plan) as graph:
        peer = rclpy.create_node("peer")
        graph.add(peer)
        clock = peer.create_publisher(Clock, "/clock", 10)
        peer.create_subscription(
            TugReport, "tug/report", lambda m: found.append(m.json), report_qos()
        )
        # The clock goes with the newest answered image, and back with it at each loop.
        peer.create_subscription(
            Keypoints,
            "keypoints",
            lambda m: clock.publish(Clock(clock=m.header.stamp)),
            result_qos(),
        )
        deadline_s = time.monotonic() + 300.0
        graph.spin_while(lambda: len(found) < 10 and time.monotonic() < deadline_s)
        peer.destroy_node()
    assert len(found) >= 10
    assert set(found) == {expected}
