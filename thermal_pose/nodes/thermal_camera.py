# SPDX-License-Identifier: Apache-2.0
"""`thermal_camera`: publishes centikelvin images, their calibration, and mono8 images for eyes."""

from pathlib import Path
from typing import Any, Final

from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage  # type: ignore[attr-defined]

from thermal_pose import msg  # type: ignore[attr-defined]
from thermal_pose.bags import schema
from thermal_pose.calibration.files import THERMAL_HFOV_DEG, load_extrinsics
from thermal_pose.cameras import factory
from thermal_pose.cameras.base import AcknowledgedCamera, Camera
from thermal_pose.cameras.driver import StampedFrame
from thermal_pose.cameras.prepare import mono8_fixed, mono8_percentile
from thermal_pose.errors import ConfigError
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.messages.cameras import transform_message
from thermal_pose.messages.fields import header_message, to_stamp_ns
from thermal_pose.messages.images import image_message, thermal_message
from thermal_pose.nodes.camera_node import CameraNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import (
    acknowledgement_qos,
    image_publisher_qos,
    report_qos,
    static_transform_qos,
)
from thermal_pose.nodes.replay_clock import ReplayClockPublisher
from thermal_pose.parameters.cameras import ThermalCameraParameters
from thermal_pose.pipeline.placement import Mounting
from thermal_pose.types import ThermalFrame, UInt8Array

#: The messages of the topics that parameter bag_awaits names.
_RESULTS: Final = {"keypoints": msg.Keypoints, "test/state": msg.MovementState}


class ThermalCameraNode(CameraNode):
    """The thermal camera."""

    PARAMETERS = ThermalCameraParameters
    STREAM = "thermal"
    HFOV_DEG = THERMAL_HFOV_DEG

    def make_camera(self) -> Camera:
        """Build the backend that the parameters name."""
        return factory.make_thermal_camera(self.parameters, self.consumers_ready)

    def image_publisher(self) -> Any:
        """Create the publishers of image_raw and image_mono8."""
        self._eyes = self.publisher(Image, "thermal/image_mono8", image_publisher_qos())
        self._truth = self.publisher(msg.TugReport, "truth/tug", report_qos())
        self._transforms = self.publisher(TFMessage, schema.TF_STATIC, static_transform_qos())
        return self.publisher(Image, "thermal/image_raw", image_publisher_qos())

    def build(self) -> None:
        """Also check the range of image_mono8, and load the pose of the RGB camera."""
        self._check_window()
        self._extrinsics = self._load_extrinsics()
        self._placed_frame = ""
        self._replay_clock: ReplayClockPublisher | None = None
        if self.parameters.bag_clock and self.parameters.backend == "bag":
            self._replay_clock = ReplayClockPublisher(self, self.parameters.bag_rate)
        super().build()

    def connect(self) -> None:
        """Listen for the results that a lossless replay waits for; start the driver.

        The exact timing of a simulated recording is latched before its first image, and so are
        the poses of the cameras.
        """
        if self.parameters.backend != "bag":  # a recording brings the frame of its images
            self._place_cameras(self.parameters.frame_id)
        if self._replay_clock is not None:
            self._replay_clock.start(self)
        for truth in factory.recorded_truth(self.parameters):
            self._truth.publish(truth)
        if self._waits_for_results():
            topic = self.parameters.bag_awaits
            self.subscribe(_RESULTS[topic], topic, self._on_result, acknowledgement_qos())
        super().connect()

    def consumers_ready(self) -> bool:
        """Also wait for the publisher of the results, if the replay waits for results."""
        awaited = self.parameters.bag_awaits
        results_come = not self._waits_for_results() or self.count_publishers(awaited) > 0
        return results_come and super().consumers_ready()

    def announce(self, stamp_ns: int, frame_id: str) -> None:
        """Set the clock of a replay, and publish the poses of a new frame."""
        if self._replay_clock is not None:
            self._replay_clock.image(stamp_ns)
        if frame_id != self._placed_frame:
            self._place_cameras(frame_id)

    def publish_image(self, frame: StampedFrame) -> None:
        """Publish the radiometric image, and image_mono8 if any node subscribes to it."""
        thermal = ThermalFrame(frame.stamp_ns, frame.frame_id, frame.image)
        self._image_publisher.publish(thermal_message(live, thermal))
        if self._eyes.get_subscription_count():
            header = header_message(live, frame.stamp_ns, frame.frame_id)
            self._eyes.publish(image_message(live, self._visible(thermal), "mono8", header))

    def parameters_changed(self) -> None:
        """Also refuse an empty range of image_mono8, and a flip that moves the camera's frame."""
        self._check_window()
        flips = factory.preparation(self.parameters).flips
        if self._extrinsics is not None and flips != self._calibrated.flips:
            raise ConfigError(
                f"{self.get_name()}.flip_horizontal, flip_vertical: expected no change while "
                "extrinsics_path is loaded, which holds for images as they were calibrated"
            )
        super().parameters_changed()

    def _check_window(self) -> None:
        if not self.parameters.mono8_low_degc < self.parameters.mono8_high_degc:
            raise ConfigError(
                f"{self.get_name()}.mono8_low_degc = {self.parameters.mono8_low_degc}: expected "
                f"less than mono8_high_degc = {self.parameters.mono8_high_degc}"
            )

    def _load_extrinsics(self) -> CameraPose | None:
        path = self.parameters.extrinsics_path
        if path and self.parameters.rgb_frame_id == self.parameters.frame_id:
            raise ConfigError(
                f"{self.get_name()}.rgb_frame_id = '{self.parameters.rgb_frame_id}': expected "
                "another frame than frame_id"
            )
        return load_extrinsics(Path(path)) if path else None

    def _place_cameras(self, frame_id: str) -> None:
        """Publish the static transforms: floor to thermal camera, thermal to RGB camera."""
        chosen = self.parameters
        self._placed_frame = frame_id
        poses: list[tuple[CameraPose, str, str]] = []
        if chosen.floor_frame_id:
            mounting = Mounting(chosen.camera_height_m, chosen.camera_pitch_deg)
            poses.append((mounting.pose().inverse, chosen.floor_frame_id, frame_id))
        if self._extrinsics is not None:
            poses.append((self._extrinsics, frame_id, chosen.rgb_frame_id))
        if poses:
            now_ns = self.now_ns()
            transforms = [transform_message(live, *pose, now_ns) for pose in poses]
            self._transforms.publish(TFMessage(transforms=transforms))

    def _visible(self, frame: ThermalFrame) -> UInt8Array:
        if self.parameters.mono8_window == "fixed":
            return mono8_fixed(
                frame.centikelvin, self.parameters.mono8_low_degc, self.parameters.mono8_high_degc
            )
        return mono8_percentile(frame.centikelvin)

    def _waits_for_results(self) -> bool:
        return self.parameters.backend == "bag" and self.parameters.bag_window_frames > 0

    def _on_result(self, result: msg.Keypoints | msg.MovementState) -> None:
        camera = self._driver.camera
        if isinstance(camera, AcknowledgedCamera):
            camera.acknowledge(to_stamp_ns(result.header.stamp))
