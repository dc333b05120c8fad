# SPDX-License-Identifier: Apache-2.0
"""Clips of the training stream: tests, ward life, everyday life and empty rooms."""

import contextlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.trial import Trial, plan_trial
from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.outfits import OUTFIT_PARTS, draw_outfit, draw_varied_outfit
from thermal_pose.lab.simulation.people.presets import IMPAIRED, NORMAL, OLD
from thermal_pose.lab.simulation.people.subject import Rng, draw_subject
from thermal_pose.lab.simulation.rooms.draw import Camera, draw_beside, draw_scene
from thermal_pose.lab.simulation.rooms.scene import Actor, AidPose, Chair, Scene
from thermal_pose.lab.simulation.stream.contact import hand_on
from thermal_pose.lab.simulation.stream.exercises import exercise_pose, seated_exercise_pose
from thermal_pose.lab.simulation.stream.life_options import LifeOptions
from thermal_pose.lab.simulation.stream.postures import (
    low_pose,
    lying_pose,
    seated_pose,
    standing_pose,
)
from thermal_pose.lab.simulation.stream.rooms import (
    RATE_HZ,
    another_placement,
    floor_in_view,
    life_scene,
    undisturbed,
    ward_scene,
    with_dog_beside,
)

#: Frames per clip, with the same room, camera and people.
CLIP_FRAMES: Final = 14
#: Frames for which a posture is held, so that the sensor's lag does not mix postures.
_HELD_FRAMES: Final = 4
_POPULATIONS: Final = (NORMAL, OLD, IMPAIRED)
_MAX_BODIES: Final = 20
#: Share of the pairs within reach of each other in which one has a hand on the other.
_CONTACT_SHARE: Final = 0.5


class ClipKind(StrEnum):
    """Kind of a clip."""

    TUG = "tug"
    WARD = "ward"
    EMPTY = "empty"
    LIFE = "life"


@dataclass(frozen=True)
class Clip:
    """One room and one camera, and the frames to render.

    Attributes
    ----------
    kind : kind of the clip.
    scene, actors : room, camera and people.
    frames : numbers of the frames, at `RATE_HZ`.
    """

    kind: ClipKind
    scene: Scene
    actors: tuple[Actor, ...]
    frames: tuple[int, ...]


@dataclass(frozen=True)
class PostureSeries:
    """A `Motion` that holds each posture for `_HELD_FRAMES` frames."""

    poses: tuple[BodyPose, ...]

    def pose(self, time_s: float) -> BodyPose:
        """The posture at a time; the last one is held."""
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
    """Clips of one simulated test in different rooms and views."""
    trial = _plan(seed, unit, rng, bodies)
    made = []
    for _ in range(clips):
        scene = draw_scene(rng, camera, int(rng.integers(0, 5)), RATE_HZ)
        scene = replace(undisturbed(scene), chairs=trial.chairs)
        if rng.random() < 0.25:
            scene = replace(scene, thermal_placement=another_placement(rng, scene))
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
    """A clip of one to three people in any posture and view, possibly partly out of view."""
    scene = ward_scene(rng, camera, bed=bool(rng.random() < 0.35))
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


def life_clip(rng: Rng, bodies: list[Body], camera: Camera, options: LifeOptions) -> Clip:
    """A clip of one to three people in everyday life and exercise.

    What is switched off is drawn all the same, so that the rest does not depend on it. Cameras and
    people who are cut off are the exceptions: they decide where there is room for others.
    """
    scene = life_scene(rng, camera, options)
    count = int(rng.choice((1, 2, 3), p=(0.6, 0.32, 0.08)))
    paired = count > 1 and rng.random() < 0.5
    places = [_life_place(rng, scene, options) for _ in range(count)]
    yaws_rad = [float(rng.uniform(-np.pi, np.pi)) for _ in range(count)]
    scene = with_dog_beside(scene, places[0]) if options.dogs else scene
    plain_parts = [part for part in OUTFIT_PARTS if not getattr(options, part)]
    for index in range(count):
        place, yaw_rad = places[index], yaws_rad[index]
        if paired and index == 1:  # within reach of the first person, mostly face to face
            away_m, direction = float(rng.uniform(0.3, 0.9)), float(rng.uniform(-np.pi, np.pi))
            beside = (
                places[0][0] + away_m * float(np.cos(direction)),
                places[0][1] + away_m * float(np.sin(direction)),
            )
            place = beside if options.touching else place
            yaws_rad[0] = direction + float(rng.normal(0.0, 0.4))
            yaw_rad = direction + np.pi + float(rng.normal(0.0, 0.6))
        places[index], yaws_rad[index] = place, yaw_rad
    dressed, series = [], []
    for index in range(count):
        body = bodies[int(rng.integers(len(bodies)))]
        series.append(
            tuple(
                _life_pose(rng, body, scene, places[index], yaws_rad[index], paired, options)
                for _ in range(CLIP_FRAMES + 1)
            )
        )
        dressed.append((body, draw_varied_outfit(rng, scene.room.air_degc, plain_parts)))
    if paired and options.touching and options.contact:
        (person, _), (helper, _) = dressed[:2]
        series[1] = _touching(scene.seed, person, series[0], helper, series[1])
    actors = tuple(
        Actor(number, "subject" if number == 1 else "bystander", body, outfit, PostureSeries(poses))
        for number, ((body, outfit), poses) in enumerate(zip(dressed, series, strict=True), start=1)
    )
    frames = tuple(_HELD_FRAMES * k for k in range(CLIP_FRAMES))
    return Clip(ClipKind.LIFE, scene, actors, frames)


