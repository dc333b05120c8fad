# SPDX-License-Identifier: Apache-2.0
"""A recording as a camera: its stamps, its pace (or a multiple of it), and no frame lost."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.cameras.base import CameraIdentity, CapturedFrame
from thermal_pose.cameras.flow import FlowWindow, ReplayClock
from thermal_pose.errors import BagSchemaError, GraphError
from thermal_pose.gates.intake import FrameIntake
from thermal_pose.gates.quality import same_image
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.types import NS_PER_S, RgbFrame, ThermalFrame

#: Frames are sent again after this long without results: their receiver died or was disabled.
RESEND_S = 10.0
#: Frames that stay without results this many times are given up.
MAX_SENDS = 3
#: A replay ends after this many given-up frames in a row.
MAX_UNANSWERED = 3
#: Longer gaps between stamps are skipped in a replay, s.
MAX_LEAP_S = 10.0
_POLL_S = 0.02
#: A recording is refused at once if none of its first images can be used.
_CHECKED_FRAMES = 16


def _always() -> bool:
    return True


class BagCamera:
    """Replays the thermal or the colour images of one recording.

    Parameters
    ----------
    path : the recording.
    colour : replay the colour images instead of the thermal ones.
    rate : multiple of real time; 0: as fast as the consumers take them.
    loop : start again after the last frame; stamps repeat, as with `ros2 bag play --loop`.
    start_s : skip the frames of the first seconds.
    window_frames : frames sent whose results were not acknowledged; the next is held until one
        of them is. After `RESEND_S` without any they are sent again. 0: never wait for results.
    consumers_ready : nothing is sent before this returns True (all subscribers are connected).
    """

    def __init__(
        self,
        path: str | Path,
        *,
        colour: bool = False,
        rate: float = 1.0,
        loop: bool = False,
        start_s: float = 0.0,
        window_frames: int = 0,
        consumers_ready: Callable[[], bool] = _always,
    ) -> None:
        if start_s < 0:
            raise ValueError(f"start_s: expected >= 0, got {start_s}")
        self._path = Path(path)
        self._colour = colour
        self._loop = loop
        self._start_s = start_s
        self._ready = consumers_ready
        self._clock = ReplayClock(rate, MAX_LEAP_S)
        self._window = FlowWindow(window_frames)
        self._reader: BagReader | None = None
        self._frames: Iterator[ThermalFrame | RgbFrame] = iter(())
        self._next: ThermalFrame | RgbFrame | None = None
        self._intake = FrameIntake()
        self._sent: dict[int, ThermalFrame | RgbFrame] = {}
        self._again: list[int] = []
        self._sends: Counter[int] = Counter()
        self.unanswered = self._unanswered_in_a_row = 0
        self._previous: ThermalFrame | RgbFrame | None = None
        self._started = False
        self._ended = False

    @property
    def ended(self) -> bool:
        """True once the last frame was given and its results were seen."""
        return self._ended and self._window.wait_until_empty(0.0)

    def open(self) -> CameraIdentity:
        """Open the recording and look at its first frame.

        Raises
        ------
        BagError
            It is missing, damaged, or without the images (see `bags.reader`).
        """
        self.close()
        self._reader = BagReader(self._path)
        self._rewind()
        first = self._next
        if first is None:
            raise BagSchemaError(f"{self._path} has no image after the first {self._start_s:g} s")
        self._check_images()
        height, width = _pixels(first).shape[:2]
        return CameraIdentity(
            backend="bag",
            model=self._path.name,
            serial="",
            image_wh=(width, height),
            rate_hz=self._mean_rate_hz(),
            info=self._camera_info(),
        )

    def _check_images(self) -> None:
        """Refuse a recording that begins with images of which none can be used."""
        if self._colour:
            return
        assert self._reader is not None
        intake = FrameIntake()
        first = itertools.islice(self._reader.thermal_frames(), _CHECKED_FRAMES)
        if not any(intake.admit(frame).accepted for frame in first):
            raise BagSchemaError(f"{self._path}: {intake.refusals().main.sentence}")

    def _iterate(self) -> Iterator[ThermalFrame | RgbFrame]:
        assert self._reader is not None
        return self._reader.rgb_frames() if self._colour else self._reader.thermal_frames()

    def _rewind(self) -> None:
        self._frames = self._iterate()
        self._next = next(self._frames, None)
        if self._next is None or self._start_s == 0:
            return
        first_ns = self._next.stamp_ns + round(self._start_s * NS_PER_S)
        while self._next is not None and self._next.stamp_ns < first_ns:
            self._next = next(self._frames, None)

    def _mean_rate_hz(self) -> float:
        """Frames per second from the recorded number and duration; 8 Hz for a single frame."""
        assert self._reader is not None
        topics = [schema.RGB_COMPRESSED, schema.RGB_IMAGE] if self._colour else []
        names = [name for name in [*topics, schema.THERMAL_IMAGE] if self._reader.has(name)]
        count = self._reader.topics[names[0]].count
        duration_s = self._reader.duration_s
        return (count - 1) / duration_s if count > 1 and duration_s > 0 else 8.0

    def _camera_info(self) -> CameraInfo | None:
        assert self._reader is not None
        topic = schema.RGB_INFO if self._colour else schema.THERMAL_INFO
        return self._reader.calibration(topic)

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next frame when consumers, window and pace allow it within `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        overdue = self._overdue_frame()
        if overdue is not None:
            return self._captured(overdue)
        frame = self._next
        if frame is None:
            time.sleep(min(timeout_s, _POLL_S))
            return None
        if not self._wait_for_consumers(deadline_s):
            return None
        if not self._window.wait_for_room(max(0.0, deadline_s - time.monotonic())):
            return None
        delay_s = self._clock.delay_s(frame.stamp_ns)
        left_s = max(0.0, deadline_s - time.monotonic())
        time.sleep(min(delay_s, left_s))
        if delay_s > left_s:
            return None
        return self._send(frame)

    def _wait_for_consumers(self, deadline_s: float) -> bool:
        while not self._started and not self._ready():
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(_POLL_S)
        self._started = True
        return True

    def _overdue_frame(self) -> ThermalFrame | RgbFrame | None:
        """Return the oldest frame to send again, if any; give up one that was sent too often."""
        self._again = self._again or list(self._window.overdue(RESEND_S))
        if not self._again or not self._ready():
            return None
        stamp_ns = self._again.pop(0)
        self._sends[stamp_ns] += 1
        if self._sends[stamp_ns] > MAX_SENDS:
            self._give_up(stamp_ns)
            return None
        return self._sent.get(stamp_ns)

    def _give_up(self, stamp_ns: int) -> None:
        self.unanswered += 1
        self._unanswered_in_a_row += 1
        self._window.acknowledge(stamp_ns)
        if self._unanswered_in_a_row >= MAX_UNANSWERED:
            raise GraphError(
                f"no results came for {MAX_UNANSWERED} images in a row, each sent {MAX_SENDS} "
                "times: are detector and pose, and tug_analyzer if it is awaited, running and "
                "enabled?"
            )

    def _send(self, frame: ThermalFrame | RgbFrame) -> CapturedFrame:
        awaited = self._window.overdue(0.0)
        self._sent = {ns: sent for ns, sent in self._sent.items() if ns in awaited}
        self._sends = Counter({ns: self._sends[ns] for ns in awaited})
        self._sends[frame.stamp_ns] = 1
        self._sent[frame.stamp_ns] = frame
        self._next = next(self._frames, None)
        if self._next is None:
            if self._loop:
                self._rewind()
            else:
                self._ended = True
        previous, self._previous = self._previous, frame
        return self._captured(frame, repeated=_same(frame, previous))

    def _captured(self, frame: ThermalFrame | RgbFrame, *, repeated: bool = False) -> CapturedFrame:
        # An image that every node refuses, or that was recorded twice, is never answered.
        accepted = not isinstance(frame, ThermalFrame) or self._intake.admit(frame).accepted
        if accepted and not repeated:
            self._window.sent(frame.stamp_ns)
        return CapturedFrame(
            image=_pixels(frame),
            arrived_ns=time.monotonic_ns(),
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
        )

    def acknowledge(self, stamp_ns: int) -> None:
        """Note that the results for the frame of this stamp were seen."""
        self._unanswered_in_a_row = 0
        self._window.acknowledge(stamp_ns)

    def close(self) -> None:
        """Close the recording."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._next = None


def _same(frame: ThermalFrame | RgbFrame, other: ThermalFrame | RgbFrame | None) -> bool:
    """Whether an image is the one before it once more, which the pose node answers once."""
    both_thermal = isinstance(frame, ThermalFrame) and isinstance(other, ThermalFrame)
    return both_thermal and same_image(frame, other)  # type: ignore[arg-type]


def _pixels(frame: ThermalFrame | RgbFrame) -> npt.NDArray[Any]:
    return frame.centikelvin if isinstance(frame, ThermalFrame) else frame.bgr


def check_recording(path: str | Path) -> None:
    """Raise the errors of a bad recording before the graph starts instead of after.

    Raises
    ------
    BagError, ImageFormatError
        It is missing, damaged, or without thermal images in centikelvin.
    """
    camera = BagCamera(path)
    try:
        camera.open()
    finally:
        camera.close()
