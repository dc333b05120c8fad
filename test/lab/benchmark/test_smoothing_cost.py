# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from thermal_pose.lab.benchmark.smoothing import best_shift, measure_smoothing
from thermal_pose.tracking.smoothing import OneEuroSettings

DEMO = Path(__file__).parents[3] / "thermal_pose" / "assets" / "demo"


@pytest.mark.parametrize("frames", [0.0, 0.5, 1.25])
def test_a_known_delay_is_found(frames):
    times = np.arange(100.0)
    truth = np.sin(times / 7)[:, None].astype(np.float32)
    delayed = np.sin((times - frames) / 7)[:, None].astype(np.float32)
    assert best_shift(delayed, truth) == pytest.approx(frames, abs=0.051)


def test_a_stronger_filter_takes_more_jitter_and_adds_more_delay():
    weak = measure_smoothing(DEMO, OneEuroSettings(3.0, 1.0))
    strong = measure_smoothing(DEMO, OneEuroSettings(0.5, 0.02))
    assert strong["delay_ms"] > weak["delay_ms"] >= 0
    assert strong["jitter_share"] < weak["jitter_share"] < 1
