# SPDX-License-Identifier: Apache-2.0
"""Many recorded trials, one after the other or on several processors, in bounded memory.

A trial's result is written at once; one row per trial stays in memory.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path

from thermal_pose.bags.finding import recording_name, recordings_below
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import BagNotFoundError, ThermalPoseError
from thermal_pose.files import write_whole
from thermal_pose.jobs import map_jobs
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.recorded_trial import analyze_recording

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchRow:
    """The outcome of one recording.

    Attributes
    ----------
    outcome : 'valid', the reason of the refusal, or 'error' for a recording that cannot be read.
    total_s : of a valid test that is timed; None otherwise.
    sentence : why there is no figure; '' when valid.
    number : of the test in the recording, from 1.
    test : key of the movement test.
    figure : what the test gives, with its unit, such as '11.30 s' or '12 stands'; '' unless valid.
    """

    bag: str
    outcome: str
    total_s: float | None
    sentence: str
    number: int = 1
    test: str = TIMED_UP_AND_GO.key
    figure: str = ""


def find_recordings(paths: Sequence[Path]) -> tuple[list[Path], list[BatchRow]]:
    """Return the recordings at or below the paths, each once, and a row per path without any."""
    found: dict[Path, Path] = {}
    missing = []
    for path in paths:
        try:
            for bag in recordings_below(path):
                found.setdefault(bag.resolve(), bag)
        except BagNotFoundError as error:
            missing.append(BatchRow(str(path), "error", None, str(error)))
    return list(found.values()), missing


def analyze_one(
    bag: Path,
    params: TugParams,
    out_dir: Path | None,
    test: MovementTest = TIMED_UP_AND_GO,
) -> tuple[BatchRow, ...]:
    """Analyze one recording: a row per test in it, and their JSON in `out_dir`.

    Whatever goes wrong is a row, too. `test` is what the recording shows; `DETECTED` finds out.
    """
    try:
        return _rows(bag, params, out_dir, test)
    except ThermalPoseError as error:
        return (BatchRow(str(bag), "error", None, str(error)),)
    except Exception as error:  # A defect met in one recording must not cost the other results.
        _log.exception("%s", bag)
        sentence = f"unexpected {type(error).__name__}: {error}; please report this defect"
        return (BatchRow(str(bag), "error", None, sentence),)


def _rows(
    bag: Path, params: TugParams, out_dir: Path | None, kind: MovementTest
) -> tuple[BatchRow, ...]:
    name = recording_name(bag)
    trial_id = params.trial_id or name
    params = replace(params, trial_id=trial_id)
    trial = analyze_recording(bag, _perception(), params, test=kind)
    rows = []
    for number, test in enumerate(trial.all_tests, start=1):
        if out_dir is not None:
            file = out_dir / (f"{name}.json" if number == 1 else f"{name}-{number}.json")
            write_whole(file, test.result.to_json(), private=True)
        rows.append(_row(bag, number, EarlierTest.from_result(test.result)))
    return tuple(rows)


def _row(bag: Path, number: int, test: EarlierTest) -> BatchRow:
    kind, value = test.kind, test.value
    figure = "" if value is None else f"{value:.{kind.decimals}f} {kind.unit}"
    total_s = value if kind.unit == "s" else None
    return BatchRow(str(bag), str(test.reason), total_s, test.sentence, number, kind.key, figure)


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
    test: MovementTest = TIMED_UP_AND_GO,
) -> Iterator[BatchRow]:
    """Yield a row for each test as its recording is done (in order only with one job).

    Parameters
    ----------
    jobs : processes; 1 works in this one.
    ray_address : work on this Ray cluster instead (extra 'train'): an address, 'auto' or 'local';
        empty: without Ray. The cluster must reach `out_dir`.
    test : what the recordings show; `DETECTED` finds out in each.

    Raises
    ------
    ValueError
        If two recordings would write the same file.
    MissingExtraError
        If Ray is asked for and not installed.
    """
    names = [recording_name(bag) for bag in bags]
    doubles = {name for name in names if names.count(name) > 1}
    if out_dir is not None and doubles:
        raise ValueError(f"bags: expected different names, got {sorted(doubles)} more than once")
    calls = ((bag, params, out_dir) for bag in bags)
    work = analyze_one if test is TIMED_UP_AND_GO else partial(analyze_one, test=test)
    return chain.from_iterable(map_jobs(work, calls, jobs, ray_address=ray_address))
