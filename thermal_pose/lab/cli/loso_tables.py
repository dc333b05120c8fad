# SPDX-License-Identifier: Apache-2.0
"""Write the seed paper's Table I and Figs. 1 and 3 from the results of `thermal-pose loso`.

With --beyond, also write the table of gains from changes to the method.

Cells and points that were not run are marked as such.

examples:
  thermal-pose loso-tables docs/results/pose_loso.json --out docs/results
  thermal-pose loso-tables docs/results/pose_loso.json --out docs/results \\
      --predictions out/loso/student_mobilenetv3.npz
"""

import argparse
from pathlib import Path
from typing import Any

from thermal_pose.cli.arguments import add_json, add_out, print_result
from thermal_pose.files import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("results", type=Path, help="results of `thermal-pose loso`")
    add_out(parser, "folder for tables and figures", required=True)
    parser.add_argument(
        "--beyond", type=Path, metavar="FILE", help="results of `thermal-pose loso-variants`"
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="WORK/ROW.npz of `thermal-pose loso`: also draw annotated frames",
    )
    parser.add_argument(
        "--sweep",
        type=Path,
        metavar="FILE",
        help="results of `thermal-pose loso` with the sweep to draw (default: the same results)",
    )
    add_json(parser, "the files and rows")


def start(args: argparse.Namespace) -> int:
    """Write `pose_table.md`, and, if there is data, `pose_beta.png` and `pose_frames.png`."""
    from thermal_pose.lab.learning.paper.frames_figure import draw_frames
    from thermal_pose.lab.learning.paper.tables import (
        beyond_table,
        breakdowns,
        draw_sweep,
        empty_because,
        read_results,
        read_variants,
        sweep_points,
        table_i,
    )

    results = read_results(args.results)
    args.out.mkdir(parents=True, exist_ok=True)
    table = args.out / "pose_table.md"
    write_whole(table, f"{table_i(results)}\n{breakdowns(results)}")
    run = [
        name
        for name, entry in results["models"].items()
        if entry["ap"]["mean"] is not None and not empty_because(entry)
    ]
    sweep = results if args.sweep is None else read_results(args.sweep)
    swept = len(sweep_points(sweep)["ap"])
    document: dict[str, Any] = {"table": str(table), "rows_run": run, "beta_points": swept}
    lines = [f"{table}: {len(run)} rows run; beta sweep: {swept} points"]
    if args.beyond is not None:
        variants = read_variants(args.beyond)
        page = args.out / "pose_beyond.md"
        write_whole(page, beyond_table(variants))
        lines.append(f"{page}: {len(variants['variants'])} variants")
        document["beyond"] = str(page)
    if swept:
        document["sweep"] = str(draw_sweep(sweep, args.out / "pose_beta.png"))
        lines.append(document["sweep"])
    if args.predictions is not None:
        document["frames"] = str(draw_frames(args.predictions, args.out / "pose_frames.png"))
        lines.append(document["frames"])
    print_result(args, document, "\n".join(lines))
    return 0
