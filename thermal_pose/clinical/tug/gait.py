# SPDX-License-Identifier: Apache-2.0
"""Stance, swing and double support of both legs over the walks, and what follows from them.

A swing begins when the foot leaves the floor and ends with its contact. Where the probability of
swinging is above one half is a swing; its ends are expected values, which lie between frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from thermal_pose.clinical.records import Measure
from thermal_pose.clinical.tug.features import CELL_S, track_grid
from thermal_pose.clinical.tug.gait_network import GaitNetwork
from thermal_pose.clinical.tug.network import SUB_CELLS
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.types import Float64Array

Span = tuple[float, float]
#: Names of the legs, in the order of the columns.
LEGS = ("left", "right")
#: The ends of a swing are blurred by less than this, s.
MAX_BLUR_S = 0.5
#: Swings outside these limits are no steps, s.
MIN_SWING_S, MAX_SWING_S = 0.12, 1.6
#: Strides outside these limits span a pause, s.
MIN_STRIDE_S, MAX_STRIDE_S = 0.5, 3.0
#: A parameter needs this many values.
MIN_VALUES = 2
#: A mean time whose standard error is a larger share of it is withheld, with all that needs it.
MAX_ERROR_SHARE = 0.2


@dataclass(frozen=True)
class GaitParameter:
    """Mean of one parameter over the walks, its standard error, and how many values it has."""

    mean: float
    sd: float
    n: int

    @property
    def sure(self) -> bool:
        """Whether a mean time says anything, given how much its values differ."""
        return self.sd <= MAX_ERROR_SHARE * self.mean


def swing_spans(
    track: SubjectTrack, image_wh: tuple[int, int], network: GaitNetwork
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Swings (lift, contact) of the left and the right foot, s since the first frame."""
    grid = track_grid(track, image_wh)
    probabilities = network.swinging(grid)
    left, right = (
        _spans(probabilities[:, leg], grid.start_s, CELL_S / SUB_CELLS) for leg in (0, 1)
    )
    return left, right


def _spans(probability: Float64Array, start_s: float, step_s: float) -> tuple[Span, ...]:
    """Swings (lift, contact) of one foot, each end at its expected time.

    From the middle of the swing, the probabilities up to the middle of the next stance, but no
    further than `MAX_BLUR_S` from where they cross one half, sum to the expected duration.
    """
    coarse = _above_half(probability, start_s, step_s)
    borders_s = start_s + step_s * np.arange(len(probability) + 1)
    swung_s = step_s * np.concatenate([[0.0], np.cumsum(probability)])
    ends_s = [borders_s[0], *(time_s for span in coarse for time_s in span), borders_s[-1]]
    spans = []
    for number, (lift_s, land_s) in enumerate(coarse):
        before_s, after_s = ends_s[2 * number], ends_s[2 * number + 3]
        middle_s = (lift_s + land_s) / 2
        first_s = max(lift_s - MAX_BLUR_S, (before_s + lift_s) / 2)
        last_s = min(land_s + MAX_BLUR_S, (land_s + after_s) / 2)
        reach_s = (first_s, middle_s, last_s)
        rising_s, falling_s = np.diff(np.interp(reach_s, borders_s, swung_s))
        spans.append((middle_s - float(rising_s), middle_s + float(falling_s)))
    return tuple(spans)


def _above_half(probability: Float64Array, start_s: float, step_s: float) -> list[Span]:
    """Spans above one half that are long enough for a step, with ends between sub-cells."""
    centred = probability - 0.5
    changes = np.flatnonzero(np.diff(np.signbit(centred)))
    share = centred[changes] / (centred[changes] - centred[changes + 1])
    times_s = (start_s + step_s * (changes + 0.5 + share)).tolist()
    if not probability.size or not times_s:
        return []
    first = int(centred[0] >= 0)  # a swing that began before the recording has no lift
    spans = zip(times_s[first::2], times_s[first + 1 :: 2], strict=False)
    return [s for s in spans if MIN_SWING_S <= s[1] - s[0] <= MAX_SWING_S]


def gait_parameters(
    swings: tuple[Sequence[Span], Sequence[Span]], walks_s: Sequence[Span], contact_sd_s: float
) -> dict[str, GaitParameter]:
    """Temporal gait parameters over the walks; those with too few values are left out.

    Parameters
    ----------
    swings : of the left and the right foot.
    walks_s : parts in which the person walks straight.
    contact_sd_s : standard deviation of one contact's time.
    """
    values: dict[str, list[float]] = {}
    for walk_s in walks_s:
        for name, found in _values(swings, walk_s).items():
            values.setdefault(name, []).extend(found)
    parameters = {name: _parameter(found, contact_sd_s) for name, found in values.items()}
    known = {name: p for name, p in parameters.items() if p is not None}
    return known | _combined(known)


