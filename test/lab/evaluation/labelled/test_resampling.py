# SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest

from thermal_pose.lab.evaluation.labelled.resampling import (
    SceneDraws,
    difference,
    figure,
    one_line_each,
)

SCENES = np.array(["b", "a", "b", "c"])


def test_the_first_draw_is_every_scene_once_and_scenes_are_whole() -> None:
    rows = SceneDraws.over(SCENES, 50).rows(SCENES)
    assert sorted(rows[0].tolist()) == [0, 1, 2, 3] and len(rows) == 51
    for drawn in rows:
        assert np.sum(drawn == 0) == np.sum(drawn == 2)  # both of scene b


def test_an_interval_omits_draws_that_leave_the_figure_undefined() -> None:
    assert figure([0.5, 0.4, math.nan, 0.4]) == {"value": 0.5, "ci95": [0.4, 0.4]}
    assert figure([math.nan]) == {"value": None, "ci95": None}


def test_a_difference_is_paired_by_draw() -> None:
    found = difference([0.6, 0.1, 0.9], [0.5, 0.0, 0.8])
    assert found["value"] == 0.1 and found["ci95"] == pytest.approx([0.1, 0.1])


def test_figures_take_one_line_and_stay_the_same() -> None:
    results = {"ap": figure([0.5, 0.4, 0.6]), "oks": figure([-1e-5]), "none": figure([math.nan])}
    text = one_line_each(json.dumps(results, indent=1))
    assert json.loads(text) == results
    assert len(text.splitlines()) == 5
