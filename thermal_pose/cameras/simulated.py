# SPDX-License-Identifier: Apache-2.0
"""A camera for those who own none: it watches the simulated clinic, live.

Thermal and colour cameras of the same preset and seed are in step with each other, in one
process or two: what they show follows from the host's wall clock.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from thermal_pose.cameras.base import CameraIdentity, CapturedFrame
from thermal_pose.errors import CameraDisconnectedError
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.imaging.camera_model import CameraIntrinsics
from thermal_pose.lab.simulation.recordings.live import LiveClinic
from thermal_pose.types import NS_PER_S


class SimulatedCamera:
    """One of the two cameras of the simulated clinic; a `Camera`.

    Parameters
    ----------
    preset, seed : whose trials are shown (see `simulation.presets`).
    colour : the colour camera instead of the thermal one.
    bodies : folder of baked bodies; the user's cache if None.
    now_ns : wall clock.
    """

    def __init__(
        self,
        preset: str,
        seed: int,
        *,
        colour: bool = False,
        bodies: Path | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._preset, self._seed, self._colour, self._bodies = preset, seed, colour, bodies
        self._now_ns = now_ns
        self._clinic: LiveClinic | None = None
        self._last_tick = -1

    @property
    def ended(self) -> bool:
        """Never: the clinic does not close."""
        return False

    def open(self) -> CameraIdentity:
        """Plan the trials and render one frame, so that the first read comes in time.

        Raises
        ------
        SimulationError
            There is no such preset.
        MissingExtraError
            The `sim` extra is not installed and its bodies are not cached.
        """
        clinic = LiveClinic(self._preset, self._seed, self._bodies)
        self._clinic = clinic
        self._render(clinic, clinic.tick_at(self._now_ns()))
        self._last_tick = clinic.tick_at(self._now_ns())
        lens = self._intrinsics(clinic)
        return CameraIdentity(
            backend="simulated",
            model=f"simulated {'colour' if self._colour else 'thermal'} camera",
            serial=f"sim-{self._preset}-{self._seed}",
            image_wh=lens.size_wh,
            rate_hz=clinic.rate_hz,
            info=CameraInfo(lens.size_wh, lens.matrix, np.array(lens.distortion)),
        )

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next frame at its time; frames that a slow reader missed are skipped.

        Raises
        ------
        CameraDisconnectedError
            The camera is not open.
        """
        clinic = self._clinic
        if clinic is None:
            raise CameraDisconnectedError("the simulated camera is not open")
        now_ns = self._now_ns()
        tick = max(self._last_tick + 1, clinic.tick_at(now_ns))
        wait_s = (clinic.time_of(tick) - now_ns) / NS_PER_S
        if wait_s > timeout_s:
            time.sleep(timeout_s)
            return None
        time.sleep(max(wait_s, 0.0))
        self._last_tick = tick
        return self._render(clinic, tick)

    def close(self) -> None:
        """Forget the clinic."""
        self._clinic = None

    def _intrinsics(self, clinic: LiveClinic) -> CameraIntrinsics:
        scene = clinic.scene
        return scene.rgb.intrinsics if self._colour else scene.thermal.intrinsics

    def _render(self, clinic: LiveClinic, tick: int) -> CapturedFrame:
        if self._colour:
            rgb = clinic.rgb(tick)
            return CapturedFrame(rgb.bgr, time.monotonic_ns(), rgb.stamp_ns)
        thermal = clinic.thermal(tick)
        return CapturedFrame(thermal.centikelvin, time.monotonic_ns(), thermal.stamp_ns)


def make_simulated_thermal(preset: str, seed: int) -> SimulatedCamera:
    """The thermal camera of the simulated clinic."""
    return SimulatedCamera(preset, seed)


def make_simulated_rgb(preset: str, seed: int) -> SimulatedCamera:
    """The colour camera of the simulated clinic."""
    return SimulatedCamera(preset, seed, colour=True)
