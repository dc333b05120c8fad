# SPDX-License-Identifier: Apache-2.0
import pytest

from thermal_pose.pipeline.statistics import LIVE_S, ArrivalTimes, StreamStatistics, is_live
from thermal_pose.types import NS_PER_S

FRAME_NS = NS_PER_S // 8


def test_nothing_seen_is_said_as_none():
    summary = StreamStatistics().summary()
    assert (summary.frames, summary.rate_hz, summary.age_p99_s, summary.last_age_s) == (
        0,
        None,
        None,
        None,
    )


def test_one_frame_has_an_age_but_no_rate():
    statistics = StreamStatistics()
    statistics.frame(stamp_ns=NS_PER_S, now_ns=NS_PER_S + 20_000_000)
    summary = statistics.summary()
    assert summary.rate_hz is None
    assert summary.last_age_s == pytest.approx(0.02)


def test_rate_is_that_of_the_window():
    statistics = StreamStatistics(window=16)
    for index in range(100):
        statistics.frame(index * FRAME_NS, index * FRAME_NS)
    assert statistics.summary().rate_hz == pytest.approx(8.0)
    assert statistics.summary().frames == 100


def test_p99_sees_one_late_frame_in_fifty():
    statistics = StreamStatistics(window=50)
    for index in range(50):
        age_ns = NS_PER_S if index == 25 else 1_000_000
        statistics.frame(index * FRAME_NS, index * FRAME_NS + age_ns)
    assert statistics.summary().age_p99_s > 0.4


def test_equal_arrivals_have_no_rate():
    statistics = StreamStatistics()
    statistics.frame(0, 5)
    statistics.frame(1, 5)
    assert statistics.summary().rate_hz is None


def test_events_are_counted_by_name():
    statistics = StreamStatistics()
    statistics.count("dropped", 3)
    statistics.count("dropped")
    statistics.count("malformed")
    assert statistics.summary().counts == {"dropped": 4, "malformed": 1}


def test_window_below_two_is_refused():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        StreamStatistics(window=1)


def test_live_stamp_is_when_the_image_was_taken():
    assert ArrivalTimes().taken_ns(10 * NS_PER_S, 11 * NS_PER_S) == 10 * NS_PER_S


def test_recorded_stamp_counts_from_its_arrival():
    arrivals = ArrivalTimes(size=2)
    now_ns = 10**18
    for stamp_ns in (1, 2, 3):
        arrivals.note(stamp_ns, now_ns + stamp_ns)
    assert arrivals.taken_ns(3, now_ns + 9) == now_ns + 3
    assert arrivals.taken_ns(1, now_ns + 9) == now_ns + 9, "forgotten: only two are kept"


def test_the_rate_decays_in_silence():
    statistics = StreamStatistics()
    for index in range(20):
        statistics.frame(index * FRAME_NS, index * FRAME_NS)
    last_ns = 19 * FRAME_NS
    assert statistics.summary(last_ns + FRAME_NS).rate_hz == pytest.approx(8.0)
    rates = [statistics.summary(last_ns + silent * NS_PER_S).rate_hz for silent in (1, 4, 60)]
    assert rates == pytest.approx([1.0, 0.25, 1 / 60])


def test_a_clock_set_back_does_not_spoil_the_rate():
    statistics = StreamStatistics()
    for start in (100, 0):
        for index in range(10):
            now_ns = start * NS_PER_S + index * FRAME_NS
            statistics.frame(now_ns, now_ns)
    assert statistics.summary().rate_hz == pytest.approx(8.0)


def test_recorded_stamps_have_no_age():
    statistics = StreamStatistics()
    statistics.frame(stamp_ns=0, now_ns=10**18)
    assert statistics.summary().last_age_s is None
    assert statistics.summary().age_p99_s is None


def test_a_stamp_of_the_present_is_live_whichever_clock_is_ahead():
    now_ns, reach_ns = 10**18, int(LIVE_S * NS_PER_S)
    assert is_live(now_ns - reach_ns, now_ns) and is_live(now_ns + reach_ns, now_ns)
    assert not is_live(now_ns - reach_ns - 1, now_ns)
