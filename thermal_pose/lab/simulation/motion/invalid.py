# SPDX-License-Identifier: Apache-2.0
"""Trials that cannot be timed: how each kind changes plan, posture and recording."""

from dataclasses import replace

import numpy as np

from thermal_pose.clinical.chair_rises.scoring import N_RISES
from thermal_pose.lab.simulation.motion.arms import ArmPlan
from thermal_pose.lab.simulation.motion.gait import WalkPath
from thermal_pose.lab.simulation.motion.path import Schedule, TugPlan
from thermal_pose.lab.simulation.motion.profile import GRID_HZ, Array, ease, smooth_curve, time_grid
from thermal_pose.lab.simulation.motion.seat_moves import STANDING_GAIN_M, SeatMoves
from thermal_pose.lab.simulation.motion.whole_body import PlannedMotion
from thermal_pose.lab.simulation.people.subject import Rng
from thermal_pose.types import TrialReason

#: Why each kind of trial cannot be timed, as text for users.
SENTENCES: dict[TrialReason, str] = {
    TrialReason.NO_PERSON: "Nobody is in the recording.",
    TrialReason.NEVER_SAT: "The person never sits in the recording.",
    TrialReason.NEVER_STOOD: "The person tries but never stands up.",
    TrialReason.STOPPED_EARLY: "The test is not finished in the recording.",
    TrialReason.LEFT_VIEW: "The person leaves the camera's view during the test.",
    TrialReason.SECOND_PERSON: "Two people do the test at the same time.",
    TrialReason.FRAMES_LOST: "The camera was covered during much of the test.",
    TrialReason.STAMP_GAP: "The recording has a gap during the test.",
    TrialReason.WRONG_ORDER: "The person walks and sits down first, then stands up.",
    TrialReason.TOO_SLOW: "The person stands still for minutes during the test.",
    TrialReason.BEGAN_LATE: "The recording starts after the first movement.",
    TrialReason.CUT_OFF: "The recording ends before the person sits again.",
    TrialReason.TWO_LAPS: "The person walks the way twice.",
    TrialReason.WALKED_BACKWARDS: "The person walks back without turning.",
    TrialReason.SAT_ELSEWHERE: "The person sits down on the floor.",
    TrialReason.SIT_TO_STANDS: "The person rises and sits five times and never walks.",
    TrialReason.CAMERA_BEHIND: "The camera stands behind the chair.",
    TrialReason.CAMERA_TILTED: "The camera lies on its side or is upside down.",
}
#: Start of phases that never happen, s.
NEVER_S = 1.0e4
#: Approximate height of the hips when sitting on the floor, and on a seat, m.
_FLOOR_SEAT_M, _SEAT_M = 0.16, 0.56


def changed_plan(plan: TugPlan, kind: TrialReason, rng: Rng) -> tuple[TugPlan, float]:
    """Change a plan so that the test goes wrong; also return the length of the recording, s."""
    if kind is TrialReason.STOPPED_EARLY:
        return _stopped_plan(plan, rng)
    if kind is TrialReason.NEVER_STOOD:
        return _never_stands(plan, rng)
    changes = {
        TrialReason.NEVER_SAT: _never_sits,
        TrialReason.WRONG_ORDER: _sits_first,
        TrialReason.TWO_LAPS: _two_laps,
        TrialReason.WALKED_BACKWARDS: _backwards,
        TrialReason.SIT_TO_STANDS: _never_walks,
    }
    if kind in changes:
        return changes[kind](plan)
    return plan, plan.schedule.end_s


def _never_stands(plan: TugPlan, rng: Rng) -> tuple[TugPlan, float]:
    rocks_s = tuple(1.5 + 1.6 * k for k in range(int(rng.integers(1, 4))))
    still = _shifted(plan.schedule, NEVER_S, rocks_s)
    end_s = min(plan.schedule.end_s, 12.0)
    return replace(plan, schedule=still, path=_still_path(plan)), end_s


def _never_sits(plan: TugPlan) -> tuple[TugPlan, float]:
    never = replace(
        plan.schedule,
        rise_start_s=-20.0,
        rise_end_s=-18.0,
        sit_start_s=NEVER_S,
        sit_end_s=NEVER_S + 1.0,
        rocks_s=(),
    )
    return replace(plan, schedule=never), plan.schedule.end_s


