# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from support.bodies import bone_positions
from support.people import subject, trial

from thermal_pose.lab.simulation.motion.limbs import fraction_of_rotation, measure_limbs, two_bone
from thermal_pose.lab.simulation.motion.profile import below, ease, noise, ramp, soft_floor
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.lab.simulation.people.body import BONE_INDEX
from thermal_pose.lab.simulation.people.rotations import rotation_x, rotation_y, rotation_z
from thermal_pose.lab.simulation.people.skinning import pose_vertices
from thermal_pose.skeleton import Joint
from thermal_pose.types import Phase

pytestmark = pytest.mark.simulation

KINDS = ("normal", "slow", "stick", "frame")


def positions(kind):
    """Bone heads (T, N, 3) over a whole trial at 50 Hz, and the times."""
    performer = trial(kind).performers[0]
    times_s = np.arange(0, trial(kind).duration_s, 0.02)
    poses = [performer.motion.pose(float(time_s)) for time_s in times_s]
    return np.stack([bone_positions(performer.body, pose) for pose in poses]), times_s


def stances(height_m):
    """Runs of samples in which the ball of a foot is where it is while sitting: on the floor."""
    down = np.concatenate([[0], (np.abs(height_m - height_m[0]) < 0.001).astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(down) == 1), np.flatnonzero(np.diff(down) == -1)
    return [(start, end) for start, end in zip(starts, ends, strict=True) if end - start > 6]


@pytest.mark.parametrize("kind", KINDS)
def test_feet_do_not_slide(kind):
    heads, _ = positions(kind)
    for side in "LR":
        ball = heads[:, BONE_INDEX[f"toes.{side}"]]
        runs = stances(ball[:, 2])
        assert len(runs) >= 5
        for start, end in runs:
            spot = np.median(ball[start:end, :2], axis=0)
            slide_m = np.linalg.norm(ball[start:end, :2] - spot, axis=1).max()
            assert slide_m < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_one_foot_is_always_down_and_sometimes_both(kind):
    heads, _ = positions(kind)
    low = []
    for side in "LR":
        ball = heads[:, BONE_INDEX[f"toes.{side}"], 2]
        ankle = heads[:, BONE_INDEX[f"foot.{side}"], 2]
        low.append((np.abs(ball - ball[0]) < 0.003) | (ankle < ankle[0] + 0.003))
    walking = heads[:, 0, 2] > 0.9 * heads[:, 0, 2].max()
    assert np.mean((low[0] | low[1])[walking]) > 0.97
    assert 0.1 < np.mean((low[0] & low[1])[walking]) < 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_hips_rest_on_the_seat_before_and_after(kind):
    planned = trial(kind)
    body, motion = planned.performers[0].body, planned.performers[0].motion
    seat_m = planned.chairs[0].seat_height_m
    for time_s in (0.5, planned.duration_s - 0.2):
        vertices = pose_vertices(body.coarse, body, motion.pose(time_s))
        over_seat = (np.abs(vertices[:, 0]) < 0.12) & (np.abs(vertices[:, 1]) < 0.18)
        lowest_m = vertices[over_seat, 2].min()
        assert abs(lowest_m - seat_m) < 0.035


@pytest.mark.parametrize("kind", KINDS)
def test_no_leg_or_trunk_is_inside_the_chair(kind):
    planned = trial(kind)
    chair = planned.chairs[0]
    heads, _ = positions(kind)
    shins = heads[:, [BONE_INDEX[f"{bone}.{s}"] for bone in ("shank", "foot") for s in "LR"]]
    inside = shins[..., 0] < chair.seat_front_m
    inside &= np.abs(shins[..., 1]) < chair.seat_width_m / 2
    inside &= shins[..., 2] < chair.seat_height_m
    assert not inside.any()
    trunk = heads[:, [BONE_INDEX[name] for name in ("pelvis", "spine_upper", "chest")]]
    low = trunk[..., 2] < chair.back_height_m
    assert not (low & (trunk[..., 0] < chair.seat_back_m)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_jumps(kind):
    heads, times_s = positions(kind)
    speed = np.linalg.norm(np.diff(heads, axis=0), axis=2) / np.diff(times_s)[:, None]
    assert speed.max() < 6.0
    jerk = np.linalg.norm(np.diff(heads[:, 0], n=3, axis=0), axis=1) / 0.02**3
    assert jerk.max() < 700


def test_feet_stay_above_the_floor():
    heads, _ = positions("normal")
    limbs = measure_limbs(trial().performers[0].body)
    for side in "LR":
        assert heads[:, BONE_INDEX[f"foot.{side}"], 2].min() > limbs.ankle_height_m - 0.01


def test_arms_swing_against_the_legs():
    heads, _ = positions("normal")
    walking = (heads[:, 0, 0] > 0.8) & (heads[:, 0, 0] < 2.2)
    legs = (heads[:, BONE_INDEX["foot.L"], 0] - heads[:, BONE_INDEX["foot.R"], 0])[walking]
    arms = (heads[:, BONE_INDEX["hand.L"], 0] - heads[:, BONE_INDEX["hand.R"], 0])[walking]
    assert np.corrcoef(legs, arms)[0, 1] < -0.7
    assert np.ptp(arms) > 0.2


@pytest.mark.parametrize("slow_side", [0, 1])
def test_the_slow_leg_takes_longer_steps_and_its_arm_swings_less(slow_side):
    asymmetry = 0.2 if slow_side == 0 else -0.2
    planned = plan_trial(replace(subject(), asymmetry=asymmetry), np.random.default_rng(11))
    landed_s = sorted((land_s, side) for side, _, land_s in planned.performers[0].motion.swings_s)
    steps = [
        (side, land_s - before_s)
        for (before_s, _), (land_s, side) in pairwise(landed_s)
        if land_s - before_s < 1.0
    ]
    mean_s = [np.median([step_s for side, step_s in steps if side == leg]) for leg in (0, 1)]
    assert mean_s[slow_side] > 1.15 * mean_s[1 - slow_side]
    walk = next(phase for phase in planned.truth if phase.phase is Phase.WALK_OUT)
    joints = np.stack([planned.joints(t) for t in np.arange(walk.start_s, walk.end_s, 0.02)])
    ahead_m = joints[:, [Joint.LEFT_WRIST, Joint.RIGHT_WRIST], 0] - joints[
        :, [Joint.LEFT_HIP, Joint.RIGHT_HIP], 0
    ].mean(axis=1, keepdims=True)
    swing_m = np.ptp(ahead_m, axis=0)
    assert swing_m[slow_side] < 0.85 * swing_m[1 - slow_side]


def test_hands_hold_what_they_hold():
    for kind, column in (("stick", None), ("frame", 0)):
        planned = trial(kind)
        motion, body = planned.performers[0].motion, planned.performers[0].body
        middle_s = planned.truth.phases[1].start_s + 0.5
        aid = motion.aid(middle_s)
        hands = bone_positions(body, motion.pose(middle_s))[
            [BONE_INDEX["hand.L"], BONE_INDEX["hand.R"]]
        ]
        if column is None:
            assert np.linalg.norm(hands - np.array(aid.top_m), axis=1).min() < 0.1
        else:
            assert np.abs(hands[:, 2] - aid.top_m[2]).max() < 0.1


def test_poses_are_rotations():
    motion = trial().performers[0].motion
    rotations = motion.pose(4.3217).rotations
    np.testing.assert_allclose(
        rotations @ np.swapaxes(rotations, -1, -2),
        np.broadcast_to(np.eye(3), rotations.shape),
        atol=2e-3,
    )


def test_a_motion_can_be_moved_sideways():
    motion = trial("stick").performers[0].motion
    moved = motion.moved((0.0, 1.0))
    np.testing.assert_allclose(
        moved.pose(3.0).pelvis_m, motion.pose(3.0).pelvis_m + np.array([0, 1, 0])
    )
    assert moved.aid(3.0).foot_m[1] == pytest.approx(motion.aid(3.0).foot_m[1] + 1)


def test_two_bones_reach_the_target_with_their_own_lengths():
    root, target = np.zeros((1, 3)), np.array([[0.3, 0.1, -0.5]])
    middle = two_bone(root, target, np.array([[1.0, 0.0, 0.0]]), (0.4, 0.35))
    assert np.linalg.norm(middle) == pytest.approx(0.4)
    assert np.linalg.norm(target - middle) == pytest.approx(0.35)


@pytest.mark.parametrize("rotation", [rotation_x, rotation_y, rotation_z])
def test_a_third_of_a_rotation_three_times_is_the_rotation(rotation):
    whole = rotation(np.array([0.9, -1.4, 1e-9]))
    third = fraction_of_rotation(whole, 1 / 3)
    np.testing.assert_allclose(third @ third @ third, whole, atol=1e-9)


def test_positive_rotations_lean_forwards_right_and_turn_left():
    forward, up = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    assert (rotation_y(np.array(0.3)) @ up)[0] > 0
    assert (rotation_x(np.array(0.3)) @ up)[1] < 0
    assert (rotation_z(np.array(0.3)) @ forward)[1] > 0


def test_profiles_start_and_end_where_they_say():
    t = np.linspace(0, 3, 601)
    for curve in (ease(t, 1, 2), ramp(t, 1, 2, 0.3)):
        assert curve[0] == 0.0
        assert curve[-1] == pytest.approx(1.0)
        assert np.all(np.diff(curve) >= -1e-12)
        assert curve[300] == pytest.approx(0.5)


def test_a_lower_envelope_is_nowhere_above():
    curve = np.sin(np.linspace(0, 20, 2000)) + np.linspace(0, 1, 2000)
    assert np.all(below(curve, 0.06) <= curve + 1e-12)


def test_noise_has_the_deviation_asked_for():
    wander = noise(np.random.default_rng(0), 40000, 0.3, 2.0)
    assert wander.std() == pytest.approx(2.0, rel=0.15)


def test_a_cushioned_fall_never_passes_the_seat():
    drop = soft_floor(np.linspace(0, 2, 200))
    assert drop[0] == pytest.approx(0.0, abs=1e-6)
    assert drop.max() <= 1.0
    assert drop[-1] == pytest.approx(1.0)
