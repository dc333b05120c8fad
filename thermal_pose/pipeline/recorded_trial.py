# SPDX-License-Identifier: Apache-2.0
"""A recording as everything its report needs: result, film and keypoints, in bounded memory."""

from collections.abc import Callable
from pathlib import Path

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.clinical.catalogue import DETECTED
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.pipeline.later_tests import LaterTests, with_remark
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.session import FinishedTrial, TrialSession


def analyze_recording(
    path: str | Path,
    perception: Perception,
    params: TugParams | None = None,
    on_frame: Callable[[], object] | None = None,
    test: MovementTest = TIMED_UP_AND_GO,
) -> FinishedTrial:
    """Time the trial of a recording, keeping what its report shows.

    Images are kept until the trial is over, and at most those of its last three minutes. Further
    tests of the same recording are timed as well (`FinishedTrial.further`).

    Parameters
    ----------
    on_frame : called after each image, for a progress bar.
    test : the kind of test in the recording; `DETECTED` finds out.

    Raises
    ------
    BagError
        The recording is missing, damaged or has no thermal images.
    """
    perception.reset()
    later = LaterTests(params) if test in (TIMED_UP_AND_GO, DETECTED) else None
    with BagReader(path) as bag:
        session = session_of(bag, params, test)
        for log_ns, frame in bag.logged_thermal_frames():
            if session.image(frame, log_ns).accepted:
                update = session.keypoints(perception.step(frame))
                if later is not None and session.newest is not None:
                    later.take(session.newest, update.finished)
            if on_frame is not None:
                on_frame()
    trial = session.finish()
    if later is None or not isinstance(trial.result, TrialResult):
        return trial
    further = later.finish(session.lens)
    return with_remark(trial, further, later.remark)


def session_of(
    bag: BagReader, params: TugParams | None = None, test: MovementTest = TIMED_UP_AND_GO
) -> TrialSession:
    """Return a session that knows a recording's lens and, if it was simulated, its truth."""
    session = TrialSession(params, test)
    session.camera_info(bag.calibration())
    session.truth(bag.true_timing() if bag.has(schema.TRUTH_TUG) else None)
    return session
