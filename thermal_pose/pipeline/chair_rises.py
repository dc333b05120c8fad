# SPDX-License-Identifier: Apache-2.0
"""One chair-rise test from stamped keypoints: the state at each frame, the result at the end.

The state and the result come from the same reading of all frames held, so that live and offline
analysis agree. While frames arrive, the reading is repeated twice per second.
"""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from thermal_pose import __version__
from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S, FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.chair_rises.arms import arms_model
from thermal_pose.clinical.chair_rises.cycles import height_shares
from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.chair_rises.events import event_sd_s
from thermal_pose.clinical.chair_rises.measures import other_stands, rise_measures
from thermal_pose.clinical.chair_rises.reading import RiseReading, read_rises
from thermal_pose.clinical.chair_rises.result import ChairRiseResult, RiseSignals
from thermal_pose.clinical.chair_rises.scoring import (
    CHAIR_STAND_S,
    N_RISES,
    five_times_s,
    stands_in_30s,
)
from thermal_pose.clinical.chair_rises.validity import RiseEvidence, arms_checked, judge_rises
from thermal_pose.clinical.course import PhaseUpdate
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.records import Measure, Provenance
from thermal_pose.clinical.tug.coverage import measure_coverage
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.types import NS_PER_S, FrameKeypoints, Phase, TugTiming

#: A stamp this much older than the newest is a new recording, not a late frame, s.
JUMP_BACK_S: Final = 2.0
#: How often frames are read while they arrive, s.
READ_EVERY_S: Final = 0.5
#: A person seated for this long after a rise has stopped, s.
STOPPED_AFTER_S: Final = 12.0
#: Height of the hips between seat and standing that tells the phases of the display apart.
_SEATED_BELOW, _STANDING_ABOVE = 0.25, 0.85


@dataclass(frozen=True)
class _Figures:
    """The figures of a valid trial; empty for a refused one."""

    total_s: float | None = None
    total_sd_s: float | None = None
    stands: int | None = None
    stands_also: int | None = None
    measures: tuple[Measure, ...] = ()


