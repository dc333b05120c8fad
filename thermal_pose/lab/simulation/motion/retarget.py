# SPDX-License-Identifier: Apache-2.0
"""Transfer recorded joints to a simulated body, so that cameras see real motion.

Legend: T samples at 200 Hz.

Path, headings, trunk lean, feet and hands are those of the recording; limb lengths are those of the
body. Heights are mapped so that the hips are on the seat before and after the walk, and at standing
height while standing, because depth cameras and marker sets define joints differently from the body
model.
"""

from dataclasses import dataclass

import numpy as np

from thermal_pose.clinical.tug.definitions import SEAT_CONTACT_M
from thermal_pose.lab.simulation.motion.arms import ArmPlan
from thermal_pose.lab.simulation.motion.limbs import (
    Limbs,
    Posture,
    apply,
    measure_limbs,
    solve,
    unit,
)
from thermal_pose.lab.simulation.motion.profile import GRID_HZ, Array, smooth_curve, time_grid
from thermal_pose.lab.simulation.motion.recorded import RecordedMotion
from thermal_pose.lab.simulation.motion.whole_body import PlannedMotion
from thermal_pose.lab.simulation.people.body import Body
from thermal_pose.lab.simulation.people.rotations import rotation_y, rotation_z
from thermal_pose.lab.simulation.rooms.scene import Chair
from thermal_pose.skeleton import Joint
from thermal_pose.types import BoolArray

#: How long the first and the last posture are held, for a seated rest at both ends, s.
HOLD_S = 1.8
#: Standard deviation of the Gaussian that low-passes recorded joints, s.
SMOOTHING_S = 0.05
#: Duration of the recorded rest from which the seated heights are taken, s.
REST_S = 0.5
#: Above this share of the standing height, the person is clearly off the seat.
CLEAR_SHARE = 0.6
#: A person below this share of the standing height who sinks more slowly than this is at rest.
NEAR_SEAT_SHARE, REST_MPS = 0.2, 0.05
#: Height of the standing hips, as a share of that over straight legs.
STANDING_SHARE = 0.985
#: Trunk lean of a walker who is upright in the recording, degrees.
WALKING_LEAN_DEG = 4.0
#: Lean of pelvis, chest and head as shares of the trunk's lean; backward tilt of a seated pelvis.
_PELVIS_SHARE, _CHEST_SHARE, _HEAD_SHARE, _SLUMP_RAD = 0.62, 1.15, 0.35, np.radians(10.0)
#: Greatest rotation of the chest relative to the pelvis, and outward rotation of the feet, rad.
_MAX_TWIST_RAD, _SPLAY_RAD = 0.5, 0.12

_SIDES = (
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
)


@dataclass(frozen=True)
class _Curves:
    """Curves of a recording.

    Attributes
    ----------
    joints_m, hips_m : (T, 17, 3) and (T, 3).
    height_share : (T,) height of the pelvis, 0 seated to 1 standing.
    yaw_rad, chest_yaw_rad : (T,) continuous headings of the whole trunk and of the chest.
    lean_rad : (T,) lean of the trunk, forward positive.
    """

    joints_m: Array
    hips_m: Array
    height_share: Array
    yaw_rad: Array
    chest_yaw_rad: Array
    lean_rad: Array


def retarget(
    recording: RecordedMotion,
    body: Body,
    chair: Chair,
    contact_m: float = SEAT_CONTACT_M,
) -> PlannedMotion:
    """Move a body like a recorded person.

    Parameters
    ----------
    recording : a whole test, as `recorded.aligned` returns it.
    body : the body to move.
    chair : the seat; its middle is midway between the seated rests before and after the walk.
    contact_m : greatest height of the pelvis above its seated rest at which it touches the seat.
    """
    limbs = measure_limbs(body)
    times_s, joints_m = _on_grid(recording)
    curves = _curves(joints_m)
    seated_m = chair.seat_height_m + limbs.seat_drop_m
    standing_m = limbs.hip_height_m * STANDING_SHARE
    height = np.maximum(seated_m + curves.height_share * (standing_m - seated_m), seated_m)
    posture = _posture(limbs, curves, height)
    pelvis_m, rotations = solve(limbs, posture)
    return PlannedMotion(
        times_s=times_s,
        pelvis_m=pelvis_m.astype(np.float32),
        rotations=rotations.astype(np.float32),
        seat_contact=_seat_contact(height, seated_m, contact_m, curves.height_share),
        arms=_no_aid(len(times_s)),
    )


