# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support.stick_figure import Figure

from thermal_pose.clinical.tug.subject import (
    SubjectFollower,
    SubjectTrack,
    TrackBuilder,
    standing_index,
)
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints

ALWAYS_UP = (-9.0, -8.0, 90.0, 91.0, 92.0, 93.0, 94.0)


def moved(person: PersonKeypoints, dx_px: float, track_id: int) -> PersonKeypoints:
    left, top, right, bottom = person.box.xyxy
    box = PersonBox((left + dx_px, top, right + dx_px, bottom), person.box.score, track_id)
    shifted = (person.xy + np.float32([dx_px, 0])).astype(np.float32)
    return replace(person, track_id=track_id, box=box, xy=shifted)


def with_carer(frames: list[FrameKeypoints], carer: Figure, dx_px: float) -> list[FrameKeypoints]:
    """Add a standing carer, first in each frame's list."""
    return [
        replace(frame, persons=(moved(other.persons[0], dx_px, 2), *frame.persons))
        for frame, other in zip(frames, carer.frames(), strict=True)
    ]


def test_standing_index_tells_sitting_from_standing() -> None:
    figure = Figure(noise_px=0.0)
    frames = figure.frames()
    indices = [
        standing_index(f.persons[0].xy.astype(float), f.persons[0].scores.astype(float), 0.05)
        for f in (frames[4], frames[40])
    ]
    assert indices[0] < 0.5
    assert 0.8 < indices[1] < 1.4
    assert np.isnan(standing_index(np.full((17, 2), np.nan), np.zeros(17), 0.05))


def test_the_seated_person_is_the_subject_not_the_carer() -> None:
    frames = with_carer(Figure().frames(), Figure(edges_s=ALWAYS_UP, seed=5), 14.0)
    follower = SubjectFollower()
    followed = [follower.update(frame) for frame in frames]
    assert follower.locked
    late = [p.track_id for p in followed[12:] if p is not None]
    assert set(late) == {1}
    assert len(late) == len(frames) - 12


def test_a_new_identity_at_the_same_place_is_the_same_person() -> None:
    frames = Figure().frames()
    renamed = [
        replace(f, persons=tuple(moved(p, 0.0, 9) for p in f.persons)) if k > 50 else f
        for k, f in enumerate(frames)
    ]
    follower = SubjectFollower()
    followed = [follower.update(frame) for frame in renamed]
    assert all(p is not None for p in followed)
    assert follower.track_id == 9


def test_nobody_far_away_replaces_a_lost_subject() -> None:
    frames = Figure().frames()
    follower = SubjectFollower()
    for frame in frames[:40]:
        follower.update(frame)
    stranger = replace(frames[40], persons=(moved(frames[40].persons[0], -35.0, 3),))
    assert follower.update(stranger) is None
    back = follower.update(frames[41])
    assert back is not None
    assert back.track_id == 1


def test_track_keeps_what_is_missing_as_nan() -> None:
    frames = Figure().frames()[:3]
    builder = TrackBuilder()
    for k, frame in enumerate(frames):
        builder.append(frame.stamp_ns, None if k == 1 else frame.persons[0], 1)
    track = builder.build()
    assert track.seen.tolist() == [True, False, True]
    assert np.isnan(track.xy[1]).all()
    assert track.stamps_s == pytest.approx([0.0, 0.125, 0.25])
    assert TrackBuilder().build().stamps_s.size == 0


def test_stamps_must_rise() -> None:
    with pytest.raises(ValueError, match="rising"):
        SubjectTrack(
            np.array([1, 1]),
            np.zeros((2, 17, 2)),
            np.zeros((2, 17)),
            np.zeros((2, 4)),
            np.zeros(2, np.int64),
            np.zeros(2, np.int64),
        )
