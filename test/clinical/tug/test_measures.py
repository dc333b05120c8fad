# SPDX-License-Identifier: Apache-2.0
"""Lean, hesitation and step asymmetry of analytic signals, and their omission."""

import numpy as np
import pytest
from support.stick_figure import EDGES_S

from thermal_pose.clinical.records import Measure
from thermal_pose.clinical.tug.measures import trial_measures
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.signals import BodySignals
from thermal_pose.clinical.tug.steps import estimate_steps
from thermal_pose.clinical.tug.story import Story
from thermal_pose.clinical.tug.subject import TrackBuilder

TIMES_S = np.arange(0.0, 15.0, 0.125)
EDGES = np.array(EDGES_S)


def signals(**changed: np.ndarray) -> BodySignals:
    """Someone upright who walks at 0.2 of the chair's distance a second; no limb swings."""
    n = len(TIMES_S)
    walk = np.interp(TIMES_S, EDGES[[1, 2, 3, 4]], [1.0, 0.5, 0.5, 1.0])
    fields: dict[str, np.ndarray] = {
        "stamps_s": TIMES_S,
        "hip_height": np.ones(n),
        "trunk_lean_deg": np.zeros(n),
        "trunk_px": np.full(n, 12.0),
        "size_px": np.full(n, 20.0),
        "distance": walk,
        "facing": np.ones(n),
        "standing_index": np.ones(n),
        "confidence": np.ones(n),
        "swings": np.zeros((n, 8)),
        "nose_aside": np.zeros(n),
        "hips_px": np.zeros((n, 2)),
    }
    return BodySignals(**(fields | changed))


def story(body: BodySignals) -> Story:
    """The same person, whose box is not known."""
    builder = TrackBuilder()
    for time_s in body.stamps_s:
        builder.append(round(time_s * 1e9), None, 0)
    return Story(body, builder.build(), (80, 60))


def measures(body: BodySignals) -> dict[str, Measure]:
    found = trial_measures(EDGES, np.full(7, 0.05), story(body), TugParams())
    return {measure.name: measure for measure in found}


@pytest.mark.parametrize("lean_deg", [15.0, 30.0, 50.0])
def test_the_trunk_looks_shorter_by_the_cosine_of_its_lean(lean_deg: float) -> None:
    bent = np.interp(TIMES_S, [2.0, 2.4, 3.0, 3.4], [0.0, lean_deg, lean_deg, 0.0])
    lean = measures(signals(trunk_px=12.0 * np.cos(np.radians(bent))))
    assert lean["sit_to_stand_lean_deg"].value == pytest.approx(lean_deg, abs=1.5)
    speed = lean["sit_to_stand_lean_speed_dps"].value
    assert isinstance(speed, float)
    assert lean_deg / 1.0 < speed < lean_deg / 0.25
    # No source tells how far off these are on real people.
    assert lean["sit_to_stand_lean_deg"].uncertainty is None


def test_an_upright_rise_has_no_lean() -> None:
    assert measures(signals())["sit_to_stand_lean_deg"].value == pytest.approx(0.0, abs=1e-6)


def test_an_unseen_trunk_omits_the_lean_with_its_reason() -> None:
    hidden = np.where(EDGES[1] + 0.5 > TIMES_S, np.nan, 12.0)
    lean = measures(signals(trunk_px=hidden))["sit_to_stand_lean_deg"]
    assert lean.value is None
    assert "not seen well enough" in lean.omitted


@pytest.mark.parametrize("pause_s", [0.5, 1.0])
def test_hesitation_lasts_until_the_distance_changes_as_in_the_walk(pause_s: float) -> None:
    begun = EDGES[1] + pause_s
    walk = np.interp(TIMES_S, [begun, EDGES[2], EDGES[3], EDGES[4]], [1.0, 0.5, 0.5, 1.0])
    hesitation = measures(signals(distance=walk))["hesitation_s"]
    assert hesitation.value == pytest.approx(pause_s, abs=0.2)


def test_walking_at_once_is_no_hesitation() -> None:
    assert measures(signals())["hesitation_s"].value == pytest.approx(0.0, abs=0.15)


def test_an_unseen_walk_has_no_hesitation() -> None:
    unseen = np.where((TIMES_S > 3.0) & (TIMES_S < 5.0), np.nan, 1.0)
    assert measures(signals(distance=unseen))["hesitation_s"].value is None


def leading_foot(first_s: float, second_s: float) -> np.ndarray:
    """A wave that is positive for `first_s`, then negative for `second_s`, and so on.

    Both lobes have the same area: the measure takes the mean for the feet's offset in the image.
    """
    stride_s = first_s + second_s
    within = TIMES_S % stride_s
    up = np.sin(np.pi * within / first_s) / first_s
    down = -np.sin(np.pi * (within - first_s) / second_s) / second_s
    return np.where(within < first_s, up, down)


def asymmetry(first_s: float, second_s: float) -> float:
    swings = np.zeros((len(TIMES_S), 8))
    swings[:, 0] = 0.1 * leading_foot(first_s, second_s)
    (steps,) = estimate_steps(signals(swings=swings), [(1.0, 13.0)])
    assert steps.rate_hz == pytest.approx(2.0 / (first_s + second_s), abs=0.1)
    return steps.asymmetry


def test_asymmetry_grows_with_the_difference_of_the_times_for_which_either_foot_leads() -> None:
    found = [asymmetry(0.55 + half_s, 0.55 - half_s) for half_s in (0.0, 0.05, 0.1, 0.15)]
    assert found[0] == pytest.approx(0.0, abs=0.05)
    assert found == sorted(found) and found[-1] > 0.2
    # Smoothing at 8 Hz shrinks it: the true relative difference is an upper bound.
    assert all(
        mine <= 2 * half_s / 0.55 + 0.05
        for mine, half_s in zip(found, (0.0, 0.05, 0.1, 0.15), strict=True)
    )


def test_few_steps_are_not_compared() -> None:
    swings = np.zeros((len(TIMES_S), 8))
    swings[:, 0] = 0.1 * leading_foot(0.55, 0.55)
    (steps,) = estimate_steps(signals(swings=swings), [(1.0, 4.0)])
    assert np.isnan(steps.asymmetry)
