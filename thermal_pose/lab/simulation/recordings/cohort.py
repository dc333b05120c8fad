# SPDX-License-Identifier: Apache-2.0
"""Cohorts: many trials on several processes, resumable, with the same bytes for the same seed.

A trial is determined by (preset, seed, subject index, trial index), so trials can be made in any
order, on any number of processes, and again.
"""

import codecs
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from thermal_pose import __version__
from thermal_pose.errors import SimulationError, StorageError
from thermal_pose.files import whole_file, write_whole
from thermal_pose.jobs import map_jobs, processors
from thermal_pose.lab.simulation.motion.manner import trial_manner
from thermal_pose.lab.simulation.motion.performers import Companions
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.lab.simulation.people.presets import find_preset
from thermal_pose.lab.simulation.people.subject import Subject, subject_rng
from thermal_pose.lab.simulation.recordings.coco import write_coco
from thermal_pose.lab.simulation.recordings.output import (
    COCO_LINES,
    PARTIAL,
    TRIAL_JSON,
    write_recording,
)
from thermal_pose.lab.simulation.recordings.staging import StagedTrial, draw_session, stage
from thermal_pose.lab.simulation.rooms.draw import CAMERAS, Camera
from thermal_pose.types import NS_PER_S, TrialReason

COHORT_JSON: Final = "cohort.json"
MANIFEST_JSON: Final = "manifest.json"
COCO_JSON: Final = "keypoints.json"
#: True time at which the first trial of every cohort starts (2026-01-05 08:00 UTC), ns.
EPOCH_NS: Final = 1_767_600_000 * NS_PER_S
#: Purposes of random generators, besides 0 (the subject) and 1 (its population).
_SESSION, _TRIAL, _NOISE, _COMPANIONS, _MANNER = 2, 3, 4, 5, 6
#: Draws of a trial before giving up.
_ATTEMPTS: Final = 4


