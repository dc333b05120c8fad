# SPDX-License-Identifier: Apache-2.0
"""The exact state of the simulated clinic: `thermal_pose/GroundTruth`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from thermal_pose.messages.fields import Make, header_message, refusing, time_message, to_stamp_ns
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray, TrueFrame, TruePerson


def to_true_frame(truth: Any) -> TrueFrame:
    """Return the exact state in a `GroundTruth`; raises MessageFormatError if it makes none."""
    with refusing("truth"):
        return TrueFrame(
            stamp_ns=to_stamp_ns(truth.header.stamp),
            thermal_acquired_ns=to_stamp_ns(truth.thermal_acquired),
            rgb_acquired_ns=to_stamp_ns(truth.rgb_acquired),
            asynchronous=bool(truth.asynchronous),
            persons=tuple(_person(person) for person in truth.persons),
        )


def _person(person: Any) -> TruePerson:
    box = (float(person.x_min), float(person.y_min), float(person.x_max), float(person.y_max))
    return TruePerson(
        person_id=int(person.person_id),
        role=str(person.role),
        box_xyxy=box if person.in_view else None,
        area_px=float(person.area_px),
        xy=np.stack([_floats(person.x), _floats(person.y)], axis=1),
        visibility=np.asarray(person.visibility, dtype=np.uint8),
        joints_m=_floats(person.joints_m).reshape(N_JOINTS, 3),
    )


def true_frame_message(make: Make, truth: TrueFrame, frame_id: str) -> Any:
    """Return the exact state behind one thermal image as `GroundTruth`."""
    return make(
        "thermal_pose/msg/GroundTruth",
        header=header_message(make, truth.stamp_ns, frame_id),
        thermal_acquired=time_message(make, truth.thermal_acquired_ns),
        rgb_acquired=time_message(make, truth.rgb_acquired_ns),
        asynchronous=truth.asynchronous,
        persons=[_person_message(make, person) for person in truth.persons],
    )


def _person_message(make: Make, person: TruePerson) -> Any:
    box = person.box_xyxy or (0.0, 0.0, 0.0, 0.0)
    return make(
        "thermal_pose/msg/TruePerson",
        person_id=person.person_id,
        role=person.role,
        in_view=person.box_xyxy is not None,
        x_min=box[0],
        y_min=box[1],
        x_max=box[2],
        y_max=box[3],
        area_px=person.area_px,
        x=_floats(person.xy[:, 0]),
        y=_floats(person.xy[:, 1]),
        visibility=np.asarray(person.visibility, dtype=np.uint8),
        joints_m=_floats(person.joints_m.ravel()),
    )


def _floats(values: npt.ArrayLike) -> FloatArray:
    return np.ascontiguousarray(values, dtype=np.float32)
