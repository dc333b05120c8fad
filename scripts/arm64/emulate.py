# SPDX-License-Identifier: Apache-2.0
"""Run the package in an emulated aarch64 Debian 12 and compare it with this machine.

Debian's packages give the emulator (`qemu-user-static`) and an arm64 root folder
(`debootstrap`); PyPI gives the aarch64 wheels. Nothing is configured or installed in the root
folder: the emulator takes files from it, which needs no mount and no kernel support.

The result gives the largest difference of the keypoints and checks that `thermal-pose analyze`
reports the same total. Speed is not measured.

examples:
  python scripts/arm64/emulate.py --out docs/results/arm64.json
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "arm64"
RECORDING = ROOT / "thermal_pose" / "assets" / "demo"
MODELS = ("student-lite", "student-lite-int8")
MIRROR = "http://deb.debian.org/debian"
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
#: Newest onnxruntime that starts under the emulator of Debian 12 (QEMU 7.2); 1.31 crashes there.
ONNXRUNTIME = "onnxruntime==1.26.0"
#: Tolerances: fp32 differs by rounding; int8 rounds activations, so single peaks may move.
MAX_FP32_PX = 0.05
MAX_INT8_MEAN_PX = 0.25


class EmulationError(Exception):
    """One line that says what failed."""


def run(command: list[str | Path], env: dict[str, str] | None = None) -> str:
    """Run a command; return its output, or raise EmulationError with the end of its errors."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).splitlines()[-15:])
        raise EmulationError(f"{' '.join(words[:4])} ... failed:\n{tail}")
    return done.stdout


def install_emulator() -> None:
    """Find QEMU and debootstrap, or install them as root on Debian."""
    if all(shutil.which(name) for name in ("qemu-aarch64-static", "debootstrap")):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EmulationError("install the system packages qemu-user-static and debootstrap")
    run(["apt-get", "update", "-q"])
    run(["apt-get", "install", "-qy", "--no-install-recommends", "qemu-user-static", "debootstrap"])


def make_root() -> Path:
    """Return the folder with the files of an arm64 Debian 12 that has Python 3.11."""
    root = WORK / "root"
    if (root / "usr/bin/python3.11").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    options = ["--foreign", "--arch=arm64", "--variant=minbase", "--include=python3"]
    run(["debootstrap", *options, "bookworm", root, MIRROR])
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        run(["dpkg-deb", "-x", package, root])
    return root


def requirements() -> list[str]:
    """Return the pinned packages of the run path, without ROS, with the emulator's onnxruntime."""
    lines = (ROOT / "requirements" / "run.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith(("#", "-r"))]
    return [ONNXRUNTIME if pin.startswith("onnxruntime") else pin for pin in pins]


def install_wheels() -> Path:
    """Return a folder with aarch64 wheels of the run path; pip proves that all of them exist."""
    site = WORK / "site"
    pins = requirements()
    stamp = site / "pins.json"
    if stamp.exists() and json.loads(stamp.read_text()) == pins:
        return site
    shutil.rmtree(site, ignore_errors=True)
    platforms = [word for name in PLATFORMS for word in ("--platform", f"{name}_aarch64")]
    target = ["--target", str(site), "--python-version", "311", "--implementation", "cp"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, *target, *platforms, "--only-binary=:all:", *pins])
    stamp.write_text(json.dumps(pins))
    return site


def emulated(root: Path, site: Path, *words: str | Path) -> str:
    """Run aarch64 Python with these arguments; return what it prints."""
    env = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    env["PYTHONPATH"] = os.pathsep.join((str(site), str(ROOT)))
    python = root / "usr/bin/python3.11"
    return run(["qemu-aarch64-static", "-L", root, python, *words], env)


def analyzed_total_s(text: str) -> float | None:
    """Return the total of the first recording in the output of `thermal-pose analyze --json`."""
    outcome = json.loads(text)
    first = outcome[0] if isinstance(outcome, list) else outcome
    found = _find(first, "total_s")
    return None if found is None else float(found)


