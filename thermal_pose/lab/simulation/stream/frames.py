# SPDX-License-Identifier: Apache-2.0
"""A stream of thermal training frames with exact ground truth, without recordings.

The stream consists of units that depend only on (seed, unit). Any number of processes makes the
same stream, and an interrupted stream continues where it stopped. Shards contain one row per person
and frame, in the layout of `lab.learning.pose_data`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from thermal_pose.errors import StorageError
from thermal_pose.files import whole_file
from thermal_pose.jobs import map_jobs
from thermal_pose.lab.simulation.people.bake import bake_bodies, library_shapes
from thermal_pose.lab.simulation.people.body import Body
from thermal_pose.lab.simulation.rooms.draw import CAMERAS, Camera
from thermal_pose.lab.simulation.sensors.renderer import RenderedFrame, SceneRenderer
from thermal_pose.lab.simulation.stream.clips import (
    CLIP_FRAMES,
    Clip,
    ClipKind,
    empty_clip,
    life_clip,
    tug_clips,
    ward_clip,
)
from thermal_pose.lab.simulation.stream.life_options import LifeOptions
from thermal_pose.lab.simulation.stream.rows import StreamRows

#: Clips per unit, and share of units by kind.
_CLIPS: Final = 3
_SHARES: Final = {
    ClipKind.TUG: 0.25,
    ClipKind.WARD: 0.1,
    ClipKind.LIFE: 0.55,
    ClipKind.EMPTY: 0.1,
}
UNIT_FRAMES: Final = _CLIPS * CLIP_FRAMES


@dataclass(frozen=True)
class StreamOptions:
    """Contents of a stream.

    Attributes
    ----------
    seed : seed of everything; 0 to 999 for training, 5000 to 5999 for validation.
    n_bodies : number of bodies of the library from which people are drawn.
    first_body : index of the first of these bodies; streams with disjoint bodies share no person.
    cameras : makes of thermal cameras, equally frequent.
    shares : share of units by kind.
    with_rgb : cut out an RGB patch for each person, at a third of the speed.
    life : contents of clips of everyday life.
    """

    seed: int = 0
    n_bodies: int = 150
    first_body: int = 0
    cameras: tuple[Camera, ...] = CAMERAS
    shares: dict[ClipKind, float] = field(default_factory=lambda: dict(_SHARES))
    with_rgb: bool = False
    life: LifeOptions = field(default_factory=LifeOptions)

    def __post_init__(self) -> None:
        if self.n_bodies < 1 or self.first_body < 0:
            raise ValueError(
                "n_bodies, first_body: expected at least 1 and 0, "
                f"got {self.n_bodies}, {self.first_body}"
            )
        if not self.cameras or abs(sum(self.shares.values()) - 1.0) > 1e-6:
            raise ValueError(
                f"cameras, shares: expected one camera and shares that add to 1, got "
                f"{self.cameras}, {self.shares}"
            )


class TrainingStream:
    """An endless, seeded stream of thermal frames with ground truth.

    Parameters
    ----------
    options : contents of the stream.
    cache_dir : folder of baked bodies; the user's cache if None.

    Raises
    ------
    MissingExtraError
        A body is not in the cache and the body model is not installed.
    """

    def __init__(self, options: StreamOptions, cache_dir: Path | None = None) -> None:
        self.options = options
        shapes = library_shapes(options.first_body + options.n_bodies)[options.first_body :]
        self._bodies: list[Body] = bake_bodies(shapes, cache_dir)

    def clips(self, unit: int) -> list[Clip]:
        """The clips of a unit."""
        options = self.options
        rng = np.random.default_rng((options.seed, unit, 77))
        camera = options.cameras[int(rng.integers(len(options.cameras)))]
        kinds = list(options.shares)
        kind = kinds[int(rng.choice(len(kinds), p=[options.shares[kind] for kind in kinds]))]
        if kind is ClipKind.TUG:
            return tug_clips(options.seed, unit, rng, self._bodies, _CLIPS, camera)
        if kind is ClipKind.WARD:
            return [ward_clip(rng, self._bodies, camera) for _ in range(_CLIPS)]
        if kind is ClipKind.LIFE:
            return [life_clip(rng, self._bodies, camera, options.life) for _ in range(_CLIPS)]
        return [empty_clip(rng, camera) for _ in range(_CLIPS)]

    def frames(self, unit: int) -> Iterator[tuple[Clip, RenderedFrame]]:
        """All frames of a unit, in order."""
        for clip in self.clips(unit):
            renderer = SceneRenderer(clip.scene, clip.actors, with_rgb=self.options.with_rgb)
            for number in clip.frames:
                yield clip, renderer.frame(number)

    def shard(self, first_unit: int, units: int) -> dict[str, Any]:
        """Arrays of several units in the layout of `lab.learning.pose_data.PoseData`."""
        rows = StreamRows(self.options.seed)
        for unit in range(first_unit, first_unit + units):
            for clip, frame in self.frames(unit):
                rows.add(clip, frame, unit)
        return rows.arrays()


def write_stream(
    out_dir: Path,
    options: StreamOptions,
    frames: int,
    jobs: int = 1,
    cache_dir: Path | None = None,
    shard_frames: int = 2 * 12 * UNIT_FRAMES,
    done: Callable[[int], None] | None = None,
) -> int:
    """Write a stream of at least `frames` frames as shards; existing shards are kept.

    Parameters
    ----------
    out_dir : folder of the shards `stream-SEED-NNNNN.npz`.
    options : contents of the stream.
    frames : number of frames, rounded up to whole units.
    jobs : number of processes.
    cache_dir : folder of baked bodies; the user's cache if None.
    shard_frames : frames per shard, rounded up to whole units.
    done : called with the number of frames of each finished shard.

    Returns
    -------
    frames : number of frames in all shards, including existing ones.

    Raises
    ------
    WorkerError
        A worker process was killed.
    StorageError
        The disk is full or the folder is read-only; no incomplete shard remains.
    """
    units, per_shard = ceil(frames / UNIT_FRAMES), ceil(shard_frames / UNIT_FRAMES)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out_dir}: cannot be made: {error}") from error
    tasks = []
    for index, first in enumerate(range(0, units, per_shard)):
        path = out_dir / f"stream-{options.seed}-{index:05d}.npz"
        tasks.append((path, options, first, min(per_shard, units - first), cache_dir))
    # Bake before the workers start; otherwise each of them builds the body model.
    TrainingStream(options, cache_dir)
    total = 0
    for count in map_jobs(_write_shard, tasks, jobs):
        total += count
        if done is not None:
            done(count)
    return total


_streams: dict[tuple[Any, ...], TrainingStream] = {}


def _write_shard(
    path: Path, options: StreamOptions, first_unit: int, units: int, cache_dir: Path | None
) -> int:
    if path.is_file():
        return units * UNIT_FRAMES
    cv2.setNumThreads(1)
    key = (repr(options), cache_dir)
    if key not in _streams:
        _streams[key] = TrainingStream(options, cache_dir)
    arrays = _streams[key].shard(first_unit, units)
    with whole_file(path) as stream:
        np.savez(stream, **arrays)
    return len(arrays["frames"])
