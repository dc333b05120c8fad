# SPDX-License-Identifier: Apache-2.0
"""Options, settings and progress bar that several training verbs share."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_evaluation, add_settings, evaluation_sets, print_result
from thermal_pose.errors import ConfigError
from thermal_pose.parameters.folder import config_folder

if TYPE_CHECKING:
    from thermal_pose.lab.learning.students.ship import ShipData


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sets that a shipped model is made from (`load_data`)."""
    folders: dict[str, Any] = {"type": Path, "nargs": "+", "metavar": "DIR"}
    parser.add_argument("--train", help="shards to learn poses from", required=True, **folders)
    parser.add_argument(
        "--confidence",
        help="shards to learn the scores from (default: a part of --train)",
        **folders,
    )
    parser.add_argument(
        "--calibration-data",
        help="shards to calibrate the scores on (default: a part of --train)",
        **folders,
    )
    add_evaluation(parser)


def load_data(args: argparse.Namespace, seed: int, labels: Path | None = None) -> "ShipData":
    """Read the sets that `add_data_arguments` declares; one set alone is split by its groups.

    Parameters
    ----------
    labels : COCO json of the keypoints to learn from --train (`with_own_labels`); None: its own.
    """
    from thermal_pose.lab.learning.pose_data import concatenate, load_folder, load_folders
    from thermal_pose.lab.learning.students.labels import with_own_labels
    from thermal_pose.lab.learning.students.ship import ShipData, split_data

    if (args.confidence is None) != (args.calibration_data is None):
        raise ConfigError(
            "--confidence, --calibration-data: expected both, or neither to split --train"
        )
    evaluation = {
        name: concatenate([load_folder(folder) for folder in folders])
        for name, folders in evaluation_sets(args).items()
    }
    train = load_folders(args.train)
    if labels is not None:
        train = with_own_labels(labels, train)
    if args.confidence is None:
        return split_data(train, seed, evaluation)
    calibration = concatenate([load_folder(folder) for folder in args.calibration_data])
    return ShipData(train, load_folders(args.confidence), calibration, evaluation)


def add_shipped_settings(parser: argparse.ArgumentParser) -> None:
    """Declare `--config` with the shipped models' settings as its default, and `--set`."""
    parser.add_argument(
        "--config",
        type=Path,
        default=config_folder() / "training-shipped.yaml",
        metavar="FILE",
        help="settings, YAML (default: training-shipped.yaml of the package)",
    )
    add_settings(parser)


def print_cards(
    args: argparse.Namespace, cards: dict[str, dict[str, Path]], data: "ShipData"
) -> None:
    """Print the files that a training wrote, and what they achieve on its evaluation sets.

    Parameters
    ----------
    cards : paths by model and precision.
    """
    document: dict[str, Any] = {}
    for name, paths in cards.items():
        document[name] = {}
        for precision, path in paths.items():
            figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
            shown = {part: figures[part].get("runtime") for part in data.evaluation}
            document[name][precision] = {"card": str(path), "figures": shown}
    lines = [
        f"{name} {precision}: {json.dumps(entry['figures'])}"
        for name, entries in document.items()
        for precision, entry in entries.items()
    ]
    print_result(args, document, "\n".join(lines))


def epochs_on(bar: "tqdm[Any]") -> Callable[[int, int], None]:
    """Return a callback that shows on a progress bar how many epochs are done."""

    def tick(epoch: int, active: int) -> None:
        bar.update(epoch - bar.n)

    return tick
