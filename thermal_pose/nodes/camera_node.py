# SPDX-License-Identifier: Apache-2.0
"""Base of the thermal and the colour camera nodes: a driver, its diagnostics, ~/reset."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo as CameraInfoMsg
from std_srvs.srv import Trigger

from thermal_pose.calibration.files import default_camera_info, load_camera_info
from thermal_pose.calibration.urls import calibration_path
from thermal_pose.cameras import factory
from thermal_pose.cameras.assessment import assess, describe
from thermal_pose.cameras.base import Camera, CameraIdentity
from thermal_pose.cameras.driver import CameraDriver, StampedFrame
from thermal_pose.errors import CalibrationError, ConfigError
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.messages.cameras import camera_info_message
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import image_publisher_qos

_FAULT_PERIOD_S = 0.5


class CameraNode(PipelineNode):
    """A camera driver as a life-cycle node; subclasses name images and topics."""

    #: Namespace of the image topics, and the camera's usual field of view.
    STREAM: str
    HFOV_DEG: float

    def build(self) -> None:
        """Check the source, load the calibration, create the publishers and the driver."""
        self._preparation = self._calibrated = factory.preparation(self.parameters)
        self._calibration = self._load_calibration()
        self._misfit = ""
        self._info: CameraInfo | None = None
        self._described: CameraIdentity | None = None
        self._image_publisher = self.image_publisher()
        self._info_publisher = self.publisher(
            CameraInfoMsg, f"{self.STREAM}/camera_info", image_publisher_qos()
        )
        self._check_recording()
        self._driver = CameraDriver(
            self.make_camera,
            self._publish,
            factory.driver_options(self.parameters),
            now_ros_ns=self.now_ns,
            fingerprint=factory.device_fingerprint(self.parameters),
            on_end=self._on_end,
        )

    def connect(self) -> None:
        """Offer ~/reset and start the driver; it stops when the node is deactivated."""
        self.serve(Trigger, "~/reset", self._on_reset)
        self.every(_FAULT_PERIOD_S, self._raise_fault)
        self._driver.start()
        self._connections.append(self._driver.stop)

    def release(self) -> None:
        """Free the device."""
        driver: CameraDriver | None = getattr(self, "_driver", None)
        if driver is not None:
            driver.stop()

    @abstractmethod
    def make_camera(self) -> Camera:
        """Build the backend."""

    @abstractmethod
    def image_publisher(self) -> Any:
        """Create the publisher of the raw images, whose subscribers a replay waits for."""

    def announce(self, stamp_ns: int, frame_id: str) -> None:
        """Publish what must be known before the image with this header."""

    @abstractmethod
    def publish_image(self, frame: StampedFrame) -> None:
        """Publish one prepared image on all its topics."""

    def consumers_ready(self) -> bool:
        """Whether a replay may start."""
        return self._image_publisher.get_subscription_count() >= self.parameters.bag_min_subscribers

    def parameters_changed(self) -> None:
        """Apply flips and offsets at once, and device controls with one of the next frames."""
        self._preparation = factory.preparation(self.parameters)
        self._described = None
        factory.apply_controls(self.parameters, self._driver)

    def health(self) -> tuple[bytes, str]:
        """Return the driver's condition, and first whether the calibration fits."""
        if self._misfit:
            return DiagnosticStatus.ERROR, self._misfit
        level, sentence = assess(
            self._driver.status(), factory.expected_rate_hz(self.parameters, self._driver.status())
        )
        return bytes([level]), sentence

    def details(self) -> Mapping[str, str]:
        """Return the driver's counters."""
        return describe(self._driver.status())

    def _check_recording(self) -> None:
        """Open a recording once, so that a bad one fails the node and not its thread."""
        if self.parameters.backend == "bag":
            camera = self.make_camera()
            camera.open()
            camera.close()

    def _load_calibration(self) -> CameraInfo | None:
        path, url = self.parameters.camera_info_path, self.parameters.camera_info_url
        if path and url:
            raise ConfigError(
                f"{self.get_name()}: expected camera_info_path or camera_info_url, got both"
            )
        if url:
            return load_camera_info(
                calibration_path(url, self.get_name(), get_package_share_directory)
            )
        return load_camera_info(Path(path)) if path else None

    def _describe(self, identity: CameraIdentity) -> None:
        """Find the calibration of published images: file, else stream, else none (K = 0)."""
        if self._calibration is not None:
            self._info = self._fitting(self._calibration, identity)
        elif identity.info is not None:
            self._info = self._preparation.adapt_info(identity.info)
        else:
            self._info = self._uncalibrated(identity)
        self._described = identity

    def _fitting(self, calibration: CameraInfo, identity: CameraIdentity) -> CameraInfo:
        self._misfit = ""
        try:
            return self._preparation.adapt_calibration(
                calibration, identity.image_wh, self._calibrated
            )
        except CalibrationError as error:
            source = self.parameters.camera_info_path or self.parameters.camera_info_url
            self._misfit = f"{source}: {error}: nothing is published"
            raise CalibrationError(self._misfit) from error

    def _uncalibrated(self, identity: CameraIdentity) -> CameraInfo:
        """Return the size of the images with K = 0, which means uncalibrated."""
        self.get_logger().warning(
            "no calibration: speeds and lengths are left out; `thermal-pose calibrate` makes one, "
            "parameter camera_info_path or camera_info_url loads it",
            once=True,
        )
        size = self._preparation.adapt_info(
            default_camera_info(identity.image_wh, self.HFOV_DEG)
        ).image_wh
        return CameraInfo(size, np.zeros((3, 3)), np.zeros(0), "")

    def _publish(self, frame: StampedFrame) -> None:
        self.guarded(self._publish_prepared)(frame)

    def _publish_prepared(self, frame: StampedFrame) -> None:
        identity = self._driver.status().identity
        if identity is not None and identity is not self._described:
            self._describe(identity)
        image = self._preparation.apply(frame.image)
        prepared = StampedFrame(image, frame.stamp_ns, frame.frame_id)
        self.announce(frame.stamp_ns, frame.frame_id)
        if self._info is not None:
            self._info_publisher.publish(
                camera_info_message(live, self._info, frame.stamp_ns, frame.frame_id)
            )
        self.publish_image(prepared)
        now_ns = self.now_ns()
        # The age of a recorded stamp has no meaning in this run.
        replayed = self.parameters.backend == "bag"
        self.statistics.frame(now_ns if replayed else frame.stamp_ns, now_ns)

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._driver.reset()
        response.success = True
        response.message = "the camera is being reopened"
        return response

    def _raise_fault(self) -> None:
        """Hand errors of the driver's thread to whatever runs this node."""
        self.fatal = self._driver.failure
        if self.fault is not None:
            raise self.fault

    def _on_end(self) -> None:
        self.get_logger().info("the recording has ended")
