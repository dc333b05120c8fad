# SPDX-License-Identifier: Apache-2.0
"""Hands messages between the nodes of one process, beside DDS.

Every message is still published for others, with the same bytes. A subscriber in the same
process gets the message object itself, at once and without serialisation; the copy that comes
back over DDS is recognised by its stamp and dropped before it is deserialised. A message from
another process is deserialised once and shared by all subscribers here.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message

#: Stamps that a stream remembers as handed over; DDS copies arrive within a few messages.
_REMEMBERED: Final = 256
#: Bytes of CDR before the first field.
_ENCAPSULATION: Final = 4
#: Seconds and nanoseconds of a header's stamp, four bytes each.
_STAMP: Final = slice(_ENCAPSULATION, _ENCAPSULATION + 8)


class StreamExecutor(Protocol):
    """An executor that answers handed-over messages."""

    def hand_over(self, stream: "Stream") -> None:
        """Call `stream.answer` soon, in the executor's thread."""


class _Tally:
    """Counts messages by stamp, so that cameras with equal stamps lose none; forgets the oldest."""

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._changing = threading.Lock()

    def add(self, stamp: bytes) -> None:
        with self._changing:
            self._counts[stamp] = self._counts.get(stamp, 0) + 1
            while len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)

    def take(self, stamp: bytes) -> bool:
        """Count one message less; False if there is none."""
        with self._changing:
            count = self._counts.get(stamp, 0)
            if count > 1:
                self._counts[stamp] = count - 1
            elif count == 1:
                del self._counts[stamp]
            return count > 0


class Stream:
    """One subscription inside a process: what was handed over, and what came over DDS.

    Parameters
    ----------
    node : its executor calls back; executors without `hand_over` get everything over DDS.
    kind : message class; its first field is a header.
    callback : called with each message, in the executor's thread.
    depth : messages that may wait; the oldest is dropped beyond, as DDS does.
    patient : its messages wake no executor: they are answered when another message does, or within
        `awaited.PATIENCE_S`.
    """

    def __init__(
        self,
        node: Node,
        kind: type[Any],
        callback: Callable[[Any], None],
        depth: int,
        *,
        patient: bool = False,
    ) -> None:
        self._node = node
        self._kind = kind
        self._callback = callback
        self._pending: deque[Any] = deque(maxlen=depth)
        self._copies = _Tally()  # of what was handed over, still to come over DDS
        self._taken = _Tally()  # over DDS, and not to be taken again from a neighbour
        self.patient = patient
        self.subscription: Any = None
        self.share: Callable[[Any], None] = lambda message: None
        self.all_ours: Callable[[], bool] = lambda: False

    def wakes(self) -> bool:
        """Whether what comes over DDS is waited for.

        It is not if this process alone publishes the topic, since then only copies come.
        """
        return not self.patient and not self.all_ours()

    def offer(self, message: Any) -> None:
        """Hand over a message of another process, unless it came here already."""
        if not self._taken.take(stamp_bytes(message)) and self.push(message):
            self.call()

    def push(self, message: Any) -> bool:
        """Let a message wait here, until `call`; any thread may call.

        Returns
        -------
        False where the executor takes messages from DDS alone.
        """
        if not hasattr(self._node.executor, "hand_over"):
            return False
        self._copies.add(stamp_bytes(message))
        self._pending.append(message)
        return True

    def call(self) -> None:
        """Have the message that was pushed answered."""
        executor: Any = self._node.executor
        executor.hand_over(self)

    def answer(self) -> None:
        """Call back with the oldest message handed over, if one still waits."""
        message = self._take()
        if message is not None:
            self._callback(message)

    def answer_all(self) -> None:
        """Call back with every message that waits."""
        for message in self.waiting():
            self._callback(message)

    def on_serialized(self, data: bytes) -> None:
        """Take what came over DDS: a copy is dropped, anything else calls back."""
        message = self._accept(data)
        if message is not None:
            self._callback(message)

    def waiting(self) -> Iterator[Any]:
        """Take and yield all messages that wait, oldest first within each way."""
        while (message := self._take()) is not None:
            yield message
        while True:
            with self.subscription.handle:
                taken = self.subscription.handle.take_message(self._kind, True)
            if taken is None:
                return
            message = self._accept(taken[0])
            if message is not None:
                yield message

    def publishers(self, topic: str) -> int:
        """Return how many publishers a resolved topic has, in all processes."""
        return int(self._node.count_publishers(topic))

    def _take(self) -> Any:
        try:
            return self._pending.popleft()
        except IndexError:
            return None

    def _accept(self, data: bytes) -> Any:
        stamp = bytes(data[_STAMP])
        if self._copies.take(stamp):
            return None
        self._taken.add(stamp)
        message = deserialize_message(data, self._kind)
        self.share(message)
        return message


