# SPDX-License-Identifier: Apache-2.0
"""The course of a trial from its inputs to its report: one implementation for every caller.

`tug_analyzer`, the replay of a recording, the offline analysis and the viewer all drive a
`TrialSession`. It holds what a trial needs besides keypoints: the images shown in the report, the
lens that gives lengths their scale, and the truth of a simulated recording.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from thermal_pose.clinical.catalogue import DETECTED
from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S, FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.course import PhaseUpdate, TrialCourse
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.gates.intake import FrameIntake
from thermal_pose.gates.reasons import GOOD, Finding
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.pipeline.chair_rises import ChairRiseCourse
from thermal_pose.pipeline.detected import DetectedCourse
from thermal_pose.pipeline.film import TrialFilm
from thermal_pose.pipeline.lens import with_stream_lens
from thermal_pose.pipeline.refusal import with_input
from thermal_pose.pipeline.trial import TrialAnalyzer, go_stamp_ns
from thermal_pose.pipeline.truth import with_truth
from thermal_pose.types import NS_PER_S, FrameKeypoints, Phase, ThermalFrame, TugTiming

#: The class that follows a trial of each test, by the test's key.
COURSES: Final[dict[str, Callable[[TugParams], TrialCourse]]] = {
    TIMED_UP_AND_GO.key: TrialAnalyzer,
    FIVE_TIMES_SIT_TO_STAND.key: partial(ChairRiseCourse, test=FIVE_TIMES_SIT_TO_STAND),
    CHAIR_STAND_30S.key: partial(ChairRiseCourse, test=CHAIR_STAND_30S),
    DETECTED.key: DetectedCourse,
}

#: Images this long before a trial that begins are still judged with it, s.
_KEPT_S: Final = 8.0


@dataclass(frozen=True)
class FinishedTrial:
    """One analyzed trial with the images and keypoints that its report shows.

    Attributes
    ----------
    frames, keypoints : of the trial, by rising stamp; `frames` is empty if no film was kept.
    further : later tests of the same recording, in order.
    """

    result: MovementResult
    frames: tuple[ThermalFrame, ...] = ()
    keypoints: tuple[FrameKeypoints, ...] = ()
    further: tuple["FinishedTrial", ...] = ()

    @property
    def all_tests(self) -> tuple["FinishedTrial", ...]:
        """This test and all later ones, in order."""
        return (self, *self.further)


class TrialSession:
    """Follows trial after trial of one kind of test.

    Parameters
    ----------
    params : the caller's options. A lens that `camera_info` names fills in the scale.
    test : the kind of test; `DETECTED` finds out.
    auto_start : a trial begins by itself; otherwise with `start`.
    films : images are kept for the report.
    """

    def __init__(
        self,
        params: TugParams | None = None,
        test: MovementTest = TIMED_UP_AND_GO,
        *,
        auto_start: bool = True,
        films: bool = True,
    ) -> None:
        self._params = params or TugParams()
        self._test = test
        self._course: TrialCourse = COURSES[test.key](self._params)
        self._film = TrialFilm()
        self._intake = FrameIntake()
        self._lens: CameraInfo | None = None
        self._truth: TugTiming | None = None
        self._newest: FrameKeypoints | None = None
        self._finished = False
        self.films = films
        self.auto_start = auto_start
        self.started = auto_start

    @property
    def params(self) -> TugParams:
        """The caller's options; may be replaced while a trial is under way."""
        return self._params

    @params.setter
    def params(self, params: TugParams) -> None:
        self._params = params
        self._apply_lens()

    @property
    def test(self) -> MovementTest:
        """The kind of test; setting another one forgets the trial under way."""
        return self._test

    @test.setter
    def test(self, test: MovementTest) -> None:
        if test.key == self._test.key:
            return
        self._test = test
        self._course = COURSES[test.key](self._params)
        self._apply_lens()
        self.begin_again()

    @property
    def n_frames(self) -> int:
        """Frames held of the trial under way."""
        return self._course.n_frames

    @property
    def newest(self) -> FrameKeypoints | None:
        """The keypoints that came last, over all trials."""
        return self._newest

    @property
    def lens(self) -> CameraInfo | None:
        """The calibration that the camera names."""
        return self._lens

    def camera_info(self, info: CameraInfo | None) -> None:
        """Take the calibration of the images; None if the camera is uncalibrated."""
        self._lens = info
        self._apply_lens()

    def truth(self, timing: TugTiming | None) -> None:
        """Take the exact timing of a simulated trial, to be put beside the result."""
        self._truth = timing

    def image(
        self, frame: ThermalFrame, arrived_ns: int | None = None, now_ns: int | None = None
    ) -> Finding:
        """Judge an image, and keep it for the report's film; return what was found.

        Parameters
        ----------
        arrived_ns, now_ns : when it came, as in `gates.stamps.StampGate.admit`.
        """
        finding = self._intake.admit(frame, arrived_ns, now_ns)
        if finding.accepted and self.films and not self._finished:
            self._film.add_frame(frame)
        return finding

    def keypoints(self, frame: FrameKeypoints) -> PhaseUpdate:
        """Take the keypoints of an image; return what is known of the trial now.

        A trial stays finished until `finish` and `begin_again` are called: a recording may go on
        after the end of its trial.
        """
        resized = self._newest is None or self._newest.image_wh != frame.image_wh
        self._newest = frame
        if resized:
            self._apply_lens()
        if not self._finished:
            self._film.add_keypoints(frame)
        if not self.started:
            return PhaseUpdate(frame.stamp_ns, Phase.UNKNOWN, 0.0, 0.0, 0, False)
        update = self._course.update(frame)
        self._finished = update.finished
        return update

    def jumped_back(self, stamp_ns: int) -> bool:
        """Whether a stamp belongs to another run of a recording that is looped."""
        return self._course.jumped_back(stamp_ns)

    @property
    def live(self) -> bool:
        """Whether the stamps are of the present, as far as images have come."""
        return self._intake.live

    def finish(self, fault: Finding = GOOD) -> FinishedTrial:
        """Return the result of the trial under way, or the reason why there is none.

        Parameters
        ----------
        fault : of the input, found by the caller; it refuses the trial.
        """
        result = with_input(with_truth(self._course.finish(), self._truth), self._intake, fault)
        stamps_s = result.signals.stamps_s
        if not len(stamps_s):
            return FinishedTrial(result)
        first_ns = result.timing.origin_ns
        last_ns = first_ns + round(float(stamps_s[-1]) * NS_PER_S)
        frames, keypoints = self._film.between(first_ns, last_ns)
        return FinishedTrial(result, tuple(frames), tuple(keypoints))

    def begin_again(self) -> None:
        """Forget the trial under way; the next one waits for `start` unless `auto_start`."""
        self._course.reset()
        if self._newest is not None:
            self._intake.begin_trial(self._newest.stamp_ns - int(_KEPT_S * NS_PER_S))
        self._finished = False
        self.started = self.auto_start

    def start(self, now_ns: int) -> None:
        """Begin a trial at a 'go' that is given now.

        Parameters
        ----------
        now_ns : the clock that stamps live images.
        """
        self.started = True
        self._finished = False
        newest_ns = self._newest.stamp_ns if self._newest else None
        self._course.start(go_stamp_ns(newest_ns, now_ns))

    def _apply_lens(self) -> None:
        params, lens = self._params, self._lens
        image_wh = None if self._newest is None else self._newest.image_wh
        self._course.params = params if lens is None else with_stream_lens(params, lens, image_wh)
