# SPDX-License-Identifier: Apache-2.0
"""Render thermal training frames with exact truth into shards, without recordings.

Tests, ward life in any posture, and empty rooms, by both thermal cameras. A stream is the same
for the same seed whatever the number of jobs, and goes on where it was interrupted.

examples:
  thermal-pose simulate-stream --frames 20000 --seed 1 --jobs 2 --out shards/
  thermal-pose simulate-stream --frames 4000 --seed 5000 --first-body 120 --bodies 30 --out val/
  thermal-pose simulate-stream --frames 5000 --seed 2 --rgb --out teacher/
  thermal-pose simulate-stream --frames 500 --seed 1 --out look/ --sheet look/sheet.png
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--frames", type=_positive, required=True, help="how many frames, at least")
    parser.add_argument("--seed", type=int, default=0, help="of everything (default 0)")
    parser.add_argument("--jobs", type=_positive, default=1, help="processes (default 1)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--cache", type=Path, help="folder of baked bodies (default: user's)")
    parser.add_argument(
        "--bodies", type=_positive, default=150, help="bodies drawn from (default 150)"
    )
    parser.add_argument("--first-body", type=int, default=0, help="first of them (default 0)")
    parser.add_argument(
        "--kind", choices=("tug", "ward", "empty"), help="only tests, ward life or empty rooms"
    )
    parser.add_argument("--rgb", action="store_true", help="cut an RGB patch for each person")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet of the first shard")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {value}")
    return value


def start(args: argparse.Namespace) -> int:
    """Write the shards and print one summary line."""
    from thermal_pose.lab.simulation.stream.frames import StreamOptions, write_stream
    from thermal_pose.lab.simulation.stream.scenes import ClipKind
    from thermal_pose.lab.simulation.stream.sheet import write_sheet

    options = StreamOptions(
        seed=args.seed, n_bodies=args.bodies, first_body=args.first_body, with_rgb=args.rgb
    )
    if args.kind is not None:
        options = replace(options, shares={ClipKind(args.kind): 1.0})
    began = time.perf_counter()
    with tqdm(total=args.frames, unit="frame", disable=None) as bar:
        frames = write_stream(
            args.out, options, args.frames, args.jobs, args.cache, done=bar.update
        )
    seconds = time.perf_counter() - began
    if args.sheet is not None:
        write_sheet(args.out / f"stream-{args.seed}-00000.npz", args.sheet)
    summary = {"frames": frames, "seconds": round(seconds, 2), "per_s": round(frames / seconds, 1)}
    if args.json:
        print(json.dumps(summary))
    else:
        print(f"{frames} frames in {seconds:.1f} s ({frames / seconds:.0f}/s) in {args.out}")
    return 0
