# SPDX-License-Identifier: Apache-2.0
"""Build a training data set from recordings: pair, align, box and cut; no manual labels.

One shard a recording; a second call builds only what is missing. `quality.html` in the output
folder shows what was dropped and some samples.

examples:
  thermal-pose dataset out/paper --out out/paper-data --cohort paper-1
  thermal-pose dataset my_bags --out my_data --boxes detector --extrinsics extrinsics.yaml
  thermal-pose dataset my_bags --out my_data --boxes rgb \\
      --detector PekingU/rtdetr_r50vd_coco_o365
  thermal-pose dataset annotations.json --images pictures --out coco_data
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("sources", type=Path, nargs="+", help="bags, folders of them, COCO json")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--cohort", default="", help="prefix that keeps pseudonyms apart")
    parser.add_argument(
        "--boxes",
        choices=("truth", "detector", "rgb"),
        default="truth",
        help="where boxes come from: simulated truth, a thermal detector, a detector on RGB",
    )
    parser.add_argument(
        "--detector", default="detector", help="its name or card; of RGB: an RT-DETR's, see above"
    )
    parser.add_argument("--no-rgb", action="store_true", help="thermal only: no teacher possible")
    parser.add_argument("--every", type=int, default=1, help="use every so many-th frame")
    parser.add_argument(
        "--joints-at-rgb",
        action="store_true",
        help="true joints at the RGB exposure: to train a teacher on simulated recordings",
    )
    parser.add_argument("--extrinsics", type=Path, help="camera extrinsics (calibrate writes it)")
    parser.add_argument("--images", type=Path, help="pictures of a COCO json")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--teacher", default="", help="its confidence goes into the report")
    parser.add_argument("--ray", default="", help="a Ray cluster's address, or local")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def start(args: argparse.Namespace) -> int:
    """Build what is missing and summarise."""
    from thermal_pose.training.bag_dataset import BuildOptions
    from thermal_pose.training.build_dataset import build_all, find_recordings, write_summary
    from thermal_pose.training.coco_dataset import build_from_coco

    args.out.mkdir(parents=True, exist_ok=True)
    options = BuildOptions(
        args.boxes, not args.no_rgb, args.every, ("subject",), args.joints_at_rgb
    )
    results = []
    if args.sources[0].suffix == ".json":
        for source in args.sources:
            build_from_coco(source, args.images or source.parent, args.out, args.cohort)
    else:
        recordings = find_recordings(args.sources, args.cohort)
        building = build_all(
            recordings, args.out, options, args.extrinsics, args.detector, args.jobs, args.ray
        )
        results = list(tqdm(building, total=len(recordings), unit="bag", disable=None))
    summary = write_summary(args.out, results, options, args.teacher)
    for path, error in summary["errors"].items():
        print(f"skipped {path}: {error}")
    if args.json:
        print(json.dumps(summary))
    else:
        print(f"{args.out}: {summary['rows']} rows in {summary['shards']} shards")
    return 0
