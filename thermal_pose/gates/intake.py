# SPDX-License-Identifier: Apache-2.0
"""Both gates in a row: the one way in for thermal images, live or recorded."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from thermal_pose.gates.quality import InputGate, InputLimits
from thermal_pose.gates.reasons import GOOD, Finding
from thermal_pose.gates.stamps import StampGate, StampLimits
from thermal_pose.types import ThermalFrame, TrialReason

#: Refusals remembered, at most.
_MAX_KEPT: Final = 20_000
_WRONG_STAMP: Final = (TrialReason.UNSET_STAMP, TrialReason.STAMP_OUTLIER)


@dataclass(frozen=True)
class Refusals:
    """The images refused in a span of time.

    Attributes
    ----------
    counts : images per finding; findings of one reason may differ in their cause.
    """

    counts: dict[Finding, int]

    @property
    def total(self) -> int:
        """Number of images refused."""
        return sum(self.counts.values())

    @property
    def main(self) -> Finding:
        """The most frequent reason, with the cause that was found first; GOOD if there is none."""
        by_reason: Counter[str] = Counter()
        for finding, count in self.counts.items():
            by_reason[finding.reason] += count
        if not by_reason:
            return GOOD
        reason = by_reason.most_common(1)[0][0]
        return next(finding for finding in self.counts if finding.reason == reason)


class FrameIntake:
    """Judges the images of one stream, in their order of arrival.

    Examples
    --------
    >>> import numpy as np
    >>> room = np.random.default_rng(0).normal(29500, 30, (60, 80))
    >>> frame = ThermalFrame(10**18, "camera", room.astype(np.uint16))
    >>> intake = FrameIntake()
    >>> intake.admit(frame).accepted
    True
    >>> later = ThermalFrame(10**18 + 125_000_000, "camera", frame.centikelvin)
    >>> str(intake.admit(later).reason)
    'frozen'
    """

    def __init__(
        self, limits: InputLimits | None = None, stamp_limits: StampLimits | None = None
    ) -> None:
        self._images = InputGate(limits)
        self._stamps = StampGate(stamp_limits)
        self._refused: deque[tuple[int, Finding]] = deque(maxlen=_MAX_KEPT)

    def restart(self) -> None:
        """Forget the stream: the next image begins a new one."""
        self._images.restart()
        self._stamps.restart()
        self._refused.clear()

    def admit(
        self, frame: ThermalFrame, arrived_ns: int | None = None, now_ns: int | None = None
    ) -> Finding:
        """Decide whether an image may be used; times as in `StampGate.admit`."""
        finding = self._images.judge(frame)
        if finding.accepted and not self._images.resent:
            finding = self._stamps.admit(frame.stamp_ns, arrived_ns, now_ns)
        if not finding.accepted:
            self._refused.append((self._place_ns(frame.stamp_ns, finding), finding))
        return finding

    def _place_ns(self, stamp_ns: int, finding: Finding) -> int:
        """Return where in time a refused image belongs; a wrong stamp does not tell."""
        last_ns = self._stamps.last_ns
        return stamp_ns if finding.reason not in _WRONG_STAMP or last_ns is None else last_ns

    def take(
        self, frame: ThermalFrame, arrived_ns: int | None = None, now_ns: int | None = None
    ) -> ThermalFrame:
        """Return the image; raises InputRefusedError if it may not be used."""
        finding = self.admit(frame, arrived_ns, now_ns)
        if not finding.accepted:
            raise finding.error()
        return frame

    def refusals(self, first_ns: int | None = None, last_ns: int | None = None) -> Refusals:
        """Return the refused images with stamps in [first_ns, last_ns]; None: no bound."""
        counts: Counter[Finding] = Counter(
            finding
            for stamp_ns, finding in self._refused
            if (first_ns is None or stamp_ns >= first_ns)
            and (last_ns is None or stamp_ns <= last_ns)
        )
        return Refusals(dict(counts))

    @property
    def live(self) -> bool:
        """Whether the stamps told the present time when the stream began."""
        return self._stamps.live

    def begin_trial(self, since_ns: int) -> None:
        """Forget what came before a stamp: verdicts and refusals are about one trial."""
        self._stamps.begin_trial(since_ns)
        self._refused = deque((item for item in self._refused if item[0] >= since_ns), _MAX_KEPT)

    def stamps_verdict(self, first_ns: int | None = None, last_ns: int | None = None) -> Finding:
        """Judge the stamps of a span of time together (see `StampGate.verdict`)."""
        return self._stamps.verdict(first_ns, last_ns)


def admitted(frames: Iterable[ThermalFrame], intake: FrameIntake) -> Iterator[ThermalFrame]:
    """Yield the frames that the intake accepts."""
    return (frame for frame in frames if intake.admit(frame).accepted)
