# SPDX-License-Identifier: Apache-2.0
"""Recreate the pictures of docs/performance.md: `overlay/image` and the page of the viewer.

Both show the shipped recording (simulated) through the real nodes and the real viewer:

    bash scripts/with_venv.sh python scripts/pictures.py docs/pictures
"""

import argparse
import contextlib
import shutil
import socket
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import rclpy
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from sensor_msgs.msg import Image

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.lab.benchmark.load.runs import ros
from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import selected_entries
from thermal_pose.nodes.qos import image_publisher_qos
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.viewer.recording import show_recording
from thermal_pose.viewer.rerun_view import RerunView, ServeOptions

MOMENTS_S = (4.0, 7.0, 9.5)
_LIMIT_S = 300.0
_PAGE_WH = (1280, 720)
#: Rendering on the processor: there is no graphics card to rely on.
_FLAGS = (
    "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--ignore-gpu-blocklist",
    "--enable-unsafe-swiftshader", f"--window-size={_PAGE_WH[0]},{_PAGE_WH[1]}",
)  # fmt: skip


def overlay(path: Path) -> None:
    """Write `overlay/image` at the moments above, side by side."""
    overrides = {
        "thermal_camera": {"backend": "bag", "bag_path": str(DEMO_BAG), "bag_min_subscribers": 3},
        "visualizer": {"scale": 6},
    }
    pictures: dict[int, np.ndarray] = {}

    def keep(message: Image) -> None:
        shape = (message.height, message.width, 3)
        pictures[to_stamp_ns(message.header.stamp)] = np.frombuffer(message.data, np.uint8).reshape(
            shape
        )

    with ros():
        listener = rclpy.create_node("pictures", use_global_arguments=False)
        listener.create_subscription(Image, "overlay/image", keep, image_publisher_qos())
        with SingleProcessGraph(GraphPlan(selected_entries(("visualizer",)), overrides)) as graph:
            graph.add(listener)
            deadline_s = time.monotonic() + _LIMIT_S
            graph.spin_while(
                lambda: (
                    time.monotonic() < deadline_s
                    and (not pictures or (max(pictures) - min(pictures)) / 1e9 < MOMENTS_S[-1])
                )
            )
        listener.destroy_node()
    first_ns = min(pictures)
    shown = [
        pictures[min(pictures, key=lambda ns, at=at: abs(ns - first_ns - at * 1e9))]
        for at in MOMENTS_S
    ]
    cv2.imwrite(str(path), np.hstack(shown))


def viewer(path: Path) -> None:
    """Write what headless Chromium shows of `thermal-pose view --bag`."""
    view = RerunView()
    address = view.serve(ServeOptions(_free_port(), _free_port(), open_browser=False))
    show_recording(DEMO_BAG, view, DetectorParameters(), PoseParameters())
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(str(shutil.which("chromedriver"))))
        try:
            driver.get(f"{address}&renderer=webgl")
            _save_once_drawn(driver, path)
        finally:
            driver.quit()


def _save_once_drawn(driver: webdriver.Chrome, path: Path) -> None:
    """Save the page once two pictures of it, some seconds apart, show the same colours."""
    path.unlink(missing_ok=True)
    deadline_s, before = time.monotonic() + _LIMIT_S, 0
    while time.monotonic() < deadline_s:
        time.sleep(5.0)
        with contextlib.suppress(WebDriverException):  # too slow for a picture just now
            driver.save_screenshot(str(path))
        if not path.exists():
            continue
        colours = len(np.unique(cv2.imread(str(path)).reshape(-1, 3), axis=0))
        if colours > 2000 and abs(colours - before) < 0.02 * colours:
            return
        before = colours
    raise SystemExit(f"the page was not drawn within {_LIMIT_S:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Make both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    overlay(folder / "overlay.png")
    viewer(folder / "viewer.png")


if __name__ == "__main__":
    main()
