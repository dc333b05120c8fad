# SPDX-License-Identifier: Apache-2.0
"""`detector`: thermal images in, the boxes of all people out, one message per image."""

from collections.abc import Mapping
from typing import Any

from sensor_msgs.msg import Image
from std_srvs.srv import SetBool

from thermal_pose.messages.people import person_boxes_message
from thermal_pose.msg import PersonBoxes
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.image_intake import ImageIntake
from thermal_pose.nodes.interoperability import DetectionPublisher
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.newest import BACKLOG, newest_of
from thermal_pose.nodes.qos import image_subscription_qos, result_qos
from thermal_pose.parameters.nodes import DetectorParameters
from thermal_pose.pipeline.perception import Detections
from thermal_pose.pipeline.perception_params import (
    apply_detector_parameters,
    build_detection_stage,
)
from thermal_pose.types import ThermalFrame


class DetectorNode(PipelineNode):
    """Finds people.

    Topics: `thermal/image_raw` in; `persons` out, for every image (`detected` is false if
    the cadence skipped it). Service `~/enable`: while disabled, every message has `detected`
    false.
    """

    PARAMETERS = DetectorParameters

    def build(self) -> None:
        """Load the detector and create the publisher."""
        self._stage = build_detection_stage(self.parameters)
        self._enabled = True
        self._persons = self.publisher(PersonBoxes, "persons", result_qos(), exclusive=True)
        self._detections = DetectionPublisher(self) if self.parameters.publish_detections else None

    def connect(self) -> None:
        """Listen to images; a new sequence begins."""
        self._stage.reset()
        self._intake = ImageIntake(self.note)
        qos = image_subscription_qos(self.parameters.image_reliability, BACKLOG)
        self._images = self.subscribe(
            Image, "thermal/image_raw", self._on_image, qos, required=True
        )
        self.serve(SetBool, "~/enable", self._on_enable)

    def parameters_changed(self) -> None:
        """Apply cadence and thresholds from the next image on."""
        apply_detector_parameters(self._stage, self.parameters)

    def details(self) -> Mapping[str, str]:
        """Return the model and the device that runs it."""
        detector = self._stage.detector
        return {
            "model": detector.model_id,
            "device": str(detector.info),
            "enabled": str(self._enabled).lower(),
        }

    def _on_image(self, message: Image) -> None:
        message, skipped = newest_of(self._images, message)
        self.statistics.count("dropped", skipped)
        for frame in self._intake.frames([message]):
            self._answer(frame)

    def _answer(self, frame: ThermalFrame) -> None:
        found = self._stage.step(frame) if self._enabled else Detections(False)
        boxes = person_boxes_message(
            live, frame.stamp_ns, frame.frame_id, found.boxes, found.detected
        )
        self._persons.publish(boxes)
        if self._detections is not None:
            self._detections.publish(boxes)
        self.statistics.frame(frame.stamp_ns, self.now_ns())

    def _on_enable(self, request: Any, response: Any) -> Any:
        self._enabled = bool(request.data)
        self._stage.reset()
        response.success = True
        response.message = "enabled" if self._enabled else "disabled"
        return response
