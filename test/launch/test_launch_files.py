# SPDX-License-Identifier: Apache-2.0
"""The launch files: what they import, which nodes they start with what, what they refuse."""

import ast
import sys
from types import SimpleNamespace

import pytest
from support.launch_stand_in import LAUNCH, Context, defaults, load

from thermal_pose.nodes.process_table import PROCESS_TABLE, process_entry
from thermal_pose.parameters.cameras import ThermalCameraParameters
from thermal_pose.parameters.nodes import ImageConsumerParameters

FILES = ("tug.launch.py", "view.launch.py")
ENVIRONMENT = "SetEnvironmentVariable"


@pytest.fixture
def tug(monkeypatch):
    return load(monkeypatch, "tug.launch.py")


@pytest.fixture
def view(monkeypatch):
    return load(monkeypatch, "view.launch.py")


def nodes_of(actions):
    return {a.options["name"]: a.options for a in actions if type(a).__name__ == "Node"}


def environment_of(actions):
    return dict(a.args for a in actions if type(a).__name__ == ENVIRONMENT)


def started(tug, **values):
    return nodes_of(tug.launch_graph(Context(defaults(tug, **values))))


@pytest.mark.parametrize("name", FILES)
def test_imports_only_the_standard_library_and_launch(name):
    tree = ast.parse((LAUNCH / name).read_text())
    modules = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert modules <= {*sys.stdlib_module_names, "launch", "launch_ros"}


@pytest.mark.parametrize("name", FILES)
def test_every_argument_is_described(monkeypatch, name):
    description = load(monkeypatch, name).generate_launch_description()
    declared = [a for a in description.args[0] if type(a).__name__ == "DeclareLaunchArgument"]
    assert declared and all(action.options["description"] for action in declared)


def test_starts_the_nodes_of_the_process_table_in_its_order(tug):
    assert tuple(entry.name for entry in PROCESS_TABLE) == tug.NODES
    assert tuple(e.name for e in PROCESS_TABLE if e.by_default) == tug.DEFAULT_NODES
    assert tuple(started(tug)) == tug.DEFAULT_NODES
    chosen = started(tug, nodes="recorder, visualizer", without="tug_analyzer")
    assert tuple(chosen) == ("recorder", "visualizer", "pose", "detector", "thermal_camera")


def test_lists_of_choices_are_those_of_the_parameters(tug):
    specs = {spec.name: spec for spec in ThermalCameraParameters.specs()}
    assert ("", *specs["backend"].choices) == tug.BACKENDS
    consumers = {spec.name: spec for spec in ImageConsumerParameters.specs()}
    assert ("", *consumers["image_reliability"].choices) == tug.RELIABILITIES
    assert set(tug.IMAGE_CONSUMERS) == {
        entry.name
        for entry in PROCESS_TABLE
        if issubclass(entry.parameters(), ImageConsumerParameters)
    }


@pytest.mark.parametrize("name", [entry.name for entry in PROCESS_TABLE])
def test_every_override_is_a_parameter_with_an_allowed_value(tug, tmp_path, name):
    values = defaults(
        tug,
        bag=str(tmp_path),
        rate="0",
        clock="True",
        model="student",
        frame_id="cam_optical_frame",
        camera_height_m="2.1",
        camera_pitch_deg="20",
        image_reliability="reliable",
    )
    overrides = tug.overrides_of(name, values)
    assert overrides.pop("use_sim_time") is True
    process_entry(name).parameters().from_mapping(overrides)


def test_arguments_reach_the_nodes_they_are_for(tug, tmp_path):
    nodes = started(
        tug,
        nodes="visualizer",
        bag=str(tmp_path),
        rate="2.5",
        model="student",
        camera_pitch_deg="15",
        image_reliability="reliable",
    )
    camera, pose, visualizer = (
        nodes[name]["parameters"][-1] for name in ("thermal_camera", "pose", "visualizer")
    )
    assert camera == {
        "backend": "bag",
        "bag_path": str(tmp_path),
        "bag_rate": 2.5,
        "bag_clock": False,
        "bag_awaits": "test/state",
        "camera_pitch_deg": 15.0,
    }
    assert pose == {"model": "student", "image_reliability": "reliable"}
    assert visualizer == {"camera_pitch_deg": 15.0, "image_reliability": "reliable"}


