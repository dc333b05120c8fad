# SPDX-License-Identifier: Apache-2.0
"""Start the whole graph, one process per node: ros2 launch thermal_pose tug.launch.py.

The launch ends, with a message and exit code 1, when the thermal camera's process ends with an
error. Other nodes are restarted if `respawn:=true`.

examples:
  ros2 launch thermal_pose tug.launch.py backend:=v4l2
  ros2 launch thermal_pose tug.launch.py bag:=/data/trial_01 rate:=2.0 clock:=true
  ros2 launch thermal_pose tug.launch.py namespace:=ward3 nodes:=visualizer,recorder
  ros2 launch thermal_pose tug.launch.py params_file:=/etc/thermal_pose/ward3.yaml respawn:=true
"""

# Only the standard library, `launch` and `launch_ros`: a workstation that shows a remote graph
# need not have this package's Python dependencies.
import math
import os
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

CONFIG = Path(__file__).absolute().parents[1] / "config"

#: Nodes in starting order: consumers first, so that the camera finds them listening. A test
#: compares both tuples with `nodes/process_table.py`.
NODES = (
    "bedside",
    "recorder",
    "visualizer",
    "tug_analyzer",
    "pose",
    "detector",
    "rgb_camera",
    "thermal_camera",
)
DEFAULT_NODES = ("tug_analyzer", "pose", "detector", "thermal_camera")
CAMERA = "thermal_camera"
ANALYZER = "tug_analyzer"
IMAGE_CONSUMERS = ("detector", "pose", "tug_analyzer", "visualizer")
RESPAWN_DELAY_S = 1.0

BACKENDS = ("", "senxor", "v4l2", "bag", "simulated")
RELIABILITIES = ("", "reliable", "best_effort")
DISCOVERY_RANGES = ("", "LOCALHOST", "SUBNET", "OFF", "SYSTEM_DEFAULT")

#: Argument -> (default, description). An empty value leaves the configured one.
ARGUMENTS = {
    "namespace": ("", "prefix of all topics, for several cameras in one graph"),
    "nodes": ("", "nodes to start besides the default ones, comma-separated"),
    "without": ("", "default nodes not to start, comma-separated"),
    "backend": ("", "thermal camera backend: senxor, v4l2, bag or simulated"),
    "bag": ("", "recording to replay; implies backend:=bag"),
    "rate": ("1.0", "replay at this multiple of real time, 0 to 100; 0: as fast as possible"),
    "clock": ("false", "publish /clock while replaying; implies use_sim_time:=true"),
    "model": ("", "pose model: a shipped model's name or the path of a model card"),
    "frame_id": ("", "frame of the thermal images; default thermal_camera_optical_frame"),
    "camera_height_m": ("", "height of the camera above the floor, m"),
    "camera_pitch_deg": ("", "downward tilt of the camera, degrees"),
    "image_reliability": ("", "QoS of image subscriptions: reliable or best_effort"),
    "params_file": ("", "ROS parameter file for all nodes; overrides the configured values"),
    "config_dir": ("", "folder of <node>.yaml; default: the installed one"),
    "respawn": ("false", "restart a node that ends; the thermal camera ends the launch instead"),
    "use_sim_time": ("false", "take the time from /clock"),
    "enclave": ("", "SROS2: prefix of the nodes' enclaves, /thermal_pose in the shipped policy"),
    "discovery_range": (
        "",
        "ROS_AUTOMATIC_DISCOVERY_RANGE of the nodes; default: the environment's, else LOCALHOST",
    ),
}


def as_bool(name: str, text: str) -> bool:
    """Return the value of a boolean argument in any usual spelling."""
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError(f"{name}:={text}: expected true or false")


