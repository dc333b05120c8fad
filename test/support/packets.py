# SPDX-License-Identifier: Apache-2.0
"""Damages protocol packets at random and holds the receiver against what was sent."""

import random
from dataclasses import dataclass

import numpy as np
from support.senxor_emulator import frame_packet, noisy_room

from thermal_pose.cameras.senxor_packets import FrameHeader, FrameWitness, PacketFilter

N_IMAGES = 16


def _flip(packet: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 8)):
        packet[rng.randrange(len(packet))] ^= 1 << rng.randrange(8)


def _flip_head(packet: bytearray, rng: random.Random) -> None:
    packet[rng.randrange(12)] = rng.randrange(256)


def _delete(packet: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(packet))
    del packet[start : start + rng.randint(1, 300)]


def _insert(packet: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(packet))
    packet[start:start] = rng.randbytes(rng.randint(1, 300))


def _truncate(packet: bytearray, rng: random.Random) -> None:
    del packet[rng.randrange(1, len(packet)) :]


def _swap(packet: bytearray, rng: random.Random) -> None:
    """Swap pieces: the 16-bit sum does not change."""
    length = rng.randint(1, 64)
    a, b = sorted(rng.sample(range(12, len(packet) - 4 - length), 2))
    if b - a >= length:
        packet[a : a + length], packet[b : b + length] = (
            packet[b : b + length],
            packet[a : a + length],
        )


def _zero(packet: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(packet))
    end = min(len(packet), start + rng.randint(1, 2000))
    packet[start:end] = bytes(end - start)


def _false_prefix(packet: bytearray, rng: random.Random) -> None:
    start = rng.randrange(12, len(packet) - 20)
    packet[start : start + 12] = b"   #2808GFRA"


def _garbage_before(packet: bytearray, rng: random.Random) -> None:
    packet[0:0] = rng.randbytes(rng.randint(1, 5000))


MUTATIONS = (
    _flip, _flip_head, _delete, _insert, _truncate, _swap, _zero, _false_prefix, _garbage_before,
)  # fmt: skip


def mutate(packet: bytes, rng: random.Random) -> bytes:
    """One randomly damaged copy."""
    damaged = bytearray(packet)
    rng.choice(MUTATIONS)(damaged, rng)
    return bytes(damaged)


@dataclass
class FuzzOutcome:
    """What came out: frames accepted that were never sent are bad."""

    mutated: int = 0
    accepted: int = 0
    bad_frames_accepted: int = 0
    good_frames_lost: int = 0
    worst_frames_to_resync: int = 0


def run_fuzz(n_packets: int, seed: int) -> FuzzOutcome:
    """Send `n_packets` damaged packets, each followed by three sound ones, through the receiver.

    `worst_frames_to_resync` counts sound frames up to and with the first one received.
    """
    rng = random.Random(seed)
    source = noisy_room(seed)
    images = [source(number) for number in range(N_IMAGES)]
    packets = [frame_packet(image, n, 40 * n) for n, image in enumerate(images)]
    known = {image.tobytes() for image in images}
    receiver = _Receiver()
    for packet in packets:
        receiver.feed(packet)
    outcome = FuzzOutcome()
    for _ in range(n_packets):
        outcome.mutated += 1
        _judge(outcome, receiver.feed(mutate(packets[rng.randrange(N_IMAGES)], rng)), known)
        first_received = None
        for sound in range(1, 4):
            got = receiver.feed(packets[rng.randrange(N_IMAGES)])
            _judge(outcome, got, known)
            if got and first_received is None:
                first_received = sound
            outcome.good_frames_lost += not got
        outcome.worst_frames_to_resync = max(outcome.worst_frames_to_resync, first_received or 99)
    return outcome


def _judge(outcome: FuzzOutcome, frames: list[bytes], known: set[bytes]) -> None:
    outcome.accepted += len(frames)
    outcome.bad_frames_accepted += sum(frame not in known for frame in frames)


class _Receiver:
    """Packet filter and frame checks, as the backend has them."""

    def __init__(self) -> None:
        self._filter = PacketFilter()
        self._witness = FrameWitness()

    def feed(self, data: bytes) -> list[bytes]:
        passed = self._filter.feed(data)
        frames = []
        for start in range(0, len(passed) - 10255, 10256):
            body = passed[start + 12 : start + 10252]
            header = FrameHeader.parse(np.frombuffer(body[160:320], dtype="<u2"))
            image = np.frombuffer(body[320:], dtype="<u2").reshape(62, 80)
            if self._witness.accepts(header, image):
                frames.append(image.tobytes())
        return frames
