# SPDX-License-Identifier: Apache-2.0
"""How a person moves through a whole test: trunk, pelvis, feet, arms and aid over time.

The feet are planned first and stay where they are; the pelvis follows the path as high as the
legs allow; trunk, arms and head follow pelvis and feet. Everything is sampled once on a fine
time axis; a pose at any time is interpolated from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.definitions import SEAT_CONTACT_M
from thermal_pose.lab.simulation.motion.arms import ArmPlan, plan_arms
from thermal_pose.lab.simulation.motion.gait import FootCurves, WalkPath, foot_curves, plan_steps
from thermal_pose.lab.simulation.motion.limbs import Limbs, Posture, measure_limbs, solve
from thermal_pose.lab.simulation.motion.manner import PLAIN, Manner
from thermal_pose.lab.simulation.motion.path import Schedule
from thermal_pose.lab.simulation.motion.profile import (
    GRID_HZ,
    STEP_S,
    Array,
    below,
    ease,
    noise,
    smooth_curve,
    soft_floor,
)
from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.rotations import rotation_x, rotation_y, rotation_z
from thermal_pose.lab.simulation.people.subject import Rng, Subject
from thermal_pose.lab.simulation.rooms.scene import AidPose, Chair

#: Share of a rise's time after which the pelvis leaves the seat.
SEAT_OFF_SHARE = 0.36
#: Share of the time of sitting down after which the pelvis usually lands.
_CONTACT_SHARE = 0.75
#: Share of the drop's time after which it usually lands.
_LANDING_SHARE = 0.68
#: Height that a pelvis gains from sitting to standing, about, m.
STANDING_GAIN_M = 0.42
#: Rise and fall of the pelvis with the steps are averaged over about this time, s.
FLATTENING_S = 0.35


@dataclass(frozen=True)
class PlannedMotion:
    """A motion sampled on a fine time axis; a `scene.Motion`.

    Attributes
    ----------
    times_s : (T,) even, from 0.
    pelvis_m, rotations : (T, 3) and (T, N_BONES, 3, 3) as in `BodyPose`.
    seat_contact : (T,) whether the pelvis rests on the seat.
    arms : the plan of the arms, which also knows the walking aid.
    from_s, until_s : when the person is in the room.
    swings_s : (side, lift, land) of each step: side 0 left, 1 right; times of the foot's leaving
        and touching the floor, s.
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
        """Posture at a time; the first and last ones are held before and after."""
        index, share = self._locate(time_s)
        pelvis = (1 - share) * self.pelvis_m[index] + share * self.pelvis_m[index + 1]
        # Samples are 5 ms apart: mixing matrices errs by less than 1e-4.
        rotations = (1 - share) * self.rotations[index] + share * self.rotations[index + 1]
        return BodyPose(pelvis.astype(np.float32), rotations.astype(np.float32))

    def aid(self, time_s: float) -> AidPose | None:
        """The walking aid at a time; None if there is none."""
        return self.arms.aid_at(*self._locate(time_s))

    def present(self, time_s: float) -> bool:
        """Whether the person is in the room."""
        return self.from_s <= time_s < self.until_s

    def moved(self, by_m: tuple[float, float]) -> "PlannedMotion":
        """The same motion somewhere else on the floor."""
        shift = np.array([*by_m, 0.0])
        arms = replace(
            self.arms,
            aid_foot_m=self.arms.aid_foot_m + shift,
            aid_top_m=self.arms.aid_top_m + shift,
        )
        return replace(self, pelvis_m=(self.pelvis_m + shift).astype(np.float32), arms=arms)

    def _locate(self, time_s: float) -> tuple[int, float]:
        place = min(max(time_s * GRID_HZ, 0.0), len(self.times_s) - 1.001)
        index = int(place)
        return index, place - index


