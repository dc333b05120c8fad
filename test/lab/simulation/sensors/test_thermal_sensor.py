# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.rooms.scene import (
    CameraPlacement,
    Clock,
    Distractor,
    RgbSensor,
    Room,
    Scene,
    ThermalSensor,
)
from thermal_pose.lab.simulation.sensors.clock import frame_times
from thermal_pose.lab.simulation.sensors.optics import (
    emissivity,
    radiance,
    sample_pixels,
    temperature,
)
from thermal_pose.lab.simulation.sensors.thermal_sensor import ThermalChain

pytestmark = pytest.mark.simulation

QUIET = ThermalSensor(
    netd_k=0.0,
    column_noise_k=0.0,
    row_noise_k=0.0,
    fixed_pattern_k=0.0,
    drift_k_per_min=0.0,
    shutter=False,
)
WALL = np.full((60, 80), 22.0, np.float32)


def test_radiance_and_temperature_undo_each_other():
    degc = np.linspace(-20.0, 60.0, 50, dtype=np.float32)
    np.testing.assert_allclose(temperature(radiance(degc)), degc, atol=2e-3)
    assert radiance(26.85) == pytest.approx(1.0)


def test_emissivity_falls_towards_grazing_angles():
    values = emissivity(np.array([1.0, 0.7, 0.3, 0.0], np.float32))
    assert (np.diff(values) < 0).all()
    assert values[0] == pytest.approx(0.97) and values[-1] == pytest.approx(0.72)


def test_sampling_keeps_the_energy_of_a_point():
    point = np.zeros((240, 320), np.float32)
    point[121, 161] = 16.0
    sampled = sample_pixels(point, 4, 0.55)
    assert sampled.sum() == pytest.approx(1.0, rel=1e-3)
    assert sampled[30, 40] == sampled.max() < 0.6


@pytest.mark.parametrize("psf_sigma_px, leaked", [(0.42, 0.166), (0.55, 0.212), (1.0, 0.316)])
def test_an_edge_leaks_into_the_next_pixel_as_the_psf_says(psf_sigma_px, leaked):
    # Analytic: the mean over one pixel of the normal distribution's tail beyond the edge.
    edge = np.zeros((240, 320), np.float32)
    edge[:, 160:] = 1.0
    assert sample_pixels(edge, 4, psf_sigma_px)[30, 39] == pytest.approx(leaked, abs=0.022)


def test_quiet_sensor_reports_the_temperature():
    image = ThermalChain(QUIET).expose(WALL, 0, 0.0)
    assert image.dtype == np.uint16
    assert (image == 29515).all()


@pytest.mark.parametrize("netd_k", [0.05, 0.3])
def test_noise_has_the_stated_deviation(netd_k):
    chain = ThermalChain(replace(QUIET, netd_k=netd_k))
    frames = np.stack([chain.expose(WALL, k, 0.125 * k) for k in range(60)]) / 100.0
    within = frames - frames.mean(axis=(1, 2), keepdims=True)
    assert within.std() == pytest.approx(netd_k, rel=0.03)


def test_column_noise_is_common_to_a_column():
    chain = ThermalChain(replace(QUIET, column_noise_k=0.2))
    image = chain.expose(WALL, 0, 0.0).astype(float)
    assert np.ptp(image, axis=0).max() <= 1.0
    assert image[0].std() > 10.0


def test_quantum_of_a_tenth_of_a_kelvin():
    chain = ThermalChain(replace(QUIET, netd_k=0.2, quantum_k=0.1))
    assert (chain.expose(WALL, 0, 0.0) % 10 == 0).all()


def test_same_frame_twice_is_the_same_and_the_next_one_is_not():
    chain, again = (ThermalChain(ThermalSensor(noise_seed=5)) for _ in range(2))
    first = chain.expose(WALL, 3, 1.0)
    chain.expose(WALL, 4, 1.1)
    np.testing.assert_array_equal(again.expose(WALL, 3, 1.0), first)
    assert (again.expose(WALL, 4, 1.1) != first).any()


