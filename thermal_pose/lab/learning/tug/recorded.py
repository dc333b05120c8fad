# SPDX-License-Identifier: Apache-2.0
"""Training input of the segmentation network from keypoints that the shipped model found.

No noise model is as good as the real errors. Trials of development seeds go through the whole
pipeline (`thermal-pose evaluate-tug --development --keypoints-only`); here they are followed as the
analysis follows them, and varied: cut, thinned, mirrored, shaken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import follow_subject
from thermal_pose.lab.learning.tug.corpus import (
    MotionTrial,
    ObservedTrial,
    network_sample,
    observe,
    refused_boundaries_s,
)
from thermal_pose.lab.learning.tug.curves import N_CURVES, body_curves, mirrored
from thermal_pose.lab.learning.tug.development import is_development_seed
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, read_keypoints
from thermal_pose.lab.learning.tug.segmenter import Sample
from thermal_pose.lab.learning.tug.warp import warped_motion, warped_trial
from thermal_pose.lab.metrics.agreement import boundaries_s
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import NS_PER_S, Float64Array, TrialReason

#: Most samples rest up to this long before the test; a few much longer than usual, s.
REST_S, LONG_REST_S = 8.0, 40.0
#: Kinds of refused trials with known missing boundaries.
_LACKING = (
    TrialReason.NEVER_STOOD,
    TrialReason.WRONG_ORDER,
    TrialReason.NEVER_SAT,
    TrialReason.STOPPED_EARLY,
    TrialReason.WALKED_BACKWARDS,
    TrialReason.SAT_ELSEWHERE,
    TrialReason.SIT_TO_STANDS,
)


def recorded_trial(trial: KeypointTrial, params: TugParams) -> ObservedTrial | None:
    """The subject's keypoints and boundaries; None for kinds with too little truth."""
    if not trial.truth.valid and trial.truth.reason not in _LACKING:
        return None
    track = follow_subject(list(trial.frames), params)
    if track.seen.sum() < 8:
        return None
    shift_s = (trial.truth.origin_ns - int(track.stamps_ns[0])) / NS_PER_S
    if trial.truth.valid:
        edges = boundaries_s(trial.truth) + shift_s
    else:
        edges = refused_boundaries_s(trial.truth.reason)
    curves: Float64Array = np.full((len(track.stamps_ns), N_CURVES), np.nan, dtype=np.float64)
    if trial.joints_m is not None:
        curves = body_curves(trial.joints_m)
    width = float(trial.frames[0].image_wh[0])
    return ObservedTrial(track.stamps_s, track.xy * (80.0 / width), track.scores, edges, curves)


def read_development(paths: Sequence[Path]) -> list[KeypointTrial]:
    """Keypoint files of trials to develop on.

    Raises
    ------
    ValueError
        If a file is of an evaluation seed.
    """
    trials = []
    for path in paths:
        trial = read_keypoints(path)
        seed = int(trial.conditions["case"]["seed"])
        if not is_development_seed(seed):
            raise ValueError(f"{path}: expected a seed to develop on, got {seed}")
        trials.append(trial)
    return trials


def observed_trials(
    trials: Sequence[KeypointTrial], params: TugParams | None = None
) -> tuple[ObservedTrial, ...]:
    """All usable trials as the analysis gets them."""
    chosen = params or TugParams()
    found = (recorded_trial(trial, chosen) for trial in trials)
    return tuple(trial for trial in found if trial is not None)


def drawn_out(trial: ObservedTrial, rng: np.random.Generator, extra_s: float) -> ObservedTrial:
    """The trial with so much more sitting before it: its own seated frames, there and back."""
    seated = np.flatnonzero(trial.times_s < trial.boundaries_s[0] - 0.3)
    step_s = float(np.median(np.diff(trial.times_s)))
    n_extra = int(extra_s / step_s)
    if len(seated) < 4 or n_extra < 1:
        return trial
    turns = np.abs(
        (np.arange(n_extra) + rng.integers(100)) % (2 * len(seated) - 2) - len(seated) + 1
    )
    order = np.concatenate([seated, seated[turns], np.arange(len(seated), len(trial.times_s))])
    last_s = float(trial.times_s[seated[-1]])
    added_s = last_s + step_s * np.arange(1, n_extra + 1)
    later_s = trial.times_s[len(seated) :] + n_extra * step_s
    return replace(
        trial,
        times_s=np.concatenate([trial.times_s[seated], added_s, later_s]),
        xy=trial.xy[order],
        scores=trial.scores[order],
        curves=trial.curves[order],
        boundaries_s=trial.boundaries_s + n_extra * step_s,
    )


