# SPDX-License-Identifier: Apache-2.0
"""Write config/sros2/policy.xml from the nodes as they really are.

examples:
  bash scripts/with_venv.sh python scripts/sros2_policy.py
"""

import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import rclpy

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import PROCESS_TABLE
from thermal_pose.nodes.security import COMPANIONS, Permissions, permissions_of, policy
from thermal_pose.nodes.signals import init_ros, stay_on_this_machine
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.nodes.status import StatusNode
from thermal_pose.parameters.cameras import ThermalCameraParameters

POLICY = Path(__file__).resolve().parents[1] / "config" / "sros2" / "policy.xml"
STATUS = "thermal_pose_status"
#: Discovery shows a node's endpoints one after the other.
_SETTLED_S = 2.0
_TOO_LATE_S = 60.0


def free_port() -> int:
    """Return a TCP port that no process uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Settled:
    """What a growing graph shows, once it has shown the same for a while.

    Attributes
    ----------
    last : what it showed last.
    """

    def __init__(self, look: Callable[[], dict[str, Permissions]]) -> None:
        self._look, self._began_s = look, time.monotonic()
        self.last: dict[str, Permissions] = {}
        self._since_s = self._began_s

    def settled(self) -> bool:
        """Look again, and return whether nothing has changed for `_SETTLED_S`."""
        now = self._look()
        if now != self.last:
            self.last, self._since_s = now, time.monotonic()
        return time.monotonic() - self._since_s > _SETTLED_S

    def late(self) -> bool:
        """Return whether it took too long; the comparison then shows what is missing."""
        return time.monotonic() - self._began_s > _TOO_LATE_S


def observed(folder: Path) -> dict[str, Permissions]:
    """Return the permissions of all nodes, active, and of the status line."""
    overrides = {
        "thermal_camera": {
            "backend": "bag", "bag_path": str(DEMO_BAG), "bag_loop": True, "bag_clock": True,
        },
        "rgb_camera": {"backend": "v4l2", "device": str(folder / "no_camera")},
        "recorder": {"output_dir": str(folder)},
        "bedside": {"port": free_port()},
    }  # fmt: skip
    with SingleProcessGraph(GraphPlan(PROCESS_TABLE, overrides)) as graph:
        status = StatusNode()
        status.listen()
        graph.add(status)
        observer = rclpy.create_node("observer")
        names = [*(entry.name for entry in PROCESS_TABLE), *COMPANIONS, STATUS]
        seen = Settled(lambda: {name: permissions_of(observer, name) for name in names})

        def incomplete() -> bool:
            """Return whether the bedside page has still to find the camera, or others to appear."""
            heard = observer.get_subscriber_names_and_types_by_node("bedside_client", "/")
            done = seen.settled() and "/test/report" in dict(heard) and _all_discovered(seen.last)
            return not done and not seen.late()

        graph.spin_while(incomplete)
        found = seen.last
        for node in (observer, status):
            node.destroy_node()
    found["thermal_camera"]["topics", "subscribe"] |= awaited_topics()
    return found


def awaited_topics() -> set[str]:
    """Return what a replay can be told to wait for; the camera reads one of them at a time."""
    spec = next(one for one in ThermalCameraParameters.specs() if one.name == "bag_awaits")
    return set(spec.choices or ())


def _all_discovered(found: dict[str, Permissions]) -> bool:
    """Return whether each node's parameter services are seen: on a busy machine some come late."""
    return all("~/get_parameters" in one["services", "reply"] for one in found.values())


def main() -> None:
    """Write the policy."""
    stay_on_this_machine()
    init_ros([])
    with tempfile.TemporaryDirectory() as folder:
        POLICY.write_text(policy(observed(Path(folder))))
    rclpy.try_shutdown()
    print(POLICY)


if __name__ == "__main__":
    main()
