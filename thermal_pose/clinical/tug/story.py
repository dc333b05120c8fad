# SPDX-License-Identifier: Apache-2.0
"""The events of a recording in their order, from posture and place alone.

The network finds when the phases of a test begin. It does not recognise other movements: two laps,
five rises, a walk away from the camera. They are recognised here from curves that people can read,
so that every refusal names its own reason. The same curves count attempts to rise and
pauses, and find when the person stands still.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thermal_pose.clinical.tug.rolled import wide
from thermal_pose.clinical.tug.signals import BodySignals, bridge, smooth
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.types import BoolArray, Float64Array, FrameKeypoints

Span = tuple[float, float]

#: Standing index below which a person sits, and above which they stand.
SEATED_INDEX, UPRIGHT_INDEX = 0.6, 0.75
#: A posture counts when it lasts this long, s.
MIN_POSTURE_S = 0.4
#: A walk changes the apparent size of a person by at least this factor (natural logarithm).
MIN_APPROACH = 0.12
#: Shares of the largest approach above which the person is at the mark, below which at the chair.
NEAR_SHARE, BACK_SHARE = 0.6, 0.3
#: Below this share of the usual pace, a person stands still.
STILL_SHARE = 0.3
#: Slowest usual pace, in body heights per second: slower motion is noise of the keypoints.
SLOWEST_PACE = 0.05
#: What happens this close to a standstill may be a part of it, s.
BESIDE_S = 1.0
#: A standstill shorter than this is part of walking, s.
MIN_STANDSTILL_S = 0.8


@dataclass(frozen=True)
class Story:
    """Posture and place over a recording, and what they amount to.

    Attributes
    ----------
    signals, track : of the person tested, one row per frame.
    image_wh : of the images, px.
    """

    signals: BodySignals
    track: SubjectTrack
    image_wh: tuple[int, int]

    @classmethod
    def of(
        cls, frames: Sequence[FrameKeypoints], signals: BodySignals, track: SubjectTrack
    ) -> "Story":
        """Return the story of these frames, one row of `signals` and `track` for each."""
        return cls(signals, track, frames[0].image_wh if frames else (0, 0))

    @cached_property
    def times_s(self) -> Float64Array:
        """(N,) s since the first frame."""
        return self.signals.stamps_s

    @cached_property
    def posture(self) -> Float64Array:
        """(N,) standing index, smoothed and bridged; NaN where the legs were not seen for long."""
        return bridge(smooth(self.signals.standing_index, self.times_s, 0.25), self.times_s)

    @cached_property
    def upright(self) -> tuple[Span, ...]:
        """Spans in which the person is on their feet, in order."""
        state, spans, start_s = False, [], 0.0
        for time_s, index in zip(self.times_s, self.posture, strict=True):
            if not state and index > UPRIGHT_INDEX:
                state, start_s = True, float(time_s)
            elif state and index < SEATED_INDEX:
                state = False
                spans.append((start_s, float(time_s)))
        if state:
            spans.append((start_s, float(self.times_s[-1])))
        return _merged(spans)

    @cached_property
    def approach(self) -> Float64Array:
        """(N,) logarithm of the apparent size over that at the chair: above 0 is nearer."""
        sure = self.signals.confidence >= SURE
        size = smooth(np.where(sure, self.signals.size_px, np.nan), self.times_s, 0.4)
        with np.errstate(invalid="ignore", divide="ignore"):
            log_size = np.log(size)
        known = log_size[np.isfinite(log_size)]
        at_chair = float(np.median(known[: max(1, len(known) // 12)])) if known.size else np.nan
        return np.asarray(log_size - at_chair)

    def within(self, span_s: Span) -> BoolArray:
        """(N,) frames in a span."""
        return np.asarray((self.times_s >= span_s[0]) & (self.times_s <= span_s[1]))

    def laps(self, until_s: float = np.inf) -> int:
        """Largest number of walks out and back without sitting down in between."""
        spans = [(start_s, min(end_s, until_s)) for start_s, end_s in self.upright]
        return max((self._laps_in(span_s) for span_s in spans), default=0)

    def _laps_in(self, span_s: Span) -> int:
        inside = self.within(span_s) & np.isfinite(self.approach)
        way, times_s = self.approach[inside], self.times_s[inside]
        if way.size < 3:
            return 0
        farthest = float(np.percentile(way, 95))
        if farthest < MIN_APPROACH:
            return 0
        count, out = 0, False
        for start_s, end_s, near in _sides(way / farthest, times_s):
            # Too short a stay is noise of the keypoints.
            if end_s - start_s < MIN_STAY_S:
                continue
            count += near and not out
            out = near
        return count

    @cached_property
    def rises(self) -> int:
        """How often the person came to their feet from sitting."""
        return sum(start_s > self.times_s[0] + MIN_POSTURE_S for start_s, _ in self.upright)

    @cached_property
    def on_feet(self) -> BoolArray:
        """(N,) frames in which the person is on their feet."""
        mask: BoolArray = np.zeros(len(self.times_s), dtype=np.bool_)
        for span_s in self.upright:
            mask |= self.within(span_s)
        return mask

    @cached_property
    def travel(self) -> float:
        """How far the feet of the person on their feet moved in the image, in body heights."""
        left, top, right, bottom = self.track.boxes[self.on_feet & self.track.seen].T
        if left.size < 5:
            return 0.0
        feet = np.stack([(left + right) / 2, bottom], axis=1)
        low, high = np.percentile(feet, [5, 95], axis=0)
        return float(np.linalg.norm(high - low) / np.median(bottom - top))

    @cached_property
    def walked(self) -> bool:
        """Whether the person went anywhere on their feet: across the image, or nearer."""
        height = (self.track.boxes[:, 3] - self.track.boxes[:, 1])[self.on_feet & self.track.seen]
        if height.size < 5:
            return False
        usual, near = np.percentile(height, [30, 95])
        return self.travel > MIN_TRAVEL or bool(near > MIN_GROWTH * usual)

    def way(self, standing_s: float, turn_s: Span) -> float:
        """How far the turn is from where the person stood up, in hip heights; NaN if not seen.

        Both places are medians over time, which leave less noise than the extremes of single
        frames: a short way towards the camera is a few pixels in the image.

        Parameters
        ----------
        standing_s : when the person stands; turn_s : the turn after the walk out.
        """
        spans = ((standing_s, standing_s + AT_CHAIR_S), turn_s)
        height_px = self.signals.hip_height * self.signals.size_px
        height_px = np.where(self.posture > UPRIGHT_INDEX, height_px, np.nan)
        start_px, end_px = (self._median(height_px, span_s) for span_s in spans)
        start_x, end_x = (self._median(self.signals.hips_px[:, 0], span_s) for span_s in spans)
        deep = DEPTH_IN_HEIGHTS * np.log(end_px / start_px)
        return float(np.hypot(deep, (end_x - start_x) / np.sqrt(start_px * end_px)))

    @cached_property
    def walked_away(self) -> bool:
        """Whether the first way led away from the camera: the camera stands behind the chair."""
        way = self.approach[self.on_feet]
        if not _some(way):
            return False
        low, high = np.percentile(way[np.isfinite(way)], [5, 95])
        return bool(low < -MIN_APPROACH and high < 0.5 * MIN_APPROACH)

    @cached_property
    def never_turned(self) -> bool:
        """Whether the person came and went without turning around.

        Who walks back after a turn shows their back for a third of that time or more, pauses not
        counted. The pose model may take a front for a back; but a turn also shows the person from
        the side.
        """
        under_way = self.on_feet.copy()
        for still_s in (run for span_s in self.upright for run in self.standstills(span_s)):
            under_way &= ~self.within(still_s)
        facing = smooth(self.signals.facing, self.times_s, 0.2)[under_way]
        facing = facing[np.isfinite(facing)]
        if facing.size < 10:
            return False
        return bool(np.percentile(facing, 10) > TOWARDS_CAMERA) or self._never_seen_aside()

    def _never_seen_aside(self) -> bool:
        """Whether the person is never seen from the side for as long as the quickest turn takes."""
        steps_s = np.diff(self.times_s)
        if not steps_s.size or np.median(steps_s) > MAX_ASIDE_STEP_S:
            return False
        # A frame without the person may show them from the side.
        aside = self.on_feet & ~(np.abs(self.signals.facing) > FRONT_OR_BACK)
        longest_s = max(
            (end_s - start_s for start_s, end_s in _runs(aside, self.times_s)), default=0
        )
        return bool(longest_s + np.median(steps_s) < MIN_ASIDE_S)

    @cached_property
    def sideways(self) -> bool:
        """Whether the person lies in the image in most frames: wider than high."""
        lying = wide(self.track.boxes[self.track.seen])
        return bool(lying.size >= 8 and lying.mean() > 0.5)

    @cached_property
    def upside_down(self) -> bool:
        """Whether the image is upside down: heads, not feet, move as people come nearer.

        A camera at 1 to 2 m sees heads near the horizon, whatever the distance, and feet further
        down the nearer they are.
        """
        boxes = self.track.boxes[self.track.seen]
        confidence = self.signals.confidence[self.track.seen]
        if len(boxes) < 16 or np.median(confidence) > UPRIGHT_CONFIDENCE:
            return False
        top, bottom = (np.ptp(np.percentile(boxes[:, k], [5, 95])) for k in (1, 3))
        return bool(top > UPSIDE_DOWN_RATIO * bottom + 4.0)

    @cached_property
    def hardly_human(self) -> bool:
        """Whether a moving person is found in few frames, and faintly: as in a tilted image."""
        seen = self.track.seen
        if seen.sum() < 8 or seen.mean() > FAINT_SHARE:
            return False
        left, top, right, bottom = self.track.boxes[seen].T
        middle = np.stack([(left + right) / 2, (top + bottom) / 2], axis=1)
        low, high = np.percentile(middle, [5, 95], axis=0)
        moved = float(np.linalg.norm(high - low) / np.median(bottom - top))
        faint = float(np.median(self.signals.confidence[seen])) < SURE
        return faint and moved > MIN_TRAVEL

    def shrinkage(self, before_s: Span, after_s: Span) -> float:
        """Height of the person's box over a later span as a share of an earlier one; or NaN."""
        height = self.track.boxes[:, 3] - self.track.boxes[:, 1]
        return self._median(height, after_s) / self._median(height, before_s)

    @cached_property
    def pace(self) -> Float64Array:
        """(N,) how fast the feet go over the floor, in apparent body heights per second."""
        times_s, size = self.times_s, smooth(self.signals.size_px, self.times_s, 0.3)
        if len(times_s) < 3:
            return np.full(len(times_s), np.nan)
        column = smooth(self.signals.hips_px[:, 0], times_s, 0.3)
        with np.errstate(invalid="ignore", divide="ignore"):
            deep = np.gradient(np.log(size), times_s) * DEPTH_IN_HEIGHTS
            aside = np.gradient(column, times_s) / size
            return np.asarray(smooth(np.hypot(deep, aside), times_s, 0.2))

    @cached_property
    def usual_pace(self) -> float:
        """The pace of most of the walk, in body heights per second; NaN if no one walks.

        Of someone who stands still most of the time, that of the rest.
        """
        ways = [self.pace[self.within(span_s)] for span_s in self.upright]
        pace = np.concatenate([np.zeros(0), *ways])
        pace = pace[np.isfinite(pace)]
        if not pace.size:
            return float("nan")
        moving = pace[pace >= STILL_SHARE * np.percentile(pace, 95)]
        mostly_still = 2 * moving.size < pace.size
        return float(np.percentile(moving if mostly_still else pace, 75))

    def standstills(self, span_s: Span) -> tuple[Span, ...]:
        """Spans of standing still within a span, each at least `MIN_STANDSTILL_S` long.

        A person who turns on the spot does not stand still.
        """
        limit = STILL_SHARE * max(self.usual_pace, SLOWEST_PACE)
        facing = smooth(self.signals.facing, self.times_s, 0.3)
        turning = (
            np.abs(np.gradient(facing, self.times_s))
            if len(self.times_s) > 2
            else np.zeros(len(self.times_s))
        )
        still = self.within(span_s) & (self.pace < limit) & ~(turning > MAX_TURNING_PER_S)
        still &= self.posture > UPRIGHT_INDEX
        runs = _runs(still, self.times_s)
        return tuple(run for run in runs if run[1] - run[0] >= MIN_STANDSTILL_S)

    def frozen_beside(self, edges_s: Float64Array, span_s: Span, least_s: float) -> bool:
        """Whether a standstill that outlasts all motion lies beside one of some edges.

        Only a few degrees of rotation then tell on which side of the edge the person stood still.

        Parameters
        ----------
        span_s : in which the person walks and turns.
        least_s : a shorter standstill does not count.
        """
        longer_s = max(least_s, self.moving_s(span_s))
        return any(
            end_s - start_s > longer_s and start_s - BESIDE_S < edge_s < end_s + BESIDE_S
            for start_s, end_s in self.standstills(span_s)
            for edge_s in edges_s
        )

    def moving_s(self, span_s: Span) -> float:
        """How long the person is under way within a span, s."""
        still_s = sum(end_s - start_s for start_s, end_s in self.standstills(span_s))
        return max(0.0, span_s[1] - span_s[0] - still_s)

    def lowness(self, span_s: Span) -> float:
        """How high the hips are over a span: 0 as before the rise, 1 standing; NaN if unknown."""
        height = self.signals.hip_height
        before = self._median(height, (0.0, self.upright[0][0] - 0.5)) if self.upright else np.nan
        there = self._median(height, span_s)
        return (there - before) / max(1.0 - before, 0.1)

    def seat_shift(self, before_s: Span, after_s: Span) -> float:
        """How far the seats before and after lie apart in the image, in body heights."""
        rows = [self.within(span) & self.track.seen for span in (before_s, after_s)]
        if not all(row.any() for row in rows):
            return float("nan")
        places = [np.nanmedian(self.signals.hips_px[row], axis=0) for row in rows]
        size = float(np.nanmedian(self.signals.size_px[rows[0]]))
        return float(np.linalg.norm(places[1] - places[0]) / max(size, 1.0))

    def _median(self, curve: Float64Array, span_s: Span) -> float:
        values = curve[self.within(span_s)]
        values = values[np.isfinite(values)]
        return float(np.median(values)) if values.size else float("nan")


