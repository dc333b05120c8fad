# SPDX-License-Identifier: Apache-2.0
"""Keeps one camera alive: opens, reads, judges, stamps, and reopens for ever.

The driver owns the only thread that touches the device. It never ends by itself, unless its
source does (a recording), and it never takes another device for the one it began with.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy.typing as npt

from thermal_pose.cameras.base import (
    AcknowledgedCamera,
    Camera,
    CameraIdentity,
    CapturedFrame,
    SlowCamera,
)
from thermal_pose.cameras.clock import HostTime, StampClock
from thermal_pose.cameras.health import (
    FrameJudge,
    FrameVerdict,
    GapCounter,
    HealthCounts,
    HealthLimits,
)
from thermal_pose.errors import (
    CameraDisconnectedError,
    CameraError,
    CameraIdentityError,
    ThermalPoseError,
)
from thermal_pose.gates.stamps import StampGate

_READ_TIMEOUT_S = 0.2
_PRESENCE_POLL_S = 0.2
_RATE_WINDOW_S = 5.0
#: Stamps that the gate looks at for the status: about a minute.
_STAMPS_JUDGED = 512


class DriverState(StrEnum):
    """What the driver is doing."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    STREAMING = "streaming"
    STALLED = "stalled"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True)
class DriverOptions:
    """How one camera is run.

    Attributes
    ----------
    frame_id : header frame of frames that bring none.
    serial : the only device accepted; '': whichever answers first, and from then on only that.
    first_backoff_s, max_backoff_s : waits between attempts to connect, doubling.
    stall_timeout_s : without a good frame for this long the device is opened anew.
    latency_s : constant delay from exposure to arrival.
    frame_divider : publish every n-th good frame.
    limits : of a healthy thermal stream.
    """

    frame_id: str
    serial: str = ""
    first_backoff_s: float = 1.0
    max_backoff_s: float = 10.0
    stall_timeout_s: float = 2.0
    latency_s: float = 0.0
    frame_divider: int = 1
    limits: HealthLimits = field(default_factory=HealthLimits)

    def __post_init__(self) -> None:
        if not 0 < self.first_backoff_s <= self.max_backoff_s:
            raise ValueError(
                "expected 0 < first_backoff_s <= max_backoff_s, got "
                f"{self.first_backoff_s}, {self.max_backoff_s}"
            )
        if self.stall_timeout_s <= 0 or self.frame_divider < 1:
            raise ValueError(
                "expected stall_timeout_s > 0 and frame_divider >= 1, got "
                f"{self.stall_timeout_s}, {self.frame_divider}"
            )


@dataclass(frozen=True)
class StampedFrame:
    """A judged frame with its final header, ready to publish."""

    image: npt.NDArray[Any]
    stamp_ns: int
    frame_id: str


@dataclass(frozen=True)
class DriverStatus:
    """A snapshot for diagnostics.

    `rate_hz` and `age_s` are of published frames; `age_s` is None before the first one.
    `stamp_fault` is the gate's sentence on the stamps of about the last minute; '' if sound.
    `activity` says what a slow connection is busy with.
    """

    state: DriverState
    identity: CameraIdentity | None
    rate_hz: float
    age_s: float | None
    published: int
    reconnects: int
    refused: int
    last_error: str
    die_temperature_degc: float | None
    drift_ppm: float
    clock_resets: int
    stamps_held: int
    clock_jumps: int
    stamp_fault: str
    health: HealthCounts
    activity: str = ""


