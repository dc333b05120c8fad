# SPDX-License-Identifier: Apache-2.0
"""Figures and contact sheets of docs/simulated-clinic.md: `durations`, `sheet`, `noise`.

examples:
  python scripts/simulated_clinic.py durations
  python scripts/simulated_clinic.py sheet cohorts/paper docs/results/simulated-clinic/paper.jpg
  python scripts/simulated_clinic.py noise cohorts/paper cohorts/clinic
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.bags.reader import BagReader
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.lab.simulation.people.presets import IMPAIRED, NORMAL, OLD
from thermal_pose.lab.simulation.people.subject import Population, draw_subject, subject_rng
from thermal_pose.skeleton import LIMBS
from thermal_pose.types import NS_PER_S, ThermalFrame, TrueFrame, TugTiming

Image = npt.NDArray[np.uint8]
TILE_WH = (200, 150)


def durations(args: argparse.Namespace) -> None:
    """Mean and SD of every phase for each population, as a table."""
    names = ("sit_to_stand", "walk_out", "turn", "walk_back", "turn_to_sit", "stand_to_sit")
    print("population | n | " + " | ".join(names) + " | last two | total")
    for name, population in (("normal", NORMAL), ("old", OLD), ("impaired", IMPAIRED)):
        rows = np.array(list(_phase_durations_s(name, population, args.people)))
        columns = np.column_stack([rows, rows[:, 4] + rows[:, 5], rows.sum(axis=1)])
        cells = [f"{c.mean():.2f} ± {c.std(ddof=1):.2f}" for c in columns.T]
        print(f"{name} | {len(rows)} | " + " | ".join(cells))


def _phase_durations_s(name: str, population: Population, people: int) -> Iterator[list[float]]:
    for index in range(people):
        subject = draw_subject(population, f"page-{name}", 0, index)
        for trial in range(2):
            rng = subject_rng(f"page-{name}", 0, index, 9, trial)
            try:
                timing = plan_trial(subject, rng).truth
            except (SimulationError, ValueError) as error:
                print(f"{subject.subject_id}: {error}")
                continue
            yield [phase.duration_s for phase in timing]


def _moments_s(timing: TugTiming, duration_s: float) -> list[float]:
    """A moment in every phase, seated rest first and last."""
    if not timing.phases:
        return [float(value) for value in np.linspace(0.5, duration_s - 0.5, 8)]
    middles = [(phase.start_s + phase.end_s) / 2 for phase in timing]
    return [timing.phases[0].start_s - 0.8, *middles, timing.phases[-1].end_s + 1.0]


def _thermal_tile(frame: ThermalFrame, truth: TrueFrame, with_truth: bool) -> Image:
    counts = frame.centikelvin.astype(np.float64)
    low, high = np.percentile(counts, (1, 99.8))
    grey = np.clip((counts - low) / max(high - low, 50) * 255, 0, 255).astype(np.uint8)
    tile = cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)
    tile = cv2.resize(tile, TILE_WH, interpolation=cv2.INTER_NEAREST)
    scale = TILE_WH[0] / frame.centikelvin.shape[1]
    for person in truth.persons if with_truth else ():
        if person.box_xyxy is None:
            continue
        for first, second in LIMBS:
            if person.visibility[first] and person.visibility[second]:
                ends = [
                    tuple(int(v) for v in (person.xy[joint] + 0.5) * scale)
                    for joint in (first, second)
                ]
                cv2.line(tile, ends[0], ends[1], (120, 255, 120), 1, cv2.LINE_AA)
    return np.asarray(tile, dtype=np.uint8)


def _trial_rows(folder: Path, with_truth: bool) -> list[Image]:
    """Thermal tiles of one trial, and colour tiles below where it has any."""
    with BagReader(folder) as bag:
        thermal, truth = list(bag.thermal_frames()), list(bag.true_frames())
        timing = bag.true_timing()
    stamps_s = np.array([f.stamp_ns - thermal[0].stamp_ns for f in thermal]) / NS_PER_S
    entry = json.loads((folder / "trial.json").read_text())
    moments_s = _moments_s(timing, entry["duration_s"])
    picks = [int(np.abs(stamps_s - moment_s).argmin()) for moment_s in moments_s]
    rows = [np.hstack([_thermal_tile(thermal[p], truth[p], with_truth) for p in picks])]
    if entry["rgb"]:
        with BagReader(folder) as bag:
            wanted = {p: frame.bgr for p, frame in enumerate(bag.rgb_frames()) if p in picks}
        size_wh = (TILE_WH[0], TILE_WH[0] * 9 // 16)
        tiles = [cv2.resize(wanted[p], size_wh, interpolation=cv2.INTER_AREA) for p in picks]
        rows.append(np.hstack(tiles).astype(np.uint8))
    return rows


def sheet(args: argparse.Namespace) -> None:
    """Contact sheet: a moment of every phase, one trial below the other."""
    folders = sorted(path.parent for path in args.cohort.glob("*/trial.json"))[: args.trials]
    rows = [row for folder in folders for row in _trial_rows(folder, args.truth)]
    args.image.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.image), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 82])
    print(f"{args.image}: {len(folders)} trials, {args.image.stat().st_size / 1e3:.0f} kB")


def noise(args: argparse.Namespace) -> None:
    """Temporal noise of the still room as a share of the person's contrast, each trial."""
    for cohort in args.cohorts:
        figures = [_noise_figures(path.parent) for path in sorted(cohort.glob("*/trial.json"))]
        table = np.array([row for row in figures if row is not None])
        print(f"{cohort}: {len(table)} trials; median (least .. greatest)")
        for name, column in zip(
            ("noise mK", "contrast K", "noise / contrast %", "height px seated"),
            table.T,
            strict=True,
        ):
            print(f"  {name}: {np.median(column):.2f} ({column.min():.2f} .. {column.max():.2f})")


