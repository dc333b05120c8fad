# SPDX-License-Identifier: Apache-2.0
"""Draw rooms, cameras, sensors and warm objects at random, in the range that wards show."""

from dataclasses import replace
from typing import Final, Literal

import numpy as np

from thermal_pose.imaging.camera_model import LEPTON, RGB_1024, SENXOR, CameraIntrinsics
from thermal_pose.lab.simulation.rooms.scene import (
    CameraPlacement,
    Chair,
    Clock,
    Distractor,
    DistractorKind,
    RgbSensor,
    Room,
    Scene,
    ThermalSensor,
    Triple,
)

Camera = Literal["lepton", "senxor"]
CAMERAS: Final[tuple[Camera, ...]] = ("lepton", "senxor")
#: Kind -> mean and standard deviation of its temperature above the air, K.
_WARMTH: Final[dict[DistractorKind, tuple[float, float]]] = {
    "lamp": (17.0, 8.0),
    "cup": (20.0, 9.0),
    "radiator": (12.0, 6.0),
    "window": (-3.0, 3.0),
    "monitor": (8.0, 3.0),
    "pet": (9.0, 2.0),
    "bed": (3.0, 2.0),
    "table": (20.0, 9.0),
}
_ON_WALL: Final = ("radiator", "window")


def draw_scene(
    rng: np.random.Generator,
    camera: Camera = "lepton",
    distractors: int = 1,
    rate_hz: float = 8.0,
) -> Scene:
    """A room with a chair, and two cameras that see the walkway.

    The cameras are 5.6 to 7 m from the chair, 1 to 2 m high, within 45 degrees of the walkway and
    3 to 8 cm apart. They see a person from the chair to the turn at 3 m.

    Parameters
    ----------
    rng : source of randomness.
    camera : make of the thermal camera.
    distractors : number of warm or cold objects besides the chair.
    rate_hz : frame rate of both cameras.
    """
    thermal = draw_thermal_sensor(rng, camera, rate_hz)
    placement = draw_placement(rng)
    room = draw_room(rng, placement.position_m)
    chair = draw_chair(rng)
    things = tuple(draw_distractor(rng, room, placement.position_m) for _ in range(distractors))
    return Scene(
        room=room,
        chairs=(chair,),
        distractors=things,
        thermal=thermal,
        thermal_placement=placement,
        rgb=draw_rgb_sensor(rng),
        rgb_placement=draw_beside(rng, placement),
        thermal_clock=draw_clock(rng),
        rgb_clock=draw_clock(rng),
        rgb_phase_s=float(rng.uniform(0.0, 0.03)),
        seat_warm_k=float(rng.uniform(0.0, 5.0)),
        seed=int(rng.integers(2**31)),
    )


def draw_placement(rng: np.random.Generator) -> CameraPlacement:
    """A placement of the thermal camera for a Timed Up and Go."""
    azimuth_rad = float(np.clip(rng.normal(0.0, 0.3), -0.78, 0.78))
    distance_m = float(rng.uniform(5.6, 7.0))
    height_m = float(rng.uniform(1.0, 2.0))
    position = (distance_m * np.cos(azimuth_rad), distance_m * np.sin(azimuth_rad), height_m)
    # The turn must be in view: a person there is nearest and appears largest.
    target = (rng.uniform(1.6, 2.2), rng.uniform(-0.1, 0.1), rng.uniform(0.75, 0.95))
    return CameraPlacement(_triple(position), _triple(target), float(rng.normal(0.0, 0.01)))


def draw_beside(rng: np.random.Generator, placement: CameraPlacement) -> CameraPlacement:
    """A placement of the colour camera, 3 to 8 cm beside the thermal one."""
    forward = np.subtract(placement.target_m, placement.position_m)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    shift = rng.choice((-1.0, 1.0)) * rng.uniform(0.03, 0.08) * right
    shift[2] += rng.uniform(-0.03, 0.03)
    target = np.add(placement.target_m, rng.normal(0.0, 0.03, 3))
    position = np.add(placement.position_m, shift)
    return CameraPlacement(_triple(position), _triple(target), float(rng.normal(0.0, 0.008)))


