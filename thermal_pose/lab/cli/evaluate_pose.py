# SPDX-License-Identifier: Apache-2.0
"""Judge pose models on people they never saw: AP, calibration, refusal.

Models run as in the live nodes, around each person's own box. There are two kinds of sets:

* `--evaluation`: simulated shards with exact truth. Crops without people (rooms of `simulate-stream
  --kind empty`) measure rejection by the person score. Models that --out already holds for the
  same sets are skipped; delete the file to measure everything again.
* `--labels`: real pictures with COCO keypoint json, of any size, 16-bit centikelvin or 8-bit.
  8-bit pictures have no temperatures: each --span states an assumption, and the difference
  between spans is reported. Each figure has a bootstrap interval over scenes. `loss` in --out
  shows where a model loses: sides, parts of the body, view, contrast and box.

examples:
  thermal-pose evaluate-pose --evaluation clinic=out/clinic --evaluation broad=out/broad out/empty
  thermal-pose evaluate-pose --model student-lite --model out/models/student.json \\
      --evaluation stress=out/stress --out docs/results/pose_models.json
  thermal-pose evaluate-pose --model student-lite --labels ward=labels.json pictures/ \\
      --span 21 33 --span 20 36 --about ward="own camera, CC-BY" --sheets out/sheets \\
      --detector detector
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_evaluation, add_json, add_out, evaluation_sets
from thermal_pose.files import write_whole
from thermal_pose.inference.factory import make_detector, make_estimator

_DETECTED = (
    "every box counts: in sets that label the person tested only, others in view are false alarms"
)
MODELS = ("student-lite", "student-lite-int8", "student", "student-int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "--model", action="append", default=[], help="name or card; repeat (default: all shipped)"
    )
    add_evaluation(parser)
    parser.add_argument(
        "--labels",
        action="append",
        nargs=2,
        default=[],
        metavar=("NAME=JSON", "IMAGES"),
        help="named COCO keypoint json and the folder of its pictures; repeat (default: none)",
    )
    parser.add_argument(
        "--span",
        action="append",
        nargs=2,
        type=_degc,
        default=[],
        metavar=("COLD", "HOT"),
        help="assumed temperatures of 8-bit pictures, degC; repeat (default: 21 33)",
    )
    parser.add_argument(
        "--about",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="source and licence of a --labels set (default: not stated)",
    )
    parser.add_argument(
        "--sheets", type=Path, metavar="DIR", help="folder for overlay sheets of --labels sets"
    )
    parser.add_argument(
        "--sensitivity",
        action="store_true",
        help="also judge --evaluation sets with cloth texture, contrast, blur and noise",
    )
    parser.add_argument("--detector", default="", help="also measure with this detector's boxes")
    add_out(parser, "JSON file; models that it holds on these sets are kept")
    add_json(parser)


def _degc(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 60.0:
        raise argparse.ArgumentTypeError(f"expected 0 to 60 degC, got {text}")
    return value


def start(args: argparse.Namespace) -> int:
    """Run each model on each set."""
    from thermal_pose.errors import ConfigError

    if bool(args.evaluation) == bool(args.labels):
        raise ConfigError(
            "evaluate-pose: expected --evaluation (simulated) or --labels (real pictures)"
        )
    if args.labels and args.sensitivity:
        raise ConfigError(
            "--sensitivity: expected --evaluation sets, got --labels: disturbances are simulated"
        )
    for option in ("span", "about", "sheets"):
        if args.evaluation and getattr(args, option):
            raise ConfigError(
                f"--{option}: expected --labels sets, got --evaluation: shards hold temperatures "
                "and say themselves where they come from"
            )
    results = _on_labels(args) if args.labels else _on_shards(args)
    if args.json:
        print(json.dumps(results, indent=1))
    return 0


def _on_labels(args: argparse.Namespace) -> dict[str, Any]:
    from thermal_pose.lab.evaluation.labelled.run import LabelledSet, judge_labelled
    from thermal_pose.lab.learning.fitting.run_log import command_line

    about = dict(_named("--about", text) for text in args.about)
    sets = [
        LabelledSet(name, Path(labels), Path(images), about.get(name, ""))
        for name, labels, images in (
            (*_named("--labels", entry), images) for entry, images in args.labels
        )
    ]
    spans = [(cold, hot) for cold, hot in args.span] or [(21.0, 33.0)]
    tell = (lambda line: None) if args.json else print
    finder = make_detector(args.detector) if args.detector else None
    judged = judge_labelled(
        args.model or MODELS, sets, spans, args.sheets, tell=tell, finder=finder
    )
    results = {
        "simulated": False,
        "command": command_line(),
        "oks": "picture's own pixels, the labels' area, joints with v > 0, true boxes",
        "intervals": "95 %, bootstrap over scenes",
        "detector": finder.model_id if finder is not None else None,
        **judged,
    }
    _save(args.out, results)
    return results


def _named(option: str, text: str) -> tuple[str, str]:
    from thermal_pose.errors import ConfigError

    name, _, value = text.partition("=")
    if not name or not value:
        raise ConfigError(f"{option} {text}: expected NAME=VALUE")
    return name, value


def _on_shards(args: argparse.Namespace) -> dict[str, Any]:
    from thermal_pose.lab.evaluation.sensitivity import sensitivity
    from thermal_pose.lab.learning.fitting.run_log import command_line
    from thermal_pose.lab.learning.students.judge import evaluate_detected, evaluate_model

    sets = _load_sets(args)
    finder = make_detector(args.detector) if args.detector else None
    results: dict[str, Any] = {
        "simulated": True,
        "command": command_line(),
        "oks": "thermal frame, silhouette area, joints with v > 0, true boxes",
        "detector": args.detector or None,
        "detected": _DETECTED if args.detector else None,
        "sets": {name: data.fingerprint() for name, data in sets.items()},
        "models": {},
    }
    results["models"] = known = _judged_before(args.out, results)
    for model in args.model or MODELS:
        estimator = make_estimator(model)
        if known.get(model, {}).get("model_id") == estimator.model_id:
            continue
        judged: dict[str, Any] = {"model_id": estimator.model_id, "device": str(estimator.info)}
        for name, data in sets.items():
            label = f"{model} on {name}"
            with tqdm(total=len(data.frames), unit="frame", desc=label, disable=None) as bar:
                judged[name] = evaluate_model(estimator, data, bar.update)
                if args.sensitivity and data.person.any():
                    judged[name]["disturbed_ap"] = sensitivity(estimator, data)
                if finder is not None and data.person.any():
                    judged[name]["detected"] = evaluate_detected(estimator, finder, data)
            if not args.json:
                print(f"{label}: {_line(judged[name])}")
        results["models"][model] = judged
        _save(args.out, results)  # the next model may be interrupted
    return results


def _save(out: Path | None, results: dict[str, Any]) -> None:
    from thermal_pose.lab.evaluation.labelled.resampling import one_line_each

    if out is not None:
        write_whole(out, one_line_each(json.dumps(results, indent=1)) + "\n")


def _judged_before(out: Path | None, results: dict[str, Any]) -> dict[str, Any]:
    """Return the models of an earlier file on the same sets, with the same detector."""
    from thermal_pose.errors import ConfigError

    if out is None or not out.is_file():
        return {}
    try:
        before = json.loads(out.read_text(encoding="utf-8"))
        same = all(before.get(key) == results[key] for key in ("sets", "detector", "oks"))
        models = dict(before["models"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"--out {out}: was not written by evaluate-pose ({error}); delete it or name another"
        ) from error
    return models if same else {}


def _load_sets(args: argparse.Namespace) -> dict[str, Any]:
    from thermal_pose.lab.learning.pose_data import concatenate, load_folder

    return {
        name: concatenate([load_folder(folder) for folder in folders])
        for name, folders in evaluation_sets(args).items()
    }


def _line(figures: dict[str, Any]) -> str:
    if "ap" not in figures:
        return f"no person in {figures['frames']} frames"
    confidence = figures["confidence"]
    told = f"AP {figures['ap']:.3f}, joints' calibration error {confidence['joint_ece']:.3f}"
    if "detected" in figures:
        told += f", AP {figures['detected']['ap_detected_boxes']:.3f} with detected boxes"
    wrong = figures["person_score"]["wrong"]
    if wrong["people"]:
        told += (
            f", {100 * wrong['below_live_threshold']:.0f} % of {wrong['people']} wrong poses "
            f"below the live threshold (mean person score {wrong['mean']:.2f})"
        )
    if "refused_at_99_recall" in confidence:
        told += (
            f", {100 * confidence['refused_at_99_recall']:.1f} % of "
            f"{confidence['crops_without_people']} empty crops refused at 99 % of "
            f"{confidence['people']} people kept"
        )
    if "half_visible" in confidence:
        told += (
            f", {100 * confidence['half_visible_refused_at_99_recall']:.1f} % at 99 % of the "
            f"{confidence['half_visible']} at least half visible"
        )
    return told
