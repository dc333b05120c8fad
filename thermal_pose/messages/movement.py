# SPDX-License-Identifier: Apache-2.0
"""The course and the outcome of any movement test: `MovementState` and `MovementReport`."""

import json
from collections.abc import Mapping
from typing import Any

from thermal_pose.clinical.catalogue import movement_test
from thermal_pose.messages.fields import Make, header_message

_NAN = float("nan")


def state_message(
    make: Make,
    stamp_ns: int,
    frame_id: str,
    *,
    test: str,
    label: str,
    repetitions: int,
    elapsed_s: float,
    track_id: int,
    waiting: bool,
) -> Any:
    """Return what is known of a running test at one image as `MovementState`."""
    return make(
        "thermal_pose/msg/MovementState",
        header=header_message(make, stamp_ns, frame_id),
        test=test,
        label=label,
        repetitions=int(repetitions),
        elapsed_s=float(elapsed_s),
        track_id=int(track_id),
        waiting=bool(waiting),
    )


def movement_report_message(
    make: Make, document: Mapping[str, Any], stamp_ns: int, frame_id: str, report_path: str = ""
) -> Any:
    """Return a result's document as `MovementReport`, stamped as the trial's last image."""
    test = movement_test(document["test"])
    value = document[test.headline] if document["valid"] else None
    return make(
        "thermal_pose/msg/MovementReport",
        header=header_message(make, stamp_ns, frame_id),
        test=test.key,
        subject_id=document["subject_id"],
        trial_id=document["trial_id"],
        valid=bool(document["valid"]),
        reason=document["reason"],
        sentence=document["sentence"],
        value=_NAN if value is None else float(value),
        unit=test.unit,
        report_path=report_path,
        json=json.dumps(document, allow_nan=False),
    )
