# SPDX-License-Identifier: Apache-2.0
"""All nodes in one process, for small boards; a node that fails is rebuilt.

All nodes that turn images into keypoints share one executor and thread, so that a message costs no
switch. Nodes that only listen (analyzer, pictures, recorder) have a second thread: the end of a
trial takes the analyzer about a tenth of a second, longer than an image may wait.
"""

import contextlib
import gc
import sys
import threading
from collections.abc import Callable, Iterator

from rclpy.node import Node

from thermal_pose.errors import ThermalPoseError
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.handover import Handover
from thermal_pose.nodes.process_table import ProcessEntry
from thermal_pose.nodes.prompt_executor import PromptExecutor, settle

#: A condition of `spin_while` is checked this often. Every check wakes an idle core.
_SPIN_S = 0.25
_SPIN_ASIDE_S = 1.0
_GIVE_WAY_S = 0.002
#: The listeners' thread hands the interpreter over after so long, if asked (Python: 5 ms).
_SWITCH_S = 0.0005


class SingleProcessGraph:
    """Nodes of a plan in this process.

    Use as a context manager around an initialised rclpy context: all nodes are active inside,
    all are stopped and destroyed after. Inside, the interpreter switches threads more often and
    the garbage collector skips what exists already; both end with the context.

    Parameters
    ----------
    plan : which nodes run, with what.
    hand_over : False sends all messages over DDS, also those between nodes of this process.
    """

    def __init__(self, plan: GraphPlan, *, hand_over: bool = True) -> None:
        self._plan = plan
        self._hand_over = hand_over
        self._executor = PromptExecutor()
        self._aside = _Aside()
        self.handover = Handover()
        self._nodes: dict[str, tuple[ProcessEntry, PipelineNode]] = {}
        self._switch_interval_s = sys.getswitchinterval()
        self.rebuilt: dict[str, int] = {}

    def __enter__(self) -> "SingleProcessGraph":
        sys.setswitchinterval(_SWITCH_S)  # of the whole process; `close` restores it
        try:
            for entry in self._plan.entries:
                self._create(entry)
        except BaseException:
            self.close()
            raise
        settle()
        self._aside.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def node(self, name: str) -> PipelineNode:
        """Return the running node of this name."""
        return self._nodes[name][1]

    def add(self, node: Node, *, aside: bool = False) -> None:
        """Spin another node together with the graph's, or with its listeners."""
        if aside:
            self._aside.executor.add_node(node)
            self._aside.start()
        else:
            self._executor.add_node(node)

    def spin_while(self, condition: Callable[[], bool]) -> None:
        """Spin as long as `condition` holds; rebuild nodes that fail.

        Raises
        ------
        ThermalPoseError
            A node met an error that no retry can cure.
        """
        while condition():
            try:
                self._executor.spin_once(timeout_sec=_SPIN_S)
                self._aside.raise_failure()
                self._raise_fatal()
            except ThermalPoseError:
                raise
            except Exception:
                if not self._rebuild_failed():
                    raise

    def close(self) -> None:
        """Stop and destroy all nodes, sources first."""
        self._aside.end()
        for entry, node in reversed(list(self._nodes.values())):
            self._executor_of(entry).remove_node(node)
            node.stop()
        self._nodes.clear()
        self._executor.shutdown()
        self._aside.executor.shutdown()
        sys.setswitchinterval(self._switch_interval_s)
        gc.unfreeze()

    def _raise_fatal(self) -> None:
        for _, node in self._nodes.values():
            if node.fatal is not None:
                raise node.fatal

    def _executor_of(self, entry: ProcessEntry) -> PromptExecutor:
        return self._aside.executor if entry.aside else self._executor

    def _create(self, entry: ProcessEntry) -> None:
        # Global arguments are those of the command line, which are not meant for nodes.
        node = entry.load()(cli_args=self._plan.ros_args(entry), use_global_arguments=False)
        node.handover = self.handover if self._hand_over else None
        self._nodes[entry.name] = (entry, node)
        self._executor_of(entry).add_node(node)
        if node.parameters.autostart:
            node.start()

    def _rebuild_failed(self) -> bool:
        with self._aside.paused():
            failed = [entry for entry, node in self._nodes.values() if node.fault is not None]
            for entry in failed:
                node = self.node(entry.name)
                node.get_logger().error(f"defect, rebuilding this node: {node.fault!r}")
                self._executor_of(entry).remove_node(node)
                node.stop()
                self._create(entry)
                self.rebuilt[entry.name] = self.rebuilt.get(entry.name, 0) + 1
            if any(entry.aside for entry in failed):
                self._aside.forget_failure()  # the same defect may have struck twice by now
        return bool(failed)


class _Aside:
    """The listeners' executor and its thread."""

    def __init__(self) -> None:
        self.executor = PromptExecutor()
        self._turn = threading.Lock()
        self._wanted = threading.Event()
        self._ends = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._spin, name="listeners", daemon=True)

    def start(self) -> None:
        """Begin to spin, unless there are no nodes or it spins already."""
        if self.executor.get_nodes() and self._thread.ident is None:
            self._thread.start()

    def end(self) -> None:
        """Let the present turn end, and no other begin."""
        self._ends.set()
        self.executor.wake()
        if self._thread.is_alive():
            self._thread.join()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the thread between two turns, for instance to create and destroy nodes."""
        self._wanted.set()
        self.executor.wake()
        try:
            with self._turn:
                yield
        finally:
            self._wanted.clear()

    def raise_failure(self) -> None:
        """Raise, in the caller's thread, what a listener's callback raised since the last call."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def forget_failure(self) -> None:
        """Take what was raised as dealt with; to be called while `paused`."""
        self._failure = None

    def _spin(self) -> None:
        while not self._ends.is_set():
            if self._wanted.is_set():  # a lock alone would come back to this thread every time
                self._ends.wait(_GIVE_WAY_S)
                continue
            with self._turn:
                try:
                    self.executor.spin_once(timeout_sec=_SPIN_ASIDE_S)
                except Exception as error:
                    self._failure = error
