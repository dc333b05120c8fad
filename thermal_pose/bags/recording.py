# SPDX-License-Identifier: Apache-2.0
"""The policy of recording: which topics, under which name, and when the disk is too full."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from thermal_pose.bags import schema
from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.subject_id import check_optional_subject_id

#: The recording that ships with the package: a simulated Timed Up and Go test.
DEMO_BAG: Final = Path(__file__).resolve().parents[1] / "assets" / "demo"

#: Recorded by default. Never an image that shows who a person is.
USUAL_TOPICS: Final = (
    schema.THERMAL_IMAGE,
    schema.THERMAL_INFO,
    schema.PERSONS,
    schema.KEYPOINTS,
    schema.TUG_PHASE,
    schema.TUG_REPORT,
    schema.TRUTH_FRAME,
    schema.TRUTH_TUG,
    "/diagnostics",
)

#: Recorded with colour images; /tf_static relates the two cameras.
RGB_TOPICS: Final = (schema.RGB_COMPRESSED, schema.RGB_INFO, schema.TF_STATIC)


def topics_to_record(named: str, record_rgb: bool) -> tuple[str, ...]:
    """Return the topics to record.

    Parameters
    ----------
    named : comma-separated names relative to the namespace, such as 'thermal/image_raw'; '' for
        the default.
    record_rgb : also record the colour camera.

    Raises
    ------
    ConfigError
        A topic has no known type, or shows people although `record_rgb` is off.
    """
    names = ["/" + name.strip().lstrip("/") for name in named.split(",") if name.strip()]
    chosen = tuple(dict.fromkeys(names)) or USUAL_TOPICS
    for name in chosen:
        if name not in schema.TOPIC_TYPES:
            known = ", ".join(topic.lstrip("/") for topic in schema.TOPIC_TYPES)
            raise ConfigError(f"recorder.topics: '{name}' is not known; known: {known}")
        if name.startswith("/rgb/image") and not record_rgb:
            raise ConfigError(
                f"recorder.topics: '{name}' shows who the people are: set record_rgb as well"
            )
    return (*chosen, *(topic for topic in RGB_TOPICS if record_rgb and topic not in chosen))


def recording_path(folder: Path, subject_id: str, now_ns: int) -> Path:
    """Return a folder for a new recording: subject, UTC time, and a number if that is taken."""
    moment = datetime.fromtimestamp(now_ns / 1e9, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    stem = "_".join(part for part in (check_optional_subject_id(subject_id), moment) if part)
    candidates = (folder / (stem if n == 0 else f"{stem}_{n}") for n in range(1000))
    for path in candidates:
        if not path.exists():
            return path
    raise StorageError(f"{folder} holds a thousand recordings of {stem}")


def check_free_space(folder: Path, min_free_mb: int) -> None:
    """Check that recording cannot fill the disk.

    Parameters
    ----------
    folder : an existing folder on the disk.

    Raises
    ------
    StorageError
        Less than `min_free_mb` is free.
    """
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < min_free_mb:
        raise StorageError(
            f"{folder}: only {free_mb} MB free, min_free_mb is {min_free_mb}: not recording"
        )


def parse_topics(names: Sequence[str]) -> tuple[str, ...]:
    """Return topics from a command line, each with a leading slash."""
    return tuple("/" + name.lstrip("/") for name in names)
