# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.imaging.draw import (
    COLORMAPS,
    DrawSettings,
    colour_mapped,
    draw_overlay,
    to_picture,
)
from thermal_pose.types import PersonBox, PersonKeypoints


def room(shape=(60, 80)):
    frame = np.full(shape, 29515, np.uint16)
    frame[15:50, 30:42] += 600
    return frame


def person(score=0.9, xy=None):
    joints = np.stack([np.linspace(31, 41, 17), np.linspace(16, 49, 17)], 1).astype(np.float32)
    box = PersonBox((29.5, 14.5, 41.5, 49.5), 0.9, 3)
    scores = np.full(17, score, np.float32)
    return PersonKeypoints(3, box, joints if xy is None else xy, scores, 0.8)


@pytest.mark.parametrize("shape", [(60, 80), (62, 80)])
@pytest.mark.parametrize("scale", [1, 8])
def test_the_picture_is_scale_times_the_frame(shape, scale):
    picture = draw_overlay(room(shape), [person()], DrawSettings(scale=scale), "walk out")
    assert picture.shape == (shape[0] * scale, shape[1] * scale, 3)
    assert picture.dtype == np.uint8


def test_pixel_centres_map_to_the_middle_of_their_blocks():
    np.testing.assert_allclose(to_picture([[0, 0], [79, 59]], 8), [[3.5, 3.5], [635.5, 475.5]])


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_every_colormap_shows_people_apart_from_the_room(colormap):
    picture = colour_mapped(room(), DrawSettings(scale=1, colormap=colormap)).astype(int)
    assert np.abs(picture[30, 35] - picture[5, 5]).max() > 60


def test_skeleton_is_drawn_where_the_joints_are_and_unsure_joints_are_not():
    plain = draw_overlay(room(), [], DrawSettings())
    drawn = draw_overlay(room(), [person()], DrawSettings(boxes=False))
    changed = np.abs(drawn.astype(int) - plain).max(axis=2) > 0
    rows, columns = np.nonzero(changed)
    assert rows.min() > 15 * 8 and rows.max() < 51 * 8
    assert columns.min() > 29 * 8 and columns.max() < 43 * 8
    unsure = draw_overlay(room(), [person(score=0.1)], DrawSettings(boxes=False))
    np.testing.assert_array_equal(unsure, plain)


def test_box_and_status_are_drawn_only_when_asked_for():
    plain = draw_overlay(room(), [person()], DrawSettings(boxes=False))
    assert (draw_overlay(room(), [person()], DrawSettings(boxes=True)) != plain).any()
    with_status = draw_overlay(room(), [person()], DrawSettings(boxes=False), "turn  3.2 s")
    differs = (with_status != plain).any(axis=(1, 2))
    assert differs[-10:].all() and not differs[:400].any()


def test_less_sure_joints_are_darker():
    sure = draw_overlay(room(), [person(score=1.0)], DrawSettings(boxes=False)).sum()
    unsure = draw_overlay(room(), [person(score=0.3)], DrawSettings(boxes=False)).sum()
    assert unsure < sure


def test_joints_outside_or_unknown_do_no_harm():
    xy = np.full((17, 2), np.nan, np.float32)
    xy[:9] = 1e9
    xy[5] = (-500.0, 20.0)
    picture = draw_overlay(room(), [person(xy=xy)])
    assert picture.shape == (480, 640, 3)


@pytest.mark.parametrize("fields", [{"scale": 0}, {"colormap": "rainbow"}])
def test_settings_validate_themselves(fields):
    with pytest.raises(ValueError, match="expected"):
        DrawSettings(**fields)
