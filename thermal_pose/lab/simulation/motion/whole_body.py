# SPDX-License-Identifier: Apache-2.0
"""Motion of a whole person during a test: trunk, pelvis, feet, arms and walking aid.

The feet are planned first and do not slide. The pelvis follows the path, as high as the legs
reach; trunk, arms and head follow pelvis and feet. A motion is sampled once at `GRID_HZ`, and the
pose at any time is interpolated.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.definitions import SEAT_CONTACT_M
from thermal_pose.lab.simulation.motion.arms import ArmPlan, LowerBody, plan_arms
from thermal_pose.lab.simulation.motion.gait import FootCurves, WalkPath, foot_curves, plan_steps
from thermal_pose.lab.simulation.motion.limbs import Limbs, Posture, measure_limbs, solve
from thermal_pose.lab.simulation.motion.manner import PLAIN, Manner
from thermal_pose.lab.simulation.motion.profile import (
    GRID_HZ,
    STEP_S,
    Array,
    ahead_of,
    below,
    noise,
    smooth_curve,
)
from thermal_pose.lab.simulation.motion.seat_moves import SeatMoves, SeatUse
from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.rotations import rotation_x, rotation_y, rotation_z
from thermal_pose.lab.simulation.people.subject import Rng, Subject
from thermal_pose.lab.simulation.rooms.scene import AidPose

#: Approximate time over which the vertical motion of the pelvis during steps is averaged, s.
FLATTENING_S = 0.35


@dataclass(frozen=True)
class PlannedMotion:
    """A motion sampled at `GRID_HZ`; implements `scene.Motion`.

    Attributes
    ----------
    times_s : (T,) from 0, evenly spaced.
    pelvis_m, rotations : (T, 3) and (T, N_BONES, 3, 3), as in `BodyPose`.
    seat_contact : (T,) whether the pelvis rests on the seat.
    arms : hands and walking aid.
    from_s, until_s : interval in which the person is in the room.
    swings_s : (side, lift, land) of each step: side 0 left or 1 right; times at which the foot
        leaves and touches the floor, s.
    """

    times_s: Array
    pelvis_m: npt.NDArray[np.float32]
    rotations: npt.NDArray[np.float32]
    seat_contact: npt.NDArray[np.bool_]
    arms: ArmPlan
    from_s: float = -np.inf
    until_s: float = np.inf
    swings_s: tuple[tuple[int, float, float], ...] = ()

    def pose(self, time_s: float) -> BodyPose:
        """Posture at a time; before and after the motion, its first and last posture."""
        index, share = self._locate(time_s)
        pelvis = (1 - share) * self.pelvis_m[index] + share * self.pelvis_m[index + 1]
        # Samples are 5 ms apart, so interpolating matrices errs by less than 1e-4.
        rotations = (1 - share) * self.rotations[index] + share * self.rotations[index + 1]
        return BodyPose(pelvis.astype(np.float32), rotations.astype(np.float32))

    def aid(self, time_s: float) -> AidPose | None:
        """The walking aid at a time; None if there is none."""
        return self.arms.aid_at(*self._locate(time_s))

    def present(self, time_s: float) -> bool:
        """Whether the person is in the room."""
        return self.from_s <= time_s < self.until_s

    def moved(self, by_m: tuple[float, float]) -> "PlannedMotion":
        """The same motion, shifted on the floor by (x, y)."""
        shift = np.array([*by_m, 0.0])
        arms = replace(
            self.arms,
            aid_foot_m=self.arms.aid_foot_m + shift,
            aid_top_m=self.arms.aid_top_m + shift,
        )
        return replace(self, pelvis_m=(self.pelvis_m + shift).astype(np.float32), arms=arms)

    def _locate(self, time_s: float) -> tuple[int, float]:
        position = min(max(time_s * GRID_HZ, 0.0), len(self.times_s) - 1.001)
        index = int(position)
        return index, position - index


def plan_motion(
    subject: Subject,
    body: Body,
    path: WalkPath,
    moves: SeatMoves,
    seat: SeatUse,
    rng: Rng,
    manner: Manner = PLAIN,
) -> PlannedMotion:
    """Move a body along a path, on and off the seat.

    Parameters
    ----------
    subject, body : the person.
    path : where the pelvis goes; its T samples are those of the result.
    moves : when the person is on the seat and how the trunk leans, T samples.
    seat : the chair, and how the person uses it.
    rng : source of sway, jitter and habits.
    manner : how this trial differs from the subject's habits.
    """
    limbs = measure_limbs(body)
    steps = plan_steps(subject, rng, path)
    feet = foot_curves(subject, path.times_s, steps)
    ankles_m, soles = feet.feet(limbs)
    sway = _Sway.of(subject, path, feet, moves, rng).with_manner(path, moves, manner)
    hips_m = _hips_m(path, moves, sway, seat.stand_x_m)
    height_m = _standing_height_m(subject, limbs, hips_m, path.yaw_rad, ankles_m)
    if manner.bounce < 1:
        # The heels rise, so a level pelvis is higher than straight legs over flat feet reach.
        level_m = 0.4 * smooth_curve(height_m, FLATTENING_S) + 0.6 * height_m.max()
        height_m = manner.bounce * height_m + (1 - manner.bounce) * level_m
    seated_m = seat.chair.seat_height_m + limbs.seat_drop_m
    hips_m[:, 2] = seated_m + moves.height_share * (height_m - seated_m)
    pelvis, chest, head = _trunk(path, moves, sway, rng, manner)
    lower = LowerBody(moves.height_share, sway.feet_apart_m, hips_m, pelvis, ankles_m, steps)
    arms = plan_arms(subject, limbs, path, lower, seat, rng)
    if seat.hand_hold is not None:
        targets, shares, poles = seat.hand_hold(hips_m, pelvis, chest)
        arms = replace(arms, targets_m=targets, shares=shares, poles=poles)
    toe_bend_rad = np.maximum(0.0, -feet.pitch_rad) * 0.9
    posture = _posture(lower, (chest, head), soles, toe_bend_rad, arms)
    pelvis_m, rotations = solve(limbs, posture)
    return PlannedMotion(
        times_s=path.times_s,
        pelvis_m=pelvis_m.astype(np.float32),
        rotations=rotations.astype(np.float32),
        seat_contact=(hips_m[:, 2] <= seated_m + SEAT_CONTACT_M) & (moves.forward_share < 0.5),
        arms=arms,
        swings_s=tuple(
            (0 if step.side > 0 else 1, step.lift_s, step.land_s) for step in steps if step.land_s
        ),
    )


def _posture(
    lower: LowerBody, upper: tuple[Array, Array], feet: Array, toe_bend_rad: Array, arms: ArmPlan
) -> Posture:
    """Targets for the bones; `upper` are the orientations (T, 3, 3) of chest and head."""
    return Posture(
        hips_m=lower.hips_m,
        pelvis=lower.pelvis,
        chest=upper[0],
        head=upper[1],
        ankles_m=lower.ankles_m,
        feet=feet,
        toe_bend_rad=toe_bend_rad,
        hand_offsets_m=arms.offsets_m,
        hand_targets_m=arms.targets_m,
        hand_shares=arms.shares,
        elbow_poles=arms.poles,
    )


@dataclass(frozen=True)
class _Sway:
    """Motion of the pelvis that steps add to the path.

    Attributes
    ----------
    feet_apart_m : (T,) distance of the left foot ahead of the right one.
    over_left : (T,) weight, -1 over the right foot to 1 over the left.
    yaw_rad : (T,) heading of the pelvis, from path and feet together.
    sideways_m, forward_m : (T,) offsets from the path, left and forward positive.
    """

    feet_apart_m: Array
    over_left: Array
    yaw_rad: Array
    sideways_m: Array
    forward_m: Array

    @staticmethod
    def of(
        subject: Subject, path: WalkPath, feet: FootCurves, moves: SeatMoves, rng: Rng
    ) -> "_Sway":
        """Draw the sway of a walk."""
        n_times = len(path.times_s)
        heading = np.stack([np.cos(path.yaw_rad), np.sin(path.yaw_rad)], axis=-1)
        apart = np.sum((feet.flat_m[:, 0] - feet.flat_m[:, 1]) * heading, axis=-1)
        weight = feet.swinging[:, 1].astype(np.float64) - feet.swinging[:, 0]
        over_left = smooth_curve(weight, 0.1)
        # Feet turn in steps; a quarter of the pelvis's turn follows them.
        yaw = 0.75 * path.yaw_rad + 0.25 * smooth_curve(feet.yaw_rad.mean(axis=1), 0.06)
        quiet = 0.35 + 0.65 * moves.height_share
        sideways = 0.26 * subject.step_width_m * over_left
        return _Sway(
            feet_apart_m=smooth_curve(apart, 0.03),
            over_left=over_left,
            yaw_rad=yaw + quiet * noise(rng, n_times, 0.5, np.radians(0.8)),
            sideways_m=moves.height_share * (sideways + noise(rng, n_times, 0.5, 0.004)),
            forward_m=moves.height_share * noise(rng, n_times, 0.4, 0.005),
        )

    def with_manner(self, path: WalkPath, moves: SeatMoves, manner: Manner) -> "_Sway":
        """The sway with the manner's irregular yaw, and its yaw relative to the walkway."""
        yaw = self.yaw_rad
        if manner.weave_deg:
            weave = noise(manner.rng(), len(yaw), 0.3, np.radians(manner.weave_deg))
            yaw = yaw + moves.height_share * weave
        if manner.heading_deg:
            offset = np.radians(manner.heading_deg) * (1 + np.cos(path.yaw_rad)) / 2
            yaw = yaw + offset * (path.yaw_rad**2 < np.pi**2)
        return replace(self, yaw_rad=yaw)


