# SPDX-License-Identifier: Apache-2.0
"""Radiometry and thermal lens: radiance, emissivity, blur and sampling."""

from typing import Final, cast, overload

import cv2
import numpy as np

from thermal_pose.lab.simulation.jit import njit
from thermal_pose.types import FloatArray

ZERO_DEGC_K: Final = 273.15
_SCALE_K: Final = 300.0
#: Emissivity of skin, cloth and paint at normal incidence, and its loss towards grazing angles
#: (constant up to about 60 degrees for dielectrics, then falling steeply).
EMISSIVITY: Final = 0.97
_GRAZING_LOSS: Final = 0.25
_FALL: Final = 4.0


@overload
def radiance(temperature_degc: float) -> float: ...
@overload
def radiance(temperature_degc: FloatArray) -> FloatArray: ...
def radiance(temperature_degc: FloatArray | float) -> FloatArray | float:
    """Radiance of a black body relative to that at 300 K: the fourth power of the temperature."""
    ratio = (temperature_degc + ZERO_DEGC_K) / _SCALE_K
    squared = ratio * ratio
    return cast("FloatArray | float", squared * squared)


def temperature(relative_radiance: FloatArray) -> FloatArray:
    """Temperature of a black body from its relative radiance, degC; inverts `radiance`."""
    return np.sqrt(np.sqrt(relative_radiance)) * np.float32(_SCALE_K) - np.float32(ZERO_DEGC_K)


def emissivity(cosine: FloatArray) -> FloatArray:
    """Emissivity of a surface by the cosine, 0 to 1, of the angle between ray and normal."""
    grazing = (1.0 - np.clip(cosine, 0.0, 1.0)) ** _FALL
    return np.asarray(EMISSIVITY - _GRAZING_LOSS * grazing, dtype=np.float32)


@njit(cache=True, nogil=True, fastmath=True)
def emitted(
    vertices: FloatArray,
    normals: FloatArray,
    camera_m: FloatArray,
    own: FloatArray,
    surroundings: np.float32,
) -> FloatArray:
    """Radiance (V, 1) from each vertex towards the camera, emitted and reflected.

    Parameters
    ----------
    vertices, normals : (V, 3) positions, m, and unit normals.
    camera_m : (3,) position of the camera.
    own : (V,) radiance of a black body with the temperature of the vertex.
    surroundings : radiance of the surroundings, which the surface reflects.
    """
    leaving = np.empty((vertices.shape[0], 1), np.float32)
    for v in range(vertices.shape[0]):
        dx = camera_m[0] - vertices[v, 0]
        dy = camera_m[1] - vertices[v, 1]
        dz = camera_m[2] - vertices[v, 2]
        dot = dx * normals[v, 0] + dy * normals[v, 1] + dz * normals[v, 2]
        cosine = min(max(dot / np.sqrt(dx * dx + dy * dy + dz * dz), 0.0), 1.0)
        g = (np.float32(1.0) - cosine) ** 2
        emission = np.float32(EMISSIVITY) - np.float32(_GRAZING_LOSS) * g * g
        leaving[v, 0] = surroundings + emission * (own[v] - surroundings)
    return leaving


def sample_pixels(supersampled: FloatArray, scale: int, psf_sigma_px: float) -> FloatArray:
    """Blur an image with the optics and integrate it over the areas of the pixels.

    Parameters
    ----------
    supersampled : (H * scale, W * scale) float32.
    scale : sub-pixels per pixel along each axis.
    psf_sigma_px : standard deviation of the point spread function, px of the sensor.

    Returns
    -------
    sampled : (H, W) float32.
    """
    height, width = supersampled.shape
    size_wh = (width // scale, height // scale)
    # Blurring at twice the sensor's resolution takes a quarter of the time of blurring at four
    # times; the result at an edge differs by up to 2 %.
    if scale % 2 == 0:
        half_wh = (2 * size_wh[0], 2 * size_wh[1])
        image = cv2.resize(supersampled, half_wh, interpolation=cv2.INTER_AREA)
        scale = 2
    else:
        image = supersampled.astype(np.float32)
    if psf_sigma_px > 0.0:
        sigma = psf_sigma_px * scale
        image = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    sampled = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(sampled, dtype=np.float32)
