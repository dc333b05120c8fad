# SPDX-License-Identifier: Apache-2.0
"""Writes the four files of one trial's report: JSON, HTML, CSV and PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import RunInfo
from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.errors import StorageError
from thermal_pose.files import write_whole
from thermal_pose.report.film import build_film
from thermal_pose.report.language import ENGLISH, speaking
from thermal_pose.report.page import earlier_than, trial_page
from thermal_pose.report.picture import summary_png
from thermal_pose.report.table import trial_csv
from thermal_pose.types import NS_PER_S, FrameKeypoints, ThermalFrame


@dataclass(frozen=True)
class ReportPaths:
    """The files of one report."""

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
    """Write `report.json`, `report.html`, `report.csv` and `report.png` into a folder.

    The same arguments give the same bytes. Memory does not grow with the recording: of
    `frames`, which may read from disk, a bounded number is touched, one at a time.

    Parameters
    ----------
    frames : the recording in order of time; may be empty, the film is then left out.
    keypoints : matched to the frames by their stamp.
    out_dir : made where missing; an earlier report in it is replaced.
    history : other tests of the same person, in any order.
    run : what differs between identical runs, such as the time of the run; shown when given.
    language : code of the page's language (`report.language.languages`).

    Raises
    ------
    StorageError
        When the folder or a file cannot be written.
    """
    film = build_film(result, frames, keypoints)
    earlier = earlier_than(result, history)
    paths = ReportPaths.below(out_dir)
    write_whole(paths.json, result.to_json(run))
    write_whole(paths.csv, trial_csv(result))
    with speaking(language):
        write_whole(paths.html, trial_page(result, film, earlier, run))
    if isinstance(result, TrialResult):
        write_whole(paths.png, summary_png(result, film, earlier))
    return paths


def write_trial_report(
    result: MovementResult,
    frames: Sequence[ThermalFrame],
    keypoints: Sequence[FrameKeypoints],
    report_dir: Path,
    history: Sequence[EarlierTest] = (),
) -> ReportPaths:
    """Write a report into a folder of its own below `report_dir` (see `trial_folder`)."""
    folder = trial_folder(report_dir, result)
    return write_report(result, frames, keypoints, folder, history)


def trial_folder(report_dir: Path, result: MovementResult) -> Path:
    """The folder for a trial's report: named after the stamp of its first frame, in UTC.

    The name follows from the recording alone, so a replay comes to the same place. Another
    result that begins at the same stamp gets '-2', '-3', ... behind it: no report is lost.
    """
    seconds, nanoseconds = divmod(result.timing.origin_ns, NS_PER_S)
    start = datetime.fromtimestamp(seconds, UTC)
    name = f"{start:%Y%m%dT%H%M%S}.{nanoseconds:09d}Z"
    content = result.to_json().encode()
    number, folder = 1, report_dir / name
    while _holds_another(folder, content):
        number += 1
        folder = report_dir / f"{name}-{number}"
    return folder


def _holds_another(folder: Path, content: bytes) -> bool:
    try:
        return ReportPaths.below(folder).json.read_bytes() != content
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"cannot read the report in {folder}: {error}") from error