def _hips_m(path: WalkPath, moves: SeatMoves, sway: _Sway, stand_x_m: float) -> Array:
    """Middle of the hip joints (T, 3); the height is still 0."""
    ahead = np.stack([np.cos(path.yaw_rad), np.sin(path.yaw_rad)], axis=-1)
    left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
    xy = path.xy_m + sway.sideways_m[:, None] * left + sway.forward_m[:, None] * ahead
    xy[:, 0] -= (1 - moves.forward_share) * stand_x_m
    return np.concatenate([xy, np.zeros((len(xy), 1))], axis=-1)


def _standing_height_m(
    subject: Subject, limbs: Limbs, hips_m: Array, yaw_rad: Array, ankles_m: Array
) -> Array:
    """Greatest height (T,) of the hips that both legs reach from their feet, smoothed."""
    left = np.stack([-np.sin(yaw_rad), np.cos(yaw_rad)], axis=-1)
    # Old and slow walkers keep their knees slightly bent.
    reach_m = limbs.leg_m * (0.992 - 0.0008 * subject.stoop_deg - 0.012 * subject.shuffling)
    legs_m = []
    for column, side in enumerate((1, -1)):
        joint = hips_m[:, :2] + side * limbs.hip_width_m / 2 * left
        sideways = np.sum((joint - ankles_m[:, column, :2]) ** 2, axis=-1)
        legs_m.append(ankles_m[:, column, 2] + np.sqrt(np.maximum(reach_m**2 - sideways, 0.04)))
    return below(np.minimum(*legs_m), 0.1)


