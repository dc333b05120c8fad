# SPDX-License-Identifier: Apache-2.0
"""Meridian SenXor cameras (MI08xx family, MIR8060B1) through the maker's `pysenxor-lite`."""

import contextlib
import logging
import queue
import time
from typing import Any, Final

import numpy as np
from senxor import Senxor
from senxor.error import (
    SenxorAckInvalidError,
    SenxorLostConnectionError,
    SenxorNoModuleError,
    SenxorNotConnectedError,
    SenxorResponseTimeoutError,
    SenxorUnexpectedAckError,
)
from senxor.interface.serial_port.core import (
    SerialInterface,
    SerialPort,
    SerialTransport,
    list_senxor_serial_ports,
)
from senxor.interface.tcpip_serial.core import TCPIPInterface, TCPIPPort, TCPIPTransport
from senxor.proc import process_senxor_data
from serial.tools.list_ports_common import ListPortInfo

from thermal_pose.cameras.base import CameraIdentity, CapturedFrame
from thermal_pose.cameras.senxor_packets import FrameHeader, FrameWitness, PacketFilter, Unwrapper
from thermal_pose.errors import CameraDisconnectedError, ConfigError
from thermal_pose.types import UInt16Array

_TCP_SCHEME: Final = "tcp://"
_VENDOR_ID: Final = 0x0416
_PRODUCT_ID: Final = 0x9393
_COUNTS_PER_DECIKELVIN: Final = 10
#: The library waits 3 s for each answer, also for that of a device that is gone.
_ANSWER_TIMEOUT_S: Final = 1.0

#: Everything that the library, pyserial and the operating system raise for a lost device.
#: RuntimeError comes from the library's TCP transport if there is no answer.
_LOST: Final = (
    SenxorNotConnectedError,
    SenxorLostConnectionError,
    SenxorResponseTimeoutError,
    SenxorAckInvalidError,
    SenxorUnexpectedAckError,
    SenxorNoModuleError,
    OSError,
    RuntimeError,
)


class _FilteredSerial(SerialTransport):
    """The library's serial transport, passing whole packets only."""

    def __init__(self, device: SerialPort) -> None:
        super().__init__(device)
        self.filter = PacketFilter()

    def read(self) -> bytes:
        return self.filter.feed(super().read())


class _FilteredTcp(TCPIPTransport):
    """The library's TCP transport, passing whole packets only."""

    def __init__(self, device: TCPIPPort) -> None:
        super().__init__(device)
        self.filter = PacketFilter()

    def read(self) -> bytes:
        return self.filter.feed(super().read())


class _SerialLink(SerialInterface):
    TRANSPORT_CLASS = _FilteredSerial
    OP_TIMEOUT = _ANSWER_TIMEOUT_S


class _TcpLink(TCPIPInterface):
    TRANSPORT_CLASS = _FilteredTcp
    OP_TIMEOUT = _ANSWER_TIMEOUT_S


