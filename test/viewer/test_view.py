# SPDX-License-Identifier: Apache-2.0
"""The browser view: what is logged, from a recording and live; and a look at the page itself."""

import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from support.faults import record
from support.models import write_warmest_spot_model
from support.ports import free_ports
from support.waiting import wait_for

from thermal_pose.cli import main as command
from thermal_pose.errors import GraphError, MissingExtraError
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints, Phase, ThermalFrame
from thermal_pose.viewer.rerun_view import RerunView
from thermal_pose.viewer.server import ViewerOptions, start_server

DEMO = Path(__file__).parents[2] / "thermal_pose" / "assets" / "demo"
STEP_NS = 125_000_000


class CountingStream:
    """Stands in for Rerun's stream: remembers what was logged where."""

    def __init__(self):
        self.logged = []
        self.time_ns = None

    def set_time(self, timeline, timestamp):
        self.time_ns = int(timestamp.astype(np.int64))

    def log(self, path, value, static=False):
        if not static:
            self.logged.append((self.time_ns, path, value))

    def paths(self):
        return {path for _, path, _ in self.logged}


@pytest.fixture
def view():
    pytest.importorskip("rerun", reason="extra `view`")
    made = RerunView("test")
    made._stream = CountingStream()
    return made


def person(track_id=3, score=0.9):
    xy = np.stack([np.linspace(31, 41, 17), np.linspace(16, 48, 17)], 1).astype(np.float32)
    box = PersonBox((29.5, 13.5, 41.5, 49.5), 0.9, track_id)
    return PersonKeypoints(track_id, box, xy, np.full(17, score, np.float32), 0.8)


def keypoints(*persons):
    return FrameKeypoints(STEP_NS, "cam", "student-x", (80, 60), persons)


def test_an_image_is_logged_at_its_stamp(view):
    view.frame(ThermalFrame(7 * STEP_NS, "cam", np.full((62, 80), 29515, np.uint16)))
    ((time_ns, path, _),) = view._stream.logged
    assert (time_ns, path) == (7 * STEP_NS, "thermal/image")


def test_people_are_logged_in_picture_coordinates(view):
    view.keypoints(keypoints(person()))
    logged = {path: value for _, path, value in view._stream.logged}
    assert {"thermal/people/boxes", "thermal/people/limbs", "thermal/people/joints"} <= set(logged)
    points = np.array(logged["thermal/people/joints"].positions.as_arrow_array().to_pylist())
    np.testing.assert_allclose(points[0], [(31 + 0.5) * 4, (16 + 0.5) * 4], atol=1e-3)
    assert len(points) == 17
    assert "people/score/3" in logged


def test_nobody_clears_the_people_of_the_image_before(view):
    view.keypoints(keypoints(person()))
    view._stream.logged.clear()
    view.keypoints(keypoints())
    logged = {path: value for _, path, value in view._stream.logged}
    assert len(logged["thermal/people/joints"].positions) == 0
    assert len(logged["thermal/people/boxes"].half_sizes) == 0


def test_a_phase_is_a_line_of_text_only_when_it_changes(view):
    for number, phase in enumerate((Phase.SEATED, Phase.SEATED, Phase.SIT_TO_STAND)):
        view.phase(number * STEP_NS, phase, 0.9, 0.1 * number)
    texts = [value for _, path, value in view._stream.logged if path == "log"]
    assert len(texts) == 2


def test_without_rerun_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingExtraError, match=r"thermal-pose\[view\]"):
        RerunView()


def test_a_recording_becomes_a_file(tmp_path, capsys):
    pytest.importorskip("rerun", reason="extra `view`")
    model = write_warmest_spot_model(tmp_path, spread=True)
    out = tmp_path / "trial.rrd"
    words = ["view", "--bag", str(DEMO), "--model", str(model), "--detector", "warm_blob"]
    assert command.main([*words, "--out", str(out)]) == 0
    assert out.stat().st_size > 100_000
    assert f"{out}:" in capsys.readouterr().out


@pytest.mark.graph
def test_live_topics_reach_the_view(ros, view):
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from sensor_msgs.msg import Image
    from support.waiting import spin_for

    from thermal_pose.messages.fields import header_message
    from thermal_pose.messages.images import thermal_message
    from thermal_pose.messages.people import keypoints_message
    from thermal_pose.msg import Keypoints, TugPhase, TugReport
    from thermal_pose.nodes.message_types import live
    from thermal_pose.nodes.qos import image_publisher_qos, report_qos, result_qos
    from thermal_pose.viewer.live import ViewerNode

    node, peer = ViewerNode(view, "ward3"), rclpy.create_node("peer", namespace="ward3")
    executor = SingleThreadedExecutor()
    for one in (node, peer):
        executor.add_node(one)
    frame = ThermalFrame(STEP_NS, "cam", np.full((60, 80), 29515, np.uint16))
    header = header_message(live, STEP_NS, "cam")
    wrong = thermal_message(live, frame)
    wrong.step = 1
    messages = (
        (
            Image,
            "thermal/image_raw",
            image_publisher_qos(),
            (wrong, thermal_message(live, frame)),
        ),
        (
            Keypoints,
            "keypoints",
            result_qos(),
            (keypoints_message(live, keypoints(person())),),
        ),
        (TugPhase, "tug/phase", result_qos(), (TugPhase(header=header, phase=TugPhase.TURN),)),
        (TugReport, "tug/report", report_qos(), (TugReport(header=header, valid=False),)),
    )
    publishers = []
    for kind, topic, qos, values in messages:
        publishers.append(peer.create_publisher(kind, topic, qos))
        spin_for(executor, lambda: publishers[-1].get_subscription_count() == 1)
        for value in values:
            publishers[-1].publish(value)
            executor.spin_once(timeout_sec=0.05)
    wanted = {"thermal/image", "thermal/people/joints", "tug/phase", "log"}
    spin_for(executor, lambda: wanted <= view._stream.paths())
    assert node.frames == 1
    for one in (node, peer):
        one.destroy_node()
    executor.shutdown()