def _values(swings: tuple[Sequence[Span], Sequence[Span]], walk_s: Span) -> dict[str, list[float]]:
    """All values of one walk: each lies wholly within it."""
    inside = [[s for s in leg if s[0] >= walk_s[0] and s[1] <= walk_s[1]] for leg in swings]
    values: dict[str, list[float]] = {}
    for leg, name in enumerate(LEGS):
        own, other = inside[leg], inside[1 - leg]
        strides = [
            (first[1], second[1], second[0])
            for first, second in pairwise(own)
            if MIN_STRIDE_S <= second[1] - first[1] <= MAX_STRIDE_S
        ]
        values[f"swing_time_{name}_s"] = [end_s - start_s for start_s, end_s in own]
        values[f"stance_time_{name}_s"] = [lift_s - land_s for land_s, _, lift_s in strides]
        values[f"stride_time_{name}_s"] = [next_s - land_s for land_s, next_s, _ in strides]
        landings = [span[1] for span in other]
        values[f"step_time_{name}_s"] = [
            land_s - max(before)
            for _, land_s in own
            if (before := [t for t in landings if land_s - MAX_STRIDE_S / 2 < t < land_s])
        ]
    return values


def _parameter(values: Sequence[float], contact_sd_s: float) -> GaitParameter | None:
    if len(values) < MIN_VALUES:
        return None
    spread = max(float(np.std(values)), np.sqrt(2.0) * contact_sd_s)
    return GaitParameter(float(np.mean(values)), float(spread / np.sqrt(len(values))), len(values))


def _joint_sd(parameters: Sequence[GaitParameter]) -> float:
    """Standard deviation of a sum of independent parameters."""
    return float(np.sqrt(sum(p.sd**2 for p in parameters)))


def _combined(known: dict[str, GaitParameter]) -> dict[str, GaitParameter]:
    """Cadence, double support and asymmetry (left minus right), from the two legs' means."""
    combined = {}
    steps = [known[name] for leg in LEGS if (name := f"step_time_{leg}_s") in known]
    if len(steps) == len(LEGS):
        mean_s = float(np.mean([p.mean for p in steps]))
        sd_s = _joint_sd(steps) / 2
        n = sum(p.n for p in steps)
        cadence = 60.0 / mean_s
        combined["cadence_gait_spm"] = GaitParameter(cadence, cadence * sd_s / mean_s, n)
        difference = (steps[0].mean - steps[1].mean) / mean_s
        combined["step_asymmetry_gait"] = GaitParameter(difference, 2 * sd_s / mean_s, n)
    swings = [known[name] for leg in LEGS if (name := f"swing_time_{leg}_s") in known]
    strides = [known[name] for leg in LEGS if (name := f"stride_time_{leg}_s") in known]
    if len(swings) == len(strides) == len(LEGS):
        stride_s = float(np.mean([p.mean for p in strides]))
        share = 1.0 - sum(p.mean for p in swings) / stride_s
        sd = _joint_sd(swings) / stride_s
        n = min(p.n for p in swings)
        combined["double_support_pct"] = GaitParameter(100 * share, 100 * sd, n)
    return combined


#: Name -> (label, unit) of the parameters in a report.
_LABELS = {
    "cadence_gait_spm": ("Cadence from foot contacts", "/min"),
    "double_support_pct": ("Double support, share of the stride", "%"),
    "step_asymmetry_gait": ("Step time asymmetry of the legs, left minus right", ""),
} | {
    f"{kind}_time_{leg}_s": (f"{kind.capitalize()} time, {leg} leg", "s")
    for kind in ("step", "stride", "stance", "swing")
    for leg in LEGS
}
#: Parameter -> kinds of times of both legs that it is computed from.
_NEEDED = {
    "cadence_gait_spm": ("step",),
    "step_asymmetry_gait": ("step",),
    "double_support_pct": ("swing", "stride"),
}
_TOO_FEW = "Too few foot contacts were seen in the walks."
_UNEVEN = "The steps differ too much from each other to give their mean."


def gait_measures(
    track: SubjectTrack,
    image_wh: tuple[int, int],
    boundaries_s: Float64Array,
    network: GaitNetwork,
) -> tuple[Measure, ...]:
    """Gait parameters of a timed trial as experimental measures.

    Parameters
    ----------
    boundaries_s : (7,) s since the first frame.
    """
    walks = (
        (float(boundaries_s[1]), float(boundaries_s[2])),
        (float(boundaries_s[3]), float(boundaries_s[4])),
    )
    found = gait_parameters(swing_spans(track, image_wh, network), walks, network.contact_sd_s)
    return tuple(_measure(name, found) for name in _LABELS)


def _measure(name: str, found: dict[str, GaitParameter]) -> Measure:
    label, unit = _LABELS[name]
    if name not in found:
        return Measure(name, label, unit, None, omitted=_TOO_FEW)
    times = [f"{kind}_time_{leg}_s" for kind in _NEEDED.get(name, ()) for leg in LEGS] or [name]
    if not all(found[time].sure for time in times):
        return Measure(name, label, unit, None, omitted=_UNEVEN)
    return Measure(name, label, unit, found[name].mean, found[name].sd)
