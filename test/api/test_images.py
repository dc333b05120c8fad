# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.api.images import as_centikelvin, is_batch

ROOM_DEGC = 21.0
ROOM_COUNTS = 29415


@pytest.mark.parametrize(
    "image",
    [
        np.full((60, 80), ROOM_COUNTS, np.uint16),
        np.full((60, 80), ROOM_DEGC, np.float32),
        np.full((60, 80), ROOM_DEGC, np.float64),
        np.full((60, 80, 1), ROOM_COUNTS, np.uint16),
        [[ROOM_DEGC] * 80] * 60,
    ],
)
def test_units_agree(image: object) -> None:
    counts = as_centikelvin(image)
    assert counts.shape == (60, 80) and counts.dtype == np.uint16
    assert (counts == ROOM_COUNTS).all()


@pytest.mark.parametrize("shape", [(60, 80), (60, 80, 3)])
def test_grey_levels_span_the_stated_temperatures(shape: tuple[int, ...]) -> None:
    grey = np.zeros(shape, np.uint8)
    grey[0, 0] = 255
    counts = as_centikelvin(grey, span_degc=(20.0, 30.2))
    assert (counts[0, 0], counts[1, 1]) == (30335, 29315)


@pytest.mark.parametrize(
    ("image", "span", "message"),
    [
        (np.zeros((60, 80), np.uint8), None, r"8-bit image needs .* span_degc=\(18, 38\)"),
        (np.zeros((60, 80), np.uint8), (30, 20), "expected low < high"),
        (np.zeros((60, 80), np.uint8), (293, 310), "expected low < high in degrees Celsius"),
        (np.full((60, 80), 294.0), None, "looks like kelvin"),
        (np.full((60, 80), np.nan), None, "NaN"),
        (np.full((60, 80), 3100, np.uint16), None, "0.01 K per count"),
        (np.zeros((60, 80), np.int64), None, "int64"),
        (np.zeros((0, 80)), None, "at least one pixel"),
        (np.zeros(80), None, r"\(80,\)"),
        (np.arange(60 * 80 * 3, dtype=np.uint8).reshape(60, 80, 3), (20, 30), "false colours"),
    ],
)
def test_what_is_no_thermal_image_is_named(image: np.ndarray, span: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_centikelvin(image, span)


def test_batches() -> None:
    one = np.zeros((60, 80))
    assert [is_batch(x) for x in (one, [one], (one, one), np.stack([one, one]))] == [
        False,
        True,
        True,
        True,
    ]
    assert not is_batch(np.zeros((60, 80, 3)))
