# SPDX-License-Identifier: Apache-2.0
"""What the training stream shows: short clips of tests, of ward life, and of empty rooms."""

import contextlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.trial import Trial, plan_trial
from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.garments import draw_outfit, draw_varied_outfit
from thermal_pose.lab.simulation.people.presets import IMPAIRED, NORMAL, OLD
from thermal_pose.lab.simulation.people.subject import draw_subject
from thermal_pose.lab.simulation.rooms.draw import (
    Camera,
    draw_beside,
    draw_chair,
    draw_distractor,
    draw_rgb_sensor,
    draw_room,
    draw_scene,
    draw_thermal_sensor,
)
from thermal_pose.lab.simulation.rooms.scene import (
    Actor,
    AidPose,
    CameraPlacement,
    Chair,
    Distractor,
    DistractorKind,
    Room,
    Scene,
    Triple,
)
from thermal_pose.lab.simulation.stream.exercises import exercise_pose, seated_exercise_pose
from thermal_pose.lab.simulation.stream.postures import (
    low_pose,
    lying_pose,
    seated_pose,
    standing_pose,
)

Rng = np.random.Generator

RATE_HZ: Final = 8.0
#: Frames of one clip: one room, one camera, the same people.
CLIP_FRAMES: Final = 14
#: A posture is held this many frames, so that the sensor's lag shows the same one.
_HELD_FRAMES: Final = 4
_DEPTH_M: Final = (1.7, 8.0)
_POPULATIONS: Final = (NORMAL, OLD, IMPAIRED)
_BODIES_TRIED: Final = 20


class ClipKind(StrEnum):
    """What a clip shows."""

    TUG = "tug"
    WARD = "ward"
    EMPTY = "empty"
    LIFE = "life"


@dataclass(frozen=True)
class Clip:
    """One room, one camera, and the frames to render of it.

    Attributes
    ----------
    kind : what it shows.
    scene, actors : what to render.
    frames : numbers of the frames, at `RATE_HZ`.
    """

    kind: ClipKind
    scene: Scene
    actors: tuple[Actor, ...]
    frames: tuple[int, ...]


@dataclass(frozen=True)
class Life:
    """What clips of everyday life contain, each switch with its physical reason.

    Attributes
    ----------
    arms : arms that reach (`reaching`), trunk and legs of exercise (`exercises`): real people
        fold, raise and stretch their arms; a ward's people seldom do.
    clothing : cloth of up to 3 K texture, bare skin, coats, hats (`draw_varied_outfit`).
    hot_rooms : a quarter of the rooms at 27 to 33.5 degC, where walls are as warm as clothes.
    cameras : on tables (0.7 m), shelves and walls (to 3 m) and at the ceiling, down to 83 degrees.
    structure : a third of the rooms with walls and floors that differ by up to 4 K, or sunlit by
        up to 12 K: outdoors, hedges, pipes, shelves.
    lures : dogs beside people, lamps, radiators and sunlit glass among them.
    cut_off : a quarter of the people cut by a border, some as near as 1.2 m.
    touching : half of the pairs within reach of each other.
    """

    arms: bool = True
    clothing: bool = True
    hot_rooms: bool = True
    cameras: bool = True
    structure: bool = True
    lures: bool = True
    cut_off: bool = True
    touching: bool = True


#: Warm things that stand among people.
LURES: Final[tuple[DistractorKind, ...]] = ("pet", "pet", "lamp", "radiator", "window", "cup")


@dataclass(frozen=True)
class PostureSeries:
    """A `Motion` that holds one posture after the other, each for `_HELD_FRAMES` frames."""

    poses: tuple[BodyPose, ...]

    def pose(self, time_s: float) -> BodyPose:
        """The posture at `time_s`; the last one is held."""
        index = int(time_s * RATE_HZ / _HELD_FRAMES + 0.5)
        return self.poses[min(max(index, 0), len(self.poses) - 1)]

    def aid(self, time_s: float) -> AidPose | None:
        """No walking aid."""
        return None

    def present(self, time_s: float) -> bool:
        """Always."""
        return True


