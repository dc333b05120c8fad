# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import Coverage, Measure, Provenance, RunInfo
from thermal_pose.clinical.tug.result import POSTERIOR_PHASES, TrialResult, TrialSignals
from thermal_pose.types import TIMED_PHASES, PhaseInterval, TrialReason, TugTiming


def signals(n: int = 4) -> TrialSignals:
    line = np.linspace(0.0, 1.0, n)
    return TrialSignals(
        line, line, line, line, line, line, line, np.full((n, len(POSTERIOR_PHASES)), 1 / 7)
    )


def valid_timing() -> TugTiming:
    edges = [1.0, 2.25, 4.5, 6.0, 8.0, 9.5, 10.5]
    phases = tuple(PhaseInterval(phase, *edges[k : k + 2]) for k, phase in enumerate(TIMED_PHASES))
    return TugTiming(7, phases)


def result(**changes: object) -> TrialResult:
    fields: dict[str, object] = {
        "timing": valid_timing(),
        "signals": signals(),
        "coverage": Coverage(n_frames=4, n_with_subject=3),
        "provenance": Provenance("student-0123", {"thermal_pose": "0.1.0"}, {"age_years": 70.0}),
        "boundary_sds_s": (0.05,) * 7,
        "total_sd_s": 0.07,
    }
    return TrialResult(**(fields | changes))  # type: ignore[arg-type]


def test_total_is_first_movement_to_seat_contact() -> None:
    document = result().to_json_dict()
    assert document["total_s"] == 9.5
    assert [row["phase"] for row in document["phases"]] == [p.name for p in TIMED_PHASES]
    assert document["phases"][0]["start_s"] == 1.0
    assert document["total_from_go_s"] is None
    assert document["coverage"]["share_with_subject"] == 0.75


def test_total_from_go_only_when_signalled() -> None:
    assert result(go_s=0.5).to_json_dict()["total_from_go_s"] == 10.0


def test_json_is_the_same_bytes_and_run_fields_stay_apart() -> None:
    assert result().to_json() == result().to_json()
    plain = json.loads(result().to_json())
    with_run = json.loads(result().to_json(RunInfo("2026-01-01", "/a/bag", 1.0)))
    assert with_run.pop("run")["source"] == "/a/bag"
    assert plain == with_run


def test_not_finite_numbers_become_null() -> None:
    broken = signals()
    broken.hip_height[1] = np.nan
    assert result(signals=broken).to_json_dict()["signals"]["hip_height"][1] is None


def test_refused_result_has_no_total_and_no_uncertainties() -> None:
    timing = TugTiming(7, (), TrialReason.NEVER_SAT, "Nobody sat.")
    document = result(timing=timing, boundary_sds_s=(), total_sd_s=None, go_s=1.0).to_json_dict()
    assert (document["valid"], document["total_s"], document["phases"]) == (False, None, [])
    assert document["total_from_go_s"] is None


def test_uncertainties_must_match_validity() -> None:
    with pytest.raises(ValueError, match="expected 7 values"):
        result(boundary_sds_s=(0.1,))


def test_measure_needs_a_value_or_a_reason() -> None:
    with pytest.raises(ValueError, match="either a value or a reason"):
        Measure("a_s", "A", "s", None)
    with pytest.raises(ValueError, match="finite"):
        Measure("a_s", "A", "s", float("nan"))
    assert Measure("a_s", "A", "s", None, omitted="no scale").value is None


def test_truth_is_kept_beside_the_result() -> None:
    document = result(truth=valid_timing()).to_json_dict()
    assert document["truth"]["total_s"] == 9.5
    assert len(document["truth"]["phases"]) == 6


def test_signals_must_have_one_row_a_frame() -> None:
    with pytest.raises(ValueError, match="phase_posteriors"):
        TrialSignals(*[np.zeros(3)] * 7, np.zeros((2, 7)))


def _unsure(boundary: int) -> TrialResult:
    sds = [0.05] * 7
    sds[boundary] = 1.2
    return result(boundary_sds_s=tuple(sds))


@pytest.mark.parametrize(("boundary", "withheld"), [(0, {0}), (1, {0, 1}), (3, {2, 3}), (6, {5})])
def test_phases_beside_an_unsure_boundary_have_no_duration(boundary, withheld) -> None:
    found = _unsure(boundary)
    phases = found.to_json_dict()["phases"]
    assert {k for k, row in enumerate(phases) if row["duration_s"] is None} == withheld
    assert {k for k, value in enumerate(found.durations_s) if value is None} == withheld
    for k, row in enumerate(phases):
        why = "Where it begins or ends is uncertain by 1.2 s."
        assert row.get("withheld") == (why if k in withheld else None)
    assert found.to_json_dict()["total_s"] == 9.5
    earlier = EarlierTest.from_result(found)
    assert set(earlier.durations_s) == {
        phase.name.lower() for k, phase in enumerate(TIMED_PHASES) if k not in withheld
    }


def test_a_refused_trial_withholds_no_phase_that_stands() -> None:
    found = result().refused(TrialReason.LEFT_VIEW, "The person left the view.")
    assert found.durations_s == () and found.to_json_dict()["phases"] == []
