# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.lab.evaluation.labelled.view import labelled_views
from thermal_pose.skeleton import Joint

FACE = (Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE)


def view(width: float, face: tuple[int, int, int], hidden: tuple[int, ...] = ()) -> str:
    """The view of one person with a trunk of 20 px; `width` is a share of it."""
    xy, visibility = np.zeros((1, 17, 2)), np.full((1, 17), 2)
    xy[0, Joint.LEFT_SHOULDER, 0], xy[0, Joint.RIGHT_SHOULDER, 0] = 10 * width, -10 * width
    xy[0, [Joint.LEFT_HIP, Joint.RIGHT_HIP], 1] = 20.0
    visibility[0, FACE] = face
    visibility[0, list(hidden)] = 0
    return str(labelled_views(xy, visibility)[0])


@pytest.mark.parametrize(
    ("width", "face", "expected"),
    [
        (0.6, (2, 2, 2), "front"),
        (0.6, (1, 1, 1), "front"),  # a hidden face does not overrule wide shoulders
        (-0.6, (0, 0, 0), "back"),
        (0.1, (2, 2, 1), "side"),
        (-0.1, (2, 1, 2), "side"),
        (0.2, (2, 2, 2), "front"),  # both eyes visible
        (-0.2, (1, 1, 0), "back"),  # neither nose nor eye visible
        (-0.2, (2, 2, 2), "side"),  # face and order disagree
        (0.0, (2, 2, 2), "side"),
    ],
)
def test_order_and_width_of_the_shoulders_and_the_face_give_the_view(width, face, expected) -> None:
    assert view(width, face) == expected


def test_a_shoulder_or_hip_without_label_leaves_the_view_unknown() -> None:
    assert view(0.6, (2, 2, 2), hidden=(Joint.LEFT_HIP,)) == "unknown"
