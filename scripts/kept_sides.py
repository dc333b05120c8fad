# SPDX-License-Identifier: Apache-2.0
"""Count people mirrored during walks, with left and right kept over time and without.

Simulated Timed Up and Go recordings run through detector, tracker and pose model twice, with
`pose.keep_sides` on and off. Use recordings that no model was trained on.

example:
  thermal-pose simulate --preset clinic --subjects 30 --trials 1 --seed 9600 --no-rgb \\
      --out out/walks/clinic
  python scripts/kept_sides.py out/walks/clinic --seed 9600 --out docs/results/kept_sides.json
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from thermal_pose.bags.reader import BagReader
from thermal_pose.files import write_whole
from thermal_pose.lab.evaluation.kept_sides import Walk, compared, counted, walks_of
from thermal_pose.lab.learning.fitting.run_log import git_hash
from thermal_pose.parameters.nodes import PoseParameters
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.replay import replay_keypoints

KEPT = {"off": False, "on": True}


def main() -> None:
    """Judge all recordings of the cohorts and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohorts", type=Path, nargs="+", help="folders made by simulate")
    parser.add_argument("--seed", type=int, required=True, help="seed that they were made with")
    parser.add_argument("--model", default=PoseParameters().model, help="pose model")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    ways = {
        name: build_perception(pose=PoseParameters(model=args.model, keep_sides=kept))
        for name, kept in KEPT.items()
    }
    results: dict[str, Any] = {
        "simulated": True,
        "command": shlex.join(["python", f"scripts/{Path(__file__).name}", *sys.argv[1:]]),
        "git": git_hash(),
        "model_id": ways["on"].pose.estimator.model_id,
        "detector_id": ways["on"].detection.detector.model_id,
        "seed": args.seed,
        "cohorts": {folder.name: cohort(folder, ways) for folder in args.cohorts},
    }
    write_whole(args.out, json.dumps(results, indent=1) + "\n")


def cohort(folder: Path, ways: dict[str, Perception]) -> dict[str, Any]:
    """Return the counts of one cohort, by walk and way."""
    paths = sorted(path for path in folder.iterdir() if (path / "metadata.yaml").is_file())
    walks: dict[str, dict[str, list[Walk]]] = {}
    for path in paths:
        with BagReader(path) as bag:
            truth, timing = list(bag.true_frames()), bag.true_timing()
        for way, perception in ways.items():
            for name, walk in walks_of(truth, timing, replay_keypoints(path, perception)).items():
                walks.setdefault(name, {}).setdefault(way, []).append(walk)
    print(folder.name, len(paths), flush=True)
    figures: dict[str, Any] = {"recordings": len(paths)}
    for name, by_way in walks.items():
        figures[name] = {way: counted(found) for way, found in by_way.items()}
        figures[name]["compared"] = compared(by_way["off"], by_way["on"])
    return figures


if __name__ == "__main__":
    main()
