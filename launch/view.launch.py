# SPDX-License-Identifier: Apache-2.0
"""Show a running graph in RViz, with the visualizer that makes its picture and markers.

A workstation without this package's Python dependencies starts RViz alone with
`visualizer:=false`; the visualizer then runs beside the camera.

examples:
  ros2 launch thermal_pose view.launch.py
  ros2 launch thermal_pose view.launch.py namespace:=ward3 visualizer:=false
"""

# Only the standard library, `launch` and `launch_ros`: see above.
import os
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

CONFIG = Path(__file__).absolute().parents[1] / "config"

#: Argument -> (default, description).
ARGUMENTS = {
    "namespace": ("", "prefix of the graph's topics"),
    "visualizer": ("true", "start the visualizer; false where it runs already"),
    "rviz_config": ("", "RViz configuration; default: the installed tug.rviz"),
    "params_file": ("", "ROS parameter file for the visualizer; overrides the configured values"),
    "use_sim_time": ("false", "take the time from /clock"),
}

#: Topics of config/tug.rviz, which names them without a namespace.
SHOWN_TOPICS = ("overlay/image", "thermal/image_mono8", "markers")


def as_bool(name: str, text: str) -> bool:
    """Return the value of a boolean argument in any usual spelling."""
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError(f"{name}:={text}: expected true or false")


def as_file(name: str, text: str) -> str:
    """Return an absolute path to a file that exists; '' stays ''."""
    path = Path(text).expanduser().absolute()
    if text and not path.is_file():
        raise ValueError(f"{name}:={text}: no such file")
    return str(path) if text else ""


def rviz(values: dict[str, str], time: dict[str, bool]) -> Node:
    """Return the action that starts RViz on the graph's namespace."""
    namespace = values["namespace"].strip("/")
    prefix = f"/{namespace}" if namespace else ""
    config = as_file("rviz_config", values["rviz_config"]) or str(CONFIG / "tug.rviz")
    return Node(
        package="rviz2",
        executable="rviz2",
        name="tug_view",
        arguments=["-d", config],
        parameters=[time],
        remappings=[(f"/{topic}", f"{prefix}/{topic}") for topic in SHOWN_TOPICS],
        output="screen",
    )


def visualizer(values: dict[str, str], time: dict[str, bool]) -> Node:
    """Return the action that starts the visualizer."""
    files = [str(CONFIG / "visualizer.yaml")]
    if values["params_file"]:
        files.append(as_file("params_file", values["params_file"]))
    return Node(
        package="thermal_pose",
        executable="visualizer",
        name="visualizer",
        namespace=values["namespace"].strip("/"),
        parameters=[*files, time],
        output="screen",
    )


def launch_view(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the actions of RViz and, unless told otherwise, the visualizer."""
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    time = {"use_sim_time": as_bool("use_sim_time", values["use_sim_time"])}
    shown = [rviz(values, time)]
    if as_bool("visualizer", values["visualizer"]):
        shown.insert(0, visualizer(values, time))
    return shown


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=text)
                for name, (default, text) in ARGUMENTS.items()
            ),
            # The visualizer ends with this process; see tug.launch.py.
            SetEnvironmentVariable("THERMAL_POSE_PARENT_PID", str(os.getpid())),
            OpaqueFunction(function=launch_view),
        ]
    )
