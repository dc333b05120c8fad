# SPDX-License-Identifier: Apache-2.0
"""Judge the five-times sit-to-stand and the 30-second chair stand (docs/chair-rises.md).

Trials of the simulated clinic are rendered, seen by the shipped models and compared with their
exact truth; existing keypoint files are used again. --motion counts rises and descents in real
motion capture instead (.npz files; nothing of them is kept). --fit fits the event offsets and the
model of arm use on the development seed, for other keypoint networks.

examples:
  thermal-pose evaluate-chair-rises --keypoints build/chair-rises \\
      --out docs/results/chair_rises.json
  thermal-pose evaluate-chair-rises --motion ~/motion --out docs/results/chair_rises_motion.json
  thermal-pose evaluate-chair-rises --keypoints build/chair-rises --fit
  thermal-pose evaluate-chair-rises --keypoints build/chair-rises --frames-only --jobs 2
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_jobs, add_out, count
from thermal_pose.errors import ConfigError
from thermal_pose.files import write_whole

if TYPE_CHECKING:
    from thermal_pose.lab.evaluation.chair_rises.cases import RiseCase


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--keypoints", type=Path, metavar="DIR", help="keypoint files")
    parser.add_argument("--motion", type=Path, metavar="DIR", help="motion capture, *.npz")
    parser.add_argument(
        "--noise-px", type=float, default=0.4, metavar="PX", help="noise of --motion"
    )
    parser.add_argument(
        "--valid", type=count, default=100, metavar="N", help="valid trials per test"
    )
    parser.add_argument(
        "--invalid", type=count, default=32, metavar="N", help="invalid trials per test"
    )
    add_jobs(parser)
    parser.add_argument(
        "--frames-only",
        action="store_true",
        help="only render; the frames stay in DIR/frames, for any keypoint network",
    )
    parser.add_argument("--fit", action="store_true", help="fit on the development seed")
    add_out(parser, "JSON file to write")


def start(args: argparse.Namespace) -> int:
    """Judge, or fit; print the figures."""
    if (args.keypoints is None) == (args.motion is None):
        raise ConfigError("expected --keypoints or --motion")
    if args.motion is not None:
        document = _motion(args)
    elif args.fit:
        document = _fit(args)
    else:
        document = _simulated(args)
    if args.out is not None:
        write_whole(args.out, json.dumps(document, indent=1) + "\n")
    print(json.dumps(document, indent=1))
    return 0


def _simulated(args: argparse.Namespace) -> dict[str, Any]:
    from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S
    from thermal_pose.lab.evaluation.chair_rises.cases import (
        EVALUATION_SEED,
        TESTS,
        rise_cases,
    )
    from thermal_pose.lab.evaluation.chair_rises.judge import evaluate_rise_files, rise_figures
    from thermal_pose.lab.learning.tug.keypoint_file import keypoint_path

    tests: dict[str, Any] = {}
    for test in TESTS:
        cases = rise_cases(test, args.valid, args.invalid, EVALUATION_SEED)
        _make(cases, args, test)
        if args.frames_only:
            continue
        paths = [keypoint_path(args.keypoints, case) for case in cases]
        tests[test] = rise_figures(list(evaluate_rise_files(paths)))
        if test == CHAIR_STAND_30S.key:
            tests[f"{test}_from_go"] = rise_figures(list(evaluate_rise_files(paths, True)))
    return {
        "data": f"simulated clinic, seeds {EVALUATION_SEED} (valid) and {EVALUATION_SEED + 1} "
        "(invalid), keypoints of the shipped models through the whole pipeline",
        "command": f"thermal-pose evaluate-chair-rises --keypoints {args.keypoints.name} "
        f"--valid {args.valid} --invalid {args.invalid}",
        "tests": tests,
    }


def _make(cases: "list[RiseCase]", args: argparse.Namespace, name: str) -> None:
    """Render the trials that are missing, and find their keypoints."""
    from thermal_pose.lab.evaluation.chair_rises.cases import made_frames, made_keypoints

    make = made_frames if args.frames_only else made_keypoints
    with tqdm(total=len(cases), unit="trial", desc=name, disable=None) as bar:
        for _ in make(cases, args.keypoints, args.jobs):
            bar.update()


def _motion(args: argparse.Namespace) -> dict[str, Any]:
    from thermal_pose.lab.evaluation.chair_rises.judge import count_motion

    paths = sorted(args.motion.glob("*.npz"))
    if not paths:
        raise ConfigError(f"{args.motion}: no .npz file of motion capture in it")
    rows = [count_motion(path, args.noise_px) for path in paths]
    right = [row for row in rows if row.rises == 1 and row.descents == 1]
    return {
        "data": "real Timed Up and Go motion (motion capture), projected by a virtual camera; one "
        "rise and one descent in each trial",
        "command": f"thermal-pose evaluate-chair-rises --motion {args.motion.name} "
        f"--noise-px {args.noise_px:g}",
        "trials": len(rows),
        "one_rise_and_one_descent": len(right),
        "others": [vars(row) for row in rows if row not in right],
    }


def _fit(args: argparse.Namespace) -> dict[str, Any]:
    from thermal_pose.clinical.chair_rises.arms import MODEL_PATH
    from thermal_pose.clinical.chair_rises.events import EVENTS_PATH, event_offsets
    from thermal_pose.lab.evaluation.chair_rises.cases import development_cases
    from thermal_pose.lab.evaluation.chair_rises.fit import fit_event_offsets
    from thermal_pose.lab.evaluation.chair_rises.fit_arms import fit_arms
    from thermal_pose.lab.learning.tug.keypoint_file import keypoint_path

    cases = development_cases()
    _make(cases, args, "development")
    if args.frames_only:
        return {"trials": len(cases)}
    paths = [keypoint_path(args.keypoints, case) for case in cases]
    offsets = fit_event_offsets(paths, EVENTS_PATH)
    event_offsets.cache_clear()
    arms = fit_arms(paths, MODEL_PATH)
    return {"event_offsets": offsets, "arms": arms, "written": [EVENTS_PATH.name, MODEL_PATH.name]}
