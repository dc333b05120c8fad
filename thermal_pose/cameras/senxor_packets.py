# SPDX-License-Identifier: Apache-2.0
"""The SenXor serial protocol: packets, a filter that passes only whole ones, frame headers.

A packet is `"   #"`, four hex digits of length, and as many bytes: a four-letter command, data,
and four hex digits of checksum (the 16-bit sum of length, command and data bytes).

The maker's library closes the connection on a length it cannot read, and waits for up to 64 KiB
(six frames) on one it reads wrongly. `PacketFilter` in front of it passes only packets whose
command, length and checksum agree, and is in step again with the next whole packet.

A sum does not see swapped bytes. The frame header repeats the frame's extremes and has a CRC
whose polynomial the maker does not publish; `FrameWitness` finds out on good frames which of
these the device really fills in, and holds every later frame against them.
"""

import binascii
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from thermal_pose.types import UInt16Array

PREFIX: Final = b"   #"
_HEAD: Final = len(PREFIX) + 4
_OVERHEAD: Final = 8
_KELVIN: Final = 273.15

#: Bytes of a GFRA packet's data (reserved words, header, image) -> image shape (H, W).
FRAME_SHAPES: Final[dict[int, tuple[int, int]]] = {
    10240: (62, 80),
    39680: (120, 160),
    5200: (50, 50),
}
_MAX_REGISTER_DATA: Final = 4 * 256


def checksum(length_and_body: bytes | bytearray | memoryview) -> int:
    """16-bit sum of length, command and data bytes."""
    return int(np.frombuffer(length_and_body, dtype=np.uint8).sum(dtype=np.uint64)) & 0xFFFF


def encode_packet(command: str, data: bytes = b"") -> bytes:
    """A whole packet of a four-letter command.

    Raises
    ------
    ValueError
        The command has not four letters, or the data is longer than a packet can be.
    """
    if len(command) != 4 or not command.isalpha():
        raise ValueError(f"command: expected four letters, got '{command}'")
    length = len(data) + _OVERHEAD
    if length > 0xFFFF:
        raise ValueError(f"data: expected at most {0xFFFF - _OVERHEAD} bytes, got {len(data)}")
    body = b"%04X" % length + command.encode() + data
    return PREFIX + body + b"%04X" % checksum(body)


def _hex_value(digits: bytes | bytearray) -> int | None:
    """Value of four hex digits; None for anything else (`int` takes signs and underscores)."""
    if len(digits) != 4 or not all(digit in b"0123456789ABCDEFabcdef" for digit in digits):
        return None
    return int(digits, 16)


class PacketFilter:
    """Passes whole, checked packets and drops everything else."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._frame_bytes: int | None = None
        self.discarded_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Take received bytes; the packets that are whole now, one after the other."""
        self._buffer += data
        passed = bytearray()
        while (packet := self._next_packet()) is not None:
            passed += packet
        return bytes(passed)

    def _next_packet(self) -> bytearray | None:
        while self._align():
            length = self._plausible_length()
            if length is None:
                self._reject()
                continue
            end = _HEAD + length
            if len(self._buffer) < end:
                return None
            if self._is_sound(end):
                packet = self._buffer[:end]
                del self._buffer[:end]
                if packet[8:12] == b"GFRA":
                    self._frame_bytes = length
                return packet
            self._reject()
        return None

    def _align(self) -> bool:
        """Drop bytes before the next prefix; whether prefix, length and command are complete."""
        start = self._buffer.find(PREFIX)
        surplus = max(0, len(self._buffer) - (len(PREFIX) - 1)) if start < 0 else start
        self._discard(surplus)
        return start >= 0 and len(self._buffer) >= _HEAD + 4

    def _reject(self) -> None:
        self._discard(len(PREFIX))

    def _discard(self, n_bytes: int) -> None:
        del self._buffer[:n_bytes]
        self.discarded_bytes += n_bytes

    def _plausible_length(self) -> int | None:
        length = _hex_value(self._buffer[4:8])
        if length is None or length < _OVERHEAD:
            return None
        data_length = length - _OVERHEAD
        command = bytes(self._buffer[8:12])
        if command == b"GFRA":
            known = data_length in FRAME_SHAPES
            # A device never changes its frame size: another length is a damaged one.
            return length if known and self._frame_bytes in (None, length) else None
        known_lengths = {b"RREG": 2, b"WREG": 0, b"WRGE": 0}
        if command in known_lengths:
            return length if data_length == known_lengths[command] else None
        if command in (b"RRSE", b"SERR"):
            return length if data_length <= _MAX_REGISTER_DATA else None
        return None

    def _is_sound(self, end: int) -> bool:
        expected = _hex_value(self._buffer[end - 4 : end])
        with memoryview(self._buffer) as view:
            return expected == checksum(view[4 : end - 4])


