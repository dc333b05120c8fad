# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnxruntime
import pytest
import torch

from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.mobilenet import MobileNetV3SmallEncoder
from thermal_pose.lab.learning.networks.onnx.graph import build_onnx
from thermal_pose.lab.learning.networks.pose import PoseNetwork, build_network, load_by_name
from thermal_pose.lab.learning.networks.vit import VisionTransformerEncoder, VitConfig


def _randomised_norms(module: torch.nn.Module) -> torch.nn.Module:
    """Give every norm statistics as if trained; fresh ones would hide folding mistakes."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.5, 1.5)
            if layer.affine:
                torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
                torch.nn.init.normal_(layer.bias, 0, 0.2)
    return module.eval()


def _session(model) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("mobilenetv3", 4_398_049), ("resnet50", 13_530_193), ("vit_b", 89_994_513)],
)
def test_parameter_counts_are_those_of_table_i(name, parameters) -> None:
    with torch.device("meta"):
        network = build_network(name)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_shapes_of_features_latent_and_heatmaps() -> None:
    out = build_network("mobilenetv3").eval()(torch.zeros(2, 3, 256, 192))
    assert out.features.shape == (2, 48, 16, 12)
    assert out.latent.shape == (2, 768, 16, 12)
    assert out.heatmaps.shape == (2, 17, 64, 48)


def test_vit_with_convolutional_stem_keeps_the_latent() -> None:
    encoder = VisionTransformerEncoder(VitConfig(width=96, depth=1, heads=3, conv_stem=True))
    assert encoder(torch.zeros(1, 3, 256, 192)).shape == (1, 96, 16, 12)


@pytest.mark.parametrize("training", [True, False])
def test_heatmaps_alone_are_those_of_the_whole_network(training) -> None:
    torch.manual_seed(3)
    network = build_network("mobilenetv3", ClassicDecoder(width=32)).train(training)
    image = torch.rand(2, 1, 256, 192).expand(-1, 3, -1, -1)
    whole, alone = network(image).heatmaps, network.heatmaps(image)
    assert torch.allclose(whole, alone, atol=1e-5)
    wanted = torch.autograd.grad(whole.square().sum(), network.project.weight)[0]
    got = torch.autograd.grad(alone.square().sum(), network.project.weight)[0]
    assert torch.allclose(wanted, got, rtol=1e-3, atol=1e-5 * wanted.abs().max())


def test_depthwise_convolutions_alone_keep_fp32_in_mixed_precision_on_a_cpu() -> None:
    torch.manual_seed(0)
    encoder = _randomised_norms(MobileNetV3SmallEncoder())
    kinds = {True: set(), False: set()}
    for layer in encoder.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(
                lambda layer, _, out: kinds[layer.groups > 1].add(out.dtype)
            )
    image = torch.rand(1, 3, 64, 48)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mixed = encoder(image)
    assert kinds == {True: {torch.float32}, False: {torch.bfloat16}}
    with torch.no_grad():
        exact = encoder(image)
    assert (mixed - exact).abs().max() < 0.05 * exact.abs().max()


def test_frozen_decoder_does_not_move() -> None:
    network = build_network("mobilenetv3", ClassicDecoder()).freeze_decoder().train()
    before = {k: v.clone() for k, v in network.decoder.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], 0.01)
    network(torch.rand(2, 3, 64, 48)).heatmaps.square().mean().backward()
    optimizer.step()
    for key, value in network.decoder.state_dict().items():
        torch.testing.assert_close(value, before[key])
    assert network.encoder.training and not network.decoder.training


def test_weights_load_by_torchvision_names_and_foreign_ones_are_named() -> None:
    encoder, other = MobileNetV3SmallEncoder(), MobileNetV3SmallEncoder()
    weights = {**other.state_dict(), "classifier.0.weight": torch.zeros(3)}
    assert "features.4.block.2.fc1.weight" in weights  # torchvision's name of a squeeze layer
    assert load_by_name(encoder, weights) > 100
    torch.testing.assert_close(
        encoder.features[1].block[0][0].weight, other.features[1].block[0][0].weight
    )
    del weights["features.0.0.weight"]
    with pytest.raises(ModelArtifactError, match=r"features\.0\.0\.weight"):
        load_by_name(encoder, weights)


@pytest.mark.parametrize("width", [256, 128])
def test_folded_onnx_equals_the_network(width) -> None:
    torch.manual_seed(0)
    network = _randomised_norms(PoseNetwork(MobileNetV3SmallEncoder(), ClassicDecoder(width=width)))
    head = _randomised_norms(ConfidenceHead(48))
    torch.nn.init.uniform_(head.scale, 0.5, 2)
    image = torch.rand(2, 1, 256, 192)
    with torch.no_grad():
        out = network(image.expand(-1, 3, -1, -1))
        joint_scores, person_score = head(out.features, out.heatmaps)
    got = _session(build_onnx(network, head, "test")).run(None, {"thermal": image.numpy()})
    for mine, theirs in zip(got, (out.heatmaps, joint_scores, person_score), strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-5)


def test_only_mobilenet_students_are_written_as_onnx() -> None:
    with pytest.raises(ValueError, match="MobileNetV3"):
        with torch.device("meta"):
            network = build_network("resnet50").eval()
        build_onnx(network, ConfidenceHead(1024), "test")
