# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.imaging.crop import crop_affines, sample_crops
from thermal_pose.inference.card import CropRule

CROP_WH = (192, 256)


def ramp(rows: int = 60, columns: int = 80) -> np.ndarray:
    """A frame whose value at (x, y) is 29000 + 10 x + 3 y: linear sampling is exact on it."""
    y, x = np.mgrid[0:rows, 0:columns]
    return (29000 + 10 * x + 3 * y).astype(np.uint16)


@pytest.mark.parametrize("shape", [(60, 80), (62, 80)])
def test_a_crop_of_a_ramp_is_the_ramp_at_the_mapped_positions(shape):
    rule = CropRule()
    region = rule.region(np.array([[30.3, 12.1, 44.9, 47.7]]))
    crop = sample_crops(ramp(*shape), region, CROP_WH)[0]
    grid = np.stack(np.meshgrid(np.arange(192), np.arange(256)), axis=-1).reshape(1, -1, 2)
    frame_xy = rule.to_frame(grid, region)[0]
    expected = (29000 + 10 * frame_xy[:, 0] + 3 * frame_xy[:, 1]).reshape(256, 192)
    np.testing.assert_allclose(crop, expected, atol=0.5)  # 1/20 px


def test_outside_the_frame_the_border_is_repeated():
    crop = sample_crops(ramp(), [[0.0, 0.0, 24.0, 32.0]], CROP_WH)[0]
    assert np.all(crop[:100, :80] == 29000)
    wholly_outside = sample_crops(ramp(), [[-500.0, 30.0, 24.0, 32.0]], CROP_WH)[0]
    assert np.ptp(wholly_outside, axis=1).max() == 0


def test_many_crops_equal_each_alone_and_none_is_an_empty_batch():
    frame = ramp()
    regions = [[40.0, 30.0, 24.0, 32.0], [10.0, 20.0, 6.0, 8.0], [70.0, 50.0, 60.0, 80.0]]
    batch = sample_crops(frame, regions, CROP_WH)
    for one, region in zip(batch, regions, strict=True):
        np.testing.assert_array_equal(one, sample_crops(frame, [region], CROP_WH)[0])
    assert sample_crops(frame, np.zeros((0, 4)), CROP_WH).shape == (0, 256, 192)


@pytest.mark.parametrize(
    "regions",
    [
        np.zeros((4,)),
        np.zeros((1, 3)),
        [[1.0, 1.0, 0.0, 5.0]],
        [[np.nan, 1.0, 4.0, 5.0]],
        [[1.0, np.inf, 4.0, 5.0]],
    ],
)
def test_bad_regions_are_refused(regions):
    with pytest.raises(ValueError, match="regions"):
        crop_affines(regions, CROP_WH)


def test_an_empty_image_is_refused():
    with pytest.raises(ValueError, match="image"):
        sample_crops(np.zeros((0, 80), np.uint16), [[1.0, 1.0, 2.0, 2.0]], CROP_WH)
