# SPDX-License-Identifier: Apache-2.0
"""The frozen outcome of one analysed trial, and its deterministic JSON.

The same keypoints give the same bytes: nothing here depends on the clock, the host or the
file's place. What does (time of the run, source path) goes into `RunInfo`, which the JSON
holds under its own key `run`, and only when it is given.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from thermal_pose.clinical.records import (
    Coverage,
    Measure,
    Provenance,
    RunInfo,
    Visit,
    coverage_document,
    measure_document,
    plain,
    result_document,
)
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.certainty import withheld_because
from thermal_pose.types import Float64Array, Phase, PhaseInterval, TrialReason, TugTiming

#: Version of the JSON's shape; `docs/report.schema.json` describes it.
SCHEMA_VERSION = 1

#: Boundaries of a valid trial: the start of each timed phase and the end of the last.
N_BOUNDARIES = 7

#: Column of each phase in `TrialSignals.phase_posteriors`.
POSTERIOR_PHASES = tuple(phase for phase in Phase if phase is not Phase.UNKNOWN)


@dataclass(frozen=True)
class TrialSignals:
    """The signals that the phases were read from, one row per frame, for plots.

    Attributes
    ----------
    stamps_s : (N,) seconds since the trial's first frame.
    hip_height : (N,) height of the hips above the ankles, as a share of the person's own
        standing hip height; NaN where not seen. So are all below.
    trunk_lean_deg : (N,) of the hip-shoulder line against the image's vertical, in the image.
    body_size_px : (N,) apparent trunk length, px: larger is nearer.
    distance : (N,) relative distance from the camera, 1 at the chair.
    facing : (N,) shoulder width, signed by left-right order, as a share of the largest: +1
        faces the camera, -1 turns the back to it, 0 is seen from the side.
    confidence : (N,) mean joint score; 0 where the subject was not found.
    phase_posteriors : (N, 7) P(phase | the whole trial); columns are `POSTERIOR_PHASES`.
    """

    stamps_s: Float64Array
    hip_height: Float64Array
    trunk_lean_deg: Float64Array
    body_size_px: Float64Array
    distance: Float64Array
    facing: Float64Array
    confidence: Float64Array
    phase_posteriors: Float64Array

    def __post_init__(self) -> None:
        n = len(self.stamps_s)
        for name in ("hip_height", "trunk_lean_deg", "body_size_px", "distance", "facing"):
            if getattr(self, name).shape != (n,):
                raise ValueError(f"{name}: expected ({n},), got {getattr(self, name).shape}")
        expected = (n, len(POSTERIOR_PHASES))
        if self.phase_posteriors.shape != expected:
            raise ValueError(
                f"phase_posteriors: expected {expected}, got {self.phase_posteriors.shape}"
            )


@dataclass(frozen=True)
class TrialResult:
    """One analysed trial.

    Attributes
    ----------
    timing : phases and validity; seconds count from `timing.origin_ns`.
    boundary_sds_s : (7,) standard deviations of the boundaries of a valid trial, in order;
        () when refused.
    total_sd_s : of the total; None when refused.
    go_s : when the start was signalled, in the seconds of `timing`; None if it was not.
    track_id : the person followed; 0 for none.
    truth : exact timing, for recordings of the simulated clinic only.
    visit : what was entered about the test.
    input_notes : images that were not used, one sentence per cause.
    remarks : what the reader should know of a test, such as a walkway of another length.
    """

    timing: TugTiming
    signals: TrialSignals
    coverage: Coverage
    provenance: Provenance
    boundary_sds_s: tuple[float, ...] = ()
    total_sd_s: float | None = None
    measures: tuple[Measure, ...] = ()
    subject_id: str = ""
    trial_id: str = ""
    age_years: float | None = None
    height_m: float | None = None
    go_s: float | None = None
    track_id: int = 0
    truth: TugTiming | None = field(default=None)
    visit: Visit = field(default_factory=Visit)
    input_notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        expected = N_BOUNDARIES if self.timing.valid else 0
        if len(self.boundary_sds_s) != expected:
            raise ValueError(
                f"boundary_sds_s: expected {expected} values for a timing with reason "
                f"'{self.timing.reason}', got {len(self.boundary_sds_s)}"
            )

    @property
    def total_s(self) -> float | None:
        """First movement to seat contact, s; None when refused."""
        return self.timing.total_s

    @property
    def total_from_go_s(self) -> float | None:
        """The signalled 'go' to seat contact, s; None when refused or not signalled."""
        if self.go_s is None or not self.timing.valid:
            return None
        return self.timing.phases[-1].end_s - self.go_s

    @property
    def withheld_phases(self) -> tuple[str, ...]:
        """Why the duration of each of `timing.phases` is not given; '' where it is."""
        phases = self.timing.phases
        if not self.timing.valid:
            return ("",) * len(phases)
        edges_s = np.array([*(phase.start_s for phase in phases), phases[-1].end_s])
        sds_s = np.array(self.boundary_sds_s)
        return tuple(withheld_because(edges_s, sds_s, (k, k + 1)) for k in range(len(phases)))

    @property
    def durations_s(self) -> tuple[float | None, ...]:
        """Duration of each of `timing.phases`, s; None where it is withheld."""
        return tuple(
            None if withheld else phase.duration_s
            for phase, withheld in zip(self.timing.phases, self.withheld_phases, strict=True)
        )

    def refused(self, reason: TrialReason, sentence: str) -> "TrialResult":
        """Return this result without any figure, for a reason found outside the analysis."""
        return replace(
            self,
            timing=TugTiming(self.timing.origin_ns, (), reason, sentence),
            boundary_sds_s=(),
            total_sd_s=None,
            measures=(),
        )

    def noted(self, input_notes: tuple[str, ...]) -> "TrialResult":
        """Return this result with notes on its input."""
        return replace(self, input_notes=input_notes)

    def measure(self, name: str) -> Measure:
        """Return the measure called `name`; KeyError if this result has none such."""
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise KeyError(name)

    def to_json_dict(self, run: RunInfo | None = None) -> dict[str, Any]:
        """Return the result as plain JSON types, keys in a fixed order.

        Parameters
        ----------
        run : what differs between identical runs; left out when None, and the result is
            then the same for the same keypoints, byte for byte.
        """
        content = {
            "go_s": plain(self.go_s),
            "origin_ns": self.timing.origin_ns,
            "track_id": self.track_id,
            "phases": _phases(self),
            "measures": [measure_document(measure) for measure in self.measures],
            "coverage": coverage_document(self.coverage),
            "signals": _signals(self.signals),
            "truth": None if self.truth is None else _truth(self.truth),
        }
        head = {"schema": SCHEMA_VERSION, "test": TIMED_UP_AND_GO.key}
        remarks = {"input_notes": self.input_notes, "remarks": self.remarks}
        return result_document(self, head, content, remarks, run)

    def to_json(self, run: RunInfo | None = None) -> str:
        """Return `to_json_dict` as text: two-space indent, ends in a line feed."""
        return json.dumps(self.to_json_dict(run), indent=2, allow_nan=False) + "\n"


def _phases(result: TrialResult) -> list[dict[str, Any]]:
    rows, sds_s = [], result.boundary_sds_s
    for index, interval in enumerate(result.timing.phases):
        row = _interval(interval)
        if withheld := result.withheld_phases[index]:
            row |= {"duration_s": None, "withheld": withheld}
        row["start_sd_s"] = plain(sds_s[index]) if sds_s else None
        row["end_sd_s"] = plain(sds_s[index + 1]) if sds_s else None
        rows.append(row)
    return rows


def _interval(interval: PhaseInterval) -> dict[str, Any]:
    return {
        "phase": interval.phase.name,
        "start_s": plain(interval.start_s),
        "end_s": plain(interval.end_s),
        "duration_s": plain(interval.duration_s),
    }


def _truth(timing: TugTiming) -> dict[str, Any]:
    return {
        "valid": timing.valid,
        "reason": str(timing.reason),
        "total_s": plain(timing.total_s),
        "phases": [_interval(interval) for interval in timing.phases],
    }


def _signals(signals: TrialSignals) -> dict[str, Any]:
    document = {name: plain(value) for name, value in vars(signals).items()}
    document["posterior_phases"] = [phase.name for phase in POSTERIOR_PHASES]
    return document
