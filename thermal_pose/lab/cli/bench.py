# SPDX-License-Identifier: Apache-2.0
"""Measure speed, latency, load and memory of this machine; or endurance with --soak-s.

All crop timings come from one interleaved run. Stop other programs first.

examples:
  thermal-pose bench --out out/bench.json
  thermal-pose bench --quick --out out/bench-quick.json
  thermal-pose bench --soak-s 3600 --out docs/results/soak.json
  thermal-pose bench --page docs/performance.md --from out/bench.json
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.cli.arguments import add_json, add_out, positive, print_result
from thermal_pose.errors import ConfigError
from thermal_pose.files import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_out(parser, "JSON file to write", Path("out/bench.json"))
    parser.add_argument(
        "--bag",
        type=Path,
        default=DEMO_BAG,
        metavar="PATH",
        help="recording to play the images of",
    )
    parser.add_argument("--model", help="pose model (default: the nodes' default)")
    parser.add_argument("--detector", help="person detector (default: the nodes' default)")
    parser.add_argument(
        "--rounds", type=positive, default=40, metavar="N", help="rounds of the crop timing"
    )
    parser.add_argument(
        "--seconds", type=float, default=60.0, metavar="S", help="length of each run over DDS"
    )
    parser.add_argument("--quick", action="store_true", help="3 rounds of 5 s, to see that it runs")
    parser.add_argument("--soak-s", type=float, metavar="S", help="instead: run this long at 8 Hz")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="instead: write the page and its plots"
    )
    parser.add_argument(
        "--rough", action="store_true", help="write the page even if other programs disturbed it"
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        default=Path("out/bench.json"),
        metavar="FILE",
        help="JSON file that --page reads",
    )
    add_json(parser, "the figures")


def start(args: argparse.Namespace) -> int:
    """Measure, or write the page."""
    if args.page is not None:
        from thermal_pose.lab.benchmark.page import write_page

        found = json.loads(args.source.read_text(encoding="utf-8"))
        _check_quiet(found, args)
        written = [str(path) for path in write_page(found, args.page)]
        print_result(args, {"written": written}, f"wrote {', '.join(written)}")
        return 0
    models = {
        name: value for name, value in (("pose", args.model), ("detector", args.detector)) if value
    }
    begin_s = time.monotonic()
    if args.soak_s is not None:
        found = _soak(args, models)
        summary = f"{found['dropped']} dropped, memory {100 * found['rss_growth_share']:+.2f} %"
    else:
        found = _bench(args, models)
        met = sum(target["met"] for target in found["targets"].values())
        summary = f"{met} of {len(found['targets'])} targets met"
    write_whole(args.out, json.dumps(found, indent=2) + "\n")
    took = f"after {time.monotonic() - begin_s:.0f} s"
    print_result(args, found, f"{args.out}: {summary}, {took}")
    return 0


def _check_quiet(found: dict[str, Any], args: argparse.Namespace) -> None:
    """Refuse to publish figures that other programs disturbed, unless --rough marks them."""
    if found["disturbed"] and not args.rough:
        raise ConfigError(
            f"{args.source}: other programs used {100 * found['foreign_share']:.0f} % of the "
            "machine while this was measured; measure again on a quiet machine, or give --rough "
            "to publish the figures marked as rough"
        )


def _bench(args: argparse.Namespace, models: dict[str, str]) -> dict[str, Any]:
    from thermal_pose.lab.benchmark.suite import BenchOptions, run_bench

    rounds, seconds = (3, 5.0) if args.quick else (args.rounds, args.seconds)
    options = BenchOptions(args.bag, models, rounds, seconds)
    return run_bench(options, lambda text: print(f"  {text}", file=sys.stderr, flush=True))


def _soak(args: argparse.Namespace, models: dict[str, str]) -> dict[str, Any]:
    from thermal_pose.lab.benchmark.load import runs
    from thermal_pose.lab.benchmark.machine import describe_machine

    machine = describe_machine()
    with runs.ros(), tqdm(total=12, unit="piece", desc="soak", disable=None) as bar:
        frames = runs.load_frames(args.bag)
        found = runs.soak(frames, models, args.soak_s, tick=bar.update)
    return {"machine": machine, **found}
