# SPDX-License-Identifier: Apache-2.0
"""Write the keypoints that shipped models find in a recording, as one .npz file.

Runs on this machine and inside the emulated aarch64 Debian, so it needs only the run path.

examples:
  python scripts/arm64/keypoints.py RECORDING --out x86.npz student-lite student-lite-int8
"""

import argparse
import platform
from pathlib import Path

import numpy as np
import onnxruntime

from thermal_pose.parameters.nodes import PoseParameters
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.replay import replay_keypoints


def keypoints(recording: Path, model: str) -> dict[str, np.ndarray]:
    """Return stamps (T,) int64 ns, xy (T, 17, 2) px and scores (T, 17) of the first person.

    Frames without a person hold NaN.
    """
    stamps_ns, xy, scores = [], [], []
    perception = build_perception(pose=PoseParameters(model=model, smoothing="none"))
    for frame in replay_keypoints(recording, perception):
        person = frame.persons[0] if frame.persons else None
        stamps_ns.append(frame.stamp_ns)
        xy.append(person.xy if person else np.full((17, 2), np.nan))
        scores.append(person.scores if person else np.full(17, np.nan))
    return {"stamps_ns": np.array(stamps_ns), "xy": np.stack(xy), "scores": np.stack(scores)}


def main() -> None:
    """Write `MODEL/NAME` arrays for every model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = {
        f"{model}/{name}": values
        for model in args.models
        for name, values in keypoints(args.recording, model).items()
    }
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    found["machine"] = np.array(f"{machine}, onnxruntime {onnxruntime.__version__}")
    np.savez_compressed(args.out, **found)


if __name__ == "__main__":
    main()
