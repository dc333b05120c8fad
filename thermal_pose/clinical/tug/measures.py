# SPDX-License-Identifier: Apache-2.0
"""The figures of a timed trial, each with its uncertainty and the evidence for it.

Durations were checked against the exact truth of simulated people (`docs/validation.md`). What is
read from the image's geometry (steps, lean, speed) is experimental: from one frontal camera,
temporal measures hold while spatial ones do so less (doi 10.1186/s12984-021-00933-0).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from thermal_pose.clinical.phases import phase_key, phase_name
from thermal_pose.clinical.records import Measure, MeasureStatus
from thermal_pose.clinical.tug.certainty import unsure_boundaries, withheld_because
from thermal_pose.clinical.tug.course_measures import course_measures, distance_note
from thermal_pose.clinical.tug.definitions import TURN_MARGIN_DEG
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.scale import HIP_OVER_ANKLE_SHARE, HIP_SHARE_SPREAD
from thermal_pose.clinical.tug.segmentation import Segmentation
from thermal_pose.clinical.tug.signals import BodySignals, smooth
from thermal_pose.clinical.tug.steps import StepEstimate, estimate_steps
from thermal_pose.clinical.tug.story import Story
from thermal_pose.types import TIMED_PHASES, Float64Array, Phase

#: How much the rhythm of steps in a turn differs from that of the walks.
TURN_RATE_SPREAD = 0.2
#: A walk has begun when its speed passes this share of its median.
HESITATION_SHARE = 0.4

_NO_RHYTHM = "No step rhythm could be told in this part."


def trial_measures(
    boundaries_s: Float64Array, sds_s: Float64Array, story: Story, params: TugParams
) -> tuple[Measure, ...]:
    """Return all measures of a valid trial, in the order of the report.

    Measures that lie beside a boundary that is not known well enough are withheld, with the reason.

    Parameters
    ----------
    boundaries_s, sds_s : (7,) and their standard deviations, s since the first frame.
    """
    measures = _all_measures(boundaries_s, sds_s, story, params)
    return tuple(withheld(measure, boundaries_s, sds_s) for measure in measures)


def _all_measures(
    boundaries_s: Float64Array, sds_s: Float64Array, story: Story, params: TugParams
) -> tuple[Measure, ...]:
    signals = story.signals
    edges = dict(zip(TIMED_PHASES, pairwise(boundaries_s.tolist()), strict=True))
    out, back = estimate_steps(signals, (edges[Phase.WALK_OUT], edges[Phase.WALK_BACK]))
    return (
        *_durations(boundaries_s, sds_s),
        _ratio(boundaries_s, sds_s),
        *_turns(boundaries_s, sds_s, signals),
        *_walk(boundaries_s, story, "out", Phase.WALK_OUT, out),
        *_walk(boundaries_s, story, "back", Phase.WALK_BACK, back),
        _turn_steps(boundaries_s, sds_s, story, (out, back)),
        *_speeds(boundaries_s, signals, params, (out, back)),
        *_lean(boundaries_s, signals),
        _hesitation(boundaries_s, sds_s, signals),
        *course_measures(story, boundaries_s, params),
    )


def trial_remarks(story: Story, segmentation: Segmentation, params: TugParams) -> tuple[str, ...]:
    """Remarks on a timed trial, one sentence each."""
    unsure = unsure_boundaries(segmentation.boundaries_s, segmentation.sds_s)
    remarks = [distance_note(story, segmentation.boundaries_s, params)]
    if unsure.any():
        remarks.append(
            "Some parts of the test could not be told apart; their durations are withheld. The "
            "total stands."
        )
    return tuple(remark for remark in remarks if remark)


#: Boundaries that a measure depends on, by the beginning of its name.
_DEPENDS_ON = {
    "sit_to_stand_": (0, 1),
    "walk_out_": (1, 2),
    "turn_s": (2, 3),
    "turn_velocity_": (2, 3),
    "turn_steps": (2, 3),
    "walk_back_": (3, 4),
    "turn_to_sit_": (4, 5),
    "stand_to_sit_": (5, 6),
    "turn_and_sit_": (4, 6),
    "out_back_": (1, 2, 3, 4),
    "cadence_out_": (1, 2),
    "steps_out": (1, 2),
    "cadence_back_": (3, 4),
    "steps_back": (3, 4),
    "hesitation_": (1,),
}


def withheld(measure: Measure, boundaries_s: Float64Array, sds_s: Float64Array) -> Measure:
    """The measure, or its omission where a boundary that it depends on is unsure."""
    for prefix, needed in _DEPENDS_ON.items():
        if measure.name.startswith(prefix) and not measure.omitted:
            reason = withheld_because(boundaries_s, sds_s, needed)
            if reason:
                return replace(measure, value=None, uncertainty=None, omitted=reason)
    return measure


def _value(
    name: str,
    label: str,
    unit: str,
    value: float,
    uncertainty: float,
    omitted: str,
    status: MeasureStatus = MeasureStatus.EXPERIMENTAL,
) -> Measure:
    """A measure, or its omission where the value is not a number."""
    if not np.isfinite(value):
        return Measure(name, label, unit, None, None, status, omitted)
    spread = float(uncertainty) if np.isfinite(uncertainty) else None
    return Measure(name, label, unit, float(value), spread, status)


#: Phases whose durations agree with the simulated truth closely enough (docs/validation.md):
#: in both cohorts both of their boundaries are found to better than 0.1 s.
CHECKED_PHASES = (Phase.SIT_TO_STAND, Phase.TURN_TO_SIT, Phase.STAND_TO_SIT)


def _durations(boundaries_s: Float64Array, sds_s: Float64Array) -> list[Measure]:
    checked, experimental = MeasureStatus.SIMULATED, MeasureStatus.EXPERIMENTAL
    total_s, total_sd_s = boundaries_s[-1] - boundaries_s[0], np.hypot(sds_s[0], sds_s[-1])
    rows = [_value("total_s", "Total", "s", total_s, total_sd_s, "", checked)]
    for k, phase in enumerate(TIMED_PHASES):
        rows.append(
            _value(
                f"{phase_key(phase)}_s",
                phase_name(phase),
                "s",
                boundaries_s[k + 1] - boundaries_s[k],
                np.hypot(sds_s[k], sds_s[k + 1]),
                "",
                checked if phase in CHECKED_PHASES else experimental,
            )
        )
    rows.append(
        _value(
            "turn_and_sit_s",
            "Turn and sit together",
            "s",
            boundaries_s[6] - boundaries_s[4],
            np.hypot(sds_s[4], sds_s[6]),
            "",
            experimental,
        )
    )
    return rows


def _ratio(boundaries_s: Float64Array, sds_s: Float64Array) -> Measure:
    out_s, back_s = boundaries_s[2] - boundaries_s[1], boundaries_s[4] - boundaries_s[3]
    relative = np.hypot(np.hypot(*sds_s[1:3]) / out_s, np.hypot(*sds_s[3:5]) / back_s)
    ratio = out_s / back_s
    return _value("out_back_ratio", "Walk out over walk back", "", ratio, ratio * relative, "")


def _turns(boundaries_s: Float64Array, sds_s: Float64Array, signals: BodySignals) -> list[Measure]:
    """Mean angular velocity and direction of the turn at the mark, direction of the last turn."""
    span_s = boundaries_s[3] - boundaries_s[2]
    # The boundaries lie 20 degrees after the outward and before the return heading.
    velocity = (180.0 - 2 * TURN_MARGIN_DEG) / span_s
    spread = velocity * np.hypot(*sds_s[2:4]) / span_s
    return [
        _value("turn_velocity_dps", "Turn, mean angular velocity", "deg/s", velocity, spread, ""),
        _direction("turn_direction", "Turn, direction", signals, boundaries_s[2:4], side=1),
        _direction(
            "turn_to_sit_direction",
            "Turn to sit, direction",
            signals,
            boundaries_s[4:6],
            side=-1,
        ),
    ]


def _direction(
    name: str, label: str, signals: BodySignals, turn_s: Float64Array, side: int
) -> Measure:
    """Where the nose goes past the shoulders: to the person's left or right.

    `turn_s` holds start and end of the turn; `side` is +1 where it starts facing the camera
    (the person's left is then on the right).
    """
    inside = (signals.stamps_s >= turn_s[0]) & (signals.stamps_s <= turn_s[1])
    aside = signals.nose_aside[inside]
    aside = aside[np.isfinite(aside)]
    if aside.size < 3 or abs(float(np.mean(aside))) < 0.02:
        return Measure(name, label, "", None, omitted="The head was not seen well enough.")
    return Measure(name, label, "", "left" if side * float(np.mean(aside)) > 0 else "right")


def _walk(
    boundaries_s: Float64Array, story: Story, way: str, phase: Phase, steps: StepEstimate
) -> list[Measure]:
    k = TIMED_PHASES.index(phase)
    # There are no steps while standing still.
    span_s = story.moving_s((float(boundaries_s[k]), float(boundaries_s[k + 1])))
    return [
        _value(
            f"cadence_{way}_spm",
            f"Cadence, walk {way}",
            "/min",
            60.0 * steps.rate_hz,
            60.0 * steps.rate_sd_hz,
            _NO_RHYTHM,
        ),
        _value(
            f"steps_{way}",
            f"Steps, walk {way}",
            "",
            steps.rate_hz * span_s,
            steps.rate_sd_hz * span_s,
            _NO_RHYTHM,
        ),
        _value(
            f"step_asymmetry_{way}",
            f"Step time asymmetry, walk {way}",
            "",
            steps.asymmetry,
            float("nan"),
            "Left and right are compared over nine steps or more; this walk had fewer.",
        ),
    ]


def _turn_steps(
    boundaries_s: Float64Array,
    sds_s: Float64Array,
    story: Story,
    walks: Sequence[StepEstimate],
) -> Measure:
    """Steps of the turn, which itself shows no rhythm: in that of the walks beside it."""
    rates_hz = [walk.rate_hz for walk in walks if np.isfinite(walk.rate_hz)]
    rate_hz = float(np.mean(rates_hz)) if rates_hz else float("nan")
    span_s = story.moving_s((float(boundaries_s[2]), float(boundaries_s[3])))
    spread = rate_hz * float(np.hypot(TURN_RATE_SPREAD * span_s, np.hypot(*sds_s[2:4])))
    return _value("turn_steps", "Steps in the turn", "", rate_hz * span_s, spread, _NO_RHYTHM)


def _speeds(
    boundaries_s: Float64Array,
    signals: BodySignals,
    params: TugParams,
    walks: tuple[StepEstimate, StepEstimate],
) -> list[Measure]:
    """Gait speed and step length, where stature and focal length give the picture a scale."""
    missing = [
        text
        for text, value in (
            ("the person's height", params.height_m),
            ("the camera's calibration", params.focal_px),
        )
        if not value
    ]
    reason = f"Needs {' and '.join(missing)}, not given." if missing else ""
    if params.lens_misfit and params.height_m:
        reason = params.lens_misfit
    rows = []
    for way, first, walk in (("out", 1, walks[0]), ("back", 3, walks[1])):
        speed, spread = float("nan"), float("nan")
        if not missing:
            speed, spread = _speed_mps(signals, params, *boundaries_s[first : first + 2])
        rows.append(
            _value(
                f"gait_speed_{way}_mps",
                f"Gait speed, walk {way}",
                "m/s",
                speed,
                spread,
                reason or "The walk was not seen long enough.",
            )
        )
        rows.append(
            _value(
                f"step_length_{way}_m",
                f"Step length, walk {way}",
                "m",
                speed / walk.rate_hz,
                spread / walk.rate_hz,
                reason or _NO_RHYTHM,
            )
        )
    return rows


def _speed_mps(
    signals: BodySignals, params: TugParams, start_s: float, end_s: float
) -> tuple[float, float]:
    """Speed of the steady walk: slope of the way gone against time, and its standard error."""
    inside = (signals.stamps_s >= start_s) & (signals.stamps_s <= end_s)
    inside &= np.isfinite(signals.size_px)
    if inside.sum() < 5:
        return float("nan"), float("nan")
    times_s = signals.stamps_s[inside]
    depth_m = params.focal_px * HIP_OVER_ANKLE_SHARE * params.height_m / signals.size_px[inside]
    aside_m = (signals.hips_px[inside, 0] - signals.hips_px[inside, 0].mean()) * (
        depth_m / params.focal_px
    )
    design = np.stack([times_s - times_s.mean(), np.ones_like(times_s)], axis=1)
    place = np.stack([depth_m, aside_m], axis=1)
    solution = np.linalg.lstsq(design, place)[0]
    residual = place - design @ solution
    noise = float(np.sqrt(np.sum(residual**2) / max(1, 2 * (times_s.size - 2))))
    speed = float(np.hypot(*solution[0]))
    slope_sd = noise / np.sqrt(np.sum(design[:, 0] ** 2))
    return speed, float(np.hypot(slope_sd, HIP_SHARE_SPREAD * speed))


def _lean(boundaries_s: Float64Array, signals: BodySignals) -> list[Measure]:
    """Largest forward lean of the trunk while standing up, and its mean speed.

    From the front a lean shortens the trunk in the picture: its cosine is the apparent length
    over that of the upright trunk at the same place. How far the lean of a real person may lie
    from it is not known, so no uncertainty is given.
    """
    start_s, end_s = float(boundaries_s[0]), float(boundaries_s[1])
    reason = "The trunk was not seen well enough while standing up."
    ratio = smooth(signals.trunk_px / signals.size_px, signals.stamps_s, 0.12)
    rising = (signals.stamps_s >= start_s) & (signals.stamps_s <= end_s) & np.isfinite(ratio)
    walking = (signals.stamps_s >= end_s) & (signals.stamps_s <= boundaries_s[2])
    walking &= np.isfinite(ratio)
    lean, speed, unknown = float("nan"), float("nan"), float("nan")
    if rising.sum() >= 3 and walking.sum() >= 5:
        upright = float(np.median(ratio[walking]))
        lean = float(np.degrees(np.arccos(np.clip(ratio[rising].min() / upright, 0.0, 1.0))))
        until_s = float(signals.stamps_s[rising][int(np.argmin(ratio[rising]))])
        speed = lean / max(until_s - start_s, 0.25)
    return [
        _value("sit_to_stand_lean_deg", "Sit to stand, trunk lean", "deg", lean, unknown, reason),
        _value(
            "sit_to_stand_lean_speed_dps",
            "Sit to stand, speed of the lean",
            "deg/s",
            speed,
            unknown,
            reason,
        ),
    ]


def _hesitation(boundaries_s: Float64Array, sds_s: Float64Array, signals: BodySignals) -> Measure:
    """Time between standing and walking: until the distance changes as in the walk."""
    name, label = "hesitation_s", "Hesitation before walking"
    inside = (signals.stamps_s >= boundaries_s[1] - 0.5) & (signals.stamps_s <= boundaries_s[2])
    distance = smooth(signals.distance, signals.stamps_s, 0.25)[inside]
    times_s = signals.stamps_s[inside]
    if times_s.size < 6 or not np.isfinite(distance).all():
        return _value(name, label, "s", float("nan"), 0.0, "The walk was not seen well enough.")
    speed = np.abs(np.gradient(distance, times_s))
    walking = np.flatnonzero(speed >= HESITATION_SHARE * float(np.median(speed[len(speed) // 2 :])))
    start_s = float(times_s[walking[0]]) if walking.size else float(times_s[-1])
    pause_s = max(0.0, start_s - float(boundaries_s[1]))
    return _value(name, label, "s", pause_s, float(np.hypot(sds_s[1], 0.2)), "")
