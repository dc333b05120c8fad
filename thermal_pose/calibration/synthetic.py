# SPDX-License-Identifier: Apache-2.0
"""Synthetic views of a spot target by two cameras with known geometry, to test calibration.

Each pixel is a mean over sub-pixel rays through the distorted lens, intersected with the plane of
the target; blur, noise and quantisation follow.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.calibration.target import SpotTarget
from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.types import (
    BoolArray,
    Float64Array,
    FloatArray,
    RgbFrame,
    ThermalFrame,
    UInt8Array,
    UInt16Array,
)


@dataclass(frozen=True)
class TargetLook:
    """Appearance of the target.

    Attributes
    ----------
    border_m : width of the sheet beyond the outer spots.
    spot_degc, sheet_degc, room_degc : temperatures.
    """

    border_m: float = 0.07
    spot_degc: float = 36.0
    sheet_degc: float = 24.0
    room_degc: float = 21.0


def coverage(
    lens: CameraIntrinsics, pose: CameraPose, target: SpotTarget, look: TargetLook, fine: int
) -> tuple[Float64Array, Float64Array]:
    """Shares (H, W) of each pixel that show a spot, and that show the sheet (spots included)."""
    rays = _fine_rays(lens, fine)
    # Camera axes: the plane through the target's origin with the target's z as normal.
    normal, origin = pose.rotation[:, 2], pose.translation_m
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (origin @ normal) / (rays @ normal)
        on_plane = (rays * distance[..., None] - origin) @ pose.rotation
    columns, rows = target.grid_wh
    place = on_plane[..., :2] / target.spacing_m
    nearest = np.clip(np.rint(place), 0, (columns - 1, rows - 1))
    spot = np.linalg.norm(place - nearest, axis=-1) * target.spacing_m < target.radius_m
    reach = look.border_m / target.spacing_m
    sheet = ((place > -reach) & (place < np.array([columns - 1, rows - 1]) + reach)).all(axis=-1)
    in_front = distance > 0
    return _shrink(spot & in_front, lens.size_wh), _shrink(sheet & in_front, lens.size_wh)


@lru_cache(maxsize=4)
def _fine_rays(lens: CameraIntrinsics, fine: int) -> FloatArray:
    """Rays (H * fine, W * fine, 3) through sub-pixels; removing the distortion is slow."""
    width, height = lens.size_wh
    x = (np.arange(width * fine) + 0.5) / fine - 0.5
    y = (np.arange(height * fine) + 0.5) / fine - 0.5
    return lens.to_rays(np.stack(np.meshgrid(x, y), axis=-1)).astype(np.float32)


def _shrink(mask: BoolArray, size_wh: tuple[int, int]) -> Float64Array:
    small = cv2.resize(mask.astype(np.float32), size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float64)


def thermal_view(
    lens: CameraIntrinsics,
    pose: CameraPose,
    target: SpotTarget,
    rng: np.random.Generator,
    look: TargetLook | None = None,
    netd_k: float = 0.06,
    psf_sigma_px: float = 0.55,
) -> UInt16Array:
    """Thermal image (H, W) of warm spots on a sheet, centikelvin; `pose` is target to camera."""
    look = look or TargetLook()
    spot, sheet = coverage(lens, pose, target, look, fine=8)
    degc = (
        look.room_degc
        + (look.sheet_degc - look.room_degc) * sheet
        + (look.spot_degc - look.sheet_degc) * spot
    )
    degc = np.asarray(cv2.GaussianBlur(degc, (0, 0), psf_sigma_px), dtype=np.float64)
    degc += rng.normal(0.0, netd_k, degc.shape)
    return np.rint((degc + 273.15) * 100).astype(np.uint16)


def rgb_view(
    lens: CameraIntrinsics,
    pose: CameraPose,
    target: SpotTarget,
    rng: np.random.Generator,
    look: TargetLook | None = None,
    noise: float = 3.0,
) -> UInt8Array:
    """Colour image (H, W, 3) uint8: dark spots on a white sheet in front of a grey wall."""
    spot, sheet = coverage(lens, pose, target, look or TargetLook(), fine=1)
    grey = cv2.GaussianBlur(110.0 + 120.0 * sheet - 190.0 * spot, (0, 0), 0.7)
    grey = grey + rng.normal(0.0, noise, grey.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def random_pose(
    target: SpotTarget, rng: np.random.Generator, distance_m: tuple[float, float] = (0.75, 1.1)
) -> CameraPose:
    """A random pose (target to camera) of a tilted target in the view of a camera."""
    tilt = rng.uniform(-0.6, 0.6, 2)
    turn = np.array([tilt[0], tilt[1], rng.uniform(-0.15, 0.15)])
    rotation = np.asarray(cv2.Rodrigues(turn)[0], dtype=np.float64)
    columns, rows = target.grid_wh
    middle = np.array([columns - 1, rows - 1, 0]) / 2 * target.spacing_m
    depth_m = rng.uniform(*distance_m)
    place = np.array([*(rng.uniform(-0.14, 0.14, 2) * depth_m), depth_m])
    return CameraPose(rotation, place - rotation @ middle)


_EXAMPLE_THERMAL = CameraIntrinsics((80, 60), 83.2, 83.9, 38.6, 30.1, (-0.21, 0.06, 0.0, 0.0, 0.0))
_EXAMPLE_RGB = CameraIntrinsics(
    (1024, 576), 748.0, 749.5, 515.0, 284.0, (0.04, -0.08, 0.0, 0.0, 0.0)
)


@dataclass(frozen=True)
class SyntheticRig:
    """Two cameras with known geometry, mounted as in a clinic."""

    thermal: CameraIntrinsics = _EXAMPLE_THERMAL
    rgb: CameraIntrinsics = _EXAMPLE_RGB
    baseline_m: tuple[float, float, float] = (0.05, 0.004, 0.01)
    turn_rad: tuple[float, float, float] = (0.01, -0.02, 0.006)

    @property
    def rgb_to_thermal(self) -> CameraPose:
        """The true pose of the thermal camera relative to the RGB camera."""
        rotation = np.asarray(cv2.Rodrigues(np.array(self.turn_rad))[0], dtype=np.float64)
        return CameraPose(rotation, np.array(self.baseline_m))

    def thermal_pose_of(self, rgb_pose: CameraPose) -> CameraPose:
        """Convert a pose from target to RGB camera into one from target to thermal camera."""
        between = self.rgb_to_thermal
        return CameraPose(
            between.rotation @ rgb_pose.rotation,
            between.rotation @ rgb_pose.translation_m + between.translation_m,
        )


def write_example(
    path: Path,
    rig: SyntheticRig | None = None,
    target: SpotTarget | None = None,
    n_poses: int = 18,
    seed: int = 0,
) -> None:
    """Write a recording of a target held still in `n_poses` poses for three frames each.

    Raises
    ------
    StorageError
        The recording cannot be written.
    """
    rig, target = rig or SyntheticRig(), target or SpotTarget()
    rng = np.random.default_rng(seed)
    period_ns, start_ns = 125_000_000, 1_700_000_000_000_000_000
    with BagWriter(path, custom_data={"simulated": "calibration target"}) as bag:
        for number in range(n_poses):
            pose = random_pose(target, rng)
            thermal_pose = rig.thermal_pose_of(pose)
            # The colour image of a target held still does not change but for its noise.
            bgr = rgb_view(rig.rgb, pose, target, rng)
            for repeat in range(3):
                stamp_ns = start_ns + (3 * number + repeat) * period_ns
                image = thermal_view(rig.thermal, thermal_pose, target, rng)
                thermal = ThermalFrame(stamp_ns, "thermal_camera", image)
                rgb = RgbFrame(stamp_ns + 7_000_000, "rgb_camera", bgr)
                bag.write(schema.THERMAL_IMAGE, stamp_ns, thermal_message(schema.message, thermal))
                bag.write(
                    schema.RGB_COMPRESSED,
                    stamp_ns,
                    rgb_message(schema.message, rgb, jpeg_quality=95),
                )
