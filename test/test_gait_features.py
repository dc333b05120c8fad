# SPDX-License-Identifier: Apache-2.0
"""The comparison of gait from keypoints and from heatmaps: its features, samples and figures."""

import sys
from pathlib import Path

import numpy as np
import pytest
from support.documents import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import gait_features
import gait_maps

from thermal_pose.clinical.tug.features import cell_grid
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.codecs.heatmap import encode_gaussian
from thermal_pose.lab.learning.tug.gait import GaitTrial
from thermal_pose.skeleton import MIRROR


def drawn(places: list[tuple[float, float]], sigma_px: float = 2.0) -> np.ndarray:
    """Six heatmaps (1, 6, 64, 48), each with one Gaussian."""
    xy = np.array([places], np.float32)
    return encode_gaussian(xy, np.ones((1, 6), bool), (48, 64), sigma_px)


PLACES = [(20.0, 30.0), (28.0, 30.0), (20.0, 40.0), (29.0, 41.0), (19.0, 50.0), (30.0, 52.0)]


def walker(name: str, seed: int) -> gait_maps.LegTrial:
    """Someone who swings each foot for 0.4 s of every second, which one heatmap feature shows."""
    rng, times_s = np.random.default_rng(seed), np.arange(100) / 8.0
    swings = tuple(
        np.array([(k + 0.5 * leg, k + 0.5 * leg + 0.3 + 0.02 * seed) for k in range(1, 11)])
        for leg in (0, 1)
    )
    up = [[any(a <= t < b for a, b in leg) for leg in swings] for t in times_s]
    legs = np.zeros((100, gait_maps.N_SHAPE + gait_maps.N_WINDOWS), np.float32)
    legs[:, :2] = up
    mirrored = legs.copy()
    mirrored[:, :2] = legs[:, 1::-1]
    xy = np.linspace(20, 40, 34).reshape(17, 2) + rng.normal(0, 0.1, (100, 17, 2))
    scores = np.full((100, 17), 0.9)
    gait = GaitTrial(times_s, xy, scores, swings, (0.5, 11.5))
    stamps_ns = (times_s * 1e9).astype(np.int64)
    zeros = np.zeros(100, np.int64)
    track = SubjectTrack(stamps_ns, xy, scores, np.zeros((100, 4)), zeros, zeros)
    truth = {f"swing_time_{leg}_s": 0.3 + 0.02 * seed for leg in ("left", "right")}
    walks_s = ((0.5, 6.0), (6.0, 11.5))
    return gait_maps.LegTrial(name, name, gait, track, (80, 60), legs, mirrored, walks_s, truth)


def test_shapes_of_one_gaussian_are_its_variance() -> None:
    found = gait_maps.shapes(drawn(PLACES))
    assert found.shape == (1, 6, 7)
    assert found[0, :, 0] == pytest.approx(1.0)
    assert found[0, :, 1:4] == pytest.approx(np.tile([4.0, 0.0, 4.0], (6, 1)), abs=0.05)
    assert found[0, :, 4] == pytest.approx(0.0, abs=0.02)


def test_a_second_peak_has_its_height_and_place() -> None:
    apart = [(x + 12.0, y - 8.0) for x, y in PLACES]
    found = gait_maps.shapes(np.maximum(drawn(PLACES), 0.5 * drawn(apart)))
    assert found[0, :, 4:] == pytest.approx(np.tile([0.5, 6.0, -4.0], (6, 1)), abs=0.01)


def test_windows_are_means_of_squares_with_repeated_edges() -> None:
    image = np.arange(64 * 48, dtype=np.float32).reshape(1, 64, 48)
    found = gait_maps.windows(image, np.array([[24.0, 32.0]])).reshape(5, 5)
    assert found[2, 2] == image[0, 32, 24]
    assert found[0, 0] == image[0, 26, 18]
    assert np.isfinite(gait_maps.windows(image, np.array([[0.0, 63.0]]))).all()


def test_features_have_their_number_and_unseen_frames_have_none() -> None:
    maps = np.concatenate([200 * drawn(PLACES), np.zeros((1, 6, 64, 48))]).astype(np.uint8)
    found = gait_maps.map_features(maps, np.zeros((2, 64, 48), np.float16))
    assert found.shape == (2, gait_maps.N_SHAPE + gait_maps.N_WINDOWS)
    assert not found[1].any()


