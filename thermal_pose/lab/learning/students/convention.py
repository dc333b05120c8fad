# SPDX-License-Identifier: Apache-2.0
"""Moves one network's joints to where another annotator puts them.

Pose networks learn the habits of their labels: one puts hips at the joint, another at the waist.
A ridge regression predicts the difference at each joint from the whole pose, in units of the
pose's size. A few hundred pictures with both answers are enough; with a few dozen, one shift per
joint remains, because the penalty is chosen on pictures left out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from thermal_pose.errors import TrainingError
from thermal_pose.lab.learning.students.predictions import LEAST_CONFIDENCE
from thermal_pose.skeleton import JOINT_NAMES, MIRROR, N_JOINTS
from thermal_pose.types import BoolArray, Float64Array, Int64Array

#: Penalties on everything but the shift, per picture; infinite: a shift alone.
PENALTIES: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, np.inf)
LEAST_PICTURES: Final = 10
#: Joints further apart than this, in units of the pose's size, are of two people or of two sides.
GROSS: Final = 0.3
_PARTS: Final = 5


@dataclass(frozen=True)
class Convention:
    """What to add to a network's joints.

    Attributes
    ----------
    weights : (17, F, 2) per joint, from the features of a pose to a shift in units of its size.
    penalty : one of `PENALTIES`.
    """

    weights: Float64Array
    penalty: float

    @property
    def shift_alone(self) -> bool:
        """Whether each joint moves by one shift, whatever the pose."""
        return not np.isfinite(self.penalty)

    def applied(self, joints: Float64Array) -> Float64Array:
        """Return joints (N, 17, 3: x, y, confidence) in the other convention."""
        features, size = _features(joints)
        shift = np.einsum("nf,jfd->njd", features, self.weights) * size[:, None, None]
        return np.concatenate([joints[:, :, :2] + shift, joints[:, :, 2:]], axis=2)


@dataclass(frozen=True)
class Agreement:
    """Distance between the network's joints and the reference, on pictures left out of the fit.

    Attributes
    ----------
    before, after : (17,) root mean square over the pictures, in units of the pose's size; NaN for
        joints that are nowhere known to both.
    """

    before: Float64Array
    after: Float64Array

    @property
    def distance_before(self) -> float:
        """Root mean square over all joints, before."""
        return _over_joints(self.before)

    @property
    def distance_after(self) -> float:
        """Root mean square over all joints, after."""
        return _over_joints(self.after)

    def by_joint(self) -> dict[str, dict[str, float]]:
        """Return before and after by the joint's name, of joints known to both."""
        return {
            name: {"before": round(float(before), 4), "after": round(float(after), 4)}
            for name, before, after in zip(JOINT_NAMES, self.before, self.after, strict=True)
            if np.isfinite(before)
        }


def _over_joints(distances: Float64Array) -> float:
    return float(np.sqrt(np.nanmean(distances**2)))


def fit_convention(
    joints: Float64Array, reference: Float64Array, known: BoolArray
) -> tuple[Convention, Agreement]:
    """Fit the map from a network's joints to those of a reference.

    Parameters
    ----------
    joints : (N, 17, 3) of the network: x, y in px, confidence.
    reference : (N, 17, 2) px, in the same pictures.
    known : (N, 17) whether the reference has the joint.

    Raises
    ------
    TrainingError
        Fewer than `LEAST_PICTURES` pictures have a pose, or no joint lies near the reference's.

    Notes
    -----
    Every picture is also used mirrored, with left and right exchanged. Joints more than `GROSS`
    apart are left out: they say whom the network found, not where it puts a joint. The penalty is
    the one with the least error on five parts, left out in turn in the order of the pictures.
    """
    features, size = _features(joints)
    use = size > 0
    if use.sum() < LEAST_PICTURES:
        raise TrainingError(
            f"expected at least {LEAST_PICTURES} pictures with both answers, got {use.sum()}"
        )
    seen = joints[:, :, 2] >= LEAST_CONFIDENCE
    shift = (reference - joints[:, :, :2])[use] / size[use][:, None, None]
    same = (known & seen)[use] & (np.linalg.norm(shift, axis=2) < GROSS)
    if not same.any():
        raise TrainingError(
            "no joint of the network lies near the reference's: are these the same pictures?"
        )
    sample = _Sample(features[use], shift, same)
    parts = np.arange(use.sum()) * _PARTS // use.sum()
    errors = {penalty: _left_out(sample, parts, penalty) for penalty in PENALTIES}
    best = min(PENALTIES, key=lambda penalty: float(np.nansum(errors[penalty])))
    nothing = _mean_square(sample.target, sample.known)
    found = Convention(_solve(sample, best), best)
    return found, Agreement(np.sqrt(nothing), np.sqrt(errors[best]))


