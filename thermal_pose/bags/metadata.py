# SPDX-License-Identifier: Apache-2.0
"""`metadata.yaml` of a rosbag2 folder: what it names and what it promises."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

import yaml

from thermal_pose.bags import schema
from thermal_pose.errors import BagCorruptError
from thermal_pose.files import write_whole

METADATA_NAME: Final = "metadata.yaml"
METADATA_VERSION: Final = 9
#: Distribution of the wheels, where no ROS installation is sourced.
ROS_DISTRO: Final = "kilted"
#: Files of a recording, also compressed as a whole.
STORAGE_SUFFIXES: Final = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")
#: Key in the custom data: the files that a repair has replaced, separated by '/'.
REPLACED_FILES: Final = "repaired_from"
#: Part of the name of a file that a repair wrote.
REPAIRED: Final = "_repaired_"

#: Names of the QoS policies by their number in `rmw/types.h`.
_POLICIES: Final = {
    "history": ("system_default", "keep_last", "keep_all", "unknown"),
    "reliability": ("system_default", "reliable", "best_effort", "unknown"),
    "durability": ("system_default", "transient_local", "volatile", "unknown"),
    "liveliness": ("system_default", "automatic", "manual_by_node", "manual_by_topic", "unknown"),
}

_KEY: Final = "rosbag2_bagfile_information"
_STORAGES: Final = ("mcap", "sqlite3")
_MAX_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True)
class Metadata:
    """The content of `metadata.yaml`.

    Attributes
    ----------
    files : names of the storage files, in order.
    compression_mode : '', 'file' or 'message'.
    counts : promised messages by topic.
    digests : type hashes by topic; '' if the recorder gave none.
    """

    files: tuple[str, ...]
    compression_mode: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    custom_data: dict[str, str] = field(default_factory=dict)


def read_metadata(folder: Path) -> Metadata:
    """Read the metadata of a recording.

    Raises
    ------
    BagCorruptError
        The file is damaged, or of a kind that cannot be read here.
    """
    path = folder / METADATA_NAME
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BagCorruptError(f"{path} is too large to be metadata")
        information = yaml.safe_load(path.read_text(encoding="utf-8"))[_KEY]
        metadata = _metadata(information)
        _check_kind(information)
    except (OSError, yaml.YAMLError, RecursionError) as error:
        raise BagCorruptError(f"{path} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BagCorruptError(f"{path} is not rosbag2 metadata: {error!r}") from error
    return metadata


def _metadata(information: Mapping[str, Any]) -> Metadata:
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}
    for entry in information["topics_with_message_count"]:
        name = str(entry["topic_metadata"]["name"])
        counts[name] = counts.get(name, 0) + int(entry["message_count"])
        digests[name] = str(entry["topic_metadata"].get("type_description_hash") or "")
    mode = str(information.get("compression_mode") or "").lower()
    return Metadata(
        files=tuple(PurePath(name).name for name in information["relative_file_paths"]),
        compression_mode="" if mode == "none" else mode,
        counts=counts,
        digests=digests,
        custom_data=_texts(information.get("custom_data")),
    )


def _texts(values: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in (values or {}).items()}


def _check_kind(information: Mapping[str, Any]) -> None:
    version = int(information["version"])
    if version > METADATA_VERSION:
        raise ValueError(f"version: expected at most {METADATA_VERSION}, got {version}")
    storage = information["storage_identifier"]
    if storage not in _STORAGES:
        raise ValueError(f"storage_identifier: expected one of {_STORAGES}, got {storage!r}")
    mode = str(information.get("compression_mode") or "").lower()
    compression = information.get("compression_format") or ""
    if mode in ("file", "message") and compression != "zstd":
        raise ValueError(f"compression_format: expected zstd, got {compression!r}")
    for entry in information["topics_with_message_count"]:
        kind = entry["topic_metadata"]["serialization_format"]
        if kind != "cdr":
            raise ValueError(f"serialization_format: expected cdr, got {kind!r}")


def storage_files(folder: Path) -> list[Path]:
    """Return the storage files in a folder, in order of their trailing numbers."""
    found = [
        path for path in folder.iterdir() if path.is_file() and path.name.endswith(STORAGE_SUFFIXES)
    ]
    return sorted(found, key=lambda path: (_number(path), path.name))


def _number(path: Path) -> int:
    """The number of a split: 12 of `trial_12.mcap`."""
    digits = path.name.partition(".")[0].rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def unnamed_files(folder: Path, metadata: Metadata) -> list[str]:
    """Return the names of storage files that the metadata does not account for.

    A recorder that was killed leaves such files. Those that a repair has replaced, and those that
    an interrupted repair has begun, do not count.
    """
    known = {*metadata.files, *metadata.custom_data.get(REPLACED_FILES, "").split("/")}
    names = [path.name for path in storage_files(folder)]
    return [name for name in names if name not in known and REPAIRED not in name]


def build_metadata(
    file_name: str,
    topics: Mapping[str, tuple[str, int]],
    start_ns: int,
    end_ns: int,
    custom_data: Mapping[str, str],
    recorded: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Return the content of `rosbag2_bagfile_information`, version 9 (ROS 2 Jazzy and later).

    Parameters
    ----------
    topics : name -> (type, number of messages).
    start_ns, end_ns : first and last log time, ns.
    recorded : name -> metadata of the channel, for topics copied from another recording.
    """
    count = sum(n for _, n in topics.values())
    starting_time = {"nanoseconds_since_epoch": start_ns}
    duration = {"nanoseconds": max(0, end_ns - start_ns)}
    return {
        "version": METADATA_VERSION,
        "storage_identifier": "mcap",
        "duration": dict(duration),
        "starting_time": dict(starting_time),
        "message_count": count,
        "topics_with_message_count": [
            {
                "topic_metadata": _topic_metadata(name, type_name, (recorded or {}).get(name)),
                "message_count": n,
            }
            for name, (type_name, n) in topics.items()
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file_name],
        "files": [
            {
                "path": file_name,
                "starting_time": starting_time,
                "duration": duration,
                "message_count": count,
            }
        ],
        "custom_data": dict(custom_data) or None,
        "ros_distro": os.environ.get("ROS_DISTRO") or ROS_DISTRO,
    }


