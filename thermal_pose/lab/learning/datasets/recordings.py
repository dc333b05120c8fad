# SPDX-License-Identifier: Apache-2.0
"""Finds recordings and their subjects; a subject that would be a guess is an error."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from thermal_pose.bags import schema
from thermal_pose.bags.finding import recording_name, recordings_below
from thermal_pose.bags.reader import BagReader
from thermal_pose.errors import BagError, BagNotFoundError, ConfigError
from thermal_pose.subject_id import SubjectIdError, check_optional_subject_id

#: Names that `ros2 bag record`, and `thermal-pose record` without a subject, give a recording.
_NAMELESS: Final = re.compile(r"rosbag2_.*|\d{8}T\d{6}Z(_\d+)?")
_SHOWN: Final = 3


@dataclass(frozen=True)
class Recording:
    """One bag and what it is called.

    Attributes
    ----------
    error : why it cannot be read; '' if it can.
    start_ns : log time of its first message, which distinguishes recordings; 0: unknown.
    """

    path: Path
    subject: str
    trial: str
    error: str = ""
    start_ns: int = 0

    @property
    def shard_name(self) -> str:
        """Name of the file that it becomes."""
        return shard_name(self.subject, self.trial)


def shard_name(subject: str, trial: str) -> str:
    """Return the name of a trial's shard."""
    return f"{subject}_{trial}.npz".replace("/", "_")


def find_training_recordings(
    sources: list[Path], cohort: str = "", subject: str = ""
) -> list[Recording]:
    """Find all bags at or below the given paths, and the subject of each.

    Subject and trial come from `subject`, the recorded `truth/tug` or the recording's own
    metadata, else from where it lies below the given folder: `SUBJECT/TRIAL`, or
    `SUBJECT_TRIAL` in the folder itself. A recording that cannot be opened comes back with its
    error; one that is found twice comes back once.

    Parameters
    ----------
    cohort : put before the subject, so that equal pseudonyms of two cohorts stay two people.
    subject : the subject of all recordings; '': as above.

    Raises
    ------
    BagNotFoundError
        No recording was found.
    ConfigError
        A recording has no known subject, or two have the same name.
    """
    check_optional_subject_id(subject)
    found: dict[Path, Recording] = {}
    nameless: list[Path] = []
    missing: list[Recording] = []
    for source in sources:
        try:
            paths = recordings_below(source)
        except BagNotFoundError as error:
            missing.append(Recording(source, "", "", str(error)))
            continue
        for path in paths:
            if path.resolve() in found:
                continue
            try:
                recording = _identify(path, source, subject)
                check_optional_subject_id(recording.subject)
            except (BagError, SubjectIdError) as error:
                recording = Recording(path, "", "", str(error))
            if not recording.error and not recording.subject:
                nameless.append(path)
            elif cohort and not recording.error:
                recording = replace(recording, subject=f"{cohort}/{recording.subject}")
            found[path.resolve()] = recording
    if not found:
        raise BagNotFoundError("; ".join(recording.error for recording in missing))
    if nameless:
        raise _nobodys(nameless)
    recordings = [*missing, *found.values()]
    _check_names(recordings)
    return recordings


def _identify(path: Path, source: Path, subject: str) -> Recording:
    """Return the recording with its subject; '' if that is unknown."""
    recorded_subject = recorded_trial = ""
    with BagReader(path) as reader:
        start_ns = reader.start_ns
        if reader.has(schema.TRUTH_TUG):
            report = next(reader.messages([schema.TRUTH_TUG])).message
            recorded_subject, recorded_trial = str(report.subject_id), str(report.trial_id)
        if not recorded_subject:
            recorded_subject, recorded_trial = reader.custom_data.get("subject_id", ""), ""
    folders = path.relative_to(source).parts or (recording_name(path),)
    if subject:
        trial = recorded_trial or "/".join(folders)
    elif recorded_subject:
        subject, trial = recorded_subject, recorded_trial or recording_name(path)
    else:
        subject, trial = _from_folders(folders)
    return Recording(path, subject, trial, start_ns=start_ns)


def _from_folders(folders: tuple[str, ...]) -> tuple[str, str]:
    if len(folders) == 2:
        return folders[0], folders[1]
    if len(folders) > 2 or _NAMELESS.fullmatch(folders[0]):
        return "", ""
    subject, _, trial = folders[0].partition("_")
    return subject, trial or "1"


def _nobodys(paths: list[Path]) -> ConfigError:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ConfigError(
        f"unknown subject of these recordings: {', '.join(map(str, paths[:_SHOWN]))}{more}; "
        "expected a recorded subject_id, folders SUBJECT/RECORDING below the given one, or names "
        "SUBJECT_TRIAL in it; or give one person's recordings with --subject NAME, person by "
        "person into the same --out"
    )


def _check_names(recordings: list[Recording]) -> None:
    """Refuse two recordings that would become one shard."""
    taken: dict[str, Recording] = {}
    for each in recordings:
        if each.error:
            continue
        other = taken.setdefault(each.shard_name, each)
        if other is not each:
            raise same_shard(other, each)


def same_shard(one: Recording, other: Recording) -> ConfigError:
    """Return the error for two recordings that would become one shard."""
    if (one.subject, one.trial) == (other.subject, other.trial):
        what = f"are both trial '{one.trial}' of subject '{one.subject}'"
    else:
        what = (
            f"(subject '{one.subject}', trial '{one.trial}' and subject '{other.subject}', "
            f"trial '{other.trial}') would both be written to {one.shard_name}"
        )
    return ConfigError(
        f"{one.path} and {other.path} {what}: give one of them another folder name; if they show "
        "different people, lay them out as SUBJECT/RECORDING or build each person's with "
        "--subject NAME; if they are of two studies, each with its own --cohort"
    )
