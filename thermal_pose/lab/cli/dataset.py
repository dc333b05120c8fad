# SPDX-License-Identifier: Apache-2.0
"""Build a training data set from recordings: pair, align, box and cut; no manual labels.

Writes one shard per recording; a second call with the same options builds missing shards only.
`quality.html` in the output folder shows what was dropped and some samples.

The subject of a recording is its recorded subject_id, else SUBJECT/RECORDING below the folder,
else SUBJECT_TRIAL as its name; or --subject names the person of all given recordings.
Only simulated recordings hold truth: set --boxes for your own. The exit code is 4 where
recordings were left out; all others are built.

examples:
  thermal-pose dataset out/paper --out out/paper-data --cohort paper-1
  thermal-pose dataset my_bags --out my_data --boxes detector --extrinsics extrinsics.yaml
  thermal-pose dataset my_bags --out my_data --boxes rgb \\
      --detector PekingU/rtdetr_r50vd_coco_o365
  thermal-pose dataset rosbag2_* --subject P01 --out my_data --boxes detector
  thermal-pose dataset annotations.json --images pictures --out coco_data
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_jobs, add_json, add_out, add_ray, positive, print_result
from thermal_pose.errors import BagError, ConfigError, StorageError

THERMAL_DETECTOR = "detector"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("sources", type=Path, nargs="+", help="bags, folders of them, COCO JSON")
    add_out(parser, "folder for the shards", required=True)
    parser.add_argument("--cohort", default="", help="prefix that keeps pseudonyms apart")
    parser.add_argument("--subject", default="", help="pseudonym of the person in all recordings")
    parser.add_argument(
        "--boxes",
        choices=("truth", "detector", "rgb"),
        default="truth",
        help="where boxes come from: simulated truth, a thermal detector, a detector on RGB",
    )
    parser.add_argument(
        "--detector",
        default="",
        help="name or card of a thermal detector (default: the shipped one); for --boxes rgb the "
        "hub name or folder of an RT-DETR",
    )
    parser.add_argument("--no-rgb", action="store_true", help="thermal only: no teacher possible")
    parser.add_argument(
        "--every", type=positive, default=1, metavar="N", help="use every N-th frame"
    )
    parser.add_argument(
        "--joints-at-rgb",
        action="store_true",
        help="true joints at the RGB exposure: to train a teacher on simulated recordings",
    )
    parser.add_argument(
        "--extrinsics", type=Path, metavar="FILE", help="camera extrinsics that calibrate wrote"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="pictures of a COCO JSON")
    add_jobs(parser, 0)
    parser.add_argument("--teacher", default="", help="put this teacher's confidence in the report")
    add_ray(parser)
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Build missing shards and write the summary."""
    from thermal_pose.lab.learning.datasets.build import write_summary

    from_coco = _check(args)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"--out {args.out}: cannot be made: {error}") from error
    results = _build_coco(args) if from_coco else _build_bags(args)
    summary = write_summary(args.out, results, teacher=args.teacher)
    print_result(args, summary, f"{args.out}: {_described(summary)}")
    left_out = summary["errors"]
    for path, reason in left_out.items():
        print(f"left out {path}: {reason}", file=sys.stderr)
    if left_out:
        print(f"{len(left_out)} of {len(results)} recordings were left out", file=sys.stderr)
    return BagError.exit_code if left_out else 0


def _check(args: argparse.Namespace) -> bool:
    """Refuse options that make no sense together; return whether the sources are COCO files."""
    coco = [source.suffix == ".json" for source in args.sources]
    if any(coco):
        if not all(coco):
            raise ConfigError("expected recordings or COCO json files, got both: use two calls")
        if args.subject:
            raise ConfigError("--subject is for recordings: use --cohort with COCO json files")
        return True
    if args.no_rgb and args.boxes == "rgb":
        raise ConfigError("--boxes rgb needs the RGB pictures that --no-rgb leaves out")
    if args.no_rgb and args.teacher:
        raise ConfigError("--teacher needs the RGB pictures that --no-rgb leaves out")
    _check_detector(args)
    return False


def _check_detector(args: argparse.Namespace) -> None:
    from thermal_pose.inference.artifacts import card_path
    from thermal_pose.inference.factory import FASTER_RCNN_PREFIX, WARM_BLOB
    from thermal_pose.lab.learning.datasets.options import RGB_DETECTOR

    name = args.detector
    special = name == WARM_BLOB or name.startswith(FASTER_RCNN_PREFIX)
    if args.boxes == "truth" and name not in ("", THERMAL_DETECTOR):
        raise ConfigError(f"--detector {name}: also give --boxes rgb or --boxes detector")
    if args.boxes == "detector":
        args.detector = name or THERMAL_DETECTOR
        if not special:
            card_path(args.detector)
    elif args.boxes == "rgb" and (
        special or name in ("", THERMAL_DETECTOR) or name.endswith(".json")
    ):
        raise ConfigError(
            f"--boxes rgb needs a detector on RGB pictures, got {name or 'none'}: use --detector "
            f"{RGB_DETECTOR} (loaded from the hub) or a folder with an RT-DETR"
        )


def _build_bags(args: argparse.Namespace) -> list[Any]:
    from thermal_pose.lab.learning.datasets.build import build_all
    from thermal_pose.lab.learning.datasets.options import BuildOptions
    from thermal_pose.lab.learning.datasets.recordings import find_training_recordings

    options = BuildOptions(
        args.boxes, not args.no_rgb, args.every, ("subject",), args.joints_at_rgb
    )
    recordings = find_training_recordings(args.sources, args.cohort, args.subject)
    building = build_all(
        recordings, args.out, options, args.extrinsics, args.detector, args.jobs, args.ray
    )
    return list(tqdm(building, total=len(recordings), unit="bag", disable=None))


def _build_coco(args: argparse.Namespace) -> list[Any]:
    from thermal_pose.lab.learning.datasets.coco.shards import build_from_coco, check_names

    check_names(args.sources)
    for source in args.sources:
        build_from_coco(source, args.images or source.parent, args.out, args.cohort)
    return []


def _described(summary: dict[str, Any]) -> str:
    names = summary["subjects"]
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return (
        f"{summary['rows']} rows in {summary['shards']} shards; {len(names)} subjects ({shown}), "
        f"{summary['trials']} trials"
    )