class CameraDriver:
    """Runs one camera in its own thread and hands over its good frames.

    Parameters
    ----------
    make_camera : builds the backend; called anew for each connection.
    publish : takes each frame, in the driver's thread.
    options : see `DriverOptions`.
    now_ros_ns : ROS time.
    fingerprint : what changes when the device's file comes anew (None while it is absent); a
        change cuts a wait short. None: there is no file to watch.
    on_end : called once when a finite source has ended.
    """

    def __init__(
        self,
        make_camera: Callable[[], Camera],
        publish: Callable[[StampedFrame], None],
        options: DriverOptions,
        now_ros_ns: Callable[[], int] = time.time_ns,
        fingerprint: Callable[[], object] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self._make_camera = make_camera
        self._publish = publish
        self._options = options
        self._now_ros_ns = now_ros_ns
        self._fingerprint = fingerprint or (lambda: None)
        self._tried: object = None
        self._on_end = on_end
        self._wake = threading.Event()
        self._stopping = False
        self._reset = False
        self._thread: threading.Thread | None = None
        self._state = DriverState.STOPPED
        self._identity: CameraIdentity | None = None
        self._camera: Camera | None = None
        self._opening: Camera | None = None
        self._serial = options.serial
        self._frame_divider = options.frame_divider
        self._judge = FrameJudge(options.limits)
        self._stamps = StampClock(options.latency_s)
        self._stamp_gate = StampGate(kept=_STAMPS_JUDGED)
        self._gaps: GapCounter | None = None
        self._recent_s: deque[float] = deque(maxlen=256)
        self._published = self._good = self._reconnects = self._refused = 0
        self._last_error = ""
        self._failure: ThermalPoseError | None = None
        self._last_good_s = 0.0
        self._die_degc: float | None = None

    @property
    def camera(self) -> Camera | None:
        """The open backend, for controls and acknowledgements; None while disconnected."""
        return self._camera

    @property
    def failure(self) -> ThermalPoseError | None:
        """The error that ended the driver and that no retry can cure; None without one."""
        return self._failure

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if self._thread is None:
            self._stopping = False
            self._wake.clear()
            self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> bool:
        """Close the device and end the thread; whether it ended in time."""
        thread, self._thread = self._thread, None
        self._stopping = True
        self._wake.set()
        opening = self._opening
        if isinstance(opening, SlowCamera):
            opening.cancel()
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def set_frame_divider(self, frame_divider: int) -> None:
        """Publish every n-th good frame from now on."""
        if frame_divider < 1:
            raise ValueError(f"frame_divider: expected >= 1, got {frame_divider}")
        self._frame_divider = frame_divider

    def reset(self) -> None:
        """Close and reopen the device at once (also cuts a backoff short)."""
        self._reset = True
        self._wake.set()

    def status(self) -> DriverStatus:
        """A snapshot for diagnostics, from any thread."""
        now_s = time.monotonic()
        recent = [at for at in tuple(self._recent_s) if now_s - at <= _RATE_WINDOW_S]
        rate_hz = (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0
        counts = self._judge.counts
        gaps = self._gaps
        opening = self._opening
        by_stamp = gaps is not None and counts.gaps == 0
        return DriverStatus(
            state=self._state,
            identity=self._identity,
            rate_hz=rate_hz,
            age_s=now_s - self._recent_s[-1] if self._recent_s else None,
            published=self._published,
            reconnects=self._reconnects,
            refused=self._refused,
            last_error=self._last_error,
            die_temperature_degc=self._die_degc,
            drift_ppm=self._stamps.device.drift_ppm,
            clock_resets=self._stamps.device.resets,
            stamps_held=self._stamps.held,
            clock_jumps=self._stamps.jumps,
            stamp_fault=self._stamp_gate.verdict().sentence,
            activity=opening.activity if isinstance(opening, SlowCamera) else "",
            health=HealthCounts(
                repeated=counts.repeated,
                corrupt=counts.corrupt,
                duplicates=counts.duplicates,
                shutter_freezes=counts.shutter_freezes,
                gaps=gaps.gaps if gaps is not None and by_stamp else counts.gaps,
                frames_lost=(
                    gaps.frames_lost if gaps is not None and by_stamp else counts.frames_lost
                ),
            ),
        )

    def _run(self) -> None:
        try:
            self._serve_for_ever()
        except BaseException as error:
            # A defect of ours: shown in diagnostics, then raised.
            self._last_error = f"{type(error).__name__}: {error}"
            self._state = DriverState.FAILED
            raise

    def _serve_for_ever(self) -> None:
        backoff_s = self._options.first_backoff_s
        while not self._stopping:
            published = self._published
            if self._serve_once():
                break
            if self._published > published:
                backoff_s = self._options.first_backoff_s
            self._wait(backoff_s)
            backoff_s = min(2 * backoff_s, self._options.max_backoff_s)
        if self._state not in (DriverState.ENDED, DriverState.FAILED):
            self._state = DriverState.STOPPED

    def _serve_once(self) -> bool:
        """One connection from open to close; whether there is nothing left to serve."""
        self._state = DriverState.CONNECTING
        self._tried = self._fingerprint()
        camera: Camera | None = None
        try:
            self._opening = camera = self._make_camera()
            if self._stopping:
                return True
            self._connect(camera)
            self._stream(camera)
            return self._end() if camera.ended else self._stopping
        except CameraError as error:
            self._last_error = str(error)
            return self._stopping
        except ThermalPoseError as error:
            # A damaged recording or a missing extra: a retry cannot help.
            self._last_error = str(error)
            self._failure = error
            self._state = DriverState.FAILED
            return True
        finally:
            self._camera = None
            # A device that is gone may refuse to be closed; it is gone either way.
            self._opening = None
            with contextlib.suppress(CameraError, OSError):
                if camera is not None:
                    camera.close()

    def _end(self) -> bool:
        self._state = DriverState.ENDED
        if self._on_end is not None:
            self._on_end()
        return True

    def _connect(self, camera: Camera) -> None:
        identity = camera.open()
        if self._serial and identity.serial != self._serial:
            self._refused += 1
            raise CameraIdentityError(
                f"expected the camera with serial '{self._serial}', found '{identity.serial}'"
            )
        if self._identity is not None:
            self._reconnects += 1
        self._serial = self._serial or identity.serial
        self._identity = identity
        self._judge.restart()
        if self._gaps is None:
            self._gaps = GapCounter(1.0 / identity.rate_hz)
        self._camera = camera
        self._state = DriverState.STREAMING
        self._last_good_s = time.monotonic()

    def _stream(self, camera: Camera) -> None:
        while not self._stopping and not camera.ended:
            if self._reset:
                self._reset = False
                self._wake.clear()
                raise CameraDisconnectedError("reset on request")
            frame = camera.read(_READ_TIMEOUT_S)
            if frame is not None:
                self._take(frame)
            self._check_stall(frame)

    def _check_stall(self, frame: CapturedFrame | None) -> None:
        """A replay that waits for its consumers is not stalled; a device without frames is."""
        identity = self._identity
        if identity is None or identity.backend == "bag":
            return
        silent_s = time.monotonic() - self._last_good_s
        if silent_s > self._options.stall_timeout_s:
            self._state = DriverState.STALLED
            what = "no frame" if frame is None else "no good frame"
            why = "" if frame is None else self._judge.refusal.sentence
            raise CameraDisconnectedError(
                f"{what} for {silent_s:.1f} s: reopening the camera. {why}".rstrip()
            )

    def _take(self, frame: CapturedFrame) -> None:
        self._die_degc = frame.die_temperature_degc
        if frame.stamp_ns is not None:
            self._hand_over(frame, frame.stamp_ns)
            return
        verdict = self._judge.judge(frame.image, frame.arrived_ns, frame.sequence)
        if verdict is not FrameVerdict.GOOD:
            # A shutter freeze is no stall as long as it is short enough for one.
            if verdict is FrameVerdict.REPEATED and not self._judge.frozen:
                self._last_good_s = time.monotonic()
            return
        self._last_good_s = time.monotonic()
        now = HostTime(time.monotonic_ns(), self._now_ros_ns())
        stamp_ns = self._stamps.stamp(frame.device_ns, frame.arrived_ns, now)
        if stamp_ns is None:
            return
        found = self._stamp_gate.admit(stamp_ns, frame.arrived_ns, now.ros_ns)
        if found.accepted:
            self._hand_over(frame, stamp_ns)

    def _hand_over(self, frame: CapturedFrame, stamp_ns: int) -> None:
        self._good += 1
        self._last_good_s = time.monotonic()
        if (self._good - 1) % self._frame_divider:
            if isinstance(self._camera, AcknowledgedCamera):
                self._camera.acknowledge(stamp_ns)  # nobody will answer what nobody gets
            return
        if self._gaps is not None:
            self._gaps.note(stamp_ns)
        self._publish(StampedFrame(frame.image, stamp_ns, frame.frame_id or self._options.frame_id))
        self._published += 1
        self._recent_s.append(time.monotonic())

    def _wait(self, backoff_s: float) -> None:
        """Sleep until the next attempt, a reset, a stop, or the device's return."""
        deadline_s = time.monotonic() + backoff_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            if self._wake.wait(min(left_s, _PRESENCE_POLL_S)):
                self._wake.clear()
                self._reset = False
                return
            # Against the file of the last attempt: it may have changed while that was closed.
            now = self._fingerprint()
            if now is not None and now != self._tried:
                return
