# SPDX-License-Identifier: Apache-2.0
"""Irregularities of a trial: pauses, freezes, second attempts, uneven turns, slow settling.

A `Subject` has habits; a `Manner` describes what one trial adds to them, and `PLAIN` adds nothing.
People of all cohorts lean back on the chair as recorded people do; only patients get the rest.
`draw_manner` covers the range of 43 recorded tests of real people (`docs/simulated-clinic.md`
compares the distributions) and what clinicians report of slow and freezing patients.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.profile import Array
from thermal_pose.lab.simulation.people.subject import Rng

#: Probabilities of 0, 1, 2 and 3 pauses for fast and for slow people.
_PAUSES_FAST = (0.7, 0.2, 0.07, 0.03)
_PAUSES_SLOW = (0.4, 0.3, 0.2, 0.1)
#: Lean added to that of sitting upright: the trunks of recorded people then have the same spread.
_RECLINE_DEG = (-14.0, 6.0)


class Place(StrEnum):
    """Where a person pauses."""

    AFTER_RISING = "after_rising"
    WALK_OUT = "walk_out"
    BEFORE_TURN = "before_turn"
    TURN = "turn"
    WALK_BACK = "walk_back"
    BEFORE_CHAIR = "before_chair"
    BEFORE_SITTING = "before_sitting"


@dataclass(frozen=True)
class Pause:
    """Standing still; `share` is the position in the walk or the turn, 0 to 1."""

    place: Place
    length_s: float
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.length_s <= 0 or not 0 <= self.share <= 1:
            raise SimulationError(
                f"pause: expected length_s above 0 and share 0 to 1, got {self.length_s}, "
                f"{self.share}"
            )


@dataclass(frozen=True)
class Manner:
    """Irregularities that one trial adds to the subject's habits; the defaults add none.

    Attributes
    ----------
    pauses : where the person stands still, and for how long.
    mark_m : distance of the turn from the chair.
    on_the_spot : steps and turns before the chair, without going anywhere.
    head_lead_s, chest_lead_s : time by which gaze and chest are ahead of the pelvis in turns.
    bounce : vertical motion of the pelvis during the steps, as a share of that over straight legs.
    early_walk : how much earlier than usual the first step begins, as a share of the rise.
    lean_deg, lean_s, lean_hold_s : slow lean before the one that lifts the person off the seat:
        angle, duration, and how long it is held (a two-stage rise).
    lifts : height of failed attempts to rise, as a share of the standing height.
    seat_off_share : share of the rise until the pelvis leaves the seat.
    settle_m, settle_s : slow sinking of the pelvis after it has touched the seat.
    sit_lean_deg : additional lean while sitting down.
    turn_skew, final_skew : above 1, the turn begins slowly; below 1, it ends slowly.
    turn_ahead_s : time by which the pelvis turns before the direction of travel at the mark.
    turn_dip : share of the speed lost in the turn at the mark (0 walks around it, 1 turns on the
        spot); drawn if None.
    shortest_final_s : least duration of the turn before the chair.
    sit_overlap : share of the turn before the chair during which the person already sits down;
        drawn if None.
    late_trunk : delay of the straightening trunk after the legs, as a share of the rise.
    plump : speed of landing on the seat, 1 (soft) to 2 (at full speed); drawn if None.
    sit_peak_lead_s : time from the greatest lean to seat contact; usual if None.
    sit_lean_s, straighten_s : duration of the lean before its peak, and of straightening after it;
        used only with `sit_peak_lead_s`.
    turn_lean_deg : part of the lean of sitting down that already comes with the turn before it.
    crouch, crouch_s : share of the standing height lost slowly before sitting down, and how long
        that takes.
    lean_scale : factor of the lean that lifts the person off the seat.
    lean_peak : share of the rise at which the trunk leans furthest.
    lean_skew : above 1, that lean begins slowly.
    recline_deg : forward lean added to that of sitting at rest (negative: back).
    heading_deg : rotation of the pelvis relative to the walkway on the way out.
    approach : distance from the chair at which the turn before it begins, as a share of the usual.
    final_spin, final_spin_at : share of the turn before the chair in which the body rotates (small
        for a quick pivot), and position of this part in the turn, 0 to 1.
    twist : rotation of pelvis and chest with the steps, as a share of the usual.
    sway_deg, weave_deg : amplitudes of irregular trunk lean and pelvis yaw while walking.
    seed : seed of the irregular motion.
    """

    pauses: tuple[Pause, ...] = ()
    mark_m: float = 3.0
    on_the_spot: bool = False
    head_lead_s: float = 0.35
    chest_lead_s: float = 0.08
    bounce: float = 1.0
    early_walk: float = 0.0
    lean_deg: float = 0.0
    lean_s: float = 0.4
    lean_hold_s: float = 0.0
    lifts: float = 0.0
    seat_off_share: float = 0.36
    settle_m: float = 0.0
    settle_s: float = 0.5
    sit_lean_deg: float = 0.0
    turn_skew: float = 1.0
    final_skew: float = 1.0
    turn_ahead_s: float = 0.0
    turn_dip: float | None = None
    shortest_final_s: float = 0.9
    sit_overlap: float | None = None
    late_trunk: float = 0.0
    plump: float | None = None
    sit_peak_lead_s: float | None = None
    sit_lean_s: float = 0.8
    straighten_s: float = 0.7
    turn_lean_deg: float = 0.0
    crouch: float = 0.0
    crouch_s: float = 0.6
    lean_scale: float = 1.0
    lean_peak: float = 0.46
    lean_skew: float = 1.0
    recline_deg: float = 0.0
    heading_deg: float = 0.0
    approach: float = 1.0
    final_spin: float = 1.0
    final_spin_at: float = 0.5
    twist: float = 1.0
    sway_deg: float = 0.0
    weave_deg: float = 0.0
    seed: int = 0

    def rng(self) -> Rng:
        """Random generator of the irregular motion, independent of those of the trial."""
        return np.random.default_rng([self.seed, 31])


PLAIN = Manner()


def draw_manner(rng: Rng, slowness: float = 0.0) -> Manner:
    """Draw the irregularities of one trial of a patient.

    Parameters
    ----------
    slowness : 0 for a healthy walker to 1 for a person who often freezes.
    """
    return Manner(
        pauses=draw_pauses(rng, slowness),
        mark_m=_mark_m(rng),
        **_rising(rng, slowness),
        **_walking(rng, slowness),
        **_sitting(rng),
        seed=int(rng.integers(2**31)),
    )


def _rising(rng: Rng, slowness: float) -> dict[str, Any]:
    """Draw lean and lift-off; in a two-stage rise, most of the lean may come before the hold.

    A shallow lean without a hold runs on into the one that lifts the person: one movement.
    """
    two_stage = rng.random() < 0.08 + 0.32 * slowness
    deep = two_stage and rng.random() < 0.6
    lean_s = float(rng.uniform(0.25, 0.9) * (1.0 + slowness))
    return {
        "lean_deg": float(rng.uniform(12.0, 40.0))
        if deep
        else float(rng.uniform(1.0, 14.0)) * float(rng.random() < 0.4 or two_stage),
        "lean_s": lean_s,
        "lean_hold_s": float(
            rng.uniform(0.05, 0.6) if rng.random() < 0.6 else rng.uniform(0.3, 2.5)
        )
        if two_stage
        else float(rng.uniform(-0.75, -0.4)) * lean_s,
        "lifts": float(rng.uniform(0.0, 0.3)),
        "seat_off_share": float(rng.uniform(0.1, 0.5) if deep else rng.uniform(0.32, 0.58)),
        "late_trunk": float(rng.uniform(0.0, 0.6)) if rng.random() < 0.6 else 0.0,
        "lean_scale": float(rng.uniform(0.08, 0.6) if deep else rng.uniform(0.5, 1.2)),
        "lean_peak": float(rng.uniform(0.46, 0.76)),
        "lean_skew": float(rng.uniform(1.0, 1.6)),
        "recline_deg": float(rng.uniform(*_RECLINE_DEG)),
    }


def _walking(rng: Rng, slowness: float) -> dict[str, Any]:
    """Draw turns, and the independent motion of head, chest and pelvis."""
    pivots = rng.random() < 0.75
    return {
        "head_lead_s": float(rng.uniform(0.0, 0.4)) if rng.random() < 0.35 else 0.0,
        "chest_lead_s": float(rng.uniform(0.0, 0.1)) if rng.random() < 0.35 else 0.0,
        "bounce": float(rng.uniform(0.0, 0.9)),
        "early_walk": float(rng.uniform(0.0, 0.22)),
        "turn_skew": float(np.exp(rng.normal(0, 0.15 + 0.2 * slowness))),
        "final_skew": float(np.exp(rng.normal(0, 0.2 + 0.2 * slowness))),
        "turn_ahead_s": float(rng.uniform(0.0, 0.75)) if rng.random() < 0.85 else 0.0,
        "turn_dip": float(rng.uniform(0.0, 0.75)),
        "shortest_final_s": 0.5,
        "approach": float(rng.uniform(1.0, 2.2)),
        "final_spin": float(rng.uniform(0.06, 0.35)) if pivots else 1.0,
        "final_spin_at": float(rng.random()),
        "twist": float(rng.uniform(0.0, 1.0)),
        "sway_deg": float(rng.uniform(0.0, 5.5)),
        "weave_deg": float(rng.uniform(0.0, 4.0)),
        "heading_deg": float(rng.normal(0.0, 4.0)),
    }


def _sitting(rng: Rng) -> dict[str, Any]:
    """Draw sitting down; most people drop onto the seat and lean furthest just before."""
    return {
        "settle_m": float(rng.uniform(0.0, 0.03)) if rng.random() < 0.15 else 0.0,
        "settle_s": float(rng.uniform(0.2, 1.0)),
        "sit_lean_deg": float(rng.uniform(2.0, 34.0)),
        "sit_overlap": float(rng.uniform(0.0, 0.85)) if rng.random() < 0.85 else None,
        "plump": float(rng.uniform(1.15, 2.0)) if rng.random() < 0.9 else None,
        "sit_peak_lead_s": float(rng.uniform(0.08, 0.45)) if rng.random() < 0.95 else None,
        "sit_lean_s": float(rng.uniform(0.4, 1.0)),
        "straighten_s": float(rng.uniform(0.4, 1.0)),
        "turn_lean_deg": float(rng.uniform(0.0, 20.0)) if rng.random() < 0.7 else 0.0,
        "crouch": float(rng.uniform(0.0, 0.2)) if rng.random() < 0.75 else 0.0,
        "crouch_s": float(rng.uniform(0.3, 1.3)),
    }


def draw_pauses(rng: Rng, slowness: float) -> tuple[Pause, ...]:
    """Up to three pauses at different places, 0.5 to 8 s long."""
    n_pauses = int(rng.choice(4, p=_PAUSES_FAST if slowness < 0.5 else _PAUSES_SLOW))
    places = rng.permutation(list(Place))[:n_pauses]
    return tuple(
        Pause(
            Place(place),
            float(np.clip(0.4 + rng.exponential(1.6), 0.5, 8.0))
            if rng.random() < 0.8
            else float(rng.uniform(2.0, 8.0)),
            float(rng.uniform(0.15, 0.85)),
        )
        for place in places
    )


def _mark_m(rng: Rng) -> float:
    """Draw the distance of the turn: slightly before the line, or 2 to 4 m on other walkways."""
    if rng.random() < 0.2:
        return float(rng.uniform(2.0, 4.0))
    return 2.98 - abs(float(rng.normal(0.28, 0.18)))


def skewed(share: Array, skew: float) -> Array:
    """Warp a share of time so that a movement starts slowly (skew above 1) or ends slowly."""
    return np.clip(share, 0.0, 1.0) ** skew


def trial_manner(patients: bool, speed_mps: float, rng: Rng) -> Manner:
    """The manner of one trial; people who are not patients only lean back on the chair."""
    if not patients:
        return Manner(recline_deg=float(rng.uniform(*_RECLINE_DEG)))
    slowness = float(np.clip((0.9 - speed_mps) / 0.7, 0.0, 1.0))
    return draw_manner(rng, slowness)
