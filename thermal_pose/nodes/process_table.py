# SPDX-License-Identifier: Apache-2.0
"""Which nodes there are, in the order in which they start: one table for every way to run them.

`launch/tug.launch.py`, `thermal-pose run --processes`, `thermal-pose run` and the executables
in `lib/thermal_pose` all read it.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermal_pose.errors import ConfigError
from thermal_pose.parameters.folder import config_folder
from thermal_pose.parameters.parameter import NodeParameters


@dataclass(frozen=True)
class ProcessEntry:
    """One node.

    Attributes
    ----------
    name : of the node and of its executable.
    target : its class, as module:attribute.
    by_default : whether it starts unasked.
    aside : nothing that images wait for: in one process it runs in a thread of its own.
    """

    name: str
    target: str
    by_default: bool = True
    aside: bool = False

    def load(self) -> Any:
        """Import and return the node's class."""
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def parameters(self) -> type[NodeParameters]:
        """Return the node's parameter dataclass."""
        return self.load().PARAMETERS


#: Consumers first: the camera then finds them listening.
PROCESS_TABLE = (
    ProcessEntry("bedside", "thermal_pose.serve.node:BedsideNode", False, aside=True),
    ProcessEntry("recorder", "thermal_pose.nodes.recorder:RecorderNode", False, aside=True),
    ProcessEntry("visualizer", "thermal_pose.nodes.visualizer:VisualizerNode", False, aside=True),
    ProcessEntry("tug_analyzer", "thermal_pose.nodes.tug_analyzer:TugAnalyzerNode", aside=True),
    ProcessEntry("pose", "thermal_pose.nodes.pose:PoseNode"),
    ProcessEntry("detector", "thermal_pose.nodes.detector:DetectorNode"),
    ProcessEntry("rgb_camera", "thermal_pose.nodes.rgb_camera:RgbCameraNode", False),
    ProcessEntry("thermal_camera", "thermal_pose.nodes.thermal_camera:ThermalCameraNode"),
)


def process_entry(name: str) -> ProcessEntry:
    """Return the entry of a name; ConfigError, naming all, if there is none."""
    for entry in PROCESS_TABLE:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in PROCESS_TABLE)
    raise ConfigError(f"no node is called {name!r}; there are: {known}")


def selected_entries(
    with_nodes: tuple[str, ...] = (), without: tuple[str, ...] = ()
) -> tuple[ProcessEntry, ...]:
    """Return the default entries, plus and minus those named, in starting order."""
    for name in (*with_nodes, *without):
        process_entry(name)
    return tuple(
        entry
        for entry in PROCESS_TABLE
        if (entry.by_default or entry.name in with_nodes) and entry.name not in without
    )


def config_file(name: str) -> Path:
    """Return the parameter file of a node."""
    return config_folder() / f"{name}.yaml"
