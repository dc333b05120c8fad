# SPDX-License-Identifier: Apache-2.0
"""The thermal scene: an empty room's radiation once, people and their traces per frame."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.simulation.body import BodyPose, FloatArray, Int32Array
from thermal_pose.simulation.garments import DressedBody, dress
from thermal_pose.simulation.optics import emissivity, emitted, radiance, sample, temperature
from thermal_pose.simulation.render import Canvas, View, posed_normals
from thermal_pose.simulation.render_shapes import (
    Shape,
    aid_shape,
    chair_shape,
    distractor_shape,
    joined,
)
from thermal_pose.simulation.scene import Actor, AidPose, Room, Scene
from thermal_pose.simulation.scene_room import Plane, RoomView, slow_field, view_room
from thermal_pose.simulation.skinning import pose_vertices

#: Sub-pixels per thermal pixel and axis.
SUPERSAMPLING: Final = 4
#: Channels of the static canvas: radiance, share of the seat's heat print.
_RADIANCE, _PRINT = 0, 1
_FLOOR_K: Final = -0.7
_CEILING_K: Final = 0.5


@dataclass(frozen=True)
class FloorPrint:
    """Where a foot has warmed the floor: position, m, and how much, K, at this moment."""

    x_m: float
    y_m: float
    warm_k: float


@dataclass(frozen=True)
class PosedActor:
    """One actor at one instant, with the thermal mesh already posed."""

    actor: Actor
    dressed: DressedBody
    pose: BodyPose
    vertices: FloatArray
    aid: AidPose | None


def furniture(scene: Scene) -> Shape:
    """All static things of a scene as one mesh, in the room frame."""
    rng = np.random.default_rng((scene.room.texture_seed, 7))
    shapes = []
    for chair in scene.chairs:
        cloth, frame = rng.uniform(0.03, 0.5, 3), np.full(3, rng.uniform(0.05, 0.6))
        shapes.append(chair_shape(chair, tuple(cloth), tuple(frame)))
    shapes += [distractor_shape(thing) for thing in scene.distractors]
    return joined(shapes)


class ThermalScene:
    """Renders a scene as an ideal thermal camera sees it.

    Parameters
    ----------
    scene : room, furniture and thermal camera.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.view = View(scene.thermal_camera, SUPERSAMPLING)
        self._surroundings = np.float32(radiance(scene.room.air_degc))
        self._camera_m = scene.thermal_camera.pose.position_m.astype(np.float32)
        self._room = view_room(scene.room, self.view)
        self._static = self._render_static()
        self._mirror = self._mirror_share()
        self._wardrobe: dict[int, tuple[Actor, DressedBody]] = {}

    def compose(
        self,
        people: list[PosedActor],
        seat_warm_k: float = 0.0,
        floor_prints: tuple[FloorPrint, ...] = (),
    ) -> Canvas:
        """Radiance and identities at one instant, supersampled.

        Parameters
        ----------
        people : who is in the room.
        seat_warm_k : how much warmer than itself the seat is where people sit, K.
        floor_prints : warm traces of feet.
        """
        canvas = Canvas(
            self._static.image[..., :1].copy(),
            self._static.inverse_depth.copy(),
            np.zeros(self.view.shape_hw, np.uint8),
        )
        slope = np.float32(4.0 * self._surroundings / (self._scene.room.air_degc + 273.15))
        if seat_warm_k > 0.0:
            canvas.image[..., 0] += slope * np.float32(seat_warm_k) * self._static.image[..., 1]
        self._print_floor(canvas, floor_prints, slope)
        if self._mirror is not None and people:
            self._reflect(canvas, people)
        for person in people:
            self._draw(canvas, person)
        return canvas

    def sense(self, canvas: Canvas) -> FloatArray:
        """Apparent temperature (H, W) in degrees Celsius behind the lens, free of noise."""
        image = sample(canvas.image[..., 0], self.view.scale, self._scene.thermal.psf_sigma_px)
        return temperature(image)

    def posed(self, actor: Actor, time_s: float) -> PosedActor:
        """The actor in its clothes as posed at `time_s`."""
        known, dressed = self._wardrobe.get(actor.person_id, (None, None))
        if known is not actor or dressed is None:
            dressed = dress(actor.body, actor.outfit, "coarse")
            self._wardrobe[actor.person_id] = (actor, dressed)
        pose = actor.motion.pose(time_s)
        vertices = pose_vertices(dressed.mesh, actor.body, pose)
        return PosedActor(actor, dressed, pose, vertices, actor.motion.aid(time_s))

    def _draw(self, canvas: Canvas, person: PosedActor) -> None:
        faces = person.dressed.mesh.faces
        leaving = self._leaving(person.vertices, faces, self._person_radiance(person))
        canvas.draw(self.view.to_screen(person.vertices), faces, leaving, person.actor.person_id)
        if person.aid is not None:
            shape = aid_shape(person.aid)
            own = radiance(shape.warm_k + np.float32(self._scene.room.air_degc))
            leaving = self._leaving(shape.vertices, shape.faces, own)
            canvas.draw(self.view.to_screen(shape.vertices), shape.faces, leaving, 0)

    def _person_radiance(self, person: PosedActor) -> FloatArray:
        air_degc = self._scene.room.air_degc
        return radiance(person.dressed.temperature_degc(air_degc, person.actor.outfit.skin_degc))

    def _leaving(self, vertices: FloatArray, faces: Int32Array, own: FloatArray) -> FloatArray:
        normals = posed_normals(vertices, faces)
        return emitted(vertices, normals, self._camera_m, own, self._surroundings)

    def _render_static(self) -> Canvas:
        canvas = Canvas.empty(self.view.shape_hw, 2)
        canvas.image[..., _RADIANCE] = _room_radiance(self._scene.room, self._room)
        canvas.inverse_depth[:] = self._room.inverse_depth
        if self._scene.chairs or self._scene.distractors:
            shape = furniture(self._scene)
            own = radiance(shape.warm_k + np.float32(self._scene.room.air_degc))
            leaving = self._leaving(shape.vertices, shape.faces, own)
            attributes = np.concatenate([leaving, shape.heat_print[:, None]], axis=1)
            canvas.draw(self.view.to_screen(shape.vertices), shape.faces, attributes, 0)
        return canvas

    def _mirror_share(self) -> FloatArray | None:
        gloss = self._scene.room.floor_gloss
        open_floor = self._room.on(Plane.FLOOR) & (
            self._static.inverse_depth <= self._room.inverse_depth
        )
        if gloss <= 0.02 or not open_floor.any():
            return None
        share = gloss * (1.0 + 2.0 * (1.0 - self._room.cosine) ** 3)
        return np.where(open_floor, share, 0.0).astype(np.float32)

    def _reflect(self, canvas: Canvas, people: list[PosedActor]) -> None:
        """Add what a glossy floor mirrors of the people on it."""
        mirror = Canvas.empty(self.view.shape_hw, 1)
        for person in people:
            flipped = person.vertices * np.array((1.0, 1.0, -1.0), np.float32)
            own = self._person_radiance(person)[:, None]
            screen = self.view.to_screen(flipped)
            mirror.draw(screen, person.dressed.mesh.faces, own, 1, mirrored=True)
        assert self._mirror is not None
        seen = mirror.ids > 0
        excess = mirror.image[seen, 0] - self._surroundings
        canvas.image[seen, 0] += self._mirror[seen] * excess

    def _print_floor(
        self, canvas: Canvas, prints: tuple[FloorPrint, ...], slope: np.float32
    ) -> None:
        if not prints:
            return
        low = np.array([(p.x_m - 0.2, p.y_m - 0.2, 0.0) for p in prints], np.float32)
        rows, columns = self.view.shape_hw
        centre = self.view.to_screen(low + np.array((0.2, 0.2, 0.0), np.float32))
        for (column, row, inverse), trace in zip(centre, prints, strict=True):
            reach = 0.25 * inverse * self.view.scale * self._scene.thermal.intrinsics.fx_px
            if inverse == 0.0 or reach < 0.5:
                continue
            left, right = max(int(column - reach), 0), min(int(column + reach) + 1, columns)
            top, bottom = max(int(row - reach), 0), min(int(row + reach) + 1, rows)
            if left >= right or top >= bottom:
                continue
            window = (slice(top, bottom), slice(left, right))
            points = self._room.points_m[window]
            distance2 = (points[..., 0] - trace.x_m) ** 2 + (points[..., 1] - trace.y_m) ** 2
            warm = slope * np.float32(trace.warm_k) * np.exp(distance2 * np.float32(-1 / 0.0128))
            on_floor = (self._room.plane[window] == Plane.FLOOR) & (
                self._static.inverse_depth[window] <= self._room.inverse_depth[window]
            )
            canvas.image[..., 0][window] += np.where(on_floor, warm, np.float32(0.0))


