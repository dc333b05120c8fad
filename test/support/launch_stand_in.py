# SPDX-License-Identifier: Apache-2.0
"""Just enough of `launch` and `launch_ros` to load a launch file where neither is installed.

Actions are recorded as they were made. Where ROS 2 is installed, `test_graph.py` starts the same
files with the real `ros2 launch`.
"""

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

LAUNCH = Path(__file__).resolve().parents[2] / "launch"


class Action:
    """An action or substitution: what it was made of."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.args = args
        self.options = options

    def perform(self, context: "Context") -> str:
        """Return a launch configuration's value."""
        return context.values[self.args[0]]


@dataclass
class Context:
    """A launch context with its configurations."""

    values: dict[str, str]
    is_shutdown: bool = False
    locals: SimpleNamespace = field(default_factory=SimpleNamespace)


def _action(name: str) -> type[Action]:
    return type(name, (Action,), {})


def _modules() -> dict[str, ModuleType]:
    contents: dict[str, tuple[str, ...]] = {
        "launch": ("LaunchContext", "LaunchDescription", "LaunchDescriptionEntity"),
        "launch.actions": ("DeclareLaunchArgument", "OpaqueFunction", "SetEnvironmentVariable"),
        "launch.substitutions": ("LaunchConfiguration",),
        "launch_ros": (),
        "launch_ros.actions": ("Node",),
    }
    made = {}
    for name, classes in contents.items():
        made[name] = ModuleType(name)
        for one in classes:
            setattr(made[name], one, _action(one))
    return made


def load(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """Return the launch file `name` as a module, on top of the stand-ins."""
    for module, stand_in in _modules().items():
        monkeypatch.setitem(sys.modules, module, stand_in)
    spec = importlib.util.spec_from_file_location(name.replace(".", "_"), LAUNCH / name)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def defaults(launch_file: Any, **values: str) -> dict[str, str]:
    """Return all arguments of a launch file, with the given ones changed."""
    known = {name: default for name, (default, _) in launch_file.ARGUMENTS.items()}
    assert values.keys() <= known.keys()
    return {**known, **values}
