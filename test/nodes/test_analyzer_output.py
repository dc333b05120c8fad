# SPDX-License-Identifier: Apache-2.0

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from support.analyzer_bench import analyzer_bench, call, empty_frame, given, whole_test
from support.stick_figure import Figure
from support.waiting import spin_for

from thermal_pose.errors import ConfigError
from thermal_pose.messages.people import keypoints_message
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.tug_analyzer import TugAnalyzerNode
from thermal_pose.store.results import ResultsStore

pytestmark = pytest.mark.graph


@pytest.fixture
def bench(ros, request):
    with analyzer_bench(request) as made:
        yield made


@given(subject_id="P-1", store_path="{tmp}/results.sqlite", report_dir="{tmp}/report")
def test_a_store_keeps_trials_and_compares_with_earlier_ones(bench, tmp_path):
    whole_test(bench)
    (first,) = (tmp_path / "report").rglob("report.html")
    assert "Tests of this person" not in first.read_text()
    earlier = Figure().frames()[0].stamp_ns
    with ResultsStore(tmp_path / "results.sqlite") as store:
        (document,) = store.documents("P-1")
        document["origin_ns"] = earlier - 86_400 * 10**9
        store.add(document)
    whole_test(bench)
    with ResultsStore(tmp_path / "results.sqlite") as store:
        assert len(store.history("P-1")) == 2
    # The same trial comes to the same folder, now with the earlier test beside it.
    (again,) = (tmp_path / "report").rglob("report.html")
    assert again == first
    assert "Tests of this person" in again.read_text()


@given(report_dir="{tmp}")
def test_each_trial_keeps_a_report_of_its_own(bench, tmp_path):
    _, peer, executor, publisher, heard = bench
    for count, index in enumerate((0, 500), start=1):
        publisher.publish(keypoints_message(live, empty_frame(index)))
        spin_for(executor, lambda count=count: len(heard["phases"]) == count)
        call(executor, peer, "tug_analyzer/stop")
    names = sorted(path.parent.name for path in tmp_path.rglob("report.json"))
    assert names == ["20010909T014640.000000000Z", "20010909T014742.500000000Z"]


@given(report_dir="{tmp}")
def test_the_page_has_the_language_of_the_moment(bench, tmp_path):
    node, peer, executor, publisher, heard = bench
    publisher.publish(keypoints_message(live, empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    (answer,) = node.set_parameters([rclpy.parameter.Parameter("language", value="de")])
    assert answer.successful
    call(executor, peer, "tug_analyzer/stop")
    (page,) = tmp_path.rglob("report.html")
    assert '<html lang="de"' in page.read_text()


def test_a_store_needs_a_pseudonym(ros, tmp_path):
    store = rclpy.parameter.Parameter("store_path", value=str(tmp_path / "results.sqlite"))
    node = TugAnalyzerNode(use_global_arguments=False, parameter_overrides=[store])
    with pytest.raises(ConfigError, match=r"store_path needs tug_analyzer\.subject_id"):
        node.start()
    node.stop()


@given(subject_id="P-1", store_path="{tmp}/results.sqlite", report_dir="{tmp}/report")
def test_a_store_that_fails_costs_no_report(bench, tmp_path):
    node, *_ = bench
    (tmp_path / "results.sqlite").write_bytes(b"no database at all" * 99)
    assert whole_test(bench)["subject_id"] == "P-1"
    assert list((tmp_path / "report").rglob("report.html"))
    assert node.details()["results not written"] == "1"


@given(subject_id="P-1", report_dir="{tmp}/report")
def test_results_wait_for_a_folder_that_cannot_be_written_and_trials_go_on(bench, tmp_path):
    node, peer, executor, publisher, heard = bench
    (tmp_path / "report").write_text("a file where the folder should be")
    for count, index in enumerate((0, 500), start=1):
        publisher.publish(keypoints_message(live, empty_frame(index)))
        spin_for(executor, lambda count=count: len(heard["phases"]) == count)
        call(executor, peer, "tug_analyzer/stop")
        spin_for(executor, lambda count=count: len(heard["reports"]) == count)
        assert node.details()["frames held"] == "0"
    level, sentence = node.health()
    assert level == DiagnosticStatus.ERROR
    assert sentence.startswith("results not written: 2; trying again: cannot ")
    assert "report" in sentence
    node._write_waiting()
    assert node.health()[0] == DiagnosticStatus.ERROR, "the error stays while the cause does"
    (tmp_path / "report").unlink()
    spin_for(executor, lambda: node.health()[0] == DiagnosticStatus.OK)
    assert len(list((tmp_path / "report").rglob("report.json"))) == 2


def test_output_outside_the_data_root_is_refused(ros, tmp_path):
    parameters = [
        rclpy.parameter.Parameter("data_root", value=str(tmp_path / "data")),
        rclpy.parameter.Parameter("report_dir", value=str(tmp_path / "data" / ".." / "other")),
    ]
    node = TugAnalyzerNode(use_global_arguments=False, parameter_overrides=parameters)
    with pytest.raises(ConfigError, match=r"report_dir = .*: expected a path below data_root"):
        node.start()
    node.stop()


@pytest.mark.parametrize("name", ["report_dir", "store_path", "data_root"])
def test_no_message_moves_the_output(bench, name):
    node, *_ = bench
    (answer,) = node.set_parameters([rclpy.parameter.Parameter(name, value="/tmp")])
    assert not answer.successful
    assert getattr(node.parameters, name) == ""
