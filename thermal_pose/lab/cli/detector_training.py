# SPDX-License-Identifier: Apache-2.0
"""What the two verbs that train person detectors share: options, settings and a progress bar."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from thermal_pose.cli.arguments import add_device, add_max_minutes, add_seed, positive

if TYPE_CHECKING:
    from thermal_pose.lab.learning.detector.fit import DetectorTraining


def add_training_options(parser: argparse.ArgumentParser, batch: int, seed: int = 0) -> None:
    """Add how long and with which random numbers a detector is trained.

    Parameters
    ----------
    batch, seed : defaults.
    """
    add_max_minutes(parser, 3.0)
    parser.add_argument(
        "--max-steps", type=positive, default=60_000, metavar="STEPS", help="most steps of training"
    )
    parser.add_argument(
        "--batch", type=positive, default=batch, metavar="FRAMES", help="frames per step"
    )
    add_seed(parser, seed)
    add_device(parser)


def training_of(args: argparse.Namespace) -> "DetectorTraining":
    """Return the settings that `add_training_options` declares."""
    from thermal_pose.lab.learning.detector.fit import DetectorTraining

    return DetectorTraining(
        max_minutes=args.max_minutes,
        max_steps=args.max_steps,
        batch=args.batch,
        seed=args.seed,
        device=args.device,
    )


@contextmanager
def training_bar(title: str) -> Iterator[Callable[[int, float, dict[str, float]], None]]:
    """Show a progress bar; yield a function that takes step, share done and parts of the loss."""
    with tqdm(total=100, unit="%", desc=title, disable=None) as bar:

        def report(step: int, share: float, parts: dict[str, float]) -> None:
            bar.n = round(100 * share)
            bar.set_postfix(step=step, **{name: f"{value:.3f}" for name, value in parts.items()})

        yield report