@pytest.fixture
def served(tmp_path):
    """The view of one person, served; yields the page's address."""
    pytest.importorskip("rerun", reason="extra `view`")
    shown = RerunView("test page")
    options = ViewerOptions(free_ports(1)[0], free_ports(1)[0], open_browser=False)
    address = shown.serve(options)
    image = np.full((60, 80), 29515, np.uint16)
    image[14:50, 30:42] += 600
    for number in range(3):
        shown.frame(ThermalFrame(number * STEP_NS, "cam", image))
        shown.keypoints(keypoints(person()))
    shown.flush()
    yield address  # while this waits, `shown` lives and serves


def test_the_page_is_served_by_this_machine(served):
    page = urllib.request.urlopen(served.partition("?")[0], timeout=10).read().decode()
    assert "rerun" in page.lower()
    assert "%2B" in served


def listening_addresses(port: int) -> set[str]:
    """Return the local IPv4 addresses on which a port listens, as /proc/net/tcp has them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {address for address, number in ends if int(number, 16) == port}


def test_page_and_data_listen_on_the_loopback_alone(served):
    web_port, data_port = map(int, re.findall(r"127\.0\.0\.1:(\d+)", served))
    for port in (web_port, data_port):
        assert listening_addresses(port) == {"0100007F"}
        assert not port_in_ipv6(port)


def port_in_ipv6(port: int) -> bool:
    rows = [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    return any(row[3] == "0A" and int(row[1].split(":")[1], 16) == port for row in rows)


def other_addresses() -> list[str]:
    """Addresses of this machine at which only a server that listens on all of them answers."""
    infos = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    return sorted({"127.0.0.2", *(info[4][0] for info in infos)} - {"127.0.0.1"})


@pytest.mark.faults
def test_nobody_outside_reaches_the_page_or_injects_data(served):
    """What another machine would do: connect to this one's address and write to the data port."""
    outside = other_addresses()
    ports = [int(number) for number in re.findall(r"(?<=:|A)(\d{4,5})", served)]
    assert len(set(ports)) >= 2
    for address in outside:
        for port in set(ports):
            with socket.socket() as attacker:
                attacker.settimeout(2.0)
                with pytest.raises(OSError):
                    attacker.connect((address, port))
                    attacker.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    record(
        "viewer: data injected from another machine", len(outside) * len(set(ports)),
        "no connection to the page or the data port",
    )  # fmt: skip


def test_the_server_ends_with_a_killed_command(tmp_path):
    pytest.importorskip("rerun", reason="extra `view`")
    web_port, data_port = free_ports(1)[0], free_ports(1)[0]
    code = (
        "import time\n"
        "from thermal_pose.viewer.server import ViewerOptions, start_server\n"
        f"start_server(ViewerOptions({web_port}, {data_port}, open_browser=False))\n"
        "print('serving', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert command.stdout.readline() == "serving\n"
    command.kill()
    command.wait()
    wait_for(lambda: not listening_addresses(data_port), 30.0, "the server has ended")


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(GraphError, match=f"cannot serve on 127.0.0.1, port {port}: "):
            start_server(ViewerOptions(port, free_ports(1)[0], open_browser=False))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(not shutil.which("chromedriver"), reason="no Chromium here")
def test_the_page_shows_a_warm_person_in_chromium(served, tmp_path):
    import cv2
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    # Rendering on the processor: there is no graphics card to rely on.
    for flag in (
        "--headless=new", "--no-sandbox", "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--window-size=800,500",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):  # fmt: skip
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.get(f"{served}&renderer=webgl")
        picture = tmp_path / "page.png"

        def person_is_shown() -> bool:
            try:
                driver.save_screenshot(str(picture))
            except WebDriverException:
                return False  # the page renders too slowly for a screenshot just now
            pixels = cv2.imread(str(picture))
            # The brightest colour of the thermal map, next to its darkest, in the left half.
            left = pixels[:, : pixels.shape[1] // 2].astype(int)
            warm = (left[..., 2] > 230) & (left[..., 1] > 200) & (left[..., 0] < 190)
            return int(warm.sum()) > 500

        wait_for(person_is_shown, timeout_s=150, what="a warm person on the page")
    finally:
        driver.quit()
