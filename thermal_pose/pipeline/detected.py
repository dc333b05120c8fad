# SPDX-License-Identifier: Apache-2.0
"""A trial without a chosen test: the movement decides which test it is.

Every test follows the same frames as if it had been chosen, so the result is byte for byte that of
the test that is detected.
"""

from dataclasses import replace
from typing import Final

from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S, FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.chair_rises.reading import RiseReading, read_rises
from thermal_pose.clinical.course import PhaseUpdate, TrialCourse
from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.pipeline.chair_rises import ChairRiseCourse
from thermal_pose.pipeline.detect import MIN_RISES, shown_test
from thermal_pose.pipeline.trial import TrialAnalyzer
from thermal_pose.types import NS_PER_S, FrameKeypoints

#: A person seated for this long after exactly five rises did the five times sit-to-stand, s; a
#: shorter rest may be a pause in the 30-second chair stand.
SETTLED_S: Final = 6.0


class DetectedCourse:
    """Follows one trial of any test (`clinical.course.TrialCourse`).

    It ends when the Timed Up and Go is over, after `SETTLED_S` of rest behind five rises, or when
    the 30-second chair stand is over.

    Parameters
    ----------
    params : the caller's options.
    """

    def __init__(self, params: TugParams | None = None) -> None:
        self._walk = TrialAnalyzer(params)
        self._five = ChairRiseCourse(params, FIVE_TIMES_SIT_TO_STAND)
        self._thirty = ChairRiseCourse(params, CHAIR_STAND_30S)

    @property
    def _courses(self) -> tuple[TrialCourse, ...]:
        return self._walk, self._five, self._thirty

    @property
    def params(self) -> TugParams:
        """The caller's options; may be replaced while a trial is under way."""
        return self._walk.params

    @params.setter
    def params(self, params: TugParams) -> None:
        for course in self._courses:
            course.params = params

    @property
    def n_frames(self) -> int:
        """Number of frames held."""
        return max(course.n_frames for course in self._courses)

    def reset(self) -> None:
        """Forget everything; the next frame begins a new trial."""
        for course in self._courses:
            course.reset()

    def start(self, go_stamp_ns: int) -> None:
        """Begin a trial at a signalled 'go', keeping the rest before it."""
        for course in self._courses:
            course.start(go_stamp_ns)

    def jumped_back(self, stamp_ns: int) -> bool:
        """Whether a stamp belongs to another run of the recording."""
        return any(course.jumped_back(stamp_ns) for course in self._courses)

    def update(self, frame: FrameKeypoints) -> PhaseUpdate:
        """Take one frame; return what is known now."""
        walk, five, thirty = (course.update(frame) for course in self._courses)
        reading = self._thirty.reading
        if reading is None or reading.subject.curves.walked:
            return walk
        if len(reading.subject.rises) < MIN_RISES:
            return replace(thirty, finished=walk.finished)
        settled = five.finished and _rested_s(reading, frame.stamp_ns) >= SETTLED_S
        return replace(thirty, finished=thirty.finished or settled)

    def finish(self) -> MovementResult:
        """Return the result of the test that was done, or the reason why there is none."""
        return self._chosen().finish()

    def _chosen(self) -> TrialCourse:
        found = shown_test(read_rises(self._thirty.frames, self.params.min_joint_score))
        on_the_spot = (self._five, self._thirty)
        return next((course for course in on_the_spot if course.test is found), self._walk)


def _rested_s(reading: RiseReading, now_ns: int) -> float:
    """Seconds since the last descent; 0 while the person is up."""
    last_s = reading.subject.rises[-1].seat_contact_s
    return 0.0 if last_s is None else (now_ns - reading.frames[0].stamp_ns) / NS_PER_S - last_s
