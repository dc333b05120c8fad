# SPDX-License-Identifier: Apache-2.0
"""Fill a cache folder with bodies, so that machines without the body model can simulate.

examples:
  thermal-pose bake-bodies --count 150
  thermal-pose bake-bodies --count 150 --out bodies/
  THERMAL_POSE_BODIES=bodies thermal-pose simulate-stream --frames 1000 --out shards/
"""

import argparse
from pathlib import Path

from tqdm import tqdm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--count", type=int, default=150, help="bodies (default 150)")
    parser.add_argument("--out", type=Path, help="folder (default: the user's cache)")


def start(args: argparse.Namespace) -> int:
    """Bake the library's bodies that are not there yet and print one summary line."""
    from thermal_pose.lab.simulation.people.bake import bake_body, default_cache_dir, library_shapes

    folder = args.out or default_cache_dir()
    shapes = library_shapes(args.count)
    for shape in tqdm(shapes, unit="body", disable=None):
        bake_body(shape, folder)
    paths = [folder / "template.npz", *(folder / f"body-{shape.key}.npz" for shape in shapes)]
    size = sum(path.stat().st_size for path in paths)
    print(f"{args.count} bodies in {folder} ({size / 1e6:.1f} MB)")
    return 0
