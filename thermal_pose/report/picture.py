# SPDX-License-Identifier: Apache-2.0
"""A picture of a report's page, taken by a headless Chromium or Chrome where one is installed."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.files import write_whole

#: Programs that take pictures of pages, in order of preference.
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Size of the picture, px.
PICTURE_WH: Final = (1280, 1800)
_TIMEOUT_S: Final = 120.0
_FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def installed_browser() -> str | None:
    """Return the path of an installed browser, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def print_page(page: Path, png: Path) -> None:
    """Write a picture of an HTML page as PNG.

    Parameters
    ----------
    page : HTML file; it is opened from the disk, without a network.

    Raises
    ------
    ConfigError
        No browser is installed.
    StorageError
        The browser fails, or the picture cannot be written.
    """
    browser = installed_browser()
    if browser is None:
        raise ConfigError(
            "a picture of the report needs Chromium or Chrome (Debian: `apt install chromium`); "
            f"the page itself, {page}, opens and prints in any browser"
        )
    with TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        command = [browser, *_FLAGS, f"--user-data-dir={folder}/profile", f"--screenshot={shot}"]
        command += [f"--window-size={PICTURE_WH[0]},{PICTURE_WH[1]}", page.resolve().as_uri()]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium refuses its sandbox to root
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise StorageError(f"{browser}: no picture after {_TIMEOUT_S:.0f} s") from error
        if not shot.is_file():
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise StorageError(f"{browser}: cannot take a picture of {page}: {reason}")
        write_whole(png, shot.read_bytes(), private=True)
