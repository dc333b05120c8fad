# SPDX-License-Identifier: Apache-2.0
"""How well both chair-rise tests work: keypoint files to the figures of `docs/chair-rises.md`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.clinical.catalogue import movement_test
from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S
from thermal_pose.clinical.chair_rises.reading import read_rises
from thermal_pose.clinical.chair_rises.result import ChairRiseResult
from thermal_pose.clinical.chair_rises.scoring import five_times_s, stands_in_30s
from thermal_pose.lab.evaluation.chair_rises.cases import RiseRecording, read_recording
from thermal_pose.lab.metrics.agreement import icc_a1
from thermal_pose.pipeline.chair_rises import ChairRiseCourse
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import (
    NS_PER_S,
    Float64Array,
    FrameKeypoints,
    PersonBox,
    PersonKeypoints,
    TrialReason,
)

#: Looks of a live test cost more than all else here, s.
READ_EVERY_S = 4.0
#: Least and greatest time from 'go' to the first movement, s.
REACTION_S = (0.2, 0.8)


@dataclass(frozen=True)
class EvaluatedRises:
    """One analysed trial: truth beside estimate."""

    recording: RiseRecording
    result: ChairRiseResult
    go_s: float | None = None  # of a signalled start, since the first frame

    @property
    def true_figure(self) -> float:
        """The exact headline of a valid trial: seconds, or stands."""
        rises = self.recording.rises
        start_s = rises[0].rise_start_s if self.go_s is None else self.go_s
        if self.result.test.key == CHAIR_STAND_30S.key:
            return float(stands_in_30s(rises, start_s))
        return float(five_times_s(rises, start_s) or np.nan)

    @property
    def figure(self) -> float | None:
        """The estimated headline; None if the trial was refused."""
        if self.result.stands is not None:
            return float(self.result.stands)
        return self.result.total_s

    @property
    def covered(self) -> bool:
        """Whether the true count is the one given, or the other that is said to be possible."""
        return self.true_figure in (self.figure, self.result.stands_also)

    @property
    def repetitions_exact(self) -> bool:
        """Whether as many complete rises were found as there are."""
        found = sum(rise.complete for rise in self.result.rises)
        return found == sum(rise.complete for rise in self.recording.rises)


def evaluate_rise_files(paths: Sequence[Path], signalled: bool = False) -> Iterator[EvaluatedRises]:
    """Analyse keypoint files in their order, as the live node would.

    The end of a test is looked for less often than live, which only keeps more frames behind it.

    Parameters
    ----------
    signalled : whether 'go' is signalled, a reaction time before the first movement, as by the
        bedside page's button.
    """
    for path in paths:
        recording = read_recording(path)
        go_s = go_of(recording) if signalled else None
        yield EvaluatedRises(recording, _followed(recording, go_s), go_s)


def go_of(recording: RiseRecording) -> float:
    """When 'go' was said, s since the first frame: another reaction time in each recording."""
    rng = np.random.default_rng([ord(letter) for letter in recording.name])
    first_s = recording.rises[0].rise_start_s if recording.rises else 0.0
    return max(0.0, first_s - float(rng.uniform(*REACTION_S)))


def _followed(recording: RiseRecording, go_s: float | None) -> ChairRiseResult:
    test = movement_test(recording.conditions["case"]["test"])
    course = ChairRiseCourse(test=test, read_every_s=READ_EVERY_S)
    first_ns = recording.frames[0].stamp_ns
    go_ns = None if go_s is None else first_ns + round(go_s * NS_PER_S)
    for frame in recording.frames:
        if go_ns is not None and frame.stamp_ns > go_ns:
            course.start(go_ns)
            go_ns = None
        course.update(frame)
    return course.finish()


def rise_figures(trials: Sequence[EvaluatedRises]) -> dict[str, Any]:
    """Figures of one test."""
    valid = [t for t in trials if t.recording.reason is TrialReason.VALID]
    invalid = [t for t in trials if t.recording.reason is not TrialReason.VALID]
    timed = [t for t in valid if t.figure is not None]
    truth = np.array([t.true_figure for t in timed])
    found = np.array([t.figure for t in timed], dtype=np.float64)
    errors = found - truth
    clear = [
        abs(error) < 0.5
        for error, t in zip(errors, timed, strict=True)
        if t.result.stands_also is None
    ]
    refused = Counter(str(t.result.timing.reason) for t in valid if t.figure is None)
    return {
        "n_valid": len(valid),
        "n_given": len(timed),
        "repetitions_exact_share": _rounded(np.mean([t.repetitions_exact for t in valid])),
        "figure_exact_share": _rounded(np.mean(np.abs(errors) < 0.5)),
        "at_limit": sum(t.result.stands_also is not None for t in timed),
        "figure_exact_share_off_limit": _share(clear),
        "figure_or_other_exact_share": _share([t.covered for t in timed if t.result.stands]),
        "figure_mae": _rounded(np.abs(errors).mean()),
        "figure_bias": _rounded(errors.mean()),
        "figure_worst": _rounded(np.abs(errors).max()),
        "figure_icc_a1": _rounded(icc_a1(truth, found)) if len(timed) > 2 else None,
        "valid_refused": dict(refused),
        "n_invalid": len(invalid),
        "invalid_given_a_number": sum(t.figure is not None for t in invalid),
        "invalid": _by_kind(invalid),
        "events_mae_s": _event_errors(timed),
        "distance_m": [
            _rounded(float(value), 2)
            for value in np.percentile(
                [t.recording.conditions["distance_m"] for t in trials], [0, 50, 100]
            )
        ],
        "model": trials[0].recording.frames[0].model_id,
    }


def _share(right: Sequence[bool]) -> float | None:
    """Share of true values; None without any."""
    return _rounded(sum(right) / len(right)) if right else None


def _by_kind(invalid: Sequence[EvaluatedRises]) -> dict[str, dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {}
    for trial in invalid:
        row = kinds.setdefault(str(trial.recording.reason), {"n": 0, "given": 0, "said": Counter()})
        row["n"] += 1
        row["given"] += int(trial.figure is not None)
        row["said"][str(trial.result.timing.reason)] += 1
    return {kind: row | {"said": dict(row["said"])} for kind, row in sorted(kinds.items())}


def _event_errors(timed: Sequence[EvaluatedRises]) -> dict[str, float]:
    """Mean absolute error of each event over all rises of trials with the right count."""
    names = ("rise_start_s", "half_up_s", "stand_s", "sit_start_s", "seat_contact_s")
    errors: dict[str, list[float]] = {name: [] for name in names}
    for trial in timed:
        if not trial.repetitions_exact:
            continue
        for true, found in zip(trial.recording.rises, trial.result.rises, strict=False):
            for name in names:
                a, b = getattr(true, name), getattr(found, name)
                if a is not None and b is not None:
                    errors[name].append(abs(b - a))
    return {name: _rounded(float(np.mean(rows))) for name, rows in errors.items() if rows}


def _rounded(value: float | np.floating[Any], decimals: int = 4) -> float:
    return round(float(value), decimals)


@dataclass(frozen=True)
class MotionCount:
    """Rises and descents found in one recorded motion."""

    name: str
    rises: int
    descents: int
    rise_start_error_s: float | None
    seat_contact_error_s: float | None


def count_motion(path: Path, noise_px: float = 0.4) -> MotionCount:
    """Count rises and descents of one motion capture, seen by a virtual camera.

    Parameters
    ----------
    path : `.npz` with `time_s` (T,), `joints_mm` (T, 17, 3) COCO joints in the room (x along the
        walkway, z up) and `hand_labels_s` (6,), the first and last being the start of standing up
        and the moment of being seated.
    noise_px : standard deviation added to each joint.
    """
    with np.load(path) as archive:
        times_s, joints_m = archive["time_s"], archive["joints_mm"].astype(np.float64) / 1000.0
        labels_s = archive["hand_labels_s"]
    frames = _camera_frames(times_s, joints_m, noise_px)
    rises = read_rises(frames, 0.05).subject.rises
    first_s = float(times_s[0])
    descents = [rise for rise in rises if rise.seat_contact_s is not None]
    return MotionCount(
        path.stem,
        len(rises),
        len(descents),
        rises[0].rise_start_s + first_s - float(labels_s[0]) if rises else None,
        (descents[-1].seat_contact_s or 0.0) + first_s - float(labels_s[-1]) if descents else None,
    )


def _camera_frames(
    times_s: Float64Array, joints_m: Float64Array, noise_px: float
) -> list[FrameKeypoints]:
    """What a perfect network with some noise finds in an 80 x 60 picture, at 8 Hz."""
    rng = np.random.default_rng(7)
    camera_m, focal_px = np.array([6.0, 0.3, 1.4]), 74.0
    grid_s = np.arange(times_s[0], times_s[-1], 0.125)
    frames = []
    for number, time_s in enumerate(grid_s):
        row = int(np.argmin(np.abs(times_s - time_s)))
        offset = joints_m[row] - camera_m
        depth = np.maximum(-offset[:, 0], 0.3)
        xy = np.stack(
            [40 + focal_px * offset[:, 1] / depth, 26 - focal_px * offset[:, 2] / depth], axis=-1
        )
        xy = (xy + rng.normal(0, noise_px, xy.shape)).astype(np.float32)
        low, high = xy.min(axis=0) - 1, xy.max(axis=0) + 1
        box = PersonBox((float(low[0]), float(low[1]), float(high[0]), float(high[1])), 0.9, 1)
        scores = np.full(N_JOINTS, 0.8, dtype=np.float32)
        person = PersonKeypoints(1, box, xy, scores)
        stamp_ns = round((1 + number * 0.125) * NS_PER_S)
        frames.append(FrameKeypoints(stamp_ns, "camera", "motion-capture", (80, 60), (person,)))
    return frames
