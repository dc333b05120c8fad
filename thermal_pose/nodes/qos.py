# SPDX-License-Identifier: Apache-2.0
"""The QoS of every topic, stated once.

Images are volatile and keep the newest one only: a slow reader skips frames, it never queues
them (depthai-ros#769). The bag source loses nothing all the same, since it keeps one frame in
flight. Our own results are transient-local, so that a reader that matches a moment later than
another still gets them from the first frame on.
"""

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

from thermal_pose.bags.schema import RESULT_DEPTHS

RESULT_DEPTH = 64


def image_publisher_qos() -> QoSProfile:
    """Offer of all image topics."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=4,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


def image_subscription_qos(reliability: str, depth: int = 1) -> QoSProfile:
    """Request of a node that takes images; `reliability` is 'reliable' or 'best_effort'."""
    policies = {
        "reliable": ReliabilityPolicy.RELIABLE,
        "best_effort": ReliabilityPolicy.BEST_EFFORT,
    }
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=policies[reliability],
        durability=DurabilityPolicy.VOLATILE,
    )


def result_qos(depth: int = RESULT_DEPTH) -> QoSProfile:
    """Offer and request of persons, keypoints, phases and truth."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def static_transform_qos() -> QoSProfile:
    """Offer of /tf_static, as tf2 has it; readers keep more, one of each writer."""
    return result_qos(depth=1)


def report_qos() -> QoSProfile:
    """The latched report: the last one waits for late readers."""
    return result_qos(depth=1)


def acknowledgement_qos() -> QoSProfile:
    """Request of a replay that waits for results: none of an earlier replay's."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=RESULT_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


def recording_qos(topic: str) -> QoSProfile:
    """Request of the recorder: deep, and as durable as the recorded topic is offered."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=256,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=(
            DurabilityPolicy.TRANSIENT_LOCAL
            if topic in RESULT_DEPTHS
            else DurabilityPolicy.VOLATILE
        ),
    )


def playback_qos(topic: str) -> QoSProfile:
    """Offer of a played recording: as the recorded topic was offered, only deeper."""
    return recording_qos(topic)


def policy_value(qos: QoSProfile, policy: str) -> str:
    """Return a policy's value in words; `policy` is named as in QoSProfile, 'reliability' say."""
    value = getattr(qos, policy, None)
    return str(getattr(value, "name", value))


def qos_overrides() -> QoSOverridingOptions:
    """Allow parameters `qos_overrides.<topic>.<publisher|subscription>.<policy>`."""
    return QoSOverridingOptions(
        (
            QoSPolicyKind.HISTORY,
            QoSPolicyKind.DEPTH,
            QoSPolicyKind.RELIABILITY,
            QoSPolicyKind.DURABILITY,
        )
    )
