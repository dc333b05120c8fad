# SPDX-License-Identifier: Apache-2.0
"""Declares a node's ROS parameters from its dataclass and keeps the two in step."""

from collections.abc import Callable, Sequence
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


def _reject_unknown(node: Node, known: set[str]) -> None:
    # rclpy has no public list of the overrides that nobody declared.
    for name in node._parameter_overrides:
        ours = name in known or name in _ROS_PARAMETERS or name.startswith("qos_overrides")
        if not ours:
            raise ConfigError(
                f"{node.get_name()}.{name}: no such parameter; known: {', '.join(sorted(known))}"
            )


def declare_parameters(node: Node, kind: type[NodeParameters]) -> NodeParameters:
    """Declare all parameters of `kind` on `node` and return their values.

    Raises
    ------
    ConfigError
        For an unknown parameter, or a value of the wrong type or out of bounds.
    """
    specs = kind.specs()
    _reject_unknown(node, {spec.name for spec in specs})
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

    A value that the dataclass rejects is refused with the dataclass's sentence; so is one that
    `apply` rejects with a ConfigError.
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
