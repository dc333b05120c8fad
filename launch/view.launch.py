# SPDX-License-Identifier: Apache-2.0
"""RViz on a running graph, with the visualizer that makes its picture and markers.

examples:
  ros2 launch thermal_pose view.launch.py
  ros2 launch thermal_pose view.launch.py namespace:=ward3 visualizer:=false
"""

import os

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from thermal_pose.nodes.process_table import config_folder
from thermal_pose.nodes.run_node import PARENT_VARIABLE

#: Argument -> (default, description).
ARGUMENTS = {
    "namespace": ("", "prefix of the graph's topics"),
    "visualizer": ("true", "start the visualizer; false where it runs already"),
    "use_sim_time": ("false", "take the time from /clock"),
}

#: Topics of config/tug.rviz, which names them without a namespace.
SHOWN_TOPICS = ("overlay/image", "thermal/image_mono8", "markers")


def launch_view(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the actions of RViz and, unless told otherwise, the visualizer."""
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    time = {"use_sim_time": values["use_sim_time"] == "true"}
    namespace = values["namespace"].strip("/")
    prefix = f"/{namespace}" if namespace else ""
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="tug_view",
        arguments=["-d", str(config_folder() / "tug.rviz")],
        parameters=[time],
        remappings=[(f"/{topic}", f"{prefix}/{topic}") for topic in SHOWN_TOPICS],
        output="screen",
    )
    visualizer = Node(
        package="thermal_pose",
        executable="visualizer",
        name="visualizer",
        namespace=namespace,
        parameters=[str(config_folder() / "visualizer.yaml"), time],
        output="screen",
    )
    return [rviz] if values["visualizer"] == "false" else [visualizer, rviz]


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=text)
                for name, (default, text) in ARGUMENTS.items()
            ),
            SetEnvironmentVariable(PARENT_VARIABLE, str(os.getpid())),
            OpaqueFunction(function=launch_view),
        ]
    )
