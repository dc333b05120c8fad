# SPDX-License-Identifier: Apache-2.0
"""Recordings through camera, detector and pose node: at any rate, in loops, on simulated time."""

import threading

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from support.models import write_warmest_spot_model
from support.waiting import spin_for

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.messages.images import thermal_message
from thermal_pose.messages.people import to_keypoints
from thermal_pose.msg import Keypoints
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.player import BagPlayer, PlayOptions
from thermal_pose.nodes.process_table import selected_entries
from thermal_pose.nodes.qos import result_qos
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.types import ThermalFrame

pytestmark = pytest.mark.graph
FRAMES = 24
STEP_NS = 125_000_000
ORIGIN_NS = 1_700_000_000_123_456_789


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return {
        "detector": {"model": "warm_blob", "detect_every_n": 4},
        "pose": {"model": str(write_warmest_spot_model(tmp_path_factory.mktemp("m"), spread=True))},
    }


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Three seconds of a warm person who walks to the right."""
    path = tmp_path_factory.mktemp("bags") / "walk"
    with BagWriter(path) as bag:
        for number in range(FRAMES):
            image = np.random.default_rng(number).normal(29515, 6, (60, 80))
            image[12:48, 6 + number : 18 + number] += 450
            stamp_ns = ORIGIN_NS + number * STEP_NS
            frame = ThermalFrame(stamp_ns, "cam_7", image.astype(np.uint16))
            bag.write(schema.THERMAL_IMAGE, stamp_ns, thermal_message(schema.message, frame))
    return path


@pytest.fixture(scope="module")
def expected(recording, models):
    """The same recording offline."""
    from thermal_pose.bags.reader import BagReader

    perception = build_perception(
        DetectorParameters(**models["detector"]), PoseParameters(**models["pose"])
    )
    with BagReader(recording) as bag:
        found = [as_bytes(perception.step(frame)) for frame in bag.thermal_frames()]
    assert any(persons for _, persons in found)
    return found


def as_bytes(found):
    return found.stamp_ns, [
        (p.track_id, p.box, p.xy.tobytes(), p.scores.tobytes(), p.person_score)
        for p in found.persons
    ]


def replayed(recording, models, count, **camera):
    """Return the first `count` keypoints of the live graph."""
    values = {"backend": "bag", "bag_path": str(recording), **camera}
    plan = GraphPlan(
        selected_entries(without=("tug_analyzer",)), {**models, "thermal_camera": values}
    )
    heard = []
    listener = Node("listener", use_global_arguments=False)
    listener.create_subscription(Keypoints, "keypoints", heard.append, result_qos())
    turns = iter(range(2000))
    with SingleProcessGraph(plan) as graph:
        graph.add(listener)
        graph.spin_while(lambda: len(heard) < count and next(turns, None) is not None)
    listener.destroy_node()
    return [as_bytes(to_keypoints(message)) for message in heard[:count]]


@pytest.mark.parametrize("rate", [0.5, 2.0, 8.0])
def test_every_rate_gives_the_offline_bytes(ros, recording, models, expected, rate):
    assert replayed(recording, models, FRAMES, bag_rate=rate) == expected


def test_each_loop_gives_the_offline_bytes(ros, recording, models, expected):
    found = replayed(recording, models, 3 * FRAMES, bag_rate=8.0, bag_loop=True)
    assert found == expected * 3


@pytest.mark.parametrize("rate", [0.5, 8.0])
def test_on_simulated_time_frames_have_their_true_age(ros, recording, models, rate):
    entries = selected_entries(without=("thermal_camera", "tug_analyzer"))
    player_node = rclpy.create_node("player")
    options = PlayOptions(rate=rate, min_subscribers=2)
    with SingleProcessGraph(GraphPlan(entries, models, use_sim_time=True)) as graph:
        executor = SingleThreadedExecutor()
        executor.add_node(player_node)
        player = BagPlayer(player_node, recording, options, rclpy.ok)
        thread = threading.Thread(target=player.play)
        thread.start()
        turns = iter(range(2000))
        pose = graph.node("pose")
        graph.spin_while(
            lambda: pose.statistics.summary().frames < FRAMES // 2 and next(turns, None) is not None
        )
        spin_for(executor, lambda: not thread.is_alive(), 30.0)
        summary = pose.statistics.summary()
        executor.shutdown()
    player_node.destroy_node()
    assert summary.frames >= FRAMES // 2
    # Against the wall clock the age would be years.
    assert -0.5 < summary.last_age_s < 5.0
