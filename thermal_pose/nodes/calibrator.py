# SPDX-License-Identifier: Apache-2.0
"""Collects calibration views from running camera nodes: `thermal-pose calibrate --live`."""

import time
from collections.abc import Callable

import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CompressedImage, Image

from thermal_pose.calibration.session import CalibrationViews, LivePairer, ViewChooser
from thermal_pose.calibration.target import SpotTarget
from thermal_pose.messages.images import to_rgb_frame, to_thermal_frame
from thermal_pose.nodes.graph import check_namespace
from thermal_pose.nodes.qos import image_subscription_qos

_HINT_PERIOD_S = 1.0
_DEPTH = 8


def collect_live(
    target: SpotTarget,
    namespace: str,
    enough_views: int,
    show: Callable[[int, list[str]], None],
    keep_on: Callable[[], bool],
) -> CalibrationViews:
    """Listen to both cameras until there are enough views and no hints, or `keep_on` is False.

    Parameters
    ----------
    target : what to look for.
    namespace : of the camera nodes.
    show : called each second with the number of views and what is still missing.

    Raises
    ------
    CalibrationError
        Hardly any frames came.
    ConfigError
        The namespace is none.
    ImageFormatError
        The images are not what camera nodes of this package publish.
    """
    chooser = ViewChooser(target)
    pairer = LivePairer(chooser)
    node = rclpy.create_node("calibrator", namespace=check_namespace(namespace))
    qos = image_subscription_qos("reliable", depth=_DEPTH)
    node.create_subscription(
        Image, "thermal/image_raw", lambda image: pairer.add_thermal(to_thermal_frame(image)), qos
    )
    node.create_subscription(
        CompressedImage,
        "rgb/image_raw/compressed",
        lambda image: pairer.add_rgb(to_rgb_frame(image)),
        qos,
    )
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    next_hint_s = time.monotonic() + _HINT_PERIOD_S
    try:
        while keep_on():
            executor.spin_once(timeout_sec=0.1)
            if time.monotonic() >= next_hint_s:
                next_hint_s = time.monotonic() + _HINT_PERIOD_S
                hints = pairer.hints()
                show(len(chooser.chosen), hints)
                if len(chooser.chosen) >= enough_views and not hints:
                    break
    finally:
        executor.shutdown()
        node.destroy_node()
    return pairer.result()
