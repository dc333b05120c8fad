# SPDX-License-Identifier: Apache-2.0
"""Messages inside one process: each arrives once, whichever way it comes, and still leaves."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from thermal_pose.nodes.handover import (  # noqa: E402
    HandingPublisher,
    Handover,
    Stream,
    has_header,
    stamp_bytes,
)
from thermal_pose.nodes.newest import newest_of  # noqa: E402
from thermal_pose.nodes.prompt_executor import PromptExecutor  # noqa: E402

_LIMIT_S = 20.0
_DEPTH = 8


def image(number: int) -> Image:
    return Image(header=Header(stamp=Time(sec=number, nanosec=7)), data=[number] * 16)


class Process:
    """One process: a node, its executor, and what its streams heard."""

    def __init__(self) -> None:
        self.handover = Handover()
        self.executor = PromptExecutor()
        self.node: Node = rclpy.create_node("inside", use_global_arguments=False)
        self.executor.add_node(self.node)

    def stream(self, callback: Callable[[Any], None], *, patient: bool = False) -> Stream:
        qos = QoSProfile(depth=_DEPTH)
        stream, _ = self.handover.subscribe(
            self.node, Image, "image", callback, qos, patient=patient
        )
        return stream

    def publisher(self) -> HandingPublisher:
        return HandingPublisher(self.node.create_publisher(Image, "image", 64), self.handover)

    def spin_until(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + _LIMIT_S
        while not condition():
            assert time.monotonic() < deadline_s, "waited in vain"
            self.executor.spin_once(timeout_sec=0.1)

    def settle(self) -> None:
        """Let copies that are under way arrive."""
        for _ in range(10):
            self.executor.spin_once(timeout_sec=0.02)


@pytest.fixture
def process(ros: int) -> Iterator[Process]:
    made = Process()
    yield made
    made.executor.remove_node(made.node)
    made.node.destroy_node()
    made.executor.shutdown()


@pytest.fixture
def outside(process: Process) -> Iterator[Node]:
    """A node that stands for another process: it knows no handover."""
    node = rclpy.create_node("outside", use_global_arguments=False)
    process.executor.add_node(node)
    yield node
    process.executor.remove_node(node)
    node.destroy_node()


def test_own_messages_arrive_once_inside_and_once_outside(process, outside) -> None:
    first, second, there = [], [], []
    process.stream(first.append)
    process.stream(second.append)
    outside.create_subscription(Image, "image", there.append, 64)
    publisher = process.publisher()
    process.spin_until(lambda: publisher.get_subscription_count() == 3)
    sent = [image(number) for number in range(5)]
    for message in sent:
        publisher.publish(message)
        process.settle()
    process.spin_until(lambda: len(there) == 5)
    process.settle()
    assert first == sent and second == sent and there == sent
    assert first[0] is sent[0], "the very object, not a copy"


def test_messages_of_others_arrive_once_in_every_stream(process, outside) -> None:
    first, second = [], []
    process.stream(first.append)
    process.stream(second.append)
    publisher = outside.create_publisher(Image, "image", 64)
    process.spin_until(lambda: publisher.get_subscription_count() == 2)
    sent = [image(number) for number in range(5)]
    for message in sent:
        publisher.publish(message)
        process.settle()
    process.spin_until(lambda: len(first) == len(second) == 5)
    process.settle()
    assert first == sent and second == sent


def test_others_messages_with_equal_stamps_all_arrive(process, outside) -> None:
    """A camera without a clock stamps every image alike; each must be seen to be refused."""
    first, second = [], []
    process.stream(first.append)
    process.stream(second.append)
    publisher = outside.create_publisher(Image, "image", 64)
    process.spin_until(lambda: publisher.get_subscription_count() == 2)
    for number in range(5):
        publisher.publish(Image(header=Header(), data=[number] * 16))
        process.settle()
    process.spin_until(lambda: len(first) == len(second) == 5)
    process.settle()
    assert [image.data[0] for image in first] == [image.data[0] for image in second] == [*range(5)]


def test_what_is_sent_again_arrives_again(process) -> None:
    heard = []
    process.stream(heard.append)
    publisher = process.publisher()
    for _ in range(2):
        publisher.publish(image(1))
        process.settle()
    assert heard == [image(1), image(1)]


def test_newest_wins_and_skipped_ones_are_counted(process) -> None:
    taken = []
    stream = process.stream(lambda message: taken.append(newest_of(stream, message)))
    publisher = process.publisher()
    for number in range(4):
        publisher.publish(image(number))
    process.spin_until(lambda: bool(taken))
    process.settle()
    assert taken == [(image(3), 3)]


def test_no_more_wait_than_the_queue_holds(process) -> None:
    heard = []
    process.stream(heard.append)
    publisher = process.publisher()
    for number in range(3 * _DEPTH):
        publisher.publish(image(number))
    process.spin_until(lambda: len(heard) == _DEPTH)
    process.settle()
    assert heard == [image(number) for number in range(2 * _DEPTH, 3 * _DEPTH)]


def test_copies_of_own_messages_wake_nobody(process) -> None:
    heard = []
    stream = process.stream(heard.append)
    assert stream.wakes(), "someone else may publish"
    plain = process.node.create_publisher(Image, "image", 64)
    publisher = HandingPublisher(plain, process.handover)
    process.spin_until(lambda: not stream.wakes())
    publisher.publish(image(1))
    process.spin_until(lambda: len(heard) == 1)
    process.node.destroy_publisher(plain)
    process.spin_until(stream.wakes)


def test_others_are_heard_beside_own_messages(process, outside) -> None:
    heard = []
    stream = process.stream(heard.append)
    own = process.publisher()
    process.spin_until(lambda: not stream.wakes())
    other = outside.create_publisher(Image, "image", 64)
    process.spin_until(lambda: other.get_subscription_count() == 1)
    for number in range(_DEPTH):
        (own if number % 2 else other).publish(image(number))
    process.spin_until(lambda: len(heard) == _DEPTH)
    process.settle()
    assert sorted(message.data[0] for message in heard) == [*range(_DEPTH)]


def test_a_patient_stream_is_answered_with_the_next_message_or_soon(process, outside) -> None:
    heard = []
    process.stream(lambda message: heard.append("patient"), patient=True)
    publisher = outside.create_publisher(Image, "image", 64)
    process.spin_until(lambda: publisher.get_subscription_count() == 1)
    process.settle()
    publisher.publish(image(1))
    process.spin_until(lambda: heard == ["patient"])
    process.stream(lambda message: heard.append("prompt"))
    process.spin_until(lambda: publisher.get_subscription_count() == 2)
    publisher.publish(image(2))
    process.spin_until(lambda: len(heard) == 3)
    process.settle()
    assert sorted(heard) == ["patient", "patient", "prompt"]


def test_a_stream_that_left_hears_nothing(process) -> None:
    heard = []
    stream = Stream(process.node, Image, heard.append, _DEPTH)
    leave = process.handover.join("/image", stream)
    leave()
    assert process.handover.push("/image", image(1)) == []
    process.settle()
    assert heard == []


@pytest.mark.parametrize("sec, nanosec", [(0, 0), (-1, 1), (2**31 - 1, 999_999_999)])
def test_stamps_are_read_alike_in_messages_and_in_their_bytes(ros, sec, nanosec) -> None:
    from rclpy.serialization import serialize_message

    message = Image(header=Header(stamp=Time(sec=sec, nanosec=nanosec)))
    assert bytes(serialize_message(message)[4:12]) == stamp_bytes(message)


def test_only_messages_that_begin_with_a_header_are_handed_over() -> None:
    assert has_header(Image) and not has_header(DiagnosticStatus)
