# SPDX-License-Identifier: Apache-2.0
"""Measure what each change of input, labels, augmentation and stream is worth, at one budget.

Every variant trains the same number of steps from the same model on the same number of rows, and
is judged on simulated sets, on simulated frames disturbed in one way at a time, and, where
--labels names them, on real labelled frames. Variants that --out holds already are kept.

examples:
  python scripts/what_helped_streams.py out/learning/what-helped
  python scripts/what_helped.py --start out/old/student-lite.json \\
      --streams out/learning/what-helped --clinic out/learning/clinic \\
      --stress out/learning/stress --broad out/learning/broad \\
      --labels twist=out/real/twist.json out/real/twist --out docs/results/what_helped.json
"""

import argparse
import json
import shlex
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermal_pose.digest import sha256_of
from thermal_pose.files import write_whole
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.evaluation.labelled.run import LabelledSet, judge_labelled
from thermal_pose.lab.evaluation.sensitivity import sensitivity
from thermal_pose.lab.learning.fitting.config import TrainingConfig, load_config
from thermal_pose.lab.learning.fitting.run_log import git_hash
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.contents import ContentsEncoder
from thermal_pose.lab.learning.networks.onnx.unfold import unfold_student
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.pose_data import PoseData, load_folder
from thermal_pose.lab.learning.students.export import ModelProvenance, export_student
from thermal_pose.lab.learning.students.judge import evaluate_model
from thermal_pose.lab.learning.students.ship import SHIPPED, supervised_task
from thermal_pose.lab.learning.students.ship_export import calibration_crops

sys.path.insert(0, str(Path(__file__).parent))
from what_helped_streams import ANNOTATED, BODY_JOINTS, GROUPS

ROOT = Path(__file__).parents[1]
BATCH = 16
BEFORE = (
    "normalization.kind=frame_median",
    "normalization.clip_min=-2.0",
    "augment.heavy.share=0.0",
)
SCALE_FREE = ("normalization.kind=crop_percentile", "normalization.clip_min=-1.0")
HEAVY = ("augment.heavy.share=0.5",)
DEEPER = SHIPPED["student-lite"].extra
#: Ends of the names of subjects that are not of everyday life.
OLD_KINDS = ("-tug", "-ward", "-empty")
SPANS = ((21.0, 33.0), (22.0, 31.0), (20.0, 36.0))
SETS = ("clinic", "stress", "broad")


@dataclass(frozen=True)
class Variant:
    """What one row of the table changes.

    Attributes
    ----------
    settings : of training, on top of `BEFORE`.
    stream : of `what_helped_streams.STREAMS`.
    everyday_life : whether its clips of everyday life are learnt from.
    other_contents : whether the three input channels differ.
    extra : further bottlenecks of the encoder.
    seed : added to the seed of all variants.
    trains : False: judged as it was.
    """

    settings: tuple[str, ...] = ()
    stream: str = BODY_JOINTS
    everyday_life: bool = False
    other_contents: bool = False
    extra: int = 0
    seed: int = 0
    trains: bool = True


def all_together(**changed: Any) -> Variant:
    """Return all changes that the shipped models have."""
    kept = {"stream": ANNOTATED, "everyday_life": True, "extra": DEEPER}
    return Variant((*SCALE_FREE, *HEAVY), **{**kept, **changed})


VARIANTS = {
    "as it was shipped": Variant(trains=False),
    "same budget, nothing changed": Variant(),
    "nothing changed, another seed": Variant(seed=1),
    "scale-free input": Variant(SCALE_FREE),
    "heavy augmentation": Variant(HEAVY),
    "everyday life in the stream": Variant(everyday_life=True),
    "labels where annotators put the legs": Variant(stream=ANNOTATED),
    "three channels with other contents": Variant(other_contents=True),
    "a deeper encoder": Variant(extra=DEEPER),
    "all together": all_together(),
    "all together, another seed": all_together(seed=1),
    "all together and other contents": all_together(other_contents=True),
    **{
        f"all together without {', '.join(switches)}": all_together(stream=f"without-{name}")
        for name, switches in GROUPS.items()
    },
}


