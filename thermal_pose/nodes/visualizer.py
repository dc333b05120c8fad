# SPDX-License-Identifier: Apache-2.0
"""`visualizer`: image, keypoints and phase as one picture, and as markers for RViz."""

import math

from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import MarkerArray

from thermal_pose.calibration.files import intrinsics_of
from thermal_pose.clinical.phases import phase_name
from thermal_pose.errors import ConfigError
from thermal_pose.imaging.camera_info import CameraInfo as LensInfo
from thermal_pose.imaging.camera_model import CameraIntrinsics, intrinsics_of_view
from thermal_pose.imaging.draw import DrawSettings, draw_overlay
from thermal_pose.messages.cameras import to_camera_info
from thermal_pose.messages.fields import header_message, to_stamp_ns
from thermal_pose.messages.images import image_message, to_thermal_frame
from thermal_pose.messages.people import to_keypoints
from thermal_pose.messages.trials import to_phase
from thermal_pose.msg import Keypoints, TugPhase
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.image_intake import readable
from thermal_pose.nodes.markers import people_to_markers
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.newest import BACKLOG, waiting
from thermal_pose.nodes.qos import image_publisher_qos, image_subscription_qos, result_qos
from thermal_pose.parameters.nodes import VisualizerParameters
from thermal_pose.pipeline.join import StampJoin
from thermal_pose.pipeline.placement import Mounting, place_person
from thermal_pose.types import FrameKeypoints, ThermalFrame


class VisualizerNode(PipelineNode):
    """Shows what the graph sees.

    Topics: `thermal/image_raw` and `keypoints`, joined by equal stamps, `tug/phase` and
    `thermal/camera_info` in; `overlay/image` (bgr8) and `markers` out. Each is made only while
    a node subscribes to it. An uncalibrated camera is placed with an assumed lens.
    """

    PARAMETERS = VisualizerParameters

    def build(self) -> None:
        """Create the publishers."""
        self._settings()
        self._join: StampJoin[ThermalFrame, FrameKeypoints] = StampJoin(BACKLOG)
        self._phase: TugPhase | None = None
        self._lens: LensInfo | None = None
        self._overlay = self.publisher(Image, "overlay/image", image_publisher_qos())
        self._markers = self.publisher(MarkerArray, "markers", image_publisher_qos())

    def connect(self) -> None:
        """Listen to everything that is shown."""
        self._join.reset()
        self._phase = None
        reliability = self.parameters.image_reliability
        self._images = self.subscribe(
            Image,
            "thermal/image_raw",
            self._on_image,
            image_subscription_qos(reliability, BACKLOG),
            required=True,
        )
        self._keypoints = self.subscribe(
            Keypoints, "keypoints", self._on_keypoints, result_qos(BACKLOG), required=True
        )
        self.subscribe(TugPhase, "tug/phase", self._on_phase, result_qos(1))
        self.subscribe(
            CameraInfo, "thermal/camera_info", self._on_info, image_subscription_qos(reliability)
        )

    def parameters_changed(self) -> None:
        """Refuse an empty range of temperatures."""
        self._settings()

    def _settings(self) -> DrawSettings:
        chosen = self.parameters
        if chosen.low_degc > chosen.high_degc:
            raise ConfigError(
                f"{self.get_name()}.low_degc = {chosen.low_degc}: expected at most "
                f"high_degc = {chosen.high_degc}"
            )
        fixed = chosen.low_degc < chosen.high_degc
        return DrawSettings(
            scale=chosen.scale,
            colormap=chosen.colormap,
            low_degc=chosen.low_degc if fixed else None,
            high_degc=chosen.high_degc if fixed else None,
            min_joint_score=chosen.min_joint_score,
            boxes=chosen.draw_boxes,
        )

    def _on_image(self, message: Image) -> None:
        messages = (message, *waiting(self._images))
        for frame in readable(messages, to_thermal_frame, self.note):
            self._join.add_left(frame.stamp_ns, frame)
        self._show()

    def _on_keypoints(self, message: Keypoints) -> None:
        messages = (message, *waiting(self._keypoints))
        for found in readable(messages, to_keypoints, self.note):
            self._join.add_right(found.stamp_ns, found)
        self._show()

    def _on_phase(self, message: TugPhase) -> None:
        to_phase(message)
        self._phase = message

    def _on_info(self, message: CameraInfo) -> None:
        self._lens = None
        info = to_camera_info(message)
        if info is not None:
            intrinsics_of(info)  # refuses a lens model that is not known
        self._lens = info

    def _show(self) -> None:
        dropped_before = self._join.dropped
        pair = self._join.take()
        self.statistics.count("dropped", self._join.dropped - dropped_before)
        if pair is None:
            return
        frame, keypoints = pair
        header = header_message(live, frame.stamp_ns, frame.frame_id)
        if self._overlay.get_subscription_count():
            picture = draw_overlay(
                frame.centikelvin, keypoints.persons, self._settings(), self._status(frame)
            )
            self._overlay.publish(image_message(live, picture, "bgr8", header))
        lens = self._lens_for(frame) or self._assumed_lens(frame)
        if lens is not None and self._markers.get_subscription_count():
            self._markers.publish(self._people(keypoints, lens))
        self.statistics.frame(frame.stamp_ns, self.now_ns())

    def _lens_for(self, frame: ThermalFrame) -> CameraIntrinsics | None:
        """Return the camera's lens at the image's size, None if there is none that fits."""
        height, width = frame.centikelvin.shape
        scaled = None if self._lens is None else self._lens.scaled_to((width, height))
        return None if scaled is None else intrinsics_of(scaled)

    def _assumed_lens(self, frame: ThermalFrame) -> CameraIntrinsics | None:
        """Return a lens for the markers of an uncalibrated camera, None if that is off."""
        hfov_rad = math.radians(self.parameters.assumed_hfov_deg)
        height, width = frame.centikelvin.shape
        return intrinsics_of_view((width, height), hfov_rad) if hfov_rad else None

    def _status(self, frame: ThermalFrame) -> str:
        if not self.parameters.draw_status:
            return ""
        # A phase of another run, or an old one, does not belong to this image.
        phase = self._phase
        if phase is None or abs(to_stamp_ns(phase.header.stamp) - frame.stamp_ns) > 1_000_000_000:
            return "no test under way"
        name = phase_name(to_phase(phase)).lower()
        return f"{name}   {phase.elapsed_s:5.1f} s   {100 * phase.probability:.0f} %"

    def _people(self, keypoints: FrameKeypoints, intrinsics: CameraIntrinsics) -> MarkerArray:
        chosen = self.parameters
        mounting = Mounting(chosen.camera_height_m, chosen.camera_pitch_deg, chosen.person_height_m)
        people = [
            (
                person.track_id,
                place_person(person, intrinsics, mounting, chosen.min_joint_score),
            )
            for person in keypoints.persons
        ]
        header = header_message(live, keypoints.stamp_ns, keypoints.frame_id)
        return people_to_markers(header, people, mounting.down())
