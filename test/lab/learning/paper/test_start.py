# SPDX-License-Identifier: Apache-2.0
"""Networks are taught on pairs of other people, and folds begin with them."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from thermal_pose.cli import main as command
from thermal_pose.errors import ConfigError, ModelArtifactError, TrainingError
from thermal_pose.lab.learning.fitting.config import DistillConfig, FitConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.training import Progress, Training
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.paper.cohort import ROWS, started_from
from thermal_pose.lab.learning.paper.start import (
    PairStart,
    learn_start,
    load_start,
    read_start,
    save_start,
)
from thermal_pose.lab.learning.paper.train import _network, run_folds
from thermal_pose.lab.learning.pose_data import save_shard

WIDTH = 16
OTHERS = ("p0", "p1", "p2")


def _training(folder=None, **distill) -> Training:
    config = TrainingConfig(
        fit=FitConfig(epochs=4, batch=6, validate_every=1, schedule="cosine", lr=0.003),
        distill=DistillConfig(decoder_width=WIDTH, **distill),
    )
    return Training(config, torch.device("cpu"), Progress(folder))


@pytest.fixture
def pairs(figures):
    return dataclasses.replace(figures, subjects=OTHERS)


def _start_of(name: str, people=OTHERS) -> PairStart:
    torch.manual_seed(3)
    return PairStart(build_network(name, ClassicDecoder(width=WIDTH)), name, people, 5, 30)


def test_a_start_is_learnt_in_two_stages_and_comes_back_from_its_file(pairs, tmp_path) -> None:
    begun = learn_start("mobilenetv3", pairs, _training(coarse_share=0.5))
    whole = learn_start("mobilenetv3", pairs, _training())
    assert begun.trained_on == OTHERS and begun.name == "mobilenetv3"
    # One of three people validates: 16 rows are two batches of 6, in each of four epochs.
    assert begun.steps == whole.steps == 8 and begun.crops == 48
    assert not torch.equal(begun.network.project.weight, whole.network.project.weight)
    save_start(tmp_path / "a.pt", begun)
    back = load_start(tmp_path / "a.pt")
    assert back is not None and dataclasses.replace(back, network=None) == dataclasses.replace(
        begun, network=None
    )
    image = torch.rand(1, 3, 256, 192)
    with torch.no_grad():
        torch.testing.assert_close(back.network(image), begun.network(image))


def test_an_interrupted_start_goes_on(pairs, tmp_path) -> None:
    straight = learn_start("mobilenetv3", pairs, _training(tmp_path / "a", coarse_share=0.5))
    again = learn_start("mobilenetv3", pairs, _training(tmp_path / "a", coarse_share=0.5))
    assert again.steps == straight.steps
    torch.testing.assert_close(again.network.project.weight, straight.network.project.weight)
    with pytest.raises(TrainingError, match="was left by another training"):
        learn_start("mobilenetv3", pairs, _training(tmp_path / "a", coarse_share=0.5, sigma_px=3.0))


def test_a_finished_start_begins_another_one(pairs, figures, tmp_path) -> None:
    first = learn_start("mobilenetv3", pairs, _training())
    more = learn_start("mobilenetv3", figures, _training(), first)
    assert (more.steps, more.crops) == (2 * first.steps, 2 * first.crops)
    assert set(more.trained_on) == {*pairs.subjects, *figures.subjects}
    fresh = learn_start("mobilenetv3", figures, _training())
    assert not torch.equal(more.network.project.weight, fresh.network.project.weight)
    with pytest.raises(ConfigError, match="expected resnet50 with a decoder 16 wide, got mobile"):
        learn_start("resnet50", figures, _training(), first)
    (tmp_path / "other.pt").write_bytes(b"")
    with pytest.raises(ModelArtifactError, match=r"other\.pt: not a trained student"):
        read_start(tmp_path / "other.pt")


def test_nothing_to_learn_and_no_such_network_are_refused(pairs) -> None:
    with pytest.raises(ConfigError, match=r"network: expected one of .*resnet50"):
        learn_start("resnet", pairs, _training())
    empty = dataclasses.replace(pairs, person=np.zeros(len(pairs), bool))
    with pytest.raises(TrainingError, match="at least 2 rows that show people, got 0"):
        learn_start("mobilenetv3", empty, _training())


def _given(cohort, start: str):
    """The cohort where only keypoints are known, and a row's start."""
    distill = dataclasses.replace(cohort.config.distill, start=start, decoder_width=WIDTH)
    config = dataclasses.replace(cohort.config, distill=distill)
    return dataclasses.replace(cohort, config=config, teacher=None)


