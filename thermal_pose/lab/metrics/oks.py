# SPDX-License-Identifier: Apache-2.0
"""Object Keypoint Similarity and average precision, as in the COCO keypoint challenge.

All figures of this package use OKS in the *thermal frame* (joints in thermal pixels) with
the area of the person's visible *silhouette* in thermal px^2, over joints with v > 0.

Notes
-----
The method is that of https://cocodataset.org/#keypoints-eval; a test compares it with pycocotools
2.0 to the fifth decimal. There is only one area range, because nearly all people are 'small' by
COCO's definition at 80 x 60 px.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from thermal_pose.skeleton import N_JOINTS, SIGMAS
from thermal_pose.types import Float64Array

OKS_THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
_RECALL_POINTS: Final = np.linspace(0.0, 1.0, 101)
_MAX_DETECTIONS: Final = 20


@dataclass(frozen=True)
class TruePose:
    """An annotated person.

    Attributes
    ----------
    image : number of the image.
    xy : (17, 2) px.
    visibility : (17,), joints with v > 0 count.
    area_px : silhouette area, px^2.
    """

    image: Hashable
    xy: npt.NDArray[np.floating]
    visibility: npt.NDArray[np.integer]
    area_px: float

    def __post_init__(self) -> None:
        if np.shape(self.xy) != (N_JOINTS, 2) or np.shape(self.visibility) != (N_JOINTS,):
            raise ValueError(
                f"xy, visibility: expected ({N_JOINTS}, 2) and ({N_JOINTS},), "
                f"got {np.shape(self.xy)} and {np.shape(self.visibility)}"
            )


@dataclass(frozen=True)
class EstimatedPose:
    """An estimated person; `score` ranks the person among all of the data set."""

    image: Hashable
    xy: npt.NDArray[np.floating]
    score: float

    def __post_init__(self) -> None:
        if np.shape(self.xy) != (N_JOINTS, 2):
            raise ValueError(f"xy: expected ({N_JOINTS}, 2), got {np.shape(self.xy)}")
        if not np.isfinite(self.score):
            raise ValueError(f"score: expected a finite number, got {self.score}")


_Pose = TypeVar("_Pose", TruePose, EstimatedPose)


@dataclass(frozen=True)
class AveragePrecision:
    """AP over OKS .50:.05:.95, at .50 and at .75; None if there is no person to find."""

    ap: float | None
    ap50: float | None
    ap75: float | None


def joint_similarity(
    estimated_xy: npt.ArrayLike, true_xy: npt.ArrayLike, area_px: npt.ArrayLike
) -> Float64Array:
    """Return each joint's exp(-d^2 / (2 s^2 k^2)), s = sqrt(area), k = 2 sigma.

    Parameters
    ----------
    estimated_xy, true_xy : (..., 17, 2) px.
    area_px : (...), px^2, > 0.

    Returns
    -------
    (..., 17) in 0..1; an estimate that is NaN scores 0.
    """
    d2 = np.square(np.asarray(estimated_xy, np.float64) - np.asarray(true_xy, np.float64)).sum(-1)
    area = np.asarray(area_px, np.float64)
    if np.any(area <= 0):
        raise ValueError(f"area_px: expected > 0, got {area.min()}")
    variances = np.square(2 * SIGMAS)
    return np.nan_to_num(np.exp(-d2 / (2 * (area[..., None] + np.spacing(1)) * variances)), nan=0.0)


def oks(
    estimated_xy: npt.ArrayLike,
    true_xy: npt.ArrayLike,
    visibility: npt.ArrayLike,
    area_px: npt.ArrayLike,
) -> Float64Array:
    """Return the mean similarity over joints with v > 0; NaN for a person without any.

    Shapes as in `joint_similarity`; `visibility` is (..., 17). Returns (...).
    """
    counted = np.asarray(visibility) > 0
    similarity = joint_similarity(estimated_xy, true_xy, area_px) * counted
    n = counted.sum(-1)
    return np.where(n > 0, similarity.sum(-1) / np.maximum(n, 1), np.nan)


def pose_score(joint_scores: npt.ArrayLike, person_score: npt.ArrayLike) -> Float64Array:
    """Return the ranking score of estimated people: person score times mean joint score.

    Top-down estimators such as ViTPose do the same on COCO. The person score alone is near 1 for
    every person and would leave the order to chance.

    Parameters
    ----------
    joint_scores, person_score : (..., 17) and (...), in 0..1.
    """
    joints = np.asarray(joint_scores, np.float64)
    return np.asarray(person_score, np.float64) * joints.mean(axis=-1)


@dataclass(frozen=True)
class ImageMatches:
    """The estimates of one image, matched with its people; D estimates, best score first.

    Attributes
    ----------
    scores : of each estimate, (D,).
    hits, ignored : per threshold of `OKS_THRESHOLDS`, (10, D).
    positives : people with a joint with v > 0.
    """

    scores: tuple[float, ...]
    hits: npt.NDArray[np.bool_]
    ignored: npt.NDArray[np.bool_]
    positives: int


def average_precision(
    truths: Sequence[TruePose], estimates: Sequence[EstimatedPose]
) -> AveragePrecision:
    """Compute AP, AP50 and AP75 over all images.

    As in COCO, a person without joints with v > 0 is ignored: such a person need not be found, and
    an estimate that matches only this person does not count. At most 20 estimates per image count.
    """
    return pooled_precision(list(matches_by_image(truths, estimates).values()))


def matches_by_image(
    truths: Sequence[TruePose], estimates: Sequence[EstimatedPose]
) -> dict[Hashable, ImageMatches]:
    """Match the estimates of each image with its people, in the order of the images."""
    by_image = _group(truths)
    estimates_by_image = _group(estimates)
    result: dict[Hashable, ImageMatches] = {}
    for image in {**by_image, **estimates_by_image}:
        ranked = sorted(estimates_by_image.get(image, []), key=lambda pose: -pose.score)
        ranked = ranked[:_MAX_DETECTIONS]
        people = by_image.get(image, [])
        positives = sum(bool((np.asarray(pose.visibility) > 0).any()) for pose in people)
        scores = tuple(pose.score for pose in ranked)
        result[image] = ImageMatches(scores, *_match(people, ranked), positives)
    return result


def pooled_precision(images: Sequence[ImageMatches]) -> AveragePrecision:
    """Return AP, AP50 and AP75 of matched images; an image given twice counts twice."""
    positives = sum(image.positives for image in images)
    if positives == 0:
        return AveragePrecision(None, None, None)
    scores = [score for image in images for score in image.scores]
    order = np.argsort(-np.asarray(scores), kind="mergesort")
    hits = np.concatenate([image.hits for image in images], axis=1)[:, order]
    ignored = np.concatenate([image.ignored for image in images], axis=1)[:, order]
    each = [_interpolated(h[~i], positives) for h, i in zip(hits, ignored, strict=True)]
    return AveragePrecision(float(np.mean(each)), each[0], each[5])


def _group(poses: Sequence[_Pose]) -> dict[Hashable, list[_Pose]]:
    groups: dict[Hashable, list[_Pose]] = {}
    for pose in poses:
        groups.setdefault(pose.image, []).append(pose)
    return groups


def _match(
    truths: list[TruePose], ranked: list[EstimatedPose]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Match one image's estimates, best score first; return hits and ignored, (10, D)."""
    shape = (len(OKS_THRESHOLDS), len(ranked))
    hits, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    if not truths or not ranked:
        return hits, ignored
    # Ignored truths last, as in pycocotools: an estimate prefers a person that counts.
    truths = sorted(truths, key=lambda pose: not (np.asarray(pose.visibility) > 0).any())
    ignore = np.array([not (np.asarray(pose.visibility) > 0).any() for pose in truths])
    similarity = np.stack([_row(pose, truths) for pose in ranked])
    for t, threshold in enumerate(OKS_THRESHOLDS):
        taken = np.zeros(len(truths), bool)
        for d in range(len(ranked)):
            best = _best_free(similarity[d], taken, ignore, min(float(threshold), 1 - 1e-10))
            if best is not None:
                taken[best] = True
                hits[t, d] = not ignore[best]
                ignored[t, d] = ignore[best]
    return hits, ignored


