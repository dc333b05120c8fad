# SPDX-License-Identifier: Apache-2.0
"""The nodes of a graph, and the arguments that each of them is started with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from thermal_pose.errors import ConfigError
from thermal_pose.nodes.process_table import ProcessEntry, config_file, selected_entries
from thermal_pose.parameters.parameter import ParameterValue

_NAMESPACE: Final = re.compile(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)*", re.ASCII)

#: Node -> parameter -> value; they win over the configuration files.
Overrides = Mapping[str, Mapping[str, ParameterValue]]


@dataclass(frozen=True)
class GraphPlan:
    """Which nodes to start, with what.

    Attributes
    ----------
    entries : the nodes, in starting order.
    overrides : parameters given on the command line.
    namespace : prefix of all relative names; '' for none.
    config_dir : a folder of `<node>.yaml` that replaces the shipped one; None: shipped.
    use_sim_time : take the time from /clock.
    """

    entries: tuple[ProcessEntry, ...] = field(default_factory=selected_entries)
    overrides: Overrides = field(default_factory=dict)
    namespace: str = ""
    config_dir: Path | None = None
    use_sim_time: bool = False

    def __post_init__(self) -> None:
        check_namespace(self.namespace)
        running = {entry.name for entry in self.entries}
        for name in self.overrides:
            if name not in running:
                raise ConfigError(
                    f"parameters for {name!r}, which is not started; started: "
                    f"{', '.join(entry.name for entry in self.entries)}"
                )
        for entry in self.entries:
            kind = entry.parameters()
            kind.from_mapping({**self._file_values(entry), **self.overrides.get(entry.name, {})})

    def ros_args(self, entry: ProcessEntry) -> list[str]:
        """Return the `--ros-args ...` of one node."""
        args = ["--ros-args", "--params-file", str(self._file(entry))]
        for name, value in self.overrides.get(entry.name, {}).items():
            args += ["-p", f"{name}:={yaml_scalar(value)}"]
        if self.use_sim_time:
            args += ["-p", "use_sim_time:=true"]
        if self.namespace:
            args += ["-r", f"__ns:={check_namespace(self.namespace)}"]
        return args

    def _file(self, entry: ProcessEntry) -> Path:
        if self.config_dir is not None and (self.config_dir / f"{entry.name}.yaml").exists():
            return self.config_dir / f"{entry.name}.yaml"
        return config_file(entry.name)

    def _file_values(self, entry: ProcessEntry) -> dict[str, ParameterValue]:
        return read_parameter_file(self._file(entry), entry.name)


def read_parameter_file(path: Path, node: str) -> dict[str, ParameterValue]:
    """Return a node's parameters from a ROS parameter file (key `/**` or the node's name).

    Raises
    ------
    ConfigError
        The file is missing, is no YAML, or has another layout.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        values: dict[str, ParameterValue] = {}
        for key in ("/**", node):
            values.update((document.get(key) or {}).get("ros__parameters") or {})
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path}: not a ROS parameter file (expected '/**:' or '{node}:' with "
            f"'ros__parameters:' below it): {str(error).splitlines()[0]}"
        ) from error
    return values


def parse_overrides(settings: list[str]) -> dict[str, dict[str, ParameterValue]]:
    """Return overrides from `node.parameter=value` words; values are read as YAML.

    Raises
    ------
    ConfigError
        A word has another form.
    """
    overrides: dict[str, dict[str, ParameterValue]] = {}
    for setting in settings:
        target, equals, text = setting.partition("=")
        node, dot, name = target.partition(".")
        if not (equals and dot and node and name):
            raise ConfigError(f"{setting!r}: expected node.parameter=value, as in pose.smooth=true")
        overrides.setdefault(node, {})[name] = yaml.safe_load(text) if text else ""
    return overrides


def check_namespace(namespace: str) -> str:
    """Return the namespace with one leading slash; '' stays ''.

    Raises
    ------
    ConfigError
        It holds what no ROS name may.
    """
    name = namespace.strip("/")
    if name and _NAMESPACE.fullmatch(name) is None:
        raise ConfigError(
            f"namespace '{namespace}': expected letters, digits and _, no digit first, as in "
            "ward3 or clinic/ward3"
        )
    return f"/{name}" if name else ""


def yaml_scalar(value: ParameterValue) -> str:
    """Return a value as `-p name:=...` takes it."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return yaml.safe_dump(value).splitlines()[0]