def _room_radiance(room: Room, view: RoomView) -> FloatArray:
    rng = np.random.default_rng((room.texture_seed, 3))
    horizontal, other = view.coordinates()
    degc = np.full(view.plane.shape, room.air_degc, np.float32)
    walls = view.plane < Plane.FLOOR
    degc += np.where(walls, room.gradient_k * (other / room.height_m - 0.5), 0.0)
    for plane in Plane:
        mask = view.on(plane)
        if not mask.any():
            continue
        degc[mask] += np.float32(rng.normal(0.0, 0.25))
        degc[mask] += 0.3 * slow_field(horizontal[mask], other[mask], rng)
    degc += np.where(view.on(Plane.FLOOR), _FLOOR_K, 0.0)
    degc += np.where(view.on(Plane.CEILING), _CEILING_K, 0.0)
    degc += _wall_features(room, view, horizontal, other, rng)
    emission = emissivity(view.cosine)
    surroundings = np.float32(radiance(room.air_degc))
    own = radiance(degc.astype(np.float32))
    return np.asarray(surroundings + emission * (own - surroundings), dtype=np.float32)


def _wall_features(
    room: Room,
    view: RoomView,
    horizontal: npt.NDArray[np.float32],
    vertical: npt.NDArray[np.float32],
    rng: np.random.Generator,
) -> FloatArray:
    """Cold corners, a skirting, a door and hidden studs, K."""
    x, y, z = np.moveaxis(view.points_m, -1, 0)
    edges = np.sort(
        np.stack(
            [
                np.minimum(x - room.x_min_m, room.x_max_m - x),
                np.minimum(y - room.y_min_m, room.y_max_m - y),
                np.minimum(z, room.height_m - z),
            ]
        ),
        axis=0,
    )[1]
    extra = -0.5 * np.exp(-np.maximum(edges, 0.0) / np.float32(0.12))
    for plane in (Plane.BACK_WALL, Plane.RIGHT_WALL, Plane.LEFT_WALL):
        on = view.on(plane)
        middle, wide = rng.uniform(-2.0, 4.0), rng.uniform(0.4, 0.55)
        door = on & (np.abs(horizontal - middle) < wide) & (vertical < 2.05)
        extra += np.where(door & (rng.random() < 0.5), rng.normal(0.0, 0.5), 0.0)
        studs = np.abs(np.mod(horizontal, 0.62) - 0.31) < 0.03
        extra -= np.where(on & studs, np.float32(rng.uniform(0.0, 0.2)), 0.0)
    return np.asarray(extra, dtype=np.float32)