class SenxorCamera:
    """One SenXor camera on a serial port or a TCP address.

    Parameters
    ----------
    device : '/dev/...', 'tcp://host:port', or '' for the first SenXor on USB.
    serial : with device '': the one with this serial number among several.
    emissivity : 0..1 to set on the device; None: leave the device's own.
    offset_k : offset to set on the device, K.
    frame_divider : of the device's highest rate.
    rate_hz : nominal rate of the frames delivered.
    """

    def __init__(
        self,
        device: str = "",
        *,
        serial: str = "",
        emissivity: float | None = None,
        offset_k: float = 0.0,
        frame_divider: int = 1,
        rate_hz: float = 8.0,
    ) -> None:
        # The library logs tracebacks of what is told here in one sentence.
        logging.getLogger("senxor").setLevel(logging.CRITICAL + 1)
        self._device = device
        self._serial = serial
        self._rate_hz = rate_hz
        self._controls: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        if emissivity is not None:
            self.set_control("emissivity", emissivity)
        self.set_control("offset_k", offset_k)
        self.set_control("frame_divider", frame_divider)
        self._senxor: Senxor | None = None
        self._witness = FrameWitness()
        self._counter = Unwrapper(16)
        self._clock = Unwrapper(32)

    @property
    def ended(self) -> bool:
        """A device never ends."""
        return False

    def open(self) -> CameraIdentity:
        """Connect, configure and start the stream (see `Camera.open`)."""
        self.close()
        link = self._find()
        senxor = Senxor(link, auto_open=False)
        try:
            senxor.open()
            identity = self._identify(senxor)
            self._senxor = senxor
            self._apply_controls()
            senxor.start_stream()
        except _LOST as error:
            self._senxor = senxor
            self.close()
            raise CameraDisconnectedError(f"{self._name}: {_reason(error)}") from error
        return identity

    @property
    def _name(self) -> str:
        return f"SenXor camera {self._device or self._serial}".strip()

    def _find(self) -> Any:
        if self._device.startswith(_TCP_SCHEME):
            return _TcpLink(_tcp_port(self._device))
        if self._device:
            return _SerialLink(_serial_port(self._device))
        ports = list_senxor_serial_ports()
        for port in ports:
            if not self._serial or port.port.serial_number == self._serial or len(ports) == 1:
                return _SerialLink(port)
        found = ", ".join(port.device for port in ports) or "none"
        raise CameraDisconnectedError(f"{self._name} is not connected (SenXor ports: {found})")

    def _identify(self, senxor: Senxor) -> CameraIdentity:
        height, width = senxor.get_shape()
        return CameraIdentity(
            backend="senxor",
            model=senxor.get_module_type(),
            serial=senxor.get_sn(),
            image_wh=(width, height),
            rate_hz=self._rate_hz,
        )

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next frame that its header confirms (see `Camera.read`)."""
        senxor = self._senxor
        if senxor is None:
            raise CameraDisconnectedError(f"{self._name} is not open")
        try:
            self._apply_controls()
            header, data = senxor.interface.read(timeout_s)
        except SenxorResponseTimeoutError:
            return None
        except _LOST as error:
            raise CameraDisconnectedError(f"{self._name}: {_reason(error)}") from error
        arrived_ns = time.monotonic_ns()
        return None if header is None or data is None else self._decode(header, data, arrived_ns)

    def _decode(self, header: bytes, data: bytes, arrived_ns: int) -> CapturedFrame | None:
        words = np.frombuffer(header, dtype="<u2")
        image_dk = process_senxor_data(data, dk=True)
        parsed = FrameHeader.parse(words)
        if not self._witness.accepts(parsed, image_dk):
            return None
        return CapturedFrame(
            image=_to_centikelvin(image_dk),
            arrived_ns=arrived_ns,
            device_ns=self._clock.unwrap(parsed.timestamp_ms) * 1_000_000,
            sequence=self._counter.unwrap(parsed.frame_counter),
            die_temperature_degc=parsed.die_temperature_degc,
        )

    def set_control(self, name: str, value: float) -> None:
        """Queue a control for the thread that reads (see `ControllableCamera`).

        Raises
        ------
        ConfigError
            The camera has no such control.
        """
        if name not in ("emissivity", "offset_k", "frame_divider"):
            raise ConfigError(f"a SenXor camera has no control '{name}'")
        self._controls.put((name, value))

    def _apply_controls(self) -> None:
        senxor = self._senxor
        assert senxor is not None
        while not self._controls.empty():
            name, value = self._controls.get()
            if name == "emissivity":
                senxor.fields.EMISSIVITY.set(round(value * 100))
            elif name == "offset_k":
                senxor.fields.OFFSET.set(round(value * 10) & 0xFF)
            else:
                senxor.fields.FRAME_RATE_DIVIDER.set(int(value))

    def close(self) -> None:
        """Stop the stream where the device still answers, and free the port."""
        senxor, self._senxor = self._senxor, None
        if senxor is None:
            return
        with contextlib.suppress(*_LOST):
            if senxor.is_connected:
                senxor.stop_stream()
        with contextlib.suppress(*_LOST):
            senxor.interface.close()


def _to_centikelvin(image_dk: UInt16Array) -> UInt16Array:
    """0.1 K to 0.01 K a count; what does not fit saturates (and is implausible then)."""
    wide = image_dk.astype(np.uint32) * _COUNTS_PER_DECIKELVIN
    return np.minimum(wide, np.iinfo(np.uint16).max).astype(np.uint16)


def _tcp_port(device: str) -> TCPIPPort:
    host, separator, port = device.removeprefix(_TCP_SCHEME).rpartition(":")
    if not separator or not host or not port.isdigit():
        raise ConfigError(f"device = '{device}': expected tcp://host:port")
    return TCPIPPort(host, int(port))


def _serial_port(device: str) -> SerialPort:
    """A port that the user named: it is taken for a SenXor whatever its USB numbers are."""
    info = ListPortInfo(device)
    info.vid, info.pid = _VENDOR_ID, _PRODUCT_ID
    return SerialPort(info)


def _reason(error: BaseException) -> str:
    text = str(error.args[-1]) if error.args else ""
    return text.rstrip(".") or type(error).__name__
