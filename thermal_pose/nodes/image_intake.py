# SPDX-License-Identifier: Apache-2.0
"""Messages to records inside a node: what cannot be used is noted, and the rest goes on.

A callback takes all messages that wait. One that is refused must not cost those behind it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from thermal_pose.errors import MessageFormatError, ThermalPoseError
from thermal_pose.gates.intake import FrameIntake
from thermal_pose.messages.images import to_thermal_frame
from thermal_pose.types import ThermalFrame

Record = TypeVar("Record")


def readable(
    messages: Iterable[Any],
    read: Callable[[Any], Record],
    note: Callable[[ThermalPoseError], None],
) -> Iterator[Record]:
    """Yield what `read` makes of each message; hand each refusal to `note`."""
    for message in messages:
        try:
            record = read(message)
        except MessageFormatError as error:
            note(error)
            continue
        yield record


class ImageIntake:
    """Decodes and judges the thermal images of one topic.

    Parameters
    ----------
    note : takes the reason why an image is refused, such as `PipelineNode.note`.
    """

    def __init__(self, note: Callable[[ThermalPoseError], None]) -> None:
        self._intake = FrameIntake()
        self._note = note

    def restart(self) -> None:
        """Begin a new sequence."""
        self._intake.restart()

    def frames(self, messages: Iterable[Any]) -> Iterator[ThermalFrame]:
        """Yield the frames of the messages that can be used."""
        return readable(messages, self._frame, self._note)

    def _frame(self, message: Any) -> ThermalFrame:
        return self._intake.take(to_thermal_frame(message))
