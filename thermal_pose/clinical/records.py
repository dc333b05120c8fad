# SPDX-License-Identifier: Apache-2.0
"""What the results of all movement tests are made of: measures, coverage, provenance, visit.

The same keypoints give the same bytes: nothing here depends on the clock, the host or the file's
place. What does (time of the run, source path) goes into `RunInfo`.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

_DECIMALS = 6


class MeasureStatus(StrEnum):
    """What is known of a measure's agreement with the truth (`docs/validation.md`).

    VALIDATED is said of agreement shown on real people, SIMULATED of agreement shown on simulated
    people only.
    """

    VALIDATED = "validated"
    SIMULATED = "simulated"
    EXPERIMENTAL = "experimental"


@dataclass(frozen=True)
class Measure:
    """One figure of the report, or the reason why it is omitted.

    Attributes
    ----------
    name : stable key, snake case with its unit suffix, such as `turn_duration_s`.
    label : for people, such as 'Turn, duration'.
    unit : for people, such as 's' or '/min'; '' for ratios and words.
    value : a number, a word (turn direction), or None when omitted.
    uncertainty : standard deviation in the same unit; None when omitted or not a number.
    omitted : the reason in one sentence; '' when there is a value.
    """

    name: str
    label: str
    unit: str
    value: float | str | None
    uncertainty: float | None = None
    status: MeasureStatus = MeasureStatus.EXPERIMENTAL
    omitted: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.omitted):
            raise ValueError(
                f"{self.name}: expected either a value or a reason for its omission, "
                f"got value {self.value!r} and reason {self.omitted!r}"
            )
        if isinstance(self.value, float) and not np.isfinite(self.value):
            raise ValueError(f"{self.name}: expected a finite value, got {self.value}")


@dataclass(frozen=True)
class Coverage:
    """How complete the data of a trial were.

    Attributes
    ----------
    n_frames : frames with distinct stamps.
    n_with_subject : of those, with the subject's keypoints.
    n_duplicated, n_out_of_order : frames whose stamp had been seen, or came late.
    median_interval_s, max_gap_s : between consecutive stamps; 0 with fewer than two frames.
    n_gaps : intervals longer than 2.5 median intervals (lost frames).
    max_unseen_s : longest time without the subject's keypoints.
    mean_confidence : mean joint score where the subject was seen; 0 if never.
    """

    n_frames: int = 0
    n_with_subject: int = 0
    n_duplicated: int = 0
    n_out_of_order: int = 0
    median_interval_s: float = 0.0
    max_gap_s: float = 0.0
    n_gaps: int = 0
    max_unseen_s: float = 0.0
    mean_confidence: float = 0.0

    @property
    def share_with_subject(self) -> float:
        """Share of frames with the subject's keypoints, 0..1."""
        return self.n_with_subject / self.n_frames if self.n_frames else 0.0


@dataclass(frozen=True)
class Provenance:
    """What produced a result; nothing that changes between identical runs.

    Attributes
    ----------
    model_id : of the keypoints, as in `msg/Keypoints.msg`.
    versions : `thermal_pose` and `segmenter` (name and first 12 hex digits of its sha256).
    parameters : the analysis parameters by name.
    image_wh : (width, height) of the thermal image, px.
    calibration : hash of the camera's calibration; '' when none was used.
    """

    model_id: str
    versions: dict[str, str]
    parameters: dict[str, Any]
    image_wh: tuple[int, int] = (0, 0)
    calibration: str = ""


@dataclass(frozen=True)
class RunInfo:
    """What differs between identical runs; kept apart under the JSON's key `run`."""

    created: str = ""
    source: str = ""
    duration_s: float = 0.0


#: Aids that a report names; 'other' for one that is not listed.
WALKING_AIDS = ("none", "cane", "crutches", "walker", "rollator", "other")
SEXES = ("female", "male")


@dataclass(frozen=True)
class Visit:
    """What someone entered about a test; '' where nothing was.

    Attributes
    ----------
    sex : one of `SEXES`, for references by sex.
    walking_aid : one of `WALKING_AIDS`.
    chair : what it was, such as 'arm rests, seat 46 cm'.
    assessor : who ran the test, by initials or a staff number.
    time_zone : IANA name, for local time in the report; '' shows UTC.
    """

    sex: str = ""
    walking_aid: str = ""
    chair: str = ""
    assessor: str = ""
    time_zone: str = ""

    def __post_init__(self) -> None:
        for name, known in (("sex", SEXES), ("walking_aid", WALKING_AIDS)):
            value = getattr(self, name)
            if value and value not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
        for name in ("chair", "assessor"):
            value = getattr(self, name)
            if len(value) > 60 or not value.isprintable():
                raise ValueError(f"{name}: expected up to 60 printable characters, got {value!r}")
        if self.time_zone:
            try:
                ZoneInfo(self.time_zone)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(
                    f"time_zone: expected an IANA name such as Europe/Berlin, "
                    f"got {self.time_zone!r}"
                ) from error


def plain(value: Any) -> Any:
    """Return plain JSON types: floats to a fixed number of decimals, not-finite ones as None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, bool | str | int | None):
        return value
    number = float(value)
    # `+ 0.0` turns -0.0 into 0.0: the sign of a zero depends on the order of a sum.
    return round(number, _DECIMALS) + 0.0 if np.isfinite(number) else None


def measure_document(measure: Measure) -> dict[str, Any]:
    """Return a measure as plain JSON types."""
    return {
        "name": measure.name,
        "label": measure.label,
        "value": plain(measure.value),
        "unit": measure.unit,
        "uncertainty": plain(measure.uncertainty),
        "status": str(measure.status),
        "omitted": measure.omitted,
    }


def coverage_document(coverage: Coverage) -> dict[str, Any]:
    """Return the coverage as plain JSON types."""
    document = {name: plain(value) for name, value in vars(coverage).items()}
    document["share_with_subject"] = plain(coverage.share_with_subject)
    return document


def result_document(
    result: Any,
    head: dict[str, Any],
    content: dict[str, Any],
    remarks: dict[str, tuple[str, ...]],
    run: RunInfo | None,
) -> dict[str, Any]:
    """Return the result of a movement test as plain JSON types, keys in a fixed order.

    Parameters
    ----------
    result : the result of any movement test; its fields that all tests share are included.
    head : schema version and name of the test.
    content : fields of this test only; they come after `total_from_go_s` and before `model`.
    remarks : lists of sentences by key; empty ones are left out.
    run : what differs between identical runs; left out if None.
    """
    provenance: Provenance = result.provenance
    document: dict[str, Any] = {
        **head,
        "subject_id": result.subject_id,
        "trial_id": result.trial_id,
        "age_years": plain(result.age_years),
        "height_m": plain(result.height_m),
        "visit": asdict(result.visit),
        "valid": result.timing.valid,
        "reason": str(result.timing.reason),
        "sentence": result.timing.sentence,
        "total_s": plain(result.total_s),
        "total_sd_s": plain(result.total_sd_s),
        "total_from_go_s": plain(result.total_from_go_s),
        **content,
        "model": provenance.model_id,
        "versions": dict(sorted(provenance.versions.items())),
        "parameters": plain(dict(sorted(provenance.parameters.items()))),
        "image_wh": list(provenance.image_wh),
        "calibration": provenance.calibration,
    }
    document |= {key: list(sentences) for key, sentences in remarks.items() if sentences}
    if run is not None:
        document["run"] = {
            "created": run.created,
            "source": run.source,
            "duration_s": plain(run.duration_s),
        }
    return document
