# SPDX-License-Identifier: Apache-2.0
"""One Timed Up and Go from stamped keypoints: the phase of each frame now, the result at the end.

The node, the replay of a recording and the evaluation all call `TrialAnalyzer`; since the final
result is computed from the collected frames alone, live and offline answers are the same bytes.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from thermal_pose import __version__
from thermal_pose.clinical.course import PhaseUpdate
from thermal_pose.clinical.records import Measure, Provenance
from thermal_pose.clinical.tug.coverage import measure_coverage
from thermal_pose.clinical.tug.evidence import TrialEvidence, Verdict
from thermal_pose.clinical.tug.gait import gait_measures
from thermal_pose.clinical.tug.gait_network import shipped_gait_network
from thermal_pose.clinical.tug.live import LivePhases
from thermal_pose.clinical.tug.live_network import shipped_live_network
from thermal_pose.clinical.tug.measures import trial_measures, trial_remarks
from thermal_pose.clinical.tug.network import shipped_network
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.others import did_the_test
from thermal_pose.clinical.tug.reading import HMM, Reading, read_frames, segment_other
from thermal_pose.clinical.tug.result import TrialResult, TrialSignals
from thermal_pose.clinical.tug.segmentation import Segmentation
from thermal_pose.clinical.tug.signals import BodySignals
from thermal_pose.clinical.tug.subject import SubjectFollower
from thermal_pose.clinical.tug.validity import judge
from thermal_pose.types import NS_PER_S, FrameKeypoints, Int64Array, Phase, TrialReason, TugTiming

#: A stamp this much older than the newest is a new recording, not a late frame.
JUMP_BACK_S = 2.0
#: A newest image no older than this is a live one.
LIVE_AGE_NS = 2 * NS_PER_S
#: Minimum interval between checks for the end of the test, s.
REVIEW_EVERY_S = 1.0
#: Frames held, at most, whatever their stamps are: four minutes at 60 Hz.
MAX_FRAMES = 240 * 60


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
        self._reading: Reading | None = None
        self._reviewed_ns = 0
        self._after: dict[int, FrameKeypoints] = {}

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
        self._after.clear()
        self._live = None
        self._drop_before(go_stamp_ns - int(self.params.pre_roll_s * NS_PER_S))

    def update(self, frame: FrameKeypoints) -> PhaseUpdate:
        """Take one frame's keypoints; return the phase as known now.

        A stamp seen before is counted and ignored; a late frame is counted and kept for the
        final result, which sorts by stamp.
        """
        if frame.stamp_ns in self._frames:
            self._n_duplicated += 1
        elif self._finished:
            self._keep_after(frame)
        else:
            late = self._newest_ns is not None and frame.stamp_ns < self._newest_ns
            self._frames[frame.stamp_ns] = frame
            if len(self._frames) > MAX_FRAMES:
                self._drop_before(sorted(self._frames)[len(self._frames) // 4])
            self._reading = None
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
        reading = self._read()
        frames, track, signals = list(reading.frames), reading.track, reading.signals
        segmentation = reading.segmentation
        origin_ns = int(frames[0].stamp_ns) if frames else 0
        coverage = measure_coverage(
            track, signals.confidence, self._n_duplicated, self._n_out_of_order
        )
        other = self._other(reading)
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
            measures=_measures(reading) if verdict.valid else (),
            remarks=trial_remarks(reading.story, segmentation, self.params)
            if verdict.valid
            else (),
            subject_id=self.params.subject_id,
            trial_id=self.params.trial_id,
            age_years=self.params.age_years or None,
            height_m=self.params.height_m or None,
            visit=self.params.visit,
            go_s=None if self._go_ns is None else (self._go_ns - origin_ns) / NS_PER_S,
            track_id=_commonest(track.track_ids) if frames else 0,
        )

    def _segmenter_name(self) -> str:
        if self.params.segmenter == HMM:
            return HMM
        return shipped_network(self.params.segmenter).name

    def _keep_after(self, frame: FrameKeypoints) -> None:
        """Keep frames after the end: another person may do the test there."""
        longest_ns = int(self.params.max_total_s * NS_PER_S)
        if self._newest_ns is not None and 0 < frame.stamp_ns - self._newest_ns <= longest_ns:
            self._after[frame.stamp_ns] = frame

    def _read(self) -> Reading:
        """Look at all frames held; what was seen at the last look is kept."""
        reading = self._reading
        if reading is None or reading.params != self.params:
            frames = [self._frames[stamp_ns] for stamp_ns in sorted(self._frames)]
            reading = self._reading = read_frames(frames, self.params)
        return reading

    def _other(self, reading: Reading) -> Segmentation | None:
        """Return what another person did, also after the end of the trial."""
        other = segment_other(reading)
        if not self._after or (other is not None and did_the_test(other)):
            return other
        return segment_other(reading, [self._after[ns] for ns in sorted(self._after)])

    def _advance(self, frame: FrameKeypoints) -> None:
        """Move the live phase on; see whether the test is over and what is still needed."""
        if self._live is None:
            network = shipped_live_network(self.params.live_network)
            self._live = LivePhases(network, frame.image_wh, self.params.seated_after_s)
        self._live.update(frame.stamp_ns, self._follower.update(frame))
        if self._review_due(frame.stamp_ns):
            self._review(frame.stamp_ns)
        longest_ns = int((self.params.max_total_s + 2 * self.params.pre_roll_s) * NS_PER_S)
        if frame.stamp_ns - next(iter(self._frames)) > longest_ns:
            self._finished = self._finished or self._live.moving
            # A second more than there must be, so that not every frame costs a search.
            self._drop_before(frame.stamp_ns - longest_ns + NS_PER_S)

    def _review_due(self, stamp_ns: int) -> bool:
        """Whether the causal view thinks that the test is over, or that nothing happens."""
        live, rest_s = self._live, self._follower.rest_s
        waited_ns = stamp_ns - self._reviewed_ns
        over = live is not None and live.finished and waited_ns >= REVIEW_EVERY_S * NS_PER_S
        return over or (
            rest_s >= self.params.pre_roll_s and waited_ns >= self.params.pre_roll_s * NS_PER_S
        )

    def _review(self, stamp_ns: int) -> None:
        """End the trial after a whole test, or after a rest; drop what lies before a rest.

        The causal view can be wrong, so nothing is ended or dropped on its word alone.
        """
        self._reviewed_ns = stamp_ns
        reading = self._read()
        if reading.over_for_s() >= self.params.seated_after_s:
            self._finished = True
        elif reading.rested(self.params.pre_roll_s):
            self._finished = reading.begun and reading.risen
            if not reading.begun:
                self._drop_before(stamp_ns - int(self.params.pre_roll_s * NS_PER_S))

    def _drop_before(self, stamp_ns: int) -> None:
        for old_ns in [old_ns for old_ns in self._frames if old_ns < stamp_ns]:
            del self._frames[old_ns]
        self._reading = None

    def _provenance(self, frames: list[FrameKeypoints]) -> Provenance:
        return Provenance(
            model_id=frames[0].model_id if frames else "",
            versions={"thermal_pose": __version__, "segmenter": self._segmenter_name()},
            parameters=_stated(self.params),
            image_wh=frames[0].image_wh if frames else (0, 0),
            calibration=self.params.calibration,
        )


def _commonest(track_ids: Int64Array) -> int:
    """Return the most frequent identity, the smallest of several; any 32-bit number may be one."""
    found, counts = np.unique(track_ids, return_counts=True)
    return int(found[int(np.argmax(counts))])


def _stated(params: TugParams) -> dict[str, Any]:
    """Return the parameters that a report states: not the visit, nor a misfit if there is none."""
    stated = asdict(params)
    del stated["visit"]
    if not params.lens_misfit:
        del stated["lens_misfit"]
    return stated


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


def _measures(reading: Reading) -> tuple[Measure, ...]:
    """All measures of a valid trial."""
    edges_s, sds_s = reading.segmentation.boundaries_s, reading.segmentation.sds_s
    image_wh = reading.frames[0].image_wh
    return (
        *trial_measures(edges_s, sds_s, reading.story, reading.params),
        *gait_measures(reading.track, image_wh, edges_s, shipped_gait_network()),
    )


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