@dataclass(frozen=True)
class CohortSpec:
    """Definition of a cohort; two folders with the same definition contain the same bytes.

    Attributes
    ----------
    preset, seed, n_subjects : the people.
    n_trials : trials per subject.
    camera, rate_hz : make and frame rate of the thermal camera.
    with_rgb : whether the colour camera is recorded.
    """

    preset: str
    seed: int
    n_subjects: int
    n_trials: int
    camera: Camera = "lepton"
    rate_hz: float = 8.0
    with_rgb: bool = True

    def __post_init__(self) -> None:
        find_preset(self.preset)
        for name, low, high in (
            ("seed", 0, 2**31 - 1),
            ("n_subjects", 1, 5000),
            ("n_trials", 1, 200),
            ("rate_hz", 2.0, 30.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SimulationError(f"{name} must lie in [{low}, {high}], got {value}")
        if self.camera not in CAMERAS:
            raise SimulationError(f"camera: expected one of {CAMERAS}, got {self.camera!r}")

    def trial_id(self, subject_index: int, trial_index: int) -> str:
        """Name of a trial and of its folder."""
        return f"{self.preset}-{self.seed}-{subject_index:03d}-t{trial_index:02d}"

    def indices(self) -> Iterator[tuple[int, int]]:
        """Indices (subject, trial) of all trials, in order."""
        for subject_index in range(self.n_subjects):
            for trial_index in range(self.n_trials):
                yield subject_index, trial_index


@dataclass(frozen=True)
class CohortSummary:
    """Counts of a finished cohort; `resumed` trials existed before, `bytes` are those on disk."""

    folder: str
    trials: int
    valid: int
    frames: int
    resumed: int
    bytes: int
    annotations: int


def _companions(
    spec: CohortSpec, subject_index: int, trial_index: int, kind: TrialReason
) -> Companions:
    """Draw the carer and the second tested person of a trial."""
    preset = find_preset(spec.preset)
    rng = subject_rng(spec.preset, spec.seed, subject_index, _COMPANIONS, trial_index)
    carer = second = None
    if kind is TrialReason.SECOND_PERSON:
        second = preset.extra_subject(spec.seed, subject_index, trial_index, 3)
    elif rng.random() < preset.carer_share and kind is not TrialReason.NO_PERSON:
        carer = preset.extra_subject(spec.seed, subject_index, trial_index, 2)
    return Companions(carer, second)


def stage_trial(
    spec: CohortSpec, subject_index: int, trial_index: int, bodies: Path | None = None
) -> StagedTrial:
    """Plan and stage one trial of a cohort.

    Parameters
    ----------
    spec, subject_index, trial_index : the trial.
    bodies : folder of baked bodies; the user's cache if None.

    Raises
    ------
    SimulationError
        If no draw gives a whole test.
    """
    preset = find_preset(spec.preset)
    subject = preset.subject(spec.seed, subject_index)
    kind = preset.kind(subject_index, trial_index, spec.n_trials)
    companions = _companions(spec, subject_index, trial_index, kind)

    def rng(purpose: int, *more: int) -> Any:
        return subject_rng(spec.preset, spec.seed, subject_index, purpose, *more)

    session = draw_session(rng(_SESSION), preset.room, spec.camera, spec.rate_hz)
    for attempt in range(_ATTEMPTS):
        try:
            trial = plan_trial(
                subject,
                rng(_TRIAL, trial_index, *([attempt] if attempt else [])),
                kind=kind,
                companions=companions,
                chair=session.chairs[0],
                bodies=bodies,
                manner=trial_manner(
                    preset.patients, subject.speed_mps, rng(_MANNER, trial_index, attempt)
                ),
            )
        except ValueError:
            # The motion is not a whole test: draw again, reproducibly.
            continue
        return stage(trial, session, rng(_NOISE, trial_index))
    raise SimulationError(
        f"{spec.trial_id(subject_index, trial_index)}: no whole test in {_ATTEMPTS} draws"
    )


def make_trial(
    spec: CohortSpec, folder: Path, subject_index: int, trial_index: int, bodies: Path | None
) -> dict[str, Any]:
    """Simulate and write one trial of a cohort; return its manifest entry."""
    staged = stage_trial(spec, subject_index, trial_index, bodies)
    number = subject_index * spec.n_trials + trial_index
    entry = {
        "subject_index": subject_index,
        "trial_index": trial_index,
        "preset": spec.preset,
        "seed": spec.seed,
        "subject": staged.trial.subject.to_json(),
        "scene": asdict(staged.scene),
        "company": [
            {"role": performer.role, "subject": performer.subject.to_json()}
            for performer in staged.trial.performers[1:]
        ],
    }
    start_ns = EPOCH_NS + number * 300 * NS_PER_S
    trial_id = spec.trial_id(subject_index, trial_index)
    return write_recording(staged, folder, trial_id, start_ns, entry, spec.with_rgb)


def cohort_people(spec: CohortSpec) -> dict[str, Subject]:
    """Return all people of a cohort, by the key of their body."""
    preset = find_preset(spec.preset)
    people: dict[str, Subject] = {}
    for subject_index, trial_index in spec.indices():
        kind = preset.kind(subject_index, trial_index, spec.n_trials)
        others = _companions(spec, subject_index, trial_index, kind)
        subject = preset.subject(spec.seed, subject_index)
        for person in (subject, others.carer, others.second):
            if person is not None:
                people[person.shape.key] = person
    return people


def bake_cohort(spec: CohortSpec, bodies: Path | None, quiet: bool = True) -> int:
    """Bake all bodies of a cohort into the cache; return their number."""
    people = cohort_people(spec)
    for person in tqdm(people.values(), desc="bodies", unit="body", disable=quiet):
        bake_body(person.shape, bodies)
    return len(people)


def make_cohort(
    spec: CohortSpec,
    folder: Path,
    jobs: int = 0,
    bodies: Path | None = None,
    quiet: bool = False,
) -> CohortSummary:
    """Simulate the trials of a cohort that its folder does not contain yet.

    Parameters
    ----------
    spec : the cohort.
    folder : output folder; created if missing, resumed if it contains the same cohort.
    jobs : number of processes; 0 for one per CPU that this process may use.
    bodies : folder of baked bodies; the user's cache if None.
    quiet : show no progress bars.

    Raises
    ------
    SimulationError
        If the folder contains another cohort.
    StorageError
        If the disk is full or the folder cannot be written.
    """
    _claim(folder, spec)
    todo = [
        indices for indices in spec.indices() if not (folder / spec.trial_id(*indices)).is_dir()
    ]
    resumed = spec.n_subjects * spec.n_trials - len(todo)
    if todo:
        bake_cohort(spec, bodies, quiet)
        jobs = min(jobs or processors(), len(todo))
        calls = [(spec, folder, *indices, bodies) for indices in todo]
        with tqdm(total=len(todo), desc=spec.preset, unit="trial", disable=quiet) as progress:
            for _ in map_jobs(make_trial, calls, jobs):
                progress.update()
    shutil.rmtree(folder / PARTIAL, ignore_errors=True)
    return _finish(spec, folder, resumed)


def _claim(folder: Path, spec: CohortSpec) -> None:
    """Mark the folder as this cohort's, or check that it is."""
    wanted = {"version": 1, **asdict(spec)}
    path = folder / COHORT_JSON
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found != wanted:
                raise SimulationError(
                    f"{folder} contains another cohort ({found}); choose another folder "
                    f"for {wanted}"
                )
            return
        write_whole(path, json.dumps(wanted, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}") from error


def read_entries(spec: CohortSpec, folder: Path) -> Iterator[dict[str, Any]]:
    """Manifest entries of all trials of a finished cohort, in order."""
    for indices in spec.indices():
        path = folder / spec.trial_id(*indices) / TRIAL_JSON
        yield json.loads(path.read_text(encoding="utf-8"))


def _finish(spec: CohortSpec, folder: Path, resumed: int) -> CohortSummary:
    """Write the manifest and the COCO file; return the counts."""
    sizes: list[tuple[Path, tuple[int, int]]] = []
    valid = frames = 0
    with whole_file(folder / MANIFEST_JSON) as binary:
        out = codecs.getwriter("utf-8")(binary)
        head = {"software": f"thermal_pose {__version__}", "spec": asdict(spec)}
        out.write(json.dumps(head, sort_keys=True)[:-1] + ',\n"trials": [')
        for number, entry in enumerate(read_entries(spec, folder)):
            out.write((",\n" if number else "\n") + json.dumps(entry, sort_keys=True))
            width, height = entry["image_wh"]
            sizes.append((folder / entry["trial_id"] / COCO_LINES, (width, height)))
            valid += entry["valid"]
            frames += entry["n_frames"]
        out.write("\n]}\n")
    info = {"description": f"simulated: {spec.preset}, seed {spec.seed}", "version": __version__}
    _, annotations = write_coco(folder / COCO_JSON, sizes, info)
    return CohortSummary(
        folder=str(folder),
        trials=len(sizes),
        valid=valid,
        frames=frames,
        resumed=resumed,
        bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        annotations=annotations,
    )
