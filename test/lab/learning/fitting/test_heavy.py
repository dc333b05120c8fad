# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
import torch

from thermal_pose.errors import ConfigError
from thermal_pose.lab.learning.fitting.config import (
    AugmentConfig,
    TrainingConfig,
    for_key,
    load_config,
)
from thermal_pose.lab.learning.fitting.heavy import (
    disturb_heavily,
    equalised,
    gaussian_blur,
    heavy_draws,
)
from thermal_pose.lab.learning.fitting.heavy_config import HEAVY_BOUNDS, HeavyConfig

CPU = torch.device("cpu")
OFF = dict.fromkeys(
    ("contrast_log2", "blur_px", "sharpen", "noise_k", "column_k", "texture_k", "vignette_k",
     "gain_control", "equalise", "lamp"), 0.0
)  # fmt: skip


def scene(count: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames with a person of 6 K above the room, in counts of 0.01 K."""
    frames = torch.zeros(count, 60, 80)
    frames[:, 15:50, 35:45] = 600.0
    return frames, torch.zeros(count)


def disturbed(**settings: float) -> torch.Tensor:
    config = HeavyConfig(**{**OFF, "share": 1.0, **settings})
    frames, medians = scene()
    draws = heavy_draws(32, (60, 80), config, torch.Generator().manual_seed(0), CPU)
    return disturb_heavily(frames, medians, draws, config)[0]


def test_nothing_switched_on_changes_nothing() -> None:
    torch.testing.assert_close(disturbed(), scene()[0])


def test_texture_is_on_the_person_and_bounded() -> None:
    change = disturbed(texture_k=3.0) - scene()[0]
    inside, outside = change[:, 16:49, 36:44], change[:, :10, :]
    assert outside.abs().max() == 0
    assert 50 < inside.std() < 300


def test_contrast_stays_within_its_bounds() -> None:
    most = HeavyConfig().contrast_log2
    contrast = disturbed(contrast_log2=most).amax(dim=(1, 2)) / 600.0
    assert 2**-most - 0.01 < contrast.min() < 0.6 and 1.6 < contrast.max() < 2**most + 0.01


def test_contrast_is_disturbed_from_less_than_04_to_more_than_3() -> None:
    most = HeavyConfig().contrast_log2
    assert 2**-most < 0.4 and 2**most > 3


def test_gain_control_clips_bends_and_keeps_order() -> None:
    out = disturbed(gain_control=1.0)
    assert (out[:, 30, 40] > out[:, 5, 5]).all()
    assert out.flatten(1).max() <= 600.0 + 1e-3


def people_in_gradients(count: int = 8) -> torch.Tensor:
    """Noisy frames of a person in a room of slow gradients, in counts."""
    generator = torch.Generator().manual_seed(3)
    frames = scene(count)[0] + torch.linspace(0, 250, 80)
    return frames + 20 * torch.randn(count, 60, 80, generator=generator)


def test_an_equalised_picture_is_flat_and_keeps_the_order() -> None:
    frames = people_in_gradients()
    out = equalised(frames, torch.ones(8))
    for values, source in zip(out.flatten(1), frames.flatten(1), strict=True):
        assert torch.histc(values, 10, 0, 1) / 480 == pytest.approx(torch.ones(10), abs=0.08)
        assert (values[source.argsort()].diff() >= 0).all()
        assert values.min() == 0 and values.max() == 1


def test_a_limit_equalises_less() -> None:
    frames = people_in_gradients(2)
    linear = (frames - frames.amin(dim=(1, 2), keepdim=True)).flatten(1)
    linear = linear / linear.amax(dim=1, keepdim=True)
    full, limited = ((equalised(frames, torch.full((2,), limit)).flatten(1) - linear).abs().mean()
                     for limit in (1.0, 1 / 64))  # fmt: skip
    assert limited < 0.7 * full


def test_a_uniform_frame_is_equalised_to_one_finite_value() -> None:
    assert (equalised(torch.full((1, 6, 8), 29515.0), torch.ones(1)) == 0).all()


def test_equalising_cameras_keep_the_range_and_the_steps() -> None:
    config = HeavyConfig(**{**OFF, "share": 1.0, "gain_control": 1.0, "equalise": 1.0})
    frames = people_in_gradients(32)
    draws = heavy_draws(32, (60, 80), config, torch.Generator().manual_seed(0), CPU)
    out = disturb_heavily(frames, torch.zeros(32), draws, config)[0]
    for before, after in zip(frames.flatten(1), out.flatten(1), strict=True):
        assert before.min() <= after.min() and after.max() <= before.max() + 1e-2
        assert len(after.unique()) <= 256


def test_equalisation_changes_only_its_share_of_the_controlled_frames() -> None:
    frames = people_in_gradients(200)
    some, none = (
        disturb_heavily(
            frames,
            torch.zeros(200),
            heavy_draws(200, (60, 80), config, torch.Generator().manual_seed(1), CPU),
            config,
        )[0]
        for config in (
            HeavyConfig(**{**OFF, "share": 1.0, "gain_control": 1.0, "equalise": share})
            for share in (0.25, 0.0)
        )
    )
    changed = (some - none).abs().amax(dim=(1, 2)) > 0
    assert 30 < int(changed.sum()) < 70


def test_a_lamp_is_hotter_than_people() -> None:
    out = disturbed(lamp=1.0).amax(dim=(1, 2))
    assert out.min() > 700 and out.max() <= 6000


def test_half_of_the_frames_stay_light() -> None:
    config = HeavyConfig(share=0.5)
    frames, medians = scene(200)
    draws = heavy_draws(200, (60, 80), config, torch.Generator().manual_seed(1), CPU)
    out = disturb_heavily(frames, medians, draws, config)[0]
    changed = (out - frames).abs().amax(dim=(1, 2)) > 1
    assert 70 < int(changed.sum()) < 130


def test_blur_keeps_the_sum_and_spreads_as_stated() -> None:
    image = torch.zeros(2, 31, 31)
    image[:, 15, 15] = 1.0
    out = gaussian_blur(image, torch.tensor([0.0, 1.2]))
    torch.testing.assert_close(out[0], image[0])
    x = torch.arange(31.0) - 15
    assert float((out[1].sum(0) * x**2).sum()) == pytest.approx(1.44, abs=0.05)


def test_bounds_are_checked_by_name() -> None:
    with pytest.raises(
        ConfigError, match=r"heavy\.share: expected 0 to 1\.0 \(a share\), got 1\.5"
    ):
        load_config(None, ["augment.heavy.share=1.5"])


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(HeavyConfig)])
def test_each_setting_has_a_bound_with_a_reason(name: str) -> None:
    bound, reason = HEAVY_BOUNDS[name]
    assert reason and 0 < bound < 10
    for allowed in (0.0, bound):
        assert getattr(HeavyConfig(**{name: allowed}), name) == allowed
    for refused in (-1e-6, bound + 1e-6, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=rf"heavy\.{name}: expected 0 to {bound} .*, got "):
            HeavyConfig(**{name: refused})


def test_effects_that_are_off_do_not_change_a_result_s_key() -> None:
    def settings(heavy: HeavyConfig) -> TrainingConfig:
        return TrainingConfig(augment=AugmentConfig(heavy=heavy))

    off, other, on = (
        settings(HeavyConfig(share=share, noise_k=noise_k))
        for share, noise_k in ((0.0, 0.6), (0.0, 0.5), (0.5, 0.6))
    )
    for key in (for_key, TrainingConfig.of_students):
        assert key(off) == key(other) != key(on)
