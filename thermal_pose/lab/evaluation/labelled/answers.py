# SPDX-License-Identifier: Apache-2.0
"""What a model says of every labelled person of a COCO keypoint file.

Legend: N people, K = 17 joints.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from thermal_pose.inference.base import PoseModel
from thermal_pose.lab.learning.datasets.coco.labels import CocoLabels, LabelledPerson
from thermal_pose.lab.learning.datasets.coco.pictures import centikelvin, read_picture
from thermal_pose.lab.metrics.oks import joint_similarity, oks, pose_score
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import Float64Array, Int64Array, PersonBox


@dataclass(frozen=True)
class LabelledAnswers:
    """Labels and answers, row by row.

    Attributes
    ----------
    images, scenes : (N,) of each person.
    true_xy, visibility, area_px : (N, 17, 2) px, (N, 17), (N,): the labels.
    xy, joint_scores, person_scores : (N, 17, 2) px, (N, 17), (N,): the answers.
    """

    images: Int64Array
    scenes: npt.NDArray[np.str_]
    true_xy: Float64Array
    visibility: Int64Array
    area_px: Float64Array
    xy: Float64Array
    joint_scores: Float64Array
    person_scores: Float64Array

    @property
    def ranks(self) -> Float64Array:
        """(N,) by what average precision sorts people."""
        return pose_score(self.joint_scores, self.person_scores)

    @property
    def similarity(self) -> Float64Array:
        """(N, 17) of each joint, in 0..1."""
        return joint_similarity(self.xy, self.true_xy, self.area_px)

    @property
    def oks(self) -> Float64Array:
        """(N,) with left and right as predicted."""
        return oks(self.xy, self.true_xy, self.visibility, self.area_px)

    @property
    def oks_mirrored(self) -> Float64Array:
        """(N,) with left and right exchanged."""
        return oks(self.xy[:, MIRROR], self.true_xy, self.visibility, self.area_px)


def ask(
    estimator: PoseModel,
    labels: CocoLabels,
    images: Path,
    span_degc: tuple[float, float],
) -> LabelledAnswers:
    """Run a model around every labelled box, as the live nodes run it.

    Parameters
    ----------
    images : folder that the labels' file names are relative to.
    span_degc : assumed temperatures of 8-bit pictures (`centikelvin`).

    Raises
    ------
    TrainingError
        A picture is missing, of another kind, or smaller than its labels.
    """
    people = sorted(labels.people, key=lambda person: person.picture)
    xy, joint_scores, person_scores = [], [], []
    for number, group in itertools.groupby(people, key=lambda person: person.picture):
        image = read_picture(images / labels.pictures[number].file_name)
        boxes = [_box(person, (image.shape[1], image.shape[0])) for person in group]
        for found in estimator.estimate(centikelvin(image, span_degc), boxes):
            xy.append(found.xy)
            joint_scores.append(found.scores)
            person_scores.append(found.person_score)
    return LabelledAnswers(
        images=np.array([person.picture for person in people]),
        scenes=np.array([labels.pictures[person.picture].scene for person in people]),
        true_xy=np.array([person.xy for person in people], np.float64),
        visibility=np.array([person.visibility for person in people], np.int64),
        area_px=np.array([max(person.area_px, 1.0) for person in people], np.float64),
        xy=np.array(xy, np.float64),
        joint_scores=np.array(joint_scores, np.float64),
        person_scores=np.array(person_scores, np.float64),
    )


def _box(person: LabelledPerson, size_wh: tuple[int, int]) -> PersonBox:
    person.check_inside(size_wh)
    x, y, width, height = person.box_xywh
    return PersonBox((x, y, x + width, y + height), 1.0)
