# SPDX-License-Identifier: Apache-2.0
"""Fig. 1 from predictions made up here; none of them is a result."""

import cv2
import numpy as np
import pytest

from thermal_pose.errors import TrainingError
from thermal_pose.lab.learning.paper.frames_figure import draw_frames


def test_frames_are_shown_plain_and_with_joints(tmp_path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(29000, 29500, (3, 60, 80)).astype(np.uint16)
    xy = rng.uniform(20, 40, (9, 17, 2)).astype(np.float32)
    peaks = np.full((9, 17), 0.9, np.float32)
    boxes = np.tile(np.float32([15, 15, 45, 45]), (3, 1))
    path = tmp_path / "row.npz"
    np.savez(path, shown=[0, 4, 8], shown_frames=frames, shown_boxes=boxes, xy=xy, peaks=peaks)
    picture = cv2.imread(str(draw_frames(path, tmp_path / "o" / "frames.png", count=2)))
    assert picture.shape == (2 * 300 + 6, 2 * 400 + 6, 3)
    above, below = picture[:300].astype(int), picture[306:].astype(int)
    assert np.ptp(above, axis=2).max() == 0  # grey, untouched
    assert np.ptp(below, axis=2).max() > 50  # a coloured skeleton
    assert (above[:, 450:] != above[:, :356]).any()  # another frame


def test_a_file_that_holds_no_predictions_is_named(tmp_path) -> None:
    with pytest.raises(TrainingError, match="no predictions"):
        draw_frames(tmp_path / "none.npz", tmp_path / "x.png")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    with pytest.raises(TrainingError, match="no predictions"):
        draw_frames(tmp_path / "junk.npz", tmp_path / "x.png")