def _trunk(
    path: WalkPath, moves: SeatMoves, sway: _Sway, rng: Rng, manner: Manner
) -> tuple[Array, Array, Array]:
    """Orientations (T, 3, 3) of pelvis, chest and head."""
    n_times = len(path.times_s)
    quiet = 0.5 + 0.5 * moves.height_share
    pitch = moves.pitch_rad + quiet * noise(rng, n_times, 0.45, np.radians(0.9))
    pitch = pitch + 0.04 * moves.height_share * np.abs(sway.feet_apart_m)
    if manner.sway_deg:
        irregular = noise(manner.rng(), n_times, 0.2, np.radians(manner.sway_deg))
        pitch = pitch + moves.height_share * irregular
    swing = 0.13 * manner.twist * sway.feet_apart_m
    side = sway.over_left * moves.height_share
    slump = np.radians(10.0) * (1 - moves.height_share)
    pelvis = rotation_z(sway.yaw_rad - swing) @ rotation_y(0.62 * pitch - slump)
    pelvis = pelvis @ rotation_x(np.radians(3.0) * side)
    lean = noise(rng, n_times, 0.5, np.radians(0.7)) - np.radians(1.8) * side
    chest = rotation_z(ahead_of(sway.yaw_rad, round(manner.chest_lead_s / STEP_S)) + 0.9 * swing)
    chest = chest @ rotation_y(1.15 * pitch + 0.3 * slump) @ rotation_x(lean)
    gaze = np.clip(
        ahead_of(sway.yaw_rad, round(manner.head_lead_s / STEP_S)) - sway.yaw_rad, -0.8, 0.8
    )
    gaze = smooth_curve(gaze, 0.1) + noise(rng, n_times, 0.6, np.radians(4.0))
    nod = 0.35 * pitch + np.radians(4.0) + noise(rng, n_times, 0.6, np.radians(3.0))
    return pelvis, chest, rotation_z(sway.yaw_rad + gaze) @ rotation_y(nod)
