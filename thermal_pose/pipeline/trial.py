# SPDX-License-Identifier: Apache-2.0
"""One Timed Up and Go from stamped keypoints: the phase of each frame now, the result at the end.

The node, the replay of a recording and the evaluation all call `TrialAnalyzer`; since the final
result is computed from the collected frames alone, live and offline answers are the same bytes.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from thermal_pose import __version__
from thermal_pose.tug.coverage import measure_coverage
from thermal_pose.tug.live import LivePhases
from thermal_pose.tug.live_network import shipped_live_network
from thermal_pose.tug.measures import trial_measures
from thermal_pose.tug.network import shipped_network
from thermal_pose.tug.others import other_track
from thermal_pose.tug.params import TugParams
from thermal_pose.tug.path import subject_path
from thermal_pose.tug.result import (
    N_BOUNDARIES,
    POSTERIOR_PHASES,
    Provenance,
    TrialResult,
    TrialSignals,
)
from thermal_pose.tug.segmentation import Segmentation, segment_by_hmm, segment_by_network
from thermal_pose.tug.signals import BodySignals, body_signals
from thermal_pose.tug.subject import SubjectFollower, SubjectTrack, TrackBuilder
from thermal_pose.tug.validity import TrialEvidence, Verdict, judge
from thermal_pose.types import NS_PER_S, FrameKeypoints, Phase, TrialReason, TugTiming

#: A stamp this much older than the newest is a new recording, not a late frame.
JUMP_BACK_S = 2.0
#: A newest image no older than this is a live one.
LIVE_AGE_NS = 2 * NS_PER_S
#: `TugParams.segmenter` that names the hidden Markov model.
HMM = "hmm"


@dataclass(frozen=True)
class PhaseUpdate:
    """What is known at one frame (causal: the final result may correct it).

    Attributes
    ----------
    probability : of `phase`, 0..1.
    elapsed_s : since the first movement; 0 before it.
    track_id : the person followed; 0 for none.
    finished : the person sits again after a whole test, or nothing that long is a test; frames
        from here on are not used.
    """

    stamp_ns: int
    phase: Phase
    probability: float
    elapsed_s: float
    track_id: int
    finished: bool


class TrialAnalyzer:
    """Collects the frames of one trial, says the phase at each, and times it at the end.

    A trial starts by itself when a seated person is detected, or with `start`. It ends when
    the caller calls `finish`; `PhaseUpdate.finished` says when there is nothing left to wait for.

    Parameters
    ----------
    params : see `TugParams`.
    """

    def __init__(self, params: TugParams | None = None) -> None:
        self.params = params or TugParams()
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame begins a new trial."""
        self._frames: dict[int, FrameKeypoints] = {}
        self._newest_ns: int | None = None
        self._n_duplicated = 0
        self._n_out_of_order = 0
        self._go_ns: int | None = None
        self._finished = False
        self._follower = SubjectFollower(self.params.min_joint_score)
        self._live: LivePhases | None = None

    @property
    def n_frames(self) -> int:
        """Frames held."""
        return len(self._frames)

    def jumped_back(self, stamp_ns: int) -> bool:
        """Whether a stamp belongs to another run of the recording (its clock jumped back)."""
        return self._newest_ns is not None and (
            stamp_ns < self._newest_ns - int(JUMP_BACK_S * NS_PER_S)
        )

    def start(self, go_stamp_ns: int) -> None:
        """Begin a trial at a signalled 'go'; what was collected before is dropped.

        The seconds before 'go' are kept if they were collected, as the seated rest
        before the first movement is needed to time it.
        """
        self._go_ns = go_stamp_ns
        self._finished = False
        self._live = None
        self._drop_before(go_stamp_ns - int(self.params.pre_roll_s * NS_PER_S))

    def update(self, frame: FrameKeypoints) -> PhaseUpdate:
        """Take one frame's keypoints; return the phase as known now.

        A stamp seen before is counted and ignored; a late frame is counted and kept for the
        final result, which sorts by stamp.
        """
        if frame.stamp_ns in self._frames:
            self._n_duplicated += 1
        elif not self._finished:
            late = self._newest_ns is not None and frame.stamp_ns < self._newest_ns
            self._frames[frame.stamp_ns] = frame
            if late:
                self._n_out_of_order += 1
            else:
                self._newest_ns = frame.stamp_ns
                self._advance(frame)
        live = self._live
        return PhaseUpdate(
            frame.stamp_ns,
            live.phase if live else Phase.UNKNOWN,
            live.probability if live else 0.0,
            live.elapsed_s if live else 0.0,
            self._follower.track_id if self._follower.locked else 0,
            self._finished,
        )

    def finish(self) -> TrialResult:
        """Return the final result of all frames held, or the reason why there is none."""
        frames = [self._frames[stamp_ns] for stamp_ns in sorted(self._frames)]
        track = follow_subject(frames, self.params)
        origin_ns = int(frames[0].stamp_ns) if frames else 0
        signals = body_signals(track, self.params.min_joint_score)
        coverage = measure_coverage(
            track, signals.confidence, self._n_duplicated, self._n_out_of_order
        )
        segmentation = self._segment(frames, track, signals)
        other = self._other(frames, track)
        verdict = judge(TrialEvidence(frames, track, signals, segmentation, self.params, other))
        timing = _timing(origin_ns, segmentation, verdict)
        sds_s = segmentation.sds_s if verdict.valid else np.zeros(0)
        return TrialResult(
            timing=timing,
            signals=_plot_signals(signals, segmentation),
            coverage=coverage,
            provenance=self._provenance(frames),
            boundary_sds_s=tuple(float(sd_s) for sd_s in sds_s),
            total_sd_s=float(np.hypot(sds_s[0], sds_s[-1])) if verdict.valid else None,
            measures=(
                trial_measures(segmentation.boundaries_s, sds_s, signals, self.params)
                if verdict.valid
                else ()
            ),
            subject_id=self.params.subject_id,
            trial_id=self.params.trial_id,
            age_years=self.params.age_years or None,
            height_m=self.params.height_m or None,
            go_s=None if self._go_ns is None else (self._go_ns - origin_ns) / NS_PER_S,
            track_id=int(np.bincount(track.track_ids).argmax()) if frames else 0,
        )

    def _segment(
        self, frames: list[FrameKeypoints], track: SubjectTrack, signals: BodySignals
    ) -> Segmentation:
        if len(frames) < 3 or not track.seen.any():
            absent = np.full(N_BOUNDARIES, np.nan)
            nothing = np.zeros((len(frames), len(POSTERIOR_PHASES)))
            return Segmentation(absent, absent, np.zeros(N_BOUNDARIES), nothing)
        if self.params.segmenter == HMM:
            return segment_by_hmm(signals)
        network = shipped_network(self.params.segmenter)
        return segment_by_network(track, frames[0].image_wh, network)

    def _other(self, frames: list[FrameKeypoints], track: SubjectTrack) -> Segmentation | None:
        other = other_track(frames, track, self.params.min_joint_score) if frames else None
        if other is None:
            return None
        return self._segment(frames, other, body_signals(other, self.params.min_joint_score))

    def _segmenter_name(self) -> str:
        if self.params.segmenter == HMM:
            return HMM
        return shipped_network(self.params.segmenter).name

    def _advance(self, frame: FrameKeypoints) -> None:
        """Move the live phase on; drop what lies long before the first movement."""
        if self._live is None:
            network = shipped_live_network(self.params.live_network)
            self._live = LivePhases(network, frame.image_wh, self.params.seated_after_s)
        person = self._follower.update(frame)
        self._live.update(frame.stamp_ns, person)
        oldest_ns = next(iter(self._frames))
        longest_s = self.params.max_total_s + 2 * self.params.pre_roll_s
        too_long = frame.stamp_ns - oldest_ns > longest_s * NS_PER_S
        self._finished = self._live.finished or too_long
        if not self._live.moving:
            self._drop_before(frame.stamp_ns - int(self.params.pre_roll_s * NS_PER_S))

    def _drop_before(self, stamp_ns: int) -> None:
        for old_ns in [old_ns for old_ns in self._frames if old_ns < stamp_ns]:
            del self._frames[old_ns]

    def _provenance(self, frames: list[FrameKeypoints]) -> Provenance:
        return Provenance(
            model_id=frames[0].model_id if frames else "",
            versions={"thermal_pose": __version__, "segmenter": self._segmenter_name()},
            parameters=asdict(self.params),
            image_wh=frames[0].image_wh if frames else (0, 0),
            calibration=self.params.calibration,
        )


