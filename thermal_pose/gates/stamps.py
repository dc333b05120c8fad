# SPDX-License-Identifier: Apache-2.0
"""The gate for stamps: do the headers tell when the images were taken?

Stamps are compared with one another, and with a second clock that no driver sets: the log times
of a recording, or the receiver's monotonic clock. A second clock may lag by the transport's delay
and its jitter, so that only lasting differences count.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from thermal_pose.gates.reasons import GOOD, Finding
from thermal_pose.types import NS_PER_S, Float64Array, TrialReason


@dataclass(frozen=True)
class StampLimits:
    """Bounds of what the stamps of one camera do.

    Attributes
    ----------
    outlier_s : a stamp this far ahead of its predecessor, whose successor is not, is an outlier.
    run_back_s : stamps that jump back by more begin a new run of a recording.
    min_frames : no judgement on fewer images.
    duplicate_share : a larger share of equal stamps means a clock that is too coarse.
    burst_share : share of intervals shorter than a fifth of the mean that makes bursts.
    burst_gap_s : bursts with shorter gaps between them are tolerated.
    clock_step_s : a lasting change of the difference between both clocks that is larger means
        that one of them was set.
    step_frames : fewest images on either side of such a change.
    step_reach_s : time on either side that is looked at; longer than a receiver stalls.
    live_s : stamps that begin this near to the second clock are of the same time, so that both
        must run at the same rate.
    rate : smallest and largest ratio of stamped to elapsed time.
    """

    outlier_s: float = 10.0
    run_back_s: float = 2.0
    min_frames: int = 16
    duplicate_share: float = 0.3
    burst_share: float = 0.3
    burst_gap_s: float = 0.3
    clock_step_s: float = 0.25
    step_frames: int = 6
    step_reach_s: float = 3.0
    live_s: float = 5.0
    rate: tuple[float, float] = (0.7, 1.4)


#: Stamps and arrivals kept, at most: four minutes at 60 Hz.
_MAX_KEPT: Final = 240 * 60


class StampGate:
    """Judges the stamps of one stream in their order of arrival.

    `admit` decides about single images by the stamps alone, so that every node decides alike;
    `verdict` judges a span of time with all that is known.

    Parameters
    ----------
    limits : see `StampLimits`.
    kept : stamps remembered.

    Attributes
    ----------
    last_ns : stamp of the image accepted last; None before the first.
    """

    def __init__(self, limits: StampLimits | None = None, kept: int = _MAX_KEPT) -> None:
        self.limits = limits or StampLimits()
        self._kept = kept
        self.restart()

    def restart(self) -> None:
        """Forget everything: the next stamp begins a new stream."""
        self.last_ns: int | None = None
        self._ahead_ns: int | None = None
        self._seen: deque[tuple[int, int | None]] = deque(maxlen=self._kept)
        self._live: bool | None = None

    def admit(
        self, stamp_ns: int, arrived_ns: int | None = None, now_ns: int | None = None
    ) -> Finding:
        """Decide whether an image of this stamp may be used on its own.

        Parameters
        ----------
        arrived_ns : when it was received, on a clock that is not set meanwhile: a recording's log
            time, or the monotonic clock; None if not known.
        now_ns : the wall clock at its reception; None if that is `arrived_ns`.
        """
        single = self._single(stamp_ns)
        if single.accepted:
            self._begin_run(stamp_ns)
            self.last_ns = stamp_ns
            if self._live is None and arrived_ns is not None:
                wall_ns = arrived_ns if now_ns is None else now_ns
                self._live = abs(stamp_ns - wall_ns) <= self.limits.live_s * NS_PER_S
            self._seen.append((stamp_ns, arrived_ns))
        return single

    @property
    def live(self) -> bool:
        """Whether stamps and second clock told the same time when the stream began."""
        return bool(self._live)

    def begin_trial(self, since_ns: int) -> None:
        """Forget what came before a stamp: verdicts are about the trial that begins."""
        self._seen = deque((seen for seen in self._seen if seen[0] >= since_ns), self._kept)

    def _begin_run(self, stamp_ns: int) -> None:
        """Forget the run before, where a recording starts over.

        Stamps of the present that jump back are those of a clock that was set, and are kept.
        """
        back_ns = int(self.limits.run_back_s * NS_PER_S)
        if self.last_ns is not None and stamp_ns < self.last_ns - back_ns and not self._live:
            self._seen.clear()
            self._live = None

    def _single(self, stamp_ns: int) -> Finding:
        last_ns, ahead_ns = self.last_ns, self._ahead_ns
        self._ahead_ns = None
        if last_ns is None:
            return GOOD
        if stamp_ns == 0:
            return Finding(TrialReason.UNSET_STAMP, "The image has no stamp (it is zero).")
        far_ns = int(self.limits.outlier_s * NS_PER_S)
        if stamp_ns - last_ns <= far_ns:
            return GOOD
        if ahead_ns is not None and abs(stamp_ns - ahead_ns) <= far_ns:
            return GOOD  # the stream went on from there: a long gap
        self._ahead_ns = stamp_ns
        return Finding(
            TrialReason.STAMP_OUTLIER,
            f"The stamp is {(stamp_ns - last_ns) / NS_PER_S:.0f} s ahead of the one before it.",
        )

    def verdict(self, first_ns: int | None = None, last_ns: int | None = None) -> Finding:
        """Judge the stamps from `first_ns` to `last_ns` together; None: without that bound."""
        seen = [
            (stamp_ns, arrived_ns)
            for stamp_ns, arrived_ns in tuple(self._seen)  # another thread may add to it
            if (first_ns is None or stamp_ns >= first_ns)
            and (last_ns is None or stamp_ns <= last_ns)
        ]
        if len(seen) < self.limits.min_frames:
            return GOOD
        origin_ns = seen[0][0]
        stamps_s = np.array([(stamp_ns - origin_ns) / NS_PER_S for stamp_ns, _ in seen])
        for finding in (
            judge_grid(stamps_s, self.limits),
            judge_bursts(stamps_s, self.limits),
            self._against_arrivals(stamps_s, [arrived_ns for _, arrived_ns in seen]),
        ):
            if not finding.accepted:
                return finding
        return GOOD

    def _against_arrivals(self, stamps_s: Float64Array, arrivals_ns: list[int | None]) -> Finding:
        known = [arrived_ns for arrived_ns in arrivals_ns if arrived_ns is not None]
        if len(known) < len(arrivals_ns):
            return GOOD
        arrivals_s = np.array([(arrived_ns - known[0]) / NS_PER_S for arrived_ns in known])
        return judge_clocks(stamps_s, arrivals_s, bool(self._live), self.limits)


def judge_grid(stamps_s: Float64Array, limits: StampLimits) -> Finding:
    """Refuse stamps that many images share: they come from a clock that is too coarse."""
    shared = 1.0 - len(np.unique(stamps_s)) / len(stamps_s)
    if shared <= limits.duplicate_share:
        return GOOD
    step_s = _coarseness_s(stamps_s)
    grid = f", which count in steps of {step_s:g} s" if step_s else ""
    return Finding(
        TrialReason.COARSE_STAMPS,
        f"{100 * shared:.0f} % of the images share a stamp with another{grid}.",
    )


def _coarseness_s(stamps_s: Float64Array) -> float:
    """Smallest step between different stamps, s; 0 if all are equal."""
    steps = np.diff(np.unique(stamps_s))
    return float(steps.min()) if steps.size else 0.0


def judge_bursts(stamps_s: Float64Array, limits: StampLimits) -> Finding:
    """Refuse stamps in bursts: images stamped when a buffer was read, not when they were taken."""
    steps_s = np.diff(np.sort(stamps_s))
    mean_s = float(steps_s.mean())
    short = float((steps_s < 0.2 * mean_s).mean())
    gap_s = float(np.quantile(steps_s, 1.0 - 0.5 * (1.0 - min(short, 0.95))))
    if short < limits.burst_share or gap_s <= limits.burst_gap_s:
        return GOOD
    return Finding(
        TrialReason.STAMP_BURSTS,
        f"The stamps come in bursts, {gap_s:.2f} s apart, although images come every "
        f"{mean_s:.2f} s.",
    )


def judge_clocks(
    stamps_s: Float64Array, arrivals_s: Float64Array, live: bool, limits: StampLimits
) -> Finding:
    """Compare stamps with a second clock.

    Parameters
    ----------
    stamps_s, arrivals_s : (N,) in order of arrival, each since its first.
    live : both clocks told the same time at the beginning, so that they must run alike. Otherwise
        nothing is compared: a recording that is replayed comes as fast as the machine allows.
    """
    elapsed_s = float(arrivals_s[-1] - arrivals_s[0])
    if not live or elapsed_s <= 0.0:
        return GOOD  # a recorder that logs all at one time gives no evidence either
    step_s = _lasting_step_s(stamps_s, arrivals_s, limits)
    if abs(step_s) > limits.clock_step_s:
        way = "forward" if step_s > 0 else "back"
        return _clock_set(way, abs(step_s))
    ratio = float(np.ptp(stamps_s)) / elapsed_s
    if not limits.rate[0] <= ratio <= limits.rate[1]:
        return Finding(
            TrialReason.STAMP_RATE,
            f"The stamps run at {ratio:.2f} times the rate at which the images came.",
        )
    return GOOD


def clock_set_back(back_s: float) -> Finding:
    """Return the finding that live stamps jumped back by `back_s` during a test."""
    return _clock_set("back", back_s)


def _clock_set(way: str, step_s: float) -> Finding:
    return Finding(
        TrialReason.CLOCK_SET,
        f"The clock that stamps the images was set {way} by {step_s:.2f} s during the test.",
    )


def _lasting_step_s(stamps_s: Float64Array, arrivals_s: Float64Array, limits: StampLimits) -> float:
    """Return the largest lasting change of stamps against arrivals, s; 0 if there is none.

    Messages can be late and never early, so the image with the least delay among those on either
    side counts: neither a late message nor a receiver that stalls and catches up is taken for a
    clock that was set. The interval between the two stamps must be the unusual one: where a busy
    machine delays everything from some moment on, the stamps stay regular.
    """
    steps_s = np.diff(stamps_s)
    usual_s = float(np.median(steps_s))
    ahead_s = stamps_s - arrivals_s
    elapsed_s = float(arrivals_s[-1] - arrivals_s[0])
    reach = max(limits.step_frames, round(limits.step_reach_s * len(arrivals_s) / elapsed_s))
    largest_s = 0.0
    for index in np.flatnonzero(np.abs(np.diff(ahead_s)) > 0.6 * limits.clock_step_s) + 1:
        if not limits.step_frames <= index <= len(ahead_s) - limits.step_frames:
            continue
        before_s = float(ahead_s[max(0, index - reach) : index].max())
        after_s = float(ahead_s[index : index + reach].max())
        change_s, odd_s = after_s - before_s, float(steps_s[index - 1]) - usual_s
        if change_s * odd_s > 0 and abs(odd_s) > 0.6 * abs(change_s) > 0.6 * abs(largest_s):
            largest_s = change_s
    return largest_s
