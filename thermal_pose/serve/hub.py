# SPDX-License-Identifier: Apache-2.0
"""What the page shows of each camera, and who watches it.

The ROS side writes from its own thread, watchers read on the server's event loop. An event is
encoded once, whatever the number of watchers; a watcher that is slow loses pictures, never state.
"""

import asyncio
import base64
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.catalogue import chosen_test, movement_test
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.serve.view_quality import judge_view
from thermal_pose.types import FrameKeypoints, ThermalFrame

#: Joints scored below this are not drawn.
MIN_JOINT_SCORE: Final = 0.1
#: Seconds of keypoints that the view is judged on, as frames at 8 Hz.
_VIEW_FRAMES: Final = 12
#: Events that a slow watcher may be behind before it loses pictures.
_QUEUE: Final = 32
_RECENT: Final = 30
#: Pictures wider than this are made smaller for the page.
_MAX_WIDTH: Final = 160


@dataclass
class CameraFeed:
    """The newest of one camera.

    Attributes
    ----------
    name : namespace of its graph; '' for none.
    events : newest event of each kind, for a watcher that arrives.
    recent : newest results first, as documents for the page.
    """

    name: str
    test: MovementTest = field(default_factory=lambda: movement_test(""))
    frames: deque[FrameKeypoints] = field(default_factory=lambda: deque(maxlen=_VIEW_FRAMES))
    events: dict[str, bytes] = field(default_factory=dict)
    recent: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    moving: bool = False


class Watcher:
    """One browser that watches one camera."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE)

    def offer(self, event: bytes, droppable: bool) -> None:
        """Hand over an event, from any thread."""
        self._loop.call_soon_threadsafe(self._put, event, droppable)

    def _put(self, event: bytes, droppable: bool) -> None:
        if self._queue.full():
            if droppable:
                return
            self._queue.get_nowait()
        self._queue.put_nowait(event)

    async def next(self, timeout_s: float) -> bytes:
        """Return the next event, or a comment that keeps the connection open."""
        try:
            return await asyncio.wait_for(self._queue.get(), timeout_s)
        except TimeoutError:
            return b": still here\n\n"


class Hub:
    """All cameras of the graph, and their watchers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cameras: dict[str, CameraFeed] = {}
        self._watchers: dict[str, set[Watcher]] = {}

    def names(self) -> list[str]:
        """Return the cameras' names, sorted."""
        with self._lock:
            return sorted(self._cameras)

    def camera(self, name: str) -> CameraFeed:
        """Return a camera; it is made on first sight."""
        with self._lock:
            return self._cameras.setdefault(name, CameraFeed(name))

    def watch(self, name: str) -> Watcher:
        """Begin to watch a camera: the newest of each kind comes first."""
        watcher = Watcher(asyncio.get_running_loop())
        camera = self.camera(name)
        with self._lock:
            self._watchers.setdefault(name, set()).add(watcher)
            for event in camera.events.values():
                watcher.offer(event, droppable=False)
        return watcher

    def leave(self, name: str, watcher: Watcher) -> None:
        """Stop watching."""
        with self._lock:
            self._watchers.get(name, set()).discard(watcher)

    def n_watchers(self) -> int:
        """Return how many browsers watch."""
        with self._lock:
            return sum(len(group) for group in self._watchers.values())

    # -- from the ROS thread -----------------------------------------------------------------

    def image(self, name: str, frame: ThermalFrame, sent_ns: int) -> None:
        """Show a picture."""
        self._tell(name, "image", image_document(frame, sent_ns), droppable=True)

    def keypoints(self, name: str, frame: FrameKeypoints) -> None:
        """Show the skeletons, and what they say of the view."""
        camera = self.camera(name)
        camera.frames.append(frame)
        self._tell(name, "people", people_document(frame), droppable=True)
        if not camera.moving:
            findings = [vars(row) for row in judge_view(list(camera.frames), camera.test)]
            document = {"findings": findings}
            if camera.events.get("view") != encode("view", document):
                self._tell(name, "view", document, droppable=False)

    def state(self, name: str, document: dict[str, Any]) -> None:
        """Show the phase and the time of a test."""
        camera = self.camera(name)
        camera.test = chosen_test(document["test"])
        camera.moving = document["elapsed_s"] > 0.0
        self._tell(name, "state", document, droppable=True)

    def report(self, name: str, document: dict[str, Any]) -> None:
        """Show a result."""
        camera = self.camera(name)
        with self._lock:
            camera.recent.appendleft(document)
        self._tell(name, "report", document, droppable=False)

    def notice(self, name: str, text: str) -> None:
        """Show a sentence that someone must read."""
        self._tell(name, "notice", {"text": text}, droppable=False)

    def _tell(self, name: str, kind: str, document: dict[str, Any], droppable: bool) -> None:
        event, camera = encode(kind, document), self.camera(name)
        with self._lock:
            camera.events[kind] = event
            watchers = list(self._watchers.get(name, ()))
        for watcher in watchers:
            watcher.offer(event, droppable)


def encode(kind: str, document: dict[str, Any]) -> bytes:
    """Return a server-sent event."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return f"event: {kind}\ndata: {text}\n\n".encode()


def image_document(frame: ThermalFrame, sent_ns: int) -> dict[str, Any]:
    """Return a picture as 8-bit grey levels between its 1st and 99.8th percentile."""
    image: npt.NDArray[Any] = frame.centikelvin
    if image.shape[1] > _MAX_WIDTH:
        # Most thermal pictures are small: OpenCV is loaded for the others only.
        import cv2

        scale = _MAX_WIDTH / image.shape[1]
        size = (_MAX_WIDTH, max(1, round(image.shape[0] * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(image, (1.0, 99.8))
    span = max(float(high - low), 400.0)
    grey = np.clip((image.astype(np.float32) - low) * (255.0 / span), 0, 255).astype(np.uint8)
    return {
        "stamp": str(frame.stamp_ns),
        "sent": str(sent_ns),
        "width": int(grey.shape[1]),
        "height": int(grey.shape[0]),
        "pixels": base64.b64encode(grey.tobytes()).decode("ascii"),
    }


def people_document(frame: FrameKeypoints) -> dict[str, Any]:
    """Return the skeletons as shares of the picture's size; null where not to be drawn."""
    width, height = frame.image_wh
    people = []
    for person in frame.persons:
        xy = (person.xy + 0.5) / np.array([width, height], dtype=np.float32)
        drawn = np.isfinite(xy).all(axis=1) & (person.scores >= MIN_JOINT_SCORE)
        joints = [
            [round(float(x), 4), round(float(y), 4)] if seen else None
            for (x, y), seen in zip(xy, drawn, strict=True)
        ]
        people.append({"id": person.track_id, "joints": joints})
    return {"stamp": str(frame.stamp_ns), "people": people}
