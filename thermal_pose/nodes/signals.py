# SPDX-License-Identifier: Apache-2.0
"""Start and end of ROS in a process: discovery range, SIGINT and SIGTERM.

The handlers of rclpy shut the context down at once; a node could then neither deactivate nor
publish. Ours also take SIGINT if a non-interactive shell had it ignored.
"""

import os
import signal
from types import FrameType

import rclpy
from rclpy.signals import SignalHandlerOptions

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class EndRequest:
    """Whether this process was asked to end; a context manager for the main thread."""

    def __init__(self) -> None:
        self.asked = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "EndRequest":
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def ask(self) -> None:
        """Ask from within (the parent is gone, the recording over)."""
        self.asked = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def init_ros(args: list[str] | None = None) -> None:
    """Initialise rclpy without its signal handlers; `EndRequest` has them."""
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)


def stay_on_this_machine() -> None:
    """Limit discovery to this machine unless the environment says otherwise.

    For commands that start or join a graph themselves. An open DDS domain lets every machine in
    the network read and change the graph (see docs/security.md).
    """
    if not os.environ.get("ROS_STATIC_PEERS"):
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
