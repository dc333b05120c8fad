# SPDX-License-Identifier: Apache-2.0
"""What every movement test is to the pipeline: a way to follow one trial of it.

`pipeline.session.TrialSession` drives any test through `TrialCourse`. A new test provides a class
with these methods and one `MovementTest` (`clinical/movement_test.py`) that describes it.
"""

from dataclasses import dataclass
from typing import Protocol

from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.types import FrameKeypoints, Phase


@dataclass(frozen=True)
class PhaseUpdate:
    """What is known at one frame. It is causal: the final result may correct it.

    Attributes
    ----------
    stamp_ns : of the frame.
    phase : the current phase, with its `probability`, 0 to 1.
    elapsed_s : since the first movement; 0 before it.
    track_id : the person followed; 0 for none.
    label : name of the phase within its test (`MovementTest.phases`); '' for the Timed Up and Go,
        whose phase is `phase`.
    repetitions : complete rises so far, of a test that counts them.
    finished : the test is over, or the recording has outlasted any plausible test. Later frames
        do not change the result.
    """

    stamp_ns: int
    phase: Phase
    probability: float
    elapsed_s: float
    track_id: int
    finished: bool
    label: str = ""
    repetitions: int = 0


class TrialCourse(Protocol):
    """Follows one trial: keypoints in, the phase at each frame and the final result out.

    The final result depends on the collected frames only, so that live and offline analysis give
    the same bytes.
    """

    params: TugParams

    @property
    def n_frames(self) -> int:
        """Number of frames held."""
        ...

    def reset(self) -> None:
        """Forget everything; the next frame begins a new trial."""
        ...

    def start(self, go_stamp_ns: int) -> None:
        """Begin a trial at a signalled 'go', keeping the rest before it."""
        ...

    def jumped_back(self, stamp_ns: int) -> bool:
        """Whether a stamp belongs to another run of the recording."""
        ...

    def update(self, frame: FrameKeypoints) -> PhaseUpdate:
        """Take one frame; return what is known now."""
        ...

    def finish(self) -> MovementResult:
        """Return the result of all frames held, or the reason why there is none."""
        ...