def as_number(name: str, text: str, low: float, high: float) -> float:
    """Return the value of a numeric argument within its bounds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ValueError(f"{name}:={text}: expected a number from {low:g} to {high:g}")
    return value


def as_choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    """Return the value of an argument that has a fixed set of values."""
    if text not in choices:
        raise ValueError(f"{name}:={text}: expected one of {', '.join(filter(None, choices))}")
    return text


def as_path(name: str, text: str) -> str:
    """Return an absolute path to something that exists; '' stays ''."""
    path = Path(text).expanduser().absolute()
    if text and not path.exists():
        raise ValueError(f"{name}:={text}: no such file or folder")
    return str(path) if text else ""


def as_nodes(name: str, text: str) -> tuple[str, ...]:
    """Return the node names of a comma-separated argument."""
    names = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in names:
        if word not in NODES:
            raise ValueError(f"{name}:={text}: no node '{word}'; known: {', '.join(NODES)}")
    return names


def selected_nodes(values: dict[str, str]) -> tuple[str, ...]:
    """Return the nodes to start, in starting order."""
    wanted = {*DEFAULT_NODES, *as_nodes("nodes", values["nodes"])}
    unwanted = as_nodes("without", values["without"])
    return tuple(name for name in NODES if name in wanted and name not in unwanted)


def camera_overrides(values: dict[str, str]) -> dict[str, object]:
    """Return the parameters of the thermal camera that arguments set."""
    found: dict[str, object] = {}
    backend = as_choice("backend", values["backend"], BACKENDS) or (values["bag"] and "bag")
    if backend:
        found["backend"] = backend
    if values["bag"]:
        found["bag_path"] = as_path("bag", values["bag"])
        found["bag_rate"] = as_number("rate", values["rate"], 0.0, 100.0)
        found["bag_clock"] = as_bool("clock", values["clock"])
        found["bag_awaits"] = "test/state" if ANALYZER in selected_nodes(values) else "keypoints"
    elif as_bool("clock", values["clock"]):
        raise ValueError("clock:=true: expected bag:=RECORDING as well")
    if values["frame_id"]:
        found["frame_id"] = values["frame_id"]
    return found


def mounting_overrides(values: dict[str, str]) -> dict[str, object]:
    """Return the mounting of the camera, as far as arguments set it."""
    bounds = {"camera_height_m": (0.1, 10.0), "camera_pitch_deg": (-90.0, 90.0)}
    return {
        name: as_number(name, values[name], low, high)
        for name, (low, high) in bounds.items()
        if values[name]
    }


def overrides_of(node: str, values: dict[str, str]) -> dict[str, object]:
    """Return all parameters of one node that arguments set."""
    clock = as_bool("clock", values["clock"])
    found: dict[str, object] = {}
    if as_bool("use_sim_time", values["use_sim_time"]) or clock:
        found["use_sim_time"] = True
    if node == CAMERA:
        found |= camera_overrides(values)
    if node in (CAMERA, "visualizer"):
        found |= mounting_overrides(values)
    if node == "pose" and values["model"]:
        found["model"] = values["model"]
    reliability = as_choice("image_reliability", values["image_reliability"], RELIABILITIES)
    if node in IMAGE_CONSUMERS and reliability:
        found["image_reliability"] = reliability
    return found


def launch_node(name: str, values: dict[str, str]) -> Node:
    """Return the launch action of one node."""
    folder = Path(as_path("config_dir", values["config_dir"]) or CONFIG)
    own = folder / f"{name}.yaml"
    files = [own if own.exists() else CONFIG / f"{name}.yaml"]
    if values["params_file"]:
        files.append(Path(as_path("params_file", values["params_file"])))
    enclave = values["enclave"].rstrip("/")
    end = OpaqueFunction(function=end_with_camera) if name == CAMERA else None
    return Node(
        package="thermal_pose",
        executable=name,
        name=name,
        namespace=values["namespace"],
        parameters=[*map(str, files), overrides_of(name, values)],
        respawn=end is None and as_bool("respawn", values["respawn"]),
        respawn_delay=RESPAWN_DELAY_S,
        on_exit=[end] if end is not None else None,
        ros_arguments=["--enclave", f"{enclave}/{name}"] if enclave else None,
        output="screen",
    )


def end_with_camera(context: LaunchContext) -> None:
    """End the launch with an error when the camera's process ends by itself."""
    if not context.is_shutdown:
        code = context.locals.event.returncode
        raise RuntimeError(f"{CAMERA} ended with exit code {code}, so the launch ends")


def discovery_range(values: dict[str, str]) -> str:
    """Return the range in which the nodes look for others: this machine unless told otherwise."""
    chosen = as_choice("discovery_range", values["discovery_range"].upper(), DISCOVERY_RANGES)
    return chosen or os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def launch_graph(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the actions of all selected nodes."""
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    return [
        # A killed `ros2 launch` leaves its nodes behind: they end when this process is gone.
        SetEnvironmentVariable("THERMAL_POSE_PARENT_PID", str(os.getpid())),
        SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", discovery_range(values)),
        *(launch_node(name, values) for name in selected_nodes(values)),
    ]


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=text)
                for name, (default, text) in ARGUMENTS.items()
            ),
            OpaqueFunction(function=launch_graph),
        ]
    )
