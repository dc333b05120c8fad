# SPDX-License-Identifier: Apache-2.0
"""The thermal sensor: lag, noise, stripes, drift, shutter and dead pixels.

Every effect depends only on the sensor's seed and on the number or time of the frame, so frames do
not depend on the order in which they are made.
"""

from functools import cached_property
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.rooms.scene import ThermalSensor
from thermal_pose.lab.simulation.sensors.optics import ZERO_DEGC_K
from thermal_pose.types import BoolArray, Float64Array, FloatArray, Int64Array, UInt16Array

#: Independent streams of random numbers.
_PATTERN, _FRAME, _SHUTTER = 1, 2, 3
#: Share of stuck pixels that are missing from the camera's defect map.
_UNCORRECTED: Final = 0.15


class ThermalChain:
    """Converts ideal temperatures to the output of one camera.

    Parameters
    ----------
    sensor : the camera.
    """

    def __init__(self, sensor: ThermalSensor) -> None:
        self._sensor = sensor
        width, height = sensor.intrinsics.size_wh
        self._shape_hw = (height, width)

    @property
    def lag(self) -> float:
        """Share of the previous frame that remains in a frame, from the time constant."""
        if self._sensor.time_constant_s == 0.0:
            return 0.0
        return float(np.exp(-1.0 / (self._sensor.rate_hz * self._sensor.time_constant_s)))

    def frozen_since_s(self, time_s: float) -> float | None:
        """When the shutter closed if it freezes the image at a time, s; None if it is open."""
        if not self._sensor.shutter:
            return None
        since_s = (time_s - self._first_shutter_s) % self._sensor.shutter_period_s
        closed = since_s < self._sensor.shutter_freeze_s
        return time_s - since_s if closed else None

    def expose(self, ideal_degc: FloatArray, frame: int, time_s: float) -> UInt16Array:
        """Output of the camera for one frame.

        Parameters
        ----------
        ideal_degc : (H, W) float32 apparent temperature, lag included.
        frame : number of the frame, which determines its noise.
        time_s : time since the start, which determines drift and shutter.

        Returns
        -------
        centikelvin : (H, W) uint16.

        Raises
        ------
        ValueError
            `ideal_degc` does not have the sensor's shape.
        """
        if ideal_degc.shape != self._shape_hw:
            raise ValueError(f"ideal_degc: expected {self._shape_hw}, got {ideal_degc.shape}")
        sensor = self._sensor
        age_min = self._calibration_age_s(time_s) / 60.0
        growth = np.float32(0.6 + 0.4 * min(age_min / 3.0, 2.0))
        drift_k = self._drift_k(time_s, age_min) + sensor.offset_k
        degc = ideal_degc + growth * self._fixed_pattern_k + np.float32(drift_k)
        degc += self._noise_k(frame)
        degc = self._with_dead_pixels(degc)
        steps = np.round((degc + np.float32(ZERO_DEGC_K)) / np.float32(sensor.quantum_k))
        centikelvin = np.round(steps * np.float32(100.0 * sensor.quantum_k))
        return np.clip(centikelvin, 0, 65535).astype(np.uint16)

    def _rng(self, stream: int, index: int = 0) -> np.random.Generator:
        return np.random.default_rng((self._sensor.noise_seed, stream, index))

    @cached_property
    def _first_shutter_s(self) -> float:
        return float(self._rng(_SHUTTER).uniform(0.0, self._sensor.shutter_period_s))

    @cached_property
    def _fixed_pattern_k(self) -> FloatArray:
        sensor, rng = self._sensor, self._rng(_PATTERN)
        height, width = self._shape_hw
        pattern = rng.normal(0.0, sensor.fixed_pattern_k, self._shape_hw)
        pattern += rng.normal(0.0, np.sqrt(0.5) * sensor.column_noise_k, (1, width))
        pattern += rng.normal(0.0, np.sqrt(0.5) * sensor.row_noise_k, (height, 1))
        # Radiation of lens and case: a bowl-shaped offset of a few fixed-pattern deviations.
        rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        bowl = rows**2 + columns**2 - 2.0 / 3.0
        pattern += rng.normal(0.0, 4.0 * sensor.fixed_pattern_k) * bowl
        pattern += rng.normal(0.0, 2.0 * sensor.fixed_pattern_k) * columns
        return pattern.astype(np.float32)

    @cached_property
    def _dead(self) -> tuple[Int64Array, Int64Array, BoolArray]:
        rng = self._rng(_PATTERN, 1)
        height, width = self._shape_hw
        count = rng.binomial(height * width, self._sensor.dead_pixels)
        rows, columns = rng.integers(1, height - 1, count), rng.integers(1, width - 1, count)
        return rows, columns, rng.random(count) < _UNCORRECTED

    @cached_property
    def _drift_phases(self) -> Float64Array:
        return self._rng(_PATTERN, 2).uniform(0.0, 2 * np.pi, 3)

    def _calibration_age_s(self, time_s: float) -> float:
        if not self._sensor.shutter:
            return time_s + 600.0
        return (time_s - self._first_shutter_s) % self._sensor.shutter_period_s

    def _drift_k(self, time_s: float, age_min: float) -> float:
        slope = self._sensor.drift_k_per_min
        periods_s = np.array((47.0, 131.0, 390.0))
        wave = np.sin(2 * np.pi * time_s / periods_s + self._drift_phases) @ (0.2, 0.3, 0.5)
        direction = np.cos(self._drift_phases[0])
        return float(slope * (wave + direction * min(age_min, 3.0)))

    def _noise_k(self, frame: int) -> FloatArray:
        sensor, rng = self._sensor, self._rng(_FRAME, frame)
        height, width = self._shape_hw
        noise = rng.standard_normal(self._shape_hw, np.float32) * np.float32(sensor.netd_k)
        columns = rng.standard_normal((1, width), np.float32)
        rows = rng.standard_normal((height, 1), np.float32)
        noise += columns * np.float32(np.sqrt(0.5) * sensor.column_noise_k)
        noise += rows * np.float32(np.sqrt(0.5) * sensor.row_noise_k)
        # Noise of the readout reference shifts the whole frame.
        noise += np.float32(rng.standard_normal() * 0.3 * sensor.netd_k)
        return noise

    def _with_dead_pixels(self, degc: FloatArray) -> FloatArray:
        rows, columns, stuck = self._dead
        if len(rows):
            neighbours = 0.5 * (degc[rows, columns - 1] + degc[rows - 1, columns])
            degc[rows, columns] = np.where(stuck, degc.min() - 2.0, neighbours)
        return degc
