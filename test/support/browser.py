# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that reports every request and every console message of a page."""

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip


class Browser:
    """One browser; `open` shows a page at a size, in light or dark."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Load a page afresh and wait until its replay, if it has one, is ready."""
        from selenium.webdriver.support.ui import WebDriverWait

        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700},
        )
        self.media("", scheme)
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(page.as_uri())
        done = (
            "const player = document.getElementById('player');"
            "return document.readyState === 'complete' && (!player || !!player.dataset.ready)"
        )
        WebDriverWait(self.driver, 20, 0.02).until(lambda driver: driver.execute_script(done))

    def media(self, medium: str, scheme: str = "light") -> None:
        """Emulate print or screen, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": medium, "features": features}
        )

    def script(self, code: str, *arguments: Any) -> Any:
        """Run a script in the page and return its value."""
        return self.driver.execute_script(code, *arguments)

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for since it was opened."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def console(self) -> list[str]:
        """Return the console's messages since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def violations(self) -> list[tuple[str, list[Any]]]:
        """Return what axe-core finds against the page, as (rule, elements)."""
        axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        self.driver.execute_script(axe)
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];axe.run().then(r => done(r.violations))"
        )
        return [(row["id"], [node["target"] for node in row["nodes"]]) for row in found]

    def pdf(self) -> bytes:
        """Return the page as it prints."""
        options = {"preferCSSPageSize": True, "printBackground": True}
        printed = self.driver.execute_cdp_cmd("Page.printToPDF", options)
        return base64.b64decode(printed["data"])

    def press(self, *keys: str) -> None:
        """Press keys on whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium with a new, empty profile; the Debian packages are chromium{,-driver}."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver_path, "install the Debian packages chromium and chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
