# SPDX-License-Identifier: Apache-2.0
"""Large images at the networks' resolution, and the way back."""

import numpy as np
import pytest

from thermal_pose.imaging.network_view import NETWORK_WH, network_view


@pytest.mark.parametrize("size_wh", [(80, 60), (80, 62), (80, 64), (32, 24), (1, 1)])
def test_images_that_fit_are_left_as_they_are(size_wh: tuple[int, int]) -> None:
    image = np.zeros(size_wh[::-1], np.uint16)
    view = network_view(image)
    assert view.same and view.centikelvin is image
    np.testing.assert_array_equal(view.to_image([[1.25, 2.5]]), [[1.25, 2.5]])


@pytest.mark.parametrize(
    ("size_wh", "expected_wh"),
    [((160, 120), (80, 60)), ((320, 256), (80, 64)), ((640, 512), (80, 64)), ((60, 80), (48, 64)),
     ((256, 192), (80, 60)), ((3000, 1), (80, 1))],
)  # fmt: skip
def test_larger_images_are_averaged_down(size_wh, expected_wh) -> None:
    view = network_view(np.full(size_wh[::-1], 29500, np.uint16))
    assert view.centikelvin.shape == expected_wh[::-1]
    assert (view.centikelvin == 29500).all()
    assert view.centikelvin.shape[1] <= NETWORK_WH[0] and view.centikelvin.shape[0] <= NETWORK_WH[1]


def test_averaging_undoes_a_repetition_of_pixels() -> None:
    image = np.random.default_rng(0).integers(29000, 31000, (60, 80), dtype=np.uint16)
    np.testing.assert_array_equal(
        network_view(np.kron(image, np.ones((2, 2), np.uint16))).centikelvin, image
    )


def test_points_come_back_in_the_pixels_of_the_image() -> None:
    view = network_view(np.zeros((120, 160), np.uint16))
    # The centre of a view's pixel lies between the centres of the two image pixels it covers.
    np.testing.assert_allclose(view.to_image([[0.0, 10.0]]), [[0.5, 20.5]])
    points = np.random.default_rng(0).uniform(-5, 165, (17, 2)).astype(np.float32)
    np.testing.assert_allclose(view.to_image(view.from_image(points)), points, atol=1e-4)
    boxes = np.array([[-0.5, -0.5, 79.5, 59.5]])
    np.testing.assert_allclose(view.to_image(boxes), [[-0.5, -0.5, 159.5, 119.5]])
