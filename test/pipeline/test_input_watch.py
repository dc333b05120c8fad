# SPDX-License-Identifier: Apache-2.0
from thermal_pose.pipeline.input_watch import SILENT_S, InputWatch

REASON = "encoding 'rgb8': expected mono16"


def test_nothing_is_wrong_before_the_silence_is_long():
    watch = InputWatch("keypoints", 100.0)
    assert watch.fault(100.0 + 0.9 * SILENT_S, writers=0) is None


def test_silence_without_a_writer_names_the_missing_node():
    fault = InputWatch("keypoints", 100.0).fault(105.0, writers=0)
    assert not fault.refused
    assert fault.sentence == "no message on 'keypoints' for 5 s: no node publishes it"


def test_silence_of_a_writer_is_told_apart():
    watch = InputWatch("keypoints", 100.0)
    watch.accepted(101.0)
    assert watch.fault(102.9, writers=1) is None
    assert "for 9 s: its publisher is silent" in watch.fault(110.0, writers=1).sentence


def test_refusal_of_every_message_is_worse_and_carries_the_reason():
    watch = InputWatch("thermal/image_raw", 0.0)
    for tenth in range(30):
        watch.refused(tenth / 10, REASON)
    fault = watch.fault(3.0, writers=1)
    assert fault.refused
    assert fault.sentence == f"every message on 'thermal/image_raw' is refused: {REASON}"


def test_a_refused_message_among_good_ones_is_no_fault():
    watch = InputWatch("thermal/image_raw", 0.0)
    for tenth in range(100):
        (watch.refused(tenth / 10, REASON) if tenth % 2 else watch.accepted(tenth / 10))
    assert watch.fault(10.0, writers=1) is None
    assert watch.summary(10.0) == "50 accepted, 50 refused, last 0.1 s ago"


def test_silence_after_a_refusal_keeps_the_reason():
    watch = InputWatch("thermal/image_raw", 0.0)
    watch.refused(1.0, REASON)
    assert watch.fault(9.0, writers=1).sentence.endswith(f"the last was refused: {REASON}")
