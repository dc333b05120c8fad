# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from thermal_pose.codecs.heatmap import HeatmapGeometry, encode_gaussian
from thermal_pose.imaging.crop import sample_crops
from thermal_pose.inference.card import CropRule, Normalization
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.config import AugmentConfig
from thermal_pose.lab.learning.fitting.heavy_config import HeavyConfig
from thermal_pose.lab.learning.fitting.losses import (
    adaptive_wing,
    distillation_loss,
    wing_step_by_step,
)
from thermal_pose.lab.learning.fitting.tasks import KeypointTask, ThermalCrops
from thermal_pose.skeleton import MIRROR

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", ["crop_minmax", "frame_median", "crop_percentile"])
def test_training_crops_equal_the_runtimes(figures, kind) -> None:
    normalization = Normalization(kind)
    source = ThermalCrops(figures, normalization, AugmentConfig(), CPU)
    inputs = source.draw(torch.arange(4), None)
    inputs["affine"] = crops.crop_affine(source.regions[:4])
    mine = source.images(inputs)
    assert mine.shape == (4, 3, 256, 192)
    for row in range(4):
        region = CropRule().region(figures.boxes[row : row + 1])
        raw = sample_crops(figures.frames[row], region, (192, 256))[0]
        theirs = normalization.apply(raw, figures.frames[row])
        assert np.abs(mine[row, 0].numpy() - theirs).max() < 0.03  # OpenCV rounds to 1/32 px
        assert np.abs(mine[row, 0].numpy() - theirs).mean() < 0.002


def test_short_frames_repeat_their_own_last_row() -> None:
    image = torch.zeros(1, 1, 62, 80)
    image[:, :, 60:] = 99.0
    affine = torch.tensor([[[1.0, 0, 0], [0, 1.0, 50.0]]])
    out = crops.sample(image, affine, torch.tensor([60]), (8, 12))
    assert out.max() == 0


def test_affines_invert_compose_and_mirror() -> None:
    draws = torch.rand(16, crops.GEOMETRY_DRAWS, generator=torch.Generator().manual_seed(0))
    affine = crops.jitter_affine(draws, 0.1, 0.3, 20.0, 0.5)
    xy = torch.rand(16, 17, 2) * 100
    there = crops.apply_affine(affine, xy)
    torch.testing.assert_close(
        crops.apply_affine(crops.invert(affine), there), xy, atol=1e-2, rtol=0
    )
    mirrored = crops.is_mirrored(affine)
    assert 2 < int(mirrored.sum()) < 14
    torch.testing.assert_close(mirrored, draws[:, 4] < 0.5)


def test_mirroring_swaps_left_and_right_joints() -> None:
    values = torch.arange(17.0)[None].repeat(2, 1)
    out = crops.mirror_joints(values, torch.tensor([True, False]))
    np.testing.assert_array_equal(out[0].numpy(), MIRROR)
    np.testing.assert_array_equal(out[1].numpy(), np.arange(17))


def test_drawn_heatmaps_equal_the_codecs() -> None:
    xy = torch.rand(3, 17, 2) * torch.tensor([191.0, 255.0])
    present = torch.rand(3, 17) > 0.3
    theirs = encode_gaussian(HeatmapGeometry().to_heatmap(xy.numpy()), present.numpy(), (48, 64))
    np.testing.assert_allclose(crops.draw_heatmaps(xy, present).numpy(), theirs, atol=1e-4)


@pytest.mark.parametrize("field", ["gain", "offset_k", "noise_k", "column_k", "pattern_k", "blur"])
def test_every_augmentation_can_be_switched_off_and_does_something(figures, field) -> None:
    off = dict.fromkeys(
        ("gain", "offset_k", "noise_k", "column_k", "pattern_k", "blur", "occlude"), 0.0
    )
    frames = torch.from_numpy(figures.frames[:3].astype(np.float32))
    medians = frames.flatten(1).median(dim=1).values
    draws = crops.photometry_draws(3, (60, 80), torch.Generator().manual_seed(1), CPU)
    same, _ = crops.disturb(frames, medians, draws, AugmentConfig(**off))
    torch.testing.assert_close(same, frames)
    changed, _ = crops.disturb(frames, medians, draws, AugmentConfig(**{**off, field: 0.2}))
    assert (changed - frames).abs().max() > 1