def tug_clips(
    seed: int, unit: int, rng: Rng, bodies: list[Body], clips: int, camera: Camera
) -> list[Clip]:
    """Clips of one simulated test from different rooms and cameras."""
    trial = _plan(seed, unit, rng, bodies)
    made = []
    for _ in range(clips):
        scene = draw_scene(rng, camera, int(rng.integers(0, 5)), RATE_HZ)
        scene = replace(_undisturbed(scene), chairs=trial.chairs)
        if rng.random() < 0.25:
            scene = replace(scene, thermal_placement=_elsewhere(rng, scene))
        scene = replace(scene, rgb_placement=draw_beside(rng, scene.thermal_placement))
        outfit = draw_outfit(rng, scene.room.air_degc)
        performer = trial.performers[0]
        actors = [Actor(1, "subject", performer.body, outfit, performer.motion)]
        last = max(int(trial.duration_s * RATE_HZ) - 1, CLIP_FRAMES)
        frames = tuple(sorted(int(k) for k in rng.choice(last, CLIP_FRAMES, replace=False)))
        if rng.random() < 0.2:
            actors.append(_standing_by(rng, bodies, scene, last))
        made.append(Clip(ClipKind.TUG, scene, tuple(actors), frames))
    return made


def ward_clip(rng: Rng, bodies: list[Body], camera: Camera) -> Clip:
    """One to three people in any posture, seen from anywhere, partly out of view."""
    scene = _ward_scene(rng, camera, bed=bool(rng.random() < 0.35))
    count = int(rng.choice((1, 2, 3), p=(0.6, 0.3, 0.1)))
    chairs = list(scene.chairs)
    actors = []
    for person_id in range(1, count + 1):
        body = bodies[int(rng.integers(len(bodies)))]
        chair = chairs.pop() if chairs else None
        poses = tuple(_ward_pose(rng, body, scene, chair) for _ in range(CLIP_FRAMES + 1))
        outfit = draw_outfit(rng, scene.room.air_degc)
        role = "subject" if person_id == 1 else "bystander"
        actors.append(Actor(person_id, role, body, outfit, PostureSeries(poses)))  # type: ignore[arg-type]
    frames = tuple(_HELD_FRAMES * k for k in range(CLIP_FRAMES))
    return Clip(ClipKind.WARD, scene, tuple(actors), frames)


def life_clip(rng: Rng, bodies: list[Body], camera: Camera, switches: Life) -> Clip:
    """One to three people in everyday life and exercise, as `switches` allow."""
    scene = _life_scene(rng, camera, switches)
    count = int(rng.choice((1, 2, 3), p=(0.6, 0.32, 0.08)))
    together = count > 1 and switches.touching and rng.random() < 0.5
    places = [_life_place(rng, scene, switches) for _ in range(count)]
    yaws_rad = [float(rng.uniform(-np.pi, np.pi)) for _ in range(count)]
    actors = []
    for index in range(count):
        place, yaw_rad = places[index], yaws_rad[index]
        if together and index == 1:  # within reach of the first, mostly facing
            away_m, direction = float(rng.uniform(0.3, 0.9)), float(rng.uniform(-np.pi, np.pi))
            place = (
                places[0][0] + away_m * float(np.cos(direction)),
                places[0][1] + away_m * float(np.sin(direction)),
            )
            yaws_rad[0] = direction + float(rng.normal(0.0, 0.4))
            yaw_rad = direction + np.pi + float(rng.normal(0.0, 0.6))
        places[index], yaws_rad[index] = place, yaw_rad
    for index in range(count):
        body = bodies[int(rng.integers(len(bodies)))]
        poses = tuple(
            _life_pose(rng, body, scene, places[index], yaws_rad[index], together, switches)
            for _ in range(CLIP_FRAMES + 1)
        )
        draw = draw_varied_outfit if switches.clothing else draw_outfit
        outfit = draw(rng, scene.room.air_degc)
        role = "subject" if index == 0 else "bystander"
        actors.append(Actor(index + 1, role, body, outfit, PostureSeries(poses)))  # type: ignore[arg-type]
    frames = tuple(_HELD_FRAMES * k for k in range(CLIP_FRAMES))
    return Clip(ClipKind.LIFE, scene, tuple(actors), frames)


