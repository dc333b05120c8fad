# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.networks.counting import measure
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.networks.teacher import (
    TeacherInfo,
    build_teacher,
    fingerprint,
    load_teacher,
    save_teacher,
)
from thermal_pose.lab.learning.networks.vit import VitConfig
from thermal_pose.lab.learning.teachers.latent import latent_figures

transformers = pytest.importorskip("transformers")


def _vitpose_folder(folder, **overrides):
    backbone = transformers.VitPoseBackboneConfig(
        hidden_size=48, num_hidden_layers=1, num_attention_heads=2, image_size=[256, 192]
    )
    config = transformers.VitPoseConfig(
        backbone_config=backbone,
        use_simple_decoder=overrides.get("simple", False),
        num_labels=overrides.get("joints", 17),
    )
    model = transformers.VitPoseForPoseEstimation(config).eval()
    model.save_pretrained(folder)
    return model


def test_vitpose_folder_gives_its_own_heatmaps_through_our_decoder(tmp_path) -> None:
    model = _vitpose_folder(tmp_path)
    network, info = load_teacher(str(tmp_path))
    image = torch.rand(2, 3, 256, 192)
    with torch.no_grad():
        expected = model(image).heatmaps
        out = network(image)
    assert out.latent.shape == (2, 48, 16, 12)
    torch.testing.assert_close(out.heatmaps, expected)
    assert info.alignment == "corner"


def test_simple_decoder_is_refused_with_the_way_out(tmp_path) -> None:
    _vitpose_folder(tmp_path, simple=True)
    with pytest.raises(ModelArtifactError, match=r"simple decoder.*vitpose-base"):
        load_teacher(str(tmp_path))


def test_teacher_with_other_joints_is_refused(tmp_path) -> None:
    _vitpose_folder(tmp_path, joints=21)
    with pytest.raises(ModelArtifactError, match="expected 17 joints"):
        load_teacher(str(tmp_path))


def test_missing_teacher_is_one_clear_error(tmp_path) -> None:
    with pytest.raises(ModelArtifactError, match="cannot be loaded"):
        load_teacher(str(tmp_path / "nothing"))


def test_own_teacher_round_trip(tmp_path) -> None:
    vit = VitConfig(width=48, depth=1, heads=2, conv_stem=True)
    network = build_teacher("vit", vit, decoder_width=8).eval()
    described = TeacherInfo("mine", "vit", trained_on=("stream-1/*",), decoder_width=8)
    save_teacher(network, described, tmp_path, vit)
    loaded, info = load_teacher(str(tmp_path))
    assert info.trained_on == ("stream-1/*",)
    assert fingerprint(loaded) == fingerprint(network)
    (tmp_path / "teacher.pt").write_bytes(b"junk")
    with pytest.raises(ModelArtifactError, match="not a teacher"):
        load_teacher(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "macs_g", "paper_g"),
    [("mobilenetv3", 1.461, 5.696), ("resnet50", 4.785, 9.066), ("vit_b", 18.52, 22.766)],
)
def test_multiply_adds_true_and_as_the_paper_counts(name, macs_g, paper_g) -> None:
    with torch.device("meta"):
        network = build_network(name)
    size = measure(network)
    assert size.macs / 1e9 == pytest.approx(macs_g, rel=0.005)
    assert size.paper_macs / 1e9 == pytest.approx(paper_g, rel=0.005)


def test_a_1x1_of_48_channels_has_a_latent_of_rank_48() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(8, 48, 16, 12, generator=generator)
    linear = torch.nn.functional.conv2d(features, torch.randn(768, 48, 1, 1, generator=generator))
    found = latent_figures((linear + 3).bfloat16().half())
    assert (found["channels"], found["rank"]) == (768, 48)
    assert found["components_99"] <= 48 and found["share_in_student"] > 0.9999
    bent = latent_figures(torch.relu(linear).half())
    assert bent["rank"] > 700 and 0.3 < bent["share_in_student"] < 0.99
