# SPDX-License-Identifier: Apache-2.0
"""Rooms and cameras of the training stream: drawn more widely than those of a test."""

from dataclasses import replace
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.people.subject import Rng
from thermal_pose.lab.simulation.rooms.draw import (
    Camera,
    draw_beside,
    draw_chair,
    draw_distractor,
    draw_rgb_sensor,
    draw_room,
    draw_thermal_sensor,
)
from thermal_pose.lab.simulation.rooms.scene import (
    CameraPlacement,
    Chair,
    Distractor,
    DistractorKind,
    Room,
    Scene,
    Triple,
)
from thermal_pose.lab.simulation.stream.life_options import LifeOptions

#: Frame rate of the stream's cameras.
RATE_HZ: Final = 8.0
_DEPTH_M: Final = (1.7, 8.0)
#: Share of the hot rooms that are warmer than skin, and the temperature of their air, degC.
_HEAT_SHARE: Final = 0.25
_HEAT_DEGC: Final = (36.0, 39.5)
#: Share of the rooms in which a dog is beside a person.
_DOG_SHARE: Final = 0.15
#: Kinds of warm things that stand among people, drawn evenly.
WARM_THINGS: Final[tuple[DistractorKind, ...]] = ("pet", "pet", "lamp", "radiator", "window", "cup")


def undisturbed(scene: Scene) -> Scene:
    """The scene without asynchronous pairs and frozen frames, so that labels fit every frame."""
    sensor = replace(scene.thermal, shutter_freeze_s=0.0)
    return replace(scene, thermal=sensor, async_share=0.0)


def ward_scene(rng: Rng, camera: Camera, bed: bool, max_things: int = 5) -> Scene:
    """A room with one to three chairs, warm things, perhaps a bed, and a camera anywhere."""
    rough = (float(rng.uniform(3.0, 7.0)), float(rng.uniform(-2.5, 2.5)), 2.0)
    room = draw_room(rng, rough)
    sensor = draw_thermal_sensor(rng, camera, RATE_HZ)
    scene = Scene(room=room, thermal=sensor, thermal_placement=_across_room(rng, room),
                  rgb=draw_rgb_sensor(rng), rgb_placement=CameraPlacement(rough, (0.0, 0.0, 1.0)),
                  chairs=(), seed=int(rng.integers(2**31)))  # fmt: skip
    scene = undisturbed(replace(scene, seat_warm_k=float(rng.uniform(0.0, 5.0))))
    chairs = tuple(_placed_chair(rng, scene) for _ in range(int(rng.integers(1, 4))))
    things = [
        draw_distractor(rng, room, scene.thermal_placement.position_m, 0.0)
        for _ in range(int(rng.integers(0, max_things + 1)))
    ]
    if bed:
        x_m, y_m = floor_in_view(rng, scene)
        warm_k = float(rng.uniform(0.0, 6.0))
        things.append(Distractor("bed", (x_m, y_m, 0.0), warm_k, float(rng.uniform(-3, 3))))
    return replace(
        scene,
        chairs=chairs,
        distractors=tuple(things),
        rgb_placement=draw_beside(rng, scene.thermal_placement),
    )


def _across_room(rng: Rng, room: Room) -> CameraPlacement:
    """A camera anywhere in the room, looking across it."""
    position = _point_inside(rng, room)
    while True:
        target = _point_inside(rng, room)
        height = float(np.clip(rng.normal(0.85, 0.25), 0.2, 1.5))
        if np.hypot(position[0] - target[0], position[1] - target[1]) > 1.5:
            return CameraPlacement(
                position, (target[0], target[1], height), float(rng.normal(0, 0.05))
            )


def _placed_chair(rng: Rng, scene: Scene) -> Chair:
    """A chair in or near the view, turned at random."""
    return replace(
        draw_chair(rng),
        position_m=floor_in_view(rng, scene),
        yaw_rad=float(rng.uniform(-np.pi, np.pi)),
    )


def life_scene(rng: Rng, camera: Camera, options: LifeOptions) -> Scene:
    """A ward's scene with the cameras, rooms and backgrounds of everyday life.

    What is switched off is drawn all the same, so that the rest of the scene does not depend on it.
    """
    scene = ward_scene(rng, camera, bed=bool(rng.random() < 0.15))
    room = scene.room
    if rng.random() < 0.25:
        # Above 28 degC walls and furniture reach the temperature of clothes.
        air_degc = float(rng.uniform(27.0, 33.5))
        hot = replace(room, air_degc=air_degc, gradient_k=float(rng.uniform(0.2, 3.0)))
        hot = _in_a_heat_wave(hot, scene.seed) if options.heat else hot
        room = hot if options.hot_rooms else room
    if rng.random() < 0.35:
        structure_k, sunlit_k = rng.uniform(0.3, 4.0), rng.choice((0.0, rng.uniform(2.0, 12.0)))
        uneven = replace(room, structure_k=float(structure_k), sunlit_k=float(sunlit_k))
        room = uneven if options.structure else room
    value = rng.random()
    placement = scene.thermal_placement
    if value < 0.55:
        elsewhere = _life_placement(rng, room, placement, value)
        placement = elsewhere if options.cameras else placement
        room = replace(room, height_m=max(room.height_m, placement.position_m[2] + 0.05))
    scene = replace(scene, room=room, thermal_placement=placement)
    if rng.random() < 0.35:
        things = tuple(_warm_thing(rng, scene) for _ in range(int(rng.integers(1, 4))))
        things = things if options.lures else ()
        scene = replace(scene, distractors=scene.distractors + things)
    return replace(scene, rgb_placement=draw_beside(rng, placement))


