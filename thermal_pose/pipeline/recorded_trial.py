# SPDX-License-Identifier: Apache-2.0
"""A recording as everything its report needs: result, film and keypoints, in bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.pipeline.film import TrialFilm
from thermal_pose.pipeline.lens import lens_of_recording
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.trial import TrialAnalyzer
from thermal_pose.pipeline.truth import with_truth
from thermal_pose.types import NS_PER_S, FrameKeypoints, ThermalFrame


@dataclass(frozen=True)
class RecordedTrial:
    """One analysed recording with the images and keypoints of its trial, by rising stamp."""

    result: TrialResult
    frames: tuple[ThermalFrame, ...]
    keypoints: tuple[FrameKeypoints, ...]


def analyze_recording(
    path: str | Path,
    perception: Perception,
    params: TugParams | None = None,
    on_frame: Callable[[], object] | None = None,
) -> RecordedTrial:
    """Time the trial of a recording, keeping what its report shows.

    The result is that of `replay.replay_trial`. Images are kept until the trial is over, and
    of the last three minutes at most.

    Parameters
    ----------
    on_frame : called after each image, for a progress bar.

    Raises
    ------
    BagError
        The recording is missing, damaged or has no thermal images.
    """
    film = TrialFilm()
    perception.reset()
    with BagReader(path) as bag:
        analyzer = TrialAnalyzer(lens_of_recording(params or TugParams(), bag))
        truth = bag.true_timing() if schema.TRUTH_TUG in bag.topics else None
        finished = False
        for frame in bag.thermal_frames():
            keypoints = perception.step(frame)
            if not finished:
                film.add_frame(frame)
                film.add_keypoints(keypoints)
            finished = analyzer.update(keypoints).finished
            if on_frame is not None:
                on_frame()
    result = with_truth(analyzer.finish(), truth)
    return RecordedTrial(result, *_shown(film, result))


def _shown(
    film: TrialFilm, result: TrialResult
) -> tuple[tuple[ThermalFrame, ...], tuple[FrameKeypoints, ...]]:
    stamps_s = result.signals.stamps_s
    if not len(stamps_s):
        return (), ()
    first_ns = result.timing.origin_ns
    frames, keypoints = film.between(first_ns, first_ns + round(float(stamps_s[-1]) * NS_PER_S))
    return tuple(frames), tuple(keypoints)