#: From the hips (T, 3) and the orientations (T, 3, 3) of pelvis and chest to points (T, 2, 3) that
#: the wrists are held at, how firmly (T, 2), and the directions (T, 2, 3) of the elbows.
HandHold = Callable[[Array, Array, Array], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class SeatMoves:
    """How far the person is off the seat, and how the trunk leans, over time.

    Attributes
    ----------
    up : (T,) 0 seated .. 1 standing, of the pelvis's height.
    out : (T,) 0 over the seat .. 1 over the feet.
    pitch_rad : (T,) trunk lean that sitting, rising and stooping make.
    """

    up: Array
    out: Array
    pitch_rad: Array


def standing_moves(subject: Subject, times_s: Array) -> SeatMoves:
    """A person who stands and walks all the time."""
    one = np.ones_like(times_s)
    return SeatMoves(one, one, np.radians(subject.stoop_deg) * one)


def seat_moves(
    subject: Subject, schedule: Schedule, times_s: Array, rng: Rng, manner: Manner = PLAIN
) -> SeatMoves:
    """Sitting, rocking, standing up and sitting down, in the order of the schedule."""
    rise_s = schedule.rise_end_s - schedule.rise_start_s
    sit_s = schedule.sit_end_s - schedule.sit_start_s
    start_s, down_s = schedule.rise_start_s, schedule.sit_start_s
    off_s = start_s + manner.seat_off_share * rise_s
    usual = rng.uniform(1.1, 1.35)
    plump = usual if manner.plump is None else manner.plump
    risen = ease(times_s, off_s, schedule.rise_end_s)
    dropped_s = schedule.sit_end_s + 0.1 * sit_s
    if manner.plump is not None:
        # A harder landing comes at the same time.
        dropped_s = down_s + 1.1 * sit_s * _LANDING_SHARE / _landing_share(plump)
    sunk = soft_floor(plump * ease(times_s, down_s, dropped_s))
    if manner.settle_m:
        share = manner.settle_m / STANDING_GAIN_M
        slow = ease(times_s, schedule.sit_end_s - 0.3 * sit_s, schedule.sit_end_s + manner.settle_s)
        sunk = (1 - share) * sunk + share * slow
    if manner.crouch:
        low = ease(times_s, down_s - manner.crouch_s, down_s + 0.15 * sit_s)
        # Taken over by sitting down, so that the seat stays where it is.
        sunk = np.maximum(sunk, 0.0) + manner.crouch * low * (1.0 - np.clip(sunk, 0.0, 1.0))
    out = ease(times_s, off_s - 0.03 * rise_s, start_s + 0.9 * rise_s)
    back = ease(times_s, down_s + 0.03 * sit_s, down_s + 0.95 * sit_s)
    stands_first = float(down_s < start_s)
    stoop = np.radians(subject.stoop_deg)
    before, after = np.radians(rng.uniform(-9, 3, 2))
    before, after = before + np.radians(manner.recline_deg), after + np.radians(manner.recline_deg)
    seated = after if stands_first else before
    rise_peak = stoop + np.radians(rng.uniform(26, 40)) * manner.lean_scale
    sit_peak = stoop + np.radians(rng.uniform(20, 34) + manner.sit_lean_deg)
    rest_s = schedule.sit_end_s + rng.uniform(0.3, 0.8)
    pitch = stoop if stands_first else before
    peak_s = start_s + manner.lean_peak * rise_s
    lean = ease(times_s, start_s, peak_s) ** manner.lean_skew
    pitch = pitch + (rise_peak - seated) * lean
    straight_s = schedule.rise_end_s + manner.late_trunk * rise_s
    back_s = start_s + (manner.lean_peak - 0.02) * rise_s
    pitch -= (rise_peak - stoop) * ease(times_s, back_s, straight_s)
    turned = np.radians(manner.turn_lean_deg)
    turned_s = schedule.final_turn_start_s
    pitch += turned * ease(times_s, turned_s + 0.1, turned_s + 0.5)
    lean_s, lowest_s = down_s - 0.15 * sit_s, down_s + 0.6 * sit_s
    if manner.sit_peak_lead_s is not None:
        lowest_s = down_s + _CONTACT_SHARE * sit_s - manner.sit_peak_lead_s
        lean_s, rest_s = lowest_s - manner.sit_lean_s, lowest_s + manner.straighten_s
    pitch += (sit_peak - stoop - turned) * ease(times_s, lean_s, lowest_s)
    pitch -= (sit_peak - after) * ease(times_s, lowest_s + 0.02 * sit_s, rest_s)
    for rock_s in schedule.rocks_s:
        rock = ease(times_s, rock_s, rock_s + 0.4) - ease(times_s, rock_s + 0.38, rock_s + 0.85)
        pitch += np.radians(rng.uniform(14, 26)) * rock
        risen = risen + manner.lifts * (
            ease(times_s, rock_s + 0.2, rock_s + 0.45) - ease(times_s, rock_s + 0.45, rock_s + 0.8)
        )
    pitch += _early_lean(times_s, start_s, rise_s, manner)
    return SeatMoves(risen - sunk + stands_first, out - back + stands_first, pitch)


def _landing_share(plump: float) -> float:
    """Share of the drop's time after which a pelvis lands that falls `plump` seat heights."""
    share = np.linspace(0.0, 1.0, 1001)
    return float(np.interp(1.0 / plump, ease(share, 0.0, 1.0), share))


def _early_lean(times_s: Array, start_s: float, rise_s: float, manner: Manner) -> Array:
    """(T,) a slow lean before the one that lifts the person off the seat, then taken back."""
    if not manner.lean_deg:
        return np.zeros_like(times_s)
    held_from_s = start_s - manner.lean_hold_s
    lean = ease(times_s, held_from_s - manner.lean_s, held_from_s)
    back = ease(times_s, start_s + 0.3 * rise_s, start_s + 0.9 * rise_s)
    return np.asarray(np.radians(manner.lean_deg) * (lean - back))


def plan_motion(
    subject: Subject,
    body: Body,
    path: WalkPath,
    moves: SeatMoves,
    rng: Rng,
    chair: Chair,
    stand_x_m: float,
    schedule: Schedule | None = None,
    hold: HandHold | None = None,
    manner: Manner = PLAIN,
) -> PlannedMotion:
    """Move a body along a path, on and off the seat.

    Parameters
    ----------
    subject, body : who moves.
    path, moves : where to, and when up and down.
    rng : of sway, jitter and habits.
    chair : the seat; also its arm rests.
    stand_x_m : how far before the seat the feet stand (0 where nobody sits).
    schedule : of the test, for the arms; None for somebody who only walks.
    hold : where the hands are held instead, such as on the chest; None: the arms swing.
    manner : how this trial differs from the subject's habits.
    """
    limbs = measure_limbs(body)
    steps = plan_steps(subject, rng, path)
    feet = foot_curves(subject, path.times_s, steps)
    ankles, soles = feet.feet(limbs)
    sway = _Sway.of(subject, path, feet, moves, rng)
    if manner.weave_deg:
        weave = noise(manner.rng(), len(path.times_s), 0.3, np.radians(manner.weave_deg))
        sway = replace(sway, yaw_rad=sway.yaw_rad + moves.up * weave)
    if manner.heading_deg:
        aside = np.radians(manner.heading_deg) * (1 + np.cos(path.yaw_rad)) / 2
        sway = replace(sway, yaw_rad=sway.yaw_rad + aside * (path.yaw_rad**2 < np.pi**2))
    hips = _hips_m(subject, limbs, path, moves, sway, ankles, chair, stand_x_m, manner.bounce)
    pelvis, chest, head = _trunk(path, moves, sway, rng, manner)
    plan = plan_arms(
        subject,
        limbs,
        path,
        moves.up,
        sway.feet_apart_m,
        hips,
        pelvis,
        ankles,
        rng,
        chair,
        schedule,
        steps,
    )
    if hold is not None:
        targets, shares, poles = hold(hips, pelvis, chest)
        plan = replace(plan, targets_m=targets, shares=shares, poles=poles)
    posture = Posture(
        hips_m=hips,
        pelvis=pelvis,
        chest=chest,
        head=head,
        ankles_m=ankles,
        feet=soles,
        toe_bend_rad=np.maximum(0.0, -feet.pitch_rad) * 0.9,
        hand_offsets_m=plan.offsets_m,
        hand_targets_m=plan.targets_m,
        hand_shares=plan.shares,
        elbow_poles=plan.poles,
    )
    pelvis_m, rotations = solve(limbs, posture)
    seated_m = chair.seat_height_m + limbs.seat_drop_m
    return PlannedMotion(
        times_s=path.times_s,
        pelvis_m=pelvis_m.astype(np.float32),
        rotations=rotations.astype(np.float32),
        seat_contact=(hips[:, 2] <= seated_m + SEAT_CONTACT_M) & (moves.out < 0.5),
        arms=plan,
        swings_s=tuple(
            (0 if step.side > 0 else 1, step.lift_s, step.land_s) for step in steps if step.land_s
        ),
    )


@dataclass(frozen=True)
class _Sway:
    """What steps add to the path: (T,) each.

    `feet_apart_m` is how far the left foot is before the right one; `over_left` -1..1 is the
    weight over the right or left foot; `yaw_rad` of the pelvis from path and feet together.
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
        n_times = len(path.times_s)
        heading = np.stack([np.cos(path.yaw_rad), np.sin(path.yaw_rad)], axis=-1)
        apart = np.sum((feet.flat_m[:, 0] - feet.flat_m[:, 1]) * heading, axis=-1)
        weight = feet.swinging[:, 1].astype(np.float64) - feet.swinging[:, 0]
        over_left = smooth_curve(weight, 0.1)
        # Feet turn in steps; a quarter of the pelvis's turn follows them.
        yaw = 0.75 * path.yaw_rad + 0.25 * smooth_curve(feet.yaw_rad.mean(axis=1), 0.06)
        quiet = 0.35 + 0.65 * moves.up
        sideways = 0.26 * subject.step_width_m * over_left
        return _Sway(
            feet_apart_m=smooth_curve(apart, 0.03),
            over_left=over_left,
            yaw_rad=yaw + quiet * noise(rng, n_times, 0.5, np.radians(0.8)),
            sideways_m=moves.up * (sideways + noise(rng, n_times, 0.5, 0.004)),
            forward_m=moves.up * noise(rng, n_times, 0.4, 0.005),
        )


def _hips_m(
    subject: Subject,
    limbs: Limbs,
    path: WalkPath,
    moves: SeatMoves,
    sway: _Sway,
    ankles: Array,
    chair: Chair,
    stand_x_m: float,
    bounce: float,
) -> Array:
    """Middle of the hip joints (T, 3): on the seat, or as high as both legs reach."""
    ahead = np.stack([np.cos(path.yaw_rad), np.sin(path.yaw_rad)], axis=-1)
    left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
    xy = path.xy_m + sway.sideways_m[:, None] * left + sway.forward_m[:, None] * ahead
    xy[:, 0] -= (1 - moves.out) * stand_x_m
    legs_m = []
    # Old and slow walkers keep their knees bent a little.
    reach_m = limbs.leg_m * (0.992 - 0.0008 * subject.stoop_deg - 0.012 * subject.shuffling)
    for column, side in enumerate((1, -1)):
        joint = xy + side * limbs.hip_width_m / 2 * left
        aside = np.sum((joint - ankles[:, column, :2]) ** 2, axis=-1)
        legs_m.append(ankles[:, column, 2] + np.sqrt(np.maximum(reach_m**2 - aside, 0.04)))
    height = below(np.minimum(*legs_m), 0.1)
    if bounce < 1:
        # Heels rise: a level pelvis is higher than straight legs and flat feet allow.
        level = 0.4 * smooth_curve(height, FLATTENING_S) + 0.6 * height.max()
        height = bounce * height + (1 - bounce) * level
    seated_m = chair.seat_height_m + limbs.seat_drop_m
    z = seated_m + moves.up * (height - seated_m)
    return np.concatenate([xy, z[:, None]], axis=-1)


def _trunk(
    path: WalkPath, moves: SeatMoves, sway: _Sway, rng: Rng, manner: Manner
) -> tuple[Array, Array, Array]:
    """Orientations (T, 3, 3) of pelvis, chest and head."""
    n_times = len(path.times_s)
    quiet = 0.5 + 0.5 * moves.up
    pitch = moves.pitch_rad + quiet * noise(rng, n_times, 0.45, np.radians(0.9))
    pitch = pitch + 0.04 * moves.up * np.abs(sway.feet_apart_m)
    if manner.sway_deg:
        irregular = noise(manner.rng(), n_times, 0.2, np.radians(manner.sway_deg))
        pitch = pitch + moves.up * irregular
    swing = 0.13 * manner.twist * sway.feet_apart_m
    side = sway.over_left * moves.up
    slump = np.radians(10.0) * (1 - moves.up)
    pelvis = rotation_z(sway.yaw_rad - swing) @ rotation_y(0.62 * pitch - slump)
    pelvis = pelvis @ rotation_x(np.radians(3.0) * side)
    lean = noise(rng, n_times, 0.5, np.radians(0.7)) - np.radians(1.8) * side
    chest = rotation_z(_ahead_of(sway.yaw_rad, manner.chest_lead_s) + 0.9 * swing)
    chest = chest @ rotation_y(1.15 * pitch + 0.3 * slump) @ rotation_x(lean)
    gaze = np.clip(_ahead_of(sway.yaw_rad, manner.head_lead_s) - sway.yaw_rad, -0.8, 0.8)
    gaze = smooth_curve(gaze, 0.1) + noise(rng, n_times, 0.6, np.radians(4.0))
    nod = 0.35 * pitch + np.radians(4.0) + noise(rng, n_times, 0.6, np.radians(3.0))
    return pelvis, chest, rotation_z(sway.yaw_rad + gaze) @ rotation_y(nod)


def _ahead_of(curve: Array, lead_s: float) -> Array:
    """The curve as it will be some time later."""
    lead = round(lead_s / STEP_S)
    if not lead:
        return curve
    return np.concatenate([curve[lead:], np.full(lead, curve[-1])])
