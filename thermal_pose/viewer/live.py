# SPDX-License-Identifier: Apache-2.0
"""Shows the live topics: a node that only listens."""

from collections.abc import Callable

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from thermal_pose.errors import ImageFormatError
from thermal_pose.msg import Keypoints, TugPhase, TugReport
from thermal_pose.nodes.conversions import keypoints_from_msg, stamp_to_ns, thermal_from_msg
from thermal_pose.nodes.qos import image_subscription_qos, report_qos, result_qos
from thermal_pose.types import Phase
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
        self.create_subscription(Image, "thermal/image_raw", self._on_image, images)
        self.create_subscription(Keypoints, "keypoints", self._on_keypoints, result_qos())
        self.create_subscription(TugPhase, "tug/phase", self._on_phase, result_qos())
        self.create_subscription(TugReport, "tug/report", self._on_report, report_qos())

    def _on_image(self, message: Image) -> None:
        try:
            self._view.frame(thermal_from_msg(message))
        except ImageFormatError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=_LOG_THROTTLE_S)
            return
        self.frames += 1

    def _on_keypoints(self, message: Keypoints) -> None:
        self._view.keypoints(keypoints_from_msg(message))

    def _on_phase(self, message: TugPhase) -> None:
        self._view.phase(
            stamp_to_ns(message.header.stamp),
            Phase(message.phase),
            message.probability,
            message.elapsed_s,
        )

    def _on_report(self, message: TugReport) -> None:
        said = f"total {message.total_s:.2f} s" if message.valid else message.sentence
        self._view.note(stamp_to_ns(message.header.stamp), said)


def show_live(view: RerunView, namespace: str, goes_on: Callable[[], bool]) -> int:
    """Log the live topics until `goes_on` says no; return the number of images seen."""
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
