# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.synthetic import stick_figures

from thermal_pose.lab.evaluation.sensitivity import disturbed


@pytest.fixture(scope="module")
def figures():
    return stick_figures(12, subjects=2, trials=1)


def test_texture_stays_on_people_and_has_the_stated_size(figures) -> None:
    changed = disturbed(figures, "texture_k", 2.0).frames.astype(int) - figures.frames.astype(int)
    inside = np.zeros(figures.frames.shape, bool)
    for row, (left, top, right, bottom) in enumerate(figures.boxes.round().astype(int)):
        frame = figures.frame_of[row]
        inside[frame, max(top, 0) : bottom + 1, max(left, 0) : right + 1] = True
    assert np.abs(changed[~inside]).max() == 0
    assert 120 < changed[changed != 0].std() < 280


@pytest.mark.parametrize(("effect", "strength"), [("contrast", 3.0), ("contrast", 0.5)])
def test_contrast_is_about_the_median(figures, effect, strength) -> None:
    frames = disturbed(figures, effect, strength).frames
    for before, after, rows in zip(figures.frames, frames, figures.frame_rows, strict=True):
        room = np.median(before[:rows])
        span = np.ptp(after[:rows].astype(float)) / np.ptp(before[:rows].astype(float))
        assert span == pytest.approx(strength, rel=0.02)
        assert np.median(after[:rows]) == pytest.approx(room, abs=1)


def test_noise_and_blur_change_what_they_say(figures) -> None:
    noisy = disturbed(figures, "noise_k", 0.5).frames.astype(int) - figures.frames
    assert noisy[:, :40].std() == pytest.approx(50, rel=0.1)
    blurred = disturbed(figures, "blur_px", 1.2).frames.astype(float)
    assert (
        np.abs(np.diff(blurred, axis=2)).sum()
        < np.abs(np.diff(figures.frames.astype(float), axis=2)).sum()
    )
    assert (disturbed(figures, "noise_k", 0.5, seed=3).xy == figures.xy).all()


def test_a_lamp_covers_its_share_of_the_crop(figures) -> None:
    lit = disturbed(figures, "lamp", 0.1).frames.astype(int)
    changed = lit != figures.frames
    for row, (left, top, right, bottom) in enumerate(figures.boxes):
        crop = 1.25**2 * (right - left) * (bottom - top)
        frame = figures.frame_of[row]
        assert changed[frame].sum() / crop == pytest.approx(0.1, rel=0.35)
        room = np.median(figures.frames[frame, :60])
        assert lit[frame][changed[frame]] == pytest.approx(room + 4000, abs=1)


def test_unknown_effects_are_named() -> None:
    with pytest.raises(ValueError, match="effect: expected one of"):
        disturbed(None, "rain", 1.0)  # type: ignore[arg-type]
