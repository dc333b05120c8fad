# SPDX-License-Identifier: Apache-2.0
"""Declares a node's ROS parameters from its dataclass and keeps both in step."""

import difflib
import itertools
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
)
from rclpy.node import Node

from thermal_pose.errors import ConfigError
from thermal_pose.parameters.parameter import NodeParameters, ParameterSpec

#: Parameters that rclpy itself adds to every node.
_ROS_PARAMETERS = ("use_sim_time", "start_type_description_service")


def _descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        name=spec.name, description=spec.description, read_only=not spec.dynamic
    )
    if spec.choices is not None:
        descriptor.additional_constraints = "one of: " + ", ".join(spec.choices)
    if spec.bounds is not None and isinstance(spec.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=spec.bounds[0], to_value=spec.bounds[1], step=0.0)
        ]
    elif spec.bounds is not None:
        descriptor.integer_range = [
            IntegerRange(from_value=int(spec.bounds[0]), to_value=int(spec.bounds[1]), step=0)
        ]
    return descriptor


def command_line_parameters(options: Mapping[str, Any]) -> set[str]:
    """Return the names of the parameters that a node's caller set one by one.

    Parameters
    ----------
    options : of `rclpy.node.Node`; without `cli_args` the process's command line counts.
    """
    words = options.get("cli_args")
    if words is None:
        words = sys.argv if options.get("use_global_arguments", True) else []
    names = {override.name for override in options.get("parameter_overrides") or ()}
    for flag, assignment in itertools.pairwise(words):
        if flag in ("-p", "--param") and ":=" in assignment:
            names.add(assignment.partition(":=")[0].rpartition(":")[2])
    return names


def _reject_unknown(node: Node, known: set[str], given: Collection[str]) -> None:
    """Refuse an unknown parameter that was `given` by name; warn of one in a file.

    One file may serve several nodes, each of which knows some of its parameters.
    """
    # rclpy has no public list of the overrides that no node declared.
    for name in node._parameter_overrides:
        if name in known or name in _ROS_PARAMETERS or name.startswith("qos_overrides"):
            continue
        if name in given:
            raise ConfigError(
                f"{node.get_name()}.{name}: no such parameter; known: {', '.join(sorted(known))}"
            )
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        node.get_logger().warning(f"parameter '{name}' in a parameter file is unknown here{hint}")


def declare_parameters(
    node: Node, kind: type[NodeParameters], given: Collection[str] = ()
) -> NodeParameters:
    """Declare all parameters of `kind` on `node` and return their values.

    Parameters
    ----------
    given : parameters that were set by name, as opposed to in a file.

    Raises
    ------
    ConfigError
        A value has the wrong type or is out of bounds, or an unknown parameter was given.
    """
    specs = kind.specs()
    _reject_unknown(node, {spec.name for spec in specs}, given)
    values: dict[str, Any] = {}
    for spec in specs:
        override = node._parameter_overrides.get(spec.name)
        if override is not None:
            spec.check(node.get_name(), override.value)
        try:
            declared: Any = node.declare_parameter(spec.name, spec.default, _descriptor(spec))
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ConfigError(f"{node.get_name()}.{spec.name}: {error}") from error
        values[spec.name] = declared.value
    return kind(**values)


def watch_parameters(
    node: Node,
    current: Callable[[], NodeParameters],
    apply: Callable[[NodeParameters], None],
) -> None:
    """Call `apply` with the new values whenever dynamic parameters are set.

    A value that the dataclass, or `apply` with a ConfigError, rejects is refused with the
    error's sentence.
    """

    def on_set(changes: Sequence[Any]) -> SetParametersResult:
        known = {spec.name: spec for spec in current().specs()}
        ours = {change.name: change.value for change in changes if change.name in known}
        try:
            for name, value in ours.items():
                known[name].check(node.get_name(), value)
            apply(replace(current(), **ours))
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(on_set)
