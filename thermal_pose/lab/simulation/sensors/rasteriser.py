# SPDX-License-Identifier: Apache-2.0
"""A z-buffer rasteriser with interpolated vertex attributes, compiled by numba.

Buffers contain the *inverse* depth (larger is nearer). It is linear on the screen, so no division
per pixel is needed. Attributes are interpolated without perspective correction, because triangles
are only a few pixels large. All kernels release the GIL.
"""

from dataclasses import dataclass

import numpy as np

from thermal_pose.imaging.camera_model import CameraModel
from thermal_pose.lab.simulation.jit import njit
from thermal_pose.types import Float64Array, FloatArray, Int32Array, Int64Array, UInt8Array

#: Least depth of what is drawn, m.
NEAR_M = 0.12


@dataclass(frozen=True)
class View:
    """A camera whose image is rasterised at `scale` times its resolution.

    Attributes
    ----------
    camera : geometry of the camera.
    scale : sub-pixels per pixel along each axis.
    """

    camera: CameraModel
    scale: int = 1

    @property
    def shape_hw(self) -> tuple[int, int]:
        """Rows and columns of the supersampled image."""
        width, height = self.camera.intrinsics.size_wh
        return height * self.scale, width * self.scale

    def to_screen(self, vertices_m: FloatArray) -> FloatArray:
        """Project vertices (V, 3) in the room, m.

        Returns
        -------
        screen : (V, 3) column and row in sub-pixels (0 is the centre of the first one) and inverse
            depth, 1/m; the inverse depth is 0 behind the camera or nearer than `NEAR_M`.
        """
        lens, pose = self.camera.intrinsics, self.camera.pose
        constants = np.array(
            (lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px, *lens.distortion), np.float32
        )
        return _to_screen(
            vertices_m,
            pose.rotation.astype(np.float32),
            pose.translation_m.astype(np.float32),
            constants,
            np.float32(self.scale),
        )

    def pixels(self, sub_pixels: Float64Array) -> Float64Array:
        """Convert sub-pixel coordinates along either axis to pixels."""
        return (sub_pixels + 0.5) / self.scale - 0.5


@dataclass
class Canvas:
    """Buffers into which meshes are drawn.

    Attributes
    ----------
    image : (H, W, C) float32 attributes of the nearest surface.
    inverse_depth : (H, W) float32, 1/m along the optical axis.
    ids : (H, W) uint8 number of the nearest object; 0 for the static scene.
    """

    image: FloatArray
    inverse_depth: FloatArray
    ids: UInt8Array

    @classmethod
    def empty(cls, shape_hw: tuple[int, int], channels: int) -> "Canvas":
        """An empty canvas: everything is infinitely far away."""
        return cls(
            np.zeros((*shape_hw, channels), np.float32),
            np.zeros(shape_hw, np.float32),
            np.zeros(shape_hw, np.uint8),
        )

    def copy(self) -> "Canvas":
        """An independent copy."""
        return Canvas(self.image.copy(), self.inverse_depth.copy(), self.ids.copy())

    def draw(
        self,
        screen: FloatArray,
        faces: Int32Array,
        attributes: FloatArray,
        object_id: int,
        mirrored: bool = False,
    ) -> None:
        """Draw a mesh.

        Parameters
        ----------
        screen : (V, 3) from `View.to_screen`.
        faces : (F, 3); faces that point away from the camera are skipped.
        attributes : (V, C) float32.
        object_id : number written to `ids`.
        mirrored : whether the mesh was mirrored, so that its faces run clockwise.
        """
        _draw(
            screen,
            faces,
            attributes,
            np.uint8(object_id),
            np.float32(-1.0 if mirrored else 1.0),
            self.image,
            self.inverse_depth,
            self.ids,
        )


