# SPDX-License-Identifier: Apache-2.0
"""Many recorded trials, one after the other or on several processors, in bounded memory.

A trial's result is written as soon as it is there; what stays in memory is one row per trial.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import BagNotFoundError, ThermalPoseError
from thermal_pose.files import write_whole
from thermal_pose.jobs import map_jobs
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.recorded_trial import analyze_recording


@dataclass(frozen=True)
class BatchRow:
    """What is said of one recording.

    Attributes
    ----------
    outcome : 'valid', the reason of the refusal, or 'error' for a recording that cannot be read.
    total_s : None unless valid.
    sentence : why there is no total; '' when valid.
    number : of the test in the recording, from 1.
    """

    bag: str
    outcome: str
    total_s: float | None
    sentence: str
    number: int = 1


def find_recordings(paths: Sequence[Path]) -> list[Path]:
    """All recordings at or below the paths, sorted within each: bag folders and MCAP files.

    Raises
    ------
    BagNotFoundError
        If there is nothing at a path, or no recording below it.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise BagNotFoundError(f"no recording at {path}")
        if path.is_file() or (path / "metadata.yaml").exists():
            found.append(path)
            continue
        folders = {meta.parent for meta in path.rglob("metadata.yaml")}
        files = {file for file in path.rglob("*.mcap") if file.parent not in folders}
        if not folders | files:
            raise BagNotFoundError(f"no recording below {path}")
        found.extend(sorted(folders | files))
    return found


def analyze_one(bag: Path, params: TugParams, out_dir: Path | None) -> tuple[BatchRow, ...]:
    """Analyze one recording: a row per test in it, and their JSON in `out_dir`.

    An unreadable recording is a row, too.
    """
    try:
        trial_id = params.trial_id or bag.stem
        trial = analyze_recording(bag, _perception(), replace(params, trial_id=trial_id))
    except ThermalPoseError as error:
        return (BatchRow(str(bag), "error", None, str(error)),)
    rows = []
    for number, test in enumerate(trial.all_tests, start=1):
        name = bag.stem if number == 1 else f"{bag.stem}-{number}"
        if out_dir is not None:
            write_whole(out_dir / f"{name}.json", test.result.to_json(), private=True)
        timing = test.result.timing
        rows.append(BatchRow(str(bag), str(timing.reason), timing.total_s, timing.sentence, number))
    return tuple(rows)


@lru_cache(maxsize=1)
def _perception() -> Perception:
    """The models, loaded once per process."""
    return build_perception()


def analyze_many(
    bags: Sequence[Path],
    params: TugParams,
    out_dir: Path | None = None,
    jobs: int = 1,
    ray_address: str = "",
) -> Iterator[BatchRow]:
    """Yield a row for each test as its recording is done (in order only with one job).

    Parameters
    ----------
    jobs : processes; 1 works in this one.
    ray_address : work on this Ray cluster instead (extra 'train'): an address, 'auto' or 'local';
        empty: without Ray. The cluster must reach `out_dir`.

    Raises
    ------
    ValueError
        If two recordings would write the same file.
    MissingExtraError
        If Ray is asked for and not installed.
    """
    names = [bag.stem for bag in bags]
    doubles = {name for name in names if names.count(name) > 1}
    if out_dir is not None and doubles:
        raise ValueError(f"bags: expected different names, got {sorted(doubles)} more than once")
    calls = ((bag, params, out_dir) for bag in bags)
    return chain.from_iterable(map_jobs(analyze_one, calls, jobs, ray_address=ray_address))
