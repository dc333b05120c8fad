# SPDX-License-Identifier: Apache-2.0
"""Each node as a process of its own, ended together, and restarted where asked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO

from thermal_pose.errors import GraphError
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import ProcessEntry
from thermal_pose.nodes.run_node import PARENT_VARIABLE

END_TIMEOUT_S = 3.0
_POLL_S = 0.05
#: A node that dies more often than this within the window is not restarted any more.
MAX_RESTARTS = 5
RESTART_WINDOW_S = 60.0


def _node_ended(entry: ProcessEntry, code: int) -> GraphError:
    """Return an error with the node's own exit code, if it left with one."""
    error = GraphError(f"node '{entry.name}' ended with exit code {code}; see its message")
    if code > 0:
        error.exit_code = code
    return error


class ProcessGraph:
    """Nodes of a plan as child processes; a context manager.

    Parameters
    ----------
    plan : what to start.
    supervise : restart a node that ends unasked.
    environment : added to this process's.
    output : where the nodes' stdout and stderr go; None: this process's own.
    """

    def __init__(
        self,
        plan: GraphPlan,
        *,
        supervise: bool = False,
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
    ) -> None:
        self._plan = plan
        self._supervise = supervise
        self._environment = {**os.environ, **(environment or {}), PARENT_VARIABLE: str(os.getpid())}
        self._output = output
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts_s: dict[str, list[float]] = {}

    def __enter__(self) -> "ProcessGraph":
        try:
            for entry in self._plan.entries:
                self._start(entry)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def watch_while(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` is false.

        Raises
        ------
        GraphError
            A node ended by itself, and is not supervised or keeps dying.
        """
        while condition():
            self.look()
            time.sleep(_POLL_S)

    def look(self) -> None:
        """Restart, or report as a GraphError, nodes that ended by themselves."""
        for entry in self._plan.entries:
            code = self.processes[entry.name].poll()
            if code is None:
                continue
            if not self._supervise or not self._may_restart(entry):
                raise _node_ended(entry, code)
            print(f"node '{entry.name}' ended with exit code {code}: restarting", file=sys.stderr)
            self._start(entry)

    def close(self) -> dict[str, int]:
        """End all nodes with SIGTERM, kill those still there after 3 s; return exit codes."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + END_TIMEOUT_S
        for process in self.processes.values():
            try:
                process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return {name: process.returncode for name, process in self.processes.items()}

    def _start(self, entry: ProcessEntry) -> None:
        command = [sys.executable, "-m", "thermal_pose.nodes.run_node", entry.name]
        self.processes[entry.name] = subprocess.Popen(
            [*command, *self._plan.ros_args(entry)],
            env=self._environment,
            stdout=self._output,
            stderr=self._output,
            # Ctrl-C reaches this process only, which then ends its nodes in order.
            start_new_session=True,
        )

    def _may_restart(self, entry: ProcessEntry) -> bool:
        now_s = time.monotonic()
        recent = [
            then for then in self._restarts_s.get(entry.name, []) if now_s - then < RESTART_WINDOW_S
        ]
        self._restarts_s[entry.name] = [*recent, now_s]
        return len(recent) < MAX_RESTARTS
