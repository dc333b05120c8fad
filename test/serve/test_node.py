# SPDX-License-Identifier: Apache-2.0
"""The page as a node of the graph."""

import json
import socket
import urllib.request

import pytest
from support.ports import free_ports
from support.waiting import wait_for

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import selected_entries
from thermal_pose.nodes.single_process import SingleProcessGraph

pytestmark = pytest.mark.graph


def cameras(port: int) -> list[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/cameras", timeout=2) as answer:
            return json.loads(answer.read())["cameras"]
    except OSError:
        return []


def test_the_node_serves_the_page_of_its_graph_and_ends_with_it(ros) -> None:
    port, found = free_ports(1)[0], []
    overrides = {
        "bedside": {"port": port},
        "thermal_camera": {"backend": "bag", "bag_path": str(DEMO_BAG), "bag_loop": True},
    }
    plan = GraphPlan(selected_entries(("bedside",)), overrides, namespace="ward3")
    with SingleProcessGraph(plan) as graph:
        turns = iter(range(4000))

        def goes_on() -> bool:
            turn = next(turns, None)
            if turn is not None and turn % 40 == 0:
                found.extend(cameras(port))
            return turn is not None and not found

        graph.spin_while(goes_on)
    assert found == ["/ward3"]

    def closed() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    wait_for(closed, 30.0, "the page to end with its node")
