# SPDX-License-Identifier: Apache-2.0
"""How right the keypoints of a simulated recording are, against the truth that it carries.

The OKS is taken in the thermal frame, with the area of the visible silhouette.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from thermal_pose.bags.reader import BagReader
from thermal_pose.inference.base import PoseModel
from thermal_pose.lab.metrics.oks import (
    AveragePrecision,
    EstimatedPose,
    TruePose,
    average_precision,
    pose_score,
)
from thermal_pose.types import FrameKeypoints, PersonBox, TrueFrame, TruePerson

#: A person with less visible area is ignored, found or not.
SMALLEST_AREA_PX = 20.0


@dataclass
class PoseScores:
    """Collects truths and estimates of many recordings."""

    truths: list[TruePose] = field(default_factory=list)
    estimates: list[EstimatedPose] = field(default_factory=list)
    frames: int = 0

    def add(
        self, name: str, truth: Iterable[TrueFrame], keypoints: Iterable[FrameKeypoints]
    ) -> None:
        """Add one recording; frames without keypoints count as frames without a detection.

        Parameters
        ----------
        name : of the recording, so that its stamps are not another's.
        """
        found = {frame.stamp_ns: frame for frame in keypoints}
        for frame in truth:
            image = (name, frame.stamp_ns)
            self.frames += 1
            self.truths += [
                TruePose(image, person.xy, person.visibility, person.area_px)
                for person in visible_people(frame)
            ]
            if frame.stamp_ns in found:
                self.estimates += [
                    EstimatedPose(
                        image, person.xy, float(pose_score(person.scores, person.person_score))
                    )
                    for person in found[frame.stamp_ns].persons
                ]

    def average_precision(self) -> AveragePrecision:
        """Return AP, AP50 and AP75 over everything added."""
        return average_precision(self.truths, self.estimates)


def visible_people(frame: TrueFrame) -> Sequence[TruePerson]:
    """Return the people whose visible area is large enough to score."""
    return [
        person
        for person in frame.persons
        if person.box_xyxy is not None and person.area_px >= SMALLEST_AREA_PX
    ]


def keypoints_in_true_boxes(path: Path, estimator: PoseModel) -> list[FrameKeypoints]:
    """Return the estimates for exact boxes, without a detector.

    Raises
    ------
    BagError
        The recording cannot be used, or carries no truth.
    """
    answers = []
    with BagReader(path) as bag:
        truth = {frame.stamp_ns: frame for frame in bag.true_frames()}
        for frame in bag.thermal_frames():
            people = visible_people(truth[frame.stamp_ns]) if frame.stamp_ns in truth else ()
            boxes = [
                PersonBox(person.box_xyxy, 1.0, person.person_id)
                for person in people
                if person.box_xyxy is not None
            ]
            height, width = frame.centikelvin.shape
            answers.append(
                FrameKeypoints(
                    frame.stamp_ns,
                    frame.frame_id,
                    estimator.model_id,
                    (width, height),
                    estimator.estimate(frame.centikelvin, boxes),
                )
            )
    return answers
