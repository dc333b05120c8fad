# SPDX-License-Identifier: Apache-2.0
"""A recording as everything its report needs: result, film and keypoints, in bounded memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.pipeline.detect import detect_test
from thermal_pose.pipeline.later_tests import LaterTests
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.session import FinishedTrial, TrialSession
from thermal_pose.types import FrameKeypoints, ThermalFrame


def analyze_recording(
    path: str | Path,
    perception: Perception,
    params: TugParams | None = None,
    on_frame: Callable[[], object] | None = None,
    test: MovementTest | None = TIMED_UP_AND_GO,
) -> FinishedTrial:
    """Time the trial of a recording, keeping what its report shows.

    Images are kept until the trial is over, and at most those of its last three minutes. Further
    tests of the same recording are timed as well (`FinishedTrial.further`).

    Parameters
    ----------
    on_frame : called after each image, for a progress bar.
    test : the kind of test in the recording; None detects it, which keeps all images in memory.

    Raises
    ------
    BagError
        The recording is missing, damaged or has no thermal images.
    """
    perception.reset()
    later = LaterTests(params) if test in (TIMED_UP_AND_GO, None) else None
    kept: list[tuple[int, ThermalFrame, FrameKeypoints]] = []
    with BagReader(path) as bag:
        session = session_of(bag, params, test or TIMED_UP_AND_GO)
        for log_ns, frame in bag.logged_thermal_frames():
            if session.image(frame, log_ns).accepted:
                keypoints = perception.step(frame)
                update = session.keypoints(keypoints)
                if test is None:
                    kept.append((log_ns, frame, keypoints))
                if later is not None and update.finished and session.newest is not None:
                    later.take(session.newest)
            if on_frame is not None:
                on_frame()
    found = detect_test([keypoints for *_, keypoints in kept]) if test is None else test
    if found is not session.test:
        return _again(session, found, kept)
    trial = session.finish()
    return trial if later is None else replace(trial, further=later.finish(session.lens))


def _again(
    first: TrialSession,
    test: MovementTest,
    kept: Sequence[tuple[int, ThermalFrame, FrameKeypoints]],
) -> FinishedTrial:
    """Analyze images and keypoints that are there already as another kind of test."""
    session = TrialSession(first.params, test)
    session.camera_info(first.lens)
    for log_ns, frame, keypoints in kept:
        if session.image(frame, log_ns).accepted:
            session.keypoints(keypoints)
    return session.finish()


def session_of(
    bag: BagReader, params: TugParams | None = None, test: MovementTest = TIMED_UP_AND_GO
) -> TrialSession:
    """Return a session that knows a recording's lens and, if it was simulated, its truth."""
    session = TrialSession(params, test)
    session.camera_info(bag.calibration())
    session.truth(bag.true_timing() if bag.has(schema.TRUTH_TUG) else None)
    return session
