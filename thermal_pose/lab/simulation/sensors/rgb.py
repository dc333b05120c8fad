# SPDX-License-Identifier: Apache-2.0
"""The colour camera: lighting, shadows, motion blur and noise.

People and furniture are lit per vertex in linear BGR (hemispherical sky light and one soft key
light), converted to sRGB and interpolated. The empty room is lit per pixel, once per scene.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.lab.simulation.jit import njit
from thermal_pose.lab.simulation.people.cloth import DressedBody
from thermal_pose.lab.simulation.people.garments import dress
from thermal_pose.lab.simulation.people.skinning import pose_keypoints, pose_vertices
from thermal_pose.lab.simulation.rooms.scene import Actor, Scene
from thermal_pose.lab.simulation.rooms.shapes import aid_shape
from thermal_pose.lab.simulation.sensors.rasteriser import Canvas, View, posed_normals
from thermal_pose.lab.simulation.sensors.rgb_room import room_colours
from thermal_pose.lab.simulation.sensors.room_rays import Plane, view_room
from thermal_pose.lab.simulation.sensors.thermal_scene import furniture
from thermal_pose.types import FloatArray, Int32Array, UInt8Array

Window = tuple[slice, slice]

_FRAME = 21
#: If joints move further than this during the exposure, people are rendered several times.
_BLUR_FROM_PX: Final = 1.5
_SUB_EXPOSURES: Final = 3
_EDGE_SIGMA_PX: Final = 0.6
_MARGIN_PX: Final = 6
_SHADOW: Final = 0.4
_SHADOW_SCALE: Final = 4
_NOISE_MARGIN_PX: Final = 64


class RgbScene:
    """Renders a scene for its colour camera.

    Parameters
    ----------
    scene : room, furniture, light and colour camera.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._view = View(scene.rgb_camera)
        self._shape_hw = self._view.shape_hw
        self._light = _light_constants(scene)
        self._static, self._inverse_depth = self._render_static()
        self._static_bytes = np.clip(self._static, 0.0, 255.0).astype(np.uint8)
        self._noise = _noise_bank(self._shape_hw, scene)
        self._wardrobe: dict[int, tuple[Actor, DressedBody]] = {}

    def frame(self, actors: tuple[Actor, ...], time_s: float, number: int) -> UInt8Array:
        """Image (H, W, 3), BGR, of an exposure from `time_s` on; `number` selects the noise."""
        image = self._static_bytes.copy()
        present = [actor for actor in actors if actor.motion.present(time_s)]
        if present:
            window = self._window(present, time_s)
            if window is not None:
                image[window] = self._people(present, time_s, window)
        return self._with_noise(image, number)

    def _render_static(self) -> tuple[FloatArray, FloatArray]:
        room_view = view_room(self._scene.room, self._view)
        linear = room_colours(self._scene.room, room_view)
        canvas = Canvas(
            _developed(linear * self._light[3:6]),
            room_view.inverse_depth.copy(),
            np.zeros(self._shape_hw, np.uint8),
        )
        self._floor = room_view.on(Plane.FLOOR)
        if self._scene.chairs or self._scene.distractors:
            shape = furniture(self._scene)
            normals = posed_normals(shape.vertices, shape.faces)
            colours = _shaded(normals, shape.colour, self._light)
            self._floor_shadow(canvas, shape.vertices, shape.faces)
            canvas.draw(self._view.to_screen(shape.vertices), shape.faces, colours, 1)
        self._floor &= canvas.ids == 0
        # The lens blurs furniture like people; this also hides aliasing.
        soft = cv2.GaussianBlur(canvas.image, (0, 0), _EDGE_SIGMA_PX)
        return np.asarray(soft, dtype=np.float32), canvas.inverse_depth

    def _floor_shadow(self, canvas: Canvas, vertices: FloatArray, faces: Int32Array) -> None:
        shade = self._shadow(vertices, faces)
        canvas.image *= np.where(self._floor, 1.0 - _SHADOW * shade, 1.0)[..., None]

    def _shadow(self, vertices: FloatArray, faces: Int32Array) -> FloatArray:
        """Share (H, W) of the key light on the floor that a mesh blocks."""
        light = self._light[:3]
        flat = vertices - (vertices[:, 2:] / light[2]) * light
        flat[:, 2] = 0.0
        rows, columns = self._shape_hw
        small = (rows // _SHADOW_SCALE, columns // _SHADOW_SCALE)
        screen = self._view.to_screen(flat)
        screen[:, :2] = (screen[:, :2] + 0.5) / _SHADOW_SCALE - 0.5
        canvas = Canvas.empty(small, 1)
        canvas.draw(screen, faces, np.ones((len(flat), 1), np.float32), 1)
        canvas.draw(screen, faces, np.ones((len(flat), 1), np.float32), 1, mirrored=True)
        soft = cv2.GaussianBlur(canvas.image[..., 0], (0, 0), 1.6)
        wide = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide, dtype=np.float32)

    def _window(self, actors: list[Actor], time_s: float) -> Window | None:
        """Part of the image that people and their shadows can cover; None if out of view."""
        lows, highs = [], []
        for actor in actors:
            joints_m = pose_keypoints(actor.body, actor.motion.pose(time_s))
            points = np.concatenate(
                [joints_m + offset for offset in ((0.0, 0.0, 0.25), (0.3, 0.3, -0.1),
                                                  (-0.3, -0.3, -0.1), (0.3, -0.3, 0.0),
                                                  (-0.3, 0.3, 0.0))]
            )  # fmt: skip
            light = self._light[:3]
            floor = points - np.maximum(points[:, 2:], 0.0) / light[2] * light
            floor[:, 2] = 0.0
            aid = actor.motion.aid(time_s)
            reach = [points, floor, floor + np.array(0.1), floor - np.array(0.1)]
            if aid is not None:
                reach.append(aid_shape(aid).vertices)
            screen = self._view.to_screen(np.concatenate(reach).astype(np.float32))
            screen = screen[screen[:, 2] > 0.0]
            if len(screen):
                lows.append(screen[:, :2].min(axis=0))
                highs.append(screen[:, :2].max(axis=0))
        if not lows:
            return None
        rows, columns = self._shape_hw
        left, top = np.floor(np.min(lows, axis=0)).astype(int) - _MARGIN_PX
        right, bottom = np.ceil(np.max(highs, axis=0)).astype(int) + _MARGIN_PX
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, columns), min(bottom, rows)
        if left >= right or top >= bottom:
            return None
        return slice(top, bottom), slice(left, right)

    def _people(self, actors: list[Actor], time_s: float, window: Window) -> UInt8Array:
        background = self._static[window].copy()
        shade = np.zeros(background.shape[:2], np.float32)
        for actor in actors:
            vertices = pose_vertices(actor.body.coarse, actor.body, actor.motion.pose(time_s))
            shade = np.maximum(shade, self._shadow(vertices, actor.body.coarse.faces)[window])
        background *= np.where(self._floor[window], 1.0 - _SHADOW * shade, 1.0)[..., None]
        times_s = self._sub_exposures(actors, time_s)
        layer = np.zeros((*background.shape[:2], 4), np.float32)
        for moment_s in times_s:
            layer += self._layer(actors, moment_s, window)
        soft = cv2.GaussianBlur(layer / len(times_s), (0, 0), _EDGE_SIGMA_PX)
        mixed = background * (1.0 - soft[..., 3:]) + soft[..., :3]
        return np.clip(mixed, 0.0, 255.0).astype(np.uint8)

    def _sub_exposures(self, actors: list[Actor], time_s: float) -> list[float]:
        exposure_s = self._scene.rgb.exposure_s
        furthest_px = 0.0
        for actor in actors:
            ends = [
                self._view.to_screen(pose_keypoints(actor.body, actor.motion.pose(moment_s)))
                for moment_s in (time_s, time_s + exposure_s)
            ]
            moved = np.abs(ends[1][:, :2] - ends[0][:, :2])
            furthest_px = max(furthest_px, float(moved.max()))
        count = _SUB_EXPOSURES if furthest_px > _BLUR_FROM_PX else 1
        return [time_s + exposure_s * (n + 0.5) / count for n in range(count)]

    def _layer(self, actors: list[Actor], time_s: float, window: Window) -> FloatArray:
        """People without background (h, w, 4): BGR times coverage, and coverage."""
        inverse_depth = self._inverse_depth[window].copy()
        height, width = inverse_depth.shape
        canvas = Canvas(
            np.zeros((height, width, 4), np.float32),
            inverse_depth,
            np.zeros((height, width), np.uint8),
        )
        origin = np.array((window[1].start, window[0].start, 0.0), np.float32)
        for actor in actors:
            dressed = self._dressed(actor)
            vertices = pose_vertices(dressed.mesh, actor.body, actor.motion.pose(time_s))
            self._draw(canvas, vertices, dressed.mesh.faces, dressed.colour, origin)
            aid = actor.motion.aid(time_s)
            if aid is not None:
                shape = aid_shape(aid)
                self._draw(canvas, shape.vertices, shape.faces, shape.colour, origin)
        return canvas.image

    def _draw(
        self,
        canvas: Canvas,
        vertices: FloatArray,
        faces: Int32Array,
        colour: FloatArray,
        origin: FloatArray,
    ) -> None:
        colours = _shaded(posed_normals(vertices, faces), colour, self._light)
        opaque = np.ones((len(colours), 1), np.float32)
        screen = self._view.to_screen(vertices) - origin
        screen[screen[:, 2] <= 0.0] = 0.0
        canvas.draw(screen, faces, np.concatenate([colours, opaque], axis=1), 1)

    def _dressed(self, actor: Actor) -> DressedBody:
        known, dressed = self._wardrobe.get(actor.person_id, (None, None))
        if known is not actor or dressed is None:
            dressed = dress(actor.body, actor.outfit, "fine")
            self._wardrobe[actor.person_id] = (actor, dressed)
        return dressed

    def _with_noise(self, image: UInt8Array, number: int) -> UInt8Array:
        rng = np.random.default_rng((self._scene.rgb.noise_seed, _FRAME, number))
        top, left = rng.integers(0, _NOISE_MARGIN_PX, 2)
        rows, columns = self._shape_hw
        noise = self._noise[top : top + rows, left : left + columns]
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), dtype=np.uint8)


