# SPDX-License-Identifier: Apache-2.0
"""Further tests in a recording that goes on after the first: each is timed, none is dropped."""

from dataclasses import replace

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.pipeline.session import FinishedTrial, TrialSession
from thermal_pose.types import FrameKeypoints, TrialReason

#: Results of recordings in which no test began.
NO_TEST = frozenset(
    {
        TrialReason.NO_PERSON,
        TrialReason.NEVER_STOOD,
        TrialReason.NEVER_SAT,
        TrialReason.BEGAN_LATE,
        TrialReason.WRONG_ORDER,
    }
)


class LaterTests:
    """Follows what comes after a finished test.

    Parameters
    ----------
    params : the caller's options. Trials are numbered: the second has '-2' after its `trial_id`.
    """

    def __init__(self, params: TugParams | None = None) -> None:
        self._params = params or TugParams()
        self._found: list[FinishedTrial] = []
        self._session: TrialSession | None = None

    def take(self, keypoints: FrameKeypoints) -> None:
        """Take the keypoints of an image after the end of the first test."""
        if self._session is None:
            self._session = self._begun()
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
        if trial.result.timing.reason not in NO_TEST:
            self._found.append(trial)
