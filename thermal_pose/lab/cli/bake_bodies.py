# SPDX-License-Identifier: Apache-2.0
"""Fill a cache folder with bodies for machines without the body model.

examples:
  thermal-pose bake-bodies --body-count 150
  thermal-pose bake-bodies --body-count 150 --bodies bodies/
  THERMAL_POSE_BODIES=bodies thermal-pose simulate-stream --frames 1000 --out shards/
"""

import argparse

from tqdm import tqdm

from thermal_pose.cli.arguments import add_bodies, add_body_count, add_json, print_result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_body_count(parser, 150)
    add_bodies(parser)
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Bake the library's missing bodies and print one summary line."""
    from thermal_pose.lab.simulation.people.bake import bake_body, default_cache_dir, library_shapes

    folder = args.bodies or default_cache_dir()
    shapes = library_shapes(args.body_count)
    for shape in tqdm(shapes, unit="body", disable=None):
        bake_body(shape, folder)
    paths = [folder / "template.npz", *(folder / f"body-{shape.key}.npz" for shape in shapes)]
    size = sum(path.stat().st_size for path in paths)
    document = {"folder": str(folder), "bodies": args.body_count, "bytes": size}
    print_result(args, document, f"{args.body_count} bodies in {folder} ({size / 1e6:.1f} MB)")
    return 0
