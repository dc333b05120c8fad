# SPDX-License-Identifier: Apache-2.0
"""Print parameters and multiply-adds of the networks, true and as the seed paper counts them.

The paper's tool counts transposed convolutions at output resolution, four times too much.

examples:
  thermal-pose model-info
  thermal-pose model-info --json
"""

import argparse
import json
from dataclasses import asdict

from thermal_pose.cli.arguments import add_json

#: Table I of the seed paper: parameters in millions, "FLOPs" in G.
PAPER = {
    "mobilenetv3": (4.398, 5.696),
    "resnet50": (13.530, 9.066),
    "vit_b": (89.994, 22.766),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Count and print."""
    import torch

    from thermal_pose.lab.learning.networks.counting import measure
    from thermal_pose.lab.learning.networks.pose import NETWORKS, build_network
    from thermal_pose.lab.learning.students.ship import SHIPPED

    with torch.device("meta"):  # shapes are all that counts
        sizes = {name: measure(build_network(name)) for name in NETWORKS}
        sizes["student-lite"] = measure(SHIPPED["student-lite"].build())
    if args.json:
        print(json.dumps({name: asdict(size) for name, size in sizes.items()}, indent=2))
        return 0
    header = ("network", "params", "MACs G", "as the paper counts", "paper: params M / G")
    print("{:<14}{:>12}{:>10}{:>21}{:>22}".format(*header))
    for name, size in sizes.items():
        params_m, macs_g = PAPER.get(name, (None, None))
        paper = f"{params_m:.3f} / {macs_g:.3f}" if params_m else "-"
        print(
            f"{name:<14}{size.parameters:>12,}{size.macs / 1e9:>10.3f}"
            f"{size.paper_macs / 1e9:>21.3f}{paper:>22}"
        )
    return 0
