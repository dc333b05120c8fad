# SPDX-License-Identifier: Apache-2.0
"""A teacher's latents and heatmaps of every sample, computed once, fp16, keyed by a hash.

Several *variants* of each crop are cached (box jitter, mirror image): the student then sees
jittered boxes although the teacher never runs again.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from thermal_pose.digest import short_key
from thermal_pose.errors import StorageError
from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.config import DistillConfig
from thermal_pose.lab.learning.fitting.predict import Predictions, autocast, decode
from thermal_pose.lab.learning.fitting.tasks import RgbCrops
from thermal_pose.lab.learning.networks.folded_pose import slim
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, fingerprint
from thermal_pose.lab.learning.pose_data import PoseData

_BATCH: Final = 128
_FILES: Final = ("affine", "latents", "heatmaps", "xy", "peaks")


@dataclass(frozen=True)
class TeacherCache:
    """Outputs of the teacher for N samples in V variants.

    Attributes
    ----------
    affine : (V, N, 2, 3) crop pixels to frame pixels; variant 0 is the plain crop.
    latents, heatmaps : (V, N, C, 16, 12) and (V, N, 17, 64, 48) fp16.
    labels : its decoded keypoints of the plain crops, frame px.
    key : hash of teacher, data and settings.
    """

    affine: torch.Tensor
    latents: torch.Tensor
    heatmaps: torch.Tensor
    labels: Predictions
    key: str

    def to(self, device: torch.device) -> "TeacherCache":
        """Return the cache with its tensors on a device."""
        return TeacherCache(
            self.affine.to(device),
            self.latents.to(device),
            self.heatmaps.to(device),
            self.labels,
            self.key,
        )


def cache_key(teacher: PoseNetwork, data: PoseData, config: DistillConfig, seed: int) -> str:
    """Return 16 hex digits of everything that the cache depends on."""
    variant = {k: v for k, v in asdict(config).items() if k.startswith("variant")}
    text = json.dumps([fingerprint(teacher), data.fingerprint(), variant, seed])
    return short_key(text)


def build_cache(
    teacher: PoseNetwork,
    info: TeacherInfo,
    data: PoseData,
    source: RgbCrops,
    config: DistillConfig,
    seed: int,
    folder: Path | None = None,
) -> TeacherCache:
    """Compute a cache on the source's device, or read it from `folder` if it exists.

    Parameters
    ----------
    folder : where caches are kept, one sub-folder per key; None: in memory only.

    Raises
    ------
    StorageError
        The disk is full.
    """
    key = cache_key(teacher, data, config, seed)
    if folder is not None and (folder / key / "done").is_file():
        return _read(folder / key, key).to(source.device)
    place = None if folder is None else folder / key
    cache = _compute(teacher, info, source, config, seed, key, place)
    if place is not None:
        _write(cache, place)
    return cache


@torch.no_grad()
def _compute(
    teacher: PoseNetwork,
    info: TeacherInfo,
    source: RgbCrops,
    config: DistillConfig,
    seed: int,
    key: str,
    place: Path | None,
) -> TeacherCache:
    device, n = source.device, len(source.regions)
    channels = teacher.decoder.latent_channels
    affine = _variants(source.regions, config, seed)
    shape = (config.variants, n)
    latents = _half("latents", (*shape, channels, 16, 12), device, place)
    heatmaps = _half("heatmaps", (*shape, 17, 64, 48), device, place)
    teacher = slim(teacher.to(device).eval())
    for variant, rows in _batches(config.variants, n, device):
        inputs = {"index": rows, "affine": affine[variant, rows]}
        with autocast(device):
            out = teacher(source.images(inputs))
        latents[variant, rows] = out.latent.half()
        heatmaps[variant, rows] = out.heatmaps.half()
    labels = _decode_all(heatmaps[0], affine[0], DecodeRule(alignment=info.alignment))
    return TeacherCache(affine, latents, heatmaps, labels, key)


def _half(
    name: str, shape: tuple[int, ...], device: torch.device, place: Path | None
) -> torch.Tensor:
    """Return an empty fp16 tensor; on a CPU with a folder it is memory-mapped from its file."""
    if place is None or device.type != "cpu":
        return torch.empty(shape, dtype=torch.float16, device=device)
    path = place / f"{name}.npy"
    try:
        place.mkdir(parents=True, exist_ok=True)
        array = np.lib.format.open_memmap(path, "w+", np.float16, shape)  # type: ignore[no-untyped-call]
        # Reserved now: a mapped file that finds the disk full later kills the process.
        with path.open("rb+") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritable(place, error) from error
    return torch.from_numpy(array)


def _variants(regions: torch.Tensor, config: DistillConfig, seed: int) -> torch.Tensor:
    plain = crops.crop_affine(regions)
    generator = torch.Generator().manual_seed(seed)
    variants = [plain]
    for _ in range(config.variants - 1):
        draws = torch.rand(len(regions), crops.GEOMETRY_DRAWS, generator=generator)
        jitter = crops.jitter_affine(
            draws.to(regions.device),
            config.variant_shift,
            config.variant_scale,
            0.0,
            config.variant_flip,
        )
        variants.append(crops.compose(plain, jitter))
    return torch.stack(variants)


def _batches(variants: int, n: int, device: torch.device) -> Iterator[tuple[int, torch.Tensor]]:
    for variant in range(variants):
        for rows in torch.split(torch.arange(n, device=device), _BATCH):
            yield variant, rows


def _decode_all(heatmaps: torch.Tensor, affine: torch.Tensor, rule: DecodeRule) -> Predictions:
    xy, peaks = [], []
    for rows in torch.split(torch.arange(len(heatmaps)), 512):
        crop_xy, peak = decode(heatmaps[rows].float().cpu().numpy(), rule)
        xy.append(crops.apply_affine(affine[rows].cpu(), torch.from_numpy(crop_xy)).numpy())
        peaks.append(peak)
    return Predictions(np.concatenate(xy), np.concatenate(peaks))


def _write(cache: TeacherCache, folder: Path) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {
        "affine": cache.affine.cpu().numpy(),
        "xy": cache.labels.xy,
        "peaks": cache.labels.peaks,
    }
    if cache.latents.device.type != "cpu":  # otherwise they are in their files already
        arrays |= {"latents": cache.latents.cpu().numpy(), "heatmaps": cache.heatmaps.cpu().numpy()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        (folder / "done").touch()
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(f"{folder}: the teacher's cache cannot be written: {error}")


def _read(folder: Path, key: str) -> TeacherCache:
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in _FILES}
    return TeacherCache(
        torch.from_numpy(arrays["affine"]),
        torch.from_numpy(arrays["latents"]),
        torch.from_numpy(arrays["heatmaps"]),
        Predictions(np.asarray(arrays["xy"]), np.asarray(arrays["peaks"])),
        key,
    )
