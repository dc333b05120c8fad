# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.card import NEVER_ON_PATIENTS, load_card
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.students.export import (
    ModelProvenance,
    check_folded,
    export_student,
    quantise,
)


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    torch.manual_seed(0)
    crops = np.random.default_rng(0).random((4, 1, 256, 192), np.float32)
    network = build_network("mobilenetv3").eval()
    folder = tmp_path_factory.mktemp("export")
    limits = ("Random weights: its output means nothing.", NEVER_ON_PATIENTS)
    provenance = ModelProvenance(data={"training": "none: random weights"}, limits=limits)
    return export_student(network, ConfidenceHead(48), folder, "student", crops, provenance)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_export_has_the_promised_inputs_and_outputs(cards, precision) -> None:
    card = load_card(cards[precision])
    assert card.precision == precision
    session = onnxruntime.InferenceSession(str(cards[precision].parent / card.file))
    out = session.run(None, {"thermal": np.zeros((3, 1, 256, 192), np.float32)})
    assert [o.shape for o in out] == [(3, 17, 64, 48), (3, 17), (3,)]
    assert [o.name for o in session.get_outputs()] == ["heatmaps", "joint_scores", "person_score"]


def test_files_are_small_enough_to_ship(cards) -> None:
    size = {k: (v.parent / load_card(v).file).stat().st_size for k, v in cards.items()}
    assert size["fp32"] < 7e6
    assert size["int8"] < 2.5e6


def test_the_decoder_is_int8_and_the_encoder_is_not(cards) -> None:
    graph = onnx.load(cards["int8"].parent / load_card(cards["int8"]).file).graph
    producers = {node.output[0]: node for node in graph.node}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    int8 = {node.name for node in convolutions if node.input[1] in producers}
    decoder = {f"{part}.{parity}" for part in ("deconv1", "deconv2", "head") for parity in range(4)}
    assert int8 == decoder
    assert all(n.name.startswith("encoder") for n in convolutions if n.name not in int8)


def test_int8_gives_one_answer_whatever_the_processor(cards) -> None:
    """Unfused, onnxruntime computes in fp32: an int8 sum that saturates differs from it."""
    path = str(cards["int8"].parent / load_card(cards["int8"]).file)
    crop = {"thermal": np.random.default_rng(0).random((1, 1, 256, 192), np.float32)}
    answers = []
    for level in ("ORT_ENABLE_ALL", "ORT_DISABLE_ALL"):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        answers.append(onnxruntime.InferenceSession(path, options).run(["heatmaps"], crop)[0])
    step = float(np.ptp(answers[1])) / 255
    assert float(np.abs(answers[0] - answers[1]).max()) < 1.5 * step


def test_a_graph_of_other_weights_is_refused(cards) -> None:
    torch.manual_seed(1)
    path = cards["fp32"].parent / load_card(cards["fp32"]).file
    crops = np.random.default_rng(0).random((1, 1, 256, 192), np.float32)
    with pytest.raises(ModelArtifactError, match=r"not the trained one|differs from the trained"):
        check_folded(path, build_network("mobilenetv3"), ConfidenceHead(48), crops)


def test_int8_needs_calibration_crops(cards, tmp_path) -> None:
    path = cards["fp32"].parent / load_card(cards["fp32"]).file
    with pytest.raises(ValueError, match="at least one"):
        quantise(path, tmp_path / "q.onnx", np.zeros((0, 1, 256, 192), np.float32))