@pytest.mark.parametrize(("name", "suffix"), [("mobilenetv3", ""), ("resnet50", "_resnet50")])
def test_rows_begin_with_the_start_of_their_own_encoder(cohort, tmp_path, name, suffix) -> None:
    begun = _start_of(name)
    save_start(tmp_path / "s.pt", begun)
    given = _given(cohort, str(tmp_path / "s.pt"))
    row = ROWS[f"start_alone{suffix}"]
    assert started_from(given, row) == "s, 30 crops of 3 other people"
    network = _network(given, row, 0)
    for key, value in begun.network.state_dict().items():
        assert torch.equal(network.state_dict()[key], value), key
    other = "" if suffix else "_resnet50"
    assert started_from(given, ROWS[f"supervised_same_start{other}"]) == "random"


def test_a_start_alone_is_judged_as_it_is_and_training_changes_it(cohort, tmp_path) -> None:
    save_start(tmp_path / "s.pt", _start_of("mobilenetv3"))
    given = _given(cohort, str(tmp_path / "s.pt"))
    (alone,) = run_folds(given, "start_alone", [0])
    (trained,) = run_folds(given, "supervised_same_start", [0], Progress(tmp_path / "c"))
    assert (alone.steps, alone.crops) == (0, 0) and trained.steps > 0
    assert not np.array_equal(alone.predictions.xy, trained.predictions.xy)


def test_a_start_that_has_seen_the_cohort_is_refused(cohort, tmp_path) -> None:
    save_start(tmp_path / "s.pt", _start_of("mobilenetv3", ("s1",)))
    with pytest.raises(TrainingError, match=r"s\.pt: was trained on 1 of the subjects"):
        _network(_given(cohort, str(tmp_path / "s.pt")), ROWS["start_alone"], 0)


def test_a_damaged_start_is_one_clear_error(tmp_path) -> None:
    save_start(tmp_path / "s.pt", _start_of("mobilenetv3"))
    whole = (tmp_path / "s.pt").read_bytes()
    (tmp_path / "s.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelArtifactError, match=r"s\.pt: not a trained student"):
        load_start(tmp_path / "s.pt")


def test_the_commands_end_with_rows_of_the_table(figures, pairs, tmp_path, capsys) -> None:
    save_shard(pairs, tmp_path / "pairs" / "a.npz")
    save_shard(figures, tmp_path / "cohort" / "a.npz")
    small = ["--device", "cpu", "--set", "fit.epochs=2", "--set", "fit.batch=6"]
    small += ["--set", f"distill.decoder_width={WIDTH}"]
    words = ["loso-start", str(tmp_path / "pairs"), "--out", str(tmp_path / "start"), *small]
    assert command.main([*words, "--set", "distill.coarse_share=0.5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["network"], told["people"], told["crops"]) == ("mobilenetv3", 3, 24)
    words = ["loso-start", str(tmp_path / "pairs"), "--out", str(tmp_path / "more"), *small]
    assert command.main([*words, "--start", told["file"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["crops"] == 24 + 24
    keypoints = [
        {"image_id": row, "keypoints": np.column_stack([xy, np.ones(17)]).ravel().tolist()}
        for row, xy in enumerate(_in_pictures(figures))
    ]
    (tmp_path / "k.json").write_text(json.dumps(keypoints))
    words = ["loso", str(tmp_path / "cohort"), "--labels", str(tmp_path / "k.json"), *small]
    words += ["--set", f"distill.start={told['file']}", "--work", str(tmp_path / "work")]
    words += ["--set", "normalization.kind=crop_percentile"]
    words += ["--rows", "start_alone:0,supervised_same_start:0", "--json"]
    assert command.main(words) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows["start_alone"]["folds"] == rows["supervised_same_start"]["folds"] == 1


def _in_pictures(data) -> np.ndarray:
    return np.array(
        [
            xy @ affine[:, :2].T + affine[:, 2]
            for xy, affine in zip(data.xy, data.patch_affine, strict=True)
        ]
    )
