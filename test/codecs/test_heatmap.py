# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.codecs.heatmap import (
    DECODERS,
    HeatmapGeometry,
    decode_argmax,
    decode_dark,
    decode_quarter,
    encode_gaussian,
)

WH = (48, 64)


def _points(seed: int = 0, n: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform([6, 6], [WH[0] - 7, WH[1] - 7], size=(n, 17, 2))


def test_dark_recovers_clean_gaussians_to_a_hundredth() -> None:
    points = _points()
    xy, peaks = decode_dark(encode_gaussian(points, np.ones(points.shape[:2]), WH))
    assert np.abs(xy - points).max() < 0.02
    assert np.all(peaks > 0.9)


def test_dark_beats_quarter_beats_argmax_under_noise() -> None:
    points = _points(1)
    maps = encode_gaussian(points, np.ones(points.shape[:2]), WH)
    maps += np.random.default_rng(2).normal(0, 0.05, maps.shape).astype(np.float32)
    error = {
        name: np.linalg.norm(decode(maps)[0] - points, axis=-1).mean()
        for name, decode in DECODERS.items()
    }
    assert error["dark"] < error["quarter"] < error["argmax"]
    assert error["dark"] < 0.1


def test_argmax_is_the_nearest_pixel() -> None:
    points = _points(3)
    xy, _ = decode_argmax(encode_gaussian(points, np.ones(points.shape[:2]), WH))
    np.testing.assert_array_equal(xy, np.rint(points))


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS.keys())
def test_no_person_gives_empty_arrays(decode) -> None:
    xy, peaks = decode(np.zeros((0, 17, 64, 48), np.float32))
    assert xy.shape == (0, 17, 2)
    assert peaks.shape == (0, 17)


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS.keys())
def test_flat_map_stays_at_its_argmax_with_a_zero_peak(decode) -> None:
    xy, peaks = decode(np.zeros((1, 17, 64, 48), np.float32))
    np.testing.assert_array_equal(xy, 0)
    np.testing.assert_array_equal(peaks, 0)


@pytest.mark.parametrize("corner", [(0, 0), (47, 0), (0, 63), (47, 63)])
def test_corner_peaks_stay_near_the_corner(corner) -> None:
    maps = encode_gaussian(np.array([[corner]]), np.ones((1, 1)), WH)
    for decode in (decode_quarter, decode_dark):
        xy, _ = decode(maps)
        assert np.abs(xy[0, 0] - corner).max() <= 1


def test_absent_joint_is_an_empty_map_even_at_nan() -> None:
    xy = np.array([[[np.nan, np.nan], [10.0, 10.0]]])
    maps = encode_gaussian(xy, np.array([[False, True]]), WH)
    assert maps[0, 0].max() == 0
    assert maps[0, 1].max() == 1


@pytest.mark.parametrize("alignment", ["half_pixel", "corner"])
def test_geometry_round_trip(alignment) -> None:
    geometry = HeatmapGeometry(alignment=alignment)
    points = _points(4)
    np.testing.assert_allclose(geometry.to_heatmap(geometry.to_crop(points)), points, atol=1e-4)


def test_geometry_alignments_agree_with_their_definition() -> None:
    half, corner = HeatmapGeometry(), HeatmapGeometry(alignment="corner")
    np.testing.assert_allclose(half.to_crop([0.0, 0.0]), [1.5, 1.5])
    np.testing.assert_allclose(corner.to_crop([47.0, 63.0]), [191.0, 255.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decode_dark(np.zeros((17, 64, 48))), r"expected \(N, K, H, W\)"),
        (lambda: decode_dark(np.zeros((1, 17, 64, 48)), blur=4), "odd"),
        (lambda: encode_gaussian(np.zeros((3, 2)), np.ones(3), WH), r"expected \(N, K, 2\)"),
        (lambda: encode_gaussian(np.zeros((1, 3, 2)), np.ones((1, 2)), WH), "present"),
        (lambda: encode_gaussian(np.zeros((1, 3, 2)), np.ones((1, 3)), WH, 0.0), "sigma_px"),
        (lambda: HeatmapGeometry(alignment="other"), "alignment"),
    ],
)
def test_wrong_arguments_name_expected_and_actual(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
