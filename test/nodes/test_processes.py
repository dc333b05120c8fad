# SPDX-License-Identifier: Apache-2.0
"""Real node processes: how they start, end, die and come back."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from lifecycle_msgs.srv import GetState
from rclpy.executors import SingleThreadedExecutor
from support.waiting import wait_for

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.errors import GraphError
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import PROCESS_TABLE, process_entry
from thermal_pose.nodes.processes import ProcessGraph
from thermal_pose.nodes.run_node import PARENT_VARIABLE

pytestmark = pytest.mark.graph
NAMES = ("tug_analyzer", "pose", "detector")
#: `ros2 launch` waits so long after its first signal before it kills a process.
LAUNCH_PATIENCE_S = 10.0


def plan(*names):
    return GraphPlan(entries=tuple(process_entry(name) for name in names))


@pytest.fixture
def watcher(ros):
    """Says which nodes are active, by asking their life-cycle services."""
    node = rclpy.create_node("watcher")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    clients = {}

    def is_active(name):
        client = clients.setdefault(name, node.create_client(GetState, f"{name}/get_state"))
        if not client.service_is_ready():
            executor.spin_once(timeout_sec=0.02)
            return False
        future = client.call_async(GetState.Request())
        deadline_s = time.monotonic() + 1.0
        while not future.done() and time.monotonic() < deadline_s:
            executor.spin_once(timeout_sec=0.02)
        return future.done() and future.result().current_state.label == "active"

    yield is_active
    node.destroy_node()
    executor.shutdown()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_every_node_ends_cleanly_before_launch_would_kill_it(watcher, number):
    with ProcessGraph(plan(*NAMES)) as graph:
        wait_for(lambda: all(map(watcher, NAMES)), 30.0, "all nodes active")
        for process in graph.processes.values():
            process.send_signal(number)
        deadline_s = time.monotonic() + LAUNCH_PATIENCE_S
        codes = {
            name: process.wait(max(0.0, deadline_s - time.monotonic()))
            for name, process in graph.processes.items()
        }
    assert codes == dict.fromkeys(NAMES, 0)


def test_nodes_end_when_their_launching_parent_is_killed(ros_domain, tmp_path):
    script = (
        "import subprocess, sys, os, time\n"
        f"os.environ['{PARENT_VARIABLE}'] = str(os.getpid())\n"
        "child = subprocess.Popen([sys.executable, '-m', 'thermal_pose.nodes.run_node',"
        " 'tug_analyzer'], start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    child_pid = int(parent.stdout.readline())

    def gone():
        try:
            os.kill(child_pid, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{child_pid}/stat").read_text().split()[2] == "Z"

    maps = Path(f"/proc/{child_pid}/maps")
    wait_for(lambda: "rmw_fastrtps" in maps.read_text(), 30.0, "child in ROS")
    parent.kill()
    parent.wait()
    wait_for(gone, what="the orphaned node has ended")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_killed_node_is_back_and_active_while_the_others_survive(watcher, tmp_path):
    names = [entry.name for entry in PROCESS_TABLE]
    overrides = {
        "thermal_camera": {"backend": "bag", "bag_path": str(DEMO_BAG), "bag_loop": True},
        "rgb_camera": {"backend": "v4l2", "device": str(tmp_path / "no_camera")},
        "recorder": {"output_dir": str(tmp_path)},
    }
    with ProcessGraph(GraphPlan(PROCESS_TABLE, overrides), supervise=True) as graph:
        wait_for(lambda: all(map(watcher, names)), 60.0, "all nodes active")
        for victim in names:
            before = {name: process.pid for name, process in graph.processes.items()}
            graph.processes[victim].kill()
            graph.processes[victim].wait()
            graph.look()
            after = {name: process.pid for name, process in graph.processes.items()}
            assert {name for name in names if after[name] != before[name]} == {victim}
            wait_for(lambda name=victim: watcher(name), 10.0, f"{victim} active again")
            assert all(process.poll() is None for process in graph.processes.values())
        wait_for(lambda: all(map(watcher, names)), 30.0, "all nodes still active")


def test_without_supervision_a_dead_node_is_named(ros_domain):
    with ProcessGraph(plan("tug_analyzer")) as graph:
        graph.processes["tug_analyzer"].kill()
        graph.processes["tug_analyzer"].wait()
        with pytest.raises(GraphError, match="node 'tug_analyzer' ended with exit code -9"):
            graph.look()


def test_a_node_that_keeps_dying_is_given_up(ros_domain, monkeypatch):
    monkeypatch.setattr("thermal_pose.nodes.processes.MAX_RESTARTS", 2)
    with ProcessGraph(plan("tug_analyzer"), supervise=True) as graph:
        for _ in range(2):
            graph.processes["tug_analyzer"].kill()
            graph.processes["tug_analyzer"].wait()
            graph.look()
        graph.processes["tug_analyzer"].kill()
        graph.processes["tug_analyzer"].wait()
        with pytest.raises(GraphError, match="ended with exit code"):
            graph.look()


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["-p", "diagnostics_period_s:=99.0"], 10, "diagnostics_period_s = 99.0: expected 0.1 to"),
        (["-p", "no_such:=1"], 10, "no_such: no such parameter"),
    ],
)
def test_bad_parameter_is_one_line_and_a_code(ros_domain, args, code, message):
    command = [sys.executable, "-m", "thermal_pose.nodes.run_node", "tug_analyzer"]
    done = subprocess.run(
        [*command, "--ros-args", *args], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == code
    lines = [line for line in done.stderr.splitlines() if line.startswith("tug_analyzer: error:")]
    assert len(lines) == 1 and message in lines[0]
    assert "Traceback" not in done.stderr