def test_targets_follow_the_jittered_crop(figures) -> None:
    source = ThermalCrops(figures, Normalization(), AugmentConfig(), CPU)
    task = KeypointTask(
        source,
        torch.from_numpy(figures.xy),
        torch.ones(len(figures), 17, dtype=torch.bool),
        AugmentConfig(shift=0.1, scale=0.3, flip=0.5, rotate_deg=15),
    )
    inputs = task.draw(torch.arange(8), torch.Generator().manual_seed(3))
    image, target = source.images(inputs)[:, 0], task.targets(inputs)
    # The figure is warm where its joints are: the crop is bright under every heatmap's peak.
    small = torch.nn.functional.avg_pool2d(image[:, None], 4)[:, 0]
    under = (small[:, None] * target).sum((2, 3)) / target.sum((2, 3))
    assert under.mean() > 0.45
    assert small.mean() < 0.3


def _reference_wing(y: float, p: float) -> float:
    alpha, omega, eps, theta = 2.1, 14.0, 1.0, 0.5
    error, power = abs(y - p), alpha - y
    a = omega * power * (theta / eps) ** (power - 1) / (eps * (1 + (theta / eps) ** power))
    c = theta * a - omega * np.log(1 + (theta / eps) ** power)
    return omega * np.log(1 + (error / eps) ** power) if error < theta else a * error - c


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("p", [-0.4, 0.0, 0.29, 0.8, 1.6])
def test_adaptive_wing_is_the_published_formula(y, p) -> None:
    got = adaptive_wing(torch.tensor([p]), torch.tensor([y]))
    assert float(got) == pytest.approx(_reference_wing(y, p), abs=1e-4)


def test_adaptive_wing_has_finite_gradients_at_no_error_and_above_one() -> None:
    predicted = torch.tensor([0.0, 0.5, 1.0, 1.3], requires_grad=True)
    adaptive_wing(predicted, torch.tensor([0.0, 0.5, 1.0, 1.3])).backward()
    assert torch.isfinite(predicted.grad).all()


@pytest.mark.parametrize("spread", [0.02, 1.0])  # without and with errors in the linear part
def test_value_and_gradient_in_one_pass_are_those_of_torch(spread) -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(4, 17, 8, 6, generator=generator) * 1.2
    target[target < 0.6] = 0
    noise = spread * torch.randn(target.shape, generator=generator)
    one = (target + noise).requires_grad_()
    other = one.detach().clone().requires_grad_()
    once, stepwise = adaptive_wing(one, target), wing_step_by_step(other, target)
    torch.testing.assert_close(once, stepwise)
    (2 * once).backward()
    (2 * stepwise).backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-7)
    assert torch.isnan(adaptive_wing(torch.tensor([float("nan")]), torch.tensor([0.5])))


def test_beta_weighs_the_two_terms() -> None:
    latent, heat = torch.ones(1, 2, 2, 2), torch.zeros(1, 1, 2, 2)
    zero = torch.zeros_like(latent)
    assert float(distillation_loss(latent, heat, zero, heat, 1.0)) == 1
    assert float(distillation_loss(latent, heat, zero, heat, 0.25)) == pytest.approx(0.25, abs=1e-4)
    assert float(distillation_loss(latent, heat + 1, zero, heat, 0.0)) > 1


def test_mixed_precision_rounds_neither_pictures_nor_places(figures) -> None:
    heavy = HeavyConfig(share=1.0)
    normalization = Normalization("crop_percentile")
    source = ThermalCrops(figures, normalization, AugmentConfig(heavy=heavy), CPU)
    present = torch.ones(len(figures), 17, dtype=torch.bool)
    geometry = AugmentConfig(shift=0.1, scale=0.3, rotate_deg=12, flip=0.5)
    task = KeypointTask(source, torch.from_numpy(figures.xy), present, geometry)
    inputs = task.draw(torch.arange(4), torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = source.images(inputs), task.targets(inputs)
    for found, exact in zip(mixed, (source.images(inputs), task.targets(inputs)), strict=True):
        assert found.dtype == torch.float32
        assert torch.equal(found, exact)
