# SPDX-License-Identifier: Apache-2.0
"""`thermal-pose play` over real DDS: rate, start, loop, topics and /clock."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.trials import START_NS, STEP_NS, write_trial
from support.waiting import spin_for

from thermal_pose.messages.fields import to_stamp_ns

pytestmark = pytest.mark.graph
rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from thermal_pose.nodes.player import BagPlayer, PlayOptions  # noqa: E402
from thermal_pose.nodes.qos import image_subscription_qos  # noqa: E402

N_FRAMES = 16


class Played:
    """What a listener heard of a recording that was played."""

    def __init__(
        self, executor: SingleThreadedExecutor, folder: Path, enough: int, **options: Any
    ) -> None:
        write_trial(folder / "trial", N_FRAMES)
        listener, source = rclpy.create_node("listener"), rclpy.create_node("player")
        images: list[Image] = []
        clock: list[Clock] = []
        qos = image_subscription_qos("reliable", depth=50)
        listener.create_subscription(Image, "thermal/image_raw", images.append, qos)
        listener.create_subscription(Clock, "/clock", clock.append, 50)
        for node in (listener, source):
            executor.add_node(node)
        spin_for(executor, lambda: listener.count_publishers("/clock") == 0)
        player = BagPlayer(
            source,
            folder / "trial",
            PlayOptions(min_subscribers=1, **options),
            lambda: len(images) < enough,
        )
        began_s = time.monotonic()
        thread = threading.Thread(target=player.play)
        thread.start()
        spin_for(executor, lambda: len(images) >= enough)
        self.took_s = time.monotonic() - began_s
        thread.join(5)
        self.stamps = [to_stamp_ns(image.header.stamp) for image in images]
        self.clock_ns = [to_stamp_ns(tick.clock) for tick in clock]


def test_rate_is_kept_and_clock_follows_the_recording(
    executor: SingleThreadedExecutor, tmp_path: Path
) -> None:
    played = Played(executor, tmp_path, N_FRAMES, rate=4.0)
    assert played.stamps == [START_NS + n * STEP_NS for n in range(N_FRAMES)]
    assert played.took_s >= (N_FRAMES - 1) * 0.125 / 4 * 0.95
    assert len(played.clock_ns) >= 8
    assert played.clock_ns == sorted(played.clock_ns)
    assert START_NS <= played.clock_ns[0] <= played.clock_ns[-1] <= played.stamps[-1]


def test_start_skips(executor: SingleThreadedExecutor, tmp_path: Path) -> None:
    played = Played(executor, tmp_path, 8, rate=8.0, start_s=1.0)
    assert played.stamps == [START_NS + n * STEP_NS for n in range(8, N_FRAMES)]


def test_loop_begins_again_with_the_first_stamp(
    executor: SingleThreadedExecutor, tmp_path: Path
) -> None:
    played = Played(executor, tmp_path, 2 * N_FRAMES + 1, rate=16.0, loop=True)
    assert played.stamps[N_FRAMES : 2 * N_FRAMES] == played.stamps[:N_FRAMES]
    assert played.stamps[2 * N_FRAMES] == START_NS
    assert min(played.clock_ns[len(played.clock_ns) // 4 :]) < played.stamps[-2], "goes back"


def test_without_clock_there_is_none(executor: SingleThreadedExecutor, tmp_path: Path) -> None:
    topics = ("/thermal/image_raw",)
    played = Played(executor, tmp_path, N_FRAMES, rate=0.0, clock_hz=0.0, topics=topics)
    assert len(played.stamps) == N_FRAMES
    assert played.clock_ns == []
