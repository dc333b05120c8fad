# SPDX-License-Identifier: Apache-2.0
"""An earlier test of the same person, as the store returns it and reports show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from thermal_pose.clinical.catalogue import movement_test
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.types import TrialReason


class Documented(Protocol):
    """A result of any movement test."""

    def to_json_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        ...


@dataclass(frozen=True)
class EarlierTest:
    """The few figures of one stored test that a comparison needs.

    Attributes
    ----------
    origin_ns : stamp of the recording's first frame.
    value, sd : the test's headline figure (`MovementTest.headline`); None when refused or unknown.
    total_from_go_s : None unless a 'go' was signalled.
    durations_s : by phase name in lower case, without withheld ones; empty when refused.
    test : key of the movement test.
    walking_aid : '' where not entered.
    sentence : why the test was refused; '' when valid.
    """

    subject_id: str
    trial_id: str
    origin_ns: int
    reason: TrialReason = TrialReason.VALID
    value: float | None = None
    sd: float | None = None
    total_from_go_s: float | None = None
    durations_s: Mapping[str, float] = field(default_factory=dict)
    age_years: float | None = None
    test: str = TIMED_UP_AND_GO.key
    walking_aid: str = ""
    sentence: str = ""

    def __post_init__(self) -> None:
        if (self.reason is TrialReason.VALID) != (self.value is not None):
            raise ValueError(
                f"value: expected a figure exactly for a valid test, got {self.value} "
                f"with reason '{self.reason}'"
            )
        movement_test(self.test)

    @property
    def valid(self) -> bool:
        """Whether the test gave a figure."""
        return self.reason is TrialReason.VALID

    @property
    def kind(self) -> MovementTest:
        """Which movement test this is."""
        return movement_test(self.test)

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> "EarlierTest":
        """Read a report's JSON document (`docs/report.schema.json`).

        Raises
        ------
        KeyError, ValueError
            When the document is not a report.
        """
        test = movement_test(document["test"])
        valid = bool(document["valid"])
        phases = document.get("phases", []) if valid else []
        return EarlierTest(
            subject_id=document["subject_id"],
            trial_id=document["trial_id"],
            origin_ns=int(document["origin_ns"]),
            reason=TrialReason(document["reason"]),
            value=document[test.headline] if valid else None,
            sd=document.get(test.headline_sd) if valid else None,
            total_from_go_s=document.get("total_from_go_s") if valid else None,
            durations_s={
                row["phase"].lower(): row["duration_s"]
                for row in phases
                if row["duration_s"] is not None
            },
            age_years=document["age_years"],
            test=test.key,
            walking_aid=document.get("visit", {}).get("walking_aid", ""),
            sentence=document.get("sentence", ""),
        )

    @staticmethod
    def from_result(result: Documented) -> "EarlierTest":
        """Reduce a fresh result to what a comparison needs."""
        return EarlierTest.from_document(result.to_json_dict())
