# SPDX-License-Identifier: Apache-2.0
"""The whole graph, each node a process: ros2 launch thermal_pose tug.launch.py.

examples:
  ros2 launch thermal_pose tug.launch.py
  ros2 launch thermal_pose tug.launch.py bag:=/data/trial_01 rate:=2.0
  ros2 launch thermal_pose tug.launch.py namespace:=ward3 nodes:=visualizer,recorder
"""

import os
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from thermal_pose.nodes.process_table import ProcessEntry, config_folder, selected_entries
from thermal_pose.nodes.run_node import PARENT_VARIABLE

#: Argument -> (default, description).
ARGUMENTS = {
    "namespace": ("", "prefix of all topics, for several cameras in one graph"),
    "nodes": ("", "nodes to start besides the default ones, comma-separated"),
    "without": ("", "default nodes not to start, comma-separated"),
    "backend": ("", "thermal camera backend: senxor, v4l2, bag or simulated; empty: as configured"),
    "bag": ("", "recording to replay; implies backend:=bag"),
    "rate": ("1.0", "replay at this multiple of real time"),
    "config_dir": ("", "folder of <node>.yaml; empty: the installed one"),
    "use_sim_time": ("false", "take the time from /clock"),
}


def launch_node(entry: ProcessEntry, values: dict[str, str]) -> Node:
    """Return the launch action of one node of the process table."""
    folder = values["config_dir"] or str(config_folder())
    parameters: list[object] = [
        str(Path(folder) / f"{entry.name}.yaml"),
        {"use_sim_time": values["use_sim_time"] == "true"},
    ]
    backend = values["backend"] or ("bag" if values["bag"] else "")
    if entry.name == "thermal_camera" and backend:
        parameters.append({"backend": backend})
    if entry.name == "thermal_camera" and values["bag"]:
        parameters.append({"bag_path": values["bag"], "bag_rate": float(values["rate"])})
    return Node(
        package="thermal_pose",
        executable=entry.name,
        name=entry.name,
        namespace=values["namespace"],
        parameters=parameters,
        output="screen",
    )


def launch_graph(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the actions of all selected nodes."""
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}

    def names(argument: str) -> tuple[str, ...]:
        return tuple(name for name in values[argument].split(",") if name)

    entries = selected_entries(names("nodes"), names("without"))
    return [launch_node(entry, values) for entry in entries]


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=text)
                for name, (default, text) in ARGUMENTS.items()
            ),
            # A killed `ros2 launch` leaves its nodes behind: they end when this process is gone.
            SetEnvironmentVariable(PARENT_VARIABLE, str(os.getpid())),
            OpaqueFunction(function=launch_graph),
        ]
    )
