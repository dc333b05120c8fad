# SPDX-License-Identifier: Apache-2.0
"""Measures the bedside page: delay from image to page, memory and processor time per watcher."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.errors import GraphError
from thermal_pose.messages.images import thermal_message
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import image_publisher_qos
from thermal_pose.types import ThermalFrame

RATE_HZ = 8.0


class ImageSource(Node):
    """Publishes the shipped recording's images at 8 Hz, stamped now."""

    def __init__(self) -> None:
        super().__init__("image_source", use_global_arguments=False)
        with BagReader(DEMO_BAG) as bag:
            self._frames: list[ThermalFrame] = list(bag.thermal_frames())
        self._next = 0
        self._out = self.create_publisher(Image, "thermal/image_raw", image_publisher_qos())
        self.create_timer(1.0 / RATE_HZ, self._send)

    def _send(self) -> None:
        frame = replace(self._frames[self._next % len(self._frames)], stamp_ns=time.time_ns())
        self._next += 1
        self._out.publish(thermal_message(live, frame))


class EventReader(threading.Thread):
    """One watcher: reads events and notes how old each image is on arrival, ms."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.delays_ms: list[float] = []
        self.ended = False

    def run(self) -> None:
        """Read until `ended`."""
        self._connection.request("GET", "/api/events?camera=")
        answer = self._connection.getresponse()
        kind = ""
        while not self.ended:
            line = answer.readline().decode()
            if line.startswith("event: "):
                kind = line[7:].strip()
            elif line.startswith("data: ") and kind == "image":
                stamp_ns = int(json.loads(line[6:])["stamp"])
                self.delays_ms.append((time.time_ns() - stamp_ns) / 1e6)
        self._connection.close()


@contextmanager
def _running(domain: int) -> Iterator[tuple[int, psutil.Process]]:
    """A server and an image source; yields the port and the server's process."""
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "thermal_pose.cli.main", "serve", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    rclpy.init(args=[])
    source = ImageSource()
    spinning = threading.Thread(target=_spin, args=(source,), daemon=True)
    spinning.start()
    try:
        _wait_for_camera(port)
        yield port, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(10)
        rclpy.try_shutdown()
        spinning.join(5)


#: A bare ROS node in Python that listens to images: the floor under the page's memory.
_BARE = """
import numpy, rclpy, sys
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("bare")
node.create_subscription(Image, "thermal/image_raw", lambda message: None, 10)
print("ready", flush=True)
while rclpy.ok():
    rclpy.spin_once(node, timeout_sec=0.2)
"""


def _bare_memory_mb(seconds: float = 5.0) -> dict[str, float]:
    """Memory of a process that only listens to the images."""
    bare = subprocess.Popen([sys.executable, "-c", _BARE], stdout=subprocess.PIPE)
    try:
        assert bare.stdout is not None
        bare.stdout.readline()
        time.sleep(seconds)
        return _memory_mb(psutil.Process(bare.pid))
    finally:
        bare.kill()
        bare.wait(10)


def _memory_mb(process: psutil.Process) -> dict[str, float]:
    """Resident memory, and that with shared pages divided among their users, in 1e6 bytes."""
    info = process.memory_full_info()
    return {"rss": round(info.rss / 1e6, 1), "pss": round(info.pss / 1e6, 1)}


def _spin(source: ImageSource) -> None:
    while rclpy.ok():
        rclpy.spin_once(source, timeout_sec=0.2)


def _wait_for_camera(port: int, limit_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/api/cameras")
            if json.loads(connection.getresponse().read())["cameras"]:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.2)
    raise GraphError(f"the bedside page showed no camera within {limit_s:.0f} s")


def measure_bedside(watchers: tuple[int, ...], seconds: float, domain: int) -> dict[str, Any]:
    """Measure the page with different numbers of watchers, `seconds` each.

    Parameters
    ----------
    watchers : numbers of watchers, rising, starting with 0.
    domain : an unused ROS domain.
    """
    rows: list[dict[str, Any]] = []
    with _running(domain) as (port, process):
        readers: list[EventReader] = []
        for count in watchers:
            while len(readers) < count:
                readers.append(EventReader(port))
                readers[-1].start()
            time.sleep(2.0)
            for reader in readers:
                reader.delays_ms.clear()
            rows.append(_row(process, readers, seconds))
        bare = _bare_memory_mb()
        page = _browser_delays_ms(port, seconds)
        for reader in readers:
            reader.ended = True
    first, last = rows[0], rows[-1]
    n = last["watchers"] - first["watchers"]
    return {
        "rate_hz": RATE_HZ,
        "rows": rows,
        "bare_node_memory_mb": bare,
        "added_memory_mb": {
            kind: round(first["memory_mb"][kind] - bare[kind], 1) for kind in ("rss", "pss")
        },
        "memory_mb_per_watcher": round(
            (last["memory_mb"]["rss"] - first["memory_mb"]["rss"]) / n, 2
        ),
        "cpu_percent_of_a_core_per_watcher": round(
            (last["cpu_percent"] - first["cpu_percent"]) / n, 2
        ),
        "picture_on_page_ms": page,
        "cores": os.cpu_count(),
        "load_average": [round(value, 1) for value in os.getloadavg()],
    }


def _row(process: psutil.Process, readers: list[EventReader], seconds: float) -> dict[str, Any]:
    before, begun_s = process.cpu_times(), time.monotonic()
    time.sleep(seconds)
    after, spent_s = process.cpu_times(), time.monotonic() - begun_s
    busy_s = after.user + after.system - before.user - before.system
    delays = np.concatenate([np.zeros(0), *(np.array(r.delays_ms) for r in readers)])
    return {
        "watchers": len(readers),
        "memory_mb": _memory_mb(process),
        "cpu_percent": round(100 * busy_s / spent_s, 2),
        "images": len(delays),
        "delay_ms": _percentiles(delays),
    }


def _percentiles(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float] | None:
    if not values.size:
        return None
    return {
        name: round(float(np.percentile(values, share)), 1)
        for name, share in (("median", 50), ("p99", 99), ("max", 100))
    }


def _browser_delays_ms(port: int, seconds: float) -> dict[str, float] | None:
    """From the image's stamp until it is drawn in headless Chromium; None without Chromium."""
    try:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.chrome.service import Service
    except ModuleNotFoundError:
        return None
    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        return None
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(flag)
    try:
        # The paths are given, so that selenium looks for nothing on the network.
        driver = webdriver.Chrome(options=options, service=Service(driver_path))
    except WebDriverException:
        return None
    try:
        driver.get(f"http://127.0.0.1:{port}/")
        time.sleep(5.0)
        driver.execute_script(
            "window.delays = []; window.onPictureShown = (m) => requestAnimationFrame(() =>"
            " window.delays.push(performance.timeOrigin + performance.now()"
            " - Number(m.stamp) / 1e6));"
        )
        time.sleep(max(seconds, 25.0))
        delays = np.array(driver.execute_script("return window.delays"), dtype=np.float64)
    finally:
        driver.quit()
    found = _percentiles(delays)
    return None if found is None else found | {"images": float(delays.size)}
