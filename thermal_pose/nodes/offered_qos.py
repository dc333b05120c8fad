# SPDX-License-Identifier: Apache-2.0
"""The QoS that publishers offer: how to subscribe to all of them, and how to note it in a bag.

As `ros2 bag record` does: a subscription asks for what every publisher offers.
"""

from collections.abc import Sequence
from typing import Any, Final

from rclpy.duration import Infinite
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
)

_INFINITE: Final = {"sec": 9223372036, "nsec": 854775807}


def adapted(wished: QoSProfile, offered: Sequence[QoSProfile]) -> QoSProfile:
    """Return a request that every one of the offers meets.

    Parameters
    ----------
    wished : the request as long as nothing speaks against it; gives history and depth.
    offered : profiles of the topic's publishers; none: the wish unchanged.
    """
    if not offered:
        return wished
    reliable = all(one.reliability == ReliabilityPolicy.RELIABLE for one in offered)
    kept = all(one.durability == DurabilityPolicy.TRANSIENT_LOCAL for one in offered)
    return QoSProfile(
        history=wished.history,
        depth=wished.depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if kept else DurabilityPolicy.VOLATILE,
    )


def same_request(left: QoSProfile, right: QoSProfile) -> bool:
    """Whether two requests match the same publishers."""
    return (left.reliability, left.durability) == (right.reliability, right.durability)


def bag_profile(qos: QoSProfile) -> dict[str, Any]:
    """Return an offer in rosbag2's version 9 layout."""
    known = qos.history in (HistoryPolicy.KEEP_LAST, HistoryPolicy.KEEP_ALL)
    return {
        "history": qos.history.name.lower() if known else "unknown",
        "depth": qos.depth,
        "reliability": qos.reliability.name.lower(),
        "durability": qos.durability.name.lower(),
        "deadline": _duration(qos.deadline),
        "lifespan": _duration(qos.lifespan),
        "liveliness": LivelinessPolicy(qos.liveliness).name.lower(),
        "liveliness_lease_duration": _duration(qos.liveliness_lease_duration),
        "avoid_ros_namespace_conventions": qos.avoid_ros_namespace_conventions,
    }


def _duration(duration: Any) -> dict[str, int]:
    if duration >= Infinite:
        return dict(_INFINITE)
    seconds, nanoseconds = divmod(int(duration.nanoseconds), 10**9)
    return {"sec": seconds, "nsec": nanoseconds}