def vary(
    trial: ObservedTrial, rng: np.random.Generator, longest_rest_s: float = REST_S
) -> ObservedTrial:
    """Cut, thin, mirror, shake a trial at random, and let it go faster or slower."""
    pace = float(np.exp(rng.uniform(-0.14, 0.14)))
    times_s, edges = trial.times_s * pace, trial.boundaries_s * pace
    start_s, end_s = float(times_s[0]), float(times_s[-1])
    if np.isfinite(edges).all():
        start_s = max(start_s, edges[0] - 0.6 - longest_rest_s * rng.random() ** 2)
        end_s = min(end_s, edges[-1] + 0.6 + 4.0 * rng.random())
        kind = rng.random()
        if kind < 0.05:
            end_s = rng.uniform(min(start_s + 2.0, edges[-1]), edges[-1])
        elif kind < 0.09:
            start_s = rng.uniform(edges[0], edges[-1] - 1.5)
        elif kind < 0.13:
            end_s = edges[-1] - rng.uniform(0.05, 0.8)
        elif kind < 0.16:
            start_s = edges[0] + rng.uniform(0.05, 0.6)
    lost = 0.3 * rng.random() ** 2 if rng.random() < 0.4 else 0.0
    keep = (times_s >= start_s) & (times_s <= end_s) & (rng.random(len(times_s)) >= lost)
    keep[np.flatnonzero((times_s >= start_s) & (times_s <= end_s))[:2]] = True
    times_s, xy, scores = times_s[keep], trial.xy[keep].copy(), trial.scores[keep].copy()
    curves = trial.curves[keep]
    edges[np.isfinite(edges) & ((edges < times_s[0]) | (edges > times_s[-1]))] = np.nan
    _burst(xy, scores, rng)
    if rng.random() < 0.5:
        xy = xy[:, MIRROR] * np.array([-1.0, 1.0]) + np.array([79.0, 0.0])
        scores, curves = scores[:, MIRROR], mirrored(curves)
    xy = xy * rng.uniform(0.93, 1.07) + rng.normal(0, 2.0, 2)
    if rng.random() < 0.5:
        xy = xy + rng.normal(0, rng.uniform(0, 0.6), xy.shape)
    return replace(
        trial,
        times_s=times_s - times_s[0],
        xy=xy,
        scores=scores,
        boundaries_s=edges - times_s[0],
        curves=curves,
    )


def _burst(xy: Float64Array, scores: Float64Array, rng: np.random.Generator) -> None:
    """Lose the person, or take left for right, over a few frames in a row."""
    first, length = int(rng.integers(len(xy))), int(rng.integers(1, 7))
    rows = slice(first, first + length)
    kind = rng.random()
    if kind < 0.1:
        xy[rows], scores[rows] = np.nan, 0.0
    elif kind < 0.2:
        xy[rows], scores[rows] = xy[rows][:, MIRROR], scores[rows][:, MIRROR]


@dataclass(frozen=True)
class SampleSource:
    """Draws training samples from simulated motion and from recorded keypoints.

    Attributes
    ----------
    motions, recorded : one of them may be empty.
    recorded_share : of samples that come from recorded keypoints, if there are any.
    long_share : of samples whose rest before the test may last up to `LONG_REST_S`.
    warp : largest standard deviation of the logarithm of pace within a trial (`warp`).
    patients : recorded keypoints of the cohort that moves as recorded people do.
    patient_share : of samples from recorded keypoints that are of `patients`, if there are any.
    """

    motions: tuple[MotionTrial, ...]
    recorded: tuple[ObservedTrial, ...] = ()
    recorded_share: float = 0.75
    long_share: float = 0.0
    warp: float = 0.0
    patients: tuple[ObservedTrial, ...] = ()
    patient_share: float = 0.5

    def __post_init__(self) -> None:
        if not self.motions and not self.recorded and not self.patients:
            raise ValueError("motions, recorded: expected at least one trial, got none")

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one sample."""
        long = rng.random() < self.long_share
        return network_sample(self.observed(rng, LONG_REST_S if long else REST_S), rng)

    def observed(self, rng: np.random.Generator, longest_rest_s: float = REST_S) -> ObservedTrial:
        """Draw one trial as the analysis would get it."""
        share = self.recorded_share if self.motions else 1.0
        if (self.recorded or self.patients) and rng.random() < share:
            pool = self._pool(rng)
            trial = pool[int(rng.integers(len(pool)))]
            trial = warped_trial(trial, self._pace_sd(rng), rng)
            if longest_rest_s > REST_S and np.isfinite(trial.boundaries_s).all():
                trial = drawn_out(trial, rng, longest_rest_s * rng.random() ** 2)
            return vary(trial, rng, longest_rest_s)
        motion = self.motions[int(rng.integers(len(self.motions)))]
        return observe(warped_motion(motion, self._pace_sd(rng), rng), rng, longest_rest_s)

    def _pool(self, rng: np.random.Generator) -> tuple[ObservedTrial, ...]:
        if not self.patients or not self.recorded:
            return self.recorded or self.patients
        return self.patients if rng.random() < self.patient_share else self.recorded

    def _pace_sd(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(0.0, self.warp))
