# SPDX-License-Identifier: Apache-2.0
"""The ROS side of the bedside page: finds the cameras, listens, calls the analyzers."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import rclpy
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from thermal_pose.errors import MessageFormatError
from thermal_pose.messages.images import to_thermal_frame
from thermal_pose.messages.movement import to_report_document, to_state_document
from thermal_pose.messages.people import to_keypoints
from thermal_pose.msg import Keypoints, MovementReport, MovementState
from thermal_pose.nodes.qos import image_subscription_qos, report_qos, result_qos
from thermal_pose.serve.hub import Hub
from thermal_pose.serve.records import Records, result_row

_IMAGE_TOPIC: Final = "/thermal/image_raw"
_LOOK_EVERY_S: Final = 0.5
_CALL_TIMEOUT_S: Final = 5.0
_LOG_THROTTLE_S: Final = 5.0


class GraphClient(Node):
    """Hands what every camera's graph publishes to the hub (`serve.app.Graph`).

    Parameters
    ----------
    hub : what the page shows.
    records : keeps results.
    namespace : only cameras at or below it; '' for all.
    context : of rclpy; None for the default one.
    """

    def __init__(
        self, hub: Hub, records: Records, namespace: str = "", context: Context | None = None
    ) -> None:
        super().__init__("bedside_client", use_global_arguments=False, context=context)
        self._hub = hub
        self._records = records
        self._below = namespace.rstrip("/")
        self._known: set[str] = set()
        self.create_timer(_LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        """Listen to cameras that are new in the graph."""
        for topic, _ in self.get_topic_names_and_types():
            name = topic.removesuffix(_IMAGE_TOPIC)
            if not topic.endswith(_IMAGE_TOPIC) or name in self._known:
                continue
            if not self._below or f"{name}/".startswith(f"{self._below}/"):
                self._known.add(name)
                self._listen(name)

    def _listen(self, name: str) -> None:
        self._hub.camera(name)
        images = image_subscription_qos("best_effort")
        subscriptions: tuple[tuple[Any, str, Callable[[str, Any], None], Any], ...] = (
            (Image, "thermal/image_raw", self._on_image, images),
            (Keypoints, "keypoints", self._on_keypoints, result_qos()),
            (MovementState, "test/state", self._on_state, result_qos()),
            (MovementReport, "test/report", self._on_report, report_qos()),
        )
        for kind, topic, take, qos in subscriptions:
            self.create_subscription(kind, f"{name}/{topic}", self._guarded(name, take), qos)

    def _guarded(self, name: str, take: Callable[[str, Any], None]) -> Callable[[Any], None]:
        """A callback that logs a message that makes no sense, and goes on."""

        def callback(message: Any) -> None:
            try:
                take(name, message)
            except MessageFormatError as error:
                self.get_logger().warning(str(error), throttle_duration_sec=_LOG_THROTTLE_S)

        return callback

    def _on_image(self, name: str, message: Image) -> None:
        self._hub.image(name, to_thermal_frame(message), time.time_ns())

    def _on_keypoints(self, name: str, message: Keypoints) -> None:
        self._hub.keypoints(name, to_keypoints(message))

    def _on_state(self, name: str, message: MovementState) -> None:
        self._hub.state(name, to_state_document(message))

    def _on_report(self, name: str, message: MovementReport) -> None:
        document, folder = to_report_document(message)
        self._hub.report(name, result_row(document, self._records.report_name(folder)))
        problem = self._records.add(document)
        if problem:
            self._hub.notice(name, problem)

    # -- actions, from the server's event loop ------------------------------------------------

    async def act(self, camera: str, action: str) -> tuple[bool, str]:
        """Call `tug_analyzer/<action>`."""
        answer = await self._call(Trigger, f"{camera}/tug_analyzer/{action}", Trigger.Request())
        if answer is None:
            return False, "The analyzer does not answer: is the graph running?"
        return bool(answer.success), str(answer.message)

    async def set_person(self, camera: str, values: dict[str, Any]) -> tuple[bool, str]:
        """Set the analyzer's parameters, all or none."""
        request = SetParametersAtomically.Request()
        request.parameters = [_parameter(name, value) for name, value in values.items()]
        service = f"{camera}/tug_analyzer/set_parameters_atomically"
        answer = await self._call(SetParametersAtomically, service, request)
        if answer is None:
            return False, "The analyzer does not answer: is the graph running?"
        reason = str(answer.result.reason)
        if "under way" in reason:
            reason = "A test is under way: wait for its result, or press Stop or Repeat."
        return bool(answer.result.successful), reason

    async def _call(self, kind: Any, service: str, request: Any) -> Any:
        """Call a service; None if nobody answers in time."""
        client: Any = self.create_client(kind, service)
        try:
            deadline_s = time.monotonic() + _CALL_TIMEOUT_S
            while not client.service_is_ready():
                if time.monotonic() > deadline_s:
                    return None
                await asyncio.sleep(0.02)
            future = client.call_async(request)
            while not future.done():
                if time.monotonic() > deadline_s:
                    return None
                await asyncio.sleep(0.01)
            return future.result()
        finally:
            self.destroy_client(client)


def _parameter(name: str, value: Any) -> Parameter:
    if isinstance(value, float):
        content = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
    else:
        content = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
    return Parameter(name=name, value=content)


class SpinningGraph:
    """Spins a `GraphClient` in a thread of its own, for a `with` statement."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._executor = SingleThreadedExecutor(context=client.context)
        self._executor.add_node(client)
        self._thread = threading.Thread(target=self._spin, name="graph", daemon=True)

    def __enter__(self) -> GraphClient:
        """Start spinning."""
        self._thread.start()
        return self._client

    def __exit__(self, *exception: object) -> None:
        """Stop, and give the node up."""
        self._executor.shutdown()
        self._thread.join(timeout=3.0)
        self._client.destroy_node()

    def _spin(self) -> None:
        try:
            while rclpy.ok(context=self._client.context):
                self._executor.spin_once(timeout_sec=0.2)
        except (ExternalShutdownException, RuntimeError):
            return
