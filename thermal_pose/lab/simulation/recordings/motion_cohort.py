# SPDX-License-Identifier: Apache-2.0
"""Cohorts of recorded motion: one rosbag2 recording per recorded motion and room."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from thermal_pose.errors import StorageError
from thermal_pose.files import write_whole
from thermal_pose.lab.simulation.motion.recorded import read_folder, subjects_of
from thermal_pose.lab.simulation.recordings.cohort import EPOCH_NS, MANIFEST_JSON
from thermal_pose.lab.simulation.recordings.from_motion import MotionCase, stage_motion
from thermal_pose.lab.simulation.recordings.output import TRIAL_JSON, write_recording
from thermal_pose.types import NS_PER_S


def motion_cases(
    folder: Path,
    preset: str,
    rooms: int,
    seed: int,
    camera: str = "lepton",
    rate_hz: float = 8.0,
) -> list[MotionCase]:
    """One case per recording of a folder and room.

    Raises
    ------
    StorageError
        If the folder contains no recording or an invalid one.
    """
    recordings = read_folder(folder)
    people = subjects_of(recordings)
    return [
        MotionCase(recording, people[recording.subject], preset, seed, room, camera, rate_hz)
        for recording in recordings
        for room in range(rooms)
    ]


def make_motion_cohort(
    cases: Sequence[MotionCase], folder: Path, with_rgb: bool = True, quiet: bool = False
) -> list[dict[str, Any]]:
    """Simulate the cases that the folder does not contain yet; return all manifest entries.

    Raises
    ------
    SimulationError
        If a recording is not a whole test.
    StorageError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}") from error
    entries = [
        _entry(number, case, folder, with_rgb)
        for number, case in enumerate(tqdm(cases, desc="motion", unit="trial", disable=quiet))
    ]
    manifest = {"data": "recorded motion on simulated bodies", "trials": entries}
    write_whole(folder / MANIFEST_JSON, json.dumps(manifest, indent=1) + "\n")
    return entries


def _entry(number: int, case: MotionCase, folder: Path, with_rgb: bool) -> dict[str, Any]:
    written = folder / case.name / TRIAL_JSON
    if written.is_file():
        entry: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        return entry
    staged = stage_motion(case)
    entry = {
        "recording": case.recording.name,
        "person": case.recording.subject,
        "preset": case.preset,
        "seed": case.seed,
        "room": case.room,
        "subject": staged.trial.subject.to_json(),
        "scene": asdict(staged.scene),
    }
    start_ns = EPOCH_NS + number * 300 * NS_PER_S
    return write_recording(staged, folder, case.name, start_ns, entry, with_rgb)
