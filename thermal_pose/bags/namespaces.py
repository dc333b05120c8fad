# SPDX-License-Identifier: Apache-2.0
"""Recordings of a namespaced graph: `/ward3/keypoints` is the topic `/keypoints` of that graph."""

from collections.abc import Iterable

from thermal_pose.bags import schema

_OWN = tuple(name for name in schema.TOPIC_TYPES if name not in schema.GLOBAL_TOPICS)


def recorded_namespace(names: Iterable[str]) -> str:
    """Return the namespace of a recording's topics, '' without one or if there are several.

    Examples
    --------
    >>> recorded_namespace(["/ward3/thermal/image_raw", "/ward3/keypoints", "/diagnostics"])
    '/ward3'
    >>> recorded_namespace(["/thermal/image_raw", "/ward3/keypoints"])
    ''
    """
    found = {name.removesuffix(own) for name in names for own in _OWN if name.endswith(own)}
    return found.pop() if len(found) == 1 else ""


def local_name(topic: str, namespace: str) -> str:
    """Return a recorded topic's name without the namespace."""
    return topic.removeprefix(namespace) if topic.startswith(f"{namespace}/") else topic
