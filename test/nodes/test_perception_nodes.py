# SPDX-License-Identifier: Apache-2.0
"""Detector and pose as real nodes over real DDS: the same bytes as offline, whatever comes."""

import array
import contextlib
from dataclasses import replace

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from support import faults
from support.models import write_fixed_box_model, write_warmest_spot_model
from support.mutations import mutated_images
from support.waiting import spin_for

from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.messages.images import thermal_message
from thermal_pose.messages.people import to_keypoints
from thermal_pose.msg import Keypoints, PersonBoxes
from thermal_pose.nodes.detector import DetectorNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.pose import PoseNode
from thermal_pose.nodes.qos import image_publisher_qos, result_qos
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import ThermalFrame

pytestmark = pytest.mark.graph
STEP_NS = 125_000_000
ORIGIN_NS = 1_700_000_000_123_456_789


def frame(number, rows=60, people=1, stamp_ns=None):
    """People who walk to the right, a warm spot on each, in a noisy room."""
    rng = np.random.default_rng(number)
    image = rng.normal(29515, 6, (rows, 80))
    y, x = np.mgrid[0:rows, 0:80]
    for person in range(people):
        left = 6 + 0.7 * number + 25 * person
        image[12:48, round(left) : round(left) + 12] += 450
        image += 400 * np.exp(-((x - left - 5.3) ** 2 + (y - 16.2) ** 2) / 8)
    stamp_ns = ORIGIN_NS + number * STEP_NS if stamp_ns is None else stamp_ns
    return ThermalFrame(stamp_ns, "cam_7", image.astype(np.uint16))


class Bench:
    """Nodes under test and a peer that plays the camera and hears the answers."""

    def __init__(self, card, namespace="", detector=None, pose=None):
        chosen = {"detector": {"model": "warm_blob", **(detector or {})}}
        chosen["pose"] = {"model": str(card), **(pose or {})}
        self.nodes = [
            kind(
                use_global_arguments=False,
                namespace=namespace,
                parameter_overrides=[Parameter(k, value=v) for k, v in chosen[name].items()],
            )
            for name, kind in (("detector", DetectorNode), ("pose", PoseNode))
        ]
        self.detector, self.pose = self.nodes
        self.executor = SingleThreadedExecutor()
        for node in self.nodes:
            node.start()
            self.executor.add_node(node)
        self.peer = rclpy.create_node("peer", namespace=namespace)
        self.executor.add_node(self.peer)
        self.persons, self.keypoints = [], []
        qos = result_qos()
        self.peer.create_subscription(PersonBoxes, "persons", self.persons.append, qos)
        self.peer.create_subscription(Keypoints, "keypoints", self.keypoints.append, qos)
        self.images = self.peer.create_publisher(Image, "thermal/image_raw", image_publisher_qos())
        spin_for(self.executor, lambda: self.images.get_subscription_count() == 2)
        spin_for(self.executor, lambda: self.peer.count_publishers("keypoints") == 1)

    def show(self, *frames):
        """Publish frames one at a time and wait for each one's keypoints."""
        for one in frames:
            expected = len(self.keypoints) + 1
            self.images.publish(thermal_message(live, one))
            spin_for(self.executor, lambda expected=expected: len(self.keypoints) >= expected)
        return [to_keypoints(message) for message in self.keypoints[-len(frames) :]]

    def set(self, node, **values):
        changes = [Parameter(name, value=value) for name, value in values.items()]
        result = node.set_parameters_atomically(changes)
        assert result.successful, result.reason

    def enable(self, name, wanted):
        client = self.peer.create_client(SetBool, f"{name}/enable")
        spin_for(self.executor, client.service_is_ready)
        future = client.call_async(SetBool.Request(data=wanted))
        spin_for(self.executor, future.done)
        assert future.result().success

    def close(self):
        for node in self.nodes:
            node.stop()
        self.peer.destroy_node()
        self.executor.shutdown()


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return write_warmest_spot_model(tmp_path_factory.mktemp("models"), spread=True)


@pytest.fixture
def benches(ros, card):
    """Make benches that are closed whatever happens: DDS would keep a lost one in the graph."""
    with contextlib.ExitStack() as stack:

        def make(**options):
            made = Bench(card, **{"pose": {"min_person_score": 0.5}, **options})
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def bench(benches):
    return benches()


