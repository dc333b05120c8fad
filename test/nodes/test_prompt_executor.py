# SPDX-License-Identifier: Apache-2.0
"""The executor that answers messages first: nothing waits for ever, nothing is called twice."""

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from thermal_pose.nodes import prompt_executor  # noqa: E402
from thermal_pose.nodes.prompt_executor import LOOK_EVERY_S, PromptExecutor  # noqa: E402

_LIMIT_S = 20.0


@pytest.fixture
def executor(ros: int) -> Iterator[PromptExecutor]:
    made = PromptExecutor()
    yield made
    made.shutdown()


@pytest.fixture
def node(executor: PromptExecutor) -> Iterator[Node]:
    made = rclpy.create_node("prompt", use_global_arguments=False)
    executor.add_node(made)
    yield made
    executor.remove_node(made)
    made.destroy_node()


def spin_until(executor: PromptExecutor, condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        executor.spin_once(timeout_sec=0.1)


def test_every_message_is_called_back_once_in_order(executor: PromptExecutor, node: Node) -> None:
    heard: list[str] = []
    node.create_subscription(Header, "stream", lambda header: heard.append(header.frame_id), 64)
    publisher = node.create_publisher(Header, "stream", 64)
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)
    sent = [str(number) for number in range(40)]
    for name in sent:
        publisher.publish(Header(frame_id=name))
    spin_until(executor, lambda: len(heard) >= len(sent))
    for _ in range(5):
        executor.spin_once(timeout_sec=0.02)
    assert heard == sent


def test_services_and_timers_are_served_while_messages_never_pause(
    executor: PromptExecutor, node: Node
) -> None:
    ticks: list[float] = []
    heard: list[str] = []
    publisher = node.create_publisher(Header, "stream", 8)

    def again(header: Header) -> None:
        heard.append(header.frame_id)
        publisher.publish(header)  # the next message waits as soon as this one is handled

    def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = True
        return response

    node.create_subscription(Header, "stream", again, 8)
    node.create_timer(0.05, lambda: ticks.append(time.monotonic()))
    node.create_service(Trigger, "ask", answer)
    client = node.create_client(Trigger, "ask")
    spin_until(executor, lambda: client.service_is_ready() and bool(heard or _send(publisher)))
    asked = client.call_async(Trigger.Request())
    before = len(ticks)
    spin_until(executor, lambda: asked.done() and len(ticks) > before)
    assert asked.result().success
    assert heard


def _send(publisher: Any) -> None:
    if publisher.get_subscription_count():
        publisher.publish(Header(frame_id="round"))


def test_a_coroutine_and_a_callback_that_wants_transport_data_work(
    executor: PromptExecutor, node: Node
) -> None:
    heard: set[str] = set()

    async def later(header: Header) -> None:
        heard.add("coroutine")

    def with_data(header: Header, info: Any) -> None:
        assert info["source_timestamp"] > 0
        heard.add("transport data")

    node.create_subscription(Header, "stream", later, 8)
    node.create_subscription(Header, "stream", with_data, 8)
    publisher = node.create_publisher(Header, "stream", 8)
    spin_until(executor, lambda: publisher.get_subscription_count() == 2)
    publisher.publish(Header())
    spin_until(executor, lambda: len(heard) == 2)


def test_a_callback_s_exception_reaches_whoever_spins(executor: PromptExecutor, node: Node) -> None:
    def fail(header: Header) -> None:
        raise ZeroDivisionError("a defect")

    node.create_subscription(Header, "stream", fail, 8)
    publisher = node.create_publisher(Header, "stream", 8)
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)
    publisher.publish(Header())
    with pytest.raises(ZeroDivisionError):
        spin_until(executor, lambda: False)


def test_a_subscription_destroyed_and_made_within_a_callback(
    executor: PromptExecutor, node: Node
) -> None:
    heard: list[str] = []
    made: list[Any] = []

    def once(header: Header) -> None:
        heard.append("first")
        node.destroy_subscription(made.pop())
        node.create_subscription(Header, "stream", lambda _: heard.append("second"), 8)

    made.append(node.create_subscription(Header, "stream", once, 8))
    publisher = node.create_publisher(Header, "stream", 8)
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)
    publisher.publish(Header())
    spin_until(executor, lambda: heard == ["first"])
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)
    publisher.publish(Header())
    spin_until(executor, lambda: "second" in heard)
    assert heard.count("first") == 1


def test_it_returns_when_nothing_happens(executor: PromptExecutor, node: Node) -> None:
    executor.spin_once(timeout_sec=0.01)
    executor.spin_once()  # without a limit it comes back at the next look at services


def test_a_service_wakes_the_executor(
    executor: PromptExecutor, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = True
        return response

    node.create_service(Trigger, "ask", answer)
    client = node.create_client(Trigger, "ask")
    spin_until(executor, client.service_is_ready)
    # No look at everything else comes within the limit: only the service itself can wake it.
    monkeypatch.setattr(prompt_executor, "LOOK_EVERY_S", 10 * _LIMIT_S)
    for _ in range(8):
        asked = client.call_async(Trigger.Request())
        spin_until(executor, asked.done)


def test_an_idle_executor_sleeps(
    executor: PromptExecutor, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    monkeypatch.setattr(
        SingleThreadedExecutor, "spin_once", lambda self, timeout_sec: looks.append(timeout_sec)
    )
    executor.spin_once(timeout_sec=0.0)  # the node that was added is looked at
    looks.clear()
    now_s = time.monotonic()
    for _ in range(45):
        now_s += 0.05
        clock = SimpleNamespace(monotonic=lambda: now_s)
        monkeypatch.setattr(prompt_executor, "time", clock)
        executor.spin_once(timeout_sec=0.0)
    assert len(looks) == int(45 * 0.05 / LOOK_EVERY_S)


def test_timers_keep_their_pace_without_messages(executor: PromptExecutor, node: Node) -> None:
    ticks: list[float] = []
    begin_s = time.monotonic()
    node.create_timer(0.2, lambda: ticks.append(time.monotonic() - begin_s))
    spin_until(executor, lambda: len(ticks) == 10)
    # None comes before its time; how late they come depends on the machine.
    assert all(tick_s >= 0.2 * number for number, tick_s in enumerate(ticks, start=1))


def test_a_timer_that_is_due_follows_a_message(executor: PromptExecutor, node: Node) -> None:
    events: list[str] = []
    node.create_subscription(Header, "stream", lambda header: events.append("message"), 8)
    publisher = node.create_publisher(Header, "stream", 8)
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)
    timer = node.create_timer(0.3, lambda: events.append("timer"))
    while not timer.is_ready():
        time.sleep(0.01)
    publisher.publish(Header())
    spin_until(executor, lambda: len(events) >= 2)
    assert events[:2] == ["message", "timer"]
