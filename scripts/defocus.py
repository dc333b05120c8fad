# SPDX-License-Identifier: Apache-2.0
"""Rewrite a data set as a thermal camera out of focus would have seen it, to try `adapt` on.

Boxes, truth and RGB stay: only the thermal frames are blurred, and a little noise is added.

examples:
  python scripts/defocus.py out/learning/paper --sigma 1.5 --out out/learning/paper-defocused
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import cv2
import numpy as np

from thermal_pose.lab.learning.pose_data import load_shard, save_shard

_NOISE_CENTIKELVIN = 5


def defocused(frames: np.ndarray, rows: np.ndarray, sigma_px: float, seed: int) -> np.ndarray:
    """Return (F, H, W) uint16 frames, each blurred within its real rows."""
    rng = np.random.default_rng(seed)
    out = frames.copy()
    for frame, count in zip(out, rows, strict=True):
        picture = cv2.GaussianBlur(frame[:count].astype(np.float32), (0, 0), sigma_px)
        picture += rng.normal(0, _NOISE_CENTIKELVIN, picture.shape)
        frame[:count] = np.clip(np.round(picture), 0, 65535).astype(np.uint16)
    return out


def main() -> int:
    """Rewrite every shard of a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of shards")
    parser.add_argument("--sigma", type=float, default=1.5, help="of the blur, thermal px")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    shards = sorted(args.data.glob("*.npz"))
    for seed, path in enumerate(shards):
        data = load_shard(path)
        frames = defocused(data.frames, data.frame_rows, args.sigma, seed)
        save_shard(dataclasses.replace(data, frames=frames), args.out / path.name)
    print(f"{len(shards)} shards, blurred by {args.sigma} px -> {args.out}")
    return 0 if shards else 1


if __name__ == "__main__":
    sys.exit(main())
