# SPDX-License-Identifier: Apache-2.0
"""Radiation of a scene: the static room once, people and their heat traces per frame."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.jit import njit
from thermal_pose.lab.simulation.people.body import BodyPose
from thermal_pose.lab.simulation.people.cloth import DressedBody
from thermal_pose.lab.simulation.people.garments import dress
from thermal_pose.lab.simulation.people.skinning import pose_vertices
from thermal_pose.lab.simulation.rooms.scene import Actor, AidPose, Room, Scene
from thermal_pose.lab.simulation.rooms.shapes import (
    Shape,
    aid_shape,
    chair_shape,
    distractor_shape,
    join_shapes,
)
from thermal_pose.lab.simulation.sensors.optics import (
    emissivity,
    emitted,
    radiance,
    sample_pixels,
    temperature,
)
from thermal_pose.lab.simulation.sensors.rasteriser import Canvas, View, posed_normals
from thermal_pose.lab.simulation.sensors.room_rays import (
    Plane,
    RoomView,
    distance_to_edge_m,
    slow_field,
    view_room,
)
from thermal_pose.types import BoolArray, FloatArray, Int32Array

#: Sub-pixels per thermal pixel along each axis.
SUPERSAMPLING: Final = 4
#: Channels of the static canvas: radiance, share of the seat's heat print.
_RADIANCE, _PRINT = 0, 1
#: Footprint on the floor: half-width of the computed area, and twice the variance of its warmth.
_PRINT_REACH_M: Final = 0.25
_PRINT_AREA_M2: Final = 0.0128
_FLOOR_K: Final = -0.7
_CEILING_K: Final = 0.5


@dataclass(frozen=True)
class FloorPrint:
    """A spot on the floor that a foot has warmed, and its present temperature difference."""

    x_m: float
    y_m: float
    warm_k: float


@dataclass(frozen=True)
class PosedActor:
    """One actor at one instant, with the posed thermal mesh `vertices` (V, 3), m."""

    actor: Actor
    dressed: DressedBody
    pose: BodyPose
    vertices: FloatArray
    aid: AidPose | None


def furniture(scene: Scene) -> Shape:
    """All static objects of a scene as one mesh in the room."""
    rng = np.random.default_rng((scene.room.texture_seed, 7))
    shapes = []
    for chair in scene.chairs:
        cloth, frame = rng.uniform(0.03, 0.5, 3), np.full(3, rng.uniform(0.05, 0.6))
        shapes.append(chair_shape(chair, tuple(cloth), tuple(frame)))
    shapes += [distractor_shape(thing) for thing in scene.distractors]
    return join_shapes(shapes)


class ThermalScene:
    """Renders a scene for an ideal thermal camera.

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
        self._open_floor = self._room.on(Plane.FLOOR) & (
            self._static.inverse_depth <= self._room.inverse_depth
        )
        self._mirror = self._mirror_share()
        self._wardrobe: dict[int, tuple[Actor, DressedBody]] = {}

    def compose(
        self,
        people: list[PosedActor],
        seat_warm_k: float = 0.0,
        floor_prints: tuple[FloorPrint, ...] = (),
    ) -> Canvas:
        """Supersampled radiance and person ids at one instant.

        Parameters
        ----------
        people : all people in the room.
        seat_warm_k : warming of the seat where people sit, K.
        floor_prints : warm spots that feet have left.
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
        """Apparent temperature (H, W) behind the lens without noise, degC."""
        image = sample_pixels(
            canvas.image[..., 0], self.view.scale, self._scene.thermal.psf_sigma_px
        )
        return temperature(image)

    def posed(self, actor: Actor, time_s: float) -> PosedActor:
        """The dressed actor in its pose at a time."""
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
        if gloss <= 0.02 or not self._open_floor.any():
            return None
        share = gloss * (1.0 + 2.0 * (1.0 - self._room.cosine) ** 3)
        return np.where(self._open_floor, share, 0.0).astype(np.float32)

    def _reflect(self, canvas: Canvas, people: list[PosedActor]) -> None:
        """Add the reflections of people in a glossy floor."""
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
        traces = np.array([(p.x_m, p.y_m, slope * p.warm_k) for p in prints], np.float32)
        on_floor = traces.copy()
        on_floor[:, 2] = 0.0
        reach_px = _PRINT_REACH_M * self.view.scale * self._scene.thermal.intrinsics.fx_px
        _warm_floor(
            canvas.image,
            self._open_floor,
            self._room.points_m,
            self.view.to_screen(on_floor),
            traces,
            np.float32(reach_px),
        )


@njit(cache=True, nogil=True, fastmath=True)
def _warm_floor(
    image: FloatArray,
    open_floor: BoolArray,
    points_m: FloatArray,
    centres: FloatArray,
    traces: FloatArray,
    reach_px: np.float32,
) -> None:
    rows, columns = open_floor.shape
    for n in range(traces.shape[0]):
        reach = reach_px * centres[n, 2]
        if reach < 0.5:
            continue
        left, right = (
            max(int(centres[n, 0] - reach), 0),
            min(int(centres[n, 0] + reach), columns - 1),
        )
        top, bottom = max(int(centres[n, 1] - reach), 0), min(int(centres[n, 1] + reach), rows - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                if open_floor[row, column]:
                    dx = points_m[row, column, 0] - traces[n, 0]
                    dy = points_m[row, column, 1] - traces[n, 1]
                    spread = np.exp(-(dx * dx + dy * dy) / np.float32(_PRINT_AREA_M2))
                    image[row, column, 0] += traces[n, 2] * spread


def _room_radiance(room: Room, view: RoomView) -> FloatArray:
    """Radiance (H, W) of the empty room."""
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
    if room.structure_k > 0.0 or room.sunlit_k > 0.0:
        degc += _structure(room, view, horizontal, other)
    emission = emissivity(view.cosine)
    surroundings = np.float32(radiance(room.air_degc))
    own = radiance(degc.astype(np.float32))
    return np.asarray(surroundings + emission * (own - surroundings), dtype=np.float32)


def _structure(
    room: Room,
    view: RoomView,
    horizontal: FloatArray,
    vertical: FloatArray,
) -> FloatArray:
    """Temperature differences (H, W) of surfaces, panels and sunlit patches, K."""
    rng = np.random.default_rng((room.texture_seed, 5))
    extra = np.zeros(view.plane.shape, np.float32)
    for plane in Plane:
        on = view.on(plane)
        if not on.any():
            continue
        extra[on] += room.structure_k * rng.normal(0.0, 0.5)
        extra[on] += 0.5 * room.structure_k * slow_field(horizontal[on], vertical[on], rng)
        low, high = np.percentile(horizontal[on], (2, 98))
        bottom, top = np.percentile(vertical[on], (2, 98))
        for _ in range(4):  # panels, shelves, pipes, hedges
            across = np.abs(horizontal - rng.uniform(low, high)) < rng.uniform(0.04, 0.6)
            down = np.abs(vertical - rng.uniform(bottom, top)) < rng.uniform(0.1, 1.2)
            extra += np.where(on & across & down, room.structure_k * rng.normal(0.0, 0.6), 0.0)
        if rng.random() < 0.5:
            across = np.abs(horizontal - rng.uniform(low, high)) < rng.uniform(0.2, 0.8)
            down = np.abs(vertical - rng.uniform(bottom, top)) < rng.uniform(0.2, 0.8)
            extra += np.where(on & across & down, room.sunlit_k * rng.uniform(0.3, 1.0), 0.0)
    return extra


def _wall_features(
    room: Room,
    view: RoomView,
    horizontal: FloatArray,
    vertical: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Temperature differences (H, W) of cold edges, doors and studs in the walls, K."""
    extra = -0.5 * np.exp(distance_to_edge_m(room, view.points_m) / np.float32(-0.12))
    for plane in (Plane.BACK_WALL, Plane.RIGHT_WALL, Plane.LEFT_WALL):
        on = view.on(plane)
        middle, wide = rng.uniform(-2.0, 4.0), rng.uniform(0.4, 0.55)
        door = on & (np.abs(horizontal - middle) < wide) & (vertical < 2.05)
        extra += np.where(door & (rng.random() < 0.5), rng.normal(0.0, 0.5), 0.0)
        studs = np.abs(np.mod(horizontal, 0.62) - 0.31) < 0.03
        extra -= np.where(on & studs, np.float32(rng.uniform(0.0, 0.2)), 0.0)
    return np.asarray(extra, dtype=np.float32)
