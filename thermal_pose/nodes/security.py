# SPDX-License-Identifier: Apache-2.0
"""The SROS2 policy of the graph: one enclave per node, with what the node really uses."""

from collections.abc import Iterable
from xml.etree import ElementTree

from rclpy.node import Node

#: Prefix of all enclaves.
ENCLAVES = "/thermal_pose"
#: A node inside another one's process -> the node whose enclave it shares.
COMPANIONS = {"bedside_client": "bedside"}
#: Services that a node calls only when a person acts, so the graph does not show them.
ON_DEMAND = {
    "bedside_client": {
        "tug_analyzer/reset",
        "tug_analyzer/set_parameters_atomically",
        "tug_analyzer/start",
        "tug_analyzer/stop",
    }
}
#: Topics with the same name in every namespace.
_GLOBAL = ("/clock", "/diagnostics", "/parameter_events", "/rosout", "/tf_static")
#: (element, attribute) of each kind of permission.
_KINDS = (
    ("services", "reply"),
    ("services", "request"),
    ("topics", "publish"),
    ("topics", "subscribe"),
)

#: Permissions of one node by kind: names as the policy has them.
Permissions = dict[tuple[str, str], set[str]]


def permissions_of(observer: Node, name: str, namespace: str = "/") -> Permissions:
    """Return what a running node offers and uses, as the graph shows it.

    Parameters
    ----------
    observer : asks the graph.
    name, namespace : of the node. Names in its namespace become relative, names below the node
        begin with '~'.
    """
    found = {
        ("services", "reply"): observer.get_service_names_and_types_by_node(name, namespace),
        ("services", "request"): observer.get_client_names_and_types_by_node(name, namespace),
        ("topics", "publish"): observer.get_publisher_names_and_types_by_node(name, namespace),
        ("topics", "subscribe"): observer.get_subscriber_names_and_types_by_node(name, namespace),
    }
    permissions = {
        kind: {_relative(full, name, namespace) for full, _ in entries}
        for kind, entries in found.items()
    }
    permissions["topics", "subscribe"].add("/clock")  # with use_sim_time
    permissions["services", "request"] |= ON_DEMAND.get(name, set())
    return permissions


def _relative(full: str, name: str, namespace: str) -> str:
    space = namespace.rstrip("/")
    if full in _GLOBAL:
        return full
    if full.startswith(f"{space}/{name}/"):
        return "~" + full.removeprefix(f"{space}/{name}")
    return full.removeprefix(f"{space}/")


def policy(nodes: dict[str, Permissions], namespace: str = "/") -> str:
    """Return the policy as XML of the SROS2 schema, version 0.2.0."""
    root = ElementTree.Element("policy", version="0.2.0")
    enclaves = ElementTree.SubElement(root, "enclaves")
    profiles_of: dict[str, ElementTree.Element] = {}
    for name, permissions in sorted(nodes.items()):
        home = COMPANIONS.get(name, name)
        if home not in profiles_of:
            enclave = ElementTree.SubElement(enclaves, "enclave", path=f"{ENCLAVES}/{home}")
            profiles_of[home] = ElementTree.SubElement(enclave, "profiles")
        profiles = profiles_of[home]
        profile = ElementTree.SubElement(profiles, "profile", ns=namespace, node=name)
        for element, attribute in _KINDS:
            _add(profile, element, attribute, permissions.get((element, attribute), set()))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, "unicode")}\n'


def _add(profile: ElementTree.Element, kind: str, attribute: str, names: Iterable[str]) -> None:
    if names:
        group = ElementTree.SubElement(profile, kind, {attribute: "ALLOW"})
        for name in sorted(names):
            ElementTree.SubElement(group, kind.removesuffix("s")).text = name
