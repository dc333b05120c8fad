# SPDX-License-Identifier: Apache-2.0
"""Optional publishers in the message types of other packages: vision_msgs, hri_msgs (REP-155).

Both packages are imported only if asked for; neither is a dependency.
"""

import importlib
import math
from typing import Any

from rclpy.lifecycle import LifecycleNode

from thermal_pose.errors import ConfigError
from thermal_pose.nodes.qos import result_qos
from thermal_pose.skeleton import Joint

#: Joints in the order of hri_msgs/Skeleton2D; None is the neck, between the shoulders.
SKELETON2D: tuple[Joint | None, ...] = (
    Joint.NOSE,
    None,
    Joint.RIGHT_SHOULDER,
    Joint.RIGHT_ELBOW,
    Joint.RIGHT_WRIST,
    Joint.LEFT_SHOULDER,
    Joint.LEFT_ELBOW,
    Joint.LEFT_WRIST,
    Joint.RIGHT_HIP,
    Joint.RIGHT_KNEE,
    Joint.RIGHT_ANKLE,
    Joint.LEFT_HIP,
    Joint.LEFT_KNEE,
    Joint.LEFT_ANKLE,
    Joint.LEFT_EYE,
    Joint.RIGHT_EYE,
    Joint.LEFT_EAR,
    Joint.RIGHT_EAR,
)
_SHOULDERS = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
_BODIES = "/humans/bodies"
_PERSON = "person"


def message_module(package: str, parameter: str) -> Any:
    """Return the module `<package>.msg`.

    Raises
    ------
    ConfigError
        The package is not installed.
    """
    try:
        return importlib.import_module(f"{package}.msg")
    except ImportError as error:
        raise ConfigError(
            f"{parameter} needs the ROS package {package}: "
            f"apt install ros-$ROS_DISTRO-{package.replace('_', '-')}"
        ) from error


class DetectionPublisher:
    """Publishes `persons` as `persons/detections`, vision_msgs/Detection2DArray."""

    def __init__(self, node: Any) -> None:
        self._types = message_module("vision_msgs", f"{node.get_name()}.publish_detections")
        self._publisher = node.publisher(
            self._types.Detection2DArray, "persons/detections", result_qos()
        )

    def publish(self, boxes: Any) -> None:
        """Publish the detections of a PersonBoxes message."""
        detections = [self._detection(boxes.header, box) for box in boxes.persons]
        self._publisher.publish(
            self._types.Detection2DArray(header=boxes.header, detections=detections)
        )

    def _detection(self, header: Any, box: Any) -> Any:
        found = self._types.Detection2D(header=header, id=str(box.track_id))
        found.bbox.center.position.x = 0.5 * (float(box.x_min) + float(box.x_max))
        found.bbox.center.position.y = 0.5 * (float(box.y_min) + float(box.y_max))
        found.bbox.size_x = float(box.x_max) - float(box.x_min)
        found.bbox.size_y = float(box.y_max) - float(box.y_min)
        hypothesis = self._types.ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id = _PERSON
        hypothesis.hypothesis.score = float(box.score)
        found.results = [hypothesis]
        return found


class BodyPublisher:
    """Publishes `keypoints` as REP-155 bodies: their identities, and a skeleton for each."""

    def __init__(self, node: Any) -> None:
        self._types = message_module("hri_msgs", f"{node.get_name()}.publish_bodies")
        self._node: LifecycleNode = node
        self._tracked = node.publisher(self._types.IdsList, f"{_BODIES}/tracked", result_qos(1))
        self._skeletons: dict[str, Any] = {}

    def publish(self, keypoints: Any) -> None:
        """Publish the bodies of a Keypoints message; topics of bodies that left are removed."""
        size_wh = (int(keypoints.image_width), int(keypoints.image_height))
        ids = {body_id(person.track_id): person for person in keypoints.persons}
        for gone in self._skeletons.keys() - ids.keys():
            self._node.destroy_publisher(self._skeletons.pop(gone))
        for name, person in ids.items():
            if name not in self._skeletons:
                topic = f"{_BODIES}/{name}/skeleton2d"
                self._skeletons[name] = self._node.create_publisher(
                    self._types.Skeleton2D, topic, result_qos(1)
                )
            self._skeletons[name].publish(self._skeleton(keypoints.header, person, size_wh))
        self._tracked.publish(self._types.IdsList(header=keypoints.header, ids=sorted(ids)))

    def close(self) -> None:
        """Remove the topics of all bodies."""
        while self._skeletons:
            self._node.destroy_publisher(self._skeletons.popitem()[1])

    def _skeleton(self, header: Any, person: Any, size_wh: tuple[int, int]) -> Any:
        points = [self._point(person, joint, size_wh) for joint in SKELETON2D]
        return self._types.Skeleton2D(header=header, skeleton=points)

    def _point(self, person: Any, joint: Joint | None, size_wh: tuple[int, int]) -> Any:
        """Return one joint, 0 to 1 over the image; confidence 0 if its place is unknown."""
        joints = _SHOULDERS if joint is None else (joint,)
        x_px = sum(float(person.x[one]) for one in joints) / len(joints)
        y_px = sum(float(person.y[one]) for one in joints) / len(joints)
        if not (math.isfinite(x_px) and math.isfinite(y_px)):
            return self._types.NormalizedPointOfInterest2D(x=0.0, y=0.0, c=0.0)
        # Pixel (0, 0) is the centre of the top left pixel.
        x, y = ((value + 0.5) / size for value, size in zip((x_px, y_px), size_wh, strict=True))
        score = min(float(person.score[one]) for one in joints)
        return self._types.NormalizedPointOfInterest2D(
            x=min(max(x, 0.0), 1.0), y=min(max(y, 0.0), 1.0), c=score
        )


def body_id(track_id: int) -> str:
    """Return the REP-155 identity of a person.

    >>> body_id(7)
    'b00007'
    """
    return f"b{track_id:05d}"
