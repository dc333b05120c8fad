# SPDX-License-Identifier: Apache-2.0
"""The script behind the table of what helped: its streams, its rows, and what it resumes."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from support.bodies import body, rest_pose
from support.documents import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import what_helped
import what_helped_streams

from thermal_pose.cli.main import verb_parser
from thermal_pose.lab.simulation.people.annotation import annotated_keypoints
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.lab.simulation.stream.life_options import LifeOptions


def test_every_switch_of_everyday_life_is_in_one_group() -> None:
    switches = [name for group in what_helped_streams.GROUPS.values() for name in group]
    assert sorted(switches) == sorted(each.name for each in dataclasses.fields(LifeOptions))


def test_every_variant_learns_from_a_stream_that_is_rendered() -> None:
    used = {variant.stream for variant in what_helped.VARIANTS.values()}
    assert used == set(what_helped_streams.STREAMS)


def test_printed_commands_are_understood() -> None:
    for name in what_helped_streams.STREAMS:
        line = what_helped_streams.command(name, Path("streams"), 18, 42)
        if name != what_helped_streams.BODY_JOINTS:
            words = line.split()[2:]
            assert verb_parser("simulate-stream")[0].parse_args(words).out == Path("streams") / name


def test_labels_at_the_body_models_joints_end_with_the_block() -> None:
    someone = body()
    pose = rest_pose(someone)
    joints = pose_keypoints(someone, pose)
    with what_helped_streams.body_joint_labels():
        assert np.array_equal(annotated_keypoints(someone, pose), joints)
    assert not np.allclose(annotated_keypoints(someone, pose), joints)


def write_stream(folder: Path, subjects: list[str], subject: list[int]) -> None:
    folder.mkdir(parents=True)
    np.savez(folder / "a.npz", subjects=np.array(subjects), subject=np.array(subject))


def test_all_variants_learn_from_as_many_rows_as_the_one_with_fewest(tmp_path: Path) -> None:
    names = ["s/0-tug", "s/1-life", "s/2-empty"]
    for name in what_helped_streams.STREAMS:
        write_stream(tmp_path / name, names, [0, 0, 1, 1, 1, 2])
    assert what_helped.count_rows(tmp_path / "annotated", True) == 6
    assert what_helped.fewest_rows(tmp_path) == 3
    write_stream(tmp_path / "later", names, [1, 2, 1])
    assert what_helped.count_rows(tmp_path / "later", False) == 1


def test_only_the_same_run_is_resumed(tmp_path: Path) -> None:
    new = {"command": "a", "steps": 3, "variants": {}}
    out = tmp_path / "out.json"
    assert what_helped.resumed(out, new) is new
    done = {"command": "b", "steps": 3, "variants": {"x": {}}}
    out.write_text(json.dumps(done))
    assert what_helped.resumed(out, new) == done
    with pytest.raises(SystemExit, match="'steps' differs"):
        what_helped.resumed(out, new | {"steps": 4})


def test_labels_name_their_set() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", nargs=2, action="append", default=[])
    args = parser.parse_args(["--labels", "twist=a/twist.json", "a/twist"])
    assert what_helped.labelled_sets(args.labels)[0].labels == Path("a/twist.json")