def draw_room(rng: np.random.Generator, camera_m: Triple) -> Room:
    """A room around the walkway and the camera."""
    air_degc = float(np.clip(rng.normal(22.0, 1.5), 17.5, 27.0))
    return Room(
        x_min_m=-float(rng.uniform(0.45, 2.5)),
        x_max_m=max(camera_m[0], 3.6) + float(rng.uniform(0.3, 2.5)),
        y_min_m=min(camera_m[1], 0.0) - float(rng.uniform(1.3, 3.2)),
        y_max_m=max(camera_m[1], 0.0) + float(rng.uniform(1.3, 3.2)),
        height_m=max(float(rng.uniform(2.35, 3.2)), camera_m[2] + 0.2),
        air_degc=air_degc,
        gradient_k=float(rng.uniform(0.2, 2.0)),
        floor_gloss=float(rng.choice((0.0, 0.05, 0.12, 0.22), p=(0.35, 0.35, 0.2, 0.1))),
        light=float(np.clip(rng.lognormal(0.0, 0.25), 0.5, 1.7)),
        light_xyz=_triple((rng.normal(0.2, 0.3), rng.normal(0.0, 0.3), 1.0)),
        texture_seed=int(rng.integers(2**31)),
    )


def draw_chair(rng: np.random.Generator) -> Chair:
    """A chair as the test requires: a seat 44 to 48 cm high, usually with arm rests."""
    seat_m = float(rng.uniform(0.44, 0.48))
    return Chair(
        seat_height_m=seat_m,
        seat_width_m=float(rng.uniform(0.44, 0.54)),
        back_height_m=seat_m + float(rng.uniform(0.32, 0.52)),
        arm_rests=bool(rng.random() < 0.7),
    )


def draw_thermal_sensor(
    rng: np.random.Generator, camera: Camera = "lepton", rate_hz: float = 8.0
) -> ThermalSensor:
    """A thermal camera of the given make, with the spread of real devices.

    Raises
    ------
    ValueError
        The make is unknown.
    """
    if camera not in CAMERAS:
        raise ValueError(f"camera: expected one of {CAMERAS}, got {camera!r}")
    lepton = camera == "lepton"
    netd_k = rng.uniform(0.05, 0.08) if lepton else rng.uniform(0.1, 0.3)
    return ThermalSensor(
        intrinsics=_disturbed(rng, LEPTON if lepton else SENXOR),
        rate_hz=rate_hz,
        netd_k=float(netd_k),
        column_noise_k=float(netd_k * rng.uniform(0.2, 0.7)),
        row_noise_k=float(netd_k * rng.uniform(0.05, 0.3)),
        fixed_pattern_k=float(rng.uniform(0.015, 0.06) * (1.0 if lepton else 2.0)),
        drift_k_per_min=float(rng.uniform(0.02, 0.3)),
        offset_k=float(rng.normal(0.0, 0.7)),
        time_constant_s=float(rng.uniform(0.008, 0.02) if lepton else rng.uniform(0.01, 0.09)),
        psf_sigma_px=float(rng.uniform(0.42, 0.75)),
        quantum_k=0.01 if lepton else 0.1,
        dead_pixels=float(rng.choice((0.0, 0.0004, 0.002), p=(0.6, 0.3, 0.1))),
        shutter=lepton,
        shutter_period_s=float(rng.uniform(120.0, 240.0)),
        shutter_freeze_s=float(rng.uniform(0.3, 0.9)),
        noise_seed=int(rng.integers(2**31)),
    )


def draw_rgb_sensor(rng: np.random.Generator) -> RgbSensor:
    """A webcam with random noise, exposure time and white balance."""
    return RgbSensor(
        intrinsics=_disturbed(rng, RGB_1024),
        noise=float(rng.uniform(0.006, 0.022)),
        exposure_s=float(rng.uniform(0.006, 0.03)),
        gain=float(rng.uniform(0.8, 1.25)),
        warmth=float(np.clip(rng.normal(0.0, 0.06), -0.15, 0.15)),
        noise_seed=int(rng.integers(2**31)),
    )


def draw_clock(rng: np.random.Generator) -> Clock:
    """A clock stamped by the host: some milliseconds of delay, drift and jitter."""
    return Clock(
        offset_s=float(rng.uniform(0.0, 0.02)),
        drift_ppm=float(rng.normal(0.0, 20.0)),
        jitter_s=float(rng.uniform(0.0005, 0.004)),
    )


