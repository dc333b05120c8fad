# SPDX-License-Identifier: Apache-2.0
import json
import re
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from support.stick_figure import Figure

pytest.importorskip("torch")
pytest.importorskip("tqdm")

from thermal_pose.clinical.tug.features import CELL_S
from thermal_pose.clinical.tug.live_network import load_live_network
from thermal_pose.clinical.tug.network import load_network
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, write_keypoints
from thermal_pose.lab.learning.tug.recipe import (
    CARD_FILE,
    TugRecipe,
    keep_live_network,
    run_recipe,
)
from thermal_pose.lab.learning.tug.recorded import SampleSource, read_recorded
from thermal_pose.pipeline.trial import analyze_frames


def keypoint_file(folder: Path, seed: int, number: int) -> Path:
    figure = Figure(seed=number)
    trial = KeypointTrial(
        f"figure-{seed}-{number}",
        f"s{number}",
        tuple(figure.frames(origin_ns=0)),
        figure.truth,
        {"case": {"seed": seed}},
    )
    path = folder / f"{trial.name}.npz"
    write_keypoints(trial, path)
    return path


def test_an_evaluation_seed_is_never_trained_on(tmp_path: Path) -> None:
    assert len(read_recorded([keypoint_file(tmp_path, 9200, 0)])) == 1
    with pytest.raises(ValueError, match="a seed to develop on, got 9400"):
        read_recorded([keypoint_file(tmp_path, 9400, 0)])


def test_the_recipe_writes_networks_and_card(tmp_path: Path) -> None:
    paths = [keypoint_file(tmp_path, seed, k) for k, seed in enumerate((400, 400, 9100, 77))]
    small = replace(
        TugRecipe(), steps=2, batch=2, channels=8, members=2, live_samples=4, live_steps=2
    )
    card = run_recipe(small, (), paths, tmp_path / "out")
    assert (card["n_recorded"], card["n_held_out"], card["seeds"]) == (3, 1, [400, 9100])
    assert card == json.loads((tmp_path / "out" / CARD_FILE).read_text())
    assert len(load_network(tmp_path / "out" / card["file"]).members) == 2
    assert load_live_network(tmp_path / "out" / card["live_file"]).n_hidden == small.live_hidden
    assert card["boundary_mae_s"] > 0
    again = run_recipe(small, (), paths, tmp_path / "again", jobs=2)
    assert (again["sha256"], again["live_sha256"]) == (card["sha256"], card["live_sha256"])


def test_some_samples_rest_for_long(tmp_path: Path) -> None:
    ((_, trial),) = read_recorded([keypoint_file(tmp_path, 400, 0)])
    rng = np.random.default_rng(0)
    lengths_s = [
        len(SampleSource((), (trial,), long_share=share)(rng)[0]) * CELL_S
        for share in (0.0, 1.0)
        for _ in range(30)
    ]
    assert max(lengths_s[:30]) < 25.0 < max(lengths_s[30:]) < 70.0


def test_the_shipped_networks_are_those_of_the_card() -> None:
    card = json.loads((files("thermal_pose") / "assets" / CARD_FILE).read_text())
    segmenter = analyze_frames(Figure().frames()).provenance.versions["segmenter"]
    assert segmenter.endswith(card["sha256"][:12])


def test_the_card_says_how_the_shipped_networks_were_made() -> None:
    card = json.loads((files("thermal_pose") / "assets" / CARD_FILE).read_text())
    assert set(card["recipe"]) == set(asdict(TugRecipe()))
    assert set(card["seeds"]).isdisjoint(card["recipe"]["held_out"])
    # A network that went on from another names it.
    assert bool(card["recipe"]["start"]) == bool(card["start_sha256"])
    makefile = (Path(__file__).parents[4] / "Makefile").read_text()
    (line,) = re.findall(r"thermal-pose train-tug (.*)", makefile)
    assert line == "--keypoints build/tug-dev --jobs 2 --out thermal_pose/assets"


def test_training_may_go_on_from_a_network(tmp_path: Path) -> None:
    paths = [keypoint_file(tmp_path, seed, k) for k, seed in enumerate((400, 400))]
    small = replace(
        TugRecipe(), steps=2, batch=2, channels=8, members=1, live_samples=4, live_steps=2
    )
    first = run_recipe(small, (), paths, tmp_path / "first")
    keep_live_network(tmp_path / "first", tmp_path / "second")
    further = replace(small, start=str(tmp_path / "first" / first["file"]), live_steps=0)
    second = run_recipe(further, (), paths, tmp_path / "second")
    assert second["start_sha256"] == first["sha256"]
    assert second["sha256"] != first["sha256"]
    assert second["live_sha256"] == first["live_sha256"]
    before, after = (
        load_network(tmp_path / name / first["file"]).members[0]["stem.weight"]
        for name in ("first", "second")
    )
    # Two steps from where the first ended: nearly the same weights.
    assert np.abs(after - before).max() < 0.05
