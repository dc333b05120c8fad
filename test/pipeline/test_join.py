# SPDX-License-Identifier: Apache-2.0
import pytest

from thermal_pose.pipeline.join import StampJoin


def test_pairs_come_whichever_side_is_first():
    join = StampJoin()
    join.add_left(1, "image 1")
    assert join.take() is None
    join.add_right(1, "boxes 1")
    assert join.take() == ("image 1", "boxes 1")
    join.add_right(2, "boxes 2")
    join.add_left(2, "image 2")
    assert join.take() == ("image 2", "boxes 2")
    assert join.take() is None and join.dropped == 0


def test_the_newest_pair_wins_and_older_images_count_as_dropped():
    join = StampJoin()
    for stamp in range(5):
        join.add_left(stamp, f"image {stamp}")
    for stamp in range(4):
        join.add_right(stamp, f"boxes {stamp}")
    assert join.take() == ("image 3", "boxes 3")
    assert join.dropped == 3
    join.add_right(4, "boxes 4")
    assert join.take() == ("image 4", "boxes 4")


def test_what_finds_no_partner_is_bounded_and_counted():
    join = StampJoin(capacity=4)
    for stamp in range(10):
        join.add_left(stamp, stamp)
        join.add_right(stamp + 100, stamp)
    assert join.dropped == 6
    join.reset()
    assert join.take() is None and join.dropped == 6


def test_a_clock_that_jumps_back_does_no_harm():
    join = StampJoin()
    join.add_left(100, "old")
    join.add_left(1, "new")
    join.add_right(1, "boxes")
    assert join.take() == ("new", "boxes")
    assert join.dropped == 1


def test_a_stamp_seen_twice_counts_once():
    join = StampJoin()
    join.add_left(1, "first")
    join.add_left(1, "second")
    join.add_right(1, "boxes")
    assert join.take() == ("second", "boxes") and join.dropped == 0


def test_capacity_is_checked():
    with pytest.raises(ValueError, match="capacity"):
        StampJoin(0)
