# SPDX-License-Identifier: Apache-2.0
"""People: `thermal_pose/PersonBoxes`, `Keypoints` and their parts."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from thermal_pose.messages.fields import (
    Make,
    finite,
    header_message,
    probability,
    refusing,
    to_stamp_ns,
)
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray, FrameKeypoints, PersonBox, PersonKeypoints

#: Largest coordinate of a box or a joint, px. Joints may lie outside the image, but not by this.
MAX_COORDINATE_PX: Final = 1e5
#: Largest width or height of an image whose keypoints are taken, px.
MAX_SIDE_PX: Final = 16384


def to_person_box(message: Any) -> PersonBox:
    """Return the box in a `PersonBox`.

    Raises
    ------
    MessageFormatError
        An edge is not finite or absurdly far away, the box is empty, or the score is not a
        probability.
    """
    with refusing("person box"):
        edges = finite((message.x_min, message.y_min, message.x_max, message.y_max), "edges")
        if np.abs(edges).max() > MAX_COORDINATE_PX:
            raise ValueError(f"edges: expected pixels, got {edges.tolist()}")
        left, top, right, bottom = edges.tolist()
        score = probability(message.score, "score")
        return PersonBox((left, top, right, bottom), score, int(message.track_id))


def to_person_boxes(message: Any) -> tuple[PersonBox, ...]:
    """Return all boxes of a `PersonBoxes`; raises as `to_person_box` does."""
    return tuple(to_person_box(person) for person in message.persons)


def to_keypoints(message: Any) -> FrameKeypoints:
    """Return the people in a `Keypoints`.

    Raises
    ------
    MessageFormatError
        The image size is empty or absurd, a joint is infinite, or a score is not a probability.
        A joint at NaN is allowed: it means that the estimator found none.
    """
    with refusing("keypoints"):
        image_wh = (int(message.image_width), int(message.image_height))
        if not (0 < image_wh[0] <= MAX_SIDE_PX and 0 < image_wh[1] <= MAX_SIDE_PX):
            raise ValueError(f"image size: expected 1 to {MAX_SIDE_PX} px, got {image_wh}")
        return FrameKeypoints(
            stamp_ns=to_stamp_ns(message.header.stamp),
            frame_id=str(message.header.frame_id),
            model_id=str(message.model_id),
            image_wh=image_wh,
            persons=tuple(_person(person) for person in message.persons),
        )


def _person(message: Any) -> PersonKeypoints:
    xy = np.stack([message.x, message.y], axis=1).astype(np.float32)
    if (np.abs(xy) > MAX_COORDINATE_PX).any():  # NaN compares false and passes
        raise ValueError(f"joints: expected pixels or NaN, got {xy[~np.isnan(xy)].max()}")
    scores = np.asarray(message.score, dtype=np.float32).reshape(N_JOINTS)
    if not ((scores >= 0.0) & (scores <= 1.0)).all():
        raise ValueError(f"joint scores: expected 0 to 1, got {scores.tolist()}")
    person_score = probability(message.person_score, "person_score")
    return PersonKeypoints(
        int(message.track_id), to_person_box(message.box), xy, scores, person_score
    )


def person_box_message(make: Make, box: PersonBox) -> Any:
    """Return a box as `PersonBox`."""
    left, top, right, bottom = (float(edge) for edge in box.xyxy)
    return make(
        "thermal_pose/msg/PersonBox",
        x_min=left,
        y_min=top,
        x_max=right,
        y_max=bottom,
        score=float(box.score),
        track_id=int(box.track_id),
    )


def person_boxes_message(
    make: Make, stamp_ns: int, frame_id: str, boxes: Sequence[PersonBox], detected: bool
) -> Any:
    """Return the boxes of one image; `detected` is false if the detector did not run on it."""
    return make(
        "thermal_pose/msg/PersonBoxes",
        header=header_message(make, stamp_ns, frame_id),
        detected=detected,
        persons=[person_box_message(make, box) for box in boxes],
    )


def keypoints_message(make: Make, frame: FrameKeypoints) -> Any:
    """Return all people of one image as `Keypoints`."""
    return make(
        "thermal_pose/msg/Keypoints",
        header=header_message(make, frame.stamp_ns, frame.frame_id),
        model_id=frame.model_id,
        image_width=int(frame.image_wh[0]),
        image_height=int(frame.image_wh[1]),
        persons=[_person_message(make, person) for person in frame.persons],
    )


def _person_message(make: Make, person: PersonKeypoints) -> Any:
    return make(
        "thermal_pose/msg/PersonKeypoints",
        track_id=int(person.track_id),
        box=person_box_message(make, person.box),
        x=_column(person.xy[:, 0]),
        y=_column(person.xy[:, 1]),
        score=_column(person.scores),
        person_score=float(person.person_score),
    )


def _column(values: FloatArray) -> FloatArray:
    return np.ascontiguousarray(values, dtype=np.float32)
