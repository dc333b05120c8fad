# SPDX-License-Identifier: Apache-2.0
"""Recorded motion of real people: 3-D joints over time, from `.npz` or `.csv` files.

A folder contains one file per recording and, optionally, `trials.csv` with one row per recording.

`NAME.npz`
    `time_s` (T,) and `joints_m` (T, 17, 3), or `joints_mm` in millimetres; optionally
    `hand_labels_s` (6,).
`NAME.csv`
    A header `time_s,nose_x,nose_y,nose_z,left_eye_x,...` with all 17 COCO joints, in metres.
`trials.csv`
    Columns `trial` (NAME) and `subject`; optionally the six columns of `HAND_LABELS`, in seconds.

Joints are in the order of `thermal_pose.skeleton`, in metres with z up. Any origin and heading will
do, because `aligned` rotates the walkway onto the x axis. The person is seated at the start and at
the end of a recording.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from thermal_pose.errors import StorageError
from thermal_pose.skeleton import N_JOINTS, Joint
from thermal_pose.types import Float64Array

TRIALS_CSV: Final = "trials.csv"
#: Columns of times that observers mark. The file format comes from published recordings, so these
#: are not the keys of our phases.
HAND_LABELS: Final = (
    "stand_up_s",
    "walk_out_s",
    "turn_s",
    "walk_back_s",
    "turn_to_sit_s",
    "seated_s",
)
#: Least sampling rate that resolves the movements that define the phases, Hz.
MIN_RATE_HZ: Final = 15.0
#: Longest gap between samples, s.
MAX_GAP_S: Final = 0.25
#: Least distance between the seat and the farthest place, m.
MIN_WALK_M: Final = 0.8
_REST_S: Final = 0.5


@dataclass(frozen=True)
class RecordedMotion:
    """One recording of a whole test.

    Attributes
    ----------
    name, subject : names of the recording and of the person.
    times_s : (T,) increasing.
    joints_m : (T, 17, 3), z up.
    hand_labels_s : six times in the order of `HAND_LABELS`; None if there are none.
    """

    name: str
    subject: str
    times_s: Float64Array
    joints_m: Float64Array
    hand_labels_s: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        n_times = self.times_s.size
        if self.joints_m.shape != (n_times, N_JOINTS, 3):
            raise ValueError(
                f"joints: expected ({n_times}, {N_JOINTS}, 3) for {n_times} times, "
                f"got {self.joints_m.shape}"
            )
        if n_times < 2 or np.any(np.diff(self.times_s) <= 0):
            raise ValueError(f"time_s: expected rising times, got {n_times} samples")
        if not np.isfinite(self.joints_m).all():
            raise ValueError("joints: expected finite coordinates; fill gaps before the export")
        steps_s = np.diff(self.times_s)
        if np.median(steps_s) > 1.0 / MIN_RATE_HZ or steps_s.max() > MAX_GAP_S:
            raise ValueError(
                f"time_s: expected {MIN_RATE_HZ:.0f} Hz or more without gaps over {MAX_GAP_S} s, "
                f"got {1.0 / np.median(steps_s):.1f} Hz and a gap of {steps_s.max():.2f} s"
            )
        if self.hand_labels_s is not None and len(self.hand_labels_s) != len(HAND_LABELS):
            raise ValueError(
                f"hand_labels_s: expected {len(HAND_LABELS)} times, got {len(self.hand_labels_s)}"
            )

    def hips(self) -> Float64Array:
        """Middle of the hip joints (T, 3), m."""
        return (self.joints_m[:, Joint.LEFT_HIP] + self.joints_m[:, Joint.RIGHT_HIP]) / 2


def aligned(recording: RecordedMotion) -> RecordedMotion:
    """Move the seat to the origin and rotate the walkway onto the x axis.

    The origin is below the seated hips, and x points to the place farthest from them.

    Raises
    ------
    ValueError
        If the hips are not 0.45 to 1.3 m above the ankles (z is not up, or the unit is not the
        metre), or if the person does not walk away from the seat.
    """
    ankles = recording.joints_m[:, [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]]
    hips = recording.hips()
    height_m = float(np.percentile(hips[:, 2] - ankles[..., 2].mean(axis=1), 90))
    if not 0.45 <= height_m <= 1.3:
        raise ValueError(
            f"joints: expected the hips of a standing person 0.45 to 1.3 m above the ankles, got "
            f"{height_m:.2f} m; expected metres with z up"
        )
    rest = recording.times_s <= recording.times_s[0] + _REST_S
    seat = hips[rest, :2].mean(axis=0)
    offsets = hips[:, :2] - seat
    far = offsets[np.argmax(np.linalg.norm(offsets, axis=1))]
    if np.linalg.norm(far) < MIN_WALK_M:
        raise ValueError(
            f"joints: expected a walk of {MIN_WALK_M} m or more away from the seat, got "
            f"{np.linalg.norm(far):.2f} m"
        )
    x_axis = far / np.linalg.norm(far)
    turn = np.array([[x_axis[0], x_axis[1]], [-x_axis[1], x_axis[0]]])
    joints_m = recording.joints_m.copy()
    joints_m[..., :2] = (joints_m[..., :2] - seat) @ turn.T
    joints_m[..., 2] -= float(np.percentile(ankles[..., 2], 5))
    return replace(recording, joints_m=joints_m, times_s=recording.times_s - recording.times_s[0])


def read_folder(folder: Path) -> list[RecordedMotion]:
    """Read all recordings of a folder, by name.

    Raises
    ------
    StorageError
        If the folder contains no recording or an invalid one; the message names the file.
    """
    rows = _trial_rows(folder / TRIALS_CSV)
    paths = sorted(
        path
        for path in folder.glob("*")
        if path.suffix in (".npz", ".csv") and path.name != TRIALS_CSV
    )
    if not paths:
        raise StorageError(f"{folder}: expected recorded motion as .npz or .csv files, found none")
    return [read_motion(path, rows.get(path.stem)) for path in paths]


def read_motion(path: Path, row: dict[str, str] | None = None) -> RecordedMotion:
    """Read one recording in a format that this module describes.

    Parameters
    ----------
    row : the recording's row of `trials.csv`.

    Raises
    ------
    StorageError
        If the file is missing or invalid.
    """
    try:
        read = _read_npz if path.suffix == ".npz" else _read_csv
        times_s, joints_m, labels_s = read(path)
        row = row or {}
        if all(row.get(name) for name in HAND_LABELS):
            labels_s = tuple(float(row[name]) for name in HAND_LABELS)
        start_s = float(times_s[0]) if len(times_s) else 0.0
        if labels_s is not None:
            labels_s = tuple(label - start_s for label in labels_s)
        subject = row.get("subject") or path.stem
        return aligned(RecordedMotion(path.stem, subject, times_s, joints_m, labels_s))
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(f"{path}: not recorded motion: {error}") from error


def _read_npz(path: Path) -> tuple[Float64Array, Float64Array, tuple[float, ...] | None]:
    with np.load(path, allow_pickle=False) as archive:
        if "joints_m" in archive.files:
            joints_m = archive["joints_m"].astype(np.float64)
        else:
            joints_m = archive["joints_mm"].astype(np.float64) / 1000.0
        labels = archive["hand_labels_s"] if "hand_labels_s" in archive.files else None
        times_s = archive["time_s"].astype(np.float64)
    return times_s, joints_m, None if labels is None else tuple(float(s) for s in labels)


def _read_csv(path: Path) -> tuple[Float64Array, Float64Array, None]:
    columns = joint_columns()
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"header: expected the columns {', '.join(missing[:4])}, found none")
        rows = [[float(row[name]) for name in columns] for row in reader]
    values = np.array(rows, dtype=np.float64).reshape(-1, len(columns))
    return values[:, 0], values[:, 1:].reshape(-1, N_JOINTS, 3), None


def joint_columns() -> list[str]:
    """Names of the columns of a `.csv` recording, in order."""
    return ["time_s", *(f"{joint.name.lower()}_{axis}" for joint in Joint for axis in "xyz")]


def _trial_rows(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if "trial" not in (reader.fieldnames or ()):
            raise StorageError(f"{path}: expected a column 'trial', found {reader.fieldnames}")
        return {row["trial"]: row for row in reader}


def subjects_of(recordings: Sequence[RecordedMotion]) -> dict[str, int]:
    """Number the persons of recordings in the order of their names."""
    return {name: k for k, name in enumerate(sorted({r.subject for r in recordings}))}


def people_note(recordings: Sequence[RecordedMotion]) -> str:
    """A remark if recordings do not name their person; '' if all do, or there is only one."""
    unnamed = sum(recording.subject == recording.name for recording in recordings)
    if len(recordings) < 2 or not unnamed:
        return ""
    return (
        f"{unnamed} of {len(recordings)} recordings name no person in {TRIALS_CSV}: each counts as "
        "a different person. Add the columns trial and subject (docs/simulated-clinic.md)."
    )
