# SPDX-License-Identifier: Apache-2.0
"""Further tests in a recording that goes on after the first: each attempt is reported."""

from collections import deque
from dataclasses import replace

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import follow_subject
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.clinical.tug.signals import body_signals
from thermal_pose.clinical.tug.story import Story
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.pipeline.session import FinishedTrial, TrialSession
from thermal_pose.types import NS_PER_S, FrameKeypoints, TrialReason

#: What was seen where no test began, by the reason of the refusal.
NO_TEST = {
    TrialReason.NO_PERSON: "nobody was seen",
    TrialReason.NEVER_STOOD: "the person stayed seated",
    TrialReason.NEVER_SAT: "someone walked who had not been seated",
}
#: Reasons of attempts only if the person stood up from a seat and went somewhere.
_DOUBTFUL = {*NO_TEST, TrialReason.BEGAN_LATE, TrialReason.WRONG_ORDER}
NO_START, UNSEEN = "the person did not start a test", "the person was hardly seen"
#: Below this share of frames with the person, nothing else can be told.
_MIN_SEEN_SHARE = 0.5
#: Share of `TugParams.seated_after_s` that belongs to the next test as well. An end that is found
#: too early must not show sitting down again.
_SHARED = 0.8
#: A shorter rest of the recording is not worth a remark, s.
MIN_TOLD_S = 5.0


class LaterTests:
    """Follows what comes after a finished test.

    Parameters
    ----------
    params : the caller's options. Trials are numbered: the second has '-2' after its `trial_id`.

    Attributes
    ----------
    remark : what was seen after the last test, if no other test began; '' if the recording ends
        soon after it. Known after `finish`.
    """

    def __init__(self, params: TugParams | None = None) -> None:
        self._params = params or TugParams()
        self._found: list[FinishedTrial] = []
        self._session: TrialSession | None = None
        self._recent: deque[FrameKeypoints] = deque()
        self._since_ns = 0
        self.remark = ""

    def take(self, keypoints: FrameKeypoints, first_is_over: bool = True) -> None:
        """Take the keypoints of an image.

        The end of a test shows only after a while, in which the next one may begin. So a session
        starts with the images since then, in which the person is seated.

        Parameters
        ----------
        first_is_over : whether the first test had ended by then.
        """
        if first_is_over:
            self._follow(keypoints)
        self._recent.append(keypoints)
        reach_ns = int(_SHARED * self._params.seated_after_s * NS_PER_S)
        while self._recent[0].stamp_ns < keypoints.stamp_ns - reach_ns:
            self._recent.popleft()

    def _follow(self, keypoints: FrameKeypoints) -> None:
        if self._session is None:
            self._session = self._begun()
            self._since_ns = (self._recent[0] if self._recent else keypoints).stamp_ns
            for earlier in self._recent:
                self._session.keypoints(earlier)
        if self._session.keypoints(keypoints).finished:
            self._end()

    def finish(self, lens: CameraInfo | None = None) -> tuple[FinishedTrial, ...]:
        """Return the tests that were begun, in order; their speeds need the camera's `lens`."""
        if self._session is not None and self._session.n_frames:
            self._session.camera_info(lens)
            self._end()
        return tuple(self._found)

    def _begun(self) -> TrialSession:
        name = f"{self._params.trial_id}-{len(self._found) + 2}".lstrip("-")
        return TrialSession(replace(self._params, trial_id=name))

    def _end(self) -> None:
        if self._session is None:
            return
        trial = self._session.finish()
        self._session = None
        self.remark = ""
        seen = _no_attempt(trial, self._params)
        if not seen:
            self._found.append(trial)
            return
        rest_s = (self._recent[-1].stamp_ns - self._since_ns) / NS_PER_S
        if rest_s >= MIN_TOLD_S:
            self.remark = rest_remark(rest_s, seen)


def rest_remark(rest_s: float, seen: str) -> str:
    """What a report says of the rest of a recording without another test."""
    return f"The recording goes on for {rest_s:.0f} s after this test: {seen}."


def _no_attempt(trial: FinishedTrial, params: TugParams) -> str:
    """What was seen if a trial is no attempt at a test; '' if it is one."""
    timing = trial.result.timing
    if timing.valid:
        return ""
    track = follow_subject(trial.keypoints, params)
    signals = body_signals(track, params.min_joint_score)
    story = Story.of(trial.keypoints, signals, track)
    if story.rises and (story.walked or timing.reason not in _DOUBTFUL):
        return ""
    if timing.reason in NO_TEST:
        return NO_TEST[timing.reason]
    return UNSEEN if track.seen.mean() < _MIN_SEEN_SHARE else NO_START


def with_remark(
    trial: FinishedTrial, further: tuple[FinishedTrial, ...], remark: str
) -> FinishedTrial:
    """A trial with the later ones of its recording; the remark goes to the last of them."""
    if not remark:
        return replace(trial, further=further)
    if further:
        return replace(trial, further=(*further[:-1], _remarked(further[-1], remark)))
    return _remarked(trial, remark)


def _remarked(trial: FinishedTrial, remark: str) -> FinishedTrial:
    result = trial.result
    if not isinstance(result, TrialResult):
        return trial
    return replace(trial, result=replace(result, remarks=(*result.remarks, remark)))
