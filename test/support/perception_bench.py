# SPDX-License-Identifier: Apache-2.0
"""Detector and pose node with a peer that plays the camera."""

import contextlib

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from support.waiting import spin_for

from thermal_pose.messages.images import thermal_message
from thermal_pose.messages.people import to_keypoints
from thermal_pose.msg import Keypoints, PersonBoxes
from thermal_pose.nodes.detector import DetectorNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.pose import PoseNode
from thermal_pose.nodes.qos import image_publisher_qos, result_qos
from thermal_pose.types import ThermalFrame

STEP_NS = 125_000_000
ORIGIN_NS = 1_700_000_000_123_456_789


def frame(number, rows=60, people=1, stamp_ns=None):
    """People who walk to the right, a warm spot on each, in a noisy room."""
    rng = np.random.default_rng(number)
    image = rng.normal(29515, 6, (rows, 80))
    y, x = np.mgrid[0:rows, 0:80]
    for person in range(people):
        left = 6 + 0.7 * number + 25 * person
        image[12:48, round(left) : round(left) + 12] += 450
        image += 400 * np.exp(-((x - left - 5.3) ** 2 + (y - 16.2) ** 2) / 8)
    stamp_ns = ORIGIN_NS + number * STEP_NS if stamp_ns is None else stamp_ns
    return ThermalFrame(stamp_ns, "cam_7", image.astype(np.uint16))


class Bench:
    """Nodes under test and a peer that plays the camera and hears the answers."""

    def __init__(self, card, namespace="", detector=None, pose=None):
        chosen = {"detector": {"model": "warm_blob", **(detector or {})}}
        chosen["pose"] = {"model": str(card), **(pose or {})}
        self.nodes = [
            kind(
                use_global_arguments=False,
                namespace=namespace,
                parameter_overrides=[Parameter(k, value=v) for k, v in chosen[name].items()],
            )
            for name, kind in (("detector", DetectorNode), ("pose", PoseNode))
        ]
        self.detector, self.pose = self.nodes
        self.executor = SingleThreadedExecutor()
        for node in self.nodes:
            node.start()
            self.executor.add_node(node)
        self.peer = rclpy.create_node("peer", namespace=namespace)
        self.executor.add_node(self.peer)
        self.persons, self.keypoints = [], []
        qos = result_qos()
        self.peer.create_subscription(PersonBoxes, "persons", self.persons.append, qos)
        self.peer.create_subscription(Keypoints, "keypoints", self.keypoints.append, qos)
        self.images = self.peer.create_publisher(Image, "thermal/image_raw", image_publisher_qos())
        spin_for(self.executor, lambda: self.images.get_subscription_count() == 2)
        spin_for(self.executor, lambda: self.peer.count_publishers("keypoints") == 1)

    def show(self, *frames):
        """Publish frames one at a time and wait for each one's keypoints."""
        for one in frames:
            expected = len(self.keypoints) + 1
            self.images.publish(thermal_message(live, one))
            spin_for(self.executor, lambda expected=expected: len(self.keypoints) >= expected)
        return [to_keypoints(message) for message in self.keypoints[-len(frames) :]]

    def set(self, node, **values):
        changes = [Parameter(name, value=value) for name, value in values.items()]
        result = node.set_parameters_atomically(changes)
        assert result.successful, result.reason

    def enable(self, name, wanted):
        client = self.peer.create_client(SetBool, f"{name}/enable")
        spin_for(self.executor, client.service_is_ready)
        future = client.call_async(SetBool.Request(data=wanted))
        spin_for(self.executor, future.done)
        assert future.result().success

    def close(self):
        for node in self.nodes:
            node.stop()
        self.peer.destroy_node()
        self.executor.shutdown()


@contextlib.contextmanager
def bench_maker(card):
    """Make benches that are closed whatever happens: DDS would keep a lost one in the graph."""
    with contextlib.ExitStack() as stack:

        def make(**options):
            made = Bench(card, **{"pose": {"min_person_score": 0.5}, **options})
            stack.callback(made.close)
            return made

        yield make
