# SPDX-License-Identifier: Apache-2.0
"""Data sets larger than memory, and frames of different sizes, train as others do."""

import dataclasses
import errno

import numpy as np
import pytest
import torch

from thermal_pose.errors import StorageError, TrainingError
from thermal_pose.inference.card import Normalization
from thermal_pose.lab.learning import mapped as mapped_arrays
from thermal_pose.lab.learning import pose_data
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.config import AugmentConfig
from thermal_pose.lab.learning.fitting.tasks import RgbCrops, ThermalCrops
from thermal_pose.lab.learning.pose_data import concatenate, load_folders, save_shard
from thermal_pose.lab.learning.rgb_patches import PatchesOnDisk

CPU = torch.device("cpu")


def _images(data, rows) -> torch.Tensor:
    source = ThermalCrops(data, Normalization("crop_percentile"), AugmentConfig(), CPU)
    inputs = source.draw(torch.as_tensor(rows), None)
    inputs["affine"] = crops.crop_affine(source.regions[torch.as_tensor(rows)])
    return source.images(inputs)


def test_mapped_frames_give_the_same_crops_and_fingerprint(figures, tmp_path) -> None:
    half = len(figures) // 2
    save_shard(figures.select(np.arange(half)), tmp_path / "a" / "1.npz")
    save_shard(figures.select(np.arange(half, len(figures))), tmp_path / "b" / "2.npz")
    folders = [tmp_path / "a", tmp_path / "b"]
    inside, mapped = load_folders(folders), load_folders(folders, mapped_from_bytes=0)
    assert isinstance(mapped.frames, np.memmap) and not isinstance(inside.frames, np.memmap)
    assert mapped.fingerprint() == inside.fingerprint()
    rows = [0, half, len(figures) - 1]
    torch.testing.assert_close(_images(mapped, rows), _images(inside, rows))
    assert len(mapped.select(np.array([half])).frames) == 1


def _rgb_images(data, rows) -> torch.Tensor:
    source = RgbCrops(data, AugmentConfig(occlude=0), CPU)
    inputs = source.draw(torch.as_tensor(rows), None)
    inputs["affine"] = crops.crop_affine(source.regions[torch.as_tensor(rows)])
    return source.images(inputs)


def test_rgb_patches_on_disk_give_the_same_crops(figures, tmp_path, monkeypatch) -> None:
    half = len(figures) // 2
    save_shard(figures.select(np.arange(half)), tmp_path / "1.npz")
    save_shard(figures.select(np.arange(half, len(figures))), tmp_path / "2.npz")
    inside, mapped = load_folders([tmp_path]), load_folders([tmp_path], mapped_from_bytes=0)
    assert isinstance(mapped.patches, PatchesOnDisk) and list(mapped.patches) == list(
        inside.patches
    )
    assert mapped.fingerprint() == inside.fingerprint()
    rows = [len(figures) - 1, 0, half]
    expected = _rgb_images(inside, rows)
    monkeypatch.setattr(pose_data, "MAPPED_FROM_BYTES", 0)
    assert RgbCrops(mapped, AugmentConfig(), CPU).patches is None
    torch.testing.assert_close(_rgb_images(mapped, rows), expected)


def test_a_selection_of_what_is_on_disk_stays_there(figures, tmp_path, monkeypatch) -> None:
    save_shard(figures, tmp_path / "1.npz")
    mapped = load_folders([tmp_path], mapped_from_bytes=0)
    monkeypatch.setattr(pose_data, "MAPPED_FROM_BYTES", 0)
    monkeypatch.setattr(mapped_arrays, "_AT_ONCE", 3)
    rows = np.arange(len(figures))[::-2]
    part, expected = mapped.select(rows), figures.select(rows)
    assert isinstance(part.frames, np.memmap) and isinstance(part.patches, PatchesOnDisk)
    assert part.fingerprint() == expected.fingerprint()
    np.testing.assert_array_equal(part.frames, expected.frames)


def test_a_full_disk_is_one_clear_error(figures, tmp_path, monkeypatch) -> None:
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    save_shard(figures, tmp_path / "1.npz")
    mapped = load_folders([tmp_path], mapped_from_bytes=0)
    monkeypatch.setattr(mapped_arrays.os, "posix_fallocate", full)
    monkeypatch.setattr(pose_data, "MAPPED_FROM_BYTES", 0)
    for read in (
        lambda: load_folders([tmp_path], mapped_from_bytes=0),
        lambda: mapped.select(np.arange(len(figures))),
    ):
        with pytest.raises(StorageError, match="set TMPDIR to a folder with more space"):
            read()


def test_shards_without_rgb_have_none_on_disk_either(figures, tmp_path) -> None:
    save_shard(dataclasses.replace(figures, patches=()), tmp_path / "1.npz")
    assert not load_folders([tmp_path], mapped_from_bytes=0).patches


def test_a_damaged_shard_is_named_when_mapped(tmp_path) -> None:
    (tmp_path / "x.npz").write_bytes(b"no archive")
    with pytest.raises(TrainingError, match=r"x\.npz: not a data set shard"):
        load_folders([tmp_path], mapped_from_bytes=0)


def test_frames_of_different_widths_train_together(figures) -> None:
    narrow = dataclasses.replace(figures, frames=np.ascontiguousarray(figures.frames[:, :, :64]))
    both = concatenate([figures, narrow])
    assert both.frames.shape[2] == figures.frames.shape[2]
    inside = np.flatnonzero(narrow.boxes[:, 2] < 50)[:3]
    assert len(inside)
    theirs = _images(narrow, inside)
    torch.testing.assert_close(_images(both, inside + len(figures)), theirs)
