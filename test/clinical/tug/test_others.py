# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from clinical.tug.test_subject import moved
from support.stick_figure import Figure

from thermal_pose.clinical.tug.evidence import TrialEvidence
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.others import swaps_s
from thermal_pose.clinical.tug.reading import Reading, read_frames
from thermal_pose.clinical.tug.subject import TrackBuilder
from thermal_pose.clinical.tug.validity import judge
from thermal_pose.types import FrameKeypoints, TrialReason

AT = 40


def with_neighbour(shift_px: float, remains: bool) -> tuple[list[FrameKeypoints], Reading]:
    """A test in which someone `shift_px` beside is followed from frame `AT` to `AT` + 20."""
    frames, builder = [], TrackBuilder()
    for index, frame in enumerate(Figure().frames()):
        (person,) = frame.persons
        other = moved(person, shift_px, 2)
        swapped = AT <= index < AT + 20
        one = other if swapped else person
        present = (person, other) if remains else (one,)
        builder.append(frame.stamp_ns, one, len(present))
        frames.append(replace(frame, persons=present))
    reading = read_frames(Figure().frames(), TugParams())
    return frames, replace(reading, track=builder.build())


def test_a_path_that_leaves_a_person_who_is_still_there_is_a_swap() -> None:
    frames, reading = with_neighbour(40.0, remains=True)
    times_s = reading.track.stamps_s
    np.testing.assert_allclose(swaps_s(frames, reading.track), times_s[[AT, AT + 20]])
    evidence = TrialEvidence(
        frames, reading.track, reading.signals, reading.segmentation, reading.params
    )
    verdict = judge(evidence)
    assert verdict.reason is TrialReason.SECOND_PERSON
    assert verdict.sentence.endswith(f"from {times_s[AT]:.1f} s on.")


@pytest.mark.parametrize(("shift_px", "remains"), [(2.0, True), (40.0, False)])
def test_second_detections_and_jumps_of_one_person_are_no_swap(shift_px, remains) -> None:
    frames, reading = with_neighbour(shift_px, remains)
    assert not swaps_s(frames, reading.track).size