class Handover:
    """The streams of one process by topic."""

    def __init__(self) -> None:
        self._streams: dict[str, list[Stream]] = {}
        self._publishers: dict[str, list[Any]] = {}
        self._changing = threading.Lock()

    def subscribe(
        self,
        node: Node,
        kind: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        qos: QoSProfile,
        *,
        patient: bool = False,
        **options: Any,
    ) -> tuple[Stream, Callable[[], None]]:
        """Subscribe a node to a topic, in this process and over DDS.

        Parameters
        ----------
        options : further ones of `Node.create_subscription`.

        Returns
        -------
        The stream, and what ends the handing over; the caller destroys the subscription.
        """
        stream = Stream(node, kind, callback, qos.depth, patient=patient)
        stream.subscription = node.create_subscription(
            kind, topic, stream.on_serialized, qos, raw=True, **options
        )
        return stream, self.join(stream.subscription.topic_name, stream)

    def join(self, topic: str, stream: Stream) -> Callable[[], None]:
        """Hand messages of a resolved topic to a stream; return what ends that."""
        with self._changing:
            self._streams[topic] = [*self._streams.get(topic, []), stream]
        stream.share = lambda message: self._share(topic, message, stream)
        stream.all_ours = lambda: 0 < self._ours(topic) == stream.publishers(topic)

        def leave() -> None:
            with self._changing:
                self._streams[topic] = [
                    other for other in self._streams[topic] if other is not stream
                ]

        return leave

    def announce(self, publisher: Any) -> None:
        """Note a publisher whose messages are pushed here, until it is destroyed."""
        topic = publisher.topic_name
        with self._changing:
            self._publishers[topic] = [*self._publishers.get(topic, []), publisher]

    def push(self, topic: str, message: Any) -> list[Stream]:
        """Let a message wait in all streams of a resolved topic; return those to be called."""
        return [stream for stream in self._streams.get(topic, ()) if stream.push(message)]

    def _ours(self, topic: str) -> int:
        """Return how many publishers of this process a resolved topic has."""
        with self._changing:
            alive = [item for item in self._publishers.get(topic, ()) if _is_alive(item)]
            self._publishers[topic] = alive
        return len(alive)

    def _share(self, topic: str, message: Any, source: Stream) -> None:
        for stream in self._streams.get(topic, ()):
            if stream is not source:
                stream.offer(message)


class HandingPublisher:
    """A publisher that also hands its messages to streams of this process.

    Streams get a message first, so that no DDS copy arrives before its stamp is known there, and
    are called last, so that no other thread delays the publishing.
    """

    def __init__(self, publisher: Any, handover: Handover) -> None:
        self._publisher = publisher
        self._handover = handover
        self._topic: str = publisher.topic_name
        handover.announce(publisher)

    def publish(self, message: Any) -> None:
        """Publish, then call the streams; serialised messages go over DDS alone."""
        streams = [] if isinstance(message, bytes) else self._handover.push(self._topic, message)
        self._publisher.publish(message)
        for stream in streams:
            stream.call()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._publisher, name)


def _is_alive(publisher: Any) -> bool:
    """Whether a publisher is not destroyed yet."""
    try:
        with publisher.handle:
            return True
    except _rclpy.InvalidHandle:
        return False


def stamp_bytes(message: Any) -> bytes:
    """Return a header's stamp as encoded in little-endian CDR."""
    stamp = message.header.stamp
    return int(stamp.sec).to_bytes(4, "little", signed=True) + int(stamp.nanosec).to_bytes(
        4, "little"
    )


def has_header(kind: type[Any]) -> bool:
    """Whether a message class begins with a header, by which copies are recognised."""
    return next(iter(kind.get_fields_and_field_types()), "") == "header"
