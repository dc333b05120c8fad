# SPDX-License-Identifier: Apache-2.0
"""Render thermal training frames with exact truth into shards, without recordings.

Tests, ward life, everyday life and exercise in any posture, and empty rooms, by both thermal
cameras. A stream depends only on its seed, not on the number of jobs; an interrupted one continues
where it stopped. --without switches off parts of everyday life, to measure their effect.

examples:
  thermal-pose simulate-stream --frames 20000 --seed 1 --jobs 2 --out shards/
  thermal-pose simulate-stream --frames 4000 --seed 5000 --first-body 120 --body-count 30 --out val/
  thermal-pose simulate-stream --frames 5000 --seed 2 --rgb --out teacher/
  thermal-pose simulate-stream --frames 500 --seed 1 --out look/ --sheet look/sheet.png
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from thermal_pose.cli.arguments import (
    add_bodies,
    add_body_count,
    add_jobs,
    add_json,
    add_out,
    add_seed,
    count,
    jobs_of,
    positive,
    print_result,
)
from thermal_pose.lab.simulation.stream.life_options import LIFE_REASONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    reasons = "; ".join(f"{name} ({reason})" for name, reason in LIFE_REASONS.items())
    parser.add_argument(
        "--frames", type=positive, required=True, metavar="N", help="frames to render, at least"
    )
    add_seed(parser)
    add_jobs(parser)
    add_out(parser, "folder for the shards", required=True)
    add_bodies(parser)
    add_body_count(parser, 150)
    parser.add_argument(
        "--first-body", type=count, default=0, metavar="N", help="number of the first body"
    )
    parser.add_argument(
        "--kind",
        choices=("tug", "ward", "life", "empty"),
        help="only tests, ward life, everyday life or empty rooms (default: a mixture)",
    )
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        choices=tuple(LIFE_REASONS),
        metavar="SWITCH",
        help=f"leave these out of everyday life (default: nothing): {reasons}",
    )
    parser.add_argument("--rgb", action="store_true", help="also cut an RGB patch for each person")
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="also write a contact sheet of the first shard"
    )
    add_json(parser, "the summary")


def start(args: argparse.Namespace) -> int:
    """Write the shards and print one summary line."""
    from thermal_pose.lab.simulation.stream.clips import ClipKind
    from thermal_pose.lab.simulation.stream.frames import StreamOptions, write_stream
    from thermal_pose.lab.simulation.stream.life_options import LifeOptions
    from thermal_pose.lab.simulation.stream.sheet import write_sheet

    options = StreamOptions(
        seed=args.seed,
        n_bodies=args.body_count,
        first_body=args.first_body,
        with_rgb=args.rgb,
        life=LifeOptions(**dict.fromkeys(args.without, False)),
    )
    if args.kind is not None:
        options = replace(options, shares={ClipKind(args.kind): 1.0})
    began = time.perf_counter()
    with tqdm(total=args.frames, unit="frame", disable=None) as bar:
        frames = write_stream(
            args.out, options, args.frames, jobs_of(args), args.bodies, done=bar.update
        )
    seconds = time.perf_counter() - began
    if args.sheet is not None:
        write_sheet(args.out / f"stream-{args.seed}-00000.npz", args.sheet)
    summary = {"frames": frames, "seconds": round(seconds, 2), "per_s": round(frames / seconds, 1)}
    text = f"{frames} frames in {seconds:.1f} s ({frames / seconds:.0f}/s) in {args.out}"
    print_result(args, summary, text)
    return 0
