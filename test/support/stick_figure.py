# SPDX-License-Identifier: Apache-2.0
"""A stick figure that does a Timed Up and Go in front of a pinhole camera: analytic input."""

from dataclasses import dataclass

import numpy as np

from thermal_pose.types import (
    NS_PER_S,
    TIMED_PHASES,
    Float64Array,
    FrameKeypoints,
    PersonBox,
    PersonKeypoints,
    PhaseInterval,
    TugTiming,
)

EDGES_S = (2.0, 3.4, 5.8, 7.6, 10.0, 11.4, 12.6)
HIP_M, SEAT_M, THIGH_M, TRUNK_M = 0.92, 0.5, 0.42, 0.5


@dataclass(frozen=True)
class Figure:
    """A trial to draw: boundaries, camera, noise. `edges_s` are the seven true boundaries."""

    edges_s: tuple[float, ...] = EDGES_S
    end_s: float = 15.0
    rate_hz: float = 8.0
    camera_m: tuple[float, float, float] = (6.0, 0.8, 1.4)
    focal_px: float = 84.0
    noise_px: float = 0.5
    seed: int = 0
    track_id: int = 1

    @property
    def truth(self) -> TugTiming:
        edges = self.edges_s
        return TugTiming(
            0, tuple(PhaseInterval(p, edges[k], edges[k + 1]) for k, p in enumerate(TIMED_PHASES))
        )

    def frames(self, origin_ns: int = 1_000_000_000) -> list[FrameKeypoints]:
        """One frame each 1 / rate_hz from 0 to `end_s`."""
        rng = np.random.default_rng(self.seed)
        return [
            self.frame(float(t), origin_ns, rng)
            for t in np.arange(0.0, self.end_s, 1.0 / self.rate_hz)
        ]

    def joints(self, t_s: float) -> Float64Array:
        """(17, 3) joints in the room at one time."""
        return joints_at(t_s, self.edges_s)

    def frame(self, t_s: float, origin_ns: int, rng: np.random.Generator) -> FrameKeypoints:
        xy = self.project(self.joints(t_s)) + rng.normal(0, self.noise_px, (17, 2))
        low, high = xy.min(axis=0) - 2, xy.max(axis=0) + 2
        person = PersonKeypoints(
            self.track_id,
            PersonBox((*low.tolist(), *high.tolist()), 0.9, self.track_id),
            xy.astype(np.float32),
            np.full(17, 0.9, np.float32),
        )
        stamp_ns = origin_ns + round(t_s * NS_PER_S)
        return FrameKeypoints(stamp_ns, "thermal", "figure-000000000000", (80, 60), (person,))

    def project(self, joints_m: Float64Array) -> Float64Array:
        camera = np.array(self.camera_m)
        forward = np.array([1.5, 0.0, 0.9]) - camera
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        seen = (joints_m - camera) @ np.stack([right, down, forward], axis=1)
        return seen[:, :2] / seen[:, 2:] * self.focal_px + np.array([39.5, 29.5])


def joints_at(t_s: float, edges_s: tuple[float, ...]) -> Float64Array:
    """(17, 3) joints in the room frame at one time."""
    stand0, walk0, turn0, back0, last0, sit0, seat = edges_s
    knots = np.array([stand0, walk0, turn0, back0, last0, sit0, seat])
    rise = np.interp(t_s, knots, [0.0, 1, 1, 1, 1, 1, 0.0])
    x = np.interp(t_s, knots, [0.0, 0.25, 2.9, 2.9, 0.35, 0.2, 0.0])
    yaw = np.interp(t_s, [turn0, back0, last0, sit0], [0.0, np.pi, np.pi, 2 * np.pi])
    swing = 0.2 * np.sin(2 * np.pi * 0.9 * t_s) if walk0 < t_s < last0 else 0.0
    return body_at(rise, x, yaw, swing)


def body_at(
    rise: float, x: float, yaw: float, swing: float = 0.0, seat_m: float = SEAT_M
) -> Float64Array:
    """(17, 3) joints of a body that is 0 seated .. 1 standing, at a place and a heading.

    Parameters
    ----------
    swing : how far the left leg is before the right one, half of it, m.
    seat_m : height of the hips of the seated body, m.
    """
    hip = seat_m + (HIP_M - seat_m) * rise
    lean = 0.6 * np.sin(np.pi * rise) * (1 - rise) * 2
    body = np.zeros((17, 3))  # forward, left, up
    reach = THIGH_M * (1 - rise)

    def side(left: int, forward: float, width: float, up: float) -> None:
        body[left] = (forward, width, up)
        body[left + 1] = (forward, -width, up)

    top, ahead = hip + TRUNK_M * np.cos(lean), TRUNK_M * np.sin(lean)
    body[0] = (ahead + 0.12, 0.0, top + 0.2)
    side(1, ahead + 0.1, 0.03, top + 0.23)
    side(3, ahead, 0.07, top + 0.22)
    side(5, ahead, 0.19, top)
    side(7, ahead, 0.24, top - 0.28)
    side(9, ahead + 0.1, 0.24, top - 0.5)
    side(11, 0.0, 0.11, hip)
    side(13, reach, 0.1, 0.48)
    side(15, reach, 0.1, 0.08)
    body[13, 0] += swing
    body[15, 0] += swing
    body[14, 0] -= swing
    body[16, 0] -= swing
    turn = np.array([[np.cos(yaw), np.sin(yaw), 0], [-np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return body @ turn + np.array([x, 0.0, 0.0])


@dataclass(frozen=True)
class Course(Figure):
    """A figure that follows knots: (time, rise, place, heading) each, linear in between.

    `floor_from_s` : from then on, sitting is sitting on the floor.
    """

    knots: tuple[tuple[float, float, float, float], ...] = ()
    floor_from_s: float = np.inf

    def joints(self, t_s: float) -> Float64Array:
        times, *curves = (np.array(column) for column in zip(*self.knots, strict=True))
        rise, x, yaw = (float(np.interp(t_s, times, curve)) for curve in curves)
        before = float(np.interp(t_s - 0.1, times, curves[1]))
        swing = 0.2 * np.sin(2 * np.pi * 0.9 * t_s) if abs(x - before) > 0.02 else 0.0
        seat_m = 0.16 if t_s >= self.floor_from_s else SEAT_M
        return body_at(rise, x, yaw, swing, seat_m)
