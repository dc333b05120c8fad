# SPDX-License-Identifier: Apache-2.0
"""All nodes in one process and one executor, for small boards; a node that fails is rebuilt."""

from collections.abc import Callable

from rclpy.node import Node

from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import ProcessEntry
from thermal_pose.nodes.prompt_executor import PromptExecutor, settle

_SPIN_S = 0.1


class SingleProcessGraph:
    """Nodes of a plan in this process.

    Use as a context manager around an initialised rclpy context: all nodes are active inside,
    all are stopped and destroyed after.
    """

    def __init__(self, plan: GraphPlan) -> None:
        self._plan = plan
        self._executor = PromptExecutor()
        self._nodes: dict[str, tuple[ProcessEntry, PipelineNode]] = {}
        self.rebuilt: dict[str, int] = {}

    def __enter__(self) -> "SingleProcessGraph":
        try:
            for entry in self._plan.entries:
                self._create(entry)
        except BaseException:
            self.close()
            raise
        settle()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def node(self, name: str) -> PipelineNode:
        """Return the running node of this name."""
        return self._nodes[name][1]

    def add(self, node: Node) -> None:
        """Spin another node together with the graph's."""
        self._executor.add_node(node)

    def spin_while(self, condition: Callable[[], bool]) -> None:
        """Spin as long as `condition` holds; rebuild nodes that fail."""
        while condition():
            try:
                self._executor.spin_once(timeout_sec=_SPIN_S)
            except Exception:
                if not self._rebuild_failed():
                    raise

    def close(self) -> None:
        """Stop and destroy all nodes, sources first."""
        for _, node in reversed(list(self._nodes.values())):
            self._executor.remove_node(node)
            node.stop()
        self._nodes.clear()
        self._executor.shutdown()

    def _create(self, entry: ProcessEntry) -> None:
        # Global arguments are those of the command line, which are not meant for nodes.
        node = entry.load()(cli_args=self._plan.ros_args(entry), use_global_arguments=False)
        self._nodes[entry.name] = (entry, node)
        self._executor.add_node(node)
        if node.parameters.autostart:
            node.start()

    def _rebuild_failed(self) -> bool:
        failed = [entry for entry, node in self._nodes.values() if node.fault is not None]
        for entry in failed:
            node = self.node(entry.name)
            node.get_logger().error(f"defect, rebuilding this node: {node.fault!r}")
            self._executor.remove_node(node)
            node.stop()
            self._create(entry)
            self.rebuilt[entry.name] = self.rebuilt.get(entry.name, 0) + 1
        return bool(failed)
