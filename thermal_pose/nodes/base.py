# SPDX-License-Identifier: Apache-2.0
"""Base of every node: parameters, life cycle, diagnostics, a callback boundary.

A subclass names its parameter dataclass and fills in `build` (create the core object and the
publishers), `connect` (create subscriptions, services and timers) and `release`. Subscriptions
exist only while the node is active, so counting subscribers counts the nodes that listen.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock
from rclpy.event_handler import (
    PublisherEventCallbacks,
    QoSOfferedIncompatibleQoSInfo,
    QoSRequestedIncompatibleQoSInfo,
    SubscriptionEventCallbacks,
)
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSPolicyKind, QoSProfile
from rclpy.subscription import Subscription
from rclpy.timer import Timer

from thermal_pose.errors import GraphError, ThermalPoseError
from thermal_pose.nodes.condition import input_fault, other_writers
from thermal_pose.nodes.diagnostics import DiagnosticsPublisher
from thermal_pose.nodes.handover import HandingPublisher, Handover, Stream, has_header
from thermal_pose.nodes.parameters import (
    command_line_parameters,
    declare_parameters,
    watch_parameters,
)
from thermal_pose.nodes.qos import policy_value, qos_overrides
from thermal_pose.parameters.parameter import NodeParameters
from thermal_pose.pipeline.input_watch import InputWatch
from thermal_pose.pipeline.statistics import StreamStatistics

Message = TypeVar("Message")

_LOG_THROTTLE_S = 5.0


class PipelineNode(LifecycleNode):
    """Base of all nodes; the module's docstring says what a subclass fills in.

    Attributes
    ----------
    failure : what prevented the last transition.
    fault : an unexpected exception in a callback: the node must be rebuilt.
    fatal : an error that no retry can cure: whatever runs the node ends with it.
    """

    PARAMETERS: ClassVar[type[NodeParameters]]

    def __init__(self, **options: Any) -> None:
        """Declare the parameters.

        Parameters
        ----------
        options : those of `rclpy.node.Node` (context, cli_args, namespace, ...).

        Raises
        ------
        ConfigError
            A parameter has a bad value, or an unknown one was given on the command line.
        """
        super().__init__(self.PARAMETERS.node_name, **options)
        #: Set by a process that runs several nodes, before the node is configured.
        self.handover: Handover | None = None
        self.failure: ThermalPoseError | None = None
        self.fault: Exception | None = None
        self.fatal: ThermalPoseError | None = None
        self.statistics = StreamStatistics()
        self._connections: list[Callable[[], Any]] = []
        self._made_publishers: list[Any] = []
        self._exclusive: set[str] = set()
        self._inputs: list[InputWatch] = []
        self._refusal = ""
        self._timer: Timer | None = None
        self._warned: set[tuple[str, str]] = set()
        self._built = False
        try:
            given = command_line_parameters(options)
            self.parameters: Any = declare_parameters(self, self.PARAMETERS, given)
        except ThermalPoseError:
            self.destroy_node()
            raise
        watch_parameters(self, lambda: self.parameters, self._set_parameters)
        self._diagnostics = DiagnosticsPublisher(self)
        self.active = False

    # -- for subclasses ---------------------------------------------------------------------

    def build(self) -> None:
        """Create the core object and the publishers; raise ThermalPoseError where impossible."""

    def connect(self) -> None:
        """Create subscriptions, services and timers with the helpers below."""

    def release(self) -> None:
        """Close what `build` opened."""

    def parameters_changed(self) -> None:
        """Apply dynamic parameters, already in `self.parameters`, to the core object."""

    def health(self) -> tuple[bytes, str]:
        """Return the diagnostic level and one sentence about the node itself.

        Faults of its inputs and outputs are added by the base class.
        """
        if not self.active:
            return DiagnosticStatus.WARN, "inactive: the node is not activated"
        return DiagnosticStatus.OK, "active"

    def details(self) -> Mapping[str, str]:
        """Return further rows for /diagnostics (device really used, temperatures, ...)."""
        return {}

    def shortcoming(self) -> ThermalPoseError | None:
        """Return why a node that ended cleanly did not do what it was for; None if it did."""
        return None

    def publisher(
        self, kind: type[Message], topic: str, qos: QoSProfile, *, exclusive: bool = False
    ) -> Any:
        """Create a publisher that names both policies when a reader's QoS cannot match.

        Called in `build`; cleaning up destroys it. Parameters `qos_overrides.*` apply.

        Parameters
        ----------
        exclusive : another publisher of this topic is an ERROR in the diagnostics.
        """
        events = PublisherEventCallbacks(
            incompatible_qos=functools.partial(self._warn_incompatible, topic, qos, "offers")
        )
        made = self.create_publisher(
            kind, topic, qos, event_callbacks=events, qos_overriding_options=qos_overrides()
        )
        self._made_publishers.append(made)
        if exclusive:
            self._exclusive.add(topic)
        if self.handover is not None and has_header(kind):
            return HandingPublisher(made, self.handover)
        return made

    def subscribe(
        self,
        kind: type[Message],
        topic: str,
        callback: Callable[[Message], None],
        qos: QoSProfile,
        group: CallbackGroup | None = None,
        *,
        required: bool = False,
        patient: bool = False,
    ) -> "Subscription[Any] | Stream":
        """Subscribe while active; the callback runs inside the boundary of `guarded`.

        Parameters
        ----------
        required : silence and refused messages show in the diagnostics.
        patient : beside other nodes in one process, messages wait until this node has another
            reason to wake, at most 0.2 s; the queue must hold that many.
        """
        watch = InputWatch(topic, time.monotonic())
        if required:
            self._inputs.append(watch)
            self._connections.append(lambda: self._inputs.remove(watch))
        watched = functools.partial(self._watched, watch, callback)
        if self.handover is not None and has_header(kind):
            return self._stream(kind, topic, watched, qos, group, patient)
        subscription = self.create_subscription(
            kind,
            topic,
            self.guarded(watched),
            qos,
            event_callbacks=self._reader_events(topic, qos),
            callback_group=group,
            qos_overriding_options=qos_overrides(),
        )
        self._connections.append(lambda: self.destroy_subscription(subscription))
        return subscription

    def _stream(
        self,
        kind: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        qos: QoSProfile,
        group: CallbackGroup | None,
        patient: bool,
    ) -> Stream:
        """Subscribe as `subscribe` does, and take what this process publishes directly."""
        assert self.handover is not None
        stream, leave = self.handover.subscribe(
            self,
            kind,
            topic,
            self.guarded(callback),
            qos,
            patient=patient,
            event_callbacks=self._reader_events(topic, qos),
            callback_group=group,
            qos_overriding_options=qos_overrides(),
        )
        self._connections.append(leave)
        self._connections.append(lambda: self.destroy_subscription(stream.subscription))
        return stream

    def _reader_events(self, topic: str, qos: QoSProfile) -> SubscriptionEventCallbacks:
        return SubscriptionEventCallbacks(
            incompatible_qos=functools.partial(self._warn_incompatible, topic, qos, "asks")
        )

    def every(
        self, period_s: float, callback: Callable[[], None], clock: Clock | None = None
    ) -> None:
        """Call back periodically while active; `clock` None: by the node's own clock."""
        timer = self.create_timer(period_s, self.guarded(callback), clock=clock)
        self._connections.append(lambda: self.destroy_timer(timer))

    def serve(self, kind: Any, name: str, callback: Callable[[Any, Any], Any]) -> None:
        """Offer a service, with success and message in its answer, while active.

        Our errors are counted and become the answer; anything else is a defect, as in `guarded`.
        """

        @functools.wraps(callback)
        def answer(request: Any, response: Any) -> Any:
            with self._noticing_defects():
                try:
                    return callback(request, response)
                except ThermalPoseError as error:
                    self.note(error)
                    response.success, response.message = False, str(error)
                    return response

        service = self.create_service(kind, name, answer)
        self._connections.append(lambda: self.destroy_service(service))

    def guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Wrap a callback: our errors are counted by class, logged (throttled), and survived.

        Any other exception is a defect: it is stored in `fault` and re-raised, and the runner
        rebuilds the node (in one process) or restarts it (as a process).
        """

        def run(*args: Any) -> None:
            if not self.active:
                return
            with self._noticing_defects():
                try:
                    callback(*args)
                except ThermalPoseError as error:
                    self.note(error)

        return run

    def now_ns(self) -> int:
        """Return the node's clock (simulated where `use_sim_time` is set), ns."""
        return int(self.get_clock().now().nanoseconds)

    # -- life cycle -------------------------------------------------------------------------

    def start(self) -> None:
        """Configure and activate; raises what prevented it."""
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() != TransitionCallbackReturn.SUCCESS:
                raise self.failure or GraphError(f"{self.get_name()} did not become active")

    def stop(self) -> None:
        """Deactivate and clean up, from whatever state; then destroy the node."""
        if self.active:
            self.trigger_deactivate()
        self._guard_release()
        self.destroy_node()
        # rclpy's life-cycle state machine keeps the node in the graph beyond destroy_node.
        self._state_machine.destroy_when_not_in_use()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Build the core object; FAILURE, with the reason logged, where that is impossible."""
        try:
            self.build()
        except ThermalPoseError as error:
            self.failure = error
            self.get_logger().error(str(error))
            self._guard_release()
            return TransitionCallbackReturn.FAILURE
        self._built = True
        self._timer = self.create_timer(self.parameters.diagnostics_period_s, self._diagnose)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen; FAILURE, with the reason logged, where that is impossible."""
        result = super().on_activate(state)
        self.active = True
        try:
            self.connect()
        except ThermalPoseError as error:
            self.failure = error
            self.get_logger().error(str(error))
            self.on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the core object stays."""
        self.active = False
        self._disconnect()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the core object."""
        self._guard_release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and close the core object."""
        self.active = False
        self._guard_release()
        return super().on_shutdown(state)

    # -- inside -----------------------------------------------------------------------------

    def note(self, error: ThermalPoseError) -> None:
        """Count an error by its class, and log it, throttled."""
        self._refusal = str(error)
        self.statistics.count(type(error).__name__)
        self.get_logger().warning(str(error), throttle_duration_sec=_LOG_THROTTLE_S)

    def _watched(self, watch: InputWatch, callback: Callable[[Any], None], message: Any) -> None:
        """Call back; a message about which an error was raised or noted counts as refused."""
        self._refusal = ""
        try:
            callback(message)
        except ThermalPoseError as error:
            self._refusal = str(error)
            raise
        finally:
            now_s = time.monotonic()
            watch.refused(now_s, self._refusal) if self._refusal else watch.accepted(now_s)

    @contextlib.contextmanager
    def _noticing_defects(self) -> Iterator[None]:
        """Record unexpected exceptions in `fault`, then re-raise them."""
        try:
            yield
        except ThermalPoseError:
            raise
        except Exception as error:
            self.fault = error
            self.statistics.count("internal_error")
            raise

    def _disconnect(self) -> None:
        for destroy in self._connections:
            destroy()
        self._connections.clear()

    def _guard_release(self) -> None:
        self.active = False
        self._disconnect()
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        self._built = False
        self.release()
        while self._made_publishers:
            self.destroy_publisher(self._made_publishers.pop())

    def _set_parameters(self, parameters: NodeParameters) -> None:
        previous, self.parameters = self.parameters, parameters
        if not self._built:
            return  # `build` will read them
        try:
            with self._noticing_defects():
                self.parameters_changed()
        except ThermalPoseError:
            self.parameters = previous
            raise

    def _diagnose(self) -> None:
        with self._noticing_defects():
            level, message = self._condition()
            summary = self.statistics.summary(self.now_ns())
            self._diagnostics.publish(level, message, summary, {**self.details(), **self._rows()})

    def _condition(self) -> tuple[bytes, str]:
        """Return the worst of the node's own health, its outputs and its inputs."""
        level, message = self.health()
        if not self.active or level == DiagnosticStatus.ERROR:
            return level, message
        found = [other_writers(self, self._exclusive), input_fault(self, self._inputs)]
        return max([(level, message), *filter(None, found)], key=lambda one: one[0])

    def _rows(self) -> dict[str, str]:
        """Return one row per required input."""
        now_s = time.monotonic()
        return {f"input {watch.topic}": watch.summary(now_s) for watch in self._inputs}

    def _warn_incompatible(
        self,
        topic: str,
        qos: QoSProfile,
        verb: str,
        info: QoSRequestedIncompatibleQoSInfo | QoSOfferedIncompatibleQoSInfo,
    ) -> None:
        self.statistics.count("incompatible_qos", info.total_count_change)
        policy = QoSPolicyKind(info.last_policy_kind).name.lower()
        if (topic, policy) in self._warned:
            return
        self._warned.add((topic, policy))
        ours = policy_value(qos, policy)
        if verb == "asks":
            other, endpoints = "a writer offers", self.get_publishers_info_by_topic(topic)
        else:
            other, endpoints = "a reader asks", self.get_subscriptions_info_by_topic(topic)
        found = {policy_value(endpoint.qos_profile, policy) for endpoint in endpoints} - {ours}
        theirs = " or ".join(sorted(found)) or "another"
        self.get_logger().warning(
            f"topic '{topic}': {other} {policy} {theirs}, this node {verb} {ours}, so nothing "
            f"passes between the two; set the same {policy} on both"
        )