def same_bytes(one, other):
    return (one.stamp_ns, one.frame_id, one.model_id, one.image_wh) == (
        other.stamp_ns, other.frame_id, other.model_id, other.image_wh,
    ) and [
        (p.track_id, p.box, p.xy.tobytes(), p.scores.tobytes(), p.person_score)
        for p in one.persons
    ] == [
        (p.track_id, p.box, p.xy.tobytes(), p.scores.tobytes(), p.person_score)
        for p in other.persons
    ]  # fmt: skip


@pytest.mark.parametrize(("every_n", "rows"), [(1, 60), (4, 62)])
def test_nodes_give_the_offline_bytes_also_in_loops(benches, card, every_n, rows):
    recording = [frame(n, rows, people=0 if n in (5, 6) else 2) for n in range(20)]
    bench = benches(detector={"detect_every_n": every_n})
    offline = build_perception(
        DetectorParameters(model="warm_blob", detect_every_n=every_n),
        PoseParameters(model=str(card), min_person_score=0.5),
    )
    expected = [offline.step(one) for one in recording]
    live = bench.show(*recording, *recording)
    assert all(same_bytes(a, b) for a, b in zip(live, expected * 2, strict=True))
    assert {len(one.persons) for one in live} >= {0, 2}  # empty and crowded frames
    assert [message.detected for message in bench.persons[:4]] == [
        n % every_n == 0 for n in range(4)
    ]
    bench.close()


def test_an_image_that_a_replay_sends_again_is_answered_once(bench):
    bench.show(frame(0))
    bench.images.publish(thermal_message(live, frame(0)))
    spin_for(bench.executor, lambda: bench.pose.statistics.summary().counts.get("repeated") == 1)
    bench.show(frame(1))
    assert len(bench.keypoints) == 2


def test_every_image_gets_its_header_back_in_both_topics(bench):
    (found,) = bench.show(frame(0))
    assert to_stamp_ns(bench.persons[0].header.stamp) == found.stamp_ns == ORIGIN_NS
    assert bench.persons[0].header.frame_id == found.frame_id == "cam_7"
    assert found.model_id.startswith("warmest-")


@pytest.mark.faults
def test_malformed_images_are_rejected_and_counted_and_the_nodes_live_on(benches, tmp_path):
    count = faults.times(few=60, full=10_000)
    boxes = [[6, 12, 18, 48], [-20, 5, 300, 90], [31, 12, 43, 48]]
    model = write_fixed_box_model(tmp_path, boxes, [0.9, 0.8, 0.7])
    bench = benches(detector={"model": str(model)})
    rejected = 0

    def handled(node):
        summary = node.statistics.summary()
        refused = ("ImageFormatError", "MessageFormatError", "InputRefusedError")
        return sum(summary.counts.get(name, 0) for name in refused), summary.frames

    images = mutated_images(thermal_message(live, frame(0)), count, seed=1)
    for number, (message, sound) in enumerate(images):
        message.header.stamp.nanosec = number  # what is sent twice is answered once
        before = [handled(node) for node in bench.nodes]
        bench.images.publish(message)
        spin_for(
            bench.executor,
            lambda before=before: all(
                sum(handled(node)) == sum(old) + 1
                for node, old in zip(bench.nodes, before, strict=True)
            ),
        )
        # Both nodes decide alike. Fields that fit may still hold no room (noise, zeros).
        outcomes = {
            handled(node)[0] - old[0] for node, old in zip(bench.nodes, before, strict=True)
        }
        assert outcomes in ([{1}] if not sound else [{0}, {1}]), message.encoding
        rejected += outcomes == {1}
    for node in bench.nodes:
        assert handled(node)[0] == rejected > count // 4
        assert "internal_error" not in node.statistics.summary().counts
    bench.show(frame(1))
    result = f"{rejected} rejected and counted by both nodes, the rest answered; nodes alive"
    faults.record("mutated images (size, step, encoding, endianness, NaN)", count, result)