def empty_clip(rng: Rng, camera: Camera) -> Clip:
    """A clip of a room without people, with warm chairs, lamps, radiators, pets or beds."""
    scene = ward_scene(rng, camera, bed=bool(rng.random() < 0.3), max_things=7)
    scene = replace(scene, seat_warm_k=float(rng.uniform(0.0, 7.0)))
    return Clip(ClipKind.EMPTY, scene, (), tuple(range(0, 4 * CLIP_FRAMES, 4)))


def _plan(seed: int, unit: int, rng: Rng, bodies: list[Body]) -> Trial:
    population = _POPULATIONS[int(rng.integers(len(_POPULATIONS)))]
    subject = draw_subject(population, "stream", seed, unit)
    for _ in range(_MAX_BODIES):
        body = bodies[int(rng.integers(len(bodies)))]
        # The subject was drawn for another body; short legs may be unable to take its steps.
        with contextlib.suppress(SimulationError):
            return plan_trial(subject, rng, body=body)
    raise SimulationError(
        f"stream unit {unit}: none of {_MAX_BODIES} bodies can walk as '{subject.subject_id}' "
        "does: give more bodies"
    )


def _touching(
    seed: int, person: Body, held: tuple[BodyPose, ...], helper: Body, poses: tuple[BodyPose, ...]
) -> tuple[BodyPose, ...]:
    """The helper's postures, in a share of the pairs with a hand on the person where one reaches.

    The seed is the scene's; nothing else is drawn from this generator.
    """
    rng = np.random.default_rng((seed, 9))
    if rng.random() >= _CONTACT_SHARE:
        return poses
    return tuple(
        hand_on(helper, pose, person, other, rng) or pose
        for pose, other in zip(poses, held, strict=True)
    )


def _life_place(rng: Rng, scene: Scene, options: LifeOptions) -> tuple[float, float]:
    """A floor point (x, y) of a person in view, possibly cut off by the border, m."""
    margin = 0.12 if rng.random() < 0.25 and options.cut_off else -0.08
    nearest_m = 1.2 if rng.random() < 0.2 and options.cut_off else 1.9
    return floor_in_view(rng, scene, margin, (nearest_m, float(rng.uniform(3.0, 8.0))))


def _life_pose(
    rng: Rng,
    body: Body,
    scene: Scene,
    place: tuple[float, float],
    yaw_rad: float,
    paired: bool,
    options: LifeOptions,
) -> BodyPose:
    """One posture, of exercise with reaching arms or of the ward; a pair keeps its directions."""
    if not paired:
        yaw_rad = float(rng.uniform(-np.pi, np.pi))
    value = rng.random()
    exercise = options.arms or options.trunk or options.legs
    if value < 0.12 and scene.chairs:
        chair = scene.chairs[0]
        turned = chair.yaw_rad + float(rng.normal(0.0, 0.15))
        where = (chair.position_m, turned, chair.seat_height_m)
        if not exercise:
            return seated_pose(body, rng, *where)
        return seated_exercise_pose(body, rng, *where, options)
    near = (place[0] + float(rng.normal(0.0, 0.1)), place[1] + float(rng.normal(0.0, 0.1)))
    if value < 0.16:
        return lying_pose(body, rng, near, yaw_rad, 0.0)
    if value < 0.21:
        return low_pose(body, rng, near, yaw_rad)
    if value < 0.36 or not exercise:
        return standing_pose(body, rng, near, yaw_rad)
    return exercise_pose(body, rng, near, yaw_rad, options)


def _ward_pose(rng: Rng, body: Body, scene: Scene, chair: Chair | None) -> BodyPose:
    kind = rng.random()
    yaw_rad = float(rng.uniform(-np.pi, np.pi))
    if kind < 0.27 and chair is not None:
        yaw_rad = chair.yaw_rad + float(rng.normal(0.0, 0.15))
        return seated_pose(body, rng, chair.position_m, yaw_rad, chair.seat_height_m)
    place = floor_in_view(rng, scene)
    if kind < 0.38:
        beds = [thing for thing in scene.distractors if thing.kind == "bed"]
        if beds and rng.random() < 0.6:
            bed = beds[0]
            yaw_rad = bed.yaw_rad + float(rng.normal(0.0, 0.15))
            # The pelvis is near the middle of the bed, and the head at its head end.
            return lying_pose(body, rng, bed.position_m[:2], yaw_rad, 0.6 * bed.scale)
        return lying_pose(body, rng, place, yaw_rad, 0.0)
    if kind < 0.48:
        return low_pose(body, rng, place, yaw_rad)
    return standing_pose(body, rng, place, yaw_rad)


def _standing_by(rng: Rng, bodies: list[Body], scene: Scene, last_frame: int) -> Actor:
    body = bodies[int(rng.integers(len(bodies)))]
    count = last_frame // _HELD_FRAMES + 2
    place = floor_in_view(rng, scene)
    poses = []
    for _ in range(min(count, 12)):
        poses.append(standing_pose(body, rng, place, float(rng.uniform(-np.pi, np.pi))))
    spread = tuple(poses[i * len(poses) // count] for i in range(count))
    outfit = draw_outfit(rng, scene.room.air_degc)
    return Actor(2, "carer", body, outfit, PostureSeries(spread))
