# SPDX-License-Identifier: Apache-2.0
"""`tug_analyzer`: keypoints in, the phase of each frame and each trial's report out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensor_msgs.msg import CameraInfo as CameraInfoMsg
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from thermal_pose.bags.messages import CameraInfo, to_camera_info
from thermal_pose.clinical.tug.history import EarlierTest
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.msg import Keypoints, TugPhase, TugReport
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.conversions import (
    keypoints_from_msg,
    make_header,
    report_to_msg,
    thermal_from_msg,
    timing_from_msg,
)
from thermal_pose.nodes.qos import image_subscription_qos, report_qos, result_qos
from thermal_pose.parameters.nodes import TugAnalyzerParameters
from thermal_pose.pipeline.film import TrialFilm
from thermal_pose.pipeline.lens import with_stream_lens
from thermal_pose.pipeline.trial import PhaseUpdate, TrialAnalyzer, go_stamp_ns
from thermal_pose.pipeline.truth import with_truth
from thermal_pose.report.write import write_trial_report
from thermal_pose.store.results import check_subject_id, keep_and_compare
from thermal_pose.types import NS_PER_S, FrameKeypoints, Phase, TugTiming

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
        """Create the analyzer and the publishers."""
        self._lens: CameraInfo | None = None
        self._check_store()
        self._analyzer = TrialAnalyzer(self._method())
        self._film = TrialFilm()
        self._truth: TugTiming | None = None
        self._newest: FrameKeypoints | None = None
        self._started = self.parameters.auto_start
        self._reported = 0
        self._phase = self.publisher(TugPhase, "tug/phase", result_qos())
        self._report = self.publisher(TugReport, "tug/report", report_qos())

    def connect(self) -> None:
        """Listen to keypoints, truth and, where reports are written, images."""
        self.subscribe(TugReport, "truth/tug", self._on_truth, report_qos())
        lens_qos = image_subscription_qos(self.parameters.image_reliability)
        self.subscribe(CameraInfoMsg, "thermal/camera_info", self._on_lens, lens_qos)
        self._films = False
        self._film_for_reports()
        self.subscribe(Keypoints, "keypoints", self._on_keypoints, result_qos())
        self.serve(Trigger, "~/start", self._on_start)
        self.serve(Trigger, "~/stop", self._on_stop)
        self.serve(Trigger, "~/reset", self._on_reset)

    def parameters_changed(self) -> None:
        """Take the new subject, age, height for the trial under way as well."""
        self._check_store()
        self._analyzer.params = self._method()
        if self.active:
            self._film_for_reports()

    def _film_for_reports(self) -> None:
        """Listen to images once reports are to be written."""
        if self.parameters.report_dir and not self._films:
            qos = image_subscription_qos(self.parameters.image_reliability, _FILM_DEPTH)
            self.subscribe(Image, "thermal/image_raw", self._on_image, qos)
            self._films = True

    def details(self) -> Mapping[str, str]:
        """Say what the analyzer is doing."""
        return {
            "reports": str(self._reported),
            "frames held": str(self._analyzer.n_frames),
            "waits for": "a seated person" if self._started else "the start service",
        }

    def _method(self) -> TugParams:
        chosen = self.parameters
        params = TugParams(
            subject_id=chosen.subject_id, age_years=chosen.age_years, height_m=chosen.height_m
        )
        return params if self._lens is None else with_stream_lens(params, self._lens)

    def _check_store(self) -> None:
        """Refuse a store without a pseudonym to keep results under."""
        if self.parameters.store_path:
            try:
                check_subject_id(self.parameters.subject_id)
            except ValueError as error:
                name = self.get_name()
                raise ConfigError(f"{name}.store_path needs {name}.subject_id: {error}") from error

    def _on_lens(self, message: CameraInfoMsg) -> None:
        self._lens = to_camera_info(message)
        self._analyzer.params = self._method()

    def _on_truth(self, message: TugReport) -> None:
        self._truth = timing_from_msg(message)

    def _on_image(self, message: Image) -> None:
        self._film.add_frame(thermal_from_msg(message))

    def _on_keypoints(self, message: Keypoints) -> None:
        frame = keypoints_from_msg(message)
        self.statistics.frame(frame.stamp_ns, self.now_ns())
        if self._analyzer.jumped_back(frame.stamp_ns):
            self.get_logger().info("the stamps jumped back: a new run begins")
            self._begin_again()
        self._newest = frame
        self._film.add_keypoints(frame)
        if not self._started:
            self._publish_phase(
                frame, PhaseUpdate(frame.stamp_ns, Phase.UNKNOWN, 0.0, 0.0, 0, False)
            )
            return
        update = self._analyzer.update(frame)
        self._publish_phase(frame, update)
        if update.finished:
            self._publish_report()
            self._begin_again()

    def _publish_phase(self, frame: FrameKeypoints, update: PhaseUpdate) -> None:
        self._phase.publish(
            TugPhase(
                header=make_header(frame.stamp_ns, frame.frame_id),
                phase=int(update.phase),
                probability=float(update.probability),
                elapsed_s=float(update.elapsed_s),
                track_id=update.track_id,
            )
        )

    def _publish_report(self) -> None:
        result = with_truth(self._analyzer.finish(), self._truth)
        assert self._newest is not None  # only frames bring us here
        self._report.publish(report_to_msg(result, self._newest))
        self._reported += 1
        earlier = self._kept(result)
        if self.parameters.report_dir:
            last_ns = result.timing.origin_ns + round(result.signals.stamps_s[-1] * NS_PER_S)
            frames, keypoints = self._film.between(result.timing.origin_ns, last_ns)
            below = Path(self.parameters.report_dir)
            paths = write_trial_report(result, frames, keypoints, below, earlier)
            self.get_logger().info(f"report: {paths.html}")

    def _kept(self, result: TrialResult) -> list[EarlierTest]:
        """Keep the result in the store; return the person's earlier tests.

        A store that fails must not cost the report: it is counted and said.
        """
        if not self.parameters.store_path:
            return []
        try:
            return keep_and_compare(Path(self.parameters.store_path), result.to_json_dict())
        except StorageError as error:
            self.statistics.count(type(error).__name__)
            self.get_logger().error(str(error))
            return []

    def _begin_again(self) -> None:
        self._analyzer.reset()
        self._started = self.parameters.auto_start

    def _on_start(self, request: Any, response: Any) -> Any:
        self._started = True
        newest_ns = self._newest.stamp_ns if self._newest else None
        self._analyzer.start(go_stamp_ns(newest_ns, self.now_ns()))
        response.success, response.message = True, "go"
        return response

    def _on_stop(self, request: Any, response: Any) -> Any:
        response.success = self._analyzer.n_frames > 0
        response.message = "report published" if response.success else "no frame was seen yet"
        if response.success:
            self._publish_report()
        self._begin_again()
        return response

    def _on_reset(self, request: Any, response: Any) -> Any:
        self._begin_again()
        response.success, response.message = True, "forgotten"
        return response