def _never_walks(plan: TugPlan) -> tuple[TugPlan, float]:
    """The person rises and sits repeatedly, as in the sit-to-stand test."""
    end_s = plan.schedule.rise_start_s + 2.3 * _quick_rise_s(plan.schedule) * N_RISES + 2.0
    times_s = time_grid(max(end_s, float(plan.path.times_s[-1])))
    n_times = len(times_s)
    path = WalkPath(times_s, np.tile(plan.path.xy_m[:1], (n_times, 1)), np.zeros(n_times), ())
    return replace(plan, path=path), end_s


def _quick_rise_s(schedule: Schedule) -> float:
    """Duration of a rise that is repeated, at most 2.5 s."""
    return min(schedule.rise_s, 2.5)


def _shifted(schedule: Schedule, by_s: float, rocks_s: tuple[float, ...]) -> Schedule:
    return replace(
        schedule,
        rise_start_s=schedule.rise_start_s + by_s,
        rise_end_s=schedule.rise_end_s + by_s,
        sit_start_s=schedule.sit_start_s + by_s,
        sit_end_s=schedule.sit_end_s + by_s,
        rocks_s=rocks_s,
    )


def _sits_first(plan: TugPlan) -> tuple[TugPlan, float]:
    """The person stands, walks out and back, sits down, and then stands up."""
    schedule = plan.schedule
    rise_s = schedule.rise_s
    start_s = schedule.end_s - rise_s - 1.0
    late = replace(schedule, rise_start_s=start_s, rise_end_s=start_s + rise_s, rocks_s=())
    if late.rise_start_s < late.sit_end_s + 0.5:
        shift_s = late.sit_end_s + 0.5 - late.rise_start_s
        late = replace(
            late,
            rise_start_s=late.rise_start_s + shift_s,
            rise_end_s=late.rise_end_s + shift_s,
        )
    return replace(plan, schedule=late), late.rise_end_s + 1.0


def _stopped_plan(plan: TugPlan, rng: Rng) -> tuple[TugPlan, float]:
    """The recording ends during the test, or the person comes back and remains standing."""
    schedule = plan.schedule
    if rng.random() < 0.3:
        never = replace(schedule, sit_start_s=NEVER_S, sit_end_s=NEVER_S + 1.0)
        return replace(plan, schedule=never), schedule.end_s
    walk_s = schedule.turn_to_sit_start_s - schedule.walk_start_s
    return plan, schedule.walk_start_s + float(rng.uniform(0.15, 0.95)) * walk_s


def _two_laps(plan: TugPlan) -> tuple[TugPlan, float]:
    """The person walks to the mark and back twice before sitting down."""
    schedule, path = plan.schedule, plan.path
    lap_s = schedule.walk_end_s - schedule.walk_start_s
    times_s = time_grid(float(path.times_s[-1]) + lap_s)
    again_s = np.where(times_s < schedule.walk_end_s, times_s, times_s - lap_s)
    yaw = np.interp(again_s, path.times_s, path.yaw_rad)
    turned = 2 * np.pi * np.round(np.interp(schedule.walk_end_s, path.times_s, path.yaw_rad) / 6.28)
    yaw = yaw + turned * (times_s >= schedule.walk_end_s)
    xy = [np.interp(again_s, path.times_s, path.xy_m[:, axis]) for axis in (0, 1)]
    walking_s = path.walking_s + tuple((a + lap_s, b + lap_s) for a, b in path.walking_s)
    twice = WalkPath(
        times_s, smooth_curve(np.stack(xy, axis=-1), 0.1), smooth_curve(yaw, 0.1), walking_s
    )
    later = replace(
        schedule,
        sit_start_s=schedule.sit_start_s + lap_s,
        sit_end_s=schedule.sit_end_s + lap_s,
        end_s=schedule.end_s + lap_s,
    )
    return replace(plan, schedule=later, path=twice), later.end_s


