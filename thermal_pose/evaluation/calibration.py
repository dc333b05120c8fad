# SPDX-License-Identifier: Apache-2.0
"""How far scores are probabilities: expected calibration error and refusal at a given recall."""

import numpy as np
import numpy.typing as npt


def expected_calibration_error(scores: npt.ArrayLike, hits: npt.ArrayLike, bins: int = 15) -> float:
    """Return the mean gap between score and hit rate over equal-width bins.

    Parameters
    ----------
    scores : (N,) in 0..1.
    hits : (N,) bool, whether the event that the score speaks of happened.

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
    """Return the share of negatives refused and the threshold that keeps `recall` of positives.

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
