# SPDX-License-Identifier: Apache-2.0
"""Long pauses, recordings that must be refused, and unusual tests: what the pipeline makes of them.

A patient who stands still for seconds is either timed, pause included, or refused because of the
pause. A mistake in the test or the recording gives no time, and the reason names that mistake.
Unusual tests that are valid are in `unusual`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.lab.evaluation.tug.rows import trial_row
from thermal_pose.lab.evaluation.tug.trials import Disturbance, EvaluatedTrial, evaluate_trial
from thermal_pose.lab.evaluation.tug.unusual import (
    LABELS,
    evaluate_tests,
    unusual_cases,
    unusual_figures,
    unusual_lines,
)
from thermal_pose.lab.learning.tug.cases import TrialCase
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, read_keypoints
from thermal_pose.types import NS_PER_S, TrialReason, TugTiming

#: Lengths of the pauses, s.
PAUSES_S: Final = (3.0, 8.0)
#: A timed total is right within this, s.
RIGHT_S: Final = 0.3
#: How long before seat contact a recording of a valid test is cut off, s.
CUT_S: Final = 0.2
#: A seed to develop on that nothing is trained on.
DIFFICULT_SEED: Final = 430
#: Groups of trials beside the unusual valid tests (`unusual.LABELS`).
PAUSES, MISTAKES, CUT = "pauses", "mistakes", "cut_before_seat"
#: What the rows tell of a case.
_CASE_KEYS: Final = ("pause_s", "pause_place")


def difficult_cases(seed: int, n_each: int) -> dict[str, list[TrialCase]]:
    """Cases by group: pauses (`n_each` per place and length), mistakes, and unusual valid tests."""
    from thermal_pose.lab.simulation.motion.manner import Place
    from thermal_pose.lab.simulation.people.presets import MISUSED_KINDS

    paused = [
        TrialCase("patients", seed, k, 0, TrialReason.VALID, pause_s=pause_s, pause_place=place)
        for pause_s in PAUSES_S
        for j, place in enumerate(Place)
        for k in range(j * n_each, (j + 1) * n_each)
    ]
    mistaken = [
        TrialCase("misused", seed + 1, j * n_each + k, 0, kind)
        for j, kind in enumerate(MISUSED_KINDS)
        for k in range(n_each)
    ]
    return {PAUSES: paused, MISTAKES: mistaken, **unusual_cases(seed, n_each)}


def cut_before_seat(trial: KeypointTrial, lead_s: float = CUT_S) -> KeypointTrial:
    """A valid trial whose recording ends `lead_s` before seat contact."""
    end_ns = trial.truth.origin_ns + int((trial.truth.phases[-1].end_s - lead_s) * NS_PER_S)
    frames = tuple(frame for frame in trial.frames if frame.stamp_ns <= end_ns)
    truth = TugTiming(trial.truth.origin_ns, (), TrialReason.CUT_OFF, "Cut off before the seat.")
    joints_m = None if trial.joints_m is None else trial.joints_m[: len(frames)]
    return replace(trial, frames=frames, truth=truth, joints_m=joints_m)


def evaluate_difficult(
    paths: Mapping[str, Sequence[Path]], params: TugParams
) -> dict[str, list[EvaluatedTrial]]:
    """Analyze keypoint files by group; add those with the shorter pause, cut off at the seat."""
    trials = {name: list(map(read_keypoints, group)) for name, group in paths.items()}
    evaluated = {
        name: [result for trial in group for result in _evaluated(trial, params)]
        for name, group in trials.items()
    }
    cut = [
        result
        for trial in trials.get(PAUSES, [])
        if trial.conditions["case"]["pause_s"] == PAUSES_S[0]
        for result in _evaluated(cut_before_seat(trial), params)
    ]
    return evaluated | {CUT: cut}


def _evaluated(trial: KeypointTrial, params: TugParams) -> list[EvaluatedTrial]:
    if "later_truths" in trial.conditions:
        return evaluate_tests(trial, params)
    return [evaluate_trial(trial, params, Disturbance())]


def difficult_figures(trials: Mapping[str, Sequence[EvaluatedTrial]]) -> dict[str, Any]:
    """What became of each group, in the shape of `docs/results/tug_difficult.json`."""
    pauses = trials.get(PAUSES, ())
    cut = _outcomes(trials.get(CUT, ())).get(str(TrialReason.CUT_OFF), {})
    return {
        PAUSES: {
            f"{pause_s:g}": _pause_figures([r for r in pauses if _case(r)["pause_s"] == pause_s])
            for pause_s in PAUSES_S
        },
        MISTAKES: _outcomes(trials.get(MISTAKES, ())),
        CUT: {"lead_s": CUT_S, **cut},
        "unusual": {
            name: unusual_figures(group, RIGHT_S)
            for name, group in trials.items()
            if name in LABELS
        },
    }


def difficult_rows(trials: Mapping[str, Sequence[EvaluatedTrial]]) -> list[dict[str, Any]]:
    """One row per trial, with its group and its pause."""
    return [
        {"group": name, **{key: _case(trial).get(key) for key in _CASE_KEYS}, **trial_row(trial)}
        for name, group in trials.items()
        for trial in group
    ]


def _case(row: EvaluatedTrial) -> dict[str, Any]:
    case: dict[str, Any] = row.conditions["case"]
    return case


def _pause_figures(rows: Sequence[EvaluatedTrial]) -> dict[str, Any]:
    errors = [abs(row.total_error_s) for row in rows if row.pair.timed]
    reasons = Counter(str(row.pair.estimate.reason) for row in rows if not row.pair.timed)
    places = sorted({_case(row)["pause_place"] for row in rows})
    return {
        "n": len(rows),
        "timed": len(errors),
        "right": sum(error <= RIGHT_S for error in errors),
        "total_mae_s": round(sum(errors) / len(errors), 4) if errors else None,
        "worst_s": round(max(errors), 4) if errors else None,
        "refused": dict(sorted(reasons.items())),
        "timed_by_place": {
            place: sum(row.pair.timed for row in rows if _case(row)["pause_place"] == place)
            for place in places
        },
    }


def _outcomes(rows: Sequence[EvaluatedTrial]) -> dict[str, Any]:
    """Per true reason: how many trials, and what they were called ('valid' means timed)."""
    table: dict[str, Any] = {}
    for row in rows:
        entry = table.setdefault(str(row.pair.truth.reason), {"n": 0, "called": Counter()})
        entry["n"] += 1
        entry["called"][str(row.pair.estimate.reason)] += 1
    return {
        reason: {"n": entry["n"], "called": dict(entry["called"].most_common())}
        for reason, entry in table.items()
    }


def page_lines(document: Mapping[str, Any]) -> list[str]:
    """The section of docs/validation.md on these trials."""
    lines = [
        "## Pauses and mistakes",
        "",
        "Simulated patients who stand still once, at one of seven places, and recordings that "
        f"must be refused: `{document['command']}`. A total counts as right within {RIGHT_S} s. "
        f"Seed {DIFFICULT_SEED} is a development seed: the refusals were written with a look at "
        f"it.{_rows_link(document)}",
        "",
        "| pause, s | trials | timed | of these right | mean absolute error, s | refused as |",
        "|---|---|---|---|---|---|",
    ]
    for pause_s, row in document["pauses"].items():
        mae = "-" if row["total_mae_s"] is None else f"{row['total_mae_s']:.3f}"
        lines.append(
            f"| {pause_s} | {row['n']} | {row['timed']} | {row['right']} | {mae} | "
            f"{_counts(row['refused'])} |"
        )
    lines += ["", "| mistake | trials | called |", "|---|---|---|"]
    for reason, row in document["mistakes"].items():
        lines.append(f"| {reason} | {row['n']} | {_counts(row['called'])} |")
    cut = document["cut_before_seat"]
    lines.append(
        f"| cut off {cut['lead_s']} s before seat contact | {cut.get('n', 0)} | "
        f"{_counts(cut.get('called', {}))} |"
    )
    unusual = unusual_lines(document.get("unusual", {}), RIGHT_S)
    return [*lines, "", *unusual]


def _rows_link(document: Mapping[str, Any]) -> str:
    name = document.get("rows")
    return f" Rows, one per trial: [{name}](results/{name})." if name else ""


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"
