# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.clinical.tug.features import (
    CELL_S,
    N_FEATURES,
    cell_grid,
    grid_features,
    mirrored_grid,
)
from thermal_pose.skeleton import MIRROR

WH = (80, 60)


def walk(times_s: np.ndarray) -> np.ndarray:
    """A body that shifts to the right by 8 px per second."""
    rng = np.random.default_rng(0)
    body = rng.uniform(10, 50, (17, 2))
    return body + np.stack([8.0 * times_s, np.zeros_like(times_s)], axis=1)[:, None]


def test_frames_at_the_cells_rate_are_kept_as_they_are() -> None:
    times_s = np.arange(20) * CELL_S
    grid = cell_grid(times_s, walk(times_s), np.full((20, 17), 0.8), WH)
    assert grid.n_cells == 20
    assert grid.xy == pytest.approx(walk(times_s) - [39.5, 29.5])
    assert grid.offsets == pytest.approx(0.0, abs=1e-9)
    assert grid.scores == pytest.approx(0.8)


def test_lost_frames_are_interpolated_and_say_so() -> None:
    times_s = np.delete(np.arange(20) * CELL_S, [7, 8])
    grid = cell_grid(times_s, walk(times_s), np.ones((18, 17)), WH)
    assert grid.n_cells == 20
    assert grid.xy[7:9] == pytest.approx(walk(np.array([7, 8]) * CELL_S) - [39.5, 29.5])
    assert (grid.scores[7:9] == 0).all()
    assert (grid.observed[7:9] == 0).all()


def test_faster_frames_are_averaged() -> None:
    times_s = np.arange(90) / 30.0
    grid = cell_grid(times_s, walk(times_s), np.ones((90, 17)), WH)
    centres_s = grid.start_s + (np.arange(grid.n_cells) + 0.5 + grid.offsets) * CELL_S
    assert grid.xy == pytest.approx(walk(centres_s) - [39.5, 29.5])


def test_weak_joints_weigh_little() -> None:
    times_s = np.array([0.0, 0.02])
    xy = np.zeros((2, 17, 2))
    xy[1] += 10.0
    scores = np.array([[0.9] * 17, [0.1] * 17])
    grid = cell_grid(times_s, xy, scores, WH)
    assert grid.xy[0, 0] + [39.5, 29.5] == pytest.approx([1.0, 1.0])


def test_a_larger_image_is_scaled() -> None:
    times_s = np.arange(5) * CELL_S
    small = cell_grid(times_s, walk(times_s), np.ones((5, 17)), WH)
    large = (walk(times_s) - [39.5, 29.5]) * 2 + [79.5, 59.5]
    assert cell_grid(times_s, large, np.ones((5, 17)), (160, 120)).xy == pytest.approx(small.xy)


def test_a_mirrored_grid_is_that_of_a_mirrored_image() -> None:
    times_s = np.arange(6) * CELL_S
    xy, scores = walk(times_s), np.random.default_rng(1).uniform(0.1, 1.0, (6, 17))
    mirrored = xy[:, MIRROR] * [-1.0, 1.0] + [79.0, 0.0]
    grid = cell_grid(times_s, xy, scores, WH)
    expected = cell_grid(times_s, mirrored, scores[:, MIRROR], WH)
    assert mirrored_grid(grid).xy == pytest.approx(expected.xy)
    assert mirrored_grid(grid).scores == pytest.approx(expected.scores)
    assert mirrored_grid(mirrored_grid(grid)).xy == pytest.approx(grid.xy)


def test_features_do_not_depend_on_place_but_for_their_own_columns() -> None:
    times_s = np.arange(12) * CELL_S
    still = np.tile(walk(times_s[:1]), (12, 1, 1))
    first = grid_features(cell_grid(times_s, still, np.ones((12, 17)), WH))
    moved = grid_features(cell_grid(times_s, still + np.array([3.0, -2.0]), np.ones((12, 17)), WH))
    assert first.shape == (12, N_FEATURES)
    changed = np.flatnonzero(np.abs(first - moved).max(axis=0) > 1e-9)
    assert changed.tolist() == [51, 52, 67]


def test_unknown_joints_give_finite_features() -> None:
    xy = np.full((6, 17, 2), np.nan)
    xy[2, 3] = [5.0, 6.0]
    grid = cell_grid(np.arange(6) * CELL_S, xy, np.ones((6, 17)), WH)
    assert np.isfinite(grid_features(grid)).all()


def test_no_frames_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        cell_grid(np.zeros(0), np.zeros((0, 17, 2)), np.zeros((0, 17)), WH)