def _row(pose: EstimatedPose, truths: list[TruePose]) -> Float64Array:
    return np.array(
        [
            np.nan_to_num(
                oks(pose.xy, truth.xy, truth.visibility, truth.area_px), nan=_outside(pose, truth)
            )
            for truth in truths
        ]
    )


def _outside(pose: EstimatedPose, truth: TruePose) -> float:
    """Similarity to a person without visible joints.

    COCO uses the distance to the person's box, doubled in size; here, the extent of all joints
    replaces the box.
    """
    low, high = np.min(truth.xy, axis=0), np.max(truth.xy, axis=0)
    span = high - low
    beyond = np.maximum(np.maximum(low - span - pose.xy, pose.xy - high - span), 0)
    d2 = np.square(beyond).sum(-1)
    return float(np.mean(np.exp(-d2 / (2 * truth.area_px * np.square(2 * SIGMAS)))))


def _best_free(
    row: Float64Array,
    taken: npt.NDArray[np.bool_],
    ignore: npt.NDArray[np.bool_],
    threshold: float,
) -> int | None:
    best: int | None = None
    for index, value in enumerate(row):
        if taken[index]:
            continue
        if best is not None and not ignore[best] and ignore[index]:
            break
        if value >= threshold:
            threshold, best = float(value), index
    return best


def _interpolated(hits: npt.NDArray[np.bool_], positives: int) -> float:
    """Mean precision at 101 recalls, after making the precision monotone from the right."""
    if len(hits) == 0:
        return 0.0
    true_positives = np.cumsum(hits)
    recall = true_positives / positives
    precision = true_positives / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALL_POINTS, side="left")
    return float(
        np.where(at < len(envelope), envelope[np.minimum(at, len(envelope) - 1)], 0).mean()
    )