#: A person whose feet go less far than this across the image, in body heights, and who does not
#: grow by the second factor, has not walked.
MIN_TRAVEL, MIN_GROWTH = 0.2, 1.15
#: A turn further than this from where the person stood up was reached on foot, in hip heights: some
#: 0.45 m. Of eight people who step on the spot (seeds 430 and 431) it scatters by 0.18. How long
#: the person is still near the chair, s.
MIN_WAY, AT_CHAIR_S = 0.5, 0.5
#: Above this share of standing height over the seat, after the test, a person does not sit.
MAX_LOWNESS = 0.5
#: Value of `BodySignals.facing` from which a person clearly faces the camera.
TOWARDS_CAMERA = 0.15
#: From this share of its full width on, a person is seen from the front or from behind. The
#: quickest turn (0.8 s) takes a third of a second between the two; cameras slower than the second
#: show too little of it.
FRONT_OR_BACK, MIN_ASIDE_S, MAX_ASIDE_STEP_S = 0.6, 0.2, 0.15
#: Mean joint scores above which the place of a person counts, and above which they are upright in
#: the image.
SURE, UPRIGHT_CONFIDENCE = 0.3, 0.4
#: Shortest stay near the mark or at the chair that counts, s.
MIN_STAY_S = 0.7
#: A person is found in a larger share of the frames than this.
FAINT_SHARE = 0.6
#: Heads that move this much more than feet are feet.
UPSIDE_DOWN_RATIO = 1.6
#: Changes of distance, as a share of the distance, per body height walked: a person 1.5 m high to
#: the hips' double is seen from some 5 m.
DEPTH_IN_HEIGHTS = 5.5
#: Facing changes faster than this per second in a turn.
MAX_TURNING_PER_S = 0.35


def _some(values: Float64Array) -> bool:
    return int(np.isfinite(values).sum()) >= 5


def _sides(way: Float64Array, times_s: Float64Array) -> list[tuple[float, float, bool]]:
    """Stays near the mark (True) and at the chair (False): start, end, which."""
    stays = [(span, True) for span in _runs(way > NEAR_SHARE, times_s)]
    stays += [(span, False) for span in _runs(way < BACK_SHARE, times_s)]
    return [(a, b, near) for (a, b), near in sorted(stays)]


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    """Spans long enough to count; shorter breaks between them are none."""
    merged: list[Span] = []
    for start_s, end_s in spans:
        if merged and start_s - merged[-1][1] < MIN_POSTURE_S:
            merged[-1] = (merged[-1][0], end_s)
        else:
            merged.append((start_s, end_s))
    return tuple(span for span in merged if span[1] - span[0] >= MIN_POSTURE_S)


def _runs(mask: BoolArray, times_s: Float64Array) -> list[Span]:
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return [(float(times_s[a]), float(times_s[b])) for a, b in zip(starts, ends, strict=True)]