def analyze_frames(
    frames: Iterable[FrameKeypoints],
    params: TugParams | None = None,
    go_stamp_ns: int | None = None,
) -> TrialResult:
    """Analyze one trial from its frames: what the live node does, without a node."""
    analyzer = TrialAnalyzer(params)
    if go_stamp_ns is not None:
        analyzer.start(go_stamp_ns)
    for frame in frames:
        analyzer.update(frame)
    return analyzer.finish()


def go_stamp_ns(newest_ns: int | None, now_ns: int) -> int:
    """When on the images' clock a 'go' was said that came just now.

    Live stamps run on the same clock, a little behind: now is now. A recording's are of another
    day: there the newest image is as near as one can tell.
    """
    if newest_ns is None or 0 <= now_ns - newest_ns <= LIVE_AGE_NS:
        return now_ns
    return newest_ns


def follow_subject(frames: list[FrameKeypoints], params: TugParams) -> SubjectTrack:
    """The subject's rows from frames by rising stamp, decided over all of them."""
    builder = TrackBuilder()
    path = subject_path(frames, params.min_joint_score)
    for frame, person in zip(frames, path, strict=True):
        builder.append(frame.stamp_ns, person, len(frame.persons))
    return builder.build()


def _timing(origin_ns: int, segmentation: Segmentation, verdict: Verdict) -> TugTiming:
    """Phases when valid; when stopped early, those that were completed stand on their own."""
    stands = verdict.valid or verdict.reason is TrialReason.STOPPED_EARLY
    phases = segmentation.intervals() if stands else ()
    return TugTiming(origin_ns, phases, verdict.reason, verdict.sentence)


def _plot_signals(signals: BodySignals, segmentation: Segmentation) -> TrialSignals:
    return TrialSignals(
        stamps_s=signals.stamps_s,
        hip_height=signals.hip_height,
        trunk_lean_deg=signals.trunk_lean_deg,
        body_size_px=signals.size_px,
        distance=signals.distance,
        facing=signals.facing,
        confidence=signals.confidence,
        phase_posteriors=segmentation.posteriors,
    )