def empty_clip(rng: Rng, camera: Camera) -> Clip:
    """A room without people: warm chairs, lamps, radiators, pets, beds just left."""
    scene = _ward_scene(rng, camera, bed=bool(rng.random() < 0.3), most_things=7)
    scene = replace(scene, seat_warm_k=float(rng.uniform(0.0, 7.0)))
    return Clip(ClipKind.EMPTY, scene, (), tuple(range(0, 4 * CLIP_FRAMES, 4)))


def _plan(seed: int, unit: int, rng: Rng, bodies: list[Body]) -> Trial:
    population = _POPULATIONS[int(rng.integers(len(_POPULATIONS)))]
    subject = draw_subject(population, "stream", seed, unit)
    for _ in range(_BODIES_TRIED):
        body = bodies[int(rng.integers(len(bodies)))]
        # The gait is another person's: a body with short legs may be unable to walk so.
        with contextlib.suppress(SimulationError):
            return plan_trial(subject, rng, body=body)
    raise SimulationError(
        f"stream unit {unit}: none of {_BODIES_TRIED} bodies can walk as '{subject.subject_id}' "
        "does: give more bodies"
    )


def _undisturbed(scene: Scene) -> Scene:
    """Pairs in step and no frozen frames: every picture shows what its labels say."""
    sensor = replace(scene.thermal, shutter_freeze_s=0.0)
    return replace(scene, thermal=sensor, async_share=0.0)


def _elsewhere(rng: Rng, scene: Scene) -> CameraPlacement:
    """Another place in the same room, anywhere from knee height to the ceiling."""
    room = scene.room
    for _ in range(20):
        position = _inside(rng, room)
        target = (rng.uniform(0.0, 3.0), rng.uniform(-0.3, 0.3), rng.uniform(0.6, 1.2))
        if np.hypot(position[0] - target[0], position[1] - target[1]) > 2.0:
            roll = float(rng.normal(0.0, 0.04))
            return CameraPlacement(
                position, (float(target[0]), float(target[1]), float(target[2])), roll
            )
    return scene.thermal_placement


def _inside(rng: Rng, room: Room) -> Triple:
    x = rng.uniform(room.x_min_m + 0.25, room.x_max_m - 0.25)
    y = rng.uniform(room.y_min_m + 0.25, room.y_max_m - 0.25)
    z = rng.uniform(0.4, room.height_m - 0.15)
    return float(x), float(y), float(z)


def _ward_scene(rng: Rng, camera: Camera, bed: bool, most_things: int = 5) -> Scene:
    rough = (float(rng.uniform(3.0, 7.0)), float(rng.uniform(-2.5, 2.5)), 2.0)
    room = draw_room(rng, rough)
    sensor = draw_thermal_sensor(rng, camera, RATE_HZ)
    scene = Scene(room=room, thermal=sensor, thermal_placement=_beyond(rng, room),
                  rgb=draw_rgb_sensor(rng), rgb_placement=CameraPlacement(rough, (0.0, 0.0, 1.0)),
                  chairs=(), seed=int(rng.integers(2**31)))  # fmt: skip
    scene = _undisturbed(replace(scene, seat_warm_k=float(rng.uniform(0.0, 5.0))))
    chairs = tuple(_placed_chair(rng, scene) for _ in range(int(rng.integers(1, 4))))
    things = [
        draw_distractor(rng, room, scene.thermal_placement.position_m, 0.0)
        for _ in range(int(rng.integers(0, most_things + 1)))
    ]
    if bed:
        x_m, y_m = _floor_in_view(rng, scene)
        warm_k = float(rng.uniform(0.0, 6.0))
        things.append(Distractor("bed", (x_m, y_m, 0.0), warm_k, float(rng.uniform(-3, 3))))
    return replace(
        scene,
        chairs=chairs,
        distractors=tuple(things),
        rgb_placement=draw_beside(rng, scene.thermal_placement),
    )


