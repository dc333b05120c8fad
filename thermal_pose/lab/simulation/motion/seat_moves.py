# SPDX-License-Identifier: Apache-2.0
"""Height of the pelvis and lean of the trunk while a person sits, stands up and sits down."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thermal_pose.lab.simulation.motion.manner import PLAIN, Manner
from thermal_pose.lab.simulation.motion.path import Schedule
from thermal_pose.lab.simulation.motion.profile import Array, ease, soft_floor
from thermal_pose.lab.simulation.people.subject import Rng, Subject
from thermal_pose.lab.simulation.rooms.scene import Chair

#: Share of the rise's duration after which the pelvis leaves the seat.
SEAT_OFF_SHARE = 0.36
#: Share of sitting down after which the pelvis usually lands on the seat.
_CONTACT_SHARE = 0.75
#: Share of the drop's duration after which the pelvis usually lands.
_LANDING_SHARE = 0.68
#: Approximate height that the pelvis gains from sitting to standing, m.
STANDING_GAIN_M = 0.42

#: Maps the hips (T, 3) and the orientations (T, 3, 3) of pelvis and chest to the wrists' target
#: points (T, 2, 3), how firmly they are held there (T, 2), and the elbow directions (T, 2, 3).
HandHold = Callable[[Array, Array, Array], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class SeatUse:
    """The chair that a person uses, and how.

    Attributes
    ----------
    chair : the seat and its arm rests.
    stand_x_m : distance from the seat's origin to the feet; 0 if the person never sits.
    schedule : schedule of the test, for the arms; None if the person never sits or if `hand_hold`
        places the hands.
    hand_hold : where the hands are held, such as on the chest; None if the arms swing.
    """

    chair: Chair
    stand_x_m: float = 0.0
    schedule: Schedule | None = None
    hand_hold: HandHold | None = None


#: For people who never sit.
NO_SEAT = SeatUse(Chair())


@dataclass(frozen=True)
class SeatMoves:
    """Pelvis and trunk over time, relative to the seat.

    Attributes
    ----------
    height_share : (T,) height of the pelvis, 0 seated to 1 standing.
    forward_share : (T,) horizontal position of the pelvis, 0 over the seat to 1 over the feet.
    pitch_rad : (T,) forward lean of the trunk due to sitting, rising and stooping.
    """

    height_share: Array
    forward_share: Array
    pitch_rad: Array


def standing_moves(subject: Subject, times_s: Array) -> SeatMoves:
    """Moves of a person who stands or walks all the time."""
    one = np.ones_like(times_s)
    return SeatMoves(one, one, np.radians(subject.stoop_deg) * one)


def seat_moves(
    subject: Subject, schedule: Schedule, times_s: Array, rng: Rng, manner: Manner = PLAIN
) -> SeatMoves:
    """Moves of a person who sits, rocks, stands up and sits down as scheduled."""
    off_s = schedule.rise_start_s + manner.seat_off_share * schedule.rise_s
    overshoot = rng.uniform(1.1, 1.35)
    lowered = _lowered_share(schedule, times_s, overshoot, manner)
    stands_first = float(schedule.sit_start_s < schedule.rise_start_s)
    pitch = _pitch_rad(subject, schedule, times_s, rng, manner)
    risen = ease(times_s, off_s, schedule.rise_end_s)
    for rock_s in schedule.rocks_s:
        rock = ease(times_s, rock_s, rock_s + 0.4) - ease(times_s, rock_s + 0.38, rock_s + 0.85)
        pitch += np.radians(rng.uniform(14, 26)) * rock
        risen = risen + manner.lifts * (
            ease(times_s, rock_s + 0.2, rock_s + 0.45) - ease(times_s, rock_s + 0.45, rock_s + 0.8)
        )
    pitch += _early_lean(times_s, schedule, manner)
    rise_s, sit_s, down_s = schedule.rise_s, schedule.sit_s, schedule.sit_start_s
    forward = ease(times_s, off_s - 0.03 * rise_s, schedule.rise_start_s + 0.9 * rise_s)
    back = ease(times_s, down_s + 0.03 * sit_s, down_s + 0.95 * sit_s)
    return SeatMoves(risen - lowered + stands_first, forward - back + stands_first, pitch)


def _lowered_share(schedule: Schedule, times_s: Array, overshoot: float, manner: Manner) -> Array:
    """Share (T,) of the standing height lost by sitting down, 0 to 1."""
    sit_s, down_s = schedule.sit_s, schedule.sit_start_s
    dropped_s = schedule.sit_end_s + 0.1 * sit_s
    if manner.plump is not None:
        # A harder landing comes at the same time.
        overshoot = manner.plump
        dropped_s = down_s + 1.1 * sit_s * _LANDING_SHARE / _landing_share(overshoot)
    lowered = soft_floor(overshoot * ease(times_s, down_s, dropped_s))
    if manner.settle_m:
        share = manner.settle_m / STANDING_GAIN_M
        slow = ease(times_s, schedule.sit_end_s - 0.3 * sit_s, schedule.sit_end_s + manner.settle_s)
        lowered = (1 - share) * lowered + share * slow
    if manner.crouch:
        low = ease(times_s, down_s - manner.crouch_s, down_s + 0.15 * sit_s)
        # The crouch ends as the person sits down, so the seated height does not change.
        remaining = 1.0 - np.clip(lowered, 0.0, 1.0)
        lowered = np.maximum(lowered, 0.0) + manner.crouch * low * remaining
    return lowered


def _landing_share(overshoot: float) -> float:
    """Share of a drop by `overshoot` seat heights, in time, until the pelvis lands on the seat."""
    share = np.linspace(0.0, 1.0, 1001)
    return float(np.interp(1.0 / overshoot, ease(share, 0.0, 1.0), share))


def _pitch_rad(
    subject: Subject, schedule: Schedule, times_s: Array, rng: Rng, manner: Manner
) -> Array:
    """Trunk lean (T,) of one rise and one sit."""
    rise_s, sit_s = schedule.rise_s, schedule.sit_s
    start_s, down_s = schedule.rise_start_s, schedule.sit_start_s
    stands_first = down_s < start_s
    stoop = np.radians(subject.stoop_deg)
    before, after = np.radians(rng.uniform(-9, 3, 2))
    before, after = before + np.radians(manner.recline_deg), after + np.radians(manner.recline_deg)
    seated = after if stands_first else before
    rise_peak = stoop + np.radians(rng.uniform(26, 40)) * manner.lean_scale
    sit_peak = stoop + np.radians(rng.uniform(20, 34) + manner.sit_lean_deg)
    rest_s = schedule.sit_end_s + rng.uniform(0.3, 0.8)
    pitch = stoop if stands_first else before
    lean = ease(times_s, start_s, start_s + manner.lean_peak * rise_s) ** manner.lean_skew
    pitch = pitch + (rise_peak - seated) * lean
    back_s = start_s + (manner.lean_peak - 0.02) * rise_s
    straight_s = schedule.rise_end_s + manner.late_trunk * rise_s
    pitch -= (rise_peak - stoop) * ease(times_s, back_s, straight_s)
    turned = np.radians(manner.turn_lean_deg)
    turn_s = schedule.turn_to_sit_start_s
    pitch += turned * ease(times_s, turn_s + 0.1, turn_s + 0.5)
    lean_s, peak_s = down_s - 0.15 * sit_s, down_s + 0.6 * sit_s
    if manner.sit_peak_lead_s is not None:
        peak_s = down_s + _CONTACT_SHARE * sit_s - manner.sit_peak_lead_s
        lean_s, rest_s = peak_s - manner.sit_lean_s, peak_s + manner.straighten_s
    pitch += (sit_peak - stoop - turned) * ease(times_s, lean_s, peak_s)
    pitch -= (sit_peak - after) * ease(times_s, peak_s + 0.02 * sit_s, rest_s)
    return np.asarray(pitch)


def _early_lean(times_s: Array, schedule: Schedule, manner: Manner) -> Array:
    """Slow lean (T,) before the one that lifts the person off the seat, taken back afterwards."""
    if not manner.lean_deg:
        return np.zeros_like(times_s)
    start_s, rise_s = schedule.rise_start_s, schedule.rise_s
    held_from_s = start_s - manner.lean_hold_s
    lean = ease(times_s, held_from_s - manner.lean_s, held_from_s)
    back = ease(times_s, start_s + 0.3 * rise_s, start_s + 0.9 * rise_s)
    return np.asarray(np.radians(manner.lean_deg) * (lean - back))
