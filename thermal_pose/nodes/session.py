# SPDX-License-Identifier: Apache-2.0
"""One run of the graph from start to end, in one process or several, with a status line."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import rclpy

from thermal_pose.clinical.catalogue import movement_test
from thermal_pose.errors import CameraError, GraphError, ThermalPoseError
from thermal_pose.msg import MovementReport
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.processes import ProcessGraph
from thermal_pose.nodes.prompt_executor import PromptExecutor
from thermal_pose.nodes.signals import EndRequest, init_ros, stay_on_this_machine
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.nodes.status import StatusNode

#: Maximum wait for the report after the end of a recording, s.
REPORT_TIMEOUT_S = 10.0
_STATUS_PERIOD_S = 1.0
_SPIN_S = 0.25


@dataclass(frozen=True)
class SessionOutcome:
    """The result of a run.

    Attributes
    ----------
    report : the last one published during the run; None: no trial was completed.
    trials : number of reports.
    wall_s : duration of the run.
    silence : why no keypoints came at all; None: some did, or no node knows.
    """

    report: MovementReport | None
    trials: int
    wall_s: float
    silence: ThermalPoseError | None = None

    @property
    def last_report_json(self) -> str:
        """The last report as JSON text; '' without one."""
        return self.report.json if self.report else ""

    def summary_line(self) -> str:
        """Return one line for people."""
        last = self.report
        if last is None:
            return f"ended after {self.wall_s:.1f} s; no trial was completed"
        test = movement_test(last.test)
        figure = f"{test.title}, {last.value:.{test.decimals}f} {last.unit}"
        said = figure if last.valid else f"refused: {last.sentence}"
        return f"ended after {self.wall_s:.1f} s; trials: {self.trials}; last: {said}"


class _Session:
    """Decides, turn by turn, whether the run goes on."""

    def __init__(
        self,
        status: StatusNode,
        end: EndRequest,
        *,
        until_end: bool,
        duration_s: float,
        quiet: bool,
    ) -> None:
        self._status = status
        self._end = end
        self._until_end = until_end
        self._duration_s = duration_s
        self._quiet = quiet
        self._begun_s = time.monotonic()
        self._told_s = self._begun_s
        self._asked_s: float | None = None

    @property
    def wall_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._begun_s

    def goes_on(self) -> bool:
        """Whether to spin once more; prints the status line when due."""
        self._tell()
        if self._end.asked:
            return False
        if self._duration_s and self.wall_s >= self._duration_s:
            return False
        return not (self._until_end and self._finished())

    def _tell(self) -> None:
        now_s = time.monotonic()
        if not self._quiet and now_s - self._told_s >= _STATUS_PERIOD_S:
            self._told_s = now_s
            print(self._status.line(), flush=True)

    def silence(self) -> ThermalPoseError | None:
        """Return why no keypoints came during the whole run, as an error with an exit code."""
        if self._status.frames or not self._status.cause():
            return None
        kind = CameraError if self._status.camera_fails else GraphError
        return kind(f"no keypoints came in {self.wall_s:.0f} s: {self._status.cause()}")

    def _finished(self) -> bool:
        """Whether the recording is over, its last frame was analysed, and a report came."""
        if not self._status.drained:
            return False
        if self._status.report is not None:
            return True
        if self._asked_s is None:
            self._asked_s = time.monotonic()
            self._status.ask_to_stop()
        return time.monotonic() - self._asked_s > REPORT_TIMEOUT_S


def run_session(
    plan: GraphPlan,
    *,
    processes: bool = False,
    supervise: bool = False,
    until_recording_ends: bool = False,
    duration_s: float = 0.0,
    quiet: bool = False,
) -> SessionOutcome:
    """Start the plan, watch it, end it; return what it published.

    Raises
    ------
    ThermalPoseError
        A node could not start, or ended by itself.
    """
    stay_on_this_machine()
    init_ros([])
    status = StatusNode(plan.namespace, plan.use_sim_time)
    with EndRequest() as end:
        session = _Session(
            status, end, until_end=until_recording_ends, duration_s=duration_s, quiet=quiet
        )
        try:
            if processes:
                _spin_processes(plan, supervise, status, session.goes_on)
            else:
                _spin_here(plan, status, session.goes_on)
            silence = session.silence()
        finally:
            status.destroy_node()
            rclpy.try_shutdown()
    return SessionOutcome(status.report, status.trials, session.wall_s, silence)


def _spin_here(plan: GraphPlan, status: StatusNode, goes_on: Callable[[], bool]) -> None:
    with SingleProcessGraph(plan) as graph:
        status.listen(graph.handover)
        graph.add(status, aside=True)
        graph.spin_while(goes_on)


def _spin_processes(
    plan: GraphPlan, supervise: bool, status: StatusNode, goes_on: Callable[[], bool]
) -> None:
    executor = PromptExecutor()
    status.listen()
    executor.add_node(status)

    def turn() -> bool:
        executor.spin_once(timeout_sec=_SPIN_S)
        return goes_on()

    with ProcessGraph(plan, supervise=supervise) as graph:
        graph.watch_while(turn)
    executor.shutdown()
