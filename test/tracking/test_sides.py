# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.skeleton import MIRROR, Joint
from thermal_pose.tracking.sides import SideKeeper, SidesSettings
from thermal_pose.types import NS_PER_S, PersonBox, PersonKeypoints

STEP_NS = NS_PER_S // 8
FOCAL_PX, CAMERA_M = 84.0, 1.4
#: (forward, left, up) of a standing person 1.7 m tall, m.
BODY = {
    Joint.NOSE: (0.10, 0.0, 1.58), Joint.LEFT_EYE: (0.08, 0.03, 1.62),
    Joint.LEFT_EAR: (0.0, 0.07, 1.60), Joint.LEFT_SHOULDER: (0.0, 0.17, 1.40),
    Joint.LEFT_ELBOW: (0.0, 0.22, 1.12), Joint.LEFT_WRIST: (0.05, 0.24, 0.88),
    Joint.LEFT_HIP: (0.0, 0.10, 0.90), Joint.LEFT_KNEE: (0.0, 0.10, 0.48),
    Joint.LEFT_ANKLE: (0.0, 0.10, 0.09),
}  # fmt: skip


def seen(distance_m: float, heading_rad: float, squat_m: float = 0.0) -> np.ndarray:
    """Joints (17, 2) in an image; heading 0 faces the camera."""
    joints = np.zeros((17, 3))
    for joint, place in BODY.items():
        joints[joint] = place
        joints[MIRROR[joint]] = np.array(place) * (1, 1 if joint is Joint.NOSE else -1, 1)
    joints[:, 2] -= squat_m * (joints[:, 2] > 0.6)
    cos, sin = np.cos(heading_rad), np.sin(heading_rad)
    depth = distance_m - (cos * joints[:, 0] - sin * joints[:, 1])
    across = sin * joints[:, 0] + cos * joints[:, 1]
    return np.column_stack(
        [40 + FOCAL_PX * across / depth, 30 + FOCAL_PX * (CAMERA_M - joints[:, 2]) / depth]
    ).astype(np.float32)


def followed(frames: list[np.ndarray], mirrored: set[int]) -> list[bool]:
    """Run the keeper; say of each frame whether its answer is right."""
    keeper, right = SideKeeper(), []
    for number, xy in enumerate(frames):
        given = xy[MIRROR] if number in mirrored else xy
        person = PersonKeypoints(
            1, PersonBox((0.0, 0.0, 9.0, 9.0), 1.0, 1), given, np.arange(17, dtype=np.float32), 0.9
        )
        kept = keeper(STEP_NS * (number + 1), (person,))[0]
        right.append(bool(np.allclose(kept.xy, xy)))
        swapped = not np.allclose(kept.xy, given)
        assert (kept.scores == (person.scores[MIRROR] if swapped else person.scores)).all()
    return right


APPROACH = [seen(6.0 - 1.0 * k / 8, 0.0) for k in range(28)]
LEAVING = [seen(2.5 + 1.0 * k / 8, np.pi) for k in range(28)]
TURN = [seen(2.5, np.pi * k / 14) for k in range(14)]


def test_right_answers_stay_right_through_a_walk_with_a_turn() -> None:
    assert all(followed(APPROACH + TURN + LEAVING, set()))


@pytest.mark.parametrize("walk", [APPROACH, LEAVING])
def test_single_mirrored_frames_are_put_right(walk) -> None:
    assert all(followed(walk, {7, 13, 14, 20}))


@pytest.mark.parametrize("walk", [APPROACH, LEAVING])
def test_walking_outweighs_a_network_that_is_wrong_for_long(walk) -> None:
    right = followed(walk, set(range(10, 28)))
    assert sum(right[10:]) > 15
    assert sum(followed(walk, set(range(28)))[14:]) > 11


def test_standing_still_the_network_is_believed_after_a_while() -> None:
    still = [seen(4.0, 0.0)] * 32
    right = followed(still, set(range(8, 32)))
    assert all(right[:10]) and not any(right[-8:])


def test_sitting_down_is_no_walk_away() -> None:
    sitting = [seen(4.0, 0.0, 0.05 * k) for k in range(12)]
    assert all(followed([seen(4.0, 0.0)] * 6 + sitting, set()))


def test_a_gap_and_a_reset_forget() -> None:
    keeper = SideKeeper()
    person = PersonKeypoints(
        1, PersonBox((0.0, 0.0, 9.0, 9.0), 1.0, 1), APPROACH[0], np.ones(17, np.float32), 0.9
    )
    other = PersonKeypoints(1, person.box, APPROACH[0][MIRROR], np.ones(17, np.float32), 0.9)
    keeper(1, (person,))
    assert (keeper(10 * NS_PER_S, (other,))[0].xy == other.xy).all()
    keeper(11 * NS_PER_S, (person,))
    keeper.reset()
    assert (keeper(11 * NS_PER_S + STEP_NS, (other,))[0].xy == other.xy).all()


def test_joints_that_are_not_there_are_passed_through() -> None:
    xy = APPROACH[0].copy()
    xy[3] = np.nan
    person = PersonKeypoints(
        1, PersonBox((0.0, 0.0, 9.0, 9.0), 1.0, 1), xy, np.ones(17, np.float32), 0.9
    )
    assert SideKeeper()(1, (person,))[0] is person


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="memory_s"):
        SidesSettings(memory_s=0.0)