@dataclass(frozen=True)
class _Sample:
    """Features (N, F), shifts to learn (N, 17, 2), and where they are known (N, 17)."""

    features: Float64Array
    target: Float64Array
    known: BoolArray

    def chosen(self, rows: BoolArray) -> "_Sample":
        return _Sample(self.features[rows], self.target[rows], self.known[rows])

    def with_mirrored(self) -> "_Sample":
        flipped = _mirrored(self.target)
        poses = self.features[:, 1:].reshape(-1, N_JOINTS, 2)
        features = np.column_stack([self.features[:, 0], _mirrored(poses).reshape(len(poses), -1)])
        return _Sample(
            np.concatenate([self.features, features]),
            np.concatenate([self.target, flipped]),
            np.concatenate([self.known, self.known[:, MIRROR]]),
        )


def _mirrored(vectors: Float64Array) -> Float64Array:
    return vectors[:, MIRROR] * np.array([-1.0, 1.0])


def _features(joints: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return 1 and the pose in units of its size (N, 35), and that size, px (N,)."""
    seen = (joints[:, :, 2] >= LEAST_CONFIDENCE)[:, :, None]
    count = np.maximum(seen.sum(axis=1), 1)
    centre = (joints[:, :, :2] * seen).sum(axis=1) / count
    offset = np.where(seen, joints[:, :, :2] - centre[:, None], 0.0)
    size = np.sqrt((offset**2).sum(axis=(1, 2)) / count[:, 0])
    scaled = offset / np.where(size > 0, size, 1.0)[:, None, None]
    return np.column_stack([np.ones(len(joints)), scaled.reshape(len(joints), 2 * N_JOINTS)]), size


def _left_out(sample: _Sample, parts: Int64Array, penalty: float) -> Float64Array:
    """Return the mean square error of each joint (17,) on parts that the fit has not seen."""
    rest = np.empty_like(sample.target)
    for part in np.unique(parts):
        weights = _solve(sample.chosen(parts != part), penalty)
        held = sample.chosen(parts == part)
        rest[parts == part] = held.target - np.einsum("nf,jfd->njd", held.features, weights)
    return _mean_square(rest, sample.known)


def _mean_square(vectors: Float64Array, known: BoolArray) -> Float64Array:
    squares = (vectors**2).sum(axis=2) * known
    count = known.sum(axis=0)
    return np.where(count > 0, squares.sum(axis=0) / np.maximum(count, 1), np.nan)


def _solve(sample: _Sample, penalty: float) -> Float64Array:
    """Return the weights (17, F, 2) of a ridge regression at each joint; the shift is free."""
    both = sample.with_mirrored()
    width = both.features.shape[1] if np.isfinite(penalty) else 1
    weights = np.zeros((N_JOINTS, both.features.shape[1], 2))
    for joint in range(N_JOINTS):
        rows = both.known[:, joint]
        if rows.any():
            x, y = both.features[rows, :width], both.target[rows, joint]
            ridge = np.eye(width) * (penalty if width > 1 else 0.0) * rows.sum()
            ridge[0, 0] = 0.0
            weights[joint, :width] = np.linalg.lstsq(x.T @ x + ridge, x.T @ y, rcond=None)[0]
    return weights
