# SPDX-License-Identifier: Apache-2.0
"""`visualizer`: image, keypoints and phase as one picture, and as markers for RViz."""

from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import MarkerArray

from thermal_pose.errors import ConfigError
from thermal_pose.imaging.camera_model import CameraIntrinsics
from thermal_pose.imaging.draw import DrawSettings, draw_overlay
from thermal_pose.msg import Keypoints, TugPhase
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.conversions import (
    image_to_msg,
    keypoints_from_msg,
    make_header,
    stamp_to_ns,
    thermal_from_msg,
)
from thermal_pose.nodes.markers import people_to_markers
from thermal_pose.nodes.newest import BACKLOG, waiting
from thermal_pose.nodes.qos import image_publisher_qos, image_subscription_qos, result_qos
from thermal_pose.parameters.nodes import VisualizerParameters
from thermal_pose.pipeline.join import StampJoin
from thermal_pose.pipeline.placement import Mounting, place_person
from thermal_pose.types import FrameKeypoints, Phase, ThermalFrame


class VisualizerNode(PipelineNode):
    """Shows what the graph sees.

    Topics: `thermal/image_raw` and `keypoints`, joined by equal stamps, `tug/phase` and
    `thermal/camera_info` in; `overlay/image` (bgr8) and `markers` out. Each is made only while
    somebody looks. Without a calibration there are no markers.
    """

    PARAMETERS = VisualizerParameters

    def build(self) -> None:
        """Create the publishers."""
        self._settings()
        self._join: StampJoin[ThermalFrame, FrameKeypoints] = StampJoin(BACKLOG)
        self._phase: TugPhase | None = None
        self._intrinsics: CameraIntrinsics | None = None
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
        )
        self._keypoints = self.subscribe(
            Keypoints, "keypoints", self._on_keypoints, result_qos(BACKLOG)
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
        for image in (message, *waiting(self._images)):
            frame = thermal_from_msg(image)
            self._join.add_left(frame.stamp_ns, frame)
        self._show()

    def _on_keypoints(self, message: Keypoints) -> None:
        for keypoints in (message, *waiting(self._keypoints)):
            found = keypoints_from_msg(keypoints)
            self._join.add_right(found.stamp_ns, found)
        self._show()

    def _on_phase(self, message: TugPhase) -> None:
        self._phase = message

    def _on_info(self, message: CameraInfo) -> None:
        known = message.width > 0 and message.height > 0 and message.k[0] > 0 and message.k[4] > 0
        self._intrinsics = None
        if known:
            lens = (*message.d, 0.0, 0.0, 0.0, 0.0, 0.0)[:5]
            self._intrinsics = CameraIntrinsics(
                (message.width, message.height),
                message.k[0], message.k[4], message.k[2], message.k[5],
                (lens[0], lens[1], lens[2], lens[3], lens[4]),
            )  # fmt: skip

    def _show(self) -> None:
        dropped_before = self._join.dropped
        pair = self._join.take()
        self.statistics.count("dropped", self._join.dropped - dropped_before)
        if pair is None:
            return
        frame, keypoints = pair
        header = make_header(frame.stamp_ns, frame.frame_id)
        if self._overlay.get_subscription_count():
            picture = draw_overlay(
                frame.centikelvin, keypoints.persons, self._settings(), self._status(frame)
            )
            self._overlay.publish(image_to_msg(picture, "bgr8", header))
        if self._intrinsics is not None and self._markers.get_subscription_count():
            self._markers.publish(self._people(keypoints, self._intrinsics))
        self.statistics.frame(frame.stamp_ns, self.now_ns())

    def _status(self, frame: ThermalFrame) -> str:
        if not self.parameters.draw_status:
            return ""
        # A phase of another run, or of long ago, says nothing of this image.
        phase = self._phase
        if phase is None or abs(stamp_to_ns(phase.header.stamp) - frame.stamp_ns) > 1_000_000_000:
            return "no test under way"
        name = Phase(phase.phase).name.replace("_", " ").lower()
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
        header = make_header(keypoints.stamp_ns, keypoints.frame_id)
        return people_to_markers(header, people, mounting.down())
