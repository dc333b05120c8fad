# SPDX-License-Identifier: Apache-2.0
"""How the cost grows: with people in view, with image size, with the length of a recording."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from thermal_pose.bags.reader import BagReader
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import GraphError
from thermal_pose.inference.base import PersonDetector, PoseModel
from thermal_pose.lab.benchmark.timing import interleaved
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_detector, build_estimator
from thermal_pose.pipeline.trial import analyze_frames
from thermal_pose.types import FrameKeypoints, PersonBox, ThermalFrame, UInt16Array

PEOPLE: Final = (1, 2, 4, 8)
SIZES_WH: Final = ((80, 60), (160, 120), (320, 256))
LENGTHS_S: Final = (15.0, 30.0, 60.0, 120.0)
_SETTING_UP_S: Final = 60.0


def measure_growth(
    frames: Sequence[ThermalFrame], keypoints: Sequence[FrameKeypoints], rounds: int
) -> dict[str, dict[str, float]]:
    """Time detector and pose against people and image size, the analysis against length.

    Parameters
    ----------
    frames, keypoints : images of one trial and what was found in them.

    Returns
    -------
    `people_ms` : pose of one image, by the number of people: one batch each, so this is also
        what a batch over several cameras would cost.
    `size_ms` : detector and pose of one image with one person, by image size.
    `length_s` : the whole analysis of keypoints, by the length of a recording.
    """
    detector, estimator = build_detector(DetectorParameters()), build_estimator(PoseParameters())
    image = frames[len(frames) // 2].centikelvin
    boxes = detector.detect(image)
    if not boxes:
        raise GraphError("the recording's middle image shows nobody; name another with --bag")
    functions: dict[str, Callable[[], object]] = {
        f"people {count}": partial(estimator.estimate, image, boxes[:1] * count) for count in PEOPLE
    }
    for wh in SIZES_WH:
        larger = np.asarray(cv2.resize(image, wh), dtype=np.uint16)
        box = _scaled(boxes[0], image, larger)
        functions[f"size {wh[0]}x{wh[1]}"] = partial(_both, detector, estimator, larger, box)
    timings = interleaved(functions, rounds)
    table = {name: round(timing.median_ms, 3) for name, timing in timings.items()}
    return {
        "people_ms": {name.split()[1]: ms for name, ms in table.items() if "people" in name},
        "size_ms": {name.split()[1]: ms for name, ms in table.items() if "size" in name},
        "length_s": {f"{length_s:g}": _analysis_s(keypoints, length_s) for length_s in LENGTHS_S},
    }


def _both(
    detector: PersonDetector, estimator: PoseModel, image: UInt16Array, box: PersonBox
) -> None:
    detector.detect(image)
    estimator.estimate(image, [box])


def _scaled(box: PersonBox, image: UInt16Array, larger: UInt16Array) -> PersonBox:
    """Return a box in the pixels of the same picture in another size."""
    factor = np.array(larger.shape[::-1]) / np.array(image.shape[::-1])
    left, top, right, bottom = np.array(box.xyxy) * np.tile(factor, 2)
    return PersonBox((float(left), float(top), float(right), float(bottom)), box.score)


def _analysis_s(keypoints: Sequence[FrameKeypoints], length_s: float) -> float:
    """Return how long the analysis takes where the person sits on after the test."""
    stretched = list(keypoints)
    step_ns = int(np.median(np.diff([frame.stamp_ns for frame in keypoints])))
    last = stretched[-1]
    while (stretched[-1].stamp_ns - stretched[0].stamp_ns) / 1e9 < length_s:
        stamp_ns = stretched[-1].stamp_ns + step_ns
        stretched.append(
            FrameKeypoints(stamp_ns, last.frame_id, last.model_id, last.image_wh, last.persons)
        )
    begin_s = time.perf_counter()
    analyze_frames(stretched, TugParams())
    return round(time.perf_counter() - begin_s, 3)


def measure_commands(recording: Path) -> dict[str, float]:
    """Time whole commands, start-up included.

    Returns
    -------
    `first_keypoints_s` : from `thermal-pose run` to the first keypoints of a played recording.
    `analyze_times_real_time` : length of the recording over the wall time of
        `thermal-pose analyze` on one core.
    """
    with BagReader(recording) as bag:
        stamps_ns = [frame.stamp_ns for frame in bag.thermal_frames()]
    begin_s = time.perf_counter()
    _run(["analyze", str(recording), "--json"], one_core=True)
    analyze_s = time.perf_counter() - begin_s
    return {
        "first_keypoints_s": round(_first_keypoints_s(recording), 2),
        "analyze_times_real_time": round((stamps_ns[-1] - stamps_ns[0]) / 1e9 / analyze_s, 1),
    }


def _run(words: list[str], one_core: bool) -> None:
    cores = {min(os.sched_getaffinity(0))} if one_core else os.sched_getaffinity(0)
    done = subprocess.run(
        [sys.executable, "-m", "thermal_pose.cli.main", *words],
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        check=False,
    )
    if done.returncode:
        raise GraphError(f"thermal-pose {' '.join(words)}: {done.stderr.strip()[-300:]}")


def _first_keypoints_s(recording: Path) -> float:
    """Start the live graph on a recording; return when its first keypoints came."""
    import rclpy

    from thermal_pose.msg import Keypoints
    from thermal_pose.nodes.qos import result_qos

    node = rclpy.create_node("bench_first", use_global_arguments=False)
    heard: list[float] = []
    node.create_subscription(
        Keypoints, "keypoints", lambda message: heard.append(time.perf_counter()), result_qos()
    )
    begin_s = time.perf_counter()
    command = [sys.executable, "-m", "thermal_pose.cli.main", "run", "--quiet"]
    process = subprocess.Popen(
        [*command, "--bag", str(recording)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not heard and time.perf_counter() - begin_s < _SETTING_UP_S:
            rclpy.spin_once(node, timeout_sec=0.02)
    finally:
        process.terminate()
        process.wait()
        node.destroy_node()
    if not heard:
        raise GraphError(f"no keypoints within {_SETTING_UP_S:.0f} s of `thermal-pose run`")
    return heard[0] - begin_s
