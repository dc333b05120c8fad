# SPDX-License-Identifier: Apache-2.0
import pytest

from thermal_pose.clinical.tug import norms
from thermal_pose.types import Phase


@pytest.mark.parametrize(
    ("age", "mean_s", "low_s", "high_s"),
    [(60, 8.1, 7.1, 9.0), (69.9, 8.1, 7.1, 9.0), (70, 9.2, 8.2, 10.2), (99.5, 11.3, 10.0, 12.7)],
)
def test_age_bands_are_those_of_bohannon(age: float, mean_s: float, low_s: float, high_s: float):
    band = norms.age_band(age)
    assert band is not None
    assert (band.mean_s, band.low_s, band.high_s) == (mean_s, low_s, high_s)


@pytest.mark.parametrize("age", [None, 20, 59.9, 100])
def test_an_age_without_a_band(age: float | None):
    assert norms.age_band(age) is None


@pytest.mark.parametrize("age", [-1, 131, float("nan")])
def test_refuses_an_age_that_nobody_has(age: float):
    with pytest.raises(ValueError, match="0 to 130"):
        norms.age_band(age)


def test_bands_are_ordered_and_hold_their_mean():
    for band in norms.AGE_BANDS:
        assert band.low_s < band.mean_s < band.high_s
    for lower, upper in zip(norms.AGE_BANDS, norms.AGE_BANDS[1:], strict=False):
        assert lower.age_to == upper.age_from
        assert lower.mean_s < upper.mean_s


def test_phase_bands_span_both_groups_of_the_source():
    band = norms.phase_band(Phase.TURN, 80)
    assert band is not None
    assert (band.low_s, band.high_s) == (1.8, 3.2)
    assert norms.phase_band(Phase.TURN, 64) is None
    assert norms.phase_band(Phase.TURN, None) is None
    assert norms.phase_band(Phase.WALK_OUT, 80) is None


@pytest.mark.parametrize(
    ("total_s", "words"),
    [(0.0, "under 10 s"), (9.99, "under 10 s"), (10.0, "10 to 20 s"), (20.0, "20 to 30 s"),
     (29.9, "20 to 30 s"), (30.0, "30 s or more"), (90.0, "30 s or more")],
)  # fmt: skip
def test_classic_bands_are_half_open(total_s: float, words: str):
    assert norms.classic_band(total_s) == words


@pytest.mark.parametrize("total_s", [-0.1, float("nan"), float("inf")])
def test_refuses_a_total_that_is_none(total_s: float):
    with pytest.raises(ValueError, match="finite"):
        norms.classic_band(total_s)


def test_every_source_has_an_address():
    assert all(source.url.startswith("https://") for source in norms.SOURCES)
    assert len({source.short for source in norms.SOURCES}) == len(norms.SOURCES)
