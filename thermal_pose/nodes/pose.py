# SPDX-License-Identifier: Apache-2.0
"""`pose`: thermal images and boxes in, the keypoints of all people out."""

from collections.abc import Mapping
from typing import Any

from sensor_msgs.msg import Image
from std_srvs.srv import SetBool

from thermal_pose.gates.quality import same_image
from thermal_pose.messages.fields import refusing, to_stamp_ns
from thermal_pose.messages.people import keypoints_message, to_person_boxes
from thermal_pose.msg import Keypoints, PersonBoxes
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.image_intake import ImageIntake, readable
from thermal_pose.nodes.interoperability import BodyPublisher
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.newest import BACKLOG, waiting
from thermal_pose.nodes.qos import image_subscription_qos, result_qos
from thermal_pose.parameters.nodes import PoseParameters
from thermal_pose.pipeline.join import StampJoin
from thermal_pose.pipeline.perception import Detections
from thermal_pose.pipeline.perception_params import build_pose_stage, pose_settings
from thermal_pose.types import ThermalFrame


class PoseNode(PipelineNode):
    """Estimates keypoints and follows people.

    Topics: `thermal/image_raw` and `persons` in, joined by equal stamps; `keypoints` out.
    Service `~/enable`: while disabled nothing is published: an empty message means that
    nobody is in view.
    """

    PARAMETERS = PoseParameters

    def build(self) -> None:
        """Load the model and create the publisher."""
        self._stage = build_pose_stage(self.parameters)
        self._join: StampJoin[ThermalFrame, Detections] = StampJoin(BACKLOG)
        self._enabled = True
        self._keypoints = self.publisher(Keypoints, "keypoints", result_qos(), exclusive=True)
        self._bodies = BodyPublisher(self) if self.parameters.publish_bodies else None

    def release(self) -> None:
        """Remove the topics of bodies."""
        bodies: BodyPublisher | None = getattr(self, "_bodies", None)
        if bodies is not None:
            bodies.close()

    def connect(self) -> None:
        """Listen to images and boxes; a new sequence begins."""
        self._stage.reset()
        self._join.reset()
        self._intake = ImageIntake(self.note)
        self._answered: ThermalFrame | None = None
        qos = image_subscription_qos(self.parameters.image_reliability, BACKLOG)
        self._images = self.subscribe(
            Image, "thermal/image_raw", self._on_image, qos, required=True
        )
        self._persons = self.subscribe(
            PersonBoxes, "persons", self._on_persons, result_qos(BACKLOG), required=True
        )
        self.serve(SetBool, "~/enable", self._on_enable)

    def parameters_changed(self) -> None:
        """Apply the dynamic parameters from the next image on."""
        self._stage.settings = pose_settings(self.parameters)

    def details(self) -> Mapping[str, str]:
        """Return the model and the device that runs it."""
        estimator = self._stage.estimator
        return {
            "model": estimator.model_id,
            "device": str(estimator.info),
            "enabled": str(self._enabled).lower(),
        }

    def _on_image(self, message: Image) -> None:
        for frame in self._intake.frames((message, *waiting(self._images))):
            self._join.add_left(frame.stamp_ns, frame)
        self._answer()

    def _on_persons(self, message: PersonBoxes) -> None:
        messages = (message, *waiting(self._persons))
        for stamp_ns, found in readable(messages, _detections, self.note):
            self._join.add_right(stamp_ns, found)
        self._answer()

    def _answer(self) -> None:
        dropped_before = self._join.dropped
        pair = self._join.take()
        self.statistics.count("dropped", self._join.dropped - dropped_before)
        if pair is None:
            return
        if not self._enabled:
            self.statistics.count("disabled")
            return
        frame, detections = pair
        if self._answered is not None and same_image(frame, self._answered):
            self.statistics.count("repeated")  # a replay grew impatient; its answer is on the way
            return
        self._answered = frame
        keypoints = keypoints_message(live, self._stage.step(frame, detections))
        self._keypoints.publish(keypoints)
        if self._bodies is not None:
            self._bodies.publish(keypoints)
        self.statistics.frame(frame.stamp_ns, self.now_ns())

    def _on_enable(self, request: Any, response: Any) -> Any:
        self._enabled = bool(request.data)
        self._stage.reset()
        response.success = True
        response.message = "enabled" if self._enabled else "disabled"
        return response


def _detections(message: PersonBoxes) -> tuple[int, Detections]:
    """Return the stamp and the boxes of one message."""
    with refusing("persons"):
        found = Detections(bool(message.detected), to_person_boxes(message))
    return to_stamp_ns(message.header.stamp), found
