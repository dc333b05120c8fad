# SPDX-License-Identifier: Apache-2.0
"""The frozen outcome of one chair-rise test, and its deterministic JSON."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.movement_test import MovementTest
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
from thermal_pose.types import Float64Array, TrialReason, TugTiming

#: Version of the JSON's shape; `docs/chair-rises.schema.json` describes it.
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class RiseSignals:
    """What the rises were read from, one row per frame, for plots; NaN where not seen.

    Attributes
    ----------
    stamps_s : (N,) seconds since the trial's first frame.
    height : (N,) hips between the seat (0) and standing (1).
    trunk_lean_deg : (N,) hips-to-shoulders against the image's vertical.
    confidence : (N,) mean joint score; 0 where the person was not found.
    """

    stamps_s: Float64Array
    height: Float64Array
    trunk_lean_deg: Float64Array
    confidence: Float64Array

    def __post_init__(self) -> None:
        for name in ("height", "trunk_lean_deg", "confidence"):
            if getattr(self, name).shape != self.stamps_s.shape:
                raise ValueError(
                    f"{name}: expected {self.stamps_s.shape}, got {getattr(self, name).shape}"
                )


@dataclass(frozen=True)
class ChairRiseResult:
    """One analysed chair-rise test.

    Attributes
    ----------
    test : which of the two tests.
    timing : validity; its phases are empty, and seconds count from `timing.origin_ns`.
    rises : all rises seen; of a refused trial too, without a figure of the test.
    total_s, total_sd_s : of the five-times sit-to-stand, from the first movement to seat contact.
    stands : of the 30-second chair stand.
    stands_also : one more or one less than `stands`, and as possible, where a rise was half-way up
        at 30 s within the error of the measurement; None otherwise.
    go_s : when the start was signalled; None if it was not.
    arms_checked : whether the use of the arms could be checked.
    input_notes : images that were not used, one sentence per cause.
    """

    test: MovementTest
    timing: TugTiming
    rises: tuple[ChairRise, ...]
    signals: RiseSignals
    coverage: Coverage
    provenance: Provenance
    total_s: float | None = None
    total_sd_s: float | None = None
    stands: int | None = None
    stands_also: int | None = None
    measures: tuple[Measure, ...] = ()
    subject_id: str = ""
    trial_id: str = ""
    age_years: float | None = None
    height_m: float | None = None
    visit: Visit = field(default_factory=Visit)
    go_s: float | None = None
    track_id: int = 0
    arms_checked: bool = False
    input_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        has_figure = self.total_s is not None or self.stands is not None
        if has_figure != self.timing.valid:
            raise ValueError(
                f"expected a figure exactly for a valid test, got total_s {self.total_s}, stands "
                f"{self.stands} with reason '{self.timing.reason}'"
            )

    @property
    def total_from_go_s(self) -> float | None:
        """The signalled 'go' to the end of the five-times sit-to-stand, s."""
        if self.total_s is None or self.go_s is None or not self.rises:
            return None
        return self.rises[0].rise_start_s + self.total_s - self.go_s

    def refused(self, reason: TrialReason, sentence: str) -> "ChairRiseResult":
        """Return this result without any figure, for a reason found outside the analysis."""
        return replace(
            self,
            timing=TugTiming(self.timing.origin_ns, (), reason, sentence),
            total_s=None,
            total_sd_s=None,
            stands=None,
            stands_also=None,
            measures=(),
        )

    def noted(self, input_notes: tuple[str, ...]) -> "ChairRiseResult":
        """Return this result with notes on its input."""
        return replace(self, input_notes=input_notes)

    def to_json_dict(self, run: RunInfo | None = None) -> dict[str, Any]:
        """Return the result as plain JSON types, keys in a fixed order."""
        content = {
            "stands": self.stands,
            "stands_also": self.stands_also,
            "go_s": plain(self.go_s),
            "origin_ns": self.timing.origin_ns,
            "track_id": self.track_id,
            "arms_checked": self.arms_checked,
            "rises": [plain(asdict(rise)) | {"complete": rise.complete} for rise in self.rises],
            "measures": [measure_document(measure) for measure in self.measures],
            "coverage": coverage_document(self.coverage),
            "signals": {name: plain(value) for name, value in vars(self.signals).items()},
        }
        head = {"schema": SCHEMA_VERSION, "test": self.test.key}
        return result_document(self, head, content, {"input_notes": self.input_notes}, run)

    def to_json(self, run: RunInfo | None = None) -> str:
        """Return `to_json_dict` as text: two-space indent, ends in a line feed."""
        return json.dumps(self.to_json_dict(run), indent=2, allow_nan=False) + "\n"
