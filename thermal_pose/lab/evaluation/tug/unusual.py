# SPDX-License-Identifier: Apache-2.0
"""Unusual tests that are valid: warm objects beside the chair, odd walkways, repeats, and pace.

Each group is timed as any other trial. The groups with a lure are the same trials as those
without one, so the difference is the lure's. A walkway that is not 3 m long may be timed if a
remark says so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import numpy as np

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.lab.evaluation.tug.trials import EvaluatedTrial, with_scale
from thermal_pose.lab.learning.tug.cases import TrialCase
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, truth_from_json
from thermal_pose.lab.metrics.agreement import TrialPair
from thermal_pose.pipeline.later_tests import LaterTests
from thermal_pose.pipeline.session import TrialSession
from thermal_pose.types import TrialReason, TugTiming

#: Kinds of warm objects beside the chair.
LURES: Final = ("radiator", "lamp", "pet")
#: A walkway that is much too short, m.
SHORT_M: Final = 1.5
#: Index of the first person: the ones before are those of the trials with pauses.
_FIRST: Final = 1000
#: Group -> its label on the page.
LABELS: Final = {
    "no_lure": "no lure",
    **{f"lure_{kind}": f"the same with a {kind} beside the chair" for kind in LURES},
    "short_walkway": f"walkway of {SHORT_M:g} m",
    "on_the_spot": "steps on the spot",
    "two_tests": "two tests in one recording",
    "slowest": "very slow people",
    "fastest": "very fast people",
}
#: Stands for a test that no result was given for.
_UNREPORTED: Final = TugTiming(0, (), TrialReason.NO_PERSON, "The test was not reported.")


def unusual_cases(seed: int, n_each: int) -> dict[str, list[TrialCase]]:
    """`n_each` recordings of each group."""
    people = range(_FIRST, _FIRST + n_each)
    patients = [TrialCase("patients", seed, k, 0, TrialReason.VALID) for k in people]
    lures = {f"lure_{kind}": [replace(c, lure=kind) for c in patients] for kind in LURES}
    return {
        "no_lure": patients,
        **lures,
        "short_walkway": [replace(case, walkway_m=SHORT_M) for case in patients],
        "on_the_spot": [replace(case, walkway_m=0.0) for case in patients],
        "two_tests": [replace(case, n_tests=2) for case in patients],
        "slowest": [replace(case, preset="slowest") for case in patients],
        "fastest": [replace(case, preset="fastest") for case in patients],
    }


def evaluate_tests(trial: KeypointTrial, params: TugParams) -> list[EvaluatedTrial]:
    """Analyze a recording of several tests as the replay of a recording does."""
    params = with_scale(params, trial.conditions)
    session, later = TrialSession(params, films=False), LaterTests(params)
    for frame in trial.frames:
        later.take(frame, session.keypoints(frame).finished)
    reported = [session.finish(), *later.finish()]
    results = [cast(TrialResult, test.result) for test in reported]
    truths = [trial.truth, *map(truth_from_json, trial.conditions["later_truths"])]
    found = [*results, *(None for _ in truths)][: len(truths)]
    conditions = trial.conditions | {"n_reported": len(results)}
    stamps_ns = np.array([frame.stamp_ns for frame in trial.frames], dtype=np.int64)
    return [
        EvaluatedTrial(
            TrialPair(truth, result.timing if result else _UNREPORTED, stamps_ns, trial.subject),
            f"{trial.name}-{number}",
            conditions,
            result.boundary_sds_s if result else (),
        )
        for number, (truth, result) in enumerate(zip(truths, found, strict=True), start=1)
    ]


def unusual_figures(trials: Sequence[EvaluatedTrial], right_s: float) -> dict[str, Any]:
    """What became of the trials of one group.

    Parameters
    ----------
    right_s : a total is right within this, s.
    """
    errors_s = [trial.total_error_s for trial in trials if trial.pair.timed]
    totals_s = [float(trial.pair.truth.total_s or 0.0) for trial in trials]
    refused = Counter(str(t.pair.estimate.reason) for t in trials if not t.pair.timed)
    figures: dict[str, Any] = {
        "n": len(trials),
        "true_totals_s": [round(min(totals_s), 1), round(max(totals_s), 1)] if totals_s else None,
        "timed": len(errors_s),
        "right": sum(abs(error) <= right_s for error in errors_s),
        "total_mae_s": round(float(np.mean(np.abs(errors_s))), 4) if errors_s else None,
        "worst_s": round(float(np.max(np.abs(errors_s))), 4) if errors_s else None,
        "refused": dict(sorted(refused.items())),
        "distance_remarks": sum(map(_tells_distance, trials)),
    }
    if trials and "n_reported" in trials[0].conditions:
        by_recording = {trial.pair.subject: trial.conditions["n_reported"] for trial in trials}
        figures["reported"] = sum(by_recording.values())
    return figures


def _tells_distance(trial: EvaluatedTrial) -> bool:
    """Whether a remark says that the walkway is not 3 m long."""
    return any("walkway" in remark for remark in trial.remarks)


def unusual_lines(groups: Mapping[str, Mapping[str, Any]], right_s: float) -> list[str]:
    """The table of docs/validation.md; nothing if it was not measured."""
    if not groups:
        return []
    lines = [
        "Unusual tests that are valid. Distance: timed trials with a remark that the walkway is "
        f"not 3 m long. A total counts as right within {right_s} s.",
        "",
        "| test | trials | true totals, s | timed | of these right | mean absolute error, s | "
        "worst, s | distance | refused as |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return [*lines, *(_line(LABELS.get(name, name), row) for name, row in groups.items()), ""]


def _line(label: str, row: Mapping[str, Any]) -> str:
    low, high = row["true_totals_s"] or (0.0, 0.0)
    mae, worst = (
        "-" if row[name] is None else f"{row[name]:.3f}" for name in ("total_mae_s", "worst_s")
    )
    refused = ", ".join(f"{count} {reason}" for reason, count in row["refused"].items()) or "none"
    reported = f"; {row['reported']} reported" if "reported" in row else ""
    return (
        f"| {label} | {row['n']}{reported} | {low:.1f} to {high:.1f} | {row['timed']} | "
        f"{row['right']} | {mae} | {worst} | {row['distance_remarks']} | {refused} |"
    )