def test_the_newest_image_wins_and_skipped_ones_are_counted(bench):
    for number in range(6):
        bench.images.publish(thermal_message(live, frame(number)))
    last = ORIGIN_NS + 5 * STEP_NS
    spin_for(
        bench.executor,
        lambda: bool(bench.keypoints) and to_stamp_ns(bench.keypoints[-1].header.stamp) == last,
    )
    answered = len(bench.keypoints)
    assert answered < 6
    skipped = [node.statistics.summary().counts.get("dropped", 0) for node in bench.nodes]
    assert skipped[0] == 6 - len(bench.persons)
    assert skipped[1] == 6 - answered


def test_diagnostics_say_what_really_runs(bench):
    assert bench.detector.details()["device"] == "opencv, CPU, fp32, 1 thread(s)"
    assert bench.pose.details()["device"].startswith("onnxruntime ")
    assert bench.pose.details()["model"].startswith("warmest-")


def test_disabled_detector_says_so_and_disabled_pose_is_silent(bench):
    bench.enable("detector", False)
    (found,) = bench.show(frame(0))
    assert found.persons == () and not bench.persons[-1].detected
    bench.enable("detector", True)
    assert len(bench.show(frame(1))[0].persons) == 1
    bench.enable("pose", False)
    heard = len(bench.keypoints)
    bench.images.publish(thermal_message(live, frame(2)))
    spin_for(bench.executor, lambda: bench.pose.statistics.summary().counts.get("disabled", 0) == 1)
    assert len(bench.keypoints) == heard
    bench.enable("pose", True)
    assert len(bench.show(frame(3))[0].persons) == 1


# -- every dynamic parameter changes the output ------------------------------------------------


def test_detect_every_n_changes_how_often_it_detects(bench):
    bench.show(frame(0), frame(1))
    bench.set(bench.detector, detect_every_n=100)
    bench.show(frame(2), frame(3))
    assert [message.detected for message in bench.persons] == [True, True, False, False]


def test_warm_threshold_changes_who_is_found(bench):
    assert len(bench.show(frame(0))[0].persons) == 1
    bench.set(bench.detector, warm_threshold_k=15.0)
    bench.show(frame(1))
    assert len(bench.persons[-1].persons) == 0


def test_score_threshold_changes_who_is_found(benches, tmp_path):
    fixed = write_fixed_box_model(tmp_path, [[6, 12, 18, 48], [31, 12, 43, 48]], [0.9, 0.6])
    bench = benches(detector={"model": str(fixed)})
    assert len(bench.show(frame(0, people=2))[0].persons) == 2
    bench.set(bench.detector, score_threshold=0.8)
    bench.show(frame(1))
    assert len(bench.persons[-1].persons) == 1


def test_a_score_threshold_that_the_detector_cannot_use_is_refused(bench):
    (result,) = bench.detector.set_parameters([Parameter("score_threshold", value=0.5)])
    assert not result.successful and "takes none" in result.reason
    assert bench.detector.parameters.score_threshold == -1.0


def test_min_person_score_changes_who_is_let_through(bench):
    assert len(bench.show(frame(0))[0].persons) == 1
    bench.set(bench.pose, min_person_score=1.0)
    warm = frame(1)
    faint = ThermalFrame(
        warm.stamp_ns, warm.frame_id, (29515 + (warm.centikelvin - 29400.0) * 0.4).astype(np.uint16)
    )
    assert bench.show(faint)[0].persons == ()


def test_max_persons_changes_how_many(bench):
    assert len(bench.show(frame(0, people=2))[0].persons) == 2
    bench.set(bench.pose, max_persons=1)
    assert len(bench.show(frame(1, people=2))[0].persons) == 1


def test_max_lost_s_changes_whether_an_identity_survives(bench):
    bench.set(bench.pose, max_lost_s=0.2)
    gone = [frame(n, people=0) for n in range(1, 6)]
    before, *_, after = bench.show(frame(0), *gone, frame(6))
    assert before.persons[0].track_id == 1 and after.persons[0].track_id == 2
    bench.set(bench.pose, max_lost_s=5.0)
    gone = [frame(n, people=0) for n in range(7, 12)]
    *_, again = bench.show(*gone, frame(12))
    assert again.persons[0].track_id == 2


