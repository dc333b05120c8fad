# SPDX-License-Identifier: Apache-2.0
import hashlib
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
from thermal_pose.clinical.tug.gait_network import load_gait_network
from thermal_pose.clinical.tug.live_network import load_live_network
from thermal_pose.clinical.tug.network import load_network
from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.tug.development import HELD_OUT_SEEDS, is_held_out
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, write_keypoints
from thermal_pose.lab.learning.tug.recipe import (
    CARD_FILE,
    TugRecipe,
    run_recipe,
)
from thermal_pose.lab.learning.tug.recorded import SampleSource, observed_trials, read_development
from thermal_pose.lab.learning.tug.segmenter import (
    SegmenterConfig,
    TorchSegmenter,
    begun_weights,
    write_network,
)
from thermal_pose.pipeline.trial import analyze_frames


def swings(figure: Figure) -> list[tuple[int, float, float]]:
    """A step of half a second of each foot in turn, over the walk."""
    phases = figure.truth.phases
    starts_s = np.arange(phases[1].start_s, phases[3].end_s - 0.6, 0.6)
    return [(k % 2, float(s), float(s) + 0.5) for k, s in enumerate(starts_s)]


def keypoint_file(folder: Path, seed: int, number: int) -> Path:
    figure = Figure(seed=number)
    trial = KeypointTrial(
        f"figure-{seed}-{number}",
        f"s{number}",
        tuple(figure.frames(origin_ns=0)),
        figure.truth,
        {"case": {"seed": seed}, "swings_s": swings(figure)},
    )
    path = folder / f"{trial.name}.npz"
    write_keypoints(trial, path)
    return path


def test_an_evaluation_seed_is_never_trained_on(tmp_path: Path) -> None:
    assert len(read_development([keypoint_file(tmp_path, 9200, 0)])) == 1
    with pytest.raises(ValueError, match="a seed to develop on, got 9400"):
        read_development([keypoint_file(tmp_path, 9400, 0)])


def test_some_people_are_kept_from_training() -> None:
    assert is_held_out({"seed": 77})
    assert is_held_out({"seed": 412, "preset": "patients", "subject_index": 39})
    assert not is_held_out({"seed": 412, "preset": "patients", "subject_index": 40})
    assert is_held_out({"seed": 412, "preset": "adults", "subject_index": 39})
    assert not is_held_out({"seed": 400, "preset": "clinic", "subject_index": 0})


def test_the_recipe_writes_networks_and_card(tmp_path: Path) -> None:
    paths = [keypoint_file(tmp_path, seed, k) for k, seed in enumerate((400, 400, 9100, 77))]
    small = replace(
        TugRecipe(),
        steps=2,
        batch=2,
        channels=8,
        members=2,
        sd_floor_s=(0.1,) * 7,
        live_samples=4,
        live_steps=2,
        gait_steps=2,
        gait_channels=8,
        gait_members=2,
    )
    card = run_recipe(small, (), paths, tmp_path / "out")
    assert (card["n_recorded"], card["n_held_out"], card["seeds"]) == (3, 1, [400, 9100])
    assert card == json.loads((tmp_path / "out" / CARD_FILE).read_text())
    segmenter = load_network(tmp_path / "out" / card["file"])
    assert (len(segmenter.members), segmenter.sd_floor_s) == (2, (0.1,) * 7)
    gait = load_gait_network(tmp_path / "out" / card["gait_file"])
    assert (len(gait.members), gait.contact_sd_s > 0) == (2, True)
    assert load_live_network(tmp_path / "out" / card["live_file"]).n_hidden == small.live_hidden
    assert card["boundary_mae_s"] > 0
    again = run_recipe(small, (), paths, tmp_path / "again", jobs=2)
    digests = [name for name in card if name.endswith("sha256")]
    assert len(digests) == 3
    assert [again[name] for name in digests] == [card[name] for name in digests]


def test_members_begin_as_the_networks_named(tmp_path: Path) -> None:
    paths = [keypoint_file(tmp_path, 400, 0)]
    small = replace(
        TugRecipe(),
        steps=1,
        batch=1,
        channels=8,
        learning_rate=0.0,
        live_samples=2,
        live_steps=1,
        gait_steps=1,
        gait_channels=8,
        gait_members=2,
    )
    first = run_recipe(small, (), paths, tmp_path / "first")
    begun = tmp_path / "first" / first["file"]
    second = run_recipe(small, (), paths, tmp_path / "second", start=begun)
    assert (first["recipe"]["start"], second["recipe"]["start"]) == ("", first["sha256"][:12])
    # Nothing was learned, so nothing changed.
    one, other = load_network(begun), load_network(tmp_path / "second" / second["file"])
    for weights, same in zip(one.members, other.members, strict=True):
        assert all(np.array_equal(weights[name], same[name]) for name in weights)
    with pytest.raises(ModelArtifactError, match="expected a segmentation network, found none"):
        begun_weights(tmp_path / "first" / first["live_file"], 0)


def test_a_network_more_than_the_start_has_begins_with_the_first_again(tmp_path: Path) -> None:
    start = tmp_path / "start.npz"
    config = SegmenterConfig(channels=8, seed=0)
    write_network([TorchSegmenter(config) for _ in range(2)], config, start)
    first, second, third = (begun_weights(start, member) for member in range(3))
    name = "stem.weight"
    assert third[name].equal(first[name]) and not third[name].equal(second[name])


def test_some_samples_rest_for_long(tmp_path: Path) -> None:
    (trial,) = observed_trials(read_development([keypoint_file(tmp_path, 400, 0)]))
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
    assets = files("thermal_pose") / "assets"
    card = json.loads((assets / CARD_FILE).read_text())
    for kind in ("", "live_", "gait_"):
        digest = hashlib.sha256((assets / card[f"{kind}file"]).read_bytes()).hexdigest()
        assert digest == card[f"{kind}sha256"]
    makefile = (Path(__file__).parents[4] / "Makefile").read_text()
    (line,) = re.findall(r"thermal-pose train-tug (.*)", makefile)
    assert line == (
        "--keypoints build/tug-dev --motions 1500 --start build/tug-start.npz --jobs 2 "
        "--out thermal_pose/assets"
    )
    if "pose_models" not in card:
        pytest.skip("the shipped networks are older than the recipe: run make tug")
    assert card["recipe"] == json.loads(json.dumps(asdict(TugRecipe())))
    assert set(card["seeds"]).isdisjoint(HELD_OUT_SEEDS)


def test_half_of_the_recorded_samples_are_of_patients(tmp_path: Path) -> None:
    (trial,) = observed_trials(read_development([keypoint_file(tmp_path, 400, 0)]))
    silent = replace(trial, scores=np.zeros_like(trial.scores))
    source = SampleSource((), (trial,), patients=(silent,), patient_share=0.5)
    rng = np.random.default_rng(0)
    patients = sum(not source.observed(rng).scores.any() for _ in range(200))
    assert 70 < patients < 130
    assert SampleSource((), patients=(silent,)).observed(rng).scores.sum() == 0