class ChairRiseCourse:
    """Follows one trial of a chair-rise test (`clinical.course.TrialCourse`).

    Parameters
    ----------
    params : the caller's options; those of the Timed Up and Go apply here too.
    test : which of the two tests.
    read_every_s : time between two looks at all frames, for the state and for the test's end, s.
    """

    def __init__(
        self,
        params: TugParams | None = None,
        test: MovementTest | None = None,
        read_every_s: float = READ_EVERY_S,
    ) -> None:
        self.params = params or TugParams()
        self._read_every_ns = round(read_every_s * NS_PER_S)
        self.test = test or FIVE_TIMES_SIT_TO_STAND
        self.reset()

    @property
    def n_frames(self) -> int:
        """Number of frames held."""
        return len(self._frames)

    @property
    def frames(self) -> tuple[FrameKeypoints, ...]:
        """Frames held, by rising stamp."""
        return tuple(self._frames[stamp_ns] for stamp_ns in sorted(self._frames))

    @property
    def reading(self) -> RiseReading | None:
        """The last reading of the frames; None before the first."""
        return self._seen

    def reset(self) -> None:
        """Forget everything; the next frame begins a new trial."""
        self._seen: RiseReading | None = None
        self._frames: dict[int, FrameKeypoints] = {}
        self._newest_ns: int | None = None
        self._n_duplicated = 0
        self._n_out_of_order = 0
        self._go_ns: int | None = None
        self._finished = False
        self._read_ns = 0
        self._state = ("", 0, 0.0, 0)

    def start(self, go_stamp_ns: int) -> None:
        """Begin a trial at a signalled 'go', keeping the rest before it."""
        self._go_ns = go_stamp_ns
        self._finished = False
        first_ns = go_stamp_ns - int(self.params.pre_roll_s * NS_PER_S)
        self._drop_before(first_ns)

    def jumped_back(self, stamp_ns: int) -> bool:
        """Whether a stamp belongs to another run of the recording."""
        return self._newest_ns is not None and (
            stamp_ns < self._newest_ns - int(JUMP_BACK_S * NS_PER_S)
        )

    def update(self, frame: FrameKeypoints) -> PhaseUpdate:
        """Take one frame; return what is known now."""
        stamp_ns = frame.stamp_ns
        if stamp_ns in self._frames:
            self._n_duplicated += 1
        elif not self._finished:
            self._frames[stamp_ns] = frame
            if self._newest_ns is not None and stamp_ns < self._newest_ns:
                self._n_out_of_order += 1
            else:
                self._newest_ns = stamp_ns
            if stamp_ns - self._read_ns >= self._read_every_ns:
                self._read_ns = stamp_ns
                self._look(stamp_ns)
        label, count, elapsed_s, track_id = self._state
        return PhaseUpdate(
            stamp_ns, Phase.UNKNOWN, 1.0, elapsed_s, track_id, self._finished, label, count
        )

    def finish(self) -> ChairRiseResult:
        """Return the result of all frames held, or the reason why there is none."""
        reading = self._reading()
        rises = reading.subject.rises
        start_s = self._start_s(reading, rises)
        evidence = RiseEvidence(self.test, reading, rises, start_s, self.params, arms_model())
        verdict = judge_rises(evidence)
        valid = verdict.valid and start_s is not None
        figures = self._figures(rises, start_s or 0.0) if valid else _Figures()
        subject, frames = reading.subject, reading.frames
        return ChairRiseResult(
            test=self.test,
            timing=TugTiming(self._origin_ns(), (), verdict.reason, verdict.sentence),
            rises=rises,
            signals=_signals(reading),
            coverage=measure_coverage(
                subject.track, subject.curves.confidence, self._n_duplicated, self._n_out_of_order
            ),
            provenance=self._provenance(frames),
            subject_id=self.params.subject_id,
            trial_id=self.params.trial_id,
            age_years=self.params.age_years or None,
            height_m=self.params.height_m or None,
            visit=self.params.visit,
            go_s=self._go_s(),
            track_id=int(np.bincount(subject.track.track_ids).argmax()) if frames else 0,
            arms_checked=arms_checked(evidence),
            total_s=figures.total_s,
            total_sd_s=figures.total_sd_s,
            stands=figures.stands,
            stands_also=figures.stands_also,
            measures=figures.measures,
        )

    def _figures(self, rises: tuple[ChairRise, ...], start_s: float) -> "_Figures":
        signalled = self._go_ns is not None
        measures = rise_measures(self.test, rises, start_s, signalled)
        if self.test.key == CHAIR_STAND_30S.key:
            return _Figures(
                stands=stands_in_30s(rises, start_s),
                stands_also=other_stands(rises, start_s, signalled),
                measures=measures,
            )
        # The total counts from the first movement; the time from 'go' stands beside it.
        total_s = five_times_s(rises, rises[0].rise_start_s)
        sd_s = event_sd_s("first_start", "last_contact")
        return _Figures(total_s, sd_s, measures=measures)

    def _start_s(self, reading: RiseReading, rises: tuple[ChairRise, ...]) -> float | None:
        """From when the test counts: 'go' for the 30-second chair stand, else first movement."""
        if not rises:
            return None
        go_s = self._go_s()
        if self.test.key == CHAIR_STAND_30S.key and go_s is not None:
            return go_s
        return rises[0].rise_start_s

    def _go_s(self) -> float | None:
        return None if self._go_ns is None else (self._go_ns - self._origin_ns()) / NS_PER_S

    def _origin_ns(self) -> int:
        return min(self._frames) if self._frames else 0

    def _reading(self) -> RiseReading:
        return read_rises(self.frames, self.params.min_joint_score)

    def _look(self, stamp_ns: int) -> None:
        """Read the frames held; see what the person does and whether the test is over."""
        reading = self._seen = self._reading()
        rises = reading.subject.rises
        now_s = (stamp_ns - self._origin_ns()) / NS_PER_S
        start_s = self._start_s(reading, rises)
        elapsed_s = max(0.0, now_s - start_s) if start_s is not None else 0.0
        track_ids = reading.subject.track.track_ids
        track_id = int(track_ids[-1]) if len(track_ids) else 0
        count = sum(rise.complete for rise in rises)
        self._state = (_label(reading), count, elapsed_s, track_id)
        self._finished = self._over(rises, now_s, start_s)
        longest_s = self.params.max_total_s + 2 * self.params.pre_roll_s
        if not rises and now_s > 2 * self.params.pre_roll_s:
            self._drop_before(stamp_ns - int(self.params.pre_roll_s * NS_PER_S))
        elif now_s > longest_s:
            self._finished = True

    def _over(self, rises: tuple[ChairRise, ...], now_s: float, start_s: float | None) -> bool:
        if not rises or start_s is None:
            return False
        last_s = rises[-1].seat_contact_s
        rested_s = now_s - last_s if last_s is not None else 0.0
        if self.test.key == CHAIR_STAND_30S.key:
            done = now_s - start_s >= CHAIR_STAND_S + self.params.seated_after_s
            seated = last_s is not None or now_s - start_s >= CHAIR_STAND_S + 5.0
            return done and seated
        n_done = sum(rise.complete and rise.seat_contact_s is not None for rise in rises)
        if n_done >= N_RISES:
            return rested_s >= self.params.seated_after_s
        return rested_s >= STOPPED_AFTER_S

    def _drop_before(self, stamp_ns: int) -> None:
        for old_ns in [old_ns for old_ns in self._frames if old_ns < stamp_ns]:
            del self._frames[old_ns]

    def _provenance(self, frames: tuple[FrameKeypoints, ...]) -> Provenance:
        parameters = {k: v for k, v in asdict(self.params).items() if k not in _NOT_USED}
        return Provenance(
            model_id=frames[0].model_id if frames else "",
            versions={"thermal_pose": __version__},
            parameters=parameters,
            image_wh=frames[0].image_wh if frames else (0, 0),
            calibration="",
        )


#: Options of the Timed Up and Go that these tests do not read, and what the result holds itself.
_NOT_USED: Final = ("visit", "segmenter", "live_network", "focal_px", "calibration")


def _label(reading: RiseReading) -> str:
    """The present phase, a key of `MovementTest.phases`; '' if the person is not seen."""
    heights = height_shares(reading.subject.curves)
    known = heights[np.isfinite(heights)]
    if not len(known) or not reading.subject.cycles:
        return "seated" if len(known) else ""
    now = float(known[-1])
    if now < _SEATED_BELOW:
        return "seated"
    if now > _STANDING_ABOVE:
        return "standing"
    return "sit_to_stand" if len(known) < 4 or now >= float(known[-4]) else "stand_to_sit"


def _signals(reading: RiseReading) -> RiseSignals:
    curves = reading.subject.curves
    return RiseSignals(curves.times_s, height_shares(curves), curves.lean_deg, curves.confidence)