def _beyond(rng: Rng, room: Room) -> CameraPlacement:
    """A camera anywhere in the room that looks across it."""
    position = _inside(rng, room)
    while True:
        target = _inside(rng, room)
        height = float(np.clip(rng.normal(0.85, 0.25), 0.2, 1.5))
        if np.hypot(position[0] - target[0], position[1] - target[1]) > 1.5:
            return CameraPlacement(
                position, (target[0], target[1], height), float(rng.normal(0, 0.05))
            )


def _placed_chair(rng: Rng, scene: Scene) -> Chair:
    return replace(
        draw_chair(rng),
        position_m=_floor_in_view(rng, scene),
        yaw_rad=float(rng.uniform(-np.pi, np.pi)),
    )


def _life_scene(rng: Rng, camera: Camera, switches: Life) -> Scene:
    """A ward's scene with other cameras, rooms and backgrounds."""
    scene = _ward_scene(rng, camera, bed=bool(rng.random() < 0.15))
    room = scene.room
    if switches.hot_rooms and rng.random() < 0.25:
        # Above 28 degC walls and furniture reach the temperature of clothes.
        air_degc = float(rng.uniform(27.0, 33.5))
        room = replace(room, air_degc=air_degc, gradient_k=float(rng.uniform(0.2, 3.0)))
    if switches.structure and rng.random() < 0.35:
        structure_k, sunlit_k = rng.uniform(0.3, 4.0), rng.choice((0.0, rng.uniform(2.0, 12.0)))
        room = replace(room, structure_k=float(structure_k), sunlit_k=float(sunlit_k))
    placement = scene.thermal_placement
    value = rng.random()
    if switches.cameras and value < 0.55:
        x, y, _ = placement.position_m
        tall = room.height_m
        if value < 0.08:  # at the ceiling, looking down steeply
            height_m, down_rad = tall - 0.05, rng.uniform(0.7, 1.45)
        elif value < 0.33:  # on a wall or shelf, 2 to 3 m up
            height_m, down_rad = rng.uniform(1.9, max(tall - 0.1, 2.0)), rng.uniform(0.2, 0.6)
        else:  # on a table or a tripod, nearly level
            height_m, down_rad = rng.uniform(0.7, 1.6), rng.normal(0.05, 0.08)
        towards = np.arctan2(placement.target_m[1] - y, placement.target_m[0] - x)
        target = (
            x + float(np.cos(towards) * np.cos(down_rad)),
            y + float(np.sin(towards) * np.cos(down_rad)),
            float(height_m - np.sin(down_rad)),
        )
        roll_rad = float(rng.normal(0.0, 0.06))
        placement = CameraPlacement((x, y, float(height_m)), target, roll_rad)
        room = replace(room, height_m=max(tall, float(height_m) + 0.05))
    things = list(scene.distractors)
    if switches.lures and rng.random() < 0.35:  # dogs beside people, lamps, sunlit glass
        moved = replace(scene, room=room, thermal_placement=placement)
        for _ in range(int(rng.integers(1, 4))):
            kind = LURES[int(rng.integers(len(LURES)))]
            x_m, y_m = _floor_in_view(rng, moved)
            warm_k = float(rng.uniform(3.0, 12.0) if kind == "pet" else rng.uniform(2.0, 40.0))
            turned = float(rng.uniform(-np.pi, np.pi))
            size = float(rng.uniform(0.6, 1.7))
            things.append(Distractor(kind, (x_m, y_m, 0.0), warm_k, turned, size))
    return replace(
        scene,
        room=room,
        thermal_placement=placement,
        distractors=tuple(things),
        rgb_placement=draw_beside(rng, placement),
    )


def _life_place(rng: Rng, scene: Scene, switches: Life) -> tuple[float, float]:
    """A place whose person is whole in view, or cut off where `switches.cut_off` allows."""
    margin = 0.12 if switches.cut_off and rng.random() < 0.25 else -0.08
    nearest_m = 1.2 if switches.cut_off and rng.random() < 0.2 else 1.9
    return _floor_in_view(rng, scene, margin, (nearest_m, float(rng.uniform(3.0, 8.0))))


