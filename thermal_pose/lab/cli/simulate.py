# SPDX-License-Identifier: Apache-2.0
"""Make a cohort of simulated recordings with exact truth: one rosbag2 MCAP per trial.

The folder also gets `manifest.json` (subjects, trials, seeds, parameters, true timing) and
`keypoints.json` (COCO). The same options give the same bytes; an interrupted cohort is resumed
by the same command.

examples:
  thermal-pose simulate --preset paper --out cohorts/paper
  thermal-pose simulate --preset clinic --subjects 40 --trials 5 --seed 9000 --out cohorts/clinic
  thermal-pose simulate --preset invalid --no-rgb --jobs 1 --out cohorts/invalid --json
  thermal-pose simulate --preset teacher --bodies bodies --bake-only
  thermal-pose simulate --preset clinic --motion recorded --rooms 2 --no-rgb --out cohorts/real

With --motion, the people move as in a folder of recorded 3-D joints (.npz or .csv; see
docs/simulated-clinic.md), in rooms, clothes and before cameras of the preset.
"""

import argparse
import contextlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from thermal_pose.cli.arguments import add_bodies, add_jobs, add_json, add_out, add_seed, positive
from thermal_pose.errors import ConfigError, MissingExtraError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--preset", required=True, help="cohort: paper, clinic, stress, invalid or teacher"
    )
    parser.add_argument(
        "--motion", type=Path, metavar="DIR", help="move by the recorded 3-D joints in this folder"
    )
    parser.add_argument(
        "--rooms", type=positive, default=1, metavar="N", help="with --motion: rooms per recording"
    )
    parser.add_argument(
        "--subjects", type=positive, metavar="N", help="people (default: the preset's)"
    )
    parser.add_argument(
        "--trials", type=positive, metavar="N", help="trials of each (default: the preset's)"
    )
    add_seed(parser)
    add_out(parser, "folder to write or to resume")
    parser.add_argument(
        "--camera",
        default="lepton",
        choices=("lepton", "senxor"),
        help="80x60 or 80x62 pixels",
    )
    parser.add_argument(
        "--frame-rate", type=float, default=8.0, metavar="HZ", help="frames per second"
    )
    parser.add_argument("--no-rgb", action="store_true", help="thermal and truth only")
    add_jobs(parser, 0)
    add_bodies(parser)
    parser.add_argument("--bake-only", action="store_true", help="bake the bodies and stop")
    add_json(parser, "the summary")


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    try:
        from thermal_pose.lab.simulation.people.presets import find_preset
        from thermal_pose.lab.simulation.recordings.cohort import (
            CohortSpec,
            bake_cohort,
            make_cohort,
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("the simulated clinic", str(error.name), "sim") from error
    if args.out is None and not args.bake_only:
        raise ConfigError("--out: expected a folder (only --bake-only does without)")
    preset = find_preset(args.preset)
    if args.motion is not None:
        return _start_motion(args)
    spec = CohortSpec(
        preset=preset.name,
        seed=args.seed,
        n_subjects=preset.n_subjects if args.subjects is None else args.subjects,
        n_trials=preset.n_trials if args.trials is None else args.trials,
        camera=args.camera,
        rate_hz=args.frame_rate,
        with_rgb=not args.no_rgb,
    )
    started_s = time.monotonic()
    # The body model prints a greeting, but standard output carries only the summary.
    with contextlib.redirect_stdout(sys.stderr):
        if args.bake_only:
            count = bake_cohort(spec, args.bodies, quiet=args.json)
        else:
            summary = make_cohort(spec, args.out, args.jobs, args.bodies, quiet=args.json)
    if args.bake_only:
        result: dict[str, object] = {"bodies": count}
        text = f"{count} bodies are baked"
    else:
        result = asdict(summary)
        text = (
            f"{summary.trials} trials ({summary.valid} valid, {summary.resumed} already done), "
            f"{summary.frames} frames, {summary.bytes / 1e6:.0f} MB in {summary.folder}"
        )
    result["wall_s"] = round(time.monotonic() - started_s, 1)
    print(json.dumps(result, sort_keys=True) if args.json else f"{text}, {result['wall_s']} s")
    return 0


def _start_motion(args: argparse.Namespace) -> int:
    """Write one recording per recorded motion and room."""
    from thermal_pose.lab.simulation.motion.recorded import people_note
    from thermal_pose.lab.simulation.recordings.motion_cohort import (
        make_motion_cohort,
        motion_cases,
    )

    if args.out is None or args.rooms < 1:
        raise ConfigError(f"--motion: expected --out and 1 room or more, got {args.rooms}")
    started_s = time.monotonic()
    cases = motion_cases(
        args.motion, args.preset, args.rooms, args.seed, args.camera, args.frame_rate
    )
    if note := people_note([case.recording for case in cases if case.room == 0]):
        print(note, file=sys.stderr)
    with contextlib.redirect_stdout(sys.stderr):
        entries = make_motion_cohort(cases, args.out, with_rgb=not args.no_rgb, quiet=args.json)
    result = {
        "trials": len(entries),
        "frames": sum(entry["n_frames"] for entry in entries),
        "folder": str(args.out),
        "wall_s": round(time.monotonic() - started_s, 1),
    }
    text = f"{result['trials']} trials of recorded motion, {result['frames']} frames in {args.out}"
    print(json.dumps(result, sort_keys=True) if args.json else f"{text}, {result['wall_s']} s")
    return 0
