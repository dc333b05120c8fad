# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import replace

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo, Image
from support import rises
from support.analyzer_bench import analyzer_bench, call, empty_frame, whole_test
from support.stick_figure import Figure
from support.waiting import spin_for

from thermal_pose.calibration.files import THERMAL_HFOV_DEG, default_camera_info
from thermal_pose.clinical.chair_rises.about import FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.messages.images import thermal_message
from thermal_pose.messages.people import keypoints_message
from thermal_pose.msg import Keypoints, MovementReport, MovementState, TugPhase, TugReport
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import image_publisher_qos, report_qos, result_qos
from thermal_pose.types import ThermalFrame

pytestmark = pytest.mark.graph


@pytest.fixture
def bench(ros, request):
    with analyzer_bench(request) as made:
        yield made


def test_phase_repeats_stamp_and_frame_bit_for_bit(bench):
    _, _, executor, publisher, heard = bench
    publisher.publish(keypoints_message(live, empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    header = heard["phases"][0].header
    assert to_stamp_ns(header.stamp) == 10**18 and header.frame_id == "cam_7"
    assert heard["phases"][0].phase == TugPhase.UNKNOWN


def test_stop_refuses_an_empty_view_with_a_reason(bench):
    _, peer, executor, publisher, heard = bench
    for index in range(8):
        publisher.publish(keypoints_message(live, empty_frame(index)))
    spin_for(executor, lambda: len(heard["phases"]) == 8)
    assert call(executor, peer, "tug_analyzer/stop").success
    spin_for(executor, lambda: len(heard["reports"]) == 1)
    report = heard["reports"][0]
    assert not report.valid and report.reason == "no_person" and report.sentence
    assert np.isnan(report.total_s)
    assert json.loads(report.json)["total_s"] is None


def test_stop_without_a_frame_says_so(bench):
    _, peer, executor, _, heard = bench
    answer = call(executor, peer, "tug_analyzer/stop")
    assert not answer.success and answer.message == "no frame was seen yet"
    assert not heard["reports"]


def test_reset_forgets_the_frames(bench):
    node, peer, executor, publisher, heard = bench
    publisher.publish(keypoints_message(live, empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    assert call(executor, peer, "tug_analyzer/reset").success
    assert node.details()["frames held"] == "0"


def test_report_is_latched_for_a_late_listener(bench):
    _, peer, executor, publisher, heard = bench
    publisher.publish(keypoints_message(live, empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    call(executor, peer, "tug_analyzer/stop")
    late = []
    peer.create_subscription(TugReport, "tug/report", late.append, report_qos())
    spin_for(executor, lambda: len(late) == 1)


def test_malformed_keypoints_are_counted_and_survived(bench):
    node, _, executor, publisher, heard = bench
    bad = keypoints_message(live, empty_frame(0))
    from thermal_pose.msg import PersonKeypoints

    bad.persons = [PersonKeypoints()]
    publisher.publish(bad)
    publisher.publish(keypoints_message(live, empty_frame(1)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    assert node.statistics.summary().counts["MessageFormatError"] == 1


def test_odd_messages_end_nothing(bench):
    node, peer, executor, publisher, heard = bench
    lens = peer.create_publisher(CameraInfo, "thermal/camera_info", image_publisher_qos())
    truth = peer.create_publisher(TugReport, "truth/tug", report_qos())
    spin_for(executor, lambda: lens.get_subscription_count() and truth.get_subscription_count())
    spoilt = keypoints_message(live, Figure().frames()[0])
    spoilt.persons[0].x[3] = float("inf")
    odd = [
        (lens, CameraInfo(k=[84.0, 0, 0, 0, 84.0, 0, 0, 0, 1.0])),  # of 0 x 0 px
        (lens, CameraInfo(width=80, height=60, k=[float("nan")] * 9)),
        (truth, TugReport()),
        (publisher, Keypoints()),
        (publisher, spoilt),
    ]
    lens.publish(CameraInfo())  # an uncalibrated driver's: not even refused

    def refused():
        return node.statistics.summary().counts.get("MessageFormatError", 0)

    for count, (topic, message) in enumerate(odd, start=1):
        topic.publish(message)
        spin_for(executor, lambda count=count: refused() == count)
    publisher.publish(keypoints_message(live, empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    assert node.fault is None and "internal_error" not in node.statistics.summary().counts


def test_a_clock_that_is_set_back_during_a_live_test_refuses_it(bench):
    node, peer, executor, publisher, heard = bench
    images = peer.create_publisher(Image, "thermal/image_raw", image_publisher_qos())
    spin_for(executor, lambda: images.get_subscription_count() == 1)
    now_ns = node.now_ns()
    room = np.random.default_rng(0).normal(29500, 30, (60, 80)).astype(np.uint16)
    images.publish(thermal_message(live, ThermalFrame(now_ns, "cam", room)))
    spin_for(executor, lambda: node._session.live)
    frames = Figure().frames(now_ns)
    for index, frame in enumerate(frames[:60]):
        publisher.publish(keypoints_message(live, frame))
        spin_for(executor, lambda count=index + 1: len(heard["phases"]) >= count)
    set_back = replace(frames[60], stamp_ns=frames[60].stamp_ns - 5 * 10**9)
    publisher.publish(keypoints_message(live, set_back))
    spin_for(executor, lambda: len(heard["reports"]) == 1)
    report = heard["reports"][0]
    assert (
        report.reason == "clock_set"
        and not report.valid
        and "set back by 4.88 s" in report.sentence
    )


def test_parameters_reach_the_report(bench):
    node, peer, executor, publisher, heard = bench
    visit = {
        "sex": "female",
        "walking_aid": "cane",
        "chair": "arm rests, seat 46 cm",
        "assessor": "AB",
        "time_zone": "Europe/Berlin",
    }
    values = {"subject_id": "P017", "age_years": 71.0, "height_m": 1.62, **visit}
    changes = [rclpy.parameter.Parameter(name, value=value) for name, value in values.items()]
    assert all(result.successful for result in node.set_parameters(changes))
    publisher.publish(keypoints_message(live, empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    call(executor, peer, "tug_analyzer/stop")
    spin_for(executor, lambda: len(heard["reports"]) == 1)
    document = json.loads(heard["reports"][0].json)
    assert (document["subject_id"], document["age_years"], document["height_m"]) == (
        "P017",
        71.0,
        1.62,
    )
    assert document["visit"] == visit
    assert heard["reports"][0].subject_id == "P017"


def test_the_test_can_be_changed_between_trials(bench):
    node, peer, executor, publisher, heard = bench
    states = []
    peer.create_subscription(MovementState, "test/state", states.append, result_qos())
    for index, key in enumerate((TIMED_UP_AND_GO.key, FIVE_TIMES_SIT_TO_STAND.key)):
        (result,) = node.set_parameters([rclpy.parameter.Parameter("test", value=key)])
        assert result.successful, result.reason
        publisher.publish(keypoints_message(live, empty_frame(index)))
        spin_for(executor, lambda index=index: len(states) == index + 1)
        assert states[-1].test == key
    assert len(heard["phases"]) == 1, "phases are those of the Timed Up and Go alone"


def test_a_test_that_nobody_chose_is_detected(bench):
    node, peer, executor, publisher, heard = bench
    states, reports = [], []
    peer.create_subscription(MovementState, "test/state", states.append, result_qos())
    peer.create_subscription(MovementReport, "test/report", reports.append, report_qos())
    (answer,) = node.set_parameters([rclpy.parameter.Parameter("test", value="auto")])
    assert answer.successful, answer.reason
    for count, frame in enumerate(rises.frames(rises.even_rises(5), 17.0), start=1):
        publisher.publish(keypoints_message(live, frame))
        spin_for(executor, lambda count=count: len(states) == count)
    assert states[-1].test == "auto" and states[-1].repetitions == 5
    assert call(executor, peer, "tug_analyzer/stop").success
    spin_for(executor, lambda: len(reports) == 1)
    assert reports[0].test == FIVE_TIMES_SIT_TO_STAND.key and reports[0].valid
    assert not heard["phases"] and not heard["reports"]


def test_without_auto_start_nothing_is_collected_before_go(bench):
    node, peer, executor, publisher, heard = bench
    node.set_parameters([rclpy.parameter.Parameter("auto_start", value=False)])
    call(executor, peer, "tug_analyzer/reset")
    publisher.publish(keypoints_message(live, empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    assert node.details()["frames held"] == "0"
    call(executor, peer, "tug_analyzer/start")
    publisher.publish(keypoints_message(live, empty_frame(1)))
    spin_for(executor, lambda: len(heard["phases"]) == 2)
    assert node.details()["frames held"] == "1"


def send_lens(bench, focal_px):
    """Publish a camera_info until the node has it."""
    node, peer, executor, *_ = bench
    lens = peer.create_publisher(CameraInfo, "thermal/camera_info", image_publisher_qos())
    spin_for(executor, lambda: lens.get_subscription_count() == 1)
    message = CameraInfo(width=80, height=60, distortion_model="plumb_bob", d=[0.0] * 5)
    message.k = [focal_px, 0.0, 39.5, 0.0, focal_px, 29.5, 0.0, 0.0, 1.0]
    lens.publish(message)
    spin_for(executor, lambda: node._session.lens is not None)


def test_the_calibration_gives_live_reports_their_scale(bench):
    node, *_ = bench
    node.set_parameters([rclpy.parameter.Parameter("height_m", value=1.70)])
    without = {row["name"]: row for row in whole_test(bench)["measures"]}
    assert "camera's calibration" in without["gait_speed_out_mps"]["omitted"]
    send_lens(bench, 81.3)
    report = whole_test(bench)
    speeds = {row["name"]: row for row in report["measures"]}
    assert "calibration" not in speeds["gait_speed_out_mps"]["omitted"]
    assert report["parameters"]["focal_px"] == 81.3 and report["calibration"]


def test_the_lens_that_is_only_assumed_gives_no_scale(bench):
    node, *_ = bench
    node.set_parameters([rclpy.parameter.Parameter("height_m", value=1.70)])
    send_lens(bench, float(default_camera_info((80, 60), THERMAL_HFOV_DEG).k[1, 1]))
    assert whole_test(bench)["parameters"]["focal_px"] == 0.0


def test_the_person_is_fixed_while_a_trial_is_under_way(bench):
    node, peer, executor, _, heard = bench
    frames = Figure().frames()
    rising = next(
        count
        for count, frame in enumerate(frames, start=1)
        if publish_and_wait(bench, frame, count) > TugPhase.SEATED
    )
    assert rising < len(frames)
    for name, value in (("subject_id", "P-2"), ("age_years", 70.0), ("height_m", 1.6)):
        (answer,) = node.set_parameters([rclpy.parameter.Parameter(name, value=value)])
        assert not answer.successful
        assert "while a trial is under way" in answer.reason
    call(executor, peer, "tug_analyzer/stop")
    (answer,) = node.set_parameters([rclpy.parameter.Parameter("subject_id", value="P-2")])
    assert answer.successful
    spin_for(executor, lambda: len(heard["reports"]) == 1)
    assert heard["reports"][0].subject_id == ""


def publish_and_wait(bench, frame, count):
    """Publish one frame; return the phase it was given."""
    _, _, executor, publisher, heard = bench
    publisher.publish(keypoints_message(live, frame))
    spin_for(executor, lambda: len(heard["phases"]) == count)
    return heard["phases"][-1].phase


def test_a_second_writer_of_reports_is_an_error_that_names_it(bench):
    node, _, executor, *_ = bench
    forger = rclpy.create_node("forger", namespace="ward3")
    forger.create_publisher(TugReport, "/tug/report", report_qos())
    spin_for(executor, lambda: node._condition()[0] == DiagnosticStatus.ERROR)
    assert node._condition()[1] == "'tug/report' is also published by /ward3/forger"
    forger.destroy_node()
    spin_for(executor, lambda: node._condition()[0] != DiagnosticStatus.ERROR)
