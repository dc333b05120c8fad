# SPDX-License-Identifier: Apache-2.0
"""Compare timed trials of the simulated clinic with their exact truth (docs/validation.md).

Three steps, each of which can run on another machine: bake the bodies (--bake-only; needs the
extra 'sim' with its body model), render and estimate keypoints (--keypoints-only; many cores
help), and analyze the keypoints. Existing keypoint files are kept. The default
seed was never used for training or tuning; --development takes all that was
(`lab/learning/tug/development.py`).

examples:
  thermal-pose evaluate-tug --keypoints out/tug --jobs 8 --curves \\
      --out docs/results/tug_agreement.json --plots docs/pictures --page docs/validation.md
  thermal-pose evaluate-tug --keypoints out/tug --bake-only
  thermal-pose evaluate-tug --keypoints out/tug-dev --development --keypoints-only --jobs 8
  thermal-pose evaluate-tug --motion recorded --rooms 2 --keypoints out/real \\
      --noise-draws 4 --out docs/results/tug_real_motion.json \\
      --csv docs/results/tug_real_motion.csv --page docs/validation.md

With --difficult N, these are judged instead: patients with one long pause (N per place and length;
to be timed, or refused as a pause), N recordings of each mistake (to be refused), and N of each
kind of unusual test (to be timed: warm objects beside the chair, other walkways, two tests in one
recording, very slow and very fast people).

With --motion, recorded 3-D joints of real people (docs/simulated-clinic.md) are put on simulated
bodies, rendered, and timed; the figures are against the truth of our own definitions and, where
the recordings have them, against hand labels.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_jobs, add_json, add_out, count, jobs_of, positive
from thermal_pose.errors import ConfigError
from thermal_pose.files import write_whole

if TYPE_CHECKING:
    from thermal_pose.lab.evaluation.tug.trials import EvaluatedTrial
    from thermal_pose.lab.learning.tug.cases import TrialCase

COHORTS = ("paper", "clinic", "patients")
#: Rooms, clothes and cameras of recorded motion unless --cohorts names another preset.
MOTION_PRESET = "clinic"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    _add_trials(parser)
    _add_other_trials(parser)
    _add_stages(parser)
    add_jobs(parser)
    parser.add_argument("--segmenter", default="", help="another network in assets, or 'hmm'")
    parser.add_argument("--curves", action="store_true", help="also vary dropout, rate and noise")
    parser.add_argument(
        "--curve-trials",
        type=count,
        default=100,
        metavar="N",
        help="with --curves: valid trials per cohort",
    )
    add_out(parser, "JSON file to write")
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="CSV file to write, one row per trial"
    )
    parser.add_argument("--plots", type=Path, metavar="DIR", help="folder for plots")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="write the figures as a page, docs/validation.md"
    )
    add_json(parser)


def _add_trials(parser: argparse.ArgumentParser) -> None:
    """Add which trials of the simulated cohorts are evaluated."""
    parser.add_argument(
        "--keypoints", type=Path, required=True, metavar="DIR", help="folder of keypoint files"
    )
    parser.add_argument(
        "--cohorts", nargs="+", default=list(COHORTS), help="presets to evaluate (--motion: rooms)"
    )
    parser.add_argument(
        "--valid", type=count, default=200, metavar="N", help="valid trials per cohort"
    )
    parser.add_argument(
        "--invalid", type=count, default=56, metavar="N", help="invalid trials per cohort"
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="SEED",
        help="seed of valid trials; invalid ones take the next (default: the evaluation seed)",
    )
    parser.add_argument(
        "--development", action="store_true", help="all trials of the development seeds"
    )


def _add_other_trials(parser: argparse.ArgumentParser) -> None:
    """Add what is judged instead of the cohorts: difficult trials, or recorded motion."""
    parser.add_argument(
        "--difficult",
        type=count,
        default=0,
        metavar="N",
        help="judge pauses, mistakes and odd tests, N each",
    )
    parser.add_argument(
        "--motion", type=Path, metavar="DIR", help="judge on the recorded 3-D joints in this folder"
    )
    parser.add_argument(
        "--rooms", type=positive, default=2, metavar="N", help="with --motion: rooms per recording"
    )
    parser.add_argument(
        "--noise-draws",
        type=count,
        default=0,
        metavar="N",
        help="with --motion: draws of the sensor's noise, for the noise floor",
    )


def _add_stages(parser: argparse.ArgumentParser) -> None:
    """Add the options that end the work early, for other machines to continue."""
    parser.add_argument("--bake-only", action="store_true", help="only bake the bodies")
    parser.add_argument(
        "--frames-only", action="store_true", help="only render; the frames stay in DIR/frames"
    )
    parser.add_argument("--keypoints-only", action="store_true", help="only make keypoint files")


def start(args: argparse.Namespace) -> int:
    """Run the requested steps; print one line per cohort."""
    from thermal_pose.lab.learning.tug.cases import EVALUATION_SEED, bake_cases, cache_keypoints

    if args.motion is not None:
        return _start_motion(args)
    if args.difficult:
        return _start_difficult(args)
    args.seed = EVALUATION_SEED if args.seed is None else args.seed
    cases = {name: _cases(args, name) for name in args.cohorts}
    everything = [case for group in cases.values() for case in group]
    if args.bake_only:
        print(f"{bake_cases(everything)} bodies are in the cache")
        return 0
    with tqdm(total=len(everything), unit="trial", desc="keypoints", disable=None) as bar:
        cache_keypoints(
            everything,
            args.keypoints,
            jobs_of(args),
            lambda case: bar.update(),
            frames_only=args.frames_only,
        )
    if args.keypoints_only or args.frames_only:
        print(f"{len(everything)} trials are in {args.keypoints}")
        return 0
    document = _figures(args, cases)
    if args.out is not None:
        write_whole(args.out, json.dumps(document, indent=2) + "\n")
    if args.page is not None:
        _write_page(args, document, _kept(args, "tug_real_motion.json"))
    if args.json:
        print(json.dumps(document, indent=2))
    else:
        for name, figures in document["cohorts"].items():
            print(_line(name, figures))
    return 0


def _start_motion(args: argparse.Namespace) -> int:
    """Judge the pipeline on recorded motion; print one line."""
    from thermal_pose.clinical.tug.options import TugParams
    from thermal_pose.lab.evaluation.tug.floor import shipped_floor_s
    from thermal_pose.lab.evaluation.tug.motion import evaluate_motion, motion_document, motion_rows
    from thermal_pose.lab.evaluation.tug.noise_floor import noise_floor
    from thermal_pose.lab.evaluation.tug.rows import write_rows
    from thermal_pose.lab.learning.tug.motion_cases import MOTION_SEED, cache_motion, motion_path
    from thermal_pose.lab.simulation.motion.recorded import people_note
    from thermal_pose.lab.simulation.recordings.motion_cohort import motion_cases

    seed = MOTION_SEED if args.seed is None else args.seed
    preset = MOTION_PRESET if args.cohorts == list(COHORTS) else args.cohorts[0]
    cases = motion_cases(args.motion, preset, args.rooms, seed)
    if note := people_note([case.recording for case in cases if case.room == 0]):
        print(note, file=sys.stderr)
    with tqdm(total=len(cases), unit="trial", desc="keypoints", disable=None) as bar:
        cache_motion(cases, args.keypoints, bar.update, frames_only=args.frames_only)
    if args.keypoints_only or args.frames_only:
        print(f"{len(cases)} trials are in {args.keypoints}")
        return 0
    params = TugParams(segmenter=args.segmenter) if args.segmenter else TugParams()
    trials = evaluate_motion([motion_path(args.keypoints, case) for case in cases], params)
    floor_s = shipped_floor_s(params.segmenter)
    document = motion_document(trials, _motion_command(args, seed), floor_s)
    if args.noise_draws:
        first_room = [case for case in cases if case.room == 0]
        document["noise_floor"] = noise_floor(first_room, args.noise_draws)
    if args.csv is not None:
        write_rows(motion_rows(trials), args.csv)
    if args.plots is not None:
        from thermal_pose.lab.evaluation.tug.plots import draw_cohort
        from thermal_pose.lab.evaluation.tug.trials import error_rows

        evaluated = error_rows([trial.evaluated for trial in trials])
        draw_cohort("real_motion", evaluated, {}, args.plots, "trials of recorded motion")
    if args.out is not None:
        write_whole(args.out, json.dumps(document, indent=2) + "\n")
    if args.page is not None:
        _write_page(args, _kept(args, "tug_agreement.json"), document)
    print(json.dumps(document, indent=2) if args.json else _line("motion", document))
    return 0


def _start_difficult(args: argparse.Namespace) -> int:
    """Judge the pipeline on pauses, mistakes and unusual tests; print the tables."""
    from thermal_pose.clinical.tug.options import TugParams
    from thermal_pose.lab.evaluation.tug.difficult import (
        DIFFICULT_SEED,
        difficult_cases,
        difficult_figures,
        difficult_rows,
        evaluate_difficult,
        page_lines,
    )
    from thermal_pose.lab.evaluation.tug.rows import write_rows
    from thermal_pose.lab.learning.tug.cases import cache_keypoints
    from thermal_pose.lab.learning.tug.keypoint_file import keypoint_path

    seed = DIFFICULT_SEED if args.seed is None else args.seed
    groups = difficult_cases(seed, args.difficult)
    cases = [case for group in groups.values() for case in group]
    with tqdm(total=len(cases), unit="trial", desc="keypoints", disable=None) as bar:
        cache_keypoints(
            cases,
            args.keypoints,
            jobs_of(args),
            lambda case: bar.update(),
            frames_only=args.frames_only,
        )
    if args.keypoints_only or args.frames_only:
        print(f"{len(cases)} trials are in {args.keypoints}")
        return 0
    params = TugParams(segmenter=args.segmenter) if args.segmenter else TugParams()
    paths = {name: [keypoint_path(args.keypoints, c) for c in g] for name, g in groups.items()}
    trials = evaluate_difficult(paths, params)
    command = (
        f"thermal-pose evaluate-tug --keypoints {args.keypoints.name} "
        f"--difficult {args.difficult} --seed {seed}"
    )
    document = {"command": command, **difficult_figures(trials)}
    if args.csv is not None:
        write_rows(difficult_rows(trials), args.csv)
        document["rows"] = args.csv.name
    if args.out is not None:
        write_whole(args.out, json.dumps(document, indent=2) + "\n")
    if args.page is not None:
        simulated, motion = _kept(args, "tug_agreement.json"), _kept(args, "tug_real_motion.json")
        _write_page(args, simulated, motion, document)
    print(json.dumps(document, indent=2) if args.json else "\n".join(page_lines(document)))
    return 0


def _motion_command(args: argparse.Namespace, seed: int) -> str:
    draws = f" --noise-draws {args.noise_draws}" if args.noise_draws else ""
    return (
        f"thermal-pose evaluate-tug --motion {args.motion.name} --rooms {args.rooms} "
        f"--seed {seed} --keypoints {args.keypoints.name}{draws}"
    )


def _cases(args: argparse.Namespace, cohort: str) -> "list[TrialCase]":
    from thermal_pose.lab.learning.tug.cases import cohort_cases
    from thermal_pose.lab.learning.tug.development import development_cases

    if args.development:
        return development_cases(cohort)
    return cohort_cases(cohort, args.valid, args.invalid, args.seed)


def _figures(args: argparse.Namespace, cases: "dict[str, list[TrialCase]]") -> dict[str, Any]:
    """Analyze all cohorts; draw plots if requested."""
    from thermal_pose.clinical.tug.options import TugParams
    from thermal_pose.lab.evaluation.tug.floor import floor_figures, shipped_floor_s
    from thermal_pose.lab.evaluation.tug.rows import cohort_rows, write_rows
    from thermal_pose.lab.evaluation.tug.trials import (
        N_CURVE_POINTS,
        cohort_figures,
        condition_curves,
        disturbance_curves,
        error_rows,
        evaluate_tug_files,
        measures_of,
    )
    from thermal_pose.lab.learning.tug.keypoint_file import keypoint_path
    from thermal_pose.types import TrialReason

    params = TugParams(segmenter=args.segmenter) if args.segmenter else TugParams()
    cohorts: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    everything: list[EvaluatedTrial] = []
    for name, group in cases.items():
        paths = [keypoint_path(args.keypoints, case) for case in group]
        results = evaluate_tug_files(paths, params, None, jobs_of(args))
        trials = list(tqdm(results, total=len(paths), unit="trial", desc=name, disable=None))
        floor = floor_figures(trials, shipped_floor_s(params.segmenter))
        cohorts[name] = cohort_figures(trials) | floor
        everything += trials
        rows += [{"cohort": name, **row} for row in cohort_rows(trials)]
        curves[name] = condition_curves(trials)
        if args.curves:
            valid = [
                path
                for path, case in zip(paths, group, strict=True)
                if case.kind is TrialReason.VALID
            ]
            # All subjects, fewer trials of each.
            valid = valid[:: max(1, len(valid) // args.curve_trials)]
            with tqdm(total=N_CURVE_POINTS, desc=f"{name} curves", disable=None) as bar:
                curves[name] |= disturbance_curves(valid, params, jobs_of(args), bar.update)
        if args.plots is not None:
            from thermal_pose.lab.evaluation.tug.plots import draw_cohort

            draw_cohort(name, error_rows(trials), curves[name], args.plots)
    if args.csv is not None:
        write_rows(rows, args.csv)
    seeds = f"{args.seed} (valid trials) and {args.seed + 1} (invalid trials)"
    if args.development:
        seeds = "those that timing was developed on"
    return {
        "data": f"simulated clinic, seeds {seeds}, keypoints of the shipped models through the "
        "whole pipeline",
        "seeds": seeds,
        "command": _command(args),
        "cohorts": cohorts,
        "pooled_measures": measures_of(everything),
        "curves": curves,
    }


def _kept(args: argparse.Namespace, name: str) -> dict[str, Any]:
    """The results of an earlier run in the page's folder; empty if there are none."""
    path = args.page.resolve().parent / "results" / name
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def _write_page(
    args: argparse.Namespace,
    simulated: dict[str, Any],
    motion: dict[str, Any],
    difficult: dict[str, Any] | None = None,
) -> None:
    from thermal_pose.lab.evaluation.tug.page import validation_page

    if not simulated:
        raise ConfigError("--page: expected results/tug_agreement.json beside it; evaluate first")
    below = args.page.resolve().parent
    folder = args.plots.resolve() if args.plots is not None else below / "pictures"
    plots = [str(path.relative_to(below)) for path in sorted(folder.glob("tug_*.png"))]
    cost = _kept(args, "tug_cost.json")
    difficult = difficult or _kept(args, "tug_difficult.json")
    write_whole(args.page, validation_page(simulated, motion, plots, cost, difficult))


def _command(args: argparse.Namespace) -> str:
    words = ["thermal-pose evaluate-tug", f"--keypoints {args.keypoints.name}"]
    if args.development:
        words.append("--development")
    else:
        words += [f"--seed {args.seed}", f"--valid {args.valid}", f"--invalid {args.invalid}"]
    if args.segmenter:
        words.append(f"--segmenter {args.segmenter}")
    return " ".join(words + (["--curves"] if args.curves else []))


def _line(name: str, figures: dict[str, Any]) -> str:
    if "total_mae_s" not in figures:
        return f"{name}: {figures['n_timed']} of {figures['n_valid']} valid trials timed"
    return (
        f"{name}: total MAE {figures['total_mae_s']:.3f} s, bias {figures['total_bias_s']:+.3f} s, "
        f"boundaries {figures['boundary_mae_s']:.3f} s, "
        f"frames {100 * figures['frame_accuracy']:.1f} % "
        f"(template {100 * figures['template']['frame_accuracy']:.1f} %), "
        f"{figures['n_timed']} of {figures['n_valid']} valid and "
        f"{figures['invalid_timed']} of {figures['n_invalid']} invalid trials timed"
    )
