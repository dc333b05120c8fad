# SPDX-License-Identifier: Apache-2.0
"""The result of one recording, as tests compare it."""

from pathlib import Path

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.recorded_trial import analyze_recording


def replay_trial(
    path: str | Path, perception: Perception, params: TugParams | None = None
) -> TrialResult:
    """Time the trial of one recording, as `analyze_recording` does; return its result alone."""
    result = analyze_recording(path, perception, params).result
    assert isinstance(result, TrialResult)  # no other test was asked for
    return result
