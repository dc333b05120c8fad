# SPDX-License-Identifier: Apache-2.0
"""Writes the record beside every result: configuration, hashes, command, device."""

import json
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from thermal_pose.files import write_whole
from thermal_pose.lab.learning.fitting.config import TrainingConfig
from thermal_pose.lab.learning.fitting.training import Log


def command_line() -> str:
    """Return the command as typed after `thermal-pose`."""
    return "thermal-pose " + shlex.join(sys.argv[1:])


def git_hash() -> str:
    """Return the checkout's commit, with '+' if files differ from it; '' outside git."""
    folder = Path(__file__).resolve().parent
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--match="],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit.stdout.strip()


def write_run(folder: Path, config: TrainingConfig, data_hash: str, seed: int) -> None:
    """Write `run.json` beside the checkpoints; StorageError if that fails."""
    content = {
        "command": command_line(),
        "git": git_hash(),
        "data_hash": data_hash,
        "seed": seed,
        "config": asdict(config),
    }
    write_whole(folder / "run.json", json.dumps(content, indent=2) + "\n")


def tensorboard_log(folder: Path) -> Log:
    """Return a log that writes scalars for TensorBoard, or does nothing if it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return lambda name, epoch, figures: None
    writers: dict[str, Any] = {}

    def log(name: str, epoch: int, figures: dict[str, float]) -> None:
        if name not in writers:
            writers[name] = SummaryWriter(str(folder / "tensorboard" / name))
        for key, value in figures.items():
            writers[name].add_scalar(key, value, epoch)
        writers[name].flush()

    return log
