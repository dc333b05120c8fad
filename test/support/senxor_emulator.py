# SPDX-License-Identifier: Apache-2.0
"""A SenXor camera without the hardware: speaks its protocol on a pseudo-terminal or a TCP port.

The maker's library and the real driver run against it unchanged. It can misbehave on request:
checksum errors, garbage, stalls, repeated content, unplugging, another serial number.
"""

import contextlib
import errno
import os
import select
import socket
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from thermal_pose.cameras.senxor_packets import FrameHeader, encode_packet, frame_crc
from thermal_pose.types import UInt16Array

_SHAPE: Final = (62, 80)
_FRAME_MODE, _FRAME_RATE, _SENXOR_TYPE, _MODULE_TYPE = 0xB1, 0xB4, 0xBA, 0xBB
_SERIAL_REGISTERS: Final = (0xE0, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5)
_CONTINUOUS: Final = 0b10
_MAX_BACKLOG_BYTES: Final = 40_000
_POLL_S: Final = 0.005
#: Wait for the host to take what fills the wire's buffer.
_FULL_WAIT_S: Final = 0.002

FrameSource = Callable[[int], UInt16Array]


def noisy_room(seed: int = 0) -> FrameSource:
    """Frames of an empty room at 22 degC with sensor noise: frame number -> (62, 80), 0.1 K."""

    def frame(number: int) -> UInt16Array:
        rng = np.random.default_rng((seed, number))
        wall_dk = 2951.5 + np.linspace(-8, 8, _SHAPE[0])[:, None]
        return np.rint(wall_dk + rng.normal(0.0, 1.0, _SHAPE)).astype(np.uint16)

    return frame


def frame_packet(
    image_dk: UInt16Array, counter: int, timestamp_ms: int, die_temperature_degc: float = 30.0
) -> bytes:
    """A GFRA packet of an (H, W) image in 0.1 K."""
    width = image_dk.shape[1]
    header = FrameHeader(
        frame_counter=counter & 0xFFFF,
        timestamp_ms=timestamp_ms & 0xFFFFFFFF,
        die_temperature_degc=die_temperature_degc,
        max_dk=int(image_dk.max()),
        min_dk=int(image_dk.min()),
        crc=frame_crc(image_dk),
    )
    reserved = bytes(2 * width)
    return encode_packet(
        "GFRA",
        reserved + header.words(width).astype("<u2").tobytes() + image_dk.astype("<u2").tobytes(),
    )


class Link(Protocol):
    """The wire to the host."""

    def plug(self) -> None:
        """Appear on the host."""
        ...

    def unplug(self) -> None:
        """Vanish from the host."""
        ...

    def receive(self, wait_s: float) -> bytes:
        """Bytes the host has sent; b'' when there are none within `wait_s`."""
        ...

    def send(self, data: bytes) -> int:
        """Send what fits now; the number of bytes taken."""
        ...


class PtyLink:
    """A pseudo-terminal behind a stable path, as udev gives a USB serial device.

    Parameters
    ----------
    path : symbolic link to make, the device file of the camera.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master: int | None = None
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """What the camera's parameter `device` takes."""
        return str(self.path)

    def plug(self) -> None:
        """Create the terminal and its link."""
        master, slave = os.openpty()
        tty.setraw(slave)
        name = os.ttyname(slave)
        # Nobody but the host holds the terminal, as with a real device.
        os.close(slave)
        os.set_blocking(master, False)
        with self._lock:
            self._master = master
        self.path.symlink_to(name)

    def unplug(self) -> None:
        """Remove the link and hang up."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        with self._lock:
            master, self._master = self._master, None
            if master is not None:
                os.close(master)

    def receive(self, wait_s: float) -> bytes:
        """Bytes from the host."""
        with self._lock:
            if self._master is None:
                return b""
            master = os.dup(self._master)
        try:
            readable, _, _ = select.select([master], [], [], wait_s)
            return os.read(master, 4096) if readable else b""
        except OSError as error:
            # EIO: no host has the terminal open.
            if error.errno not in (errno.EIO, errno.EAGAIN):
                raise
            time.sleep(_POLL_S)
            return b""
        finally:
            os.close(master)

    def send(self, data: bytes) -> int:
        """Send what the terminal's buffer takes."""
        with self._lock:
            if self._master is None:
                return 0
            try:
                return os.write(self._master, data)
            except BlockingIOError:
                return 0


class TcpLink:
    """A server for one host at a time on 127.0.0.1."""

    def __init__(self) -> None:
        self._server: socket.socket | None = None
        self._client: socket.socket | None = None
        self._port = 0

    @property
    def device(self) -> str:
        """What the camera's parameter `device` takes."""
        return f"tcp://127.0.0.1:{self._port}"

    def plug(self) -> None:
        """Listen, on the same port as before."""
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", self._port))
        server.listen(1)
        self._port = server.getsockname()[1]
        self._server = server

    def unplug(self) -> None:
        """Drop the host and stop listening."""
        for end in (self._client, self._server):
            if end is not None:
                end.close()
        self._client = self._server = None

    def receive(self, wait_s: float) -> bytes:
        """Bytes from the host; accepts a new one."""
        ends = [end for end in (self._server, self._client) if end is not None]
        readable = select.select(ends, [], [], wait_s)[0] if ends else []
        if self._server in readable:
            assert self._server is not None
            if self._client is not None:
                self._client.close()
            self._client, _ = self._server.accept()
            self._client.setblocking(False)
            return b""
        if self._client is None or self._client not in readable:
            return b""
        try:
            data = self._client.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._client.close()
            self._client = None
        return data

    def send(self, data: bytes) -> int:
        """Send what the socket's buffer takes."""
        if self._client is None:
            return 0
        try:
            return self._client.send(data)
        except OSError:
            return 0


