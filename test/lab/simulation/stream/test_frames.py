# SPDX-License-Identifier: Apache-2.0
from itertools import islice

import cv2
import numpy as np
import pytest
from support.bodies import body

from thermal_pose.errors import SimulationError, StorageError
from thermal_pose.lab.simulation.people.skinning import pose_vertices
from thermal_pose.lab.simulation.stream import clips as stream_clips
from thermal_pose.lab.simulation.stream.clips import ClipKind
from thermal_pose.lab.simulation.stream.frames import (
    UNIT_FRAMES,
    StreamOptions,
    TrainingStream,
    write_stream,
)
from thermal_pose.lab.simulation.stream.postures import (
    low_pose,
    lying_pose,
    seated_pose,
    standing_pose,
)
from thermal_pose.lab.simulation.stream.rows import MAX_ROWS, StreamRows
from thermal_pose.lab.simulation.stream.sheet import write_sheet

pytestmark = pytest.mark.simulation

FEW = StreamOptions(seed=3, n_bodies=2)


def only(kind, **more):
    shares = {each: float(each is kind) for each in ClipKind}
    return StreamOptions(seed=3, n_bodies=2, shares=shares, **more)


@pytest.fixture(scope="module")
def ward():
    return TrainingStream(only(ClipKind.WARD)).shard(0, 1)


def test_shard_has_training_s_layout(ward):
    rows = len(ward["frame_of"])
    assert ward["frames"].shape == (UNIT_FRAMES, MAX_ROWS, 80)
    assert ward["frames"].dtype == np.uint16
    for name, shape in (("boxes", (4,)), ("xy", (17, 2)), ("visibility", (17,)), ("area_px", ())):
        assert ward[name].shape == (rows, *shape)
    assert ward["frame_of"].max() < UNIT_FRAMES
    assert set(ward["frame_rows"]) <= {60, 62}


def test_padding_rows_are_zero(ward):
    for frame, rows in zip(ward["frames"], ward["frame_rows"], strict=True):
        assert (frame[rows:] == 0).all() and (frame[:rows] > 0).all()


def test_boxes_are_silhouettes_inside_the_frame(ward):
    boxes, rows = ward["boxes"], ward["frame_rows"][ward["frame_of"]]
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert boxes[:, :2].min() >= -0.5 and boxes[:, 2].max() <= 79.5
    assert (boxes[:, 3] <= rows - 0.5).all()
    size = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    assert (ward["area_px"] <= size + 1e-3).all() and ward["area_px"].min() >= 4.0


def test_same_unit_is_the_same_alone_and_in_a_longer_shard(ward):
    alone = TrainingStream(only(ClipKind.WARD)).shard(0, 1)
    for name in ("frames", "xy", "boxes", "visibility"):
        np.testing.assert_array_equal(alone[name], ward[name])


def test_empty_rooms_hold_nobody():
    shard = TrainingStream(only(ClipKind.EMPTY)).shard(0, 1)
    assert len(shard["person"]) == UNIT_FRAMES and not shard["person"].any()
    assert np.isnan(shard["distance_m"]).all()


def test_tests_show_one_subject_walking():
    shard = TrainingStream(only(ClipKind.TUG)).shard(1, 1)
    assert shard["person"].all() and len(shard["person"]) >= 0.6 * UNIT_FRAMES
    assert np.ptp(shard["distance_m"]) > 1.0


def test_another_body_walks_where_the_first_has_too_short_legs(monkeypatch):
    plan, calls = stream_clips.plan_trial, []

    def refuses_first(*args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            raise SimulationError("step length")
        return plan(*args, **kwargs)

    monkeypatch.setattr(stream_clips, "plan_trial", refuses_first)
    stream = TrainingStream(only(ClipKind.TUG))
    assert len(stream.clips(0)) == 3
    monkeypatch.setattr(stream_clips, "plan_trial", lambda *a, **k: refuses_first(calls.clear()))
    with pytest.raises(SimulationError, match="give more bodies"):
        stream.clips(0)


def test_rgb_patch_shows_the_joints_where_the_affine_says():
    rows = StreamRows(3)
    for clip, frame in islice(TrainingStream(only(ClipKind.WARD, with_rgb=True)).frames(0), 5):
        rows.add(clip, frame, 0)
    shard = rows.arrays()
    lengths = shard["patch_lengths"]
    assert len(lengths) == len(shard["frame_of"]) and lengths.sum() == len(shard["patch_bytes"])
    whole = (shard["visibility"] > 0).all(axis=1)
    assert whole.any()
    affine, xy = shard["patch_affine"][whole], shard["xy"][whole]
    placed = np.einsum("nij,nkj->nki", affine[:, :, :2], xy) + affine[:, None, :, 2]
    assert ((placed > 0) & (placed < (240, 320))).mean() > 0.98


def test_writing_resumes_and_jobs_change_nothing(tmp_path):
    options = only(ClipKind.EMPTY)
    first, second = tmp_path / "one", tmp_path / "two"
    assert write_stream(first, options, 80, 1, shard_frames=UNIT_FRAMES) == 2 * UNIT_FRAMES
    kept = first / "stream-3-00001.npz"
    written = kept.stat().st_mtime_ns
    (first / "stream-3-00000.npz").unlink()
    write_stream(first, options, 80, 1, shard_frames=UNIT_FRAMES)
    assert kept.stat().st_mtime_ns == written
    write_stream(second, options, 80, 2, shard_frames=UNIT_FRAMES)
    for name in ("stream-3-00000.npz", "stream-3-00001.npz"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize("make", [standing_pose, low_pose])
def test_postures_stand_on_the_floor(make):
    for seed in range(8):
        pose = make(body(), np.random.default_rng(seed), (1.0, 2.0), 0.5)
        vertices = pose_vertices(body().coarse, body(), pose)
        assert vertices[:, 2].min() == pytest.approx(0.0, abs=1e-4)
        assert np.abs(vertices[:, :2].mean(axis=0) - (1.0, 2.0)).max() < 0.6


def test_lying_is_low_and_long_and_sitting_is_at_seat_height():
    rng = np.random.default_rng(1)
    lying = pose_vertices(body().coarse, body(), lying_pose(body(), rng, (0.0, 0.0), 0.0, 0.5))
    assert lying[:, 2].min() == pytest.approx(0.5, abs=1e-4)
    assert np.ptp(lying[:, 0]) > 1.1 > np.ptp(lying[:, 2])
    heights = [
        seated_pose(body(), np.random.default_rng(k), (0.0, 0.0), 0.0, 0.46).pelvis_m[2]
        for k in range(12)
    ]
    assert min(heights) == pytest.approx(0.56, abs=0.01)


@pytest.mark.parametrize(
    "fields",
    [{"n_bodies": 0}, {"first_body": -1}, {"cameras": ()}, {"shares": {ClipKind.TUG: 0.5}}],
)
def test_impossible_streams_are_refused(fields):
    with pytest.raises(ValueError, match="expected"):
        StreamOptions(**fields)


def test_contact_sheet_shows_the_asked_number_of_frames(tmp_path, ward):
    shard, picture = tmp_path / "shard.npz", tmp_path / "sheet.png"
    np.savez(shard, **ward)
    write_sheet(shard, picture, columns=4, rows=2)
    assert cv2.imread(str(picture)).shape == (2 * 180, 4 * 240, 3)
    with pytest.raises(StorageError, match="nowhere"):
        write_sheet(shard, tmp_path / "nowhere" / "sheet.png", columns=1, rows=1)
