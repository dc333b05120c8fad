# SPDX-License-Identifier: Apache-2.0
"""Optional publishers for other packages: absent packages, and stand-ins for their types."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import rclpy
from rclpy.parameter import Parameter
from support.models import write_warmest_spot_model

from thermal_pose.errors import ConfigError
from thermal_pose.messages.fields import header_message
from thermal_pose.msg import Keypoints, PersonBox, PersonBoxes, PersonKeypoints
from thermal_pose.nodes.detector import DetectorNode
from thermal_pose.nodes.interoperability import SKELETON2D, BodyPublisher, DetectionPublisher
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.pose import PoseNode
from thermal_pose.skeleton import Joint

HEADER = header_message(live, 10**18 + 5, "cam")


class Fields(SimpleNamespace):
    """A message whose absent fields are messages of their own."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = Fields()
        setattr(self, name, made)
        return made


@pytest.fixture
def types(monkeypatch):
    """Stand in for vision_msgs and hri_msgs."""
    contents = {
        "vision_msgs": ("Detection2DArray", "Detection2D", "ObjectHypothesisWithPose"),
        "hri_msgs": ("IdsList", "Skeleton2D", "NormalizedPointOfInterest2D"),
    }
    for package, names in contents.items():
        module = ModuleType(f"{package}.msg")
        for name in names:
            setattr(module, name, type(name, (Fields,), {}))
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
        monkeypatch.setitem(sys.modules, f"{package}.msg", module)


class FakeNode:
    """Keeps what is published on each topic, and which topics exist."""

    def __init__(self):
        self.heard = {}
        self.topics = set()

    def get_name(self):
        return "node"

    def publisher(self, kind, topic, qos):
        self.topics.add(topic)
        heard = self.heard.setdefault(topic, [])
        return SimpleNamespace(publish=heard.append, topic=topic)

    create_publisher = publisher

    def destroy_publisher(self, publisher):
        self.topics.remove(publisher.topic)


def test_boxes_become_detections_with_centre_size_and_score(types):
    node = FakeNode()
    box = PersonBox(x_min=10.0, y_min=5.0, x_max=20.0, y_max=45.0, score=0.75, track_id=7)
    DetectionPublisher(node).publish(PersonBoxes(header=HEADER, detected=True, persons=[box]))
    (message,) = node.heard["persons/detections"]
    assert message.header == HEADER
    (found,) = message.detections
    assert (found.bbox.center.position.x, found.bbox.center.position.y) == (15.0, 25.0)
    assert (found.bbox.size_x, found.bbox.size_y, found.id) == (10.0, 40.0, "7")
    (result,) = found.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("person", 0.75)


def person(track_id):
    x, y = [float(joint) for joint in range(17)], [float(2 * joint) for joint in range(17)]
    x[Joint.LEFT_WRIST] = float("nan")
    score = [0.9] * 17
    score[Joint.LEFT_SHOULDER] = 0.4
    return PersonKeypoints(track_id=track_id, x=x, y=y, score=score)


def keypoints(*track_ids):
    people = [person(number) for number in track_ids]
    return Keypoints(header=HEADER, image_width=80, image_height=60, persons=people)


def test_people_become_bodies_with_eighteen_normalised_joints(types):
    node = FakeNode()
    publisher = BodyPublisher(node)
    publisher.publish(keypoints(3, 12))
    assert node.heard["/humans/bodies/tracked"][0].ids == ["b00003", "b00012"]
    (skeleton,) = node.heard["/humans/bodies/b00003/skeleton2d"]
    assert skeleton.header == HEADER and len(skeleton.skeleton) == 18
    by_joint = dict(zip(SKELETON2D, skeleton.skeleton, strict=True))
    hip = by_joint[Joint.LEFT_HIP]
    assert hip.x == pytest.approx((Joint.LEFT_HIP + 0.5) / 80)
    assert hip.y == pytest.approx((2 * Joint.LEFT_HIP + 0.5) / 60)
    neck = by_joint[None]
    assert neck.x == pytest.approx((5.5 + 0.5) / 80) and neck.c == pytest.approx(0.4)
    assert by_joint[Joint.LEFT_WRIST].c == 0.0
    assert all(0.0 <= point.x <= 1.0 and 0.0 <= point.y <= 1.0 for point in skeleton.skeleton)


def test_topics_of_bodies_that_left_are_removed(types):
    node = FakeNode()
    publisher = BodyPublisher(node)
    publisher.publish(keypoints(3, 12))
    publisher.publish(keypoints(12))
    assert node.topics == {"/humans/bodies/tracked", "/humans/bodies/b00012/skeleton2d"}
    publisher.close()
    assert node.topics == {"/humans/bodies/tracked"}


def test_the_order_is_that_of_rep_155():
    names = [joint.name if joint is not None else "NECK" for joint in SKELETON2D]
    assert names[:5] == ["NOSE", "NECK", "RIGHT_SHOULDER", "RIGHT_ELBOW", "RIGHT_WRIST"]
    assert names[-4:] == ["LEFT_EYE", "RIGHT_EYE", "LEFT_EAR", "RIGHT_EAR"]
    assert len(set(names)) == 18


@pytest.mark.graph
def test_absent_packages_are_named_with_what_to_install(ros, tmp_path):
    card = str(write_warmest_spot_model(tmp_path, spread=True))
    nodes = {
        DetectorNode: ({"model": "warm_blob", "publish_detections": True}, "vision-msgs"),
        PoseNode: ({"model": card, "publish_bodies": True}, "hri-msgs"),
    }
    for kind, (values, package) in nodes.items():
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        node = kind(use_global_arguments=False, parameter_overrides=overrides)
        with pytest.raises(ConfigError, match=rf"apt install ros-\$ROS_DISTRO-{package}"):
            node.start()
        node.stop()
    assert rclpy.ok()
