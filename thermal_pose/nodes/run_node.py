# SPDX-License-Identifier: Apache-2.0
"""One node in one process: start, spin, and end cleanly on SIGINT, SIGTERM or loss of parent."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import rclpy

from thermal_pose.errors import ThermalPoseError
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.process_table import process_entry
from thermal_pose.nodes.prompt_executor import PromptExecutor, settle
from thermal_pose.nodes.signals import EndRequest, init_ros

#: Process id of the launching process; its nodes end when it is gone, since a killed
#: `ros2 launch` leaves orphans behind. It need not be the direct parent (`--launch-prefix`).
PARENT_VARIABLE = "THERMAL_POSE_PARENT_PID"

_PARENT_PERIOD_S = 0.5
_SPIN_S = 0.25


def process_start(pid: str) -> str | None:
    """Return a value that identifies a living process even if its number is reused, else None."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *numbers = stat.rpartition(")")[2].split()
    return None if state in "ZX" else numbers[18]  # field 22 of proc(5): starttime


def watch_parent(node: PipelineNode, end: Callable[[], None]) -> None:
    """Call `end` once the process named in the environment is gone."""
    named = os.environ.get(PARENT_VARIABLE)
    if named is None:
        return
    born = process_start(named)

    def look() -> None:
        if born is None or process_start(named) != born:
            node.get_logger().warning("the launching process is gone: ending")
            end()

    node.create_timer(_PARENT_PERIOD_S, look)


def main(name: str, args: Sequence[str] | None = None) -> int:
    """Run the node called `name`; return 0 after a clean end, else the error's exit code."""
    init_ros(list(sys.argv if args is None else args))
    executor = PromptExecutor()
    node: PipelineNode | None = None
    with EndRequest() as end:
        try:
            node = process_entry(name).load()()
            executor.add_node(node)
            watch_parent(node, end.ask)
            if node.parameters.autostart:
                node.start()
            settle()
            while not end.asked:
                executor.spin_once(timeout_sec=_SPIN_S)
                if node.fatal is not None:
                    raise node.fatal
            shortcoming = node.shortcoming()
            if shortcoming is not None:
                raise shortcoming
        except ThermalPoseError as error:
            print(f"{name}: error: {error}", file=sys.stderr)
            return error.exit_code
        finally:
            if node is not None:
                node.stop()
            executor.shutdown()
            rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [sys.argv[0], *sys.argv[2:]]))
