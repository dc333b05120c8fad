# SPDX-License-Identifier: Apache-2.0
"""The page through a whole test: headless Chromium, real nodes over real DDS, shipped recording."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import Browser, browser
from support.ports import free_ports
from support.waiting import wait_for

from thermal_pose.bags.recording import DEMO_BAG

pytestmark = [pytest.mark.graph, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
PROGRAM = [sys.executable, "-m", "thermal_pose.cli.main"]


class Ward:
    """A server and a graph, as a clinic would start them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_ports(1)[0]
        self.reports = folder / "reports"
        self.reports.mkdir()
        self._running: list[subprocess.Popen] = []
        self.server = self.serve()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def serve(self) -> subprocess.Popen:
        self.server = self._start(
            "serve", "--port", str(self.port), "--reports", str(self.reports),
            "--store", str(self.folder / "store.sqlite"),
        )  # fmt: skip
        wait_for(self._listens, 60.0, "the server")
        return self.server

    def run_recording(self) -> subprocess.Popen:
        """Half speed, so that there is time to press a button while the person sits."""
        return self._start(
            "run", "--bag", str(DEMO_BAG), "--rate", "0.4", "--quiet",
            "-p", f"tug_analyzer.report_dir={self.reports}",
        )  # fmt: skip

    def end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self._running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def _start(self, *arguments: str) -> subprocess.Popen:
        log = (self.folder / f"{arguments[0]}-{len(self._running)}.log").open("w")
        process = subprocess.Popen([*PROGRAM, *arguments], stdout=log, stderr=log)
        self._running.append(process)
        return process

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def ward(ros_domain: int, tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path)
    yield made
    made.end()


@pytest.fixture
def tablet(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path / "profile") as running:
        yield running


def text(page: Browser, element: str) -> str:
    return page.script(f"return document.getElementById('{element}')?.innerText ?? ''")


def fill(page: Browser, **values: str) -> None:
    for name, value in values.items():
        page.script(
            f"const e = document.getElementById('{name}'); e.value = arguments[0];"
            "e.dispatchEvent(new Event('input', {bubbles: true}))",
            value,
        )


def choose(page: Browser, test: str) -> None:
    page.script(
        "const list = document.getElementById('test'); list.value = arguments[0];"
        "list.dispatchEvent(new Event('change'))",
        test,
    )


def begin(ward: Ward, tablet: Browser, test: str = "timed_up_and_go") -> None:
    """Open the page, say who is tested, start the recording, press the key for 'start'."""
    tablet.driver.get(ward.address)
    wait_for(lambda: "No camera" in text(tablet, "link"), 60.0, "the page")
    fill(tablet, subject_id="P-4F7K2Q", age_years="74", height_cm="168")
    choose(tablet, test)
    ward.run_recording()
    wait_for(lambda: text(tablet, "phase") == "Seated", 60.0, "the seated person")
    tablet.driver.find_element("tag name", "body").send_keys("s")
    wait_for(lambda: tablet.script("return window.lastAction") == "start", 30.0, "the start")
    assert text(tablet, "said") == ""


def test_a_whole_test_from_start_to_history(ward: Ward, tablet: Browser) -> None:
    begin(ward, tablet)
    wait_for(lambda: text(tablet, "phase") == "Walk out", 60.0, "the walk")
    assert text(tablet, "said") == ""
    assert tablet.script("return document.querySelectorAll('#view li').length") >= 5
    assert tablet.script("return document.getElementById('nothing').hidden")
    wait_for(lambda: text(tablet, "phase") == "Turn", 30.0, "the turn")
    wait_for(lambda: "P-4F7K2Q" in text(tablet, "result"), 60.0, "the result")
    shown = text(tablet, "result")
    report = json.loads(next(ward.reports.rglob("report.json")).read_text())
    assert report["valid"] and report["subject_id"] == "P-4F7K2Q" and report["go_s"] is not None
    assert f"{report['total_s']:.2f}" in shown
    for row in report["phases"]:
        assert f"{row['duration_s']:.2f} s" in shown
    asked = [url for url in tablet.requests() if url.startswith(("http", "ws"))]
    assert asked and all(url.startswith(ward.address) for url in asked)
    wait_for(lambda: "P-4F7K2Q" in text(tablet, "recent"), 30.0, "the list of recent tests")
    assert tablet.violations() == []
    link = tablet.script("return document.getElementById('report-link').href")
    past = tablet.script("return document.getElementById('history-link').href")
    tablet.driver.get(link)
    assert f"{report['total_s']:.2f} s" in tablet.script("return document.body.innerText")
    tablet.driver.get(past)
    history = tablet.script("return document.body.innerText")
    assert "P-4F7K2Q" in history and "1, 1 valid" in history
    tablet.driver.find_element("css selector", "table a").click()
    assert "Total time" in tablet.script("return document.body.innerText")


def test_a_cut_connection_comes_back_by_itself_and_loses_no_result(
    ward: Ward, tablet: Browser
) -> None:
    begin(ward, tablet)
    wait_for(lambda: text(tablet, "phase") == "Walk out", 60.0, "the walk")
    ward.server.kill()
    ward.server.wait()
    wait_for(lambda: "lost" in text(tablet, "link"), 30.0, "the loss to be shown")
    ward.serve()
    wait_for(lambda: text(tablet, "link") == "Connected", 30.0, "the connection")
    wait_for(lambda: "P-4F7K2Q" in text(tablet, "result"), 60.0, "the result")
    assert tablet.script("return !!document.getElementById('report-link')")


def test_two_tablets_show_the_same_test_which_nobody_chose(ward: Ward, tablet: Browser) -> None:
    begin(ward, tablet, "auto")
    first = tablet.driver.current_window_handle
    tablet.driver.switch_to.new_window("window")
    tablet.driver.get(ward.address)
    wait_for(lambda: text(tablet, "phase") in ("Walk out", "Turn"), 60.0, "the second tablet")
    wait_for(lambda: "P-4F7K2Q" in text(tablet, "result"), 60.0, "the second tablet's result")
    second = text(tablet, "result")
    assert second.startswith("Timed Up and Go, P-4F7K2Q")
    tablet.driver.switch_to.window(first)
    wait_for(lambda: "P-4F7K2Q" in text(tablet, "result"), 30.0, "the first tablet's result")
    assert text(tablet, "result") == second


@pytest.mark.parametrize(("width", "scheme"), [(1180, "light"), (390, "dark")])
def test_the_page_fits_and_is_accessible_at_rest(
    ward: Ward, tablet: Browser, width: int, scheme: str
) -> None:
    tablet.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 820, "deviceScaleFactor": 1, "mobile": width < 700},
    )
    tablet.media("", scheme)
    tablet.driver.get(ward.address)
    wait_for(lambda: "No camera" in text(tablet, "link"), 60.0, "the page")
    assert tablet.script("return document.documentElement.scrollWidth") == width
    assert tablet.violations() == []
    assert tablet.console() == []
