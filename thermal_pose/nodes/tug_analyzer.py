# SPDX-License-Identifier: Apache-2.0
"""`tug_analyzer`: keypoints in, the phase of each frame and each trial's report out."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from thermal_pose.clinical.course import PhaseUpdate
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.messages.cameras import to_camera_info
from thermal_pose.messages.images import to_thermal_frame
from thermal_pose.messages.people import to_keypoints
from thermal_pose.messages.trials import phase_message, result_message, to_timing
from thermal_pose.msg import Keypoints, TugPhase, TugReport
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import image_subscription_qos, report_qos, result_qos
from thermal_pose.parameters.nodes import TugAnalyzerParameters
from thermal_pose.pipeline.session import FinishedTrial, TrialSession
from thermal_pose.report.write import write_trial_report
from thermal_pose.store.results import check_subject_id, keep_and_compare
from thermal_pose.types import FrameKeypoints

_FILM_DEPTH = 256


class TugAnalyzerNode(PipelineNode):
    """Follows one person through trial after trial.

    Topics: `keypoints` in; `tug/phase` (each frame) and `tug/report` (latched) out. The lens on
    `thermal/camera_info` gives the scale of speeds and lengths. A truth on `truth/tug`
    (recordings of the simulated clinic) is repeated in the report. Services:
    `~/start` signals 'go', `~/stop` ends the trial with what was seen, `~/reset` forgets it.
    """

    PARAMETERS = TugAnalyzerParameters

    def build(self) -> None:
        """Create the session and the publishers."""
        self._check_store()
        self._session = TrialSession(
            self._method(),
            auto_start=self.parameters.auto_start,
            films=bool(self.parameters.report_dir),
        )
        self._reported = 0
        self._phase = self.publisher(TugPhase, "tug/phase", result_qos())
        self._report = self.publisher(TugReport, "tug/report", report_qos())

    def connect(self) -> None:
        """Listen to keypoints, lens, truth, and to the images that they come from."""
        self.subscribe(TugReport, "truth/tug", self._on_truth, report_qos())
        lens_qos = image_subscription_qos(self.parameters.image_reliability)
        self.subscribe(CameraInfo, "thermal/camera_info", self._on_lens, lens_qos)
        qos = image_subscription_qos(self.parameters.image_reliability, _FILM_DEPTH)
        self.subscribe(Image, "thermal/image_raw", self._on_image, qos)
        self.subscribe(Keypoints, "keypoints", self._on_keypoints, result_qos())
        self.serve(Trigger, "~/start", self._on_start)
        self.serve(Trigger, "~/stop", self._on_stop)
        self.serve(Trigger, "~/reset", self._on_reset)

    def parameters_changed(self) -> None:
        """Take the new subject, age, height for the trial under way as well."""
        self._check_store()
        self._session.params = self._method()
        self._session.auto_start = self.parameters.auto_start
        self._session.films = bool(self.parameters.report_dir)

    def details(self) -> Mapping[str, str]:
        """Say what the analyzer is doing."""
        return {
            "reports": str(self._reported),
            "frames held": str(self._session.n_frames),
            "waits for": "a seated person" if self._session.started else "the start service",
        }

    def _method(self) -> TugParams:
        chosen = self.parameters
        return TugParams(
            subject_id=chosen.subject_id, age_years=chosen.age_years, height_m=chosen.height_m
        )

    def _check_store(self) -> None:
        """Refuse a store without a pseudonym to keep results under."""
        if self.parameters.store_path:
            try:
                check_subject_id(self.parameters.subject_id)
            except ValueError as error:
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
            self.get_logger().info("the stamps jumped back: a new run begins")
            self._session.begin_again()
        update = self._session.keypoints(frame)
        self._publish_phase(frame, update)
        if update.finished:
            self._end_trial(frame)

    def _publish_phase(self, frame: FrameKeypoints, update: PhaseUpdate) -> None:
        self._phase.publish(
            phase_message(
                live,
                frame.stamp_ns,
                frame.frame_id,
                phase=update.phase,
                probability=update.probability,
                elapsed_s=update.elapsed_s,
                track_id=update.track_id,
            )
        )

    def _end_trial(self, last: FrameKeypoints) -> None:
        """Close the trial, so that the next one can begin; then publish and keep its result."""
        trial = self._session.finish()
        self._session.begin_again()
        self._report.publish(result_message(live, trial.result, last.stamp_ns, last.frame_id))
        self._reported += 1
        self._write(trial)

    def _write(self, trial: FinishedTrial) -> None:
        earlier = self._kept(trial.result)
        if self.parameters.report_dir:
            below = Path(self.parameters.report_dir)
            paths = write_trial_report(trial.result, trial.frames, trial.keypoints, below, earlier)
            self.get_logger().info(f"report: {paths.html}")

    def _kept(self, result: TrialResult) -> list[EarlierTest]:
        """Keep the result in the store; return the person's earlier tests.

        A store that fails must not cost the report: it is counted and logged.
        """
        if not self.parameters.store_path:
            return []
        try:
            return keep_and_compare(Path(self.parameters.store_path), result.to_json_dict())
        except StorageError as error:
            self.statistics.count(type(error).__name__)
            self.get_logger().error(str(error))
            return []

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
        response.success, response.message = True, "forgotten"
        return response