class EmulatedSenxor:
    """The camera: registers, a frame clock, and faults. A context manager.

    Parameters
    ----------
    link : `PtyLink` or `TcpLink`.
    serial_number : 0 to 0xFFFFFF.
    max_rate_hz : frame rate with divider 1.
    frames : source of the images.
    """

    def __init__(
        self,
        link: PtyLink | TcpLink,
        *,
        serial_number: int = 0x00A1B2,
        max_rate_hz: float = 24.0,
        frames: FrameSource | None = None,
    ) -> None:
        self.link = link
        self.max_rate_hz = max_rate_hz
        self.frames = frames or noisy_room()
        self.mutate: Callable[[bytes], bytes] | None = None
        self.stalled = False
        self.frozen = False
        self.sent_frames = 0
        self._registers = dict.fromkeys(range(256), 0)
        self._registers.update({_SENXOR_TYPE: 8, _MODULE_TYPE: 19, 0xE0: 24, 0xE1: 30, 0xCA: 95})
        self.serial_number = serial_number
        self._received = bytearray()
        self._outgoing = bytearray()
        self._started_s = time.monotonic()
        self._next_frame_s = 0.0
        self._number = 0
        self._running = False
        self._plugged = False
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)

    @property
    def device(self) -> str:
        """What the camera's parameter `device` takes."""
        return self.link.device

    @property
    def serial_number(self) -> int:
        """The number that makes this device itself."""
        high, middle, low = (self._registers[address] for address in _SERIAL_REGISTERS[3:])
        return high << 16 | middle << 8 | low

    @serial_number.setter
    def serial_number(self, value: int) -> None:
        for shift, address in zip((16, 8, 0), _SERIAL_REGISTERS[3:], strict=True):
            self._registers[address] = value >> shift & 0xFF

    def register(self, address: int) -> int:
        """Value of a register, for tests of what the driver has set."""
        return self._registers[address]

    def __enter__(self) -> "EmulatedSenxor":
        self.plug()
        self._running = True
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._running = False
        self._thread.join()
        self.unplug()

    def plug(self) -> None:
        """Power up and appear: not streaming, frame counter and clock at zero."""
        self._registers[_FRAME_MODE] = 0
        self._number = 0
        self._started_s = time.monotonic()
        self._received.clear()
        self._outgoing.clear()
        self.link.plug()
        self._plugged = True

    def unplug(self) -> None:
        """Vanish."""
        if self._plugged:
            self._plugged = False
            self.link.unplug()

    def _run(self) -> None:
        while self._running:
            try:
                self._serve_once()
            except OSError:
                # Unplugged between two steps, from another thread.
                time.sleep(_POLL_S)

    def _serve_once(self) -> None:
        wait_s = 0.0 if self._outgoing else _POLL_S
        self._received += self.link.receive(wait_s)
        self._answer()
        streaming = self._registers[_FRAME_MODE] & _CONTINUOUS and self._plugged
        if streaming and not self.stalled and time.monotonic() >= self._next_frame_s:
            self._emit_frame()
        if self._outgoing:
            sent = self.link.send(bytes(self._outgoing[:16384]))
            del self._outgoing[:sent]
            if not sent:
                time.sleep(_FULL_WAIT_S)

    def _answer(self) -> None:
        """Execute the commands received; their checksum is 'XXXX' and not looked at."""
        while (start := self._received.find(b"   #")) >= 0 and len(self._received) >= start + 8:
            length = int(self._received[start + 4 : start + 8], 16)
            end = start + 8 + length
            if len(self._received) < end:
                return
            body = bytes(self._received[start + 8 : end - 4])
            del self._received[:end]
            self._outgoing += self._execute(body[:4].decode(), body[4:])

    def _execute(self, command: str, data: bytes) -> bytes:
        if command == "RREG":
            return encode_packet("RREG", b"%02X" % self._registers[int(data, 16)])
        if command == "WREG":
            self._registers[int(data[:2], 16)] = int(data[2:4], 16)
            return encode_packet("WREG")
        addresses = [int(data[i : i + 2], 16) for i in range(0, len(data) - 2, 2)]
        pairs = b"".join(b"%02X%02X" % (a, self._registers[a]) for a in addresses)
        return encode_packet("RRSE", pairs)

    def _emit_frame(self) -> None:
        now_s = time.monotonic()
        period_s = max(1, self._registers[_FRAME_RATE] & 0x7F) / self.max_rate_hz
        late = now_s - self._next_frame_s > period_s
        self._next_frame_s = now_s + period_s if late else self._next_frame_s + period_s
        self._number += 1
        if len(self._outgoing) > _MAX_BACKLOG_BYTES:
            return
        content = 0 if self.frozen else self._number
        milliseconds = round((now_s - self._started_s) * 1000)
        packet = frame_packet(self.frames(content), self._number, milliseconds)
        self._outgoing += self.mutate(packet) if self.mutate else packet
        self.sent_frames += 1
