# SPDX-License-Identifier: Apache-2.0
"""The Foxglove layout and the analyzer file against the nodes."""

import json

import yaml

from thermal_pose.bags import schema
from thermal_pose.msg import TugPhase
from thermal_pose.nodes.process_table import PROCESS_TABLE, config_folder
from thermal_pose.parameters.cameras import ThermalCameraParameters

MADE_BY_VISUALIZER = {"/markers": "visualization_msgs/msg/MarkerArray"}


def layout():
    return json.loads((config_folder() / "foxglove.json").read_text())


def panels(tree):
    if isinstance(tree, str):
        return {tree}
    return panels(tree["first"]) | panels(tree["second"])


def test_every_foxglove_panel_is_configured_and_placed():
    found = layout()
    assert panels(found["layout"]) == set(found["configById"])


def test_foxglove_shows_topics_of_the_graph_on_its_floor():
    known = {**schema.TOPIC_TYPES, **MADE_BY_VISUALIZER}
    found = layout()["configById"]
    scene = found["3D!people"]
    assert scene["followTf"] == ThermalCameraParameters().floor_frame_id
    plotted = [path["value"].rpartition(".") for path in found["Plot!phase"]["paths"]]
    topics = {
        *scene["topics"],
        found["Image!overlay"]["imageMode"]["imageTopic"],
        found["RawMessages!report"]["topicPath"],
        found["DiagnosticSummary!nodes"]["topicToRender"],
        *(topic for topic, _, _ in plotted),
    }
    assert topics <= set(known)
    assert {field for _, _, field in plotted} <= set(TugPhase.get_fields_and_field_types())


def test_every_node_belongs_to_one_analyzer():
    text = (config_folder() / "diagnostic_analyzers.yaml").read_text()
    groups = yaml.safe_load(text)["analyzers"]["ros__parameters"]
    groups.pop("path")
    for entry in PROCESS_TABLE:
        of = [
            name
            for name, group in groups.items()
            if any(part in f"ward3/{entry.name}" for part in group["contains"])
        ]
        assert len(of) == 1, (entry.name, of)
