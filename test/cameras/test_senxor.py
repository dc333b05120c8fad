# SPDX-License-Identifier: Apache-2.0
"""The real library and the real backend against an emulated camera; packets under damage."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support import faults
from support.packets import mutate, run_fuzz
from support.senxor_emulator import EmulatedSenxor, PtyLink, TcpLink, frame_packet, noisy_room

from thermal_pose.cameras.senxor import SenxorCamera
from thermal_pose.cameras.senxor_packets import (
    FrameHeader,
    FrameWitness,
    PacketFilter,
    Unwrapper,
    encode_packet,
)
from thermal_pose.errors import CameraDisconnectedError, ConfigError

LINKS: dict[str, Callable[[Path], PtyLink | TcpLink]] = {
    "pty": lambda folder: PtyLink(folder / "senxor"),
    "tcp": lambda folder: TcpLink(),
}


@pytest.fixture(params=sorted(LINKS))
def device(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmulatedSenxor]:
    with EmulatedSenxor(LINKS[request.param](tmp_path), max_rate_hz=60.0) as emulated:
        yield emulated


def read_frames(camera: SenxorCamera, count: int, deadline_s: float = 5.0):
    until_s = time.monotonic() + deadline_s
    frames = []
    while len(frames) < count and time.monotonic() < until_s:
        frame = camera.read(0.2)
        if frame is not None:
            frames.append(frame)
    assert len(frames) == count
    return frames


def test_frames_arrive_exactly_with_counter_clock_and_die_temperature(
    device: EmulatedSenxor,
) -> None:
    camera = SenxorCamera(device.device)
    identity = camera.open()
    frames = read_frames(camera, 12)
    camera.close()
    assert identity.image_wh == (80, 62)
    assert identity.serial.endswith("00A1B2")
    for frame in frames:
        assert frame.sequence is not None
        expected = noisy_room()(frame.sequence)
        np.testing.assert_array_equal(frame.image, expected * 10)
        assert frame.die_temperature_degc == pytest.approx(30.0)
    assert [f.sequence for f in frames] == list(range(frames[0].sequence, frames[0].sequence + 12))
    steps_ms = np.diff([f.device_ns for f in frames]) / 1e6
    # None is sent before its time; how late they come depends on the machine.
    assert np.median(steps_ms) >= 1000 / 60 - 4


def test_controls_reach_the_device(device: EmulatedSenxor) -> None:
    camera = SenxorCamera(device.device, emissivity=0.9, offset_k=-1.5, frame_divider=3)
    camera.open()
    assert (device.register(0xCA), device.register(0xCB), device.register(0xB4)) == (90, 241, 3)
    camera.set_control("emissivity", 0.97)
    read_frames(camera, 1)
    assert device.register(0xCA) == 97
    with pytest.raises(ConfigError, match="no control 'gamma'"):
        camera.set_control("gamma", 1.0)
    camera.close()


def test_a_silent_camera_gives_no_frame_and_a_vanished_one_an_error(
    device: EmulatedSenxor,
) -> None:
    camera = SenxorCamera(device.device)
    camera.open()
    read_frames(camera, 2)
    device.stalled = True
    until_s = time.monotonic() + 5
    while camera.read(0.1) is not None:
        assert time.monotonic() < until_s
    device.unplug()
    with pytest.raises(CameraDisconnectedError, match="SenXor camera"):
        while True:
            camera.read(0.1)
            assert time.monotonic() < until_s
    camera.close()
    with pytest.raises(CameraDisconnectedError):
        camera.open()


def test_no_device_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CameraDisconnectedError, match="nothing"):
        SenxorCamera(str(tmp_path / "nothing")).open()
    with pytest.raises(ConfigError, match="tcp://host:port"):
        SenxorCamera("tcp://nowhere").open()


def test_damaged_packets_are_dropped_and_the_rest_arrives(device: EmulatedSenxor) -> None:
    rng = random.Random(5)

    def damage_some(packet: bytes) -> bytes:
        return mutate(packet, rng) if rng.random() < 0.3 else packet

    camera = SenxorCamera(device.device)
    camera.open()
    read_frames(camera, 10)
    device.mutate = damage_some
    frames = read_frames(camera, 30, deadline_s=15.0)
    camera.close()
    for frame in frames:
        assert frame.sequence is not None
        np.testing.assert_array_equal(frame.image, noisy_room()(frame.sequence) * 10)


@pytest.mark.faults
def test_mutated_packets_never_pass_and_the_filter_is_in_step_within_two_frames() -> None:
    count = faults.times(few=1500, full=100_000)
    outcome = run_fuzz(n_packets=count, seed=11)
    assert outcome.bad_frames_accepted == 0
    assert outcome.worst_frames_to_resync <= 2
    assert outcome.good_frames_lost <= outcome.mutated
    faults.record(
        "damaged protocol packet (flipped, cut, swapped, repeated, false header, garbage)",
        count,
        f"no crash, {outcome.bad_frames_accepted} bad frames accepted, in step again with sound "
        f"frame {outcome.worst_frames_to_resync} at the latest (promised 2)",
    )


def test_filter_passes_packets_in_any_slicing() -> None:
    stream = b"".join(
        [
            encode_packet("RREG", b"5F"),
            frame_packet(noisy_room()(1), 1, 40),
            encode_packet("WREG"),
        ]
    )
    for size in (1, 7, 4096):
        packets = PacketFilter()
        passed = b"".join(packets.feed(stream[i : i + size]) for i in range(0, len(stream), size))
        assert passed == stream
        assert packets.discarded_bytes == 0


@pytest.mark.parametrize(
    "junk",
    [b"   #", b"   #-001WREG", b"   #FFFFGFRA", b"   #2808GFR", b"\x00" * 999, b"   #0 08WREG"],
)
def test_filter_is_in_step_after_junk(junk: bytes) -> None:
    packets = PacketFilter()
    packet = frame_packet(noisy_room()(1), 1, 40)
    assert packets.feed(junk + packet + packet).endswith(packet)


def test_header_round_trip_keeps_the_whole_device_clock() -> None:
    header = FrameHeader(65535, 4_000_000_000, 31.25, 3100, 2900, 0xBEEF)
    parsed = FrameHeader.parse(header.words(80))
    assert parsed.timestamp_ms == 4_000_000_000
    assert parsed.die_temperature_degc == pytest.approx(31.25)
    assert (parsed.frame_counter, parsed.max_dk, parsed.min_dk, parsed.crc) == (
        65535,
        3100,
        2900,
        0xBEEF,
    )


def test_witness_believes_only_what_the_device_proved_to_fill_in() -> None:
    image = noisy_room()(0)
    silent = FrameHeader(0, 0, 30.0, 0, 0, 0)
    witness = FrameWitness()
    assert all(witness.accepts(silent, image) for _ in range(20))
    assert witness.trusted == ()
    true = FrameHeader(0, 0, 30.0, int(image.max()), int(image.min()), 0)
    assert all(witness.accepts(true, image) for _ in range(8))
    assert witness.trusted == ("extremes",)
    assert not witness.accepts(true, image + 5)


def test_counters_count_on_over_their_wrap() -> None:
    unwrapper = Unwrapper(16)
    values = [65534, 65535, 0, 1, 65535, 0]
    assert [unwrapper.unwrap(v) for v in values] == [65534, 65535, 65536, 65537, 65535, 65536]