def _backwards(plan: TugPlan) -> tuple[TugPlan, float]:
    """The person walks out, stops at the mark and walks back to the chair without turning."""
    schedule, path = plan.schedule, plan.path
    out_s = schedule.turn_start_s - schedule.walk_start_s
    back_s, stop_s = 1.3 * out_s, 0.5
    start_s = schedule.turn_start_s + stop_s
    later_s = start_s + back_s - schedule.walk_end_s
    times_s = time_grid(float(path.times_s[-1]) + max(later_s, 0.0) + 0.5)
    share = ease(times_s, start_s, start_s + back_s)
    shown_s = np.minimum(times_s, schedule.turn_start_s) - share * out_s
    xy = [np.interp(shown_s, path.times_s, path.xy_m[:, axis]) for axis in (0, 1)]
    walking_s = ((schedule.walk_start_s, schedule.turn_start_s), (start_s, start_s + back_s))
    moved = WalkPath(
        times_s, smooth_curve(np.stack(xy, axis=-1), 0.15), np.zeros(len(times_s)), walking_s
    )
    later = replace(
        schedule,
        walk_end_s=start_s + back_s,
        sit_start_s=schedule.sit_start_s + later_s,
        sit_end_s=schedule.sit_end_s + later_s,
        end_s=schedule.end_s + later_s,
    )
    return replace(plan, schedule=later, path=moved), later.end_s


def _still_path(plan: TugPlan) -> WalkPath:
    """The plan's path, but without any movement."""
    path = plan.path
    return replace(
        path,
        xy_m=np.tile(path.xy_m[:1], (len(path.times_s), 1)),
        yaw_rad=np.zeros_like(path.yaw_rad),
        walking_s=(),
    )


def changed_moves(moves: SeatMoves, plan: TugPlan, kind: TrialReason) -> SeatMoves:
    """Change the moves of kinds in which sitting or rising goes wrong."""
    schedule, times_s = plan.schedule, plan.path.times_s
    if kind is TrialReason.SAT_ELSEWHERE:
        depth = 1.0 + (_SEAT_M - _FLOOR_SEAT_M) / STANDING_GAIN_M
        down = times_s > schedule.sit_start_s - 0.2
        height = np.where(down, 1.0 - depth * (1.0 - moves.height_share), moves.height_share)
        forward = np.where(down, 1.0, moves.forward_share)
        return replace(moves, height_share=height, forward_share=forward)
    if kind is TrialReason.SIT_TO_STANDS:
        return _repeated(schedule, times_s)
    return moves


def _repeated(schedule: Schedule, times_s: Array) -> SeatMoves:
    """Moves of a person who rises and sits `N_RISES` times."""
    rise_s = _quick_rise_s(schedule)
    up: Array = np.zeros_like(times_s)
    pitch = np.zeros_like(times_s)
    for k in range(N_RISES):
        start_s = schedule.rise_start_s + 2.3 * rise_s * k
        down_s = start_s + 1.15 * rise_s
        up = up + ease(times_s, start_s + 0.3 * rise_s, start_s + rise_s)
        up = up - ease(times_s, down_s, down_s + 0.8 * rise_s)
        for lean_s in (start_s, down_s):
            pitch = pitch + np.radians(32) * (
                ease(times_s, lean_s, lean_s + 0.4 * rise_s)
                - ease(times_s, lean_s + 0.4 * rise_s, lean_s + rise_s)
            )
    return SeatMoves(up, up, pitch)


def trimmed(motion: PlannedMotion, from_s: float) -> PlannedMotion:
    """The motion from `from_s` on, which becomes its time 0."""
    first = round(from_s * GRID_HZ)
    arms = motion.arms
    names = ["offsets_m", "targets_m", "shares", "poles"]
    if arms.aid_kind is not None:
        names += ["aid_foot_m", "aid_top_m", "aid_yaw_rad"]
    cut: ArmPlan = replace(arms, **{name: getattr(arms, name)[first:] for name in names})
    return replace(
        motion,
        times_s=motion.times_s[first:] - motion.times_s[first],
        pelvis_m=motion.pelvis_m[first:],
        rotations=motion.rotations[first:],
        seat_contact=motion.seat_contact[first:],
        arms=cut,
        swings_s=tuple(
            (side, lift_s - from_s, land_s - from_s) for side, lift_s, land_s in motion.swings_s
        ),
    )