@pytest.mark.parametrize("exchanged", [False, True])
def test_the_subjects_maps_follow_left_and_right_of_the_pipeline(exchanged: bool) -> None:
    rng = np.random.default_rng(0)
    joints, heat = rng.random((2, 17, 2), np.float32), rng.random((2, 17, 64, 48), np.float32)
    crops = np.ones((2, 1, 256, 192), np.float32)
    xy = joints[1][MIRROR] if exchanged else joints[1]
    found, crop = gait_maps.subject_maps(xy, (joints, crops, heat))
    left_ankle = heat[1, 16 if exchanged else 15]
    assert found[4] == pytest.approx(200 * left_ankle, abs=0.51)
    assert (crop == 1).all()
    assert not gait_maps.subject_maps(np.full((17, 2), np.nan), (joints, crops, heat))[0].any()


def test_the_first_trial_of_each_person_is_taken_cohorts_in_turn(tmp_path: Path) -> None:
    for name in ("a-1-000-0-valid", "a-1-000-1-valid", "a-1-001-0-valid", "b-2-000-0-valid"):
        (tmp_path / f"{name}.npz").touch()
    names = [path.stem for path in gait_maps.first_trials(tmp_path)]
    assert names == ["a-1-000-0-valid", "b-2-000-0-valid", "a-1-001-0-valid"]


def test_cells_without_frames_are_interpolated() -> None:
    times_s = np.array([0.0, 0.01, 0.25])
    grid = cell_grid(times_s, np.ones((3, 17, 2)), np.ones((3, 17)), (80, 60))
    found = gait_features.in_cells(grid, times_s, np.array([[1.0], [3.0], [6.0]], np.float32))
    assert found[:, 0].tolist() == [2.0, 4.0, 6.0]


def test_every_input_learns_from_the_same_samples() -> None:
    trial = walker("a", 0)
    samples = gait_features.Samples(gait_features.Scale.of([trial]))
    first, again = samples.of_width(70), samples.of_width(90)
    (narrow, labels), rng = first(trial, np.random.default_rng(1)), np.random.default_rng(2)
    wide, same = again(trial, rng)
    assert np.array_equal(wide[:, :70], narrow)
    assert np.array_equal(labels, same, equal_nan=True)
    assert wide.shape[1] == 90


def test_nobody_is_judged_by_a_network_that_learned_from_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials, taught = [walker(f"p{seed}", seed) for seed in range(3)], []
    train, read = gait_features.trained, gait_features.read_gait

    def trained(kept, *rest):
        taught.append({trial.person for trial in kept})
        return train(kept, *rest)

    def read_gait(trial, *rest):
        assert trial.person not in taught[-1]
        return read(trial, *rest)

    monkeypatch.setattr(gait_features, "trained", trained)
    monkeypatch.setattr(gait_features, "read_gait", read_gait)
    monkeypatch.setattr(gait_features, "INPUTS", {"keypoints": (0, 0), "with shapes": (42, 0)})
    found = gait_features.cross_validated(trials, folds=3, steps=2, seed=0)
    assert [len(people) for people in taught] == [2] * 6
    assert all(0 <= each["contact_accuracy"] <= 1 for rows in found.values() for each in rows)


def test_figures_are_compared_over_what_all_inputs_give() -> None:
    trials = [walker(f"p{seed}", seed) for seed in range(12)]
    exact = [trial.truth | {"contact_accuracy": 1.0} for trial in trials]
    rough = [{name: value + 0.1 for name, value in each.items()} for each in exact]
    del rough[0]["swing_time_left_s"]
    document = gait_features.compared(trials, {"keypoints": rough, "with shapes": exact})
    swing = document["swing_time_s"]
    assert (swing["n"], swing["missing"]["keypoints"]) == (23, 1)
    assert swing["mae"]["with shapes"]["more"]["value"] == pytest.approx(-0.1)
    assert swing["r"]["keypoints"]["is"]["value"] == pytest.approx(1.0)
    assert "more" not in swing["icc"]["keypoints"]
    assert document["contact_accuracy"]["mean"]["with shapes"]["is"]["value"] == 1.0
