# SPDX-License-Identifier: Apache-2.0
"""The SROS2 policy against the real graph."""

import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import pytest

from thermal_pose.nodes.process_table import PROCESS_TABLE, config_folder
from thermal_pose.nodes.security import _KINDS, ENCLAVES, policy

ROOT = Path(__file__).resolve().parents[2]
POLICY = config_folder() / "sros2" / "policy.xml"


def read_policy(text):
    """Return the permissions in a policy by node."""
    nodes = {}
    for profile in ElementTree.fromstring(text.encode()).iter("profile"):
        permissions = {kind: set() for kind in _KINDS}
        for group in profile:
            for attribute, value in group.attrib.items():
                if value == "ALLOW":
                    names = {entry.text or "" for entry in group}
                    permissions[group.tag, attribute] |= names
        nodes[profile.attrib["node"]] = permissions
    return nodes


def script():
    path = ROOT / "scripts" / "sros2_policy.py"
    spec = importlib.util.spec_from_file_location("sros2_policy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.graph
def test_the_policy_allows_what_the_nodes_really_use_and_no_more(ros, tmp_path):
    observed = script().observed(tmp_path)
    allowed = read_policy(POLICY.read_text())
    assert allowed.keys() == observed.keys()
    for node, permissions in observed.items():
        assert allowed[node] == permissions, node


def test_every_node_has_an_enclave_of_its_own():
    text = POLICY.read_text()
    for entry in PROCESS_TABLE:
        assert text.count(f'<enclave path="{ENCLAVES}/{entry.name}">') == 1


def test_only_the_bedside_page_may_change_another_ones_parameters():
    """It sets who is tested; no node may call life-cycle services."""
    for node, permissions in read_policy(POLICY.read_text()).items():
        requests = permissions["services", "request"]
        assert not {name for name in requests if "state" in name}
        changes = {name for name in requests if "parameters" in name}
        expected = {"tug_analyzer/set_parameters_atomically"} if node == "bedside_client" else set()
        assert changes == expected, node


def test_only_the_analyzer_publishes_results_and_only_the_camera_images():
    allowed = read_policy(POLICY.read_text())
    writers = {
        topic: {node for node, found in allowed.items() if topic in found["topics", "publish"]}
        for topic in ("tug/report", "tug/phase", "keypoints", "thermal/image_raw")
    }
    assert writers == {
        "tug/report": {"tug_analyzer"},
        "tug/phase": {"tug_analyzer"},
        "keypoints": {"pose"},
        "thermal/image_raw": {"thermal_camera"},
    }


def test_a_policy_survives_writing_and_reading():
    nodes = read_policy(POLICY.read_text())
    assert read_policy(policy(nodes)) == nodes
