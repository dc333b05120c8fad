# SPDX-License-Identifier: Apache-2.0
"""A node parameter: name, type, default, description, bounds, and its check."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar

from thermal_pose.errors import ConfigError

ParameterValue = bool | int | float | str


def parameter(
    default: ParameterValue,
    description: str,
    *,
    bounds: tuple[float, float] | None = None,
    choices: tuple[str, ...] | None = None,
    dynamic: bool = False,
) -> Any:
    """Declare a dataclass field that becomes a ROS parameter.

    Parameters
    ----------
    default : also fixes the type (bool, int, float or str).
    description : one sentence with unit, shown by `ros2 param describe`.
    bounds : inclusive (low, high) of a number.
    choices : the allowed values of a string.
    dynamic : whether it may be changed while the node runs.
    """
    metadata = {
        "description": description,
        "bounds": bounds,
        "choices": choices,
        "dynamic": dynamic,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class ParameterSpec:
    """Everything that a node needs to declare one parameter."""

    name: str
    default: ParameterValue
    description: str
    bounds: tuple[float, float] | None
    choices: tuple[str, ...] | None
    dynamic: bool

    def check(self, owner: str, value: object) -> None:
        """Raise ConfigError, naming parameter, value and bound, unless `value` is allowed."""
        kind = type(self.default)
        number_as_float = kind is float and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not kind and not number_as_float:
            raise ConfigError(
                f"{owner}.{self.name} = {value!r}: expected {kind.__name__}, "
                f"got {type(value).__name__}"
            )
        if self.bounds is not None and isinstance(value, int | float):
            low, high = self.bounds
            if not low <= value <= high:
                raise ConfigError(f"{owner}.{self.name} = {value!r}: expected {low} to {high}")
        if self.choices is not None and value not in self.choices:
            raise ConfigError(
                f"{owner}.{self.name} = {value!r}: expected one of {', '.join(self.choices)}"
            )


@dataclass(frozen=True)
class NodeParameters:
    """Parameters of every node."""

    node_name: ClassVar[str] = "node"

    autostart: bool = parameter(True, "Bring the lifecycle node to active on start.")
    diagnostics_period_s: float = parameter(
        1.0, "Seconds between two messages on /diagnostics.", bounds=(0.1, 60.0)
    )

    def __post_init__(self) -> None:
        for spec in self.specs():
            spec.check(self.node_name, getattr(self, spec.name))

    @classmethod
    def specs(cls) -> tuple[ParameterSpec, ...]:
        """All parameters of this node, in the order of their declaration."""
        return tuple(
            ParameterSpec(name=item.name, default=item.default, **item.metadata)
            for item in fields(cls)
            if item.default is not MISSING
        )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "NodeParameters":
        """Build from a mapping (a YAML file's, say); unknown names are a ConfigError."""
        known = {spec.name for spec in cls.specs()}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"{cls.node_name}.{unknown[0]}: no such parameter; "
                f"known: {', '.join(sorted(known))}"
            )
        return cls(**values)