def draw_distractor(
    rng: np.random.Generator, room: Room, camera_m: Triple, keep_clear_m: float = 0.75
) -> Distractor:
    """A warm or cold object beside the walkway; radiators and windows are at a wall.

    Parameters
    ----------
    rng : source of randomness.
    room : room of the object.
    camera_m : position of the camera, whose view of the walkway stays free.
    keep_clear_m : half the width of the walkway.
    """
    kinds = tuple(_WARMTH)
    kind = kinds[int(rng.choice(len(kinds), p=(0.18, 0.12, 0.18, 0.12, 0.1, 0.1, 0.1, 0.1)))]
    mean_k, sd_k = _WARMTH[kind]
    warm_k = float(np.clip(rng.normal(mean_k, sd_k), -12.0, 55.0))
    scale = float(rng.uniform(0.8, 1.25))
    if kind in _ON_WALL:
        return Distractor(kind, *_at_wall(rng, room, warm_k, scale))
    position = _beside_walkway(rng, room, camera_m, keep_clear_m)
    height_m = float(rng.uniform(0.5, 1.1)) if kind == "cup" else 0.0
    return Distractor(kind, (*position, height_m), warm_k, float(rng.uniform(-np.pi, np.pi)), scale)


def draw_lure(rng: np.random.Generator, kind: DistractorKind) -> Distractor:
    """A warm object right beside the chair, where it may be taken for the person tested."""
    mean_k, sd_k = _WARMTH[kind]
    warm_k = float(np.clip(rng.normal(mean_k, sd_k), 0.5 * mean_k, 1.5 * mean_k))
    side = float(rng.choice((-1.0, 1.0)))
    place = (float(rng.uniform(-0.3, 0.3)), side * float(rng.uniform(0.65, 0.9)), 0.0)
    # Radiators face the room; lamps and animals stand as they like.
    yaw_rad = 0.0 if kind in _ON_WALL else float(rng.uniform(-np.pi, np.pi))
    return Distractor(kind, place, warm_k, yaw_rad)


def _at_wall(
    rng: np.random.Generator, room: Room, warm_k: float, scale: float
) -> tuple[Triple, float, float, float]:
    if rng.random() < 0.5:
        y_m = rng.uniform(room.y_min_m + 0.7, room.y_max_m - 0.7)
        return (room.x_min_m + 0.08, float(y_m), 0.0), warm_k, 0.0, scale
    x_m = float(rng.uniform(0.0, 3.0))
    if rng.random() < 0.5:
        return (x_m, room.y_min_m + 0.08, 0.0), warm_k, float(np.pi / 2), scale
    return (x_m, room.y_max_m - 0.08, 0.0), warm_k, float(-np.pi / 2), scale


def _beside_walkway(
    rng: np.random.Generator, room: Room, camera_m: Triple, keep_clear_m: float
) -> tuple[float, float]:
    """A free floor point beside the walkway; if none is found, one in a corner behind the chair."""
    for _ in range(30):
        x_m = float(rng.uniform(room.x_min_m + 0.3, 4.0))
        y_m = float(rng.uniform(room.y_min_m + 0.3, room.y_max_m - 0.3))
        free = abs(y_m) > keep_clear_m + 0.3
        far = np.hypot(x_m - camera_m[0], y_m - camera_m[1]) > 1.8
        # Keep off the line from the camera to the chair.
        share = np.clip((camera_m[0] - x_m) / max(camera_m[0], 1e-6), 0.0, 1.0)
        off_sight = abs(y_m - camera_m[1] * (1.0 - share)) > 0.5
        if free and far and off_sight:
            return x_m, y_m
    return room.x_min_m + 0.3, room.y_max_m - 0.4


def _disturbed(rng: np.random.Generator, nominal: CameraIntrinsics) -> CameraIntrinsics:
    """Manufacturing spread: 2 % of the focal length, 1 % of the size, mild barrel distortion."""
    width, height = nominal.size_wh
    focal_px = nominal.fx_px * float(rng.normal(1.0, 0.02))
    k1 = float(rng.uniform(-0.2, 0.03))
    return replace(
        nominal,
        fx_px=focal_px,
        fy_px=focal_px * float(rng.normal(1.0, 0.004)),
        cx_px=nominal.cx_px + float(rng.normal(0.0, 0.01 * width)),
        cy_px=nominal.cy_px + float(rng.normal(0.0, 0.01 * height)),
        distortion=(k1, float(rng.uniform(0.0, 0.15) * -k1), 0.0, 0.0, 0.0),
    )


def _triple(values: object) -> Triple:
    x, y, z = np.asarray(values, dtype=np.float64)
    return float(x), float(y), float(z)
