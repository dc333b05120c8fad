# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.cameras.simulated import SimulatedCamera
from thermal_pose.errors import CameraDisconnectedError, SimulationError
from thermal_pose.lab.simulation.recordings.live import LiveClinic

pytestmark = pytest.mark.simulation

START_NS = 1_770_000_000 * 10**9


class Clock:
    """A wall clock that tests set."""

    def __init__(self):
        self.ns = START_NS

    def __call__(self):
        return self.ns


@pytest.fixture(scope="module")
def cameras():
    clock = Clock()
    pair = [SimulatedCamera("paper", 1, colour=colour, now_ns=clock) for colour in (False, True)]
    identities = [camera.open() for camera in pair]
    yield clock, pair, identities
    for camera in pair:
        camera.close()


def test_identity_tells_shape_rate_and_calibration(cameras):
    _, _, (thermal, rgb) = cameras
    assert (thermal.image_wh, rgb.image_wh) == ((80, 60), (1024, 576))
    assert thermal.rate_hz == rgb.rate_hz == 8.0
    assert thermal.info.k[0, 0] == pytest.approx(84.0, rel=0.1)


def test_both_cameras_show_the_same_moment(cameras):
    clock, (thermal, rgb), _ = cameras
    for step in range(1, 4):
        clock.ns = START_NS + step * 125_000_000
        pair = thermal.read(0.5), rgb.read(0.5)
        assert pair[0].image.dtype == np.uint16 and pair[1].image.shape == (576, 1024, 3)
        assert abs(pair[0].stamp_ns - pair[1].stamp_ns) < 60_000_000
        assert abs(pair[0].stamp_ns - clock.ns) < 60_000_000


def test_slow_reader_gets_the_newest_frame(cameras):
    clock, (thermal, _), _ = cameras
    clock.ns = START_NS + 3_000_000_000
    before = thermal.read(0.5)
    clock.ns += 1_000_000_000
    after = thermal.read(0.5)
    assert after.stamp_ns - before.stamp_ns == pytest.approx(1e9, abs=4e7)


def test_read_gives_up_after_its_timeout(cameras):
    clock, (thermal, _), _ = cameras
    clock.ns = START_NS + 6_000_000_000
    assert thermal.read(0.5) is not None
    assert thermal.read(0.01) is None


def test_loop_goes_on_for_ever_and_repeats():
    clinic = LiveClinic("paper", 1)
    length = clinic._ends[-1]
    first, later = clinic.thermal(5), clinic.thermal(5 + length * (2**20))
    np.testing.assert_array_equal(first.centikelvin, later.centikelvin)
    shift = clinic.time_of(5 + length * 2**20) - clinic.time_of(5)
    assert later.stamp_ns - first.stamp_ns == shift


def test_closed_camera_refuses_to_read():
    camera = SimulatedCamera("paper", 1)
    with pytest.raises(CameraDisconnectedError):
        camera.read(0.0)


def test_unknown_preset_is_named():
    with pytest.raises(SimulationError, match="nobody"):
        SimulatedCamera("nobody", 1).open()
