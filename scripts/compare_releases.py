# SPDX-License-Identifier: Apache-2.0
"""Compare what two checkouts compute: the demo's keypoints and report, and evaluation figures.

Runs the same small, seeded commands in both checkouts with this Python, and compares every file
that they write and the JSON that they print. Fields that name versions, commands, times and
folders are left out, and names that changed count as the same. Exit code 0: all the same; 1:
something differs; 2: a command failed.

examples:
  git worktree add /tmp/before v0.1.0
  python scripts/compare_releases.py /tmp/before . --work /tmp/compare
  python scripts/compare_releases.py /tmp/before . --work /tmp/compare --only keypoints report
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DEMO = "thermal_pose/assets/demo"
#: Keys of JSON objects that differ between releases by their nature.
IGNORED = {"versions", "version", "software", "thermal_pose", "command", "git", "written", "device",
           "seconds", "created", "folder", "bag", "recording", "path", "bytes"}  # fmt: skip
#: Options by their names in earlier releases and now.
RENAMED = {
    "--set": "--evaluation",
    "--bodies-count": "--body-count",
    "--rate-hz": "--frame-rate",
}
#: Names in results, in earlier releases and now.
RENAMED_TEXTS = {
    "Turn before sitting": "Turn to sit",
    "final_turn_direction": "turn_to_sit_direction",
    '"final_turn_s"': '"turn_to_sit_s"',
    '"rise_s"': '"sit_to_stand_s"',
    '"sit_s"': '"stand_to_sit_s"',
}
KEYPOINTS = """
import sys, numpy as np
from thermal_pose.bags.reader import BagReader
from thermal_pose.pipeline.perception_params import build_perception
perception, rows = build_perception(), []
with BagReader(sys.argv[1]) as bag:
    for frame in bag.thermal_frames():
        for person in perception.step(frame).persons:
            rows.append(np.concatenate([[frame.stamp_ns, person.track_id], person.xy.ravel(),
                                        person.scores, person.box.xyxy]))
np.save(sys.argv[2], np.array(rows))
"""


@dataclass(frozen=True)
class Step:
    """One command; OUT stands for the checkout's folder of results, DEMO for its recording."""

    name: str
    words: tuple[str, ...]
    code: str = ""


STEPS = (
    Step("keypoints", ("DEMO", "OUT/keypoints.npy"), code=KEYPOINTS),
    Step("analyze", ("analyze", "DEMO", "--height", "1.7", "--out", "OUT/analyze")),
    Step("report", ("report", "DEMO", "--subject", "P01", "--out", "OUT/report")),
    Step(
        "simulate",
        ("simulate", "--preset", "clinic", "--subjects", "1", "--trials", "1", "--seed", "77",
         "--no-rgb", "--jobs", "1", "--out", "OUT/simulate"),
    ),
    Step(
        "simulate-stream",
        ("simulate-stream", "--frames", "72", "--seed", "5000", "--out", "OUT/stream"),
    ),
    Step(
        "evaluate-pose",
        ("evaluate-pose", "--model", "student-lite", "--set", "few=OUT/stream", "--json"),
    ),
    Step("evaluate-detector", ("evaluate-detector", "--set", "few=OUT/stream", "--json")),
    Step("evaluate-perception", ("evaluate-perception", "DEMO", "--json")),
    Step(
        "evaluate-tug",
        ("evaluate-tug", "--keypoints", "OUT/tug", "--cohorts", "paper", "--valid", "2",
         "--invalid", "2", "--seed", "7", "--json"),
    ),
)  # fmt: skip


def main() -> int:
    """Run the steps in both checkouts and print one line per step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="checkout of the earlier release")
    parser.add_argument("after", type=Path, help="checkout to compare with it")
    parser.add_argument("--work", type=Path, required=True, help="folder for both results")
    parser.add_argument("--only", nargs="+", choices=[s.name for s in STEPS], help="steps to run")
    args = parser.parse_args()
    worst = 0
    for step in STEPS:
        if args.only and step.name not in args.only:
            continue
        code, sentence = compare(step, args.before.resolve(), args.after.resolve(), args.work)
        print(f"{step.name}: {sentence}", flush=True)
        worst = max(worst, code)
    return worst


def compare(step: Step, before: Path, after: Path, work: Path) -> tuple[int, str]:
    """Run one step in both checkouts; return an exit code and a sentence."""
    found = []
    for side, checkout in (("before", before), ("after", after)):
        out = work.resolve() / side
        out.mkdir(parents=True, exist_ok=True)
        earlier = set(files_of(out))
        done = run(step, checkout, out)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return 2, f"failed in {checkout}: {last}"
        new = {path: content(out / path) for path in files_of(out) if path not in earlier}
        found.append({**new, "printed": printed(done.stdout)})
    names = sorted(set(found[0]) | set(found[1]))
    differing = list(differences(found[0], found[1]))
    if differing:
        return 1, f"{len(differing)} differences: {'; '.join(differing[:6])}"
    return 0, f"the same ({len(names)} results)"


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Name every place at which two results differ, with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from differences(before.get(key), after.get(key), f"{where}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{where}/{index}")
    elif before != after:
        yield f"{where.lstrip('/')}: {str(before)[:60]} -> {str(after)[:60]}"


def run(step: Step, checkout: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    """Run one step with the checkout's code."""
    words = [w.replace("OUT", str(out)).replace("DEMO", str(checkout / DEMO)) for w in step.words]
    if step.code:
        command = [sys.executable, "-c", step.code, *words]
    else:
        command = [sys.executable, "-m", "thermal_pose.cli.main", *words]
        usage = called([*command[:4], "--help"], checkout)
        command = [known(word, usage.stdout) for word in command]
    return called(command, checkout)


def called(command: list[str], checkout: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command that imports the checkout's package."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


def known(word: str, usage: str) -> str:
    """Return an option by the name that this release knows."""
    now = RENAMED.get(word, word)
    return now if re.search(rf"{now}\b", usage) else word


def files_of(folder: Path) -> list[str]:
    """Return all files below a folder, relative to it."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def content(path: Path) -> Any:
    """Return what is compared of a file: JSON without ignored fields, arrays, or bytes."""
    if path.suffix == ".json":
        return printed(path.read_text(encoding="utf-8"))
    if path.suffix in (".npz", ".npy"):
        loaded = np.load(path, allow_pickle=False)
        arrays = dict(loaded) if path.suffix == ".npz" else {"": loaded}
        return {k: (v.dtype.str, v.shape, digest(v.tobytes())) for k, v in arrays.items()}
    data = path.read_bytes()
    if path.suffix in (".html", ".csv"):
        text = renamed(data.decode("utf-8"))
        text = re.sub(r"thermal[_-]pose \d+\.\d+\.\d+", "thermal_pose", text)
        data = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", text).encode("utf-8")
    return digest(data)


def printed(text: str) -> Any:
    """Return JSON without ignored fields; None for any other text."""
    try:
        return pruned(json.loads(renamed(text)))
    except ValueError:
        return None


def renamed(text: str) -> str:
    """Return a result's text with the names that results have now."""
    for old, new in RENAMED_TEXTS.items():
        text = text.replace(old, new)
    return text


def pruned(value: Any) -> Any:
    """Drop the ignored keys at every level."""
    if isinstance(value, dict):
        return {
            key: pruned(each)
            for key, each in value.items()
            if key not in IGNORED and not key.endswith("_ms_per_frame")
        }
    if isinstance(value, list):
        return [pruned(each) for each in value]
    return value


def digest(data: bytes) -> str:
    """Return a short hash of bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


if __name__ == "__main__":
    raise SystemExit(main())
