# SPDX-License-Identifier: Apache-2.0
"""What is good and bad about the camera's view before a test, from the keypoints alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.subject import standing_index
from thermal_pose.skeleton import Joint
from thermal_pose.types import FrameKeypoints, PersonKeypoints

#: A person taller than this share of the picture leaves no room to stand up.
MAX_HEIGHT_SHARE: Final = 0.9
#: A person lower than this, px, is too small for joints.
MIN_HEIGHT_PX: Final = 12.0
#: Someone nearer than this to the side, px, is cut off.
EDGE_PX: Final = 1.5
#: A trunk that leans sideways by more than this, degrees, while the person sits: a tilted camera.
MAX_TILT_DEG: Final = 12.0
#: Mean joint score below which joints are seen poorly.
MIN_SCORE: Final = 0.3
#: Standing index below which someone sits.
SEATED_INDEX: Final = 0.65
#: A sitting adult is about this high, m; the walkway is 3 m long and needs this much beyond it, m.
SITTING_M, WALKWAY_M, ROOM_BEYOND_M = 1.25, 3.0, 1.9
#: Focal length of an 80-pixel-wide picture with a field of view of 57 degrees, per pixel of width.
FOCAL_PER_WIDTH: Final = 0.92


@dataclass(frozen=True)
class ViewFinding:
    """One statement on the view: `code`, whether it is all right, and a sentence."""

    code: str
    ok: bool
    text: str


def judge_view(frames: Sequence[FrameKeypoints], test: MovementTest) -> list[ViewFinding]:
    """Judge the view from the keypoints of the last seconds, the newest last.

    Parameters
    ----------
    frames : of one or two seconds; an empty sequence means that no picture is analysed.
    test : which decides where the person and the walkway must be.
    """
    if not frames:
        return [ViewFinding("no_keypoints", False, "No picture is analysed: is the graph running?")]
    newest = frames[-1]
    seen = [max(frame.persons, key=_height_px) for frame in frames if frame.persons]
    if not newest.persons or not seen:
        return [ViewFinding("nobody", False, "Nobody in view: the person sits on the chair.")]
    findings = [
        _size(seen, newest.image_wh),
        _place(seen, newest.image_wh),
        _tilt(seen),
        _clarity(seen),
    ]
    if test.key == TIMED_UP_AND_GO.key:
        findings.append(_walkway(seen, newest.image_wh))
    if len(newest.persons) > 1:
        findings.append(
            ViewFinding("company", False, "Another person is in view: stand aside during the test.")
        )
    seated = _seated(seen)
    text = "Seated: ready to start." if seated else "The person does not sit yet."
    findings.append(ViewFinding("seated", seated, text))
    return findings


def _height_px(person: PersonKeypoints) -> float:
    return person.box.xyxy[3] - person.box.xyxy[1]


def _size(seen: Sequence[PersonKeypoints], image_wh: tuple[int, int]) -> ViewFinding:
    height = float(np.median([_height_px(person) for person in seen]))
    if height > MAX_HEIGHT_SHARE * image_wh[1]:
        return ViewFinding("size", False, "Person too near: move the camera back.")
    if height < MIN_HEIGHT_PX:
        return ViewFinding("size", False, "Person too far away: move the camera nearer.")
    return ViewFinding("size", True, "Distance of the person is good.")


def _place(seen: Sequence[PersonKeypoints], image_wh: tuple[int, int]) -> ViewFinding:
    left, top, right, bottom = np.median([person.box.xyxy for person in seen], axis=0)
    width, height = image_wh
    if left < EDGE_PX or right > width - 1 - EDGE_PX:
        return ViewFinding("place", False, "Person at the side of the picture: turn the camera.")
    if bottom > height - 1 - EDGE_PX:
        return ViewFinding("place", False, "Feet are cut off: tilt the camera down.")
    if top < EDGE_PX:
        return ViewFinding("place", False, "Head is cut off: tilt the camera up.")
    return ViewFinding("place", True, "Chair and person are in view.")


def _tilt(seen: Sequence[PersonKeypoints]) -> ViewFinding:
    leans = [lean for person in seen if np.isfinite(lean := _sideways_lean_deg(person))]
    if leans and abs(float(np.median(leans))) > MAX_TILT_DEG:
        return ViewFinding("tilt", False, "Camera tilted, or the person leans: level the camera.")
    return ViewFinding("tilt", True, "Camera is level.")


def _sideways_lean_deg(person: PersonKeypoints) -> float:
    xy = person.xy
    shoulders = (xy[Joint.LEFT_SHOULDER] + xy[Joint.RIGHT_SHOULDER]) / 2
    hips = (xy[Joint.LEFT_HIP] + xy[Joint.RIGHT_HIP]) / 2
    return float(np.degrees(np.arctan2(shoulders[0] - hips[0], hips[1] - shoulders[1])))


def _clarity(seen: Sequence[PersonKeypoints]) -> ViewFinding:
    score = float(np.mean([person.scores.mean() for person in seen]))
    if score < MIN_SCORE:
        return ViewFinding(
            "clarity", False, "Joints are seen poorly: remove what hides the person."
        )
    return ViewFinding("clarity", True, "Joints are seen well.")


def _walkway(seen: Sequence[PersonKeypoints], image_wh: tuple[int, int]) -> ViewFinding:
    """Whether the turn mark, 3 m nearer than the chair, is still in view."""
    height_px = float(np.median([_height_px(person) for person in seen]))
    distance_m = FOCAL_PER_WIDTH * image_wh[0] * SITTING_M / max(height_px, 1.0)
    if _seated(seen) and distance_m < WALKWAY_M + ROOM_BEYOND_M:
        return ViewFinding(
            "walkway",
            False,
            f"Turn mark may be out of view: the camera is about {distance_m:.0f} m from the chair, "
            "5 to 7 m are needed.",
        )
    return ViewFinding("walkway", True, "Room for the walkway.")


def _seated(seen: Sequence[PersonKeypoints]) -> bool:
    values = [
        standing_index(p.xy.astype(np.float64), p.scores.astype(np.float64), 0.05) for p in seen
    ]
    known = [value for value in values if np.isfinite(value)]
    return bool(known) and float(np.median(known)) < SEATED_INDEX