def _light_constants(scene: Scene) -> FloatArray:
    """Direction to the light and exposure per channel (6,), for the kernels."""
    direction = np.array(scene.room.light_xyz, np.float64)
    direction /= np.linalg.norm(direction)
    exposure = scene.room.light * scene.rgb.gain
    warmth = scene.rgb.warmth
    channels = exposure * np.array((1.0 - warmth, 1.0, 1.0 + warmth))
    return np.concatenate([direction, channels]).astype(np.float32)


def _developed(linear: FloatArray) -> FloatArray:
    """Convert linear light to sRGB, 0 to 255, with the tone curve of a webcam."""
    compressed = linear * (1.0 + 0.18 * linear) / (1.0 + 0.45 * linear)
    return np.asarray(255.0 * np.power(np.clip(compressed, 0.0, 1.0), 1 / 2.2), np.float32)


@njit(cache=True, nogil=True, fastmath=True)
def _shaded(normals: FloatArray, colour: FloatArray, light: FloatArray) -> FloatArray:
    """sRGB (V, 3), 0 to 255, of vertices under hemispherical light and a soft key light."""
    shaded = np.empty_like(colour)
    for v in range(colour.shape[0]):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        key = x * light[0] + y * light[1] + z * light[2]
        key = max(0.75 * key + 0.25, 0.0)
        side = 0.08 * x + 0.05 * y
        lit = 0.42 + 0.16 * z + side + 0.6 * key
        for c in range(3):
            value = max(lit * colour[v, c] * light[3 + c], np.float32(0.0))
            value = value * (1.0 + 0.18 * value) / (1.0 + 0.45 * value)
            shaded[v, c] = 255.0 * min(value, 1.0) ** np.float32(1 / 2.2)
    return shaded


def _noise_bank(shape_hw: tuple[int, int], scene: Scene) -> npt.NDArray[np.int16]:
    """Sensor noise of a slightly larger image; each frame uses a different part of it."""
    rng = np.random.default_rng((scene.rgb.noise_seed, 20))
    rows, columns = shape_hw[0] + _NOISE_MARGIN_PX, shape_hw[1] + _NOISE_MARGIN_PX
    # Demosaicing correlates neighbours; the last line restores the deviation after the blur.
    noise = cv2.GaussianBlur(rng.standard_normal((rows, columns, 3), np.float32), (0, 0), 0.6)
    return np.asarray(np.round(noise * (255.0 * scene.rgb.noise / noise.std())), np.int16)