@dataclass(frozen=True)
class FrameHeader:
    """The first words of a frame's header.

    Attributes
    ----------
    frame_counter : 16 bits, wraps.
    timestamp_ms : the device's clock, 32 bits, wraps.
    die_temperature_degc : of the sensor chip.
    max_dk, min_dk : extremes of the image, 0.1 K.
    crc : of the image, by a polynomial that is not published.
    """

    frame_counter: int
    timestamp_ms: int
    die_temperature_degc: float
    max_dk: int
    min_dk: int
    crc: int

    @classmethod
    def parse(cls, words: UInt16Array) -> "FrameHeader":
        """Read the header words.

        The library's own parser shifts a 16-bit number by 16 bits, which numpy 2 makes zero: its
        device clock would wrap every 65 s.
        """
        values = [int(word) for word in words[:8]]
        return cls(
            frame_counter=values[0],
            timestamp_ms=values[4] << 16 | values[3],
            die_temperature_degc=values[2] * 0.01 - _KELVIN,
            max_dk=values[5],
            min_dk=values[6],
            crc=values[7],
        )

    def words(self, n_words: int) -> UInt16Array:
        """The header as the device sends it, `n_words` long."""
        words = np.zeros(n_words, dtype=np.uint16)
        words[0] = self.frame_counter & 0xFFFF
        words[2] = round((self.die_temperature_degc + _KELVIN) * 100)
        words[3] = self.timestamp_ms & 0xFFFF
        words[4] = self.timestamp_ms >> 16 & 0xFFFF
        words[5:8] = self.max_dk, self.min_dk, self.crc
        return words


def frame_crc(image_dk: UInt16Array, initial: int = 0xFFFF) -> int:
    """CRC-16 with the CCITT polynomial over the image's little-endian words."""
    return binascii.crc_hqx(image_dk.astype("<u2").tobytes(), initial)


@dataclass
class _Claim:
    """One thing that a header may say about its image."""

    agreed: int = 0
    disagreed: int = 0
    trusted: bool = False


@dataclass
class FrameWitness:
    """Holds images against what their headers say, once the headers proved to say it.

    Attributes
    ----------
    trust_after : agreeing frames in a row after which a claim is believed; as many disagreeing
        ones in a row end the trust (the device's settings have changed).
    """

    trust_after: int = 8
    _claims: dict[str, _Claim] = field(default_factory=dict)

    @property
    def trusted(self) -> tuple[str, ...]:
        """Names of the claims that are believed."""
        return tuple(name for name, claim in self._claims.items() if claim.trusted)

    def accepts(self, header: FrameHeader, image_dk: UInt16Array) -> bool:
        """Whether no believed claim contradicts the image.

        Parameters
        ----------
        header : of this frame.
        image_dk : (H, W) uint16, 0.1 K.
        """
        verdicts = {
            "extremes": self._extremes_agree(header, image_dk),
            "crc_ffff": header.crc == frame_crc(image_dk, 0xFFFF),
            "crc_0000": header.crc == frame_crc(image_dk, 0x0000),
        }
        accepted = True
        for name, agrees in verdicts.items():
            claim = self._claims.setdefault(name, _Claim())
            accepted &= agrees or not claim.trusted
            self._learn(claim, agrees)
        return accepted

    @staticmethod
    def _extremes_agree(header: FrameHeader, image_dk: UInt16Array) -> bool:
        return (
            abs(header.max_dk - int(image_dk.max())) <= 1
            and abs(header.min_dk - int(image_dk.min())) <= 1
        )

    def _learn(self, claim: _Claim, agrees: bool) -> None:
        claim.agreed = claim.agreed + 1 if agrees else 0
        claim.disagreed = 0 if agrees else claim.disagreed + 1
        if claim.agreed >= self.trust_after:
            claim.trusted = True
        elif claim.disagreed >= self.trust_after:
            claim.trusted = False


class Unwrapper:
    """Makes a counter that wraps count on.

    Parameters
    ----------
    bits : width of the counter.
    """

    def __init__(self, bits: int) -> None:
        self._modulus = 1 << bits
        self._last: int | None = None
        self._total = 0

    def unwrap(self, value: int) -> int:
        """The count without wrapping; a step back by less than half the range stays one."""
        if self._last is None:
            self._total = value
        else:
            step = (value - self._last) % self._modulus
            self._total += step if step < self._modulus // 2 else step - self._modulus
        self._last = value
        return self._total
