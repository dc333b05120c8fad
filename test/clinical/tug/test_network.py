# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest

from thermal_pose.clinical.tug.features import N_FEATURES
from thermal_pose.clinical.tug.network import SUB_CELLS, convolve, layer_norm, load_network
from thermal_pose.errors import ModelArtifactError


def test_layer_norm_of_a_row() -> None:
    values = np.array([[1.0, 2.0, 3.0]])
    normed = layer_norm(values, np.ones(3), np.zeros(3))
    assert normed == pytest.approx(np.array([[-1.224735, 0.0, 1.224735]]), abs=1e-4)


def test_convolution_looks_as_far_as_its_dilation() -> None:
    values = np.zeros((21, 1))
    values[10] = 1.0
    weight = np.arange(1.0, 6.0).reshape(5, 1, 1)
    result = convolve(values, weight, np.zeros(1), dilation=3)[:, 0]
    assert np.flatnonzero(result).tolist() == [4, 7, 10, 13, 16]
    # Correlation, as in torch: the tap looks ahead where its index is above the middle.
    assert result[[4, 10, 16]].tolist() == [5.0, 3.0, 1.0]


def test_the_same_network_in_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from thermal_pose.lab.learning.tug.segmenter import (
        SegmenterConfig,
        TorchSegmenter,
        write_network,
    )

    torch.manual_seed(0)
    config = SegmenterConfig(channels=12, dilations=(1, 4))
    networks = [TorchSegmenter(config).eval() for _ in range(2)]
    write_network(networks, config, tmp_path / "n.npz")
    features = np.random.default_rng(0).normal(size=(30, N_FEATURES))
    density, absent = load_network(tmp_path / "n.npz")(features)
    with torch.no_grad():
        given = torch.from_numpy(features.astype(np.float32))[None]
        outputs = [n(given, torch.tensor([30])).exp()[0].numpy() for n in networks]
    expected = np.mean(outputs, axis=0)
    assert density == pytest.approx(expected[:, :-1], abs=1e-5)
    assert absent == pytest.approx(expected[:, -1], abs=1e-5)
    assert density.sum(axis=1) + absent == pytest.approx(1.0)
    assert density.shape == (7, 30 * SUB_CELLS)


def test_padding_changes_nothing_in_training() -> None:
    torch = pytest.importorskip("torch")
    from thermal_pose.lab.learning.tug.segmenter import SegmenterConfig, TorchSegmenter

    torch.manual_seed(1)
    network = TorchSegmenter(SegmenterConfig(channels=8, dilations=(1, 2))).eval()
    features = torch.randn(1, 25, N_FEATURES)
    padded = torch.cat([features, torch.randn(1, 15, N_FEATURES)], dim=1)
    with torch.no_grad():
        alone = network(features, torch.tensor([25])).exp()
        beside = network(padded, torch.tensor([25])).exp()
    n_bins = 25 * SUB_CELLS
    assert beside[..., :n_bins].numpy() == pytest.approx(alone[..., :-1].numpy(), abs=1e-5)
    assert beside[..., n_bins:-1].sum() == 0


def test_features_of_another_width_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from thermal_pose.lab.learning.tug.segmenter import (
        SegmenterConfig,
        TorchSegmenter,
        write_network,
    )

    config = SegmenterConfig(channels=8, dilations=(1,))
    write_network([TorchSegmenter(config)], config, tmp_path / "n.npz")
    with pytest.raises(ValueError, match=f"expected \\(T, {N_FEATURES}\\)"):
        load_network(tmp_path / "n.npz")(np.zeros((5, 3)))


def test_bad_files_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ModelArtifactError, match="no segmentation network there"):
        load_network(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ModelArtifactError, match="not a segmentation network"):
        load_network(tmp_path / "text.npz")
    meta = json.dumps({"members": 1, "dilations": [1], "n_features": 3, "sub_cells": SUB_CELLS})
    np.savez(tmp_path / "old.npz", meta=np.array(meta))
    with pytest.raises(ModelArtifactError, match=f"n_features: expected {N_FEATURES}, got 3"):
        load_network(tmp_path / "old.npz")
