# SPDX-License-Identifier: Apache-2.0
import pytest
import rclpy
from rclpy.parameter import Parameter

from thermal_pose.errors import ConfigError
from thermal_pose.nodes.graph import GraphPlan, parse_overrides, read_parameter_file
from thermal_pose.nodes.parameters import declare_parameters
from thermal_pose.nodes.process_table import PROCESS_TABLE, config_file
from thermal_pose.parameters.parameter import NodeParameters

NODES = [entry.name for entry in PROCESS_TABLE]


def bad_value(kind: type[NodeParameters]) -> tuple[str, object, str]:
    """A parameter of this node, a value it must reject, and the bound its message names."""
    for spec in kind.specs():
        if spec.bounds is not None:
            worse = type(spec.default)(spec.bounds[1] + 1)
            return spec.name, worse, str(spec.bounds[1])
    raise AssertionError(f"{kind.__name__} bounds no parameter")


@pytest.mark.parametrize("entry", PROCESS_TABLE, ids=NODES)
def test_config_file_states_every_parameter_with_its_default(entry):
    kind = entry.parameters()
    values = read_parameter_file(config_file(entry.name), entry.name)
    assert values == {spec.name: spec.default for spec in kind.specs()}
    assert kind.node_name == entry.name


@pytest.mark.parametrize("entry", PROCESS_TABLE, ids=NODES)
def test_every_parameter_is_described(entry):
    for spec in entry.parameters().specs():
        assert spec.description.endswith("."), spec.name
        number = isinstance(spec.default, int | float) and not isinstance(spec.default, bool)
        assert not number or spec.bounds is not None, f"{spec.name}: a number without bounds"


@pytest.mark.parametrize("entry", PROCESS_TABLE, ids=NODES)
def test_node_rejects_bad_value_naming_parameter_value_and_bound(entry, ros):
    name, value, bound = bad_value(entry.parameters())
    args = ["--ros-args", "-p", f"{name}:={value}"]
    with pytest.raises(ConfigError) as caught:
        entry.load()(cli_args=args, use_global_arguments=False)
    for part in (f"{entry.name}.{name}", repr(value), bound):
        assert part in str(caught.value)


@pytest.mark.parametrize("entry", PROCESS_TABLE, ids=NODES)
def test_node_rejects_unknown_parameter(entry, ros):
    args = ["--ros-args", "-p", "no_such_thing:=1"]
    with pytest.raises(ConfigError, match=r"no_such_thing: no such parameter; known: "):
        entry.load()(cli_args=args, use_global_arguments=False)


@pytest.mark.parametrize("entry", PROCESS_TABLE, ids=NODES)
def test_node_rejects_wrong_type(entry, ros):
    args = ["--ros-args", "-p", "autostart:=7"]
    with pytest.raises(ConfigError, match=r"autostart = 7: expected bool, got int"):
        entry.load()(cli_args=args, use_global_arguments=False)


def test_declared_parameters_carry_range_and_description(ros):
    kind = next(entry for entry in PROCESS_TABLE if entry.name == "tug_analyzer").parameters()
    node = rclpy.create_node("probe")
    declare_parameters(node, kind)
    descriptor = node.describe_parameter("age_years")
    assert descriptor.floating_point_range[0].to_value == 120.0
    assert "years" in descriptor.description
    assert node.describe_parameter("autostart").read_only
    node.destroy_node()


def test_setting_a_parameter_out_of_range_is_refused_and_changes_nothing(ros):
    entry = next(entry for entry in PROCESS_TABLE if entry.name == "tug_analyzer")
    node = entry.load()(use_global_arguments=False)
    result = node.set_parameters([Parameter("age_years", value=130.0)])[0]
    assert not result.successful
    assert "age_years" in result.reason and "120" in result.reason
    assert node.parameters.age_years == 0.0
    node.stop()


def test_plan_rejects_parameters_of_a_node_that_is_not_started():
    with pytest.raises(ConfigError, match="parameters for 'recorder', which is not started"):
        GraphPlan(overrides={"recorder": {"subject_id": "P1"}})


def test_plan_rejects_bad_override_before_anything_starts():
    with pytest.raises(ConfigError, match=r"tug_analyzer\.age_years = 200\.0: expected 0\.0 to"):
        GraphPlan(overrides={"tug_analyzer": {"age_years": 200.0}})


def test_overrides_are_read_as_yaml():
    words = ["pose.smooth=true", "detector.detect_every_n=4", "tug_analyzer.subject_id=P 7"]
    assert parse_overrides(words) == {
        "pose": {"smooth": True},
        "detector": {"detect_every_n": 4},
        "tug_analyzer": {"subject_id": "P 7"},
    }


@pytest.mark.parametrize("word", ["pose.smooth", "smooth=true", "=1", "pose.=1", ""])
def test_malformed_override_says_what_is_expected(word):
    with pytest.raises(ConfigError, match=r"expected node\.parameter=value"):
        parse_overrides([word])


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [", "/**: 3\n"])
def test_parameter_file_of_another_layout_is_refused(tmp_path, text):
    path = tmp_path / "pose.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not a ROS parameter file"):
        read_parameter_file(path, "pose")


def test_missing_parameter_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        read_parameter_file(tmp_path / "nowhere.yaml", "pose")
