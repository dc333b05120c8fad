# SPDX-License-Identifier: Apache-2.0
"""Where the phases of a Timed Up and Go begin and end, stated once, on exact kinematics.

The definitions are those of `docs/tug.md`. They need four curves over time and nothing of how
the motion was made: the simulated clinic computes its truth here from 3-D joints, and motion
capture could do the same.

Notes
-----
The outward heading is the walkway's own axis, not the person's mean heading, so that the
boundary does not depend on where the averaging would begin. Curves are expected at 100 Hz or
more; crossings are interpolated linearly between samples.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thermal_pose.skeleton import N_JOINTS, Joint
from thermal_pose.types import TIMED_PHASES, PhaseInterval

#: Trunk pitch rate at which the lean that ends in standing up starts the test, deg/s.
ONSET_RATE_DPS = 5.0
#: A lean is part of the rise if it comes to this share of the lean at seat-off, and less than this
#: share of it is taken back before the trunk goes on.
LEAN_SHARE = 0.5
#: Share of the standing pelvis height at which standing up ends and sitting down starts.
STANDING_SHARE = 0.95
#: Departure from a heading that starts a turn, and remainder that ends one, degrees.
TURN_MARGIN_DEG = 20.0
#: -3 dB point of the zero-phase Gaussian that takes the gait's own rotation out of the yaw, Hz.
YAW_CUTOFF_HZ = 1.5
#: -3 dB point of the same filter on trunk pitch before it is differentiated, Hz.
PITCH_CUTOFF_HZ = 6.0
#: The pelvis rests on the seat while it is no more than this above its place at seated rest, m.
SEAT_CONTACT_M = 0.01

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TugKinematics:
    """The four curves that the phase definitions are made on, on one rising time axis.

    Attributes
    ----------
    times_s : (T,) s.
    trunk_pitch_rad : (T,) lean of hips-to-shoulders from the vertical, forward positive.
    pelvis_height_m : (T,) height of the middle of the hips above the floor.
    pelvis_yaw_rad : (T,) continuous (unwrapped) heading; 0 along the walkway away from the chair.
    seat_contact : (T,) bool, whether the pelvis rests on the seat.
    """

    times_s: Curve
    trunk_pitch_rad: Curve
    pelvis_height_m: Curve
    pelvis_yaw_rad: Curve
    seat_contact: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        n_times = self.times_s.size
        if n_times < 3 or np.any(np.diff(self.times_s) <= 0):
            raise ValueError(f"times_s: expected 3 or more rising times, got {n_times}")
        for name in ("trunk_pitch_rad", "pelvis_height_m", "pelvis_yaw_rad", "seat_contact"):
            curve = getattr(self, name)
            if curve.shape != (n_times,):
                raise ValueError(f"{name}: expected ({n_times},), got {curve.shape}")
            if not np.all(np.isfinite(curve)):
                raise ValueError(f"{name}: expected finite values, got NaN or infinity")


def kinematics_from_joints(
    times_s: Curve, joints_m: npt.NDArray[np.floating], seat_contact: npt.NDArray[np.bool_]
) -> TugKinematics:
    """Trunk pitch, pelvis height and pelvis yaw from 3-D joints, with seat contact beside them.

    Parameters
    ----------
    times_s : (T,) s, rising.
    joints_m : (T, 17, 3) COCO joints in the room frame (x along the walkway, y left, z up).
    seat_contact : (T,) bool, whether the pelvis rests on the seat.

    Raises
    ------
    ValueError
        If shapes differ from these.
    """
    if joints_m.shape != (np.size(times_s), N_JOINTS, 3):
        raise ValueError(
            f"joints_m: expected ({np.size(times_s)}, {N_JOINTS}, 3), got {joints_m.shape}"
        )
    joints = joints_m.astype(np.float64)
    hips = (joints[:, Joint.LEFT_HIP] + joints[:, Joint.RIGHT_HIP]) / 2
    shoulders = (joints[:, Joint.LEFT_SHOULDER] + joints[:, Joint.RIGHT_SHOULDER]) / 2
    to_left = joints[:, Joint.LEFT_HIP] - joints[:, Joint.RIGHT_HIP]
    yaw = np.unwrap(np.arctan2(-to_left[:, 0], to_left[:, 1]))
    trunk = shoulders - hips
    forward = trunk[:, 0] * np.cos(yaw) + trunk[:, 1] * np.sin(yaw)
    return TugKinematics(
        times_s=np.asarray(times_s, dtype=np.float64),
        trunk_pitch_rad=np.arctan2(forward, trunk[:, 2]),
        pelvis_height_m=hips[:, 2],
        pelvis_yaw_rad=yaw,
        seat_contact=seat_contact,
    )


def gaussian_lowpass(curve: Curve, step_s: float, cutoff_hz: float) -> Curve:
    """Low-pass an evenly sampled curve without phase shift.

    Parameters
    ----------
    curve : (T,) samples.
    step_s : s between samples.
    cutoff_hz : frequency at which the amplitude is down by 3 dB.
    """
    sigma = np.sqrt(np.log(2.0)) / (2 * np.pi * cutoff_hz) / step_s
    reach = max(1, int(np.ceil(4 * sigma)))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    padded = np.pad(curve, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def crossings(times_s: Curve, curve: Curve, level: float, rising: bool) -> Curve:
    """Times at which a curve crosses a level in one direction, linearly interpolated."""
    above = curve >= level
    before = np.flatnonzero((above[1:] & ~above[:-1]) if rising else (~above[1:] & above[:-1]))
    share = (level - curve[before]) / (curve[before + 1] - curve[before])
    return times_s[before] + share * (times_s[before + 1] - times_s[before])


def _pick(found: Curve, last: bool, what: str) -> float:
    if found.size == 0:
        raise ValueError(f"no Timed Up and Go: expected {what}, found none")
    return float(found[-1 if last else 0])


def phase_intervals(kinematics: TugKinematics) -> tuple[PhaseInterval, ...]:
    """The six timed phases of one test, by the definitions of `docs/tug.md`.

    - SIT_TO_STAND: from the onset of the lean that ends in standing up (`onset_s`), to the pelvis
      first reaching 95 % of its standing height.
    - TURN: from the low-passed pelvis yaw leaving the outward heading by 20 degrees for good,
      to its first coming within 20 degrees of the return heading.
    - TURN_TO_SIT: from the yaw leaving the return heading by 20 degrees for the last time, to
      the pelvis last falling below 95 %. STAND_TO_SIT: from there to seat contact.

    Standing height is the median pelvis height off the seat.

    Raises
    ------
    ValueError
        If a boundary does not exist or the order is not that of the test; it says which.
    """
    times_s = kinematics.times_s
    seat_off_s, contact_s = _seat_events(kinematics)
    off_seat = (times_s > seat_off_s) & (times_s < contact_s)
    standing_m = STANDING_SHARE * float(np.median(kinematics.pelvis_height_m[off_seat]))
    rises = crossings(times_s, kinematics.pelvis_height_m, standing_m, rising=True)
    falls = crossings(times_s, kinematics.pelvis_height_m, standing_m, rising=False)
    turn_start_s, turn_end_s, last_turn_s = _turn_events(kinematics, seat_off_s, contact_s)
    start_s = onset_s(times_s, kinematics.trunk_pitch_rad, seat_off_s)
    if start_s is None:
        raise ValueError("no Timed Up and Go: expected trunk flexion before seat-off, found none")
    boundaries_s = [
        start_s,
        _pick(rises[rises > seat_off_s], last=False, what="the pelvis reaching standing height"),
        turn_start_s,
        turn_end_s,
        last_turn_s,
        _pick(falls[falls < contact_s], last=True, what="the pelvis leaving standing height"),
        contact_s,
    ]
    if np.any(np.diff(boundaries_s) <= 0):
        raise ValueError(f"no Timed Up and Go: expected rising boundaries, got {boundaries_s} s")
    return tuple(
        PhaseInterval(phase, start_s, end_s)
        for phase, start_s, end_s in zip(
            TIMED_PHASES, boundaries_s[:-1], boundaries_s[1:], strict=True
        )
    )


def _seat_events(kinematics: TugKinematics) -> tuple[float, float]:
    """Seat-off and seat contact around the longest time off the seat, s."""
    contact = kinematics.seat_contact.astype(np.int8)
    off = np.flatnonzero(np.diff(contact) == -1)
    on = np.flatnonzero(np.diff(contact) == 1)
    mid_s = (kinematics.times_s[1:] + kinematics.times_s[:-1]) / 2
    pairs = [(float(mid_s[i]), float(mid_s[on[on > i][0]])) for i in off if np.any(on > i)]
    if not pairs:
        raise ValueError("no Timed Up and Go: expected seat-off, then seat contact, found none")
    return max(pairs, key=lambda pair: pair[1] - pair[0])


def onset_s(times_s: Curve, trunk_pitch_rad: Curve, seat_off_s: float) -> float | None:
    """Start of the lean that ends in standing up, s; None if the trunk never leans before.

    The trunk's pitch rate rises through 5 deg/s there. It may do so several times: a lean that
    stops or falls back a little goes on afterwards, and is one movement to an observer. A lean that
    is mostly taken back, or that is small, is not part of the rise (`LEAN_SHARE`).

    Parameters
    ----------
    times_s, trunk_pitch_rad : (T,) evenly sampled; forward positive.
    seat_off_s : when the pelvis leaves the seat.
    """
    step_s = float(np.median(np.diff(times_s)))
    pitch = gaussian_lowpass(trunk_pitch_rad, step_s, PITCH_CUTOFF_HZ)
    rate_dps = np.degrees(np.gradient(pitch, times_s))
    rises = crossings(times_s, rate_dps, ONSET_RATE_DPS, rising=True)
    rises = rises[rises < seat_off_s]
    if not rises.size:
        return None
    first = rises.size - 1
    while first and _goes_on(times_s, pitch, (rises[first - 1], rises[first], seat_off_s)):
        first -= 1
    return float(rises[first])


def _goes_on(times_s: Curve, pitch_rad: Curve, moments_s: tuple[float, float, float]) -> bool:
    """Whether a lean is part of the rise, from its start, that of the next lean, and seat-off."""
    start_s, next_s, seat_off_s = moments_s
    start_rad, held_rad = np.interp([start_s, next_s], times_s, pitch_rad)
    between = pitch_rad[(times_s >= start_s) & (times_s <= next_s)]
    before = pitch_rad[(times_s >= start_s) & (times_s <= seat_off_s)]
    lean_rad = float(between.max() - start_rad)
    return bool(
        lean_rad >= LEAN_SHARE * (before.max() - start_rad)
        and between.max() - held_rad < LEAN_SHARE * lean_rad
    )


def _turn_events(
    kinematics: TugKinematics, seat_off_s: float, contact_s: float
) -> tuple[float, float, float]:
    """Start and end of the turn at the mark and start of the turn before the chair, s."""
    inside = (kinematics.times_s >= seat_off_s) & (kinematics.times_s <= contact_s)
    times_s = kinematics.times_s[inside]
    step_s = float(np.median(np.diff(times_s)))
    yaw = gaussian_lowpass(kinematics.pelvis_yaw_rad, step_s, YAW_CUTOFF_HZ)[inside]
    margin = np.radians(TURN_MARGIN_DEG)
    arrivals = crossings(times_s, np.abs(yaw), np.pi - margin, rising=True)
    end_s = _pick(arrivals, last=False, what="a turn to the return heading")
    departures = crossings(times_s, np.abs(yaw), margin, rising=True)
    start_s = _pick(departures[departures < end_s], last=True, what="a turn at the mark")
    side = np.sign(np.interp(end_s, times_s, yaw))
    exits = crossings(times_s, np.abs(yaw - side * np.pi), margin, rising=True)
    last_s = _pick(exits[exits > end_s], last=True, what="a turn before the chair")
    return start_s, end_s, last_s
