# SPDX-License-Identifier: Apache-2.0
"""Courses of the Timed Up and Go on stick figures, and how the analysis reads them."""

from dataclasses import replace

import numpy as np
from support.stick_figure import Course

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import read_frames
from thermal_pose.clinical.tug.story import Story
from thermal_pose.pipeline.trial import analyze_frames
from thermal_pose.types import FrameKeypoints, TrialReason

PI = float(np.pi)
#: One test in 13 s: (time, rise, place, heading).
TEST = (
    (0.0, 0, 0.0, 0),
    (2.0, 0, 0.0, 0),
    (3.4, 1, 0.25, 0),
    (5.8, 1, 2.9, 0),
    (7.6, 1, 2.9, PI),
    (10.0, 1, 0.35, PI),
    (11.4, 1, 0.2, 2 * PI),
    (12.6, 0, 0.0, 2 * PI),
)


def later(knots, at_s: float, by_s: float):
    """The same knots with a pause: all after a time happen later."""
    before = [knot for knot in knots if knot[0] <= at_s]
    after = [(t + by_s, *rest) for t, *rest in knots if t > at_s]
    return (*before, (before[-1][0] + by_s, *before[-1][1:]), *after)


def course(knots, end_s: float | None = None, **options) -> list[FrameKeypoints]:
    return Course(knots=tuple(knots), end_s=end_s or knots[-1][0] + 2.5, **options).frames()


def story_of(frames: list[FrameKeypoints]) -> Story:
    reading = read_frames(frames, TugParams())
    return reading.story


def reason(frames: list[FrameKeypoints]) -> TrialReason:
    return analyze_frames(frames).timing.reason


def found_rarely(frames: list[FrameKeypoints], rows: range) -> list[FrameKeypoints]:
    """The same frames with the person in a few of them only."""
    return [replace(f, persons=f.persons if k in rows else ()) for k, f in enumerate(frames)]
