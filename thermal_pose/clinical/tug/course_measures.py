# SPDX-License-Identifier: Apache-2.0
"""Measures beside the times: attempts to rise, pauses, and the distance of the walk.

All are experimental: read from posture and place in the image of one camera.
"""

from collections.abc import Sequence

import numpy as np

from thermal_pose.clinical.records import Measure, MeasureStatus
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.scale import HIP_SHARE_SPREAD, THIGH_SHARE, floor_place_m
from thermal_pose.clinical.tug.signals import BodySignals, smooth
from thermal_pose.clinical.tug.story import Span, Story
from thermal_pose.types import TIMED_PHASES, Float64Array, Phase

#: The walkway of the test, and the place of the turning pelvis before its end, m.
WALKWAY_M, TURN_BEFORE_M = 3.0, 0.3
#: A distance further from that than this is said, m.
DISTANCE_TOLERANCE_M = 0.9
#: Standard deviation of the distance beside that of the scale, m: both together cover 99 % of 124
#: development trials (seeds 400, 412, 430) by 1.96.
DISTANCE_SD_M = 0.25
#: Stature of an adult whose height was not entered, and its standard deviation, m.
USUAL_HEIGHT_M, USUAL_HEIGHT_SD_M = 1.68, 0.09
#: A trunk that shortens by this share of the successful lean was an attempt to rise.
ATTEMPT_SHARE = 0.5
#: Attempts further back than this were fidgeting, s.
ATTEMPT_WINDOW_S = 12.0

_PLACES = {
    Phase.SIT_TO_STAND: "while standing up",
    Phase.WALK_OUT: "walking out",
    Phase.TURN: "in the turn",
    Phase.WALK_BACK: "walking back",
    Phase.TURN_TO_SIT: "before the chair",
    Phase.STAND_TO_SIT: "while sitting down",
}


def course_measures(
    story: Story, boundaries_s: Float64Array, params: TugParams
) -> tuple[Measure, ...]:
    """Attempts to rise, pauses and distance of a timed trial.

    Parameters
    ----------
    boundaries_s : (7,) s since the first frame.
    """
    return (
        _attempts(story.signals, float(boundaries_s[0]), float(boundaries_s[1])),
        *_pauses(story.standstills((boundaries_s[1], boundaries_s[5])), boundaries_s),
        _distance(story, boundaries_s, params),
    )


def _attempts(signals: BodySignals, onset_s: float, standing_s: float) -> Measure:
    """Leans before the onset that are at least half as deep as the one that led to standing."""
    name, label = "rise_attempts", "Attempts to rise"
    reason = "The trunk was not seen well enough before standing up."
    times_s = signals.stamps_s
    with np.errstate(invalid="ignore", divide="ignore"):
        length = smooth(signals.trunk_px / signals.size_px, times_s, 0.15)
    before = (times_s >= onset_s - ATTEMPT_WINDOW_S) & (times_s < onset_s) & np.isfinite(length)
    rise = (times_s >= onset_s) & (times_s <= standing_s) & np.isfinite(length)
    if before.sum() < 6 or rise.sum() < 3:
        return Measure(name, label, "", None, omitted=reason)
    rest = float(np.median(length[before]))
    depth = rest - float(length[rise].min())
    if depth <= 0.03:
        return Measure(name, label, "", None, omitted=reason)
    leaning = length[before] < rest - ATTEMPT_SHARE * depth
    # A lean that goes on into the onset is the successful one.
    starts = np.flatnonzero(np.diff(leaning.astype(np.int8), prepend=0) == 1)
    failed = len(starts) - int(leaning[-1] and len(starts) > 0)
    return Measure(name, label, "", float(1 + max(0, failed)), None)


def _pauses(spans_s: Sequence[Span], boundaries_s: Float64Array) -> list[Measure]:
    """Number, total and longest pause between standing up and sitting down, and where that was."""
    lengths_s = [end_s - start_s for start_s, end_s in spans_s]
    status = MeasureStatus.EXPERIMENTAL
    rows = [
        Measure("pauses", "Pauses in the walk", "", float(len(spans_s)), None, status),
        Measure("pause_time_s", "Pauses, together", "s", float(sum(lengths_s)), None, status),
    ]
    if not spans_s:
        none = "The person did not stand still."
        rows.append(Measure("longest_pause", "Longest pause", "", None, omitted=none))
        return rows
    start_s, end_s = spans_s[int(np.argmax(lengths_s))]
    phase = int(np.searchsorted(boundaries_s, (start_s + end_s) / 2, side="right")) - 1
    where = _PLACES[TIMED_PHASES[min(max(phase, 0), len(TIMED_PHASES) - 1)]]
    text = f"{end_s - start_s:.1f} s {where}"
    rows.append(Measure("longest_pause", "Longest pause", "", text, None, status))
    return rows


def _distance(story: Story, boundaries_s: Float64Array, params: TugParams) -> Measure:
    """How far from the chair the person turned."""
    name, label = "walk_distance_m", "Distance from the chair to the turn"
    if not params.focal_px:
        return Measure(name, label, "m", None, omitted="Needs the camera's calibration, not given.")
    value, spread = walk_distance_m(story, boundaries_s, params)
    if not np.isfinite(value):
        return Measure(name, label, "m", None, omitted="The walk was not seen well enough.")
    return Measure(name, label, "m", value, spread)


def walk_distance_m(
    story: Story, boundaries_s: Float64Array, params: TugParams
) -> tuple[float, float]:
    """Distance between the chair and the turn, and its standard deviation, m; NaN if not seen.

    The apparent size gives the depth, the column the way aside. That of someone who sits is
    their size where the feet are, so the thigh is added. Without a height the usual one is
    assumed, and its spread is in the uncertainty.
    """
    signals, height_m = story.signals, params.height_m or USUAL_HEIGHT_M
    spread = np.hypot(HIP_SHARE_SPREAD, 0.0 if params.height_m else USUAL_HEIGHT_SD_M / height_m)
    size = smooth(signals.size_px, signals.stamps_s, 0.3)
    column = smooth(signals.hips_px[:, 0], signals.stamps_s, 0.3)
    place = floor_place_m(size, column, story.image_wh[0], params.focal_px, height_m)
    seated = story.within((0.0, float(boundaries_s[0]))) & np.isfinite(place).all(axis=1)
    turn = story.within((float(boundaries_s[2]), float(boundaries_s[3])))
    turn &= np.isfinite(place).all(axis=1)
    if seated.sum() < 3 or turn.sum() < 3:
        return float("nan"), float("nan")
    feet = np.median(place[seated], axis=0)
    far_m = np.linalg.norm(place[turn] - feet, axis=1)
    value = float(np.percentile(far_m, 80)) + THIGH_SHARE * height_m
    return value, float(np.hypot(spread * value, DISTANCE_SD_M))


def distance_note(story: Story, boundaries_s: Float64Array, params: TugParams) -> str:
    """One sentence if the walkway was not three metres long; '' if it was, or is not known."""
    if not params.focal_px:
        return ""
    value, spread = walk_distance_m(story, boundaries_s, params)
    expected_m = WALKWAY_M - TURN_BEFORE_M
    if not np.isfinite(value) or abs(value - expected_m) <= max(DISTANCE_TOLERANCE_M, 1.5 * spread):
        return ""
    return (
        f"The person turned about {value:.1f} m (± {spread:.1f} m) from the chair; "
        f"the test asks for a walkway of {WALKWAY_M:.0f} m."
    )
