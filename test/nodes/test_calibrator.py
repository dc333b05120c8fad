# SPDX-License-Identifier: Apache-2.0
"""`thermal-pose calibrate --live` over real DDS: a played target, hints, Ctrl-C, no cameras."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.rigs import SMALL_RIG
from support.waiting import wait_for

from thermal_pose.calibration.files import load_camera_info, load_extrinsics
from thermal_pose.calibration.synthetic import write_example
from thermal_pose.cli.main import main
from thermal_pose.errors import CalibrationError

pytestmark = [pytest.mark.graph, pytest.mark.slow]
rclpy = pytest.importorskip("rclpy")

from thermal_pose.nodes.player import BagPlayer, PlayOptions  # noqa: E402
from thermal_pose.nodes.signals import EndRequest  # noqa: E402


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "target"
    write_example(path, SMALL_RIG, n_poses=14, seed=3)
    return path


@contextmanager
def cameras(recording: Path, namespace: str, rate: float = 1.0) -> Iterator[BagPlayer]:
    """Both cameras' topics in a context of their own: the verb starts and ends the default one."""
    context, ended = rclpy.Context(), threading.Event()
    rclpy.init(args=[], context=context)
    node = rclpy.create_node("cameras", namespace=namespace, context=context)
    options = PlayOptions(rate=rate, loop=True, min_subscribers=2)
    player = BagPlayer(node, recording, options, lambda: not ended.is_set())
    thread = threading.Thread(target=player.play)
    thread.start()
    try:
        yield player
    finally:
        ended.set()
        thread.join(10)
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def interrupt_when(condition: Callable[[], bool]) -> None:
    """Press Ctrl-C once the verb listens for it and the condition holds."""

    def wait_and_press() -> None:
        while not isinstance(
            getattr(signal.getsignal(signal.SIGINT), "__self__", None), EndRequest
        ):
            time.sleep(0.01)
        wait_for(condition, 60.0)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait_and_press, daemon=True).start()


def test_live_calibration_ends_by_itself_when_it_has_seen_enough(
    ros_domain: int, tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["calibrate", "--live", "--namespace", "ward", "--views", "8", "--json"]
    with cameras(target, "ward"):
        assert main([*words, "--out", str(tmp_path / "c")]) == 0
    printed = capsys.readouterr()
    assert "more views" in printed.err, "hints while collecting"
    assert "enough" in printed.err
    numbers = json.loads(printed.out)
    assert numbers["views"] >= 8
    assert numbers["thermal"]["rms_px"] < 0.3
    assert load_camera_info(tmp_path / "c" / "thermal.yaml").image_wh == (80, 60)
    shift_m = load_extrinsics(tmp_path / "c" / "extrinsics.yaml").translation_m
    assert shift_m == pytest.approx(SMALL_RIG.baseline_m, abs=0.01)
    assert (tmp_path / "c" / "proof.png").stat().st_size > 10_000


def test_ctrl_c_ends_the_collecting_and_too_few_views_are_refused(
    ros_domain: int, tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cameras(target, "", rate=0.5) as player:
        interrupt_when(lambda: player.played > 6)
        code = main(["calibrate", "--live", "--out", str(tmp_path / "c")])
    assert code == CalibrationError.exit_code
    assert "at least 8 are needed" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_without_cameras_ctrl_c_says_what_is_missing(
    ros_domain: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupt_when(lambda: True)
    assert main(["calibrate", "--live", "--out", str(tmp_path / "c")]) == 8
    assert "0 thermal and 0 RGB frames came" in capsys.readouterr().err
