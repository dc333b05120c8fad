# SPDX-License-Identifier: Apache-2.0
"""Calibration of scores: expected calibration error, and rejection at a given recall."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import BoolArray

#: The live graph ignores persons with a lower score (`pose.min_person_score`).
LIVE_PERSON_SCORE: Final = 0.3
#: A person with this many visible joints counts as at least half visible.
HALF_OF_JOINTS: Final = (N_JOINTS + 1) // 2


def expected_calibration_error(scores: npt.ArrayLike, hits: npt.ArrayLike, bins: int = 15) -> float:
    """Return the mean gap between score and hit rate over equal-width bins.

    Parameters
    ----------
    scores : (N,) in 0..1.
    hits : (N,) bool, whether the predicted event happened.

    Notes
    -----
    Guo et al. 2017, arXiv:1706.04599.
    """
    score = np.asarray(scores, dtype=np.float64).ravel()
    hit = np.asarray(hits, dtype=bool).ravel()
    if score.shape != hit.shape or score.size == 0:
        raise ValueError(f"scores, hits: expected equal, non-empty, got {score.size}, {hit.size}")
    if score.min() < 0 or score.max() > 1:
        raise ValueError(f"scores: expected 0..1, got {score.min()}..{score.max()}")
    which = np.minimum((score * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    gap = np.bincount(which, weights=score - hit, minlength=bins)
    return float(np.abs(gap).sum() / count.sum())


def refused_at_recall(
    positives: npt.ArrayLike, negatives: npt.ArrayLike, recall: float = 0.99
) -> tuple[float, float]:
    """Return the share of negatives rejected, and the threshold that keeps `recall` of positives.

    Parameters
    ----------
    positives, negatives : (N,), (M,) scores.
    """
    kept = np.asarray(positives, dtype=np.float64).ravel()
    refused = np.asarray(negatives, dtype=np.float64).ravel()
    if not 0 < recall <= 1:
        raise ValueError(f"recall: expected 0 < recall <= 1, got {recall}")
    if kept.size == 0 or refused.size == 0:
        raise ValueError("positives, negatives: expected both non-empty")
    threshold = float(np.sort(kept)[int(np.floor((1 - recall) * kept.size))])
    return float((refused < threshold).mean()), threshold


def person_scores_by_pose(scores: npt.ArrayLike, right: npt.ArrayLike) -> dict[str, Any]:
    """Return the person scores of right and of wrong poses: whether a low score warns of them.

    Parameters
    ----------
    scores : (N,) person scores in 0..1, of people.
    right : (N,) bool, whether the pose is right.

    Returns
    -------
    {'right': ..., 'wrong': ...}, each `people`, and unless that is 0, `mean` and
    `below_live_threshold`, the share that the live graph drops (`LIVE_PERSON_SCORE`).
    """
    person = np.asarray(scores, np.float64)
    is_right = np.asarray(right, bool)
    if person.shape != is_right.shape:
        raise ValueError(f"scores, right: expected equal, got {person.shape}, {is_right.shape}")
    result: dict[str, Any] = {}
    for name, chosen in (("right", person[is_right]), ("wrong", person[~is_right])):
        result[name] = {"people": len(chosen)}
        if len(chosen):
            below = float((chosen < LIVE_PERSON_SCORE).mean())
            result[name] |= {"mean": float(chosen.mean()), "below_live_threshold": below}
    return result


def confidence_figures(
    scores: npt.NDArray[np.floating[Any]],
    hits: BoolArray,
    counted: BoolArray,
    in_sight: npt.NDArray[np.integer[Any]],
) -> dict[str, Any]:
    """Return the calibration of a model's scores, and the share of empty crops that it rejects.

    Parameters
    ----------
    scores : (M, 18) of 17 joints and the person, of M crops.
    hits : (M, 18), whether the joint was right, and whether the person's whole pose was.
    counted : (M, 17 or 18), whether the joint counts in that crop; none does without a person.
    in_sight : (M,) number of visible joints.

    Notes
    -----
    Rejection is given at two thresholds: one keeps 99 % of all labelled people, including those
    with four visible pixels and no joint; the other keeps 99 % of the people at least half visible.
    """
    joint = counted[:, :N_JOINTS]
    is_person = joint.any(axis=1)
    person = scores[:, N_JOINTS]
    figures: dict[str, Any] = {
        "joint_ece": expected_calibration_error(
            scores[:, :N_JOINTS][joint], hits[:, :N_JOINTS][joint]
        ),
        "person_ece": expected_calibration_error(person, hits[:, N_JOINTS]),
        "poses_right": float(hits[is_person, N_JOINTS].mean()) if is_person.any() else 0.0,
        "joints_right": float(hits[:, :N_JOINTS][joint].mean()),
        "people": int(is_person.sum()),
        "crops_without_people": int((~is_person).sum()),
    }
    right = hits[:, N_JOINTS] > 0
    if right.any():
        figures["right_poses_kept_live"] = float((person[right] >= LIVE_PERSON_SCORE).mean())
    if not is_person.all():
        refused_live = person[~is_person] < LIVE_PERSON_SCORE
        figures["empty_refused_live"] = float(refused_live.mean())
    if is_person.any() and not is_person.all():
        refused, threshold = refused_at_recall(person[is_person], person[~is_person])
        figures |= {"refused_at_99_recall": refused, "person_threshold": threshold}
    half = is_person & (in_sight >= HALF_OF_JOINTS)
    if half.any() and not is_person.all():
        refused, threshold = refused_at_recall(person[half], person[~is_person])
        figures |= {
            "half_visible": int(half.sum()),
            "half_visible_refused_at_99_recall": refused,
            "half_visible_person_threshold": threshold,
        }
    return figures
