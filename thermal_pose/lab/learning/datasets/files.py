# SPDX-License-Identifier: Apache-2.0
"""The files beside the shards of a data set: its options, and the quality of each shard."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from thermal_pose.digest import sha256_of
from thermal_pose.errors import ConfigError
from thermal_pose.files import write_whole
from thermal_pose.lab.learning.datasets.options import BuildOptions, Quality
from thermal_pose.lab.learning.datasets.recordings import Recording, same_shard

OPTIONS_NAME: Final = "options.json"
SUMMARY_NAME: Final = "dataset.json"
#: The option of the command that sets each option.
_ON_COMMAND_LINE: Final = {
    "boxes": "--boxes",
    "with_rgb": "--no-rgb",
    "every": "--every",
    "roles": "roles",
    "joints_at_rgb": "--joints-at-rgb",
    "detector": "--detector",
    "extrinsics": "--extrinsics",
}


def _read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file; empty if it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def full_options(
    options: BuildOptions, extrinsics: Path | None = None, detector: str = ""
) -> dict[str, Any]:
    """Return all options that the content of a shard depends on, for JSON."""
    digest = sha256_of(extrinsics)[:12] if extrinsics else ""
    return {
        **asdict(options),
        "roles": list(options.roles),
        "detector": "" if options.boxes == "truth" else detector,
        "extrinsics": f"{extrinsics.name} (sha256 {digest})" if extrinsics else "",
    }


def keep_options(out: Path, options: dict[str, Any]) -> None:
    """Write the options that a folder is built with; refuse to continue with other ones.

    Raises
    ------
    ConfigError
        The folder holds shards of other options; the message names them.
    StorageError
        The disk is full or read-only.
    """
    if any(out.glob("*.npz")):
        earlier = load_options(out)
        other = [
            f"{_ON_COMMAND_LINE[name]} was {_shown(name, earlier[name])} and is now "
            f"{_shown(name, value)}"
            for name, value in options.items()
            if name in earlier and earlier[name] != value
        ]
        if other:
            raise ConfigError(
                f"{out} was built with other options: {'; '.join(other)}: give another --out, "
                "or delete that folder to rebuild it"
            )
    write_whole(out / OPTIONS_NAME, json.dumps(options, indent=2) + "\n")


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value != (name == "with_rgb") else "off"
    return ", ".join(value) if isinstance(value, list) else str(value) or "not given"


def load_options(out: Path) -> dict[str, Any]:
    """Return the options that a folder was built with; empty if they are unknown."""
    kept = _read_object(out / OPTIONS_NAME)
    if kept:
        return kept
    summary = _read_object(out / SUMMARY_NAME).get("options")
    return summary if isinstance(summary, dict) else {}


def quality_path(shard: Path) -> Path:
    """Return where a shard's quality is kept."""
    return shard.with_suffix(".quality.json")


def save_quality(quality: Quality, shard: Path) -> None:
    """Write a shard's quality beside it."""
    write_whole(quality_path(shard), json.dumps(asdict(quality), indent=2) + "\n")


def load_quality(shard: Path) -> Quality | None:
    """Return a shard's quality; None if it has no file."""
    kept = _read_object(quality_path(shard))
    known = {f.name: kept[f.name] for f in fields(Quality) if f.name in kept}
    return Quality(**known) if known else None


def check_same_recordings(out: Path, recordings: list[Recording]) -> None:
    """Refuse recordings that were built under another name, or under another's name.

    Raises
    ------
    ConfigError
        Names the recording and the shard.
    """
    shards = {shard.name: load_quality(shard) for shard in sorted(out.glob("*.npz"))}
    built = {
        (quality.start_ns, Path(quality.recording).name): name
        for name, quality in shards.items()
        if quality is not None and quality.start_ns
    }
    for each in recordings:
        if each.error or not each.start_ns:
            continue
        there = shards.get(each.shard_name)
        if there and there.start_ns and there.start_ns != each.start_ns:
            raise same_shard(Recording(Path(there.recording), there.subject, there.trial), each)
        name = built.get((each.start_ns, each.path.name), each.shard_name)
        if name != each.shard_name:
            raise ConfigError(
                f"{each.path} is in {out} already, as {name}, and would now be {each.shard_name}: "
                "the same pictures would be two people's or trials'; delete that file, or give "
                "another --out"
            )
