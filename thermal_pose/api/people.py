# SPDX-License-Identifier: Apache-2.0
"""The people of one image as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray, PersonKeypoints


@dataclass(frozen=True)
class People:
    """All people of one image; empty if there is no one.

    Attributes
    ----------
    persons : tuple of PersonKeypoints
        One record per person, best person score first, or oldest identity first if tracked.
    image_wh : tuple of int
        Width and height of the image, px.

    Notes
    -----
    Pixels count from the centre of the top left pixel, which is (0, 0).

    Examples
    --------
    >>> none = People((), (80, 60))
    >>> len(none), none.keypoints.shape, none.boxes_xyxy.shape
    (0, (0, 17, 2), (0, 4))
    """

    persons: tuple[PersonKeypoints, ...]
    image_wh: tuple[int, int]

    @property
    def keypoints(self) -> FloatArray:
        """(N, 17, 2) float32, px, in the order of COCO (`thermal_pose.skeleton.Joint`)."""
        return _stacked([person.xy for person in self.persons], (N_JOINTS, 2))

    @property
    def scores(self) -> FloatArray:
        """(N, 17) float32: the probability that a joint is close to its true place, 0 to 1."""
        return _stacked([person.scores for person in self.persons], (N_JOINTS,))

    @property
    def boxes_xyxy(self) -> FloatArray:
        """(N, 4) float32: left, top, right, bottom, px."""
        return _stacked([np.array(person.box.xyxy) for person in self.persons], (4,))

    @property
    def person_scores(self) -> FloatArray:
        """(N,) float32: the probability that the box holds a person, 0 to 1."""
        return _stacked([np.array(person.person_score) for person in self.persons], ())

    @property
    def track_ids(self) -> list[int]:
        """Identity of each person; 0 without tracking."""
        return [person.track_id for person in self.persons]

    def __len__(self) -> int:
        return len(self.persons)

    def __iter__(self) -> Iterator[PersonKeypoints]:
        return iter(self.persons)

    def __getitem__(self, index: int) -> PersonKeypoints:
        return self.persons[index]


def _stacked(rows: list[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    return np.array(rows, dtype=np.float32).reshape(len(rows), *shape)
