# SPDX-License-Identifier: Apache-2.0
"""Judges whether the messages that a node depends on arrive and are usable."""

from dataclasses import dataclass

#: A required topic is silent after this long without a message, s.
SILENT_S = 2.0


@dataclass(frozen=True)
class InputFault:
    """One thing wrong with an input.

    Attributes
    ----------
    refused : messages arrive and all are refused; False: none arrive.
    sentence : for people.
    """

    refused: bool
    sentence: str


class InputWatch:
    """Counts the accepted and refused messages of one topic.

    Parameters
    ----------
    topic : shown in sentences.
    now_s : monotonic time at which the node began to listen, s. All times are of this clock.
    """

    def __init__(self, topic: str, now_s: float) -> None:
        self.topic = topic
        self.accepted_count = 0
        self.refused_count = 0
        self._good_s = now_s
        self._heard_s = now_s
        self._reason = ""

    def accepted(self, now_s: float) -> None:
        """Note a message that was used."""
        self.accepted_count += 1
        self._good_s = self._heard_s = now_s
        self._reason = ""

    def refused(self, now_s: float, reason: str) -> None:
        """Note a message that was refused, and why."""
        self.refused_count += 1
        self._heard_s = now_s
        self._reason = reason

    def fault(self, now_s: float, writers: int) -> InputFault | None:
        """Return what is wrong, None if messages arrive and are used.

        Parameters
        ----------
        writers : publishers of the topic, which tells a missing node from a silent one.
        """
        if now_s - self._heard_s >= SILENT_S:
            source = "no node publishes it" if writers == 0 else "its publisher is silent"
            silent_s = now_s - self._heard_s
            last = f"; the last was refused: {self._reason}" if self._reason else ""
            return InputFault(
                False, f"no message on '{self.topic}' for {silent_s:.0f} s: {source}{last}"
            )
        if self._reason and now_s - self._good_s >= SILENT_S:
            return InputFault(True, f"every message on '{self.topic}' is refused: {self._reason}")
        return None

    def summary(self, now_s: float) -> str:
        """Return the counts and the age of the last message as one phrase."""
        return (
            f"{self.accepted_count} accepted, {self.refused_count} refused, "
            f"last {now_s - self._heard_s:.1f} s ago"
        )
