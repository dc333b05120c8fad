# SPDX-License-Identifier: Apache-2.0
"""Where the milliseconds go between an image's arrival and its keypoints.

Every step of the path is timed twice: in a loop, and once per 125 ms as on a live camera, when
caches and the processor core have gone cold. The second is added up for both ways to run the
graph. What the measured latency has beyond the sum is waiting: for the scheduler, for the
interpreter's lock, for the other process to wake.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import rclpy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from thermal_pose.lab.benchmark.timing import interleaved
from thermal_pose.messages.images import thermal_message, to_thermal_frame
from thermal_pose.messages.people import (
    keypoints_message,
    person_boxes_message,
    to_keypoints,
    to_person_boxes,
)
from thermal_pose.msg import Keypoints, PersonBoxes
from thermal_pose.nodes.handover import HandingPublisher, Handover, Stream
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.prompt_executor import PromptExecutor
from thermal_pose.nodes.qos import result_qos
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception import DetectionStage, PoseStage
from thermal_pose.pipeline.perception_params import build_detection_stage, build_pose_stage
from thermal_pose.types import ThermalFrame

_DELIVERY_LIMIT_S: Final = 1.0
#: Between two images of a camera at 8 Hz.
_INTERVAL_S: Final = 0.125

#: Steps on the way from a published image to received keypoints, and how often each is taken
#: in one process (image from another one) and in several.
ONE_PROCESS: Final[dict[str, int]] = {
    "deliver over DDS": 2,
    "deserialise image": 1,
    "decode image": 2,
    "find people": 1,
    "encode boxes": 1,
    "hand over": 1,
    "serialise boxes": 1,
    "decode boxes": 1,
    "estimate pose": 1,
    "encode keypoints": 1,
    "serialise keypoints": 1,
    "deserialise keypoints": 1,
}
SEVERAL_PROCESSES: Final[dict[str, int]] = {
    "deliver over DDS": 3,
    "deserialise image": 1,
    "decode image": 1,
    "find people": 1,
    "encode boxes": 1,
    "serialise boxes": 1,
    "deserialise boxes": 1,
    "decode boxes": 1,
    "estimate pose": 1,
    "encode keypoints": 1,
    "serialise keypoints": 1,
    "deserialise keypoints": 1,
}


@dataclass(frozen=True)
class _Answers:
    """What the stages say of one frame, as records and as messages."""

    image: Image
    boxes: PersonBoxes
    keypoints: Keypoints


def measure_frame_path(
    frames: list[ThermalFrame], models: Mapping[str, str], rounds: int
) -> dict[str, Any]:
    """Time every step of a frame's path.

    Parameters
    ----------
    frames : played in turn; a frame with one person says most.
    models : model of `detector` and `pose`, where not the nodes' defaults.

    Returns
    -------
    `step_ms`, `paced_step_ms` : median of each step in a loop, and at 8 Hz, ms.
    `one_process_ms`, `processes_ms` : the steps of each way at 8 Hz, times how often they are
        taken.
    """
    detection = build_detection_stage(DetectorParameters(**_model(models, "detector")))
    pose = build_pose_stage(PoseParameters(**_model(models, "pose")))
    answers = _answers(frames[len(frames) // 2], detection, pose)
    with _deliveries() as (over_dds, handed):
        functions = {
            **_stages(frames, detection, pose),
            **_conversions(answers),
            "deliver over DDS": over_dds,
            "hand over": handed,
        }
        timings = interleaved(functions, rounds)
        paced_ms = _paced(functions, rounds)
    # Delivery is timed with a tiny message, whose serialisation is part of the publishing.
    return {
        "step_ms": {name: round(timing.median_ms, 4) for name, timing in timings.items()},
        "paced_step_ms": paced_ms,
        "one_process_ms": _added(paced_ms, ONE_PROCESS),
        "processes_ms": _added(paced_ms, SEVERAL_PROCESSES),
    }


def _paced(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median of each step where all are taken once, in the order of the path, at 8 Hz.

    Steps that are not on the way through one process come last.
    """
    order = [*ONE_PROCESS, *(name for name in functions if name not in ONE_PROCESS)]
    samples: dict[str, list[float]] = {name: [] for name in order}
    for _ in range(rounds):
        time.sleep(_INTERVAL_S)
        for name in order:
            begin_s = time.perf_counter()
            functions[name]()
            samples[name].append(time.perf_counter() - begin_s)
    return {name: round(1e3 * statistics.median(spent), 4) for name, spent in samples.items()}