@pytest.mark.parametrize("spelling", ["true", "True", "TRUE", "1", "yes", "on"])
def test_sim_time_in_any_usual_spelling(tug, spelling):
    nodes = started(tug, use_sim_time=spelling)
    assert all(node["parameters"][-1]["use_sim_time"] is True for node in nodes.values())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": "abc", "bag": "."}, "rate:=abc: expected a number from 0 to 100"),
        ({"rate": "-1", "bag": "."}, "rate:=-1: expected a number from 0 to 100"),
        ({"rate": "nan", "bag": "."}, "rate:=nan: expected a number from 0 to 100"),
        ({"bag": "/nowhere"}, "bag:=/nowhere: no such file or folder"),
        ({"use_sim_time": "maybe"}, "use_sim_time:=maybe: expected true or false"),
        ({"respawn": "2"}, "respawn:=2: expected true or false"),
        ({"nodes": "posse"}, "nodes:=posse: no node 'posse'; known: bedside, recorder, "),
        ({"without": "posse"}, "without:=posse: no node 'posse'"),
        ({"backend": "kinect"}, "backend:=kinect: expected one of senxor, "),
        ({"image_reliability": "some"}, "image_reliability:=some: expected one of reliable"),
        ({"camera_height_m": "0"}, "camera_height_m:=0: expected a number from 0.1 to 10"),
        ({"params_file": "/no.yaml"}, "params_file:=/no.yaml: no such file or folder"),
        ({"config_dir": "/no"}, "config_dir:=/no: no such file or folder"),
        ({"discovery_range": "moon"}, "discovery_range:=MOON: expected one of LOCALHOST"),
        ({"clock": "true"}, "clock:=true: expected bag:=RECORDING as well"),
    ],
)
def test_bad_value_is_named(tug, values, message):
    with pytest.raises(ValueError) as caught:
        tug.launch_graph(Context(defaults(tug, **values)))
    assert message in str(caught.value)


def test_parameter_files_in_order_shipped_then_shared(tug, tmp_path):
    (tmp_path / "pose.yaml").write_text("/**: {ros__parameters: {}}")
    shared = tmp_path / "ward.yaml"
    shared.write_text("/**: {ros__parameters: {}}")
    nodes = started(tug, config_dir=str(tmp_path), params_file=str(shared))
    assert nodes["pose"]["parameters"][:2] == [str(tmp_path / "pose.yaml"), str(shared)]
    shipped = str(LAUNCH.parent / "config" / "detector.yaml")
    assert nodes["detector"]["parameters"][:2] == [shipped, str(shared)]


def test_other_nodes_respawn_where_asked_and_the_camera_ends_the_launch(tug):
    assert not any(node["respawn"] for node in started(tug).values())
    nodes = started(tug, respawn="true")
    assert {name for name, node in nodes.items() if node["respawn"]} == {
        "tug_analyzer",
        "pose",
        "detector",
    }
    (end,) = nodes["thermal_camera"]["on_exit"]
    died = Context({}, locals=SimpleNamespace(event=SimpleNamespace(returncode=7)))
    with pytest.raises(RuntimeError, match="thermal_camera ended with exit code 7"):
        end.options["function"](died)
    died.is_shutdown = True
    end.options["function"](died)


def test_each_node_gets_its_enclave_of_the_policy(tug):
    assert all(node["ros_arguments"] is None for node in started(tug).values())
    nodes = started(tug, enclave="/thermal_pose/")
    arguments = {name: node["ros_arguments"] for name, node in nodes.items()}
    assert arguments["pose"] == ["--enclave", "/thermal_pose/pose"]


@pytest.mark.parametrize(
    ("environment", "argument", "expected"),
    [(None, "", "LOCALHOST"), ("SUBNET", "", "SUBNET"), ("SUBNET", "localhost", "LOCALHOST")],
)
def test_nodes_stay_on_this_machine_unless_told_otherwise(
    tug, monkeypatch, environment, argument, expected
):
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    if environment:
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", environment)
    actions = tug.launch_graph(Context(defaults(tug, discovery_range=argument)))
    assert environment_of(actions)["ROS_AUTOMATIC_DISCOVERY_RANGE"] == expected


def test_rviz_shows_the_graph_of_a_namespace(view):
    nodes = nodes_of(view.launch_view(Context(defaults(view, namespace="/ward3/"))))
    assert nodes["visualizer"]["namespace"] == "ward3"
    assert nodes["tug_view"]["arguments"] == ["-d", str(LAUNCH.parent / "config" / "tug.rviz")]
    assert ("/markers", "/ward3/markers") in nodes["tug_view"]["remappings"]


def test_rviz_alone_where_the_visualizer_runs_elsewhere(view):
    nodes = nodes_of(view.launch_view(Context(defaults(view, visualizer="False"))))
    assert list(nodes) == ["tug_view"]