def _topic_metadata(
    name: str, type_name: str, recorded: Mapping[str, str] | None
) -> dict[str, Any]:
    if recorded is None:
        profiles: Any = [schema.offered_qos(name)]
        digest = schema.type_hash(type_name)
    else:
        profiles = _profiles(recorded.get("offered_qos_profiles", ""))
        digest = recorded.get("topic_type_hash", "")
    return {
        "name": name,
        "type": type_name,
        "serialization_format": "cdr",
        "offered_qos_profiles": profiles,
        "type_description_hash": digest,
    }


def _profiles(text: str) -> list[Any]:
    """The QoS profiles that a recorder noted with a channel; none if they cannot be read."""
    try:
        profiles = yaml.safe_load(text)
    except yaml.YAMLError:
        return []
    found = profiles if isinstance(profiles, list) else []
    return [_named_policies(profile) for profile in found if isinstance(profile, dict)]


def _named_policies(profile: dict[str, Any]) -> dict[str, Any]:
    """Older recorders write the policies as numbers, version 9 as names."""
    named = dict(profile)
    for policy, names in _POLICIES.items():
        if isinstance(value := named.get(policy), int) and 0 <= value < len(names):
            named[policy] = names[value]
    return named


def write_metadata(folder: Path, information: Mapping[str, Any], *, private: bool = False) -> None:
    """Write `metadata.yaml` in one step, so that it is whole or absent.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    text = yaml.safe_dump({_KEY: dict(information)}, sort_keys=False)
    write_whole(folder / METADATA_NAME, text, private=private)