def _life_pose(
    rng: Rng,
    body: Body,
    scene: Scene,
    place: tuple[float, float],
    yaw_rad: float,
    together: bool,
    switches: Life,
) -> BodyPose:
    """One posture: exercises and reaching arms, or the ward's."""
    if not together:
        yaw_rad = float(rng.uniform(-np.pi, np.pi))
    value = rng.random()
    if value < 0.12 and scene.chairs:
        chair = scene.chairs[0]
        turned = chair.yaw_rad + float(rng.normal(0.0, 0.15))
        seated = seated_exercise_pose if switches.arms else seated_pose
        return seated(body, rng, chair.position_m, turned, chair.seat_height_m)
    near = (place[0] + float(rng.normal(0.0, 0.1)), place[1] + float(rng.normal(0.0, 0.1)))
    if value < 0.16:
        return lying_pose(body, rng, near, yaw_rad, 0.0)
    if value < 0.21:
        return low_pose(body, rng, near, yaw_rad)
    if value < 0.36 or not switches.arms:
        return standing_pose(body, rng, near, yaw_rad)
    return exercise_pose(body, rng, near, yaw_rad)


def _floor_in_view(
    rng: Rng,
    scene: Scene,
    beyond: float = 0.06,
    depths_m: tuple[float, float] = _DEPTH_M,
) -> tuple[float, float]:
    """A place in the room whose direction lies in the thermal image or just beside it.

    Parameters
    ----------
    beyond : how far outside the image, as a share of its width; negative: inside only.
    depths_m : least and greatest distance along the line of sight, m.
    """
    room, camera = scene.room, scene.thermal_camera
    width, height = camera.intrinsics.size_wh
    for _ in range(40):
        column = rng.uniform(-beyond, 1.0 + beyond) * width
        depth_m = rng.uniform(*depths_m)
        point = camera.unproject((column, 0.5 * height), depth_m)
        inside_x = room.x_min_m + 0.3 < point[0] < room.x_max_m - 0.3
        if inside_x and room.y_min_m + 0.3 < point[1] < room.y_max_m - 0.3:
            return float(point[0]), float(point[1])
    middle = camera.unproject((0.5 * width, 0.5 * height), 2.5)
    x_m = np.clip(middle[0], room.x_min_m + 0.3, room.x_max_m - 0.3)
    return float(x_m), float(np.clip(middle[1], room.y_min_m + 0.3, room.y_max_m - 0.3))


def _ward_pose(rng: Rng, body: Body, scene: Scene, chair: Chair | None) -> BodyPose:
    kind = rng.random()
    yaw_rad = float(rng.uniform(-np.pi, np.pi))
    if kind < 0.27 and chair is not None:
        yaw_rad = chair.yaw_rad + float(rng.normal(0.0, 0.15))
        return seated_pose(body, rng, chair.position_m, yaw_rad, chair.seat_height_m)
    place = _floor_in_view(rng, scene)
    if kind < 0.38:
        beds = [thing for thing in scene.distractors if thing.kind == "bed"]
        if beds and rng.random() < 0.6:
            bed = beds[0]
            yaw_rad = bed.yaw_rad + float(rng.normal(0.0, 0.15))
            # The pelvis lies about the bed's middle, the head towards its head end.
            return lying_pose(body, rng, bed.position_m[:2], yaw_rad, 0.6 * bed.scale)
        return lying_pose(body, rng, place, yaw_rad, 0.0)
    if kind < 0.48:
        return low_pose(body, rng, place, yaw_rad)
    return standing_pose(body, rng, place, yaw_rad)


def _standing_by(rng: Rng, bodies: list[Body], scene: Scene, last_frame: int) -> Actor:
    body = bodies[int(rng.integers(len(bodies)))]
    count = last_frame // _HELD_FRAMES + 2
    place = _floor_in_view(rng, scene)
    poses = []
    for _ in range(min(count, 12)):
        poses.append(standing_pose(body, rng, place, float(rng.uniform(-np.pi, np.pi))))
    spread = tuple(poses[i * len(poses) // count] for i in range(count))
    outfit = draw_outfit(rng, scene.room.air_degc)
    return Actor(2, "carer", body, outfit, PostureSeries(spread))
