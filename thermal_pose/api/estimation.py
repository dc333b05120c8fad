# SPDX-License-Identifier: Apache-2.0
"""Images to people: one image at a time, or a stream with identities."""

from typing import Any, overload

import numpy as np
import numpy.typing as npt

from thermal_pose.api.images import Span, as_centikelvin, is_batch
from thermal_pose.api.people import People
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.types import NS_PER_S, PersonBox, ThermalFrame


class PoseEstimator:
    """Finds people and their 17 COCO keypoints in thermal images.

    Parameters
    ----------
    model : str, optional
        Pose model, by name ('student-lite', 'student', ...) or path of its card; by default that
        of the live graph.
    detector : str, optional
        Person detector, by name or path of its card; by default that of the live graph.
        'warm_blob' needs no network.
    device : {'auto', 'cpu', 'cuda'}
        Where the networks run.
    threads : int
        Worker threads of one inference.
    span_degc : tuple of float, optional
        For 8-bit images, the temperatures of grey levels 0 and 255 in degrees Celsius.
    min_person_score : float
        People with a lower score are left out, 0 to 1.

    Raises
    ------
    ModelArtifactError
        A model is missing, altered or of the wrong shape.

    Notes
    -----
    Images larger than 80x64 px are reduced to that size first, and the results are mapped back.
    The live nodes use the same code, so an 80x60 image gives the same keypoints there.

    Examples
    --------
    >>> import numpy as np
    >>> from thermal_pose import PoseEstimator
    >>> pose = PoseEstimator()
    >>> empty_room = np.full((60, 80), 21.0)  # degrees Celsius
    >>> people = pose(empty_room)
    >>> len(people), people.keypoints.shape
    (0, (0, 17, 2))
    >>> [len(people) for people in pose([empty_room, empty_room])]
    [0, 0]
    """

    def __init__(
        self,
        model: str | None = None,
        detector: str | None = None,
        *,
        device: str = "auto",
        threads: int = 1,
        span_degc: Span | None = None,
        min_person_score: float = 0.3,
    ) -> None:
        self.span_degc = span_degc
        self._min_person_score = min_person_score
        self._perception = _perception(model, detector, device, threads, min_person_score)

    @overload
    def __call__(self, images: list[Any] | tuple[Any, ...]) -> list[People]: ...

    @overload
    def __call__(
        self, images: npt.NDArray[Any], boxes_xyxy: npt.ArrayLike | None = None
    ) -> People: ...

    def __call__(
        self, images: Any, boxes_xyxy: npt.ArrayLike | None = None
    ) -> "People | list[People]":
        """Find all people in one image, or in each image of a batch.

        Parameters
        ----------
        images : array of shape (H, W), or a list of them
            Centikelvin (uint16), degrees Celsius (float) or grey levels (uint8, see `span_degc`).
            A list of images, or an array (N, H, W), is a batch.
        boxes_xyxy : array of shape (M, 4), optional
            With one image: look in these boxes, px, instead of detecting people.

        Returns
        -------
        People or list of People
            One for an image, a list for a batch. Type checkers know a batch by its being a
            list; call with `list(array)` for exact types.
        """
        if not is_batch(images):
            return self._one(images, boxes_xyxy)
        if boxes_xyxy is not None:
            raise ValueError("boxes_xyxy: expected with one image, got a batch")
        return [self._one(image, None) for image in images]

    def _one(self, image: npt.ArrayLike, boxes_xyxy: npt.ArrayLike | None) -> People:
        frame = as_centikelvin(image, self.span_degc)
        if boxes_xyxy is None:
            boxes = self._perception.detection.detector.detect(frame)
        else:
            boxes = _given_boxes(boxes_xyxy)
        found = self._perception.pose.estimator.estimate(frame, boxes)
        if boxes_xyxy is None:
            found = tuple(p for p in found if p.person_score >= self._min_person_score)
            found = tuple(sorted(found, key=lambda person: -person.person_score))
        return People(found, (frame.shape[1], frame.shape[0]))


class Tracker:
    """Follows people through a stream of thermal images, each with an identity.

    Parameters
    ----------
    model, detector, device, threads, span_degc
        As of `PoseEstimator`.
    rate_hz : float
        Frame rate, for images without a time.
    smooth : bool
        Smooth keypoints over time with a one-euro filter.

    Notes
    -----
    This is the perception of the live nodes: their tracker, their rules for lost people.

    Examples
    --------
    >>> import numpy as np
    >>> from thermal_pose import Tracker
    >>> track = Tracker()
    >>> people = track(np.full((60, 80), 21.0))
    >>> people.track_ids
    []
    """

    def __init__(
        self,
        model: str | None = None,
        detector: str | None = None,
        *,
        device: str = "auto",
        threads: int = 1,
        span_degc: Span | None = None,
        rate_hz: float = 8.0,
        smooth: bool = False,
    ) -> None:
        if not rate_hz > 0:
            raise ValueError(f"rate_hz: expected > 0, got {rate_hz}")
        self.span_degc = span_degc
        self._step_s = 1.0 / rate_hz
        self._last_s: float | None = None
        score = PoseParameters().min_person_score
        self._perception = _perception(model, detector, device, threads, score, smooth)

    def __call__(self, image: npt.ArrayLike, time_s: float | None = None) -> People:
        """Find all people in the next image.

        Parameters
        ----------
        image : array of shape (H, W)
            As of `PoseEstimator`.
        time_s : float, optional
            When the image was taken, s; by default one period after the last one.

        Returns
        -------
        People
            The people in view, each with an identity.

        Raises
        ------
        ValueError
            The image is not thermal, or `time_s` is not after the last image.
        """
        if time_s is None:
            time_s = 0.0 if self._last_s is None else self._last_s + self._step_s
        elif self._last_s is not None and not time_s > self._last_s:
            raise ValueError(f"time_s: expected more than {self._last_s}, got {time_s}")
        self._last_s = time_s
        frame = as_centikelvin(image, self.span_degc)
        stamp_ns = round(time_s * NS_PER_S)
        found = self._perception.step(ThermalFrame(stamp_ns, "thermal", frame)).persons
        return People(found, (frame.shape[1], frame.shape[0]))

    def reset(self) -> None:
        """Start a new stream: forget all people."""
        self._perception.reset()
        self._last_s = None


def _perception(
    model: str | None,
    detector: str | None,
    device: str,
    threads: int,
    min_person_score: float,
    smooth: bool = False,
) -> Perception:
    return build_perception(
        DetectorParameters(
            model=detector or DetectorParameters().model, device=device, threads=threads
        ),
        PoseParameters(
            model=model or PoseParameters().model,
            device=device,
            threads=threads,
            min_person_score=min_person_score,
            smoothing="one_euro" if smooth else "none",
        ),
    )


def _given_boxes(boxes_xyxy: npt.ArrayLike) -> tuple[PersonBox, ...]:
    boxes = np.asarray(boxes_xyxy, dtype=np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes_xyxy: expected (M, 4), got {boxes.shape}")
    return tuple(PersonBox((row[0], row[1], row[2], row[3]), 1.0) for row in boxes.tolist())
