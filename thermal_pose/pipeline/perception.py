# SPDX-License-Identifier: Apache-2.0
"""Thermal frames to keypoints: the one implementation behind nodes, replay and evaluation.

Two stages, since the graph has a node for each: `DetectionStage` looks at images alone and
`PoseStage` at images and detections. `Perception` chains them in one process. Every value that
passes between them is exact in float32, so that messages change nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from thermal_pose.gates.quality import same_image
from thermal_pose.inference.base import PersonDetector, PoseModel
from thermal_pose.tracking.sides import SideKeeper, SidesSettings
from thermal_pose.tracking.smoothing import OneEuroFilter, OneEuroSettings
from thermal_pose.tracking.tracker import PersonTracker, TrackerSettings
from thermal_pose.types import (
    NS_PER_S,
    FrameKeypoints,
    PersonBox,
    PersonKeypoints,
    ThermalFrame,
)

#: A stamp this much older than the newest is a new recording (or a loop), not a late frame.
JUMP_BACK_S = 2.0
#: After a silence this long the detector looks at once, wherever its cadence stands.
CADENCE_GAP_S = 1.0


@dataclass(frozen=True)
class Detections:
    """The detections of one image; `detected` is False if the detector did not run on it."""

    detected: bool
    boxes: tuple[PersonBox, ...] = ()

    def __post_init__(self) -> None:
        if self.boxes and not self.detected:
            raise ValueError(f"boxes: expected none where not detected, got {len(self.boxes)}")


class DetectionStage:
    """Runs the detector on every n-th image, and on each while it finds nobody.

    The cadence counts from the first image of a sequence and depends on the images alone:
    a detector that is a process of its own and one in the same loop decide alike.

    Parameters
    ----------
    detector : finds people in one frame.
    every_n : >= 1.
    """

    def __init__(self, detector: PersonDetector, every_n: int = 1) -> None:
        self.detector = detector
        self.every_n = every_n
        self.reset()

    @property
    def every_n(self) -> int:
        """How many images from one detection to the next while people are in view."""
        return self._every_n

    @every_n.setter
    def every_n(self, value: int) -> None:
        if value < 1:
            raise ValueError(f"every_n: expected at least 1, got {value}")
        self._every_n = value

    def reset(self) -> None:
        """Begin a new sequence: the next image is its first."""
        self._index = 0
        self._nobody = True
        self._last_ns: int | None = None
        self._last: tuple[ThermalFrame, Detections] | None = None

    def step(self, frame: ThermalFrame) -> Detections:
        """Return the detections of one image, or that the detector did not run on it.

        An image that a replay sends again gets the answer it had, and the cadence stays.
        """
        if self._last is None or not same_image(frame, self._last[0]):
            self._last = frame, self._found_on(frame)
        return self._last[1]

    def _found_on(self, frame: ThermalFrame) -> Detections:
        if self._begins_sequence(frame.stamp_ns):
            self.reset()
        self._last_ns = frame.stamp_ns
        due = self._nobody or self._index % self._every_n == 0
        self._index += 1
        if not due:
            return Detections(False)
        boxes = tuple(_rounded(box) for box in self.detector.detect(frame.centikelvin))
        self._nobody = not boxes
        return Detections(True, boxes)

    def _begins_sequence(self, stamp_ns: int) -> bool:
        if self._last_ns is None:
            return False
        step_s = (stamp_ns - self._last_ns) / NS_PER_S
        return step_s < -JUMP_BACK_S or step_s > CADENCE_GAP_S


@dataclass(frozen=True)
class PoseSettings:
    """How keypoints are followed.

    Attributes
    ----------
    tracker : when boxes are the same person.
    sides : keeps left and right over time (`tracking.sides`); None: as estimated per frame.
    smoothing : None (default) gives the joints as estimated.
    max_persons : further people of one image are not looked at; the oldest identities stay.
    """

    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    sides: SidesSettings | None = field(default_factory=SidesSettings)
    smoothing: OneEuroSettings | None = None
    max_persons: int = 10

    def __post_init__(self) -> None:
        if self.max_persons < 1:
            raise ValueError(f"max_persons: expected at least 1, got {self.max_persons}")


class PoseStage:
    """Images and detections to keypoints with identities.

    Parameters
    ----------
    estimator : finds the joints in boxes.
    settings : see `PoseSettings`.
    """

    def __init__(self, estimator: PoseModel, settings: PoseSettings | None = None) -> None:
        self.estimator = estimator
        self._settings = settings or PoseSettings()
        self._tracker = PersonTracker(self._settings.tracker)
        self.reset()

    @property
    def settings(self) -> PoseSettings:
        """How keypoints are followed; may be replaced between two images."""
        return self._settings

    @settings.setter
    def settings(self, settings: PoseSettings) -> None:
        if settings.smoothing != self._settings.smoothing:
            self._filters.clear()
        if settings.sides != self._settings.sides:
            self._sides = SideKeeper(settings.sides)
        self._settings = settings
        self._tracker.settings = settings.tracker

    def reset(self) -> None:
        """Forget everyone; identities count from 1 again."""
        self._tracker.reset()
        self._sides = SideKeeper(self._settings.sides)
        self._filters: dict[int, OneEuroFilter] = {}
        self._last_ns: int | None = None

    def step(self, frame: ThermalFrame, detections: Detections) -> FrameKeypoints:
        """Return all people of one image; header stamp and frame are the image's."""
        if self._last_ns is not None and frame.stamp_ns < self._last_ns - JUMP_BACK_S * NS_PER_S:
            self.reset()
        self._last_ns = frame.stamp_ns
        height, width = frame.centikelvin.shape
        boxes = self._tracker.propose(
            frame.stamp_ns, detections.boxes if detections.detected else None, (width, height)
        )
        persons = self.estimator.estimate(frame.centikelvin, boxes[: self._settings.max_persons])
        seen = self._tracker.observe(frame.stamp_ns, persons)
        if self._settings.sides is not None:
            seen = self._sides(frame.stamp_ns, seen)
        return FrameKeypoints(
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            model_id=self.estimator.model_id,
            image_wh=(width, height),
            persons=self._smoothed(frame.stamp_ns, seen),
        )

    def _smoothed(
        self, stamp_ns: int, persons: Sequence[PersonKeypoints]
    ) -> tuple[PersonKeypoints, ...]:
        if self._settings.smoothing is None:
            return tuple(persons)
        known = self._tracker.track_ids
        self._filters = {key: value for key, value in self._filters.items() if key in known}
        for person in persons:
            self._filters.setdefault(person.track_id, OneEuroFilter(self._settings.smoothing))
        return tuple(
            replace(person, xy=self._filters[person.track_id](stamp_ns, person.xy))
            for person in persons
        )


class Perception:
    """Thermal frames to keypoints in one process.

    `perception_params.build_perception` builds it from the nodes' parameters.
    """

    def __init__(self, detection: DetectionStage, pose: PoseStage) -> None:
        self.detection = detection
        self.pose = pose

    def reset(self) -> None:
        """Begin a new sequence."""
        self.detection.reset()
        self.pose.reset()

    def step(self, frame: ThermalFrame) -> FrameKeypoints:
        """Return all people of one image."""
        return self.pose.step(frame, self.detection.step(frame))


def _rounded(box: PersonBox) -> PersonBox:
    """Round a box to float32, as `msg/PersonBox.msg` carries it."""
    left, top, right, bottom = (float(np.float32(edge)) for edge in box.xyxy)
    return PersonBox((left, top, right, bottom), float(np.float32(box.score)), box.track_id)
