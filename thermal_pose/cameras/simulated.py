# SPDX-License-Identifier: Apache-2.0
"""A camera that watches the simulated clinic, live.

Thermal and colour cameras of the same preset and seed are in step, in one process or two: what
they show follows from the host's wall clock.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from thermal_pose.cameras.base import CameraIdentity, CapturedFrame
from thermal_pose.errors import CameraDisconnectedError
from thermal_pose.imaging.camera_info import camera_info_of
from thermal_pose.imaging.camera_model import CameraIntrinsics
from thermal_pose.lab.simulation.recordings.live import LiveClinic
from thermal_pose.types import NS_PER_S

_POLL_S = 0.1


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
        self._cancelled = threading.Event()
        self.activity = ""

    @property
    def ended(self) -> bool:
        """False: the clinic does not close."""
        return False

    def open(self) -> CameraIdentity:
        """Plan the trials and render one frame, so that the first read comes in time.

        Missing bodies are built in a process of their own, which `cancel` ends at once.

        Raises
        ------
        SimulationError
            There is no such preset.
        MissingExtraError
            The `sim` extra is not installed and its bodies are not cached.
        CameraDisconnectedError
            `cancel` was called.
        """
        if not LiveClinic.is_prepared(self._preset, self._seed, self._bodies):
            self._build_bodies()
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
            info=camera_info_of(lens),
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

    def cancel(self) -> None:
        """Make a long `open` return soon; may be called from any thread."""
        self._cancelled.set()

    def _build_bodies(self) -> None:
        """Fill the cache of bodies; without the body model `LiveClinic` names the missing extra."""
        self.activity = "building the bodies of the simulated clinic (first use, up to minutes)"
        settings = (self._preset, self._seed, self._bodies and str(self._bodies))
        code = (
            "from pathlib import Path\n"
            "from thermal_pose.lab.simulation.recordings.live import LiveClinic\n"
            f"preset, seed, bodies = {settings!r}\n"
            "LiveClinic(preset, seed, bodies and Path(bodies))\n"
        )
        # A thread inside the body model cannot be interrupted, and aborts a process that ends.
        builder = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while builder.poll() is None:
                if self._cancelled.wait(_POLL_S):
                    raise CameraDisconnectedError("building the bodies was cancelled")
        finally:
            if builder.poll() is None:
                builder.kill()
            builder.wait()
            self.activity = ""

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
    """Return the thermal camera of the simulated clinic."""
    return SimulatedCamera(preset, seed)


def make_simulated_rgb(preset: str, seed: int) -> SimulatedCamera:
    """Return the colour camera of the simulated clinic."""
    return SimulatedCamera(preset, seed, colour=True)
