# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.clinical.chair_rises import norms
from thermal_pose.clinical.chair_rises.definitions import ChairRise, rises_of
from thermal_pose.clinical.chair_rises.scoring import (
    five_times_s,
    stands_in_30s,
    to_fifth_stand_s,
)
from thermal_pose.clinical.tug.definitions import TugKinematics


def rise(start_s: float, height: float = 1.0, ends: bool = True) -> ChairRise:
    return ChairRise(
        start_s, start_s + 0.6, start_s + 1.0,
        start_s + 1.2 if ends else None, start_s + 2.0 if ends else None, height,
    )  # fmt: skip


def test_five_times_counts_to_seat_contact_and_the_sppb_to_the_fifth_stand() -> None:
    rises = [rise(2.0 + 3.0 * k) for k in range(6)]
    assert five_times_s(rises, 2.0) == pytest.approx(14.0)
    assert to_fifth_stand_s(rises, 2.0) == pytest.approx(13.0)


def test_incomplete_rises_do_not_count() -> None:
    rises = [rise(3.0 * k, 0.6 if k == 1 else 1.0) for k in range(6)]
    assert five_times_s(rises, 0.0) == pytest.approx(17.0)
    assert five_times_s(rises[:5], 0.0) is None
    assert stands_in_30s(rises, 0.0) == 5


def test_an_unfinished_fifth_rise_gives_no_time() -> None:
    rises = [rise(3.0 * k) for k in range(4)] + [rise(12.0, ends=False)]
    assert five_times_s(rises, 0.0) is None and to_fifth_stand_s(rises, 0.0) == pytest.approx(13.0)


@pytest.mark.parametrize(("half_up_s", "counted"), [(29.99, 1), (30.0, 1), (30.01, 0)])
def test_the_last_stand_counts_if_more_than_half_way_up_at_30_s(half_up_s, counted) -> None:
    assert stands_in_30s([rise(half_up_s - 0.6)], 0.0) == counted


def test_times_must_rise() -> None:
    with pytest.raises(ValueError, match="rising order"):
        ChairRise(1.0, 0.5, 2.0, None, None, 1.0)


def curve(peaks: list[float]) -> TugKinematics:
    """A pelvis that rises from 0.55 m by shares of 0.35 m, each for 2 s of every 4 s."""
    times_s = np.arange(0.0, 4.0 * len(peaks) + 2.0, 0.01)
    height, pitch = np.full(times_s.shape, 0.55), np.zeros(times_s.shape)
    for k, share in enumerate(peaks):
        middle = np.clip(1.0 - np.abs(times_s - (4.0 * k + 2.5)) / 1.0, 0.0, 1.0)
        height = height + 0.35 * share * np.minimum(1.0, 2.0 * middle)
        pitch = pitch + 0.5 * np.exp(-((times_s - (4.0 * k + 1.4)) ** 2) / 0.05)
    return TugKinematics(times_s, pitch, height, np.zeros(times_s.shape), height <= 0.56)


def test_finds_every_rise_in_exact_kinematics() -> None:
    found = rises_of(curve([1.0, 0.6, 1.0]), 0.55, 0.90)
    assert [one.complete for one in found] == [True, False, True]
    assert found[1].height_share == pytest.approx(0.6, abs=0.02)
    for k, one in enumerate(found):
        assert 4.0 * k + 0.5 < one.rise_start_s < one.half_up_s < one.stand_s
        assert one.seat_contact_s == pytest.approx(4.0 * k + 3.5, abs=0.05)
        assert one.descent_s is not None and one.rise_s > 0.3


def test_fidgeting_is_no_attempt_and_an_open_end_has_no_contact() -> None:
    assert rises_of(curve([0.2]), 0.55, 0.90) == ()
    whole = curve([1.0])
    cut = whole.times_s < 2.6
    part = TugKinematics(*(getattr(whole, name)[cut] for name in vars(whole)))
    (last,) = rises_of(part, 0.55, 0.90)
    assert last.seat_contact_s is None and last.descent_s is None
    with pytest.raises(ValueError, match="standing_height_m"):
        rises_of(whole, 0.55, 0.5)


def test_published_limits() -> None:
    assert norms.five_times_limit(74.0).value == 12.6
    assert norms.five_times_limit(59.9) is None and norms.five_times_limit(None) is None
    assert norms.chair_stand_limit(72.0, "female").value == 10
    assert norms.chair_stand_limit(72.0, "") is None
    assert norms.chair_stand_limit(94.9, "male").value == 7