def test_keep_sides_changes_what_one_mirrored_answer_shows(bench):
    stage = bench.pose._stage
    honest = stage.estimator

    class Mirrors:
        model_id, info = honest.model_id, honest.info

        def estimate(self, image, boxes):
            return tuple(
                replace(person, xy=person.xy[list(MIRROR)], scores=person.scores[list(MIRROR)])
                for person in honest.estimate(image, boxes)
            )

    def apart_px(numbers, keep_sides):
        """Return how far right joints lie from left ones, before and after the mirrored answer."""
        bench.set(bench.pose, keep_sides=keep_sides)
        stage.reset()
        stage.estimator = honest
        *_, before = bench.show(*map(frame, numbers[:-1]))
        stage.estimator = Mirrors()
        (after,) = bench.show(frame(numbers[-1]))
        joints = [one.persons[0].xy for one in (before, after)]
        return [xy - xy[list(MIRROR)] for xy in joints]

    before, after = apart_px(range(6), keep_sides=True)
    assert np.sum(before * after) > 0, "sides stay"
    before, after = apart_px(range(6, 12), keep_sides=False)
    assert np.sum(before * after) < 0, "sides are as the network says"


def test_min_joint_score_changes_the_box_between_detections(bench):
    bench.set(bench.detector, detect_every_n=100, warm_threshold_k=0.8)
    bench.set(bench.pose, min_person_score=0.0)

    def second_box(numbers, min_joint_score):
        bench.set(bench.pose, min_joint_score=min_joint_score)
        bench.pose._stage.reset()
        bench.detector._stage.reset()
        # Cool people: no joint is surer than about 0.5.
        cool = [
            ThermalFrame(
                one.stamp_ns,
                "cam_7",
                (29515 + (one.centikelvin - 29515.0) * 0.3).astype(np.uint16),
            )
            for one in map(frame, numbers)
        ]
        return bench.show(*cool)[1].persons[0].box.xyxy

    kept = second_box((0, 1), 1.0)
    assert kept == (5.5, 11.5, 17.5, 47.5)  # as detected
    assert second_box((2, 3), 0.0) != kept


@pytest.mark.parametrize(
    "change",
    [
        {"smoothing": "one_euro"},
        {"smoothing": "one_euro", "smoothing_min_cutoff_hz": 0.05},
        {"smoothing": "one_euro", "smoothing_beta_s_per_px": 9.0},
    ],
    ids=["smoothing", "min_cutoff", "beta"],
)
def test_smoothing_and_its_tuning_change_the_joints(bench, card, change):
    base = {} if len(change) == 1 else {"smoothing": "one_euro"}
    recording = [frame(n) for n in range(6)]

    def last(values):
        defaults = {"smoothing_min_cutoff_hz": 1.0, "smoothing_beta_s_per_px": 0.3}
        bench.set(bench.pose, **{"smoothing": "none", **defaults, **values})
        bench.pose._stage.reset()
        return bench.show(*recording)[-1].persons[0].xy

    assert not np.array_equal(last(base), last(change))


# -- life among others ------------------------------------------------------------------------


def test_two_cameras_in_one_graph_do_not_mix(benches):
    left = benches(namespace="/left")
    right = benches(namespace="/right")
    assert len(left.show(frame(0, people=1))[0].persons) == 1
    assert len(right.show(frame(0, people=2))[0].persons) == 2
    assert len(left.keypoints) == len(right.keypoints) == 1


def test_deactivated_nodes_are_deaf_and_begin_anew(bench):
    bench.show(frame(0))
    bench.detector.trigger_deactivate()
    bench.pose.trigger_deactivate()
    spin_for(bench.executor, lambda: bench.images.get_subscription_count() == 0)
    bench.detector.trigger_activate()
    bench.pose.trigger_activate()
    spin_for(bench.executor, lambda: bench.images.get_subscription_count() == 2)
    (found,) = bench.show(frame(40, people=1))
    assert found.persons[0].track_id == 1


def test_big_endian_images_are_read_as_what_they_are(bench):
    little = frame(0)
    message = thermal_message(live, little)
    message.is_bigendian = 1
    message.data = array.array("B", little.centikelvin.astype(">u2").tobytes())
    bench.images.publish(message)
    spin_for(bench.executor, lambda: len(bench.keypoints) == 1)
    assert len(bench.keypoints[0].persons) == 1