def _in_a_heat_wave(room: Room, seed: int) -> Room:
    """A share of rooms, warmer than skin: skin evaporates, so clothes are colder than the walls.

    The seed is the scene's; nothing else is drawn from this generator.
    """
    rng = np.random.default_rng((seed, 5))
    if rng.random() >= _HEAT_SHARE:
        return room
    return replace(room, air_degc=float(rng.uniform(*_HEAT_DEGC)))


def _life_placement(
    rng: Rng, room: Room, placement: CameraPlacement, value: float
) -> CameraPlacement:
    """The camera at another height, chosen by a value below 0.55, looking the same way."""
    x, y, _ = placement.position_m
    if value < 0.08:  # at the ceiling, looking down steeply
        height_m, down_rad = room.height_m - 0.05, rng.uniform(0.7, 1.45)
    elif value < 0.33:  # on a wall or shelf, 2 to 3 m up
        height_m, down_rad = rng.uniform(1.9, max(room.height_m - 0.1, 2.0)), rng.uniform(0.2, 0.6)
    else:  # on a table or a tripod, nearly level
        height_m, down_rad = rng.uniform(0.7, 1.6), rng.normal(0.05, 0.08)
    azimuth_rad = np.arctan2(placement.target_m[1] - y, placement.target_m[0] - x)
    target = (
        x + float(np.cos(azimuth_rad) * np.cos(down_rad)),
        y + float(np.sin(azimuth_rad) * np.cos(down_rad)),
        float(height_m - np.sin(down_rad)),
    )
    return CameraPlacement((x, y, float(height_m)), target, float(rng.normal(0.0, 0.06)))


def _warm_thing(rng: Rng, scene: Scene) -> Distractor:
    """A warm thing on the floor in or near the view."""
    kind = WARM_THINGS[int(rng.integers(len(WARM_THINGS)))]
    x_m, y_m = floor_in_view(rng, scene)
    warm_k = float(rng.uniform(3.0, 12.0) if kind == "pet" else rng.uniform(2.0, 40.0))
    yaw_rad = float(rng.uniform(-np.pi, np.pi))
    return Distractor(kind, (x_m, y_m, 0.0), warm_k, yaw_rad, float(rng.uniform(0.6, 1.7)))


def with_dog_beside(scene: Scene, place_m: tuple[float, float]) -> Scene:
    """The scene, in a share of the rooms with a dog beside the person at a floor point (x, y), m.

    The generator is that of the scene's seed, so nothing else depends on it.
    """
    rng = np.random.default_rng((scene.seed, 7))
    if rng.random() >= _DOG_SHARE:
        return scene
    away_m, direction = float(rng.uniform(0.35, 0.8)), float(rng.uniform(-np.pi, np.pi))
    room = scene.room
    x_m = place_m[0] + away_m * np.cos(direction)
    y_m = place_m[1] + away_m * np.sin(direction)
    x_m = float(np.clip(x_m, room.x_min_m + 0.3, room.x_max_m - 0.3))
    y_m = float(np.clip(y_m, room.y_min_m + 0.3, room.y_max_m - 0.3))
    warm_k, yaw_rad = float(rng.uniform(3.0, 12.0)), float(rng.uniform(-np.pi, np.pi))
    dog = Distractor("pet", (x_m, y_m, 0.0), warm_k, yaw_rad, float(rng.uniform(0.6, 1.7)))
    return replace(scene, distractors=(*scene.distractors, dog))


def another_placement(rng: Rng, scene: Scene) -> CameraPlacement:
    """Another place for the thermal camera in the same room, from knee height to the ceiling."""
    room = scene.room
    for _ in range(20):
        position = _point_inside(rng, room)
        target = (rng.uniform(0.0, 3.0), rng.uniform(-0.3, 0.3), rng.uniform(0.6, 1.2))
        if np.hypot(position[0] - target[0], position[1] - target[1]) > 2.0:
            roll = float(rng.normal(0.0, 0.04))
            return CameraPlacement(
                position, (float(target[0]), float(target[1]), float(target[2])), roll
            )
    return scene.thermal_placement


def floor_in_view(
    rng: Rng,
    scene: Scene,
    margin: float = 0.06,
    depths_m: tuple[float, float] = _DEPTH_M,
) -> tuple[float, float]:
    """A random floor point (x, y) in the thermal camera's view, or just beside it, m.

    Parameters
    ----------
    margin : how far outside the image the point may lie, as a share of the width; a negative
        margin keeps it away from the border.
    depths_m : least and greatest depth along the optical axis.
    """
    room, camera = scene.room, scene.thermal_camera
    width, height = camera.intrinsics.size_wh
    for _ in range(40):
        column = rng.uniform(-margin, 1.0 + margin) * width
        depth_m = rng.uniform(*depths_m)
        point = camera.unproject((column, 0.5 * height), depth_m)
        inside_x = room.x_min_m + 0.3 < point[0] < room.x_max_m - 0.3
        if inside_x and room.y_min_m + 0.3 < point[1] < room.y_max_m - 0.3:
            return float(point[0]), float(point[1])
    middle = camera.unproject((0.5 * width, 0.5 * height), 2.5)
    x_m = np.clip(middle[0], room.x_min_m + 0.3, room.x_max_m - 0.3)
    return float(x_m), float(np.clip(middle[1], room.y_min_m + 0.3, room.y_max_m - 0.3))


def _point_inside(rng: Rng, room: Room) -> Triple:
    """A random point inside the room, at least 0.25 m from the walls."""
    x = rng.uniform(room.x_min_m + 0.25, room.x_max_m - 0.25)
    y = rng.uniform(room.y_min_m + 0.25, room.y_max_m - 0.25)
    z = rng.uniform(0.4, room.height_m - 0.15)
    return float(x), float(y), float(z)
