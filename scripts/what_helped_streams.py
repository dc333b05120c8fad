# SPDX-License-Identifier: Apache-2.0
"""Render the training streams that `what_helped.py` compares, into folders of one parent.

All have the same seed, bodies and number of frames. 'annotated' is the ordinary stream,
'body-joints' the same frames with hips, knees and ankles at the body model's joints, and
'without-GROUP' the ordinary stream without a group of switches of everyday life. Finished shards
are kept. --print only prints the commands; a stream with the body model's joints has none.

example:
  python scripts/what_helped_streams.py out/learning/what-helped --seed 18 --frames 8064
"""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from thermal_pose.lab.simulation.people import annotation
from thermal_pose.lab.simulation.stream.frames import StreamOptions, write_stream
from thermal_pose.lab.simulation.stream.life_options import LifeOptions

ANNOTATED, BODY_JOINTS = "annotated", "body-joints"
#: Switches of everyday life that are left out together.
GROUPS = {
    "postures": ("arms", "trunk", "legs"),
    "clothing": ("folds", "hems", "layers", "bare_skin"),
    "heads": ("heads", "face_wear"),
    "rooms": ("hot_rooms", "heat", "structure", "lures", "dogs"),
    "cameras": ("cameras", "cut_off"),
    "contact": ("touching", "contact"),
}
#: Every stream, with the switches that it leaves out.
STREAMS = {
    ANNOTATED: (),
    BODY_JOINTS: (),
    **{f"without-{name}": switches for name, switches in GROUPS.items()},
}


def main() -> None:
    """Render all streams, or print their commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--frames", type=int, default=8064)
    parser.add_argument("--bodies", type=Path, help="folder of baked bodies")
    parser.add_argument("--print", action="store_true", help="only print the commands")
    args = parser.parse_args()
    for name in STREAMS:
        print(command(name, args.folder, args.seed, args.frames), flush=True)
        if not args.print:
            render(name, args)


def command(name: str, folder: Path, seed: int, frames: int) -> str:
    """Return the command that renders a stream."""
    if name == BODY_JOINTS:
        return f"# {folder / name}: this script alone, labels at the body model's joints"
    left_out = f"--without {' '.join(STREAMS[name])} " if STREAMS[name] else ""
    return (
        f"thermal-pose simulate-stream --frames {frames} --seed {seed} "
        f"--first-body 0 --body-count 150 {left_out}--out {folder / name}"
    )


def render(name: str, args: argparse.Namespace) -> None:
    """Render one stream in this process."""
    life = LifeOptions(**dict.fromkeys(STREAMS[name], False))
    options = StreamOptions(seed=args.seed, n_bodies=150, life=life)
    labels = body_joint_labels() if name == BODY_JOINTS else contextlib.nullcontext()
    with labels:
        write_stream(args.folder / name, options, args.frames, cache_dir=args.bodies)


@contextlib.contextmanager
def body_joint_labels() -> Iterator[None]:
    """Label hips, knees and ankles at the body model's joints in what this process renders."""
    with mock.patch.dict(annotation.DROP_SHARES, clear=True):
        yield


if __name__ == "__main__":
    main()