def _find(node: object, key: str) -> float | None:
    """Return the first value under `key` in nested JSON."""
    if isinstance(node, dict):
        if isinstance(node.get(key), int | float):
            return float(node[key])
        node = list(node.values())
    if isinstance(node, list):
        return next((value for item in node if (value := _find(item, key)) is not None), None)
    return None


def difference(here: np.lib.npyio.NpzFile, there: np.lib.npyio.NpzFile, model: str) -> dict:
    """Return how far the keypoints of one model lie apart."""
    distance_px = np.linalg.norm(here[f"{model}/xy"] - there[f"{model}/xy"], axis=-1)
    scores = np.abs(here[f"{model}/scores"] - there[f"{model}/scores"])
    missing = np.isnan(here[f"{model}/xy"]) != np.isnan(there[f"{model}/xy"])
    return {
        "frames": len(distance_px),
        "frames_with_a_person_on_one_machine_only": int(missing.any(axis=(1, 2)).sum()),
        "max_px": round(float(np.nanmax(distance_px)), 5),
        "mean_px": round(float(np.nanmean(distance_px)), 6),
        "max_score": round(float(np.nanmax(scores)), 6),
    }


def compare() -> dict:
    """Run both machines; return the figures."""
    install_emulator()
    root, site = make_root(), install_wheels()
    dump = [ROOT / "scripts/arm64/keypoints.py", RECORDING, *MODELS, "--out"]
    files = {name: WORK / f"{name}.npz" for name in ("here", "aarch64")}
    run([sys.executable, *dump, files["here"]])
    emulated(root, site, *dump, files["aarch64"])
    analyze = ["-m", "thermal_pose.cli.main", "analyze", str(RECORDING), "--json"]
    totals_s = [
        analyzed_total_s(run([sys.executable, *analyze])),
        analyzed_total_s(emulated(root, site, *analyze)),
    ]
    here, there = (np.load(path) for path in files.values())
    return {
        "machines": [str(here["machine"]), str(there["machine"]) + ", emulated by QEMU"],
        "recording": "the shipped one (simulated)",
        "packages": requirements(),
        "models": {model: difference(here, there, model) for model in MODELS},
        "analyze_total_s": totals_s,
    }


def faults_of(figures: dict) -> list[str]:
    """Return what exceeds the tolerances, in words."""
    fp32, int8 = (figures["models"][model] for model in MODELS)
    faults = []
    if fp32["max_px"] > MAX_FP32_PX:
        faults.append(f"fp32 keypoints differ by {fp32['max_px']} px, allowed {MAX_FP32_PX}")
    if int8["mean_px"] > MAX_INT8_MEAN_PX:
        faults.append(
            f"int8 differs by {int8['mean_px']} px on average, allowed {MAX_INT8_MEAN_PX}"
        )
    here_s, there_s = figures["analyze_total_s"]
    if here_s is None or there_s is None or abs(here_s - there_s) > 0.01:
        faults.append(f"`analyze` gives {here_s} s here and {there_s} s on aarch64")
    return faults


def main() -> int:
    """Compare, write the JSON, print one line; 1 if a tolerance is exceeded."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=WORK / "arm64.json")
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        figures = compare()
    except EmulationError as error:
        print(f"arm64: error: {error}", file=sys.stderr)
        return 1
    figures["tolerances"] = {"fp32_max_px": MAX_FP32_PX, "int8_mean_px": MAX_INT8_MEAN_PX}
    figures["command"] = "make arm"
    args.out.write_text(json.dumps(figures, indent=1) + "\n")
    for model, found in figures["models"].items():
        print(f"arm64: {model}: max {found['max_px']} px, mean {found['mean_px']} px apart")
    faults = faults_of(figures)
    for fault in faults:
        print(f"arm64: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
