# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.stick_figure import Figure

from thermal_pose.clinical.tug.features import (
    N_FEATURES,
    grid_features,
    mirrored_grid,
    track_grid,
)
from thermal_pose.clinical.tug.gait import _measure, _spans, gait_measures, gait_parameters
from thermal_pose.clinical.tug.gait_network import load_gait_network
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import read_frames
from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.tug.gait import TorchGait, write_gait_network

#: A step every 0.5 s; swings of 0.4 s, so that both feet stand for 0.1 s per step.
LEFT = tuple((0.2 + k, 0.6 + k) for k in range(10))
RIGHT = tuple((0.7 + k, 1.1 + k) for k in range(10))


def test_a_swing_lasts_as_long_as_its_probabilities_sum_to():
    probability = np.array([0.0, 0.0, 0.4, 1.0, 1.0, 1.0, 1.0, 1.0, 0.25, 0.0])
    ((lift_s, land_s),) = _spans(probability, 1.0, 0.1)
    assert land_s - lift_s == pytest.approx(0.1 * probability.sum())
    # One half is crossed at 1.267 and 1.767 s: from the middle, 0.257 s are before and 0.308 after.
    assert lift_s == pytest.approx(1.26, abs=1e-3)
    assert land_s == pytest.approx(1.825, abs=1e-3)


def test_a_blurred_swing_does_not_take_from_its_neighbours():
    ramp = np.linspace(0.0, 1.0, 6)[1:-1]
    swing = np.concatenate([ramp, np.ones(8), ramp[::-1]])
    probability = np.concatenate([np.zeros(8), swing, np.zeros(8), swing, np.zeros(8)])
    spans = _spans(probability, 0.0, 1 / 32)
    assert [end_s - start_s for start_s, end_s in spans] == pytest.approx([swing.sum() / 32] * 2)
    assert spans[1][0] - spans[0][0] == pytest.approx((len(swing) + 8) / 32)


@pytest.mark.parametrize("probability", [np.zeros(0), np.zeros(9), np.ones(9)])
def test_without_both_ends_there_is_no_swing(probability):
    assert _spans(probability, 0.0, 1 / 32) == ()


def test_parameters_of_an_even_gait():
    found = gait_parameters((LEFT, RIGHT), [(0.0, 10.0)], 0.01)
    for leg in ("left", "right"):
        assert found[f"swing_time_{leg}_s"].mean == pytest.approx(0.4)
        assert found[f"stance_time_{leg}_s"].mean == pytest.approx(0.6)
        assert found[f"stride_time_{leg}_s"].mean == pytest.approx(1.0)
        assert found[f"step_time_{leg}_s"].mean == pytest.approx(0.5)
    assert found["cadence_gait_spm"].mean == pytest.approx(120.0)
    assert found["double_support_pct"].mean == pytest.approx(20.0)
    assert found["step_asymmetry_gait"].mean == pytest.approx(0.0, abs=1e-9)


def test_a_limp_is_told_by_leg():
    limping = tuple((0.8 + k, 1.2 + k) for k in range(10))
    found = gait_parameters((LEFT, limping), [(0.0, 10.0)], 0.01)
    assert found["step_time_right_s"].mean == pytest.approx(0.6)
    assert found["step_time_left_s"].mean == pytest.approx(0.4)
    assert found["step_asymmetry_gait"].mean == pytest.approx(-0.4)
    mirrored = gait_parameters((limping, LEFT), [(0.0, 10.0)], 0.01)
    assert mirrored["step_asymmetry_gait"].mean == pytest.approx(0.4)


def test_a_walk_that_is_too_short_has_no_parameters():
    found = gait_parameters((LEFT, RIGHT), [(0.0, 1.0)], 0.01)
    assert "stride_time_left_s" not in found
    assert "double_support_pct" not in found


def test_a_pause_is_no_stride():
    left = (*LEFT[:3], *((lift + 5.0, land + 5.0) for lift, land in LEFT[3:]))
    right = (*RIGHT[:3], *((lift + 5.0, land + 5.0) for lift, land in RIGHT[3:]))
    found = gait_parameters((left, right), [(0.0, 16.0)], 0.01)
    assert found["stride_time_left_s"].mean == pytest.approx(1.0)


def test_numpy_and_torch_agree(tmp_path):
    torch.manual_seed(0)
    network = TorchGait(8, (1, 2)).eval()
    write_gait_network([network], (1, 2), 0.05, tmp_path / "gait.npz")
    features = np.random.default_rng(0).normal(size=(20, N_FEATURES))
    with torch.no_grad():
        logits = network(torch.tensor(features, dtype=torch.float32)[None], torch.ones(1, 20, 1))
    expected = torch.sigmoid(logits)[0].permute(0, 2, 1).reshape(-1, 2).numpy()
    loaded = load_gait_network(tmp_path / "gait.npz")
    assert loaded(features) == pytest.approx(expected, abs=1e-5)
    assert loaded.contact_sd_s == 0.05


def test_a_mirror_swaps_the_legs(tmp_path):
    torch.manual_seed(0)
    networks = [TorchGait(8, (1, 2)).eval() for _ in range(2)]
    write_gait_network(networks, (1, 2), 0.05, tmp_path / "gait.npz")
    network = load_gait_network(tmp_path / "gait.npz")
    figure = Figure()
    grid = track_grid(read_frames(figure.frames(), TugParams()).track, (80, 60))
    swinging = network.swinging(grid)
    assert network.swinging(mirrored_grid(grid)) == pytest.approx(swinging[:, ::-1])
    assert np.abs(network(grid_features(grid)) - swinging).max() > 1e-3
    alone = [replace(network, members=(weights,)) for weights in network.members]
    assert np.mean([one.swinging(grid) for one in alone], axis=0) == pytest.approx(swinging)


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ModelArtifactError, match="no gait network there"):
        load_gait_network(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ModelArtifactError, match="not a gait network"):
        load_gait_network(tmp_path / "other.npz")


@pytest.mark.parametrize("n_members", [None, 0, 2])
def test_a_file_without_all_of_its_networks_is_refused(tmp_path, n_members):
    path = tmp_path / "gait.npz"
    write_gait_network([TorchGait(8, (1,)).eval()], (1,), 0.05, path)
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = json.loads(str(arrays.pop("meta"))) | {"members": n_members}
    if n_members is None:
        del meta["members"]
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)
    with pytest.raises(ModelArtifactError, match="expected one gait network or more"):
        load_gait_network(path)


def test_a_mean_of_steps_that_differ_too_much_is_withheld_with_what_needs_it():
    uneven = tuple((0.7 + k, 0.7 + k + (0.3 if k % 2 else 0.8)) for k in range(4))
    found = gait_parameters((LEFT, uneven), [(0.0, 10.0)], 0.01)
    assert not found["swing_time_right_s"].sure
    given = {m.name: m for m in (_measure(name, found) for name in found)}
    assert given["swing_time_left_s"].value == pytest.approx(0.4)
    for name in ("swing_time_right_s", "double_support_pct"):
        assert given[name].value is None
        assert "differ too much" in given[name].omitted


def test_every_gait_measure_is_given_or_says_why_not(tmp_path):
    torch.manual_seed(0)
    write_gait_network([TorchGait(8, (1,)).eval()], (1,), 0.05, tmp_path / "gait.npz")
    figure = Figure()
    reading = read_frames(figure.frames(), TugParams())
    network = load_gait_network(tmp_path / "gait.npz")
    measures = gait_measures(reading.track, (80, 60), np.array(figure.edges_s), network)
    assert len(measures) == 11
    assert all(bool(m.omitted) == (m.value is None) for m in measures)
