# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM as a wish to end, while the ROS context is still whole.

rclpy's own handlers shut the context down at once; a node could then neither deactivate nor say
a last word. Ours also take SIGINT where a non-interactive shell had it ignored.
"""

import signal
from types import FrameType

import rclpy
from rclpy.signals import SignalHandlerOptions

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class EndRequest:
    """Whether somebody wants this process to end; a context manager for the main thread."""

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
