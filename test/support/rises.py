# SPDX-License-Identifier: Apache-2.0
"""A stick figure that stands up and sits down again and again, as keypoints of small pictures."""

from dataclasses import replace

import numpy as np

from thermal_pose.types import NS_PER_S, FrameKeypoints, PersonBox, PersonKeypoints

RATE_HZ = 8.0
#: Joints standing, x and y in px from the middle between the feet, y up; and how far each sinks.
_X = np.array([0, 1, -1, 2, -2, 5, -5, 6, -6, 3, -3, 3, -3, 3, -3, 3, -3], dtype=np.float64)
_UP = np.array([37, 38, 38, 37, 37, 31, 31, 25, 25, 27, 27, 20, 20, 10, 10, 0, 0], dtype=np.float64)
_SINK = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.1, 0.1, 0, 0], dtype=np.float64)
SEAT_PX = 8.0


def up_at(time_s: float, rises) -> float:
    """0 seated .. 1 standing; `rises` are (start, standing, down, seated, height)."""
    for start, standing, down, seated, height in rises:
        if start <= time_s <= seated:
            way = np.interp(time_s, [start, standing, down, seated], [0, 1, 1, 0])
            return float(height * way**2 * (3 - 2 * way))
    return 0.0


def even_rises(n: int, period_s: float = 3.0, first_s: float = 2.0, height: float = 1.0):
    return [
        (first_s + k * period_s, first_s + k * period_s + 1.0, first_s + k * period_s + 1.3,
         first_s + k * period_s + 2.3, height)
        for k in range(n)
    ]  # fmt: skip


def frames(rises, duration_s: float, x_px: float = 40.0, others=(), lost=(0.0, 0.0)):
    """Keypoints of one person, and of `others` (a sequence of (rises, x_px)) beside."""
    people = [(rises, x_px), *others]
    made = []
    for number in range(int(duration_s * RATE_HZ) + 1):
        time_s = number / RATE_HZ
        if lost[0] <= time_s < lost[1]:
            continue
        persons = tuple(
            _person(up_at(time_s, moves), x, track) for track, (moves, x) in enumerate(people, 1)
        )
        stamp_ns = round((1_000 + time_s) * NS_PER_S)
        made.append(FrameKeypoints(stamp_ns, "thermal", "stick-figure", (80, 60), persons))
    return made


def _person(up: float, x_px: float, track: int) -> PersonKeypoints:
    y = 55.0 - _UP + SEAT_PX * (1.0 - up) * _SINK
    xy = np.stack([x_px + _X, y], axis=-1).astype(np.float32)
    low, high = xy.min(0) - 1.0, xy.max(0) + 1.0
    box = PersonBox((*low.tolist(), *high.tolist()), 0.9, track)
    return PersonKeypoints(track, box, xy, np.full(17, 0.8, dtype=np.float32))


def hands_low(made, from_s: float, for_s: float, sides=(9, 10)):
    """The same frames with wrists at hip height for a while, as of hands on the thighs."""

    def lowered(person):
        xy = person.xy.copy()
        xy[list(sides), 1] = xy[11, 1] + 4.0
        return replace(person, xy=xy)

    return [
        replace(frame, persons=tuple(map(lowered, frame.persons)))
        if from_s <= frame.stamp_ns / NS_PER_S - 1_000 < from_s + for_s
        else frame
        for frame in made
    ]
