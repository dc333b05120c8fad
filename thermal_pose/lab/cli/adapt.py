# SPDX-License-Identifier: Apache-2.0
"""Adapt a pose model to your own camera, from your own recordings, with no labels by hand.

A teacher that reads RGB (ViTPose, say) names the joints in every pair of pictures; a shipped
model learns to find them in the thermal one. A fifth of the people is held out and judged before
and after. Use the result as `pose.model`, by the path of its card.

Exit code 0: it agrees better with the teacher than before; 1: it does not, keep what you had.

examples:
  thermal-pose dataset my_bags --boxes detector --out my_data
  thermal-pose adapt my_data --teacher usyd-community/vitpose-base --out my_model
  thermal-pose run -p pose.model=my_model/adapted.json
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from thermal_pose.cli.arguments import add_device, add_json, add_max_minutes, add_out, add_settings

if TYPE_CHECKING:
    from thermal_pose.lab.learning.students.adapt import Adapted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("data", type=Path, nargs="+", help="data sets with RGB, of your camera")
    parser.add_argument("--teacher", required=True, help="teacher network, a folder or hub name")
    parser.add_argument("--start", default="student-lite", help="fp32 model, a name or card")
    add_out(parser, "folder for model and card", required=True)
    parser.add_argument("--name", default="adapted", help="name of the model's files")
    add_max_minutes(parser, 20.0)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML (default: settings for small steps)"
    )
    add_settings(parser)
    add_device(parser)
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Label, train, judge and export."""
    from thermal_pose.lab.learning.fitting.config import load_config
    from thermal_pose.lab.learning.fitting.predict import choose_device
    from thermal_pose.lab.learning.fitting.run_log import tensorboard_log, write_run
    from thermal_pose.lab.learning.networks.teacher import load_teacher
    from thermal_pose.lab.learning.pose_data import concatenate, load_folder
    from thermal_pose.lab.learning.students.adapt import DEFAULTS, adapt, check_start, label

    minutes = f"fit.max_minutes={args.max_minutes}"
    defaults = [] if args.config else list(DEFAULTS)
    config = load_config(args.config, [*defaults, minutes, *args.overrides])
    device = choose_device(args.device)
    data = concatenate([load_folder(folder) for folder in args.data])
    teacher = load_teacher(args.teacher)
    check_start(data, teacher[1], args.start, config)
    write_run(args.out, config, data.fingerprint(), config.seed)
    with tqdm(total=len(data), unit="picture", desc="teacher", disable=None) as bar:
        labelled = label(data, *teacher, device, bar.update)
    with tqdm(total=config.fit.epochs, unit="epoch", desc="student", disable=None) as bar:
        found = adapt(
            data,
            labelled,
            teacher,
            args.start,
            config,
            device,
            args.out,
            args.name,
            lambda epoch, active: bar.update(epoch - bar.n) and None,
            tensorboard_log(args.out),
        )
    _report(found, args)
    return 0 if found.helped else 1


def _report(found: "Adapted", args: argparse.Namespace) -> None:
    if args.json:
        told = {**vars(found), "cards": {k: str(v) for k, v in found.cards.items()}}
        print(json.dumps({**told, "helped": found.helped}))
        return
    figures = ", ".join(
        f"AP against the {what} {_shown(found.before[what])} -> {_shown(found.after[what])}"
        for what in found.after
    )
    print(
        f"{args.name}: learnt {found.learnt} pictures; on {found.held_out} of {found.held_out_by} "
        f"held out {figures} ({args.start} -> {args.name}); {found.cards['fp32']}"
    )
    if not found.helped:
        print(f"no better than {args.start}: keep using that", file=sys.stderr)


def _shown(ap: float | None) -> str:
    return "undefined" if ap is None else f"{ap:.3f}"
