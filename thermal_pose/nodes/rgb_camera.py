# SPDX-License-Identifier: Apache-2.0
"""`rgb_camera`: publishes colour images, raw and JPEG; off unless asked for."""

from typing import Any

from sensor_msgs.msg import CompressedImage, Image

from thermal_pose.calibration.files import RGB_HFOV_DEG
from thermal_pose.cameras import factory
from thermal_pose.cameras.base import Camera
from thermal_pose.cameras.driver import StampedFrame
from thermal_pose.cameras.prepare import encode_jpeg
from thermal_pose.messages.fields import header_message
from thermal_pose.messages.images import image_message
from thermal_pose.nodes.camera_node import CameraNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import image_publisher_qos
from thermal_pose.parameters.cameras import RgbCameraParameters


class RgbCameraNode(CameraNode):
    """The colour camera."""

    PARAMETERS = RgbCameraParameters
    STREAM = "rgb"
    HFOV_DEG = RGB_HFOV_DEG

    def make_camera(self) -> Camera:
        """Build the backend that the parameters name."""
        return factory.make_rgb_camera(self.parameters, self.consumers_ready)

    def image_publisher(self) -> Any:
        """Create the publishers of image_raw and image_raw/compressed."""
        self._jpeg = self.publisher(
            CompressedImage, "rgb/image_raw/compressed", image_publisher_qos()
        )
        return self.publisher(Image, "rgb/image_raw", image_publisher_qos())

    def consumers_ready(self) -> bool:
        """Count the readers of both forms."""
        readers = (self._image_publisher, self._jpeg)
        count = sum(publisher.get_subscription_count() for publisher in readers)
        return count >= self.parameters.bag_min_subscribers

    def publish_image(self, frame: StampedFrame) -> None:
        """Publish each form that has a reader: unread megabytes cost latency."""
        header = header_message(live, frame.stamp_ns, frame.frame_id)
        if self._image_publisher.get_subscription_count():
            self._image_publisher.publish(image_message(live, frame.image, "bgr8", header))
        if self._jpeg.get_subscription_count():
            data = encode_jpeg(frame.image, self.parameters.jpeg_quality)
            self._jpeg.publish(
                CompressedImage(header=header, format="bgr8; jpeg compressed bgr8", data=data)
            )
