# SPDX-License-Identifier: Apache-2.0
"""The reading of all frames held so far: the offline view of a trial.

The final result is made from a reading. While a trial runs, a reading also decides what the
causal view alone must not: that the test is over, and that earlier frames are not needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thermal_pose.clinical.tug.network import shipped_network
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.others import UPRIGHT_INDEX, other_track
from thermal_pose.clinical.tug.path import subject_path
from thermal_pose.clinical.tug.result import N_BOUNDARIES, POSTERIOR_PHASES
from thermal_pose.clinical.tug.segmentation import (
    Segmentation,
    located,
    network_evidence,
    segment_by_evidence,
    segment_by_hmm,
)
from thermal_pose.clinical.tug.signals import BodySignals, body_signals, smooth
from thermal_pose.clinical.tug.story import MAX_LOWNESS, Story
from thermal_pose.clinical.tug.subject import SubjectTrack, TrackBuilder
from thermal_pose.types import Float64Array, FrameKeypoints

#: `TugParams.segmenter` that names the hidden Markov model.
HMM = "hmm"
#: From here on a person is read in time lapse, and how long they then seem to be on their feet, s.
LONGEST_ON_FEET_S, USUAL_ON_FEET_S = 50.0, 30.0
#: Share of the frames in which a person at rest is seen, and seen seated.
_REST_SHARE = 0.8


@dataclass(frozen=True)
class Reading:
    """One look at all frames.

    Attributes
    ----------
    frames : by rising stamp; track, signals : one row each.
    """

    frames: tuple[FrameKeypoints, ...]
    params: TugParams
    track: SubjectTrack
    signals: BodySignals
    segmentation: Segmentation

    @property
    def story(self) -> Story:
        """The course of events, from posture and place."""
        return Story.of(self.frames, self.signals, self.track)

    def over_for_s(self) -> float:
        """How long a whole test has been over, s; negative infinity if it is not.

        Whoever pauses before the chair stands: a test is over only if the person sits as low as
        before it.
        """
        if not self.segmentation.complete:
            return float("-inf")
        end_s, now_s = float(self.segmentation.boundaries_s[-1]), float(self.track.stamps_s[-1])
        if self.story.lowness((end_s, now_s)) > MAX_LOWNESS:
            return float("-inf")
        return now_s - end_s

    def rested(self, rest_s: float) -> bool:
        """Whether the subject sat all through the last `rest_s` seconds."""
        times_s = self.signals.stamps_s
        if not len(times_s) or times_s[-1] < rest_s:
            return False
        lately = times_s >= times_s[-1] - rest_s
        index = self._posture()[lately]
        known = np.isfinite(index)
        if known.mean() < _REST_SHARE or (index[known] > UPRIGHT_INDEX).any():
            return False
        return not self.story.lowness((float(times_s[-1] - rest_s), float(times_s[-1]))) > (
            MAX_LOWNESS
        )

    @property
    def risen(self) -> bool:
        """Whether the subject was seen upright for half a second or more."""
        times_s, upright = self.signals.stamps_s, self._posture() > UPRIGHT_INDEX
        return bool(np.diff(times_s, prepend=times_s[:1])[upright].sum() >= 0.5)

    def _posture(self) -> Float64Array:
        return smooth(self.signals.standing_index, self.signals.stamps_s, 0.3)

    def seat_box(self) -> Float64Array:
        """(4,) where the subject sat before the test, px; NaN where that was not seen."""
        rows = self.track.seen & ~(self.track.stamps_s > self.segmentation.boundaries_s[0])
        if not rows.any():
            return np.full(4, np.nan)
        return np.asarray(np.median(self.track.boxes[rows], axis=0))

    @property
    def begun(self) -> bool:
        """Whether the first movement of a test is in the frames."""
        return bool(self.segmentation.presence[0] >= 0.5)


def read_frames(frames: Sequence[FrameKeypoints], params: TugParams) -> Reading:
    """Find subject, signals and boundaries in frames by rising stamp."""
    track = follow_subject(frames, params)
    signals = body_signals(track, params.min_joint_score)
    return Reading(tuple(frames), params, track, signals, _segment(frames, params, track, signals))


def follow_subject(frames: Sequence[FrameKeypoints], params: TugParams) -> SubjectTrack:
    """The subject's rows from frames by rising stamp, decided over all of them."""
    builder = TrackBuilder()
    path = subject_path(frames, params.min_joint_score)
    for frame, person in zip(frames, path, strict=True):
        builder.append(frame.stamp_ns, person, len(frame.persons))
    return builder.build()


def segment_other(reading: Reading, later: Sequence[FrameKeypoints] = ()) -> Segmentation | None:
    """The behaviour of another person meanwhile, or later; None if no one else walked.

    Parameters
    ----------
    later : frames after those of the reading; the subject sits there as before the test.
    """
    frames, track, params = [*reading.frames, *later], reading.track, reading.params
    if not track.seen.any():
        return None
    boxes = np.concatenate([track.boxes, np.tile(reading.seat_box(), (len(later), 1))])
    other = other_track(frames, boxes, params.min_joint_score)
    if other is None:
        return None
    return _segment(frames, params, other, body_signals(other, params.min_joint_score))


def _segment(
    frames: Sequence[FrameKeypoints], params: TugParams, track: SubjectTrack, signals: BodySignals
) -> Segmentation:
    if len(frames) < 3 or not track.seen.any():
        absent = np.full(N_BOUNDARIES, np.nan)
        nothing = np.zeros((len(frames), len(POSTERIOR_PHASES)))
        return Segmentation(absent, absent, np.zeros(N_BOUNDARIES), nothing)
    if params.segmenter == HMM:
        return segment_by_hmm(signals)
    return _segment_by_network(frames, params, track, signals)


def _segment_by_network(
    frames: Sequence[FrameKeypoints], params: TugParams, track: SubjectTrack, signals: BodySignals
) -> Segmentation:
    network = shipped_network(params.segmenter)
    image_wh = frames[0].image_wh
    evidence = network_evidence(track, image_wh, network)
    found = segment_by_evidence(evidence, track.stamps_s)
    lapse = time_lapse(found, Story.of(frames, signals, track))
    if lapse == 1.0:
        return found
    brief = network_evidence(track, image_wh, network, lapse)
    best = located(evidence, brief) if found.complete else brief
    return segment_by_evidence(best, track.stamps_s)


def time_lapse(found: Segmentation, story: Story) -> float:
    """How many times faster a trial is shown to the network: 1 unless the test takes very long.

    The network has learned from tests of up to a minute. A slower person looks like a usual one in
    time lapse. That shows the parts of the test, but not their exact edges: where the test is whole
    at its own pace, they are read there (`located`). A person who stands long before a test of
    usual length is not slow.

    Parameters
    ----------
    found : the reading at the trial's own pace.
    """
    total_s = float(found.boundaries_s[-1] - found.boundaries_s[0])
    if found.complete and total_s <= LONGEST_ON_FEET_S:
        return 1.0
    longest_s = max((end_s - start_s for start_s, end_s in story.upright), default=0.0)
    return longest_s / USUAL_ON_FEET_S if longest_s > LONGEST_ON_FEET_S else 1.0
