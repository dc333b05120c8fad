# SPDX-License-Identifier: Apache-2.0
"""Adapt a pose model to your own camera, from your own recordings or labelled pictures.

Keypoints to learn come from one of three places:

* --teacher: a network of this package's form (ViTPose, say) reads every RGB picture;
* --labels: COCO json with the keypoints that any other pose network, or a person, found in the
  RGB pictures; --pictures writes those pictures, numbered as the json has to name them;
* neither: the data set's own keypoints, as `dataset` builds it from COCO json over thermal
  pictures. No RGB camera is needed.

A fifth of the people (of one person: of the recordings or groups of pictures) is held out and
judged before and after. Use the result as `pose.model`, by the path of its card.

Exit code 0: it agrees better with the labels than before; 1: it does not, so keep the old one.

examples:
  thermal-pose dataset my_bags --boxes detector --out my_data
  thermal-pose adapt my_data --teacher usyd-community/vitpose-base --out my_model
  thermal-pose adapt my_data --pictures my_pictures
  thermal-pose adapt my_data --labels my_keypoints.json --out my_model
  thermal-pose dataset my_labels.json --images my_frames --out my_frames_data
  thermal-pose adapt my_frames_data --out my_model
  thermal-pose run -p pose.model=my_model/adapted.json
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_device, add_json, add_max_minutes, add_out, add_settings
from thermal_pose.errors import ConfigError
from thermal_pose.lab.cli.training_options import epochs_on

if TYPE_CHECKING:
    from thermal_pose.lab.learning.fitting.config import TrainingConfig
    from thermal_pose.lab.learning.pose_data import PoseData
    from thermal_pose.lab.learning.students.adapt import Adapted
    from thermal_pose.lab.learning.students.labels import Labelled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("data", type=Path, nargs="+", help="data sets of your camera")
    parser.add_argument(
        "--teacher", default="", help="teacher network, a folder or hub name (default: none)"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="COCO json of the RGB pictures' keypoints (default: none)",
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="write the RGB pictures there, and do nothing else (default: no)",
    )
    parser.add_argument("--start", default="student-lite", help="fp32 model, a name or card")
    add_out(parser, "folder for model and card (default: adapted)")
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
    from thermal_pose.lab.learning.fitting.training import Progress, Training
    from thermal_pose.lab.learning.pose_data import load_folders
    from thermal_pose.lab.learning.students.adapt import DEFAULTS, adapt

    minutes = f"fit.max_minutes={args.max_minutes}"
    defaults = [] if args.config else list(DEFAULTS)
    config = load_config(args.config, [*defaults, minutes, *args.overrides])
    device = choose_device(args.device)
    data = load_folders(args.data)
    if args.pictures is not None:
        return _write_pictures(data, args.pictures)
    args.out = args.out or Path("adapted")
    labelled = _labelled(args, data, config, device)
    write_run(args.out, config, data.fingerprint(), config.seed)
    with tqdm(total=config.fit.epochs, unit="epoch", desc="student", disable=None) as bar:
        progress = Progress(args.out, log=tensorboard_log(args.out), tick=epochs_on(bar))
        found = adapt(labelled, args.start, Training(config, device, progress), args.name)
    _report(found, args)
    return 0 if found.helped else 1


def _write_pictures(data: "PoseData", folder: Path) -> int:
    from thermal_pose.lab.learning.students.labels import PICTURES_NAME, write_pictures

    count = write_pictures(data, folder)
    print(f"{count} pictures in {folder}, listed by {folder / PICTURES_NAME}")
    return 0


def _labelled(
    args: argparse.Namespace, data: "PoseData", config: "TrainingConfig", device: Any
) -> "Labelled":
    """Return the data with the keypoints to learn, and where they come from."""
    from thermal_pose.digest import sha256_of
    from thermal_pose.lab.learning.networks.teacher import load_teacher
    from thermal_pose.lab.learning.students.adapt import check_start
    from thermal_pose.lab.learning.students.labels import (
        Labelled,
        LabelSource,
        label,
        own_keypoints,
        with_own_labels,
    )

    if args.teacher and args.labels:
        raise ConfigError("adapt: expected --teacher or --labels, got both")
    if args.teacher:
        teacher = load_teacher(args.teacher)
        source = LabelSource.of_teacher(*teacher)
        check_start(data, source, args.start, config)
        with tqdm(total=len(data), unit="picture", desc="teacher", disable=None) as bar:
            return Labelled(data, label(data, *teacher, device, bar.update), source)
    if args.labels:
        source = LabelSource(f"keypoints of {args.labels.name}", {}, (), "")
        check_start(data, source, args.start, config)
        labels = with_own_labels(args.labels, data)
        return Labelled(data, labels, replace(source, key=sha256_of(args.labels)))
    return own_keypoints(data)


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
