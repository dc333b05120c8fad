# SPDX-License-Identifier: Apache-2.0
"""Measure what each change of input, augmentation and stream is worth, at the same small budget.

Every variant trains a few hundred steps from the same shipped model on the same number of shards,
and is judged on simulated sets, on simulated frames disturbed in one way at a time, and, where
--labels names them, on real labelled frames. One seed: differences below 0.05 mean little.
Variants that --out holds already are kept.

example:
  python scripts/what_helped.py --start old/student-lite.json --train out/train --life out/life \\
      --clinic out/clinic --stress out/stress --steps 150 \\
      --labels twist=twist.json twist/ --out docs/results/what_helped.json
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermal_pose.files import write_whole
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.evaluation.labelled.run import LabelledSet, judge_labelled
from thermal_pose.lab.evaluation.sensitivity import sensitivity
from thermal_pose.lab.learning.fitting.config import TrainingConfig, load_config
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.onnx.unfold import unfold_student
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.pose_data import PoseData, concatenate, load_folder, load_shard
from thermal_pose.lab.learning.students.export import ModelProvenance, export_student
from thermal_pose.lab.learning.students.judge import evaluate_model
from thermal_pose.lab.learning.students.ship import SHIPPED, supervised_task
from thermal_pose.lab.learning.students.ship_export import calibration_crops

BEFORE = (
    "normalization.kind=frame_median",
    "normalization.clip_min=-2.0",
    "augment.heavy.share=0.0",
)
SCALE_FREE = (
    "normalization.kind=crop_percentile",
    "normalization.clip_min=-1.0",
    "normalization.most_contrast=3.0",
)
HEAVY = ("augment.heavy.share=0.5",)
OLD_KINDS = ("-tug", "-ward", "-empty")
SPANS = ((21.0, 33.0), (22.0, 31.0), (20.0, 36.0))


@dataclass(frozen=True)
class Variant:
    """Settings on top of `BEFORE`, clips learnt from, whether it trains, further bottlenecks."""

    settings: tuple[str, ...] = ()
    everyday_life: bool = False
    trains: bool = True
    extra: int = 0


VARIANTS = {
    "as it was shipped": Variant(trains=False),
    "same budget, nothing changed": Variant(),
    "scale-free input": Variant(SCALE_FREE),
    "heavy augmentation": Variant(HEAVY),
    "everyday life in the stream": Variant(everyday_life=True),
    "a deeper encoder": Variant(extra=SHIPPED["student-lite"].extra),
    "all but the deeper encoder": Variant((*SCALE_FREE, *HEAVY), everyday_life=True),
    "all together": Variant(
        (*SCALE_FREE, *HEAVY), everyday_life=True, extra=SHIPPED["student-lite"].extra
    ),
}


def main() -> None:
    """Run all variants that the results do not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--start", required=True, help="model that every variant begins with")
    parser.add_argument("--train", type=Path, required=True, help="shards of simulate-stream")
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--life", type=Path, required=True)
    parser.add_argument("--clinic", type=Path, required=True)
    parser.add_argument("--stress", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=250, help="rows judged of each simulated set")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--labels", nargs=2, action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}
    results.setdefault("steps", args.steps)
    results.setdefault("batch", 16)
    results.setdefault("variants", {})
    for name, variant in VARIANTS.items():
        if name not in results["variants"]:
            results["variants"][name] = run(name, variant, args)
            write_whole(args.out, json.dumps(results, indent=1) + "\n")


def run(name: str, variant: Variant, args: argparse.Namespace) -> dict[str, Any]:
    """Train and judge one variant."""
    shipped = Path(__file__).parents[1] / "config" / "training-shipped.yaml"
    config = load_config(shipped, [*BEFORE, *variant.settings, "fit.batch=16"])
    data = concatenate([load_shard(p) for p in sorted(args.train.glob("*.npz"))[: args.shards]])
    if not variant.everyday_life:
        kept = [any(kind in subject for kind in OLD_KINDS) for subject in data.subjects]
        data = data.select(np.array(kept)[data.subject])
    start = card_path(args.start)
    network, head = unfold_student(start.with_suffix(".onnx"), calibration_crops(data, config, 128))
    network.encoder = network.encoder.deepened(variant.extra)
    began = time.process_time()
    if variant.trains:
        fit(network, data, config, args.steps)
    told = {"rows": len(data), "cpu_s": round(time.process_time() - began)}
    with tempfile.TemporaryDirectory() as folder:
        return {**told, **judge(name, network, head, data, config, Path(folder), args)}


def fit(network: PoseNetwork, data: PoseData, config: TrainingConfig, steps: int) -> None:
    """Train a number of steps at a rate that falls to zero."""
    _, task = supervised_task(data, config, torch.device("cpu"))
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.01)
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        rate = 1e-3 * min(1.0, (step + 1) / 20) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = torch.randint(len(data), (config.fit.batch,), generator=generator)
        optimizer.zero_grad()
        task.loss(network, task.draw(rows, generator)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def judge(
    name: str,
    network: PoseNetwork,
    head: ConfidenceHead,
    data: PoseData,
    config: TrainingConfig,
    folder: Path,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Export the network and judge its file."""
    crops = calibration_crops(data, config, 8)
    provenance = ModelProvenance(normalization=config.normalization)
    card = str(export_student(network.eval(), head, folder, "variant", crops, provenance)["fp32"])
    estimator = make_estimator(card)
    simulated = {key: spread(getattr(args, key), args.rows) for key in ("clinic", "stress", "life")}
    told: dict[str, Any] = {
        "simulated_ap": {key: evaluate_model(estimator, s)["ap"] for key, s in simulated.items()},
        "clinic_disturbed_ap": sensitivity(estimator, simulated["clinic"]),
    }
    sets = [
        LabelledSet(text.partition("=")[0], Path(text.partition("=")[2]), Path(images))
        for text, images in args.labels
    ]
    if sets:
        judged = judge_labelled([card], sets, SPANS, resamples=0)["models"][card]
        told["real"] = {each.name: summary(judged[each.name]) for each in sets}
    print(name, json.dumps(told), flush=True)
    return told


def spread(folder: Path, rows: int) -> PoseData:
    """Return evenly spaced rows of a data set."""
    data = load_folder(folder)
    return data.select(np.linspace(0, len(data) - 1, min(rows, len(data))).astype(int))


def summary(judged: dict[str, Any]) -> dict[str, float]:
    """Return the figures of the first span, and how far AP differs between spans."""
    first = next(iter(judged["spans_degc"].values()))
    names = ("ap", "ap50", "ap75", "oks", "oks_sides_ignored", "mirrored")
    found = {name: round(first[name]["value"], 4) for name in names}
    return {**found, "ap_spread_over_spans": round(judged["ap_spread_over_spans"]["value"], 4)}


if __name__ == "__main__":
    main()