def _on_grid(recording: RecordedMotion) -> tuple[Array, Array]:
    """Times (T,) and low-passed joints (T, 17, 3) of the motion, with extended rests."""
    duration_s = float(recording.times_s[-1]) + 2 * HOLD_S
    times_s = time_grid(duration_s)[:-1]
    flat = recording.joints_m.reshape(len(recording.times_s), -1)
    columns = [np.interp(times_s, recording.times_s + HOLD_S, column) for column in flat.T]
    joints = smooth_curve(np.stack(columns, axis=1), SMOOTHING_S)
    return times_s, joints.reshape(len(times_s), -1, 3)


def _curves(joints_m: Array) -> _Curves:
    hips = (joints_m[:, Joint.LEFT_HIP] + joints_m[:, Joint.RIGHT_HIP]) / 2
    shoulders = (joints_m[:, Joint.LEFT_SHOULDER] + joints_m[:, Joint.RIGHT_SHOULDER]) / 2
    up = _height_share(hips)
    left_hips = joints_m[:, Joint.LEFT_HIP] - joints_m[:, Joint.RIGHT_HIP]
    left_shoulders = joints_m[:, Joint.LEFT_SHOULDER] - joints_m[:, Joint.RIGHT_SHOULDER]
    yaw = smooth_curve(_heading(left_hips + left_shoulders), SMOOTHING_S)
    chest_yaw = _heading(left_shoulders)
    chest_yaw = smooth_curve(
        chest_yaw + 2 * np.pi * np.round((yaw - chest_yaw) / (2 * np.pi)), SMOOTHING_S
    )
    trunk = shoulders - hips
    forward = trunk[:, 0] * np.cos(yaw) + trunk[:, 1] * np.sin(yaw)
    lean = np.arctan2(forward, trunk[:, 2])
    lean = lean - float(np.median(lean[up > 0.95])) + np.radians(WALKING_LEAN_DEG)
    return _Curves(joints_m, _from_seat(hips), up, yaw, chest_yaw, lean)


def _heading(to_left: Array) -> Array:
    return np.unwrap(np.arctan2(-to_left[:, 0], to_left[:, 1]))


def _rest_rows() -> int:
    return round((REST_S + HOLD_S) * GRID_HZ)


def _height_share(hips: Array) -> Array:
    """Height (T,) of the hips: 0 at the seated rests before and after the walk, 1 standing."""
    height = hips[:, 2]
    before, after = np.median(height[: _rest_rows()]), np.median(height[-_rest_rows() :])
    farthest = int(np.argmax(np.linalg.norm(hips[:, :2] - hips[0, :2], axis=1)))
    low = np.where(np.arange(len(height)) < farthest, before, after)
    middle = (max(before, after) + height.max()) / 2
    high = float(np.median(height[height > middle]))
    return np.asarray((height - low) / (high - low))


def _from_seat(hips: Array) -> Array:
    """The hips (T, 3), with x and y relative to the middle between both rests."""
    rows = _rest_rows()
    seat = (np.median(hips[:rows, :2], axis=0) + np.median(hips[-rows:, :2], axis=0)) / 2
    return hips - np.array([*seat, 0.0])


def _posture(limbs: Limbs, curves: _Curves, height: Array) -> Posture:
    n_times = len(height)
    slump = _SLUMP_RAD * (1 - np.clip(curves.height_share, 0.0, 1.0))
    heading = rotation_z(curves.yaw_rad)
    twist = np.clip(curves.chest_yaw_rad - curves.yaw_rad, -_MAX_TWIST_RAD, _MAX_TWIST_RAD)
    hips = np.concatenate([curves.hips_m[:, :2], height[:, None]], axis=1)
    offsets, poles = _arms(limbs, curves)
    splay = np.stack([curves.yaw_rad + _SPLAY_RAD, curves.yaw_rad - _SPLAY_RAD], axis=1)
    return Posture(
        hips_m=hips,
        pelvis=heading @ rotation_y(_PELVIS_SHARE * curves.lean_rad - slump),
        chest=rotation_z(curves.yaw_rad + twist)
        @ rotation_y(_CHEST_SHARE * curves.lean_rad + 0.3 * slump),
        head=heading @ rotation_y(_HEAD_SHARE * curves.lean_rad + np.radians(WALKING_LEAN_DEG)),
        ankles_m=_ankles(limbs, curves),
        feet=rotation_z(splay),
        toe_bend_rad=np.zeros((n_times, 2)),
        hand_offsets_m=offsets,
        hand_targets_m=np.zeros((n_times, 2, 3)),
        hand_shares=np.zeros((n_times, 2)),
        elbow_poles=poles,
    )


