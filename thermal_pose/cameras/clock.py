# SPDX-License-Identifier: Apache-2.0
"""From a device's clock to stamps in ROS time: offset and drift, monotonic, never in the future.

Notes
-----
A frame arrives late by a delay that is never less than the bus needs, often more. The smallest
delays therefore tell the offset between the clocks, and their trend tells the drift (the lower
envelope method of Moon, Skelly and Towsley, "Estimation and removal of clock skew from network
delay measurements", INFOCOM 1999; here with minima over blocks and a least squares line instead
of a linear programme). The constant part of the delay cannot be seen from one side: it is the
parameter `latency_s`.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from thermal_pose.types import NS_PER_S

#: Crystal clocks differ by less; a larger estimate is a fault of the data.
MAX_DRIFT_PPM = 500.0


class DeviceClock:
    """Maps the device's clock to the host's monotonic clock.

    Parameters
    ----------
    block_s : length of the blocks whose smallest delay is kept.
    n_blocks : blocks that the estimate remembers.
    """

    #: A delay jump beyond this means the device's clock was reset.
    RESET_JUMP_S = 1.0

    def __init__(self, block_s: float = 2.0, n_blocks: int = 60) -> None:
        if block_s <= 0 or n_blocks < 2:
            raise ValueError(f"expected block_s > 0, n_blocks >= 2, got {block_s}, {n_blocks}")
        self._block_ns = round(block_s * NS_PER_S)
        self._minima: deque[tuple[int, int]] = deque(maxlen=n_blocks)
        self._block_start_ns: int | None = None
        self._origin_ns = 0
        self._drift = 0.0
        self._offset_ns = 0.0
        self.resets = 0

    @property
    def drift_ppm(self) -> float:
        """How much faster the host's clock runs than the device's, parts per million."""
        return self._drift * 1e6

    def to_host_ns(self, device_ns: int, arrived_ns: int) -> int:
        """Host time of an event at `device_ns`, learned from its arrival; never after it."""
        delay_ns = arrived_ns - device_ns
        if self._minima and abs(delay_ns - self._line_ns(device_ns)) > self.RESET_JUMP_S * 1e9:
            self._forget()
            self.resets += 1
        self._learn(device_ns, delay_ns)
        return min(arrived_ns, device_ns + round(self._line_ns(device_ns)))

    def _forget(self) -> None:
        self._minima.clear()
        self._block_start_ns = None
        self._drift = 0.0

    def _line_ns(self, device_ns: int) -> float:
        return self._offset_ns + self._drift * (device_ns - self._origin_ns)

    def _learn(self, device_ns: int, delay_ns: int) -> None:
        new_block = (
            self._block_start_ns is None or device_ns - self._block_start_ns >= self._block_ns
        )
        if new_block:
            self._block_start_ns = device_ns
            self._minima.append((device_ns, delay_ns))
            self._fit()
        elif delay_ns < self._minima[-1][1]:
            self._minima[-1] = (device_ns, delay_ns)
            self._fit()

    def _fit(self) -> None:
        """Line through the block minima, moved down to touch the lowest of them."""
        times, delays = np.array(self._minima, dtype=np.int64).T
        self._origin_ns = int(times[0])
        elapsed = (times - times[0]).astype(np.float64)
        base = int(delays[0])
        relative = (delays - base).astype(np.float64)
        # A slope over a few blocks is noise: it would extrapolate jitter.
        drift = float(np.polyfit(elapsed, relative, 1)[0]) if len(times) >= 5 else 0.0
        limit = MAX_DRIFT_PPM * 1e-6
        self._drift = min(limit, max(-limit, drift))
        self._offset_ns = base + float((relative - self._drift * elapsed).min())


@dataclass(frozen=True)
class HostTime:
    """One instant on both host clocks, ns: monotonic, and ROS time (which may step)."""

    monotonic_ns: int
    ros_ns: int


class StampClock:
    """Gives each frame its stamp in ROS time.

    Parameters
    ----------
    latency_s : constant delay from exposure to arrival, which no clock shows.
    max_hold_s : after ROS time steps back by less than this, frames are held back (None) until
        it has passed the last stamp; a larger step is followed, and counted as a jump.
    """

    #: Jitter of this size never moves a stamp backwards; it is nudged to stay monotonic.
    NUDGE_NS = 20_000_000

    def __init__(self, latency_s: float = 0.0, max_hold_s: float = 2.0) -> None:
        if latency_s < 0 or max_hold_s < 0:
            raise ValueError(f"expected latency_s, max_hold_s >= 0, got {latency_s}, {max_hold_s}")
        self._latency_ns = round(latency_s * NS_PER_S)
        self._max_hold_ns = round(max_hold_s * NS_PER_S)
        self._last_ns: int | None = None
        self.device = DeviceClock()
        self.held = 0
        self.jumps = 0

    def stamp(self, device_ns: int | None, arrived_ns: int, now: HostTime) -> int | None:
        """Stamp of a frame in ns; None when it must be dropped to stay monotonic.

        Parameters
        ----------
        device_ns : its time on the device's clock, if it has one.
        arrived_ns : its arrival on the host's monotonic clock.
        now : the present on both host clocks.
        """
        acquired_ns = arrived_ns
        if device_ns is not None:
            acquired_ns = self.device.to_host_ns(device_ns, arrived_ns)
        age_ns = max(0, now.monotonic_ns - acquired_ns + self._latency_ns)
        return self._monotonic(now.ros_ns - age_ns, now.ros_ns)

    def _monotonic(self, stamp_ns: int, now_ros_ns: int) -> int | None:
        last_ns = self._last_ns
        if last_ns is not None and stamp_ns <= last_ns:
            behind_ns = last_ns - stamp_ns
            if behind_ns <= self.NUDGE_NS and last_ns < now_ros_ns:
                stamp_ns = last_ns + 1
            elif behind_ns <= self._max_hold_ns:
                self.held += 1
                return None
            else:
                self.jumps += 1
        self._last_ns = stamp_ns
        return stamp_ns
