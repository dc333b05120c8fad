# SPDX-License-Identifier: Apache-2.0
"""The course and the outcome of any movement test: `MovementState` and `MovementReport`."""

import json
import math
from collections.abc import Mapping
from typing import Any

from thermal_pose.clinical.catalogue import chosen_test, movement_test
from thermal_pose.clinical.course import PhaseUpdate
from thermal_pose.clinical.phases import phase_key
from thermal_pose.messages.fields import Make, header_message, refusing, to_stamp_ns

_NAN = float("nan")


def state_message(
    make: Make, frame_id: str, test: str, update: PhaseUpdate, *, waiting: bool
) -> Any:
    """Return what is known of a running test at one image as `MovementState`.

    Parameters
    ----------
    test : key of the movement test.
    waiting : the test has not begun.
    """
    return make(
        "thermal_pose/msg/MovementState",
        header=header_message(make, update.stamp_ns, frame_id),
        test=test,
        label=update.label or phase_key(update.phase),
        repetitions=int(update.repetitions),
        elapsed_s=float(update.elapsed_s),
        track_id=int(update.track_id),
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


def to_state_document(message: Any) -> dict[str, Any]:
    """Return a `MovementState` as plain JSON types.

    Raises
    ------
    MessageFormatError
        The test is unknown, or the time is negative or not finite.
    """
    with refusing("state"):
        test = chosen_test(str(message.test))
        elapsed_s = float(message.elapsed_s)
        if not (math.isfinite(elapsed_s) and elapsed_s >= 0.0):
            raise ValueError(f"elapsed_s: expected a finite time >= 0, got {elapsed_s}")
        return {
            "stamp": str(to_stamp_ns(message.header.stamp)),
            "test": test.key,
            "label": str(message.label),
            "repetitions": int(message.repetitions),
            "elapsed_s": round(elapsed_s, 2),
            "track_id": int(message.track_id),
            "waiting": bool(message.waiting),
        }


def to_report_document(message: Any) -> tuple[dict[str, Any], str]:
    """Return the result's document in a `MovementReport`, and the folder of its report.

    Raises
    ------
    MessageFormatError
        The document is not JSON, not a result, or not the result that the message states.
    """
    with refusing("report"):
        document = json.loads(message.json)
        if not isinstance(document, dict) or document.get("test") != str(message.test):
            raise ValueError(f"json: expected a result of the test {message.test!r}")
        test = movement_test(str(message.test))
        missing = {"valid", "reason", "sentence", "subject_id", "origin_ns", test.headline}
        missing -= document.keys()
        if missing or bool(document["valid"]) != bool(message.valid):
            raise ValueError(f"json: expected a whole result, lacks {sorted(missing)}")
        return document, str(message.report_path)
