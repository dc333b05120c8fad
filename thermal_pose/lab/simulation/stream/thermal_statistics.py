# SPDX-License-Identifier: Apache-2.0
"""Statistics of simulated thermal frames, for comparison with those of real cameras."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes
from thermal_pose.lab.simulation.people.outfits import draw_outfit
from thermal_pose.lab.simulation.rooms.draw import CAMERAS, Camera, draw_scene
from thermal_pose.lab.simulation.rooms.scene import Actor, StillMotion
from thermal_pose.lab.simulation.sensors.renderer import SceneRenderer
from thermal_pose.lab.simulation.stream.postures import standing_pose
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array, FloatArray

_FRAMES: Final = 24
_SEED: Final = 998


def thermal_statistics(
    scenes: int = 40, cache_dir: Path | None = None
) -> dict[str, dict[str, dict[str, float]]]:
    """Noise, contrast and stripes in frames of standing people, by camera.

    Parameters
    ----------
    scenes : number of rooms, people and cameras drawn for each make.
    cache_dir : folder of baked bodies; the user's cache if None.

    Returns
    -------
    statistics : camera -> quantity -> median, 5th and 95th percentile over the scenes.
        `contrast_k` is the mean of the person minus the median of the room; `noise_k` the standard
        deviation of a pixel over time, and `noise_share` its ratio to the contrast; `stripe_share`
        the standard deviation of column offsets relative to `noise_k`; `face_above_clothes_k` the
        temperature of the nose minus that of the belly; `gradient_k` the range of the room's
        slow variation.
    """
    result: dict[str, dict[str, dict[str, float]]] = {}
    for camera in CAMERAS:
        rows = [_scene_statistics(camera, index, cache_dir) for index in range(scenes)]
        result[camera] = {
            name: {
                label: round(float(np.nanpercentile([row[name] for row in rows], percentile)), 4)
                for label, percentile in (("median", 50), ("p05", 5), ("p95", 95))
            }
            for name in rows[0]
        }
    return result


def _scene_statistics(camera: Camera, index: int, cache_dir: Path | None) -> dict[str, Any]:
    rng = np.random.default_rng((_SEED, index))
    scene = draw_scene(rng, camera, distractors=0)
    body = bake_body(library_shapes(index % 40 + 1)[-1], cache_dir)
    x_m, y_m, _ = scene.thermal_placement.position_m
    pose = standing_pose(body, rng, (1.5, 0.0), float(np.arctan2(y_m, x_m - 1.5)))
    actor = Actor(1, "subject", body, draw_outfit(rng, scene.room.air_degc), StillMotion(pose))
    renderer = SceneRenderer(scene, (actor,), with_rgb=False)
    # Start 30 s into the recording, after transients.
    results = [renderer.frame(240 + number) for number in range(_FRAMES)]
    frames = np.stack([result.thermal.centikelvin for result in results]).astype(float) / 100.0
    return _measured(frames, results[0].truth.persons[0].box_xyxy, results[0].truth.persons[0].xy)


def _measured(
    frames: Float64Array,
    box_xyxy: tuple[float, float, float, float] | None,
    xy: FloatArray,
) -> dict[str, float]:
    mean = frames.mean(axis=0)
    background = np.ones(mean.shape, bool)
    assert box_xyxy is not None
    left, top, right, bottom = (round(edge) for edge in box_xyxy)
    background[max(top - 2, 0) : bottom + 3, max(left - 2, 0) : right + 3] = False
    room = np.median(mean[background])
    body_part = mean[max(top, 0) : bottom + 1, max(left, 0) : right + 1]
    warm = body_part[body_part > room + 0.4 * (np.percentile(body_part, 95) - room)]
    contrast_k = warm.mean() - room
    steady = frames - frames.mean(axis=(1, 2), keepdims=True)
    noise_k = np.median(steady.std(axis=0)[background])
    columns = np.where(background, mean - _smooth(mean), np.nan)
    stripes_k = np.nanstd(np.nanmedian(columns, axis=0))
    return {
        "contrast_k": contrast_k,
        "noise_k": noise_k,
        "noise_share": noise_k / contrast_k,
        "stripe_share": stripes_k / noise_k,
        "face_above_clothes_k": _at(mean, xy[Joint.NOSE]) - _belly(mean, xy),
        "gradient_k": float(np.ptp(np.percentile(_smooth(mean)[background], (2, 98)))),
    }


def _at(image: Float64Array, xy: FloatArray) -> float:
    column, row = np.round(xy).astype(int)
    height, width = image.shape
    if not (0 <= row < height and 0 <= column < width):
        return float("nan")
    return float(image[row, column])


def _belly(image: Float64Array, xy: FloatArray) -> float:
    corners = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP)
    return _at(image, xy[list(corners)].mean(axis=0))


def _smooth(image: Float64Array) -> Float64Array:
    import cv2

    return np.asarray(cv2.blur(image, (9, 9), borderType=cv2.BORDER_REFLECT), dtype=np.float64)
