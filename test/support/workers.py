# SPDX-License-Identifier: Apache-2.0
"""Functions that tests call in other processes, which import them by this module's name."""

import os
import threading
from pathlib import Path

from thermal_pose.errors import MissingExtraError


def thread_setting(_):
    """The number of threads that this process was told to use, and its id."""
    return os.environ.get("OMP_NUM_THREADS"), os.getpid()


def missing_extra(_):
    """Raise an error whose constructor takes more than a message."""
    raise MissingExtraError("a test", "no_such_module", "train")


def tell_process(file):
    """Append the id of this process to a file, then wait to be ended."""
    with Path(file).open("a", encoding="utf-8") as stream:
        stream.write(f"{os.getpid()}\n")
    threading.Event().wait()