def main() -> None:
    """Run all variants that the results do not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--start", required=True, help="model that every variant begins with")
    parser.add_argument("--streams", type=Path, required=True, help="of what_helped_streams.py")
    for name in SETS:
        parser.add_argument(f"--{name}", type=Path, required=True, help="set to judge on")
    parser.add_argument("--rows", type=int, default=250, help="rows judged of each simulated set")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--labels", nargs=2, action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    judged = {name: spread(load_folder(getattr(args, name)), args.rows) for name in SETS}
    sets = labelled_sets(args.labels)
    results = resumed(args.out, header(args, judged, sets))
    for name, variant in VARIANTS.items():
        if name not in results["variants"]:
            print(name, flush=True)
            results["variants"][name] = run(variant, results["rows"], args, judged, sets)
            write_whole(args.out, json.dumps(results, indent=1) + "\n")


def header(
    args: argparse.Namespace, judged: dict[str, PoseData], sets: list[LabelledSet]
) -> dict[str, Any]:
    """Return what all variants share."""
    return {
        "command": shlex.join(["python", f"scripts/{Path(__file__).name}", *sys.argv[1:]]),
        "start": make_estimator(args.start).model_id,
        "seed": args.seed,
        "steps": args.steps,
        "batch": BATCH,
        "rows": fewest_rows(args.streams),
        "judged": {name: data.fingerprint() for name, data in judged.items()},
        "labels_sha256": {each.name: sha256_of(each.labels)[:16] for each in sets},
        "variants": {},
    }


def resumed(out: Path, new: dict[str, Any]) -> dict[str, Any]:
    """Return the results to add to: those of an interrupted run, if it was the same.

    Raises
    ------
    SystemExit
        The file is of another run.
    """
    if not out.exists():
        return new
    old: dict[str, Any] = json.loads(out.read_text())
    for key in new.keys() - {"command", "variants"}:
        if old.get(key) != new[key]:
            raise SystemExit(f"{out}: of another run, '{key}' differs; delete it or name another")
    return old


def fewest_rows(streams: Path) -> int:
    """Return how many rows the variant with the fewest has; all learn from as many."""
    needed = {(variant.stream, variant.everyday_life) for variant in VARIANTS.values()}
    return min(count_rows(streams / name, life) for name, life in needed)


def count_rows(folder: Path, everyday_life: bool) -> int:
    """Count the usable rows of a stream without reading its frames."""
    count = 0
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as content:
            subject, names = content["subject"], [str(name) for name in content["subjects"]]
        count += int(usable(names, subject, everyday_life).sum())
    return count


def usable(names: Any, subject: Any, everyday_life: bool) -> Any:
    """Return the mask (N,) of rows that a variant may learn from."""
    kept = [everyday_life or name.endswith(OLD_KINDS) for name in names]
    return np.array(kept, bool)[subject]


def training_rows(folder: Path, variant: Variant, rows: int) -> PoseData:
    """Return evenly spaced rows of a variant's stream."""
    data = load_folder(folder)
    index = np.flatnonzero(usable(data.subjects, data.subject, variant.everyday_life))
    return data.select(index[np.linspace(0, len(index) - 1, rows).astype(int)])


def run(
    variant: Variant,
    rows: int,
    args: argparse.Namespace,
    judged: dict[str, PoseData],
    sets: list[LabelledSet],
) -> dict[str, Any]:
    """Train and judge one variant."""
    began = time.process_time()
    shipped = ROOT / "config" / "training-shipped.yaml"
    config = load_config(shipped, [*BEFORE, *variant.settings, f"fit.batch={BATCH}"])
    data = training_rows(args.streams / variant.stream, variant, rows)
    start = card_path(args.start)
    network, head = unfold_student(start.with_suffix(".onnx"), calibration_crops(data, config, 128))
    network.encoder = network.encoder.deepened(variant.extra)
    if variant.other_contents:
        network.encoder = ContentsEncoder.like(network.encoder)
    if variant.trains:
        fit(network, data, config, args.steps, args.seed + variant.seed)
    told = {"git": git_hash(), "data": data.fingerprint(), "changes": asdict(variant)}
    trained_s = round(time.process_time() - began)
    with tempfile.TemporaryDirectory() as folder:
        card = exported(network, head, data, config, Path(folder))
        told |= judge(card, judged, sets)
    return {**told, "training_cpu_s": trained_s, "cpu_s": round(time.process_time() - began)}


def fit(
    network: PoseNetwork, data: PoseData, config: TrainingConfig, steps: int, seed: int
) -> None:
    """Train a number of steps at a rate that falls to zero.

    Rows have a generator of their own, because augmentations draw different amounts.
    """
    _, task = supervised_task(data, config, torch.device("cpu"))
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.01)
    order = torch.Generator().manual_seed(seed)
    generator = torch.Generator().manual_seed(1000 + seed)
    for step in range(steps):
        rate = 1e-3 * min(1.0, (step + 1) / 20) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = torch.randint(len(data), (config.fit.batch,), generator=order)
        optimizer.zero_grad()
        task.loss(network, task.draw(rows, generator)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def exported(
    network: PoseNetwork,
    head: ConfidenceHead,
    data: PoseData,
    config: TrainingConfig,
    folder: Path,
) -> str:
    """Write the network as the live code reads it; return its card's path."""
    crops = calibration_crops(data, config, 8)
    provenance = ModelProvenance(normalization=config.normalization)
    return str(export_student(network.eval(), head, folder, "variant", crops, provenance)["fp32"])


def judge(card: str, judged: dict[str, PoseData], sets: list[LabelledSet]) -> dict[str, Any]:
    """Return the figures of a written model."""
    estimator = make_estimator(card)
    told: dict[str, Any] = {
        "model_id": estimator.model_id,
        "simulated_ap": {key: evaluate_model(estimator, s)["ap"] for key, s in judged.items()},
        "clinic_disturbed_ap": sensitivity(estimator, judged["clinic"]),
    }
    del told["clinic_disturbed_ap"]["plain"]  # as among `simulated_ap`
    if sets:
        found = judge_labelled([card], sets, SPANS, resamples=0)["models"][card]
        told["real"] = {each.name: summary(found[each.name]) for each in sets}
    return told


def labelled_sets(labels: list[list[str]]) -> list[LabelledSet]:
    """Return the sets of --labels."""
    named = [(*text.partition("=")[::2], images) for text, images in labels]
    return [LabelledSet(name, Path(path), Path(images)) for name, path, images in named]


def spread(data: PoseData, rows: int) -> PoseData:
    """Return evenly spaced rows of a data set."""
    return data.select(np.linspace(0, len(data) - 1, min(rows, len(data))).astype(int))


def summary(judged: dict[str, Any]) -> dict[str, float]:
    """Return the figures of the first span, and how far AP differs between spans."""
    first = next(iter(judged["spans_degc"].values()))
    names = ("ap", "ap50", "ap75", "oks", "oks_sides_ignored", "mirrored")
    found = {name: round(first[name]["value"], 4) for name in names}
    return {**found, "ap_spread_over_spans": round(judged["ap_spread_over_spans"]["value"], 4)}


if __name__ == "__main__":
    main()
