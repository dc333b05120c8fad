# SPDX-License-Identifier: Apache-2.0
"""Counts people who are taken for their mirror image during the walks of simulated tests.

An answer is mirrored if its OKS is higher with left and right exchanged. A switch is a change
between mirrored and not mirrored from one answer to the next within a walk.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from thermal_pose.lab.evaluation.keypoints import visible_people
from thermal_pose.lab.metrics.oks import oks
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import (
    NS_PER_S,
    FrameKeypoints,
    Phase,
    TrueFrame,
    TruePerson,
    TugTiming,
)

#: Parts of a test by their name in the results. The turn is no walk: it shows the side.
WALKS: Final = {"walk_out": Phase.WALK_OUT, "walk_back": Phase.WALK_BACK}
#: An answer of lower OKS, however its sides are taken, is of someone else.
_LEAST_OKS: Final = 0.3


@dataclass(frozen=True)
class Walk:
    """The answers for the person tested during one walk.

    Attributes
    ----------
    frames : frames in which the person is in view.
    mirrored : of each answer in order, whether its sides are exchanged.
    """

    frames: int
    mirrored: tuple[bool, ...]

    @property
    def switches(self) -> int:
        """Changes from one answer to the next."""
        return int(np.count_nonzero(np.diff(np.asarray(self.mirrored, np.int8))))


def walks_of(
    truth: Sequence[TrueFrame], timing: TugTiming, answers: Iterable[FrameKeypoints]
) -> dict[str, Walk]:
    """Return the walks of one recording by the keys of `WALKS`.

    Parameters
    ----------
    timing : true phases of the test.
    answers : keypoints of the recording's frames, with everyone found in them.
    """
    found = {frame.stamp_ns: frame for frame in answers}
    walks = {}
    for name, phase in WALKS.items():
        spans = [(each.start_s, each.end_s) for each in timing.phases if each.phase is phase]
        during = [
            frame
            for frame in truth
            if any(a <= (frame.stamp_ns - timing.origin_ns) / NS_PER_S < b for a, b in spans)
        ]
        walks[name] = _walk(during, found)
    return walks


def _walk(during: Sequence[TrueFrame], found: Mapping[int, FrameKeypoints]) -> Walk:
    frames, mirrored = 0, []
    for frame in during:
        subject = next((each for each in visible_people(frame) if each.role == "subject"), None)
        if subject is None:
            continue
        frames += 1
        if frame.stamp_ns in found:
            answer = _is_mirrored(subject, found[frame.stamp_ns])
            mirrored += [] if answer is None else [answer]
    return Walk(frames, tuple(mirrored))


def _is_mirrored(subject: TruePerson, found: FrameKeypoints) -> bool | None:
    """Return whether the subject's sides are exchanged; None if nobody found is the subject."""
    best, answer = _LEAST_OKS, None
    for person in found.persons:
        both = np.stack([person.xy, person.xy[MIRROR]])
        as_is, exchanged = oks(both, subject.xy, subject.visibility, subject.area_px)
        if max(as_is, exchanged) >= best:
            best, answer = max(as_is, exchanged), bool(exchanged > as_is)
    return answer


def counted(walks: Sequence[Walk]) -> dict[str, Any]:
    """Return the counts over walks."""
    return {
        "walks": len(walks),
        "frames": sum(walk.frames for walk in walks),
        "answers": sum(len(walk.mirrored) for walk in walks),
        "mirrored": sum(sum(walk.mirrored) for walk in walks),
        "switches": sum(walk.switches for walk in walks),
        "walks_with_a_switch": sum(walk.switches > 0 for walk in walks),
        "walks_mostly_mirrored": sum(2 * sum(w.mirrored) > len(w.mirrored) for w in walks),
    }


def compared(before: Sequence[Walk], after: Sequence[Walk]) -> dict[str, int]:
    """Return in how many walks fewer or more answers are mirrored after than before.

    Raises
    ------
    ValueError
        They are not the same walks.
    """
    if len(before) != len(after):
        raise ValueError(f"after: expected {len(before)} walks, got {len(after)}")
    pairs = [(sum(a.mirrored), sum(b.mirrored)) for a, b in zip(before, after, strict=True)]
    return {
        "walks_with_fewer": sum(late < early for early, late in pairs),
        "walks_with_more": sum(late > early for early, late in pairs),
    }
