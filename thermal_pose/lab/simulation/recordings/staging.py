# SPDX-License-Identifier: Apache-2.0
"""Stage a planned trial: dress the people, and draw the room and the cameras."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.performers import Performer
from thermal_pose.lab.simulation.motion.trial import BEYOND_CAMERA_M, Trial
from thermal_pose.lab.simulation.people.outfits import draw_outfit
from thermal_pose.lab.simulation.people.subject import Rng
from thermal_pose.lab.simulation.rooms.draw import Camera, draw_beside, draw_scene
from thermal_pose.lab.simulation.rooms.scene import (
    Actor,
    CameraPlacement,
    Room,
    Scene,
    ThermalSensor,
)
from thermal_pose.lab.simulation.rooms.sight import without_obstructions
from thermal_pose.types import TrialReason

Difficulty = Literal["plain", "clinic", "stress"]
#: Difficulty -> least and greatest number of warm objects in the room.
DISTRACTORS: Final[dict[Difficulty, tuple[int, int]]] = {
    "plain": (0, 1),
    "clinic": (1, 3),
    "stress": (3, 6),
}
#: Least distance of the cameras behind the turn, m.
BEHIND_MARK_M: Final = 2.2


@dataclass(frozen=True)
class StagedTrial:
    """A trial, its scene and its actors, ready to render."""

    trial: Trial
    scene: Scene
    actors: tuple[Actor, ...]


def draw_session(
    rng: Rng, difficulty: str, camera: Camera = "lepton", rate_hz: float = 8.0
) -> Scene:
    """The room and the cameras that all trials of a subject share.

    Parameters
    ----------
    rng : source of randomness.
    difficulty : 'plain', 'clinic' or 'stress', or 'mixed' for a random one of them.
    camera, rate_hz : make and frame rate of the thermal camera.

    Raises
    ------
    SimulationError
        If the difficulty is unknown.
    """
    names: tuple[Difficulty, ...] = tuple(DISTRACTORS)
    if difficulty == "mixed":
        difficulty = names[int(rng.integers(len(names)))]
    if difficulty not in names:
        raise SimulationError(
            f"difficulty: expected one of {(*names, 'mixed')}, got {difficulty!r}"
        )
    low, high = DISTRACTORS[difficulty]
    scene = draw_scene(rng, camera, int(rng.integers(low, high + 1)), rate_hz)
    scene = replace(scene, room=_wide_enough(scene.room))
    return _stressed(rng, scene) if difficulty == "stress" else scene


def _wide_enough(room: Room) -> Room:
    """The room, widened for a carer on either side of the walkway."""
    return replace(room, y_min_m=min(room.y_min_m, -1.9), y_max_m=max(room.y_max_m, 1.9))


def _stressed(rng: Rng, scene: Scene) -> Scene:
    """A noisier camera, in half of the cases so near or tilted that it cuts people off."""
    thermal: ThermalSensor = scene.thermal
    thermal = replace(thermal, netd_k=float(min(0.3, thermal.netd_k * rng.uniform(1.2, 2.5))))
    if rng.random() < 0.5:
        return replace(scene, thermal=thermal)
    placement = scene.thermal_placement
    x, y, z = placement.position_m
    share = float(rng.uniform(0.75, 0.88))
    tx, ty, tz = placement.target_m
    near = CameraPlacement(
        (x * share, y * share, z),
        (tx + float(rng.uniform(-0.3, 0.2)), ty + float(rng.normal(0, 0.25)), tz),
        float(rng.normal(0, 0.03)),
    )
    return replace(
        scene, thermal=thermal, thermal_placement=near, rgb_placement=draw_beside(rng, near)
    )


def far_enough(session: Scene, mark_m: float) -> Scene:
    """The session with the cameras moved back, if needed, to see a turn at `mark_m`."""
    thermal = session.thermal_placement
    x_m = thermal.position_m[0]
    if x_m >= mark_m + BEHIND_MARK_M:
        return session
    by_m = mark_m + BEHIND_MARK_M - x_m
    moved = [
        replace(p, position_m=(p.position_m[0] + by_m, *p.position_m[1:]))
        for p in (thermal, session.rgb_placement)
    ]
    room = replace(session.room, x_max_m=session.room.x_max_m + by_m)
    return replace(session, room=room, thermal_placement=moved[0], rgb_placement=moved[1])


def stage(trial: Trial, session: Scene, rng: Rng) -> StagedTrial:
    """Combine people, chairs and room of one trial.

    Objects that hide the person on the chair from the camera are removed (`rooms.sight`).

    Parameters
    ----------
    trial : people and motion.
    session : room and cameras, from `draw_session`.
    rng : source of the trial's noise, clock jitter and asynchronous pairs.
    """
    scene = replace(
        session,
        chairs=trial.chairs,
        seed=int(rng.integers(2**31)),
    )
    if trial.truth.reason is TrialReason.LEFT_VIEW:
        scene = _room_to_leave(scene)
    if trial.truth.reason is TrialReason.CAMERA_BEHIND:
        scene = _seen_from_behind(scene)
    if trial.truth.reason is TrialReason.CAMERA_TILTED:
        scene = _tilted(scene, rng)
    scene = without_obstructions(scene, trial.performers[0].joints(0.0))
    air_degc = scene.room.air_degc
    actors = tuple(
        _actor(number, performer, air_degc)
        for number, performer in enumerate(trial.performers, start=1)
    )
    return StagedTrial(trial, scene, actors)


def _actor(number: int, performer: Performer, air_degc: float) -> Actor:
    outfit = draw_outfit(np.random.default_rng(performer.subject.appearance_seed), air_degc)
    return Actor(number, performer.role, performer.body, outfit, performer.motion)


def _room_to_leave(scene: Scene) -> Scene:
    """A room long enough to walk past the cameras, which are moved off the walkway."""
    room = replace(scene.room, x_max_m=max(scene.room.x_max_m, BEYOND_CAMERA_M + 1.0))
    y = scene.thermal_placement.position_m[1]
    aside_m = np.copysign(max(1.3, abs(y)), y) - y
    reach_m = abs(y + aside_m) + 0.5
    room = replace(room, y_min_m=min(room.y_min_m, -reach_m), y_max_m=max(room.y_max_m, reach_m))
    moved = [
        replace(placement, position_m=(px, float(py + aside_m), pz))
        for placement in (scene.thermal_placement, scene.rgb_placement)
        for px, py, pz in [placement.position_m]
    ]
    return replace(scene, room=room, thermal_placement=moved[0], rgb_placement=moved[1])


def _seen_from_behind(scene: Scene) -> Scene:
    """The scene with the cameras behind the chair."""
    moved = [
        replace(
            placement,
            position_m=(2.2 - placement.position_m[0], *placement.position_m[1:]),
            target_m=(1.2, placement.target_m[1], placement.target_m[2]),
        )
        for placement in (scene.thermal_placement, scene.rgb_placement)
    ]
    farthest_m = min(placement.position_m[0] for placement in moved)
    wall_m = -4.2 if farthest_m > -4.2 else farthest_m - 0.3
    room = replace(scene.room, x_min_m=min(scene.room.x_min_m, wall_m))
    return replace(scene, room=room, thermal_placement=moved[0], rgb_placement=moved[1])


def _tilted(scene: Scene, rng: Rng) -> Scene:
    """The scene with the thermal camera on its side or upside down."""
    roll_rad = float(rng.choice([np.pi, np.pi / 2, -np.pi / 2]))
    placement = replace(scene.thermal_placement, roll_rad=roll_rad)
    return replace(scene, thermal_placement=placement)
