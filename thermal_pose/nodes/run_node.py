# SPDX-License-Identifier: Apache-2.0
"""One node in one process: start, spin, and end cleanly on SIGINT, SIGTERM or loss of parent."""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from thermal_pose.errors import ThermalPoseError
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.process_table import process_entry

#: Set by whoever launches us: end when that process is gone. `ros2 launch` leaves orphans
#: behind when it is killed, so launched nodes look for themselves.
PARENT_VARIABLE = "THERMAL_POSE_PARENT_PID"

_PARENT_PERIOD_S = 0.5


def parent_is_gone(parent_pid: int) -> bool:
    """Whether the process that launched us has ended (we were handed to another parent)."""
    return os.getppid() != parent_pid


def watch_parent(node: PipelineNode, end: Callable[[], None]) -> None:
    """Call `end` once the parent named in the environment is gone; nothing without a name."""
    named = os.environ.get(PARENT_VARIABLE)
    if named is None:
        return
    parent_pid = os.getppid() if named == "any" else int(named)

    def look() -> None:
        if parent_is_gone(parent_pid):
            node.get_logger().warning("the launching process is gone: ending")
            end()

    node.create_timer(_PARENT_PERIOD_S, look)


def spin_until_shutdown(executor: SingleThreadedExecutor) -> None:
    """Spin until rclpy's signal handlers, or anyone, shut the context down."""
    with contextlib.suppress(ExternalShutdownException, KeyboardInterrupt):
        executor.spin()


def main(name: str, args: Sequence[str] | None = None) -> int:
    """Run the node called `name`; return 0 after a clean end, else the error's exit code."""
    rclpy.init(args=list(sys.argv if args is None else args))
    executor = SingleThreadedExecutor()
    node: PipelineNode | None = None
    try:
        node = process_entry(name).load()()
        executor.add_node(node)
        watch_parent(node, rclpy.try_shutdown)
        if node.parameters.autostart:
            node.start()
        spin_until_shutdown(executor)
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