@njit(cache=True, nogil=True, fastmath=True)
def _to_screen(
    vertices: FloatArray,
    rotation: FloatArray,
    translation: FloatArray,
    lens: FloatArray,
    scale: np.float32,
) -> FloatArray:
    screen = np.empty((vertices.shape[0], 3), np.float32)
    near = np.float32(NEAR_M)
    for v in range(vertices.shape[0]):
        a, b, c = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        z = rotation[2, 0] * a + rotation[2, 1] * b + rotation[2, 2] * c + translation[2]
        if z < near:
            screen[v, 0], screen[v, 1], screen[v, 2] = 0.0, 0.0, 0.0
            continue
        x = rotation[0, 0] * a + rotation[0, 1] * b + rotation[0, 2] * c + translation[0]
        y = rotation[1, 0] * a + rotation[1, 1] * b + rotation[1, 2] * c + translation[1]
        inverse = np.float32(1.0) / z
        x *= inverse
        y *= inverse
        # Beyond 65 degrees off the axis, the distortion model would map rays back into the image.
        r2 = min(x * x + y * y, np.float32(4.6))
        radial = np.float32(1.0) + r2 * (lens[4] + r2 * (lens[5] + r2 * lens[8]))
        radial = max(radial, np.float32(0.35))
        xd = x * radial + 2.0 * lens[6] * x * y + lens[7] * (r2 + 2.0 * x * x)
        yd = y * radial + lens[6] * (r2 + 2.0 * y * y) + 2.0 * lens[7] * x * y
        screen[v, 0] = (lens[0] * xd + lens[2] + 0.5) * scale - 0.5
        screen[v, 1] = (lens[1] * yd + lens[3] + 0.5) * scale - 0.5
        screen[v, 2] = inverse
    return screen


@njit(cache=True, nogil=True, fastmath=True)
def _draw(
    screen: FloatArray,
    faces: Int32Array,
    attributes: FloatArray,
    object_id: np.uint8,
    sign: np.float32,
    image: FloatArray,
    inverse_depth: FloatArray,
    ids: UInt8Array,
) -> None:
    height, width = inverse_depth.shape
    channels = attributes.shape[1]
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, d0 = screen[i, 0], screen[i, 1], screen[i, 2]
        x1, y1, d1 = screen[j, 0], screen[j, 1], screen[j, 2]
        x2, y2, d2 = screen[k, 0], screen[k, 1], screen[k, 2]
        if d0 == 0.0 or d1 == 0.0 or d2 == 0.0:
            continue
        # The image's y axis points down, so faces towards the camera have a negative area.
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area * sign >= 0.0:
            continue
        left = max(int(np.ceil(min(x0, x1, x2))), 0)
        right = min(int(np.floor(max(x0, x1, x2))), width - 1)
        top = max(int(np.ceil(min(y0, y1, y2))), 0)
        bottom = min(int(np.floor(max(y0, y1, y2))), height - 1)
        if left > right or top > bottom:
            continue
        inverse_area = np.float32(1.0) / area
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                w0 = ((x1 - column) * (y2 - row) - (x2 - column) * (y1 - row)) * inverse_area
                w1 = ((x2 - column) * (y0 - row) - (x0 - column) * (y2 - row)) * inverse_area
                w2 = np.float32(1.0) - w0 - w1
                if w0 < 0.0 or w1 < 0.0 or w2 < 0.0:
                    continue
                depth = w0 * d0 + w1 * d1 + w2 * d2
                if depth <= inverse_depth[row, column]:
                    continue
                inverse_depth[row, column] = depth
                ids[row, column] = object_id
                for c in range(channels):
                    image[row, column, c] = (
                        w0 * attributes[i, c] + w1 * attributes[j, c] + w2 * attributes[k, c]
                    )


@njit(cache=True, nogil=True, fastmath=True)
def posed_normals(vertices: FloatArray, faces: Int32Array) -> FloatArray:
    """Unit normals (V, 3) of a posed mesh, weighted by face area; zero for unused vertices."""
    normals = np.zeros_like(vertices)
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        ax, ay, az = vertices[j, 0] - x, vertices[j, 1] - y, vertices[j, 2] - z
        bx, by, bz = vertices[k, 0] - x, vertices[k, 1] - y, vertices[k, 2] - z
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for v in (i, j, k):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(vertices.shape[0]):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        if length > 0.0:
            for n in range(3):
                normals[v, n] /= length
    return normals


@njit(cache=True, nogil=True)
def silhouettes(ids: UInt8Array, count: int) -> Int64Array:
    """Extents of all objects on a canvas.

    Returns
    -------
    extents : (count + 1, 5) int64: first and last column, first and last row, and number of
        sub-pixels; row 0 is unused.
    """
    extents = np.zeros((count + 1, 5), np.int64)
    extents[:, 0], extents[:, 2] = ids.shape[1], ids.shape[0]
    extents[:, 1], extents[:, 3] = -1, -1
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            n = ids[row, column]
            if n == 0 or n > count:
                continue
            extents[n, 0] = min(extents[n, 0], column)
            extents[n, 1] = max(extents[n, 1], column)
            extents[n, 2] = min(extents[n, 2], row)
            extents[n, 3] = max(extents[n, 3], row)
            extents[n, 4] += 1
    return extents
