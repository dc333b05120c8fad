# SPDX-License-Identifier: Apache-2.0
"""An earlier test of the same person, as the store returns it and the report shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.types import Phase, TrialReason


@dataclass(frozen=True)
class EarlierTest:
    """The few figures of one stored test that a comparison needs.

    Attributes
    ----------
    origin_ns : stamp of the recording's first frame.
    total_s, total_sd_s, total_from_go_s : None when refused or not known.
    durations_s : by phase; empty when refused.
    """

    subject_id: str
    trial_id: str
    origin_ns: int
    reason: TrialReason = TrialReason.VALID
    total_s: float | None = None
    total_sd_s: float | None = None
    total_from_go_s: float | None = None
    durations_s: Mapping[Phase, float] | None = None
    age_years: float | None = None

    def __post_init__(self) -> None:
        if (self.reason is TrialReason.VALID) != (self.total_s is not None):
            raise ValueError(
                f"total_s: expected a total exactly for a valid test, got {self.total_s} "
                f"with reason '{self.reason}'"
            )

    @property
    def valid(self) -> bool:
        """Whether the test could be timed."""
        return self.reason is TrialReason.VALID

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> "EarlierTest":
        """Read a report's JSON document (`docs/report.schema.json`).

        Raises
        ------
        KeyError, ValueError
            When the document is not a report.
        """
        valid = bool(document["valid"])
        phases = document["phases"] if valid else []
        return EarlierTest(
            subject_id=document["subject_id"],
            trial_id=document["trial_id"],
            origin_ns=int(document["origin_ns"]),
            reason=TrialReason(document["reason"]),
            total_s=document["total_s"] if valid else None,
            total_sd_s=document["total_sd_s"] if valid else None,
            total_from_go_s=document["total_from_go_s"] if valid else None,
            durations_s={Phase[row["phase"]]: row["duration_s"] for row in phases},
            age_years=document["age_years"],
        )

    @staticmethod
    def from_result(result: TrialResult) -> "EarlierTest":
        """Reduce a fresh result to what a comparison needs."""
        return EarlierTest.from_document(result.to_json_dict())
