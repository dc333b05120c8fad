# SPDX-License-Identifier: Apache-2.0
"""`thermal-pose <verb>`: finds the verb's module, parses, calls, and turns errors into one line."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from thermal_pose import __version__
from thermal_pose.errors import ThermalPoseError

#: Verb -> one-line help. Module `thermal_pose.cli.<verb with _>` has
#: `add_arguments(parser)`, `start(args) -> int` and a docstring whose tail shows examples.
VERBS: dict[str, str] = {
    "evaluate-perception": "judge keypoints with exact boxes, offline and through the nodes",
    "bench": "measure speed, latency, load and memory",
    "view": "show the live topics, or a recording, in the browser",
    "bake-bodies": "fill a cache with bodies, for machines without the body model",
    "bench-simulation": "measure the simulated clinic: frames a second, memory, floor",
    "simulate-stream": "render thermal training frames with exact truth into shards",
    "evaluate-detector": "judge person detectors: AP50, recall, false alarms",
    "evaluate-pose": "judge pose models on people never seen: AP, calibration, refusal",
    "adapt": "adapt a pose model to your own camera, from your own recordings",
    "dataset": "build a training data set from recordings or COCO json",
    "loso": "leave one subject out: the paper's table and beta sweep",
    "loso-detectors": "train the paper's person detector on the same folds",
    "loso-variants": "beyond the paper: changes to its method on the same folds",
    "loso-tables": "write the paper's Table I and Figs. 1 and 3 from those results",
    "model-info": "print parameters and multiply-adds, true and as the paper counts",
    "train": "train, calibrate and export the students to ship",
    "recalibrate": "calibrate a pose model's scores anew, for int8 or another camera",
    "distil-thermal": "train the paper's student from a trained thermal network",
    "train-teacher": "train a teacher on rendered RGB",
    "train-detector": "train the tiny person detector and export it",
    "train-tug": "train the networks that time the Timed Up and Go",
    "analyze": "time the Timed Up and Go in recordings or folders of them",
    "delete": "delete results of a person, or by age, for good",
    "demo": "replay the shipped recording through the live graph and report on it",
    "evaluate-tug": "compare timed trials of the simulated clinic with their truth",
    "history": "show one person's tests over time",
    "faults": "run the fault tests at full count (in a checkout)",
    "info": "describe a recording: topics, counts, rates, gaps",
    "play": "play a recording onto its topics, with /clock",
    "record": "record the running graph",
    "repair": "complete or save a recording whose recorder was killed",
    "report": "write the report of one recorded trial",
    "run": "run the live graph: camera, detector, pose, TUG analyzer",
    "simulate": "make a cohort of simulated recordings with exact truth",
    "calibrate": "calibrate both cameras from a recording of a target",
    "sync": "match both cameras' frames; find asynchronous pairs",
}

EXIT_INTERRUPTED = 130


def _verb_module(verb: str) -> ModuleType:
    return importlib.import_module(f"thermal_pose.cli.{verb.replace('-', '_')}")


def _overview() -> str:
    width = max((len(verb) for verb in VERBS), default=0)
    lines = [f"  {verb:<{width}}  {text}" for verb, text in VERBS.items()]
    return "verbs (`thermal-pose VERB --help` shows examples):\n" + "\n".join(lines)


def _parse(argv: Sequence[str]) -> tuple[ModuleType, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        prog="thermal-pose",
        description="Keypoints and Timed Up and Go phases from low-resolution thermal cameras.",
        epilog=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"thermal-pose {__version__}")
    parser.add_argument("verb", choices=list(VERBS), metavar="VERB", help="what to do")
    args = parser.parse_args(argv[:1])
    module = _verb_module(args.verb)
    verb_parser = argparse.ArgumentParser(
        prog=f"thermal-pose {args.verb}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(verb_parser)
    return module, verb_parser.parse_args(argv[1:])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code (0: done; others: `errors.py`, 2: usage)."""
    module, args = _parse(sys.argv[1:] if argv is None else argv)
    try:
        return int(module.start(args))
    except ThermalPoseError as error:
        print(f"thermal-pose: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