def _ankles(limbs: Limbs, curves: _Curves) -> Array:
    """Ankles (T, 2, 3); the lowest are at the height of the body's ankles above its soles."""
    ankles = curves.joints_m[:, [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]].copy()
    hips = (curves.joints_m[:, Joint.LEFT_HIP] + curves.joints_m[:, Joint.RIGHT_HIP]) / 2
    ankles[..., :2] += (curves.hips_m - hips)[:, None, :2]
    floor = np.percentile(ankles[..., 2], 10)
    ankles[..., 2] = limbs.ankle_height_m + np.maximum(ankles[..., 2] - floor, 0.0)
    return ankles


def _arms(limbs: Limbs, curves: _Curves) -> tuple[Array, Array]:
    """Wrists relative to the shoulders, scaled to the body, and elbow poles, (T, 2, 3) each."""
    n_times = len(curves.height_share)
    offsets, poles = np.zeros((n_times, 2, 3)), np.zeros((n_times, 2, 3))
    backwards = apply(rotation_z(curves.yaw_rad), np.array([-1.0, 0.0, -0.3]))
    for column, (shoulder, elbow, wrist) in enumerate(_SIDES):
        upper = curves.joints_m[:, elbow] - curves.joints_m[:, shoulder]
        lower = curves.joints_m[:, wrist] - curves.joints_m[:, elbow]
        length_m = np.linalg.norm(upper, axis=1) + np.linalg.norm(lower, axis=1)
        scale = (limbs.upper_arm_m + limbs.forearm_m) / max(float(np.median(length_m)), 0.1)
        offsets[:, column] = (upper + lower) * scale
        poles[:, column] = unit((upper - lower) / 2 + 0.05 * backwards)
    return offsets, poles


def _seat_contact(height_m: Array, seated_m: float, contact_m: float, up: Array) -> BoolArray:
    """Seat contact (T,): until the seat is left for the walk, and again from the first touch after.

    The person does not sit between the first and the last time clearly off the seat. The seat is
    at the height where the descent first comes to rest, so later slumping does not delay contact.
    """
    clear = np.flatnonzero(up > CLEAR_SHARE)
    first, last = int(clear[0]), int(clear[-1])
    contact = np.zeros(len(height_m), dtype=np.bool_)
    before = np.flatnonzero(height_m[:first] <= seated_m + contact_m)
    speed_mps = np.gradient(height_m[last:], 1.0 / GRID_HZ)
    at_rest = np.flatnonzero((up[last:] < NEAR_SEAT_SHARE) & (speed_mps > -REST_MPS))
    seat_m = max(seated_m, float(height_m[last + at_rest[0]])) if at_rest.size else seated_m
    after = np.flatnonzero(height_m[last:] <= seat_m + contact_m)
    if before.size:
        contact[: before[-1] + 1] = True
    if after.size:
        contact[last + after[0] :] = True
    return contact


def _no_aid(n_times: int) -> ArmPlan:
    zeros = np.zeros((n_times, 2, 3))
    return ArmPlan(
        offsets_m=zeros,
        targets_m=zeros,
        shares=np.zeros((n_times, 2)),
        poles=zeros,
        aid_kind=None,
        aid_foot_m=np.zeros((0, 3)),
        aid_top_m=np.zeros((0, 3)),
        aid_yaw_rad=np.zeros(0),
    )


def standing_hip_height_m(recording: RecordedMotion) -> float:
    """Height of the standing hips above the floor, m."""
    height = recording.hips()[:, 2]
    return float(np.median(height[height > (height.min() + height.max()) / 2]))
