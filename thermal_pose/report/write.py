# SPDX-License-Identifier: Apache-2.0
"""Write the files of one trial's report: JSON, CSV and HTML.

The files are for their owner only: they show a person, if only by pseudonym and in the thermal
image.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import RunInfo
from thermal_pose.clinical.results import MovementResult
from thermal_pose.errors import StorageError
from thermal_pose.files import claim_whole, write_whole
from thermal_pose.language import ENGLISH, speaking
from thermal_pose.report.film import build_film
from thermal_pose.report.page import earlier_than, trial_page
from thermal_pose.report.table import trial_csv
from thermal_pose.types import NS_PER_S, FrameKeypoints, ThermalFrame


@dataclass(frozen=True)
class ReportPaths:
    """The files of one report; `png` exists only if a picture was taken (`report.picture`)."""

    json: Path
    html: Path
    csv: Path
    png: Path

    @staticmethod
    def below(folder: Path) -> "ReportPaths":
        """Return the paths that a report in `folder` has."""
        return ReportPaths(*(folder / f"report.{kind}" for kind in ("json", "html", "csv", "png")))


def write_report(
    result: MovementResult,
    frames: Sequence[ThermalFrame],
    keypoints: Sequence[FrameKeypoints],
    out_dir: Path,
    history: Sequence[EarlierTest] = (),
    run: RunInfo | None = None,
    language: str = ENGLISH,
) -> ReportPaths:
    """Write `report.json`, `report.csv` and `report.html` into a folder.

    The same arguments give the same bytes. Memory does not grow with the recording: of
    `frames`, which may read from disk, a bounded number is touched, one at a time.

    Parameters
    ----------
    frames : the recording in order of time; may be empty, the film is then left out.
    keypoints : matched to the frames by their stamp.
    out_dir : created if it is missing; an earlier report in it is replaced.
    history : other tests of the same person, in any order.
    run : what differs between identical runs, such as the time of the run; shown when given.
    language : code of the page's language (`thermal_pose.language.languages`).

    Raises
    ------
    StorageError
        The folder or a file cannot be written.
    """
    film = build_film(result, frames, keypoints)
    earlier = earlier_than(result, history)
    paths = ReportPaths.below(out_dir)
    write_whole(paths.json, result.to_json(run), private=True)
    write_whole(paths.csv, trial_csv(result), private=True)
    with speaking(language):
        write_whole(paths.html, trial_page(result, film, earlier, run), private=True)
    _remove_stale(paths.png)
    return paths


def _remove_stale(picture: Path) -> None:
    """Remove the picture of an earlier report, which would show another result."""
    try:
        picture.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot remove {picture}: {error.strerror}") from error


def write_trial_report(
    result: MovementResult,
    frames: Sequence[ThermalFrame],
    keypoints: Sequence[FrameKeypoints],
    report_dir: Path,
    history: Sequence[EarlierTest] = (),
    language: str = ENGLISH,
) -> ReportPaths:
    """Write a report into a folder of its own below `report_dir` (see `claim_folder`)."""
    folder = claim_folder(report_dir, result)
    return write_report(result, frames, keypoints, folder, history, language=language)


def claim_folder(report_dir: Path, result: MovementResult) -> Path:
    """Return a folder for a trial's report that no other result has, now or later.

    It is named after the stamp of the trial's first frame, in UTC, so a replay comes to the same
    folder. Another result with the same first stamp gets '-2', '-3', ... behind the name. Writing
    `report.json` claims the folder, so several analyzers may share `report_dir`.

    Raises
    ------
    StorageError
        The folder cannot be written, or a report in it cannot be read.
    """
    seconds, nanoseconds = divmod(result.timing.origin_ns, NS_PER_S)
    start = datetime.fromtimestamp(seconds, UTC)
    name = f"{start:%Y%m%dT%H%M%S}.{nanoseconds:09d}Z"
    content = result.to_json().encode()
    for number in itertools.count(1):
        folder = report_dir / (name if number == 1 else f"{name}-{number}")
        if _is_ours(ReportPaths.below(folder).json, content):
            return folder
    raise AssertionError("unreachable")


def _is_ours(path: Path, content: bytes) -> bool:
    if claim_whole(path, content, private=True):
        return True
    try:
        return path.read_bytes() == content
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
