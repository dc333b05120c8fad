# SPDX-License-Identifier: Apache-2.0
"""Shows the live topics: a node that only listens."""

from collections.abc import Callable
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from thermal_pose.errors import MessageFormatError
from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.messages.images import to_thermal_frame
from thermal_pose.messages.people import to_keypoints
from thermal_pose.messages.trials import to_phase, to_timing
from thermal_pose.msg import Keypoints, TugPhase, TugReport
from thermal_pose.nodes.qos import image_subscription_qos, report_qos, result_qos
from thermal_pose.viewer.rerun_view import RerunView

_SPIN_S = 0.1
_LOG_THROTTLE_S = 5.0


class ViewerNode(Node):
    """Hands images, keypoints, phases and reports of one graph to the view.

    Parameters
    ----------
    view : what shows them.
    namespace : of the graph.
    """

    def __init__(self, view: RerunView, namespace: str = "") -> None:
        super().__init__("viewer", namespace=namespace, use_global_arguments=False)
        self._view = view
        self.frames = 0
        # best effort matches cameras of either kind; a view may miss a frame.
        images = image_subscription_qos("best_effort")
        self._listen(Image, "thermal/image_raw", self._on_image, images)
        self._listen(Keypoints, "keypoints", self._on_keypoints, result_qos())
        self._listen(TugPhase, "tug/phase", self._on_phase, result_qos())
        self._listen(TugReport, "tug/report", self._on_report, report_qos())

    def _listen(
        self, kind: Any, topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        """Subscribe; a message that makes no sense is logged and skipped."""

        def take(message: Any) -> None:
            try:
                callback(message)
            except MessageFormatError as error:
                self.get_logger().warning(str(error), throttle_duration_sec=_LOG_THROTTLE_S)

        self.create_subscription(kind, topic, take, qos)

    def _on_image(self, message: Image) -> None:
        self._view.frame(to_thermal_frame(message))
        self.frames += 1

    def _on_keypoints(self, message: Keypoints) -> None:
        self._view.keypoints(to_keypoints(message))

    def _on_phase(self, message: TugPhase) -> None:
        self._view.phase(
            to_stamp_ns(message.header.stamp),
            to_phase(message),
            message.probability,
            message.elapsed_s,
        )

    def _on_report(self, message: TugReport) -> None:
        timing = to_timing(message)
        said = f"total {timing.total_s:.2f} s" if timing.total_s else timing.sentence
        self._view.note(to_stamp_ns(message.header.stamp), said)


def show_live(view: RerunView, namespace: str, goes_on: Callable[[], bool]) -> int:
    """Log the live topics until `goes_on` returns False; return the number of images seen."""
    node = ViewerNode(view, namespace)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while goes_on():
            executor.spin_once(timeout_sec=_SPIN_S)
    finally:
        executor.remove_node(node)
        node.destroy_node()
        executor.shutdown()
    return node.frames
