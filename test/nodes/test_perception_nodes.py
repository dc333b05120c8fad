# SPDX-License-Identifier: Apache-2.0
"""Detector and pose as real nodes over real DDS: the same bytes as offline, whatever comes."""

import array

import pytest
from support import faults
from support.models import write_fixed_box_model
from support.mutations import mutated_images
from support.perception_bench import ORIGIN_NS, STEP_NS, frame
from support.waiting import spin_for

from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.messages.images import thermal_message
from thermal_pose.nodes.message_types import live
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_perception

pytestmark = pytest.mark.graph


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

    def offer(message):
        """Publish an image; return what each node did with it: 1 if refused, 0 if answered."""
        before = [handled(node) for node in bench.nodes]
        bench.images.publish(message)
        spin_for(
            bench.executor,
            lambda: all(
                sum(handled(node)) == sum(old) + 1
                for node, old in zip(bench.nodes, before, strict=True)
            ),
        )
        return {handled(node)[0] - old[0] for node, old in zip(bench.nodes, before, strict=True)}

    images = mutated_images(thermal_message(live, frame(0)), count, seed=1)
    for number, (message, sound) in enumerate(images):
        message.header.stamp.nanosec = number  # what is sent twice is answered once
        # Both nodes decide alike. Fields that fit may still hold no room (noise, zeros).
        outcomes = offer(message)
        assert outcomes in ([{1}] if not sound else [{0}, {1}]), message.encoding
        rejected += outcomes == {1}
    for node in bench.nodes:
        assert handled(node)[0] == rejected > count // 4
        assert "internal_error" not in node.statistics.summary().counts
    # An odd frame name may have been adopted last: the camera is again after eight images.
    answered = next(n for n in range(1, 10) if offer(thermal_message(live, frame(n))) == {0})
    bench.show(frame(answered + 1))
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
