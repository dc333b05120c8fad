# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from support.stick_figure import Figure

from thermal_pose.clinical.tug.features import N_FEATURES
from thermal_pose.clinical.tug.gait import _spans, gait_measures, gait_parameters
from thermal_pose.clinical.tug.gait_network import load_gait_network
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import read_frames
from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.tug.gait import TorchGait, write_gait_network

#: A step every 0.5 s; swings of 0.4 s, so that both feet stand for 0.1 s per step.
LEFT = tuple((0.2 + k, 0.6 + k) for k in range(10))
RIGHT = tuple((0.7 + k, 1.1 + k) for k in range(10))


def test_spans_are_interpolated_between_sub_cells():
    probability = np.array([0.0, 0.0, 0.4, 1.0, 1.0, 1.0, 1.0, 1.0, 0.25, 0.0])
    ((lift_s, land_s),) = _spans(probability, 1.0, 0.1)
    # One half lies a sixth of the way from 0.4 to 1 and two thirds from 1 to 0.25.
    assert lift_s == pytest.approx(1.0 + 0.1 * (2.5 + 1 / 6))
    assert land_s == pytest.approx(1.0 + 0.1 * (7.5 + 2 / 3))


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
    assert found["step_asymmetry_gait"].mean == pytest.approx(0.4)


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
    write_gait_network(network, (1, 2), 0.05, tmp_path / "gait.npz")
    features = np.random.default_rng(0).normal(size=(20, N_FEATURES))
    with torch.no_grad():
        logits = network(torch.tensor(features, dtype=torch.float32)[None], torch.ones(1, 20, 1))
    expected = torch.sigmoid(logits)[0].permute(0, 2, 1).reshape(-1, 2).numpy()
    loaded = load_gait_network(tmp_path / "gait.npz")
    assert loaded(features) == pytest.approx(expected, abs=1e-5)
    assert loaded.contact_sd_s == 0.05


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ModelArtifactError, match="no gait network there"):
        load_gait_network(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ModelArtifactError, match="not a gait network"):
        load_gait_network(tmp_path / "other.npz")


def test_every_gait_measure_is_given_or_says_why_not(tmp_path):
    torch.manual_seed(0)
    write_gait_network(TorchGait(8, (1,)).eval(), (1,), 0.05, tmp_path / "gait.npz")
    figure = Figure()
    reading = read_frames(figure.frames(), TugParams())
    network = load_gait_network(tmp_path / "gait.npz")
    measures = gait_measures(reading.track, (80, 60), np.array(figure.edges_s), network)
    assert len(measures) == 11
    assert all(bool(m.omitted) == (m.value is None) for m in measures)