def test_shutter_freezes_for_its_time_and_only_where_there_is_one():
    sensor = ThermalSensor(shutter_period_s=10.0, shutter_freeze_s=0.5, noise_seed=1)
    chain = ThermalChain(sensor)
    times_s = np.arange(0.0, 100.0, 0.01)
    frozen = [chain.frozen_since_s(t) is not None for t in times_s]
    assert np.mean(frozen) == pytest.approx(0.05, abs=0.005)
    since = [chain.frozen_since_s(t) for t, held in zip(times_s, frozen, strict=True) if held]
    assert len(np.unique(np.round(since, 6))) == 10
    assert ThermalChain(replace(sensor, shutter=False)).frozen_since_s(since[0] + 0.1) is None


def test_dead_pixels_stand_out_or_copy_their_neighbours():
    chain = ThermalChain(replace(QUIET, dead_pixels=0.02))
    ramp = np.tile(np.linspace(20, 30, 80, dtype=np.float32), (60, 1))
    clean = ThermalChain(QUIET).expose(ramp, 0, 0.0)
    changed = (chain.expose(ramp, 0, 0.0) != clean).mean()
    assert 0.005 < changed < 0.03


def test_lag_follows_the_time_constant():
    assert ThermalChain(replace(QUIET, time_constant_s=0.0)).lag == 0.0
    chain = ThermalChain(replace(QUIET, time_constant_s=0.125, rate_hz=8.0))
    assert chain.lag == pytest.approx(np.exp(-1))


def test_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(60, 80\)"):
        ThermalChain(QUIET).expose(np.zeros((62, 80), np.float32), 0, 0.0)


def test_stamps_follow_offset_and_drift():
    scene = Scene(
        thermal_clock=Clock(offset_s=0.01), rgb_clock=Clock(drift_ppm=100.0), rgb_phase_s=0.02
    )
    times = frame_times(replace(scene, async_share=0.0), 80, start_ns=10**18)
    assert times.thermal_stamp_ns == 10**18 + 10_010_000_000
    assert times.rgb_stamp_ns - 10**18 == pytest.approx(10.02e9 * 1.0001, abs=2)
    assert (times.thermal_s, times.rgb_s) == (10.0, 10.02)


def test_stamps_rise_in_spite_of_jitter():
    scene = Scene(thermal_clock=Clock(jitter_s=0.05))
    stamps = [frame_times(scene, k, 0).thermal_stamp_ns for k in range(300)]
    assert (np.diff(stamps) > 0).all()


def test_asynchronous_pairs_have_the_asked_share_and_an_older_frame():
    scene = Scene(async_share=0.2, seed=3)
    all_times = [frame_times(scene, k, 0) for k in range(2000)]
    marked = [(k, t) for k, t in enumerate(all_times) if t.asynchronous]
    assert len(marked) / 2000 == pytest.approx(0.2, abs=0.03)
    for number, times in marked:
        delays = (number / 8 - times.thermal_s, number / 8 - times.rgb_s)
        assert min(delays) == pytest.approx(0.0)
        assert 1 <= round(max(delays) * 8, 6) <= 4
        assert times.thermal_stamp_ns == times.rgb_stamp_ns == round(number / 8 * 1e9)


def test_frames_before_the_start_are_refused():
    with pytest.raises(ValueError, match="frame"):
        frame_times(Scene(), -1, 0)


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: ThermalSensor(netd_k=-0.1), "netd_k"),
        (lambda: ThermalSensor(rate_hz=0.0), "rate_hz"),
        (lambda: ThermalSensor(dead_pixels=0.5), "dead_pixels"),
        (lambda: RgbSensor(exposure_s=1.0), "exposure_s"),
        (lambda: Room(x_max_m=1.0), "x_max_m"),
        (lambda: Room(air_degc=np.nan), "air_degc"),
        (lambda: Clock(drift_ppm=1e6), "drift_ppm"),
        (lambda: Distractor("dragon", (0, 0, 0), 5.0), "kind"),
        (
            lambda: Scene(thermal_placement=CameraPlacement((99.0, 0, 1), (0, 0, 1))),
            "thermal_placement",
        ),
    ],
)
def test_impossible_parameters_are_refused_by_name(make, name):
    with pytest.raises(SimulationError, match=name):
        make()