def _model(models: Mapping[str, str], node: str) -> dict[str, Any]:
    return {"model": models[node]} if node in models else {}


def _added(step_ms: Mapping[str, float], taken: Mapping[str, int]) -> dict[str, float]:
    parts = {name: round(times * step_ms[name], 4) for name, times in taken.items()}
    return {**parts, "sum": round(sum(parts.values()), 4)}


def _answers(frame: ThermalFrame, detection: DetectionStage, pose: PoseStage) -> _Answers:
    found = detection.step(frame)
    return _Answers(
        thermal_message(live, frame),
        person_boxes_message(live, frame.stamp_ns, frame.frame_id, found.boxes, found.detected),
        keypoints_message(live, pose.step(frame, found)),
    )


def _stages(
    frames: list[ThermalFrame], detection: DetectionStage, pose: PoseStage
) -> dict[str, Callable[[], object]]:
    turns = itertools.cycle(frames)
    pairs = itertools.cycle([(frame, detection.step(frame)) for frame in frames])

    def find_people() -> None:
        detection.step(next(turns))

    def estimate_pose() -> None:
        pose.step(*next(pairs))

    return {"find people": find_people, "estimate pose": estimate_pose}


def _conversions(answers: _Answers) -> dict[str, Callable[[], object]]:
    frame, found = to_thermal_frame(answers.image), to_keypoints(answers.keypoints)
    boxes = to_person_boxes(answers.boxes)
    in_bytes = {
        name: serialize_message(getattr(answers, name)) for name in ("image", "boxes", "keypoints")
    }
    return {
        "encode image": lambda: thermal_message(live, frame),
        "serialise image": lambda: serialize_message(answers.image),
        "deserialise image": lambda: deserialize_message(in_bytes["image"], Image),
        "decode image": lambda: to_thermal_frame(answers.image),
        "encode boxes": lambda: person_boxes_message(
            live, frame.stamp_ns, frame.frame_id, boxes, True
        ),
        "serialise boxes": lambda: serialize_message(answers.boxes),
        "deserialise boxes": lambda: deserialize_message(in_bytes["boxes"], PersonBoxes),
        "decode boxes": lambda: to_person_boxes(answers.boxes),
        "encode keypoints": lambda: keypoints_message(live, found),
        "serialise keypoints": lambda: serialize_message(answers.keypoints),
        "deserialise keypoints": lambda: deserialize_message(in_bytes["keypoints"], Keypoints),
    }


@contextmanager
def _deliveries() -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Yield a delivery over DDS and one inside the process, each of an empty message."""
    node = rclpy.create_node("bench_delivery", use_global_arguments=False)
    executor = PromptExecutor()
    executor.add_node(node)
    heard: list[object] = []
    node.create_subscription(PersonBoxes, "bench/dds", heard.append, result_qos())
    far = node.create_publisher(PersonBoxes, "bench/dds", result_qos())
    handover = Handover()
    stream = Stream(node, PersonBoxes, heard.append, 8)
    near = HandingPublisher(_Silent("bench/near"), handover)
    handover.join("bench/near", stream)

    def deliver(publish: Callable[[Any], None]) -> None:
        heard.clear()
        publish(PersonBoxes())
        deadline_s = time.perf_counter() + _DELIVERY_LIMIT_S
        while not heard and time.perf_counter() < deadline_s:
            executor.spin_once(timeout_sec=_DELIVERY_LIMIT_S)

    try:
        yield lambda: deliver(far.publish), lambda: _hand_over(near, executor)
    finally:
        executor.remove_node(node)
        executor.shutdown()
        node.destroy_node()


def _hand_over(publisher: HandingPublisher, executor: PromptExecutor) -> None:
    publisher.publish(PersonBoxes())
    executor.answer_handed()


class _Silent:
    """A publisher that nobody outside hears."""

    def __init__(self, topic_name: str) -> None:
        self.topic_name = topic_name

    def publish(self, message: Any) -> None:
        """Do nothing."""
