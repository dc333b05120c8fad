# SPDX-License-Identifier: Apache-2.0
"""Tests with a long pause, and recordings that must be refused: what the pipeline makes of them.

A patient who stands still for seconds is either timed, pause included, or refused because of the
pause. Whoever makes a mistake with the test or the recording gets no time, and the reason names
that mistake.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.lab.evaluation.tug.trials import Disturbance, EvaluatedTrial, evaluate_trial
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


def difficult_cases(seed: int, n_each: int) -> tuple[list[TrialCase], list[TrialCase]]:
    """Trials with one pause each, `n_each` per place and length; and as many of each mistake."""
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
    return paused, mistaken


def cut_before_seat(trial: KeypointTrial, lead_s: float = CUT_S) -> KeypointTrial:
    """A valid trial whose recording ends `lead_s` before seat contact."""
    end_ns = trial.truth.origin_ns + int((trial.truth.phases[-1].end_s - lead_s) * NS_PER_S)
    frames = tuple(frame for frame in trial.frames if frame.stamp_ns <= end_ns)
    truth = TugTiming(trial.truth.origin_ns, (), TrialReason.CUT_OFF, "Cut off before the seat.")
    joints_m = None if trial.joints_m is None else trial.joints_m[: len(frames)]
    return replace(trial, frames=frames, truth=truth, joints_m=joints_m)


def difficult_figures(
    paused: Sequence[Path], mistaken: Sequence[Path], params: TugParams
) -> dict[str, Any]:
    """What became of trials with pauses, of mistakes, and of the former cut off at the seat."""
    pauses = [read_keypoints(path) for path in paused]
    rows = [_evaluated(trial, params) for trial in pauses]
    mistakes = [_evaluated(read_keypoints(path), params) for path in mistaken]
    shortest = min((t.conditions["case"]["pause_s"] for t in pauses), default=0.0)
    cut = [
        _evaluated(cut_before_seat(trial), params)
        for trial in pauses
        if trial.conditions["case"]["pause_s"] == shortest
    ]
    return {
        "pauses": {
            f"{pause_s:g}": _pause_figures([r for r in rows if _case(r)["pause_s"] == pause_s])
            for pause_s in PAUSES_S
        },
        "mistakes": _outcomes(mistakes),
        "cut_before_seat": {"lead_s": CUT_S, **_outcomes(cut).get(str(TrialReason.CUT_OFF), {})},
    }


def _evaluated(trial: KeypointTrial, params: TugParams) -> EvaluatedTrial:
    return evaluate_trial(trial, params, Disturbance())


def _case(row: EvaluatedTrial) -> dict[str, Any]:
    case: dict[str, Any] = row.conditions["case"]
    return case


def _pause_figures(rows: Sequence[EvaluatedTrial]) -> dict[str, Any]:
    errors = [
        abs(float(row.pair.estimate.total_s or 0.0) - float(row.pair.truth.total_s or 0.0))
        for row in rows
        if row.pair.timed
    ]
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
        "it.",
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
    return [*lines, ""]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"
