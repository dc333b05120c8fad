# SPDX-License-Identifier: Apache-2.0
"""A model's answers for every labelled person of a COCO keypoint file.

Legend: N people, K = 17 joints.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.inference.base import PoseModel
from thermal_pose.lab.learning.datasets.coco.labels import CocoLabels, LabelledPerson
from thermal_pose.lab.learning.datasets.coco.pictures import centikelvin, read_picture
from thermal_pose.lab.metrics.oks import joint_similarity, oks, pose_score
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import BoolArray, Float64Array, Int64Array, PersonBox, UInt16Array

#: The surroundings of a person: the box enlarged by this factor, without any labelled box.
_SURROUNDINGS: Final = 1.5


@dataclass(frozen=True)
class LabelledAnswers:
    """Labels and answers, row by row.

    Attributes
    ----------
    images, scenes : (N,) of each person.
    true_xy, visibility, area_px : (N, 17, 2) px, (N, 17), (N,): the labels.
    true_boxes : (N, 4) left, top, right, bottom of the labels, px.
    contrast_k : (N,) how much warmer the labelled joints are than the surroundings, K; of 8-bit
        pictures under the assumed span.
    xy, joint_scores, person_scores : (N, 17, 2) px, (N, 17), (N,): the answers.
    """

    images: Int64Array
    scenes: npt.NDArray[np.str_]
    true_xy: Float64Array
    visibility: Int64Array
    area_px: Float64Array
    true_boxes: Float64Array
    contrast_k: Float64Array
    xy: Float64Array
    joint_scores: Float64Array
    person_scores: Float64Array

    @cached_property
    def ranks(self) -> Float64Array:
        """(N,) by what average precision sorts people."""
        return pose_score(self.joint_scores, self.person_scores)

    @cached_property
    def similarity(self) -> Float64Array:
        """(N, 17) of each joint, in 0..1."""
        return joint_similarity(self.xy, self.true_xy, self.area_px)

    @cached_property
    def oks(self) -> Float64Array:
        """(N,) with left and right as predicted."""
        return oks(self.xy, self.true_xy, self.visibility, self.area_px)

    @cached_property
    def oks_mirrored(self) -> Float64Array:
        """(N,) with left and right exchanged."""
        return oks(self.xy[:, MIRROR], self.true_xy, self.visibility, self.area_px)


def ask(
    estimator: PoseModel,
    labels: CocoLabels,
    images: Path,
    span_degc: tuple[float, float],
    box_scale: float = 1.0,
) -> LabelledAnswers:
    """Run a model around every labelled box, as the live nodes run it.

    Parameters
    ----------
    images : folder that the labels' file names are relative to.
    span_degc : assumed temperatures of 8-bit pictures (`centikelvin`).
    box_scale : factor on width and height of each box about its centre.

    Raises
    ------
    TrainingError
        A picture is missing, of another kind, or smaller than its labels.
    """
    people: list[LabelledPerson] = []
    xy, joint_scores, person_scores, contrast_k = [], [], [], []
    for frame, group in labelled_frames(labels, images, span_degc):
        boxes = [PersonBox(_scaled(_xyxy(person), box_scale), 1.0) for person in group]
        people += group
        contrast_k += [_contrast_k(frame, person, group) for person in group]
        for found in estimator.estimate(frame, boxes):
            xy.append(found.xy)
            joint_scores.append(found.scores)
            person_scores.append(found.person_score)
    return LabelledAnswers(
        images=np.array([person.picture for person in people]),
        scenes=np.array([labels.pictures[person.picture].scene for person in people]),
        true_xy=np.array([person.xy for person in people], np.float64),
        visibility=np.array([person.visibility for person in people], np.int64),
        area_px=np.array([max(person.area_px, 1.0) for person in people], np.float64),
        true_boxes=np.array([_xyxy(person) for person in people], np.float64),
        contrast_k=np.array(contrast_k, np.float64),
        xy=np.array(xy, np.float64),
        joint_scores=np.array(joint_scores, np.float64),
        person_scores=np.array(person_scores, np.float64),
    )


def labelled_frames(
    labels: CocoLabels, images: Path, span_degc: tuple[float, float]
) -> Iterator[tuple[UInt16Array, list[LabelledPerson]]]:
    """Yield each picture with labelled people, (H, W) centikelvin, and its people.

    Raises
    ------
    TrainingError
        As `ask`.
    """
    people = sorted(labels.people, key=lambda person: person.picture)
    for number, group in itertools.groupby(people, key=lambda person: person.picture):
        image = read_picture(images / labels.pictures[number].file_name)
        listed = list(group)
        for person in listed:
            person.check_inside((image.shape[1], image.shape[0]))
        yield centikelvin(image, span_degc), listed


def _xyxy(person: LabelledPerson) -> tuple[float, float, float, float]:
    x, y, width, height = person.box_xywh
    return (x, y, x + width, y + height)


def _scaled(
    xyxy: tuple[float, float, float, float], factor: float
) -> tuple[float, float, float, float]:
    left, top, right, bottom = xyxy
    x, y = (left + right) / 2, (top + bottom) / 2
    half_w, half_h = factor * (right - left) / 2, factor * (bottom - top) / 2
    return (x - half_w, y - half_h, x + half_w, y + half_h)


def _contrast_k(
    frame: UInt16Array, person: LabelledPerson, group: Sequence[LabelledPerson]
) -> float:
    """Median of the pixels at labelled joints minus median of the surroundings, K."""
    height, width = frame.shape
    places = np.round(person.xy[person.visibility > 0]).astype(int)
    columns, rows = np.clip(places.T, 0, [[width - 1], [height - 1]])
    around = _inside(frame, _scaled(_xyxy(person), _SURROUNDINGS))
    for other in group:
        around &= ~_inside(frame, _xyxy(other))
    beside = frame[around] if around.any() else frame
    return float(np.median(frame[rows, columns]) - np.median(beside)) / 100


def _inside(frame: UInt16Array, xyxy: tuple[float, float, float, float]) -> BoolArray:
    """(H, W): pixels whose centre lies in a box."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    left, top, right, bottom = xyxy
    return np.asarray((x >= left) & (x <= right) & (y >= top) & (y <= bottom))
