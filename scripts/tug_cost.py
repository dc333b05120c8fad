# SPDX-License-Identifier: Apache-2.0
"""Measure what timing costs, and keep the figures for docs/validation.md.

    bash scripts/with_venv.sh python scripts/tug_cost.py frames
    bash scripts/with_venv.sh python scripts/tug_cost.py memory --trials 1000

`frames` times the live analysis frame by frame, on the shipped recording's keypoints; the machine
should do nothing else. `memory` analyzes copies of the shipped recording one after the other, as
`thermal-pose analyze FOLDER` does, and notes the resident memory on the way.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.pipeline.batch import analyze_many, find_recordings
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.session import TrialSession
from thermal_pose.types import FrameKeypoints

OUT = Path("docs/results/tug_cost.json")
_MARKS = (1, 10, 100)


def main() -> None:
    """Measure and write one part of the file; print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("frames", "memory"))
    parser.add_argument("--trials", type=int, default=1000, help="recordings to analyze")
    parser.add_argument("--repeats", type=int, default=20, help="passes over the recording")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    found = frame_cost(args.repeats) if args.what == "frames" else memory_use(args.trials)
    document = json.loads(args.out.read_text()) if args.out.exists() else {}
    document[args.what] = found
    args.out.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def frame_cost(repeats: int) -> dict[str, Any]:
    """Time per frame of a `TrialSession` and of the final result, over passes of one trial."""
    frames = _keypoints(DEMO_BAG)
    _pass(frames)
    updates_s, finishes_s = zip(*(_pass(frames) for _ in range(repeats)), strict=True)
    costs_ms = 1e3 * np.concatenate(updates_s)
    return {
        "command": "python scripts/tug_cost.py frames",
        "machine": platform.processor() or platform.machine(),
        "frames": len(frames),
        "passes": repeats,
        "mean_ms": round(float(costs_ms.mean()), 3),
        "p50_ms": round(float(np.percentile(costs_ms, 50)), 3),
        "p99_ms": round(float(np.percentile(costs_ms, 99)), 3),
        "max_ms": round(float(costs_ms.max()), 3),
        "final_ms": round(1e3 * float(np.mean(finishes_s)), 1),
    }


def _keypoints(bag_path: Path) -> list[FrameKeypoints]:
    perception = build_perception()
    with BagReader(bag_path) as bag:
        return [perception.step(frame) for frame in bag.thermal_frames()]


def _pass(frames: list[FrameKeypoints]) -> tuple[np.ndarray[Any, Any], float]:
    session = TrialSession(films=False)
    marks = [time.perf_counter()]
    for frame in frames:
        session.keypoints(frame)
        marks.append(time.perf_counter())
    session.finish()
    return np.diff(marks), time.perf_counter() - marks[-1]


def memory_use(n_trials: int) -> dict[str, Any]:
    """Resident memory, MiB, by the number of recordings analyzed, up to `n_trials`."""
    marks = sorted({mark for mark in _MARKS if mark < n_trials} | {n_trials})
    resident: dict[str, float] = {}
    valid = 0
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k in range(n_trials):
            shutil.copytree(DEMO_BAG, folder / "in" / f"trial-{k:04d}", copy_function=_link)
        rows = analyze_many(find_recordings([folder / "in"]), TugParams(), folder / "out")
        for done, row in enumerate(rows, start=1):
            valid += row.outcome == "valid"
            if done in marks:
                resident[str(done)] = round(_resident_mib(), 1)
        written = len(list((folder / "out").glob("*.json")))
    return {
        "command": f"python scripts/tug_cost.py memory --trials {n_trials}",
        "trials": n_trials,
        "valid": valid,
        "written": written,
        "resident_mib_after": resident,
        "seconds": round(time.monotonic() - started_s, 1),
    }


def _link(source: str, target: str) -> None:
    """A second name for the same bytes where the disk can, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
