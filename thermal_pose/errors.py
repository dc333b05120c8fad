# SPDX-License-Identifier: Apache-2.0
"""Errors that come from the world rather than from the caller.

A caller's mistake (wrong shape, wrong range) is a `ValueError` that names the expected
and the actual value. What lies outside the program is one of the errors below; a command
prints its message as one line and leaves with the class's exit code.
"""

_ROS_MODULES = frozenset(
    [
        "rclpy",
        "ament_index_python",
        "builtin_interfaces",
        "diagnostic_msgs",
        "geometry_msgs",
        "launch",
        "launch_ros",
        "lifecycle_msgs",
        "rcl_interfaces",
        "rosgraph_msgs",
        "rosidl_runtime_py",
        "sensor_msgs",
        "std_msgs",
        "std_srvs",
        "tf2_msgs",
        "visualization_msgs",
    ]
)


#: The extra that brings an optional module.
EXTRA_OF = {
    "anny": "sim",
    "google": "train",
    "numba": "sim",
    "matplotlib": "train",
    "onnx": "train",
    "openvino": "openvino",
    "pycocotools": "train",
    "ray": "train",
    "rerun": "view",
    "rerun_cli": "view",
    "scipy": "train",
    "segno": "serve",
    "starlette": "serve",
    "tensorboard": "train",
    "torch": "train",
    "torchvision": "torchvision",
    "transformers": "train",
    "uvicorn": "serve",
}


class ThermalPoseError(Exception):
    """Base of all errors that a command reports as one line."""

    exit_code = 1


class MissingExtraError(ThermalPoseError):
    """An optional dependency is not installed, or does not load."""

    exit_code = 3

    def __init__(
        self, purpose: str, module: str, extra: str, cause: Exception | None = None
    ) -> None:
        absent = cause is None or isinstance(cause, ModuleNotFoundError)
        wrong = "is not installed" if absent else f"does not load here ({cause})"
        super().__init__(
            f"{purpose} needs the Python module '{module}', which {wrong}: "
            f"in a checkout run `make {extra}`, elsewhere `pip install 'thermal-pose[{extra}]'` "
            "from where you installed thermal-pose"
        )


class MissingRosError(ThermalPoseError):
    """A verb of the live graph was called where ROS 2 is not installed."""

    exit_code = 15

    def __init__(self, verb: str, module: str | None) -> None:
        super().__init__(
            f"'{verb}' needs ROS 2 (no Python module '{module}' here): source a ROS 2 "
            "installation with this package built in it, or use `make demo` in a checkout. "
            "Without ROS these work: demo --offline, analyze, report, history, delete, info, "
            "repair, sync, calibrate RECORDING, view --bag, and training"
        )

    @staticmethod
    def is_ros(module: str | None) -> bool:
        """Tell whether a module that was not found is part of ROS 2 or of our messages.

        >>> MissingRosError.is_ros("rclpy.node"), MissingRosError.is_ros("torch")
        (True, False)
        """
        name = module or ""
        return name.startswith("thermal_pose.msg") or name.partition(".")[0] in _ROS_MODULES


class BagError(ThermalPoseError):
    """A recording cannot be used."""

    exit_code = 4


class BagNotFoundError(BagError):
    """There is no recording at the path."""


class BagCorruptError(BagError):
    """The recording is empty, truncated or not a rosbag2 recording at all."""


class BagSchemaError(BagError):
    """The recording is sound but lacks a topic, or holds it with another type or encoding."""


class MessageFormatError(ThermalPoseError):
    """A message from outside holds values that make no sense."""

    exit_code = 5


class ImageFormatError(MessageFormatError):
    """An image's encoding, size, step or content is not what the receiver handles."""


class InputRefusedError(ImageFormatError):
    """Images or their stamps cannot be trusted (see `gates.reasons`).

    Attributes
    ----------
    reason : the code of the cause, such as 'wrong_unit'.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}")
        self.reason = reason


class ModelArtifactError(ThermalPoseError):
    """A model file is missing, altered (sha256) or of the wrong shape."""

    exit_code = 6


class CameraError(ThermalPoseError):
    """A camera cannot deliver."""

    exit_code = 7


class CameraDisconnectedError(CameraError):
    """The camera was there and is gone, or did not answer in time."""


class CameraIdentityError(CameraError):
    """Another device than the expected one answers."""


class CalibrationError(ThermalPoseError):
    """The views do not determine a calibration, or a calibration file is unusable."""

    exit_code = 8


class StorageError(ThermalPoseError):
    """A disk is full, a folder read-only, a results file unusable."""

    exit_code = 9


class ConfigError(ThermalPoseError):
    """A configuration file or parameter is unknown, of the wrong type or out of range."""

    exit_code = 10


class TrainingError(ThermalPoseError):
    """Training cannot start or go on (no data, NaN loss, foreign teacher)."""

    exit_code = 11


class SimulationError(ThermalPoseError):
    """Parameters of the simulated clinic that no room, body or camera can have."""

    exit_code = 12


class GraphError(ThermalPoseError):
    """The ROS graph did not come up, or a node was lost."""

    exit_code = 13


class WorkerError(ThermalPoseError):
    """A worker process was killed, or no Ray cluster answers."""

    exit_code = 14
