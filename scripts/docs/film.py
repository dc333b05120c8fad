# SPDX-License-Identifier: Apache-2.0
"""The animated overlay of README, and the report's picture, from the shipped recording."""

from pathlib import Path

import cv2

from thermal_pose import Tracker, draw
from thermal_pose.api.analysis import analyze
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.types import NS_PER_S

MAX_BYTES = 2_000_000
_SCALE = 6
_FRAME_MS = 125


def write_film(path: Path) -> None:
    """Draw boxes, skeletons and the phase on every frame of the shipped recording.

    Raises
    ------
    ValueError
        The film is larger than README may load.
    """
    timing = analyze().trial.result.timing
    track, pictures = Tracker(), []
    with BagReader(DEMO_BAG) as bag:
        for frame in bag.thermal_frames():
            people = track(frame.centikelvin, frame.stamp_ns / NS_PER_S)
            at_s = (frame.stamp_ns - timing.origin_ns) / NS_PER_S
            caption = caption_at(at_s, [(p.phase.name, p.start_s, p.end_s) for p in timing])
            pictures.append(draw(frame.centikelvin, people, scale=_SCALE, caption=caption))
    animation = cv2.Animation()
    animation.frames = pictures
    animation.durations = [_FRAME_MS] * len(pictures)
    cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, 60])
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: expected at most {MAX_BYTES} bytes, got {path.stat().st_size}")


def caption_at(at_s: float, phases: list[tuple[str, float, float]]) -> str:
    """Return the phase and the time since the first movement.

    >>> caption_at(1.5, [("SIT_TO_STAND", 1.0, 2.0), ("WALK_OUT", 2.0, 4.0)])
    'sit to stand   0.5 s'
    >>> caption_at(9.0, [("SIT_TO_STAND", 1.0, 2.0)])
    'seated'
    """
    for name, start_s, end_s in phases:
        if start_s <= at_s < end_s:
            return f"{name.replace('_', ' ').lower()}   {at_s - phases[0][1]:.1f} s"
    return "seated"


def write_report_picture(path: Path) -> None:
    """Write a picture of the top of the shipped recording's report."""
    import tempfile

    from thermal_pose.report.picture import print_page

    with tempfile.TemporaryDirectory() as folder:
        print_page(analyze(age_years=72).write_report(folder), path)
