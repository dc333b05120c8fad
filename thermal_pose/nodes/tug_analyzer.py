# SPDX-License-Identifier: Apache-2.0
"""`tug_analyzer`: keypoints in, the phase of each frame and each trial's report out."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from thermal_pose.clinical.catalogue import chosen_test
from thermal_pose.clinical.course import PhaseUpdate
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.records import Visit
from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.gates.reasons import GOOD, Finding
from thermal_pose.gates.stamps import clock_set_back
from thermal_pose.messages.cameras import to_camera_info
from thermal_pose.messages.images import to_thermal_frame
from thermal_pose.messages.movement import movement_report_message, state_message
from thermal_pose.messages.people import to_keypoints
from thermal_pose.messages.trials import phase_message, result_message, to_timing
from thermal_pose.msg import Keypoints, MovementReport, MovementState, TugPhase, TugReport
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import image_subscription_qos, report_qos, result_qos
from thermal_pose.nodes.storage import check_below_root
from thermal_pose.parameters.nodes import TugAnalyzerParameters
from thermal_pose.pipeline.outbox import Outbox
from thermal_pose.pipeline.session import FinishedTrial, TrialSession
from thermal_pose.report.write import claim_folder, write_trial_report
from thermal_pose.store.results import keep
from thermal_pose.subject_id import SubjectIdError, check_subject_id
from thermal_pose.types import NS_PER_S, FrameKeypoints, Phase

_FILM_DEPTH = 256
_RETRY_PERIOD_S = 5.0
#: Phases in which no test is under way.
_IDLE = (Phase.UNKNOWN, Phase.SEATED)
#: Parameters that say who is tested.
_IDENTITY = ("subject_id", "age_years", "height_m")


class TugAnalyzerNode(PipelineNode):
    """Follows one person through trial after trial.

    Topics: `keypoints` in; `test/state` (each frame) and `test/report` (latched) out for any test,
    `tug/phase` and `tug/report` for the Timed Up and Go. The lens on
    `thermal/camera_info` gives the scale of speeds and lengths. A truth on `truth/tug`
    (recordings of the simulated clinic) is repeated in the report. Services:
    `~/start` signals 'go', `~/stop` ends the trial with what was seen, `~/reset` forgets it.
    """

    PARAMETERS = TugAnalyzerParameters

    def build(self) -> None:
        """Create the session and the publishers."""
        self._check_store()
        self._outbox: Outbox[FinishedTrial] = Outbox(self._write)
        self._now_in = Phase.UNKNOWN
        self._identity = self._chosen_identity()
        self._session = TrialSession(
            self._method(),
            self._chosen_test(),
            auto_start=self.parameters.auto_start,
            films=bool(self.parameters.report_dir),
        )
        self._reported = 0
        self._phase = self.publisher(TugPhase, "tug/phase", result_qos(), exclusive=True)
        self._report = self.publisher(TugReport, "tug/report", report_qos(), exclusive=True)
        self._state = self.publisher(MovementState, "test/state", result_qos(), exclusive=True)
        self._movement_report = self.publisher(
            MovementReport, "test/report", report_qos(), exclusive=True
        )

    def connect(self) -> None:
        """Listen to keypoints, lens, truth, and to the images that they come from."""
        self.subscribe(TugReport, "truth/tug", self._on_truth, report_qos())
        lens_qos = image_subscription_qos(self.parameters.image_reliability)
        self.subscribe(CameraInfo, "thermal/camera_info", self._on_lens, lens_qos, patient=True)
        qos = image_subscription_qos(self.parameters.image_reliability, _FILM_DEPTH)
        self.subscribe(Image, "thermal/image_raw", self._on_image, qos, patient=True)
        self.subscribe(Keypoints, "keypoints", self._on_keypoints, result_qos(), required=True)
        self.serve(Trigger, "~/start", self._on_start)
        self.serve(Trigger, "~/stop", self._on_stop)
        self.serve(Trigger, "~/reset", self._on_reset)
        self.every(_RETRY_PERIOD_S, self._write_waiting)

    def release(self) -> None:
        """Make a last attempt to write what waits."""
        outbox: Outbox[FinishedTrial] | None = getattr(self, "_outbox", None)
        if outbox is not None and not outbox.retry():
            self.get_logger().error(f"{outbox.waiting} results are lost: {outbox.error}")

    def health(self) -> tuple[bytes, str]:
        """Return ERROR as long as a result could not be written."""
        waiting, lost = self._outbox.waiting, self._outbox.lost
        if waiting or lost:
            also = f", {lost} more are lost" if lost else ""
            return DiagnosticStatus.ERROR, (
                f"results not written: {waiting}{also}; trying again: {self._outbox.error}"
            )
        return super().health()

    def parameters_changed(self) -> None:
        """Take new values for the next trial; who is tested is fixed while a trial runs."""
        identity = self._chosen_identity()
        if identity != self._identity and self._now_in not in _IDLE:
            raise ConfigError(
                f"{self.get_name()}: {', '.join(_IDENTITY)} are fixed while a trial is under way: "
                "set them after its report, or call ~/reset first"
            )
        self._check_store()
        self._identity = identity
        self._session.params = self._method()
        self._session.test = self._chosen_test()
        self._session.auto_start = self.parameters.auto_start
        self._session.films = bool(self.parameters.report_dir)

    def _chosen_identity(self) -> tuple[object, ...]:
        return tuple(getattr(self.parameters, name) for name in _IDENTITY)

    def details(self) -> Mapping[str, str]:
        """Return what the analyzer does."""
        return {
            "reports": str(self._reported),
            "results not written": str(self._outbox.waiting),
            "frames held": str(self._session.n_frames),
            "waits for": "a seated person" if self._session.started else "the start service",
        }

    def _method(self) -> TugParams:
        chosen = self.parameters
        try:
            visit = Visit(
                chosen.sex, chosen.walking_aid, chosen.chair, chosen.assessor, chosen.time_zone
            )
        except ValueError as error:
            raise ConfigError(f"{self.get_name()}.{error}") from error
        return TugParams(
            subject_id=chosen.subject_id,
            age_years=chosen.age_years,
            height_m=chosen.height_m,
            visit=visit,
        )

    def _chosen_test(self) -> MovementTest:
        try:
            return chosen_test(self.parameters.test)
        except ValueError as error:
            raise ConfigError(f"{self.get_name()}.{error}") from error

    def _check_store(self) -> None:
        """Refuse a store without a pseudonym, and output outside the data root."""
        check_below_root(self.parameters, "report_dir", "store_path")
        if self.parameters.store_path:
            try:
                check_subject_id(self.parameters.subject_id)
            except SubjectIdError as error:
                name = self.get_name()
                raise ConfigError(f"{name}.store_path needs {name}.subject_id: {error}") from error

    def _on_lens(self, message: CameraInfo) -> None:
        self._session.camera_info(to_camera_info(message))

    def _on_truth(self, message: TugReport) -> None:
        self._session.truth(to_timing(message))

    def _on_image(self, message: Image) -> None:
        finding = self._session.image(to_thermal_frame(message), time.monotonic_ns(), self.now_ns())
        if not finding.accepted:
            self.note(finding.error())

    def _on_keypoints(self, message: Keypoints) -> None:
        frame = to_keypoints(message)
        self.statistics.frame(frame.stamp_ns, self.now_ns())
        if self._session.jumped_back(frame.stamp_ns):
            self._begin_run(frame)
        update = self._session.keypoints(frame)
        self._now_in = update.phase
        self._publish_phase(frame, update)
        if update.finished:
            self._end_trial(frame)

    def _begin_run(self, frame: FrameKeypoints) -> None:
        """Begin again: a recording is looped, or the clock was set back during a test."""
        last, now_in = self._session.newest, self._now_in
        if last is not None and self._session.live and now_in not in _IDLE:
            back_s = (last.stamp_ns - frame.stamp_ns) / NS_PER_S
            self._end_trial(last, clock_set_back(back_s))
            return
        self.get_logger().info("the stamps jumped back: a new run begins")
        self._session.begin_again()

    def _publish_phase(self, frame: FrameKeypoints, update: PhaseUpdate) -> None:
        test, waiting = self._session.test.key, not self._session.started
        self._state.publish(state_message(live, frame.frame_id, test, update, waiting=waiting))
        if test == TIMED_UP_AND_GO.key:
            self._phase.publish(phase_message(live, frame.frame_id, update))

    def _end_trial(self, last: FrameKeypoints, fault: Finding = GOOD) -> None:
        """Close the trial, so that the next one can begin; then publish and keep its result.

        A `fault` of the input that ended the trial refuses it.
        """
        trial = self._session.finish(fault)
        self._session.begin_again()
        if isinstance(trial.result, TrialResult):
            self._report.publish(result_message(live, trial.result, last.stamp_ns, last.frame_id))
        self._reported += 1
        self._now_in = Phase.UNKNOWN
        folder = self._folder(trial)
        if not self._outbox.put(trial):
            self._say_unwritten()
        document = trial.result.to_json_dict()
        self._movement_report.publish(
            movement_report_message(live, document, last.stamp_ns, last.frame_id, folder)
        )

    def _folder(self, trial: FinishedTrial) -> str:
        """The folder of a trial's report; '' if none is written."""
        if not self.parameters.report_dir:
            return ""
        try:
            return str(claim_folder(Path(self.parameters.report_dir), trial.result))
        except StorageError:
            return ""

    def _write_waiting(self) -> None:
        """Try again to write what waits."""
        waiting = self._outbox.waiting
        if not waiting:
            return
        if self._outbox.retry():
            self.get_logger().info(f"{waiting} results that waited are written now")
        else:
            self._say_unwritten()

    def _say_unwritten(self) -> None:
        self.statistics.count("write_failed")
        self.get_logger().error(
            f"a result is not written and is kept for another attempt: {self._outbox.error}",
            throttle_duration_sec=60.0,
        )

    def _write(self, trial: FinishedTrial) -> None:
        """Write one result to the store and the report folder.

        Raises
        ------
        StorageError
            Either failed. A store that fails costs no report, and the other way round.
        """
        earlier: list[EarlierTest] = []
        failure: StorageError | None = None
        try:
            earlier = self._kept(trial.result)
        except StorageError as error:
            failure = error
        if self.parameters.report_dir:
            below = Path(self.parameters.report_dir)
            paths = write_trial_report(
                trial.result,
                trial.frames,
                trial.keypoints,
                below,
                earlier,
                self.parameters.language,
            )
            self.get_logger().info(f"report: {paths.html}")
        if failure is not None:
            raise failure

    def _kept(self, result: MovementResult) -> list[EarlierTest]:
        """Keep the result in the store; return the person's earlier tests."""
        if not self.parameters.store_path:
            return []
        kept = keep(Path(self.parameters.store_path), result.to_json_dict())
        if kept.remark:
            self.get_logger().warning(f"{self.parameters.store_path}: {kept.remark}")
        return kept.earlier

    def _on_start(self, request: Any, response: Any) -> Any:
        self._session.start(self.now_ns())
        response.success, response.message = True, "go"
        return response

    def _on_stop(self, request: Any, response: Any) -> Any:
        last = self._session.newest
        response.success = last is not None and self._session.n_frames > 0
        response.message = "report published" if response.success else "no frame was seen yet"
        if last is not None and self._session.n_frames > 0:
            self._end_trial(last)
        self._session.begin_again()
        return response

    def _on_reset(self, request: Any, response: Any) -> Any:
        self._session.begin_again()
        self._now_in = Phase.UNKNOWN
        response.success, response.message = True, "forgotten"
        return response