def _noise_figures(folder: Path) -> tuple[float, float, float, float] | None:
    with BagReader(folder) as bag:
        thermal = [f.centikelvin for f, _ in zip(bag.thermal_frames(), range(8), strict=False)]
        truth = [f for f, _ in zip(bag.true_frames(), range(8), strict=False)]
    if any(not frame.persons or frame.persons[0].box_xyxy is None for frame in truth):
        return None
    stack = np.stack(thermal) / 100.0
    left, top, right, bottom = (round(v) for v in truth[0].persons[0].box_xyxy or (0, 0, 0, 0))
    away = np.ones(stack.shape[1:], dtype=np.bool_)
    for person in truth[0].persons:
        box = person.box_xyxy or (0.0, 0.0, 0.0, 0.0)
        x0, y0, x1, y1 = (round(value) for value in box)
        away[max(y0 - 4, 0) : y1 + 5, max(x0 - 4, 0) : x1 + 5] = False
    # Differences of neighbouring frames: free of drift; sqrt(2) too great.
    noise_k = float(np.median(np.diff(stack, axis=0).std(axis=0)[away]) / np.sqrt(2))
    body = stack[0, max(top, 0) : bottom + 1, max(left, 0) : right + 1]
    contrast_k = float(np.percentile(body, 70) - np.median(stack[0][away]))
    return 1000 * noise_k, contrast_k, 100 * noise_k / contrast_k, float(bottom - top)


def main() -> None:
    """Parse and run one of the parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("durations", help="phase durations of each population")
    part.add_argument("--people", type=int, default=60)
    part.set_defaults(run=durations)
    part = parts.add_parser("sheet", help="contact sheet of a cohort")
    part.add_argument("cohort", type=Path)
    part.add_argument("image", type=Path)
    part.add_argument("--trials", type=int, default=4)
    part.add_argument("--truth", action="store_true", help="draw the true joints")
    part.set_defaults(run=sheet)
    part = parts.add_parser("noise", help="noise and contrast of cohorts")
    part.add_argument("cohorts", type=Path, nargs="+")
    part.set_defaults(run=noise)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
