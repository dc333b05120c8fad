# SPDX-License-Identifier: Apache-2.0
"""A recording to a timed test and its report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.clinical.catalogue import movement_test
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.recorded_trial import analyze_recording
from thermal_pose.pipeline.session import FinishedTrial


@dataclass(frozen=True)
class Analysis:
    """A movement test found in a recording, or the reason why it could not be timed.

    Attributes
    ----------
    trial : FinishedTrial
        Everything known about it: `trial.result`, `trial.frames`, `trial.keypoints`.
    """

    trial: FinishedTrial

    @property
    def valid(self) -> bool:
        """Whether the test could be timed."""
        return self.trial.result.timing.valid

    @property
    def test(self) -> str:
        """Key of the movement test, such as 'timed_up_and_go'."""
        return str(self.to_dict()["test"])

    @property
    def total_s(self) -> float | None:
        """First movement to seat contact, s; None without one, as in a refused test."""
        total_s = self.to_dict().get("total_s")
        return None if total_s is None else float(total_s)

    @property
    def stands(self) -> int | None:
        """Stands of a 30-second chair stand; None for other tests and refused ones."""
        stands = self.to_dict().get("stands")
        return None if stands is None else int(stands)

    @property
    def further(self) -> "tuple[Analysis, ...]":
        """Further tests that the same recording holds, in their order."""
        return tuple(Analysis(trial) for trial in self.trial.further)

    @property
    def reason(self) -> str:
        """Code of the reason for a refused test, such as 'left_view'; 'valid' otherwise."""
        return str(self.trial.result.timing.reason)

    @property
    def sentence(self) -> str:
        """The reason in one sentence; '' for a valid test."""
        return self.trial.result.timing.sentence

    @property
    def phases_s(self) -> dict[str, float]:
        """Duration of each phase of a Timed Up and Go, s; empty if it could not be timed.

        Phases whose beginning or end is too uncertain are left out.
        """
        result = self.trial.result
        if not (isinstance(result, TrialResult) and result.timing.valid):
            return {}
        pairs = zip(result.timing.phases, result.durations_s, strict=True)
        return {p.phase.name: duration_s for p, duration_s in pairs if duration_s is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result as in `report.json` (`docs/*.schema.json`)."""
        return self.trial.result.to_json_dict()

    def write_report(self, folder: str | Path, language: str = "en") -> Path:
        """Write report.html, .json and .csv to a folder; return the page's path.

        `language` is the page's, such as 'de' (`thermal_pose.language.languages`).
        """
        from thermal_pose.report.write import write_report

        trial = self.trial
        return write_report(
            trial.result, trial.frames, trial.keypoints, Path(folder), language=language
        ).html


def analyze(
    recording: str | Path = DEMO_BAG,
    *,
    test: str = "",
    subject: str = "",
    age_years: float = 0.0,
    height_m: float = 0.0,
    model: str | None = None,
    detector: str | None = None,
) -> Analysis:
    """Time the movement test in a recording.

    Parameters
    ----------
    recording : str or Path
        A rosbag2 folder or .mcap file with thermal images; by default the shipped recording.
    test : str
        Key of a movement test (`clinical.catalogue.MOVEMENT_TESTS`), such as
        'five_times_sit_to_stand'; '' is the Timed Up and Go.
    subject : str
        Pseudonym of the person, for the report.
    age_years : float
        For the published range at that age; 0: unknown.
    height_m : float
        For speeds and step lengths; 0: unknown.
    model, detector
        As of `PoseEstimator`.

    Raises
    ------
    BagError
        The recording is missing, damaged or has no thermal images.
    ValueError
        An unknown test, or an impossible age or height.

    Examples
    --------
    >>> from thermal_pose import analyze
    >>> test = analyze()  # the shipped recording, which is simulated
    >>> test.valid, list(test.phases_s)[:2]
    (True, ['SIT_TO_STAND', 'WALK_OUT'])
    """
    kind = movement_test(test)
    path = Path(recording)
    params = TugParams(
        subject_id=subject,
        trial_id=path.resolve().name,
        age_years=age_years,
        height_m=height_m,
    )
    perception = build_perception(
        DetectorParameters(model=detector or DetectorParameters().model),
        PoseParameters(model=model or PoseParameters().model),
    )
    return Analysis(analyze_recording(path, perception, params, test=kind))
