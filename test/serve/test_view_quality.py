# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support import fabricated_results as fabricated

from thermal_pose.clinical.chair_rises.about import FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.serve.view_quality import judge_view
from thermal_pose.types import FrameKeypoints, PersonBox


def frames(scale: float = 1.0, shift=(0.0, 0.0), turn_deg: float = 0.0) -> list[FrameKeypoints]:
    """The seated seconds of the made-up trial, enlarged, moved and rotated about the middle."""
    made = []
    angle = np.radians(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for frame in fabricated.keypoints(12):
        person = frame.persons[0]
        middle = np.array([40.0, 34.0])
        xy = ((person.xy - middle) @ turn.T * scale + middle + np.array(shift)).astype(np.float32)
        low, high = xy.min(0) - 1.0, xy.max(0) + 1.0
        box = PersonBox((*low.tolist(), *high.tolist()), 0.9, 1)
        made.append(replace(frame, persons=(replace(person, xy=xy, box=box),)))
    return made


def bad(found) -> set[str]:
    return {finding.code for finding in found if not finding.ok}


def test_a_good_view_is_called_good() -> None:
    found = judge_view(frames(0.7), TIMED_UP_AND_GO)
    assert bad(found) == set()
    assert {finding.code for finding in found} >= {"size", "place", "tilt", "clarity", "walkway"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"scale": 3.0}, "size"),
        ({"scale": 0.3}, "size"),
        ({"shift": (38.0, 0.0)}, "place"),
        ({"shift": (0.0, 20.0)}, "place"),
        ({"turn_deg": 20.0}, "tilt"),
        ({"scale": 1.6}, "walkway"),
    ],
)
def test_says_what_is_wrong(change: dict, code: str) -> None:
    assert code in bad(judge_view(frames(**change), TIMED_UP_AND_GO))


def test_nobody_no_keypoints_and_company_are_said() -> None:
    assert bad(judge_view([], TIMED_UP_AND_GO)) == {"no_keypoints"}
    empty = [replace(frame, persons=()) for frame in frames()]
    assert bad(judge_view(empty, TIMED_UP_AND_GO)) == {"nobody"}
    two = [replace(frame, persons=frame.persons * 2) for frame in frames()]
    assert "company" in bad(judge_view(two, TIMED_UP_AND_GO))


def test_the_walkway_matters_for_the_walking_test_only() -> None:
    codes = {finding.code for finding in judge_view(frames(), FIVE_TIMES_SIT_TO_STAND)}
    assert "walkway" not in codes
