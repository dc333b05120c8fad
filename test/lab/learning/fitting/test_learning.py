# SPDX-License-Identifier: Apache-2.0
import copy
import dataclasses

import numpy as np
import pytest
import torch
from support.synthetic import stick_figures

from thermal_pose.errors import StorageError, TrainingError
from thermal_pose.inference.card import Normalization
from thermal_pose.lab.learning.fitting.config import AugmentConfig, FitConfig
from thermal_pose.lab.learning.fitting.crops import crop_affine
from thermal_pose.lab.learning.fitting.learner import Learner, fit_together
from thermal_pose.lab.learning.fitting.tasks import KeypointTask, ThermalCrops
from thermal_pose.lab.learning.fitting.training import Rows, Run
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.paper.cohort import split_folds
from thermal_pose.lab.learning.pose_data import (
    concatenate,
    earlier_frames,
    load_folder,
    load_shard,
    save_shard,
)
from thermal_pose.lab.learning.teachers.fit import check_disjoint, split_subjects

CPU = torch.device("cpu")
WIDTH = 16  # of the decoders here: the classic one, but a tenth of the work
FIT = FitConfig(epochs=1, batch=4, validate_every=1, lr=0.003)


def _learner(data, checkpoint=None, epochs=2, seed=1, lr=FIT.lr, about=None, ema=0.0) -> Learner:
    torch.manual_seed(seed)
    source = ThermalCrops(data, Normalization(), AugmentConfig(), CPU)
    present = torch.ones(len(data), 17, dtype=torch.bool)
    task = KeypointTask(
        source, torch.from_numpy(data.xy), present, AugmentConfig(shift=0.05, flip=0.5)
    )
    return Learner(
        "test",
        build_network("mobilenetv3", ClassicDecoder(width=WIDTH)),
        task,
        Rows(np.arange(8), np.arange(8, 12)),
        Run(
            dataclasses.replace(FIT, epochs=epochs, lr=lr, ema=ema),
            seed,
            CPU,
            checkpoint,
            about=about,
        ),
    )


def test_a_killed_and_resumed_run_ends_with_the_same_weights(figures, tmp_path) -> None:
    whole = _learner(figures, epochs=2)
    fit_together([whole])
    first = _learner(figures, tmp_path / "c.pt", epochs=1)
    fit_together([first])
    second = _learner(figures, tmp_path / "c.pt", epochs=2, seed=1)
    assert second.epoch == 1
    fit_together([second])
    for key, value in whole.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[key], value, rtol=0, atol=0)


def test_a_checkpoint_of_an_earlier_release_goes_on(figures) -> None:
    """Its key is what a release without averaged weights computed."""
    assert _learner(figures, about=["data", {"of": "students"}]).key == "1444b45a6999264f"
    assert _learner(figures, about=["data", {"of": "students"}], ema=0.9).key != "1444b45a6999264f"


def test_averaged_weights_are_kept_and_resumed(figures, tmp_path) -> None:
    whole = _learner(figures, epochs=2, ema=0.9)
    seen = [copy.deepcopy(whole.network.state_dict())]
    run_step = whole._step

    def step(inputs):
        run_step(inputs)
        seen.append(copy.deepcopy(whole.network.state_dict()))

    whole._step = step
    fit_together([whole])
    name = "project.weight"
    expected = seen[0][name]
    for count, state in enumerate(seen[1:], 1):
        decay = min(0.9, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * state[name]
    torch.testing.assert_close(whole.average.state[name], expected)
    assert not torch.equal(whole.network.state_dict()[name], expected)  # it learns on as it was

    first = _learner(figures, tmp_path / "c.pt", epochs=1, ema=0.9)
    fit_together([first])
    second = _learner(figures, tmp_path / "c.pt", epochs=2, ema=0.9)
    fit_together([second])
    for key, value in whole.average.state.items():
        torch.testing.assert_close(second.average.state[key], value, rtol=0, atol=0)
    kept = second.take_best().state_dict()
    torch.testing.assert_close(kept[name], second.best_state[name], rtol=0, atol=0)


def test_what_an_earlier_run_used_of_the_wall_clock_counts(figures, tmp_path) -> None:
    first = _learner(figures, tmp_path / "c.pt", epochs=1000)
    fit_together([first], max_minutes=0.001)
    assert 1 <= first.epoch < 1000 and first.used_s >= 0.06
    again = _learner(figures, tmp_path / "c.pt", epochs=1000)
    fit_together([again], max_minutes=0.001)
    assert again.epoch == first.epoch and again.used_s == first.used_s
    fit_together([again], max_minutes=again.used_s / 60 + 0.001)
    assert again.epoch > first.epoch


def test_nan_loss_stops_with_the_checkpoint_kept(figures, tmp_path) -> None:
    learner = _learner(figures, tmp_path / "c.pt", epochs=1)
    fit_together([learner])
    again = _learner(figures, tmp_path / "c.pt", epochs=3)
    with torch.no_grad():
        again.network.decoder.conv.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"loss is nan in epoch 1.*c\.pt is kept"):
        fit_together([again])
    assert _learner(figures, tmp_path / "c.pt").epoch == 1


def test_a_full_disk_keeps_the_last_checkpoint(figures, tmp_path, monkeypatch) -> None:
    learner = _learner(figures, tmp_path / "c.pt", epochs=1)
    fit_together([learner])
    before = (tmp_path / "c.pt").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StorageError, match="No space left"):
        learner.save()
    assert (tmp_path / "c.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_damaged_checkpoint_says_what_to_do(figures, tmp_path) -> None:
    (tmp_path / "c.pt").write_bytes(b"junk")
    with pytest.raises(TrainingError, match="delete it"):
        _learner(figures, tmp_path / "c.pt")


def test_a_checkpoint_of_another_training_is_not_taken_for_this_one(figures, tmp_path) -> None:
    path = tmp_path / "c.pt"
    fit_together([_learner(figures, path, epochs=1)])
    assert _learner(figures, path, epochs=9).epoch == 1  # may go on for longer
    for change in ({"lr": 0.5}, {"about": "other data"}, {"seed": 9}):
        with pytest.raises(TrainingError, match=r"c\.pt: was left by another training .*delete it"):
            _learner(figures, path, **change)
    assert path.is_file()


def test_too_few_rows_for_a_batch_is_an_error(figures) -> None:
    with pytest.raises(TrainingError, match="fewer than one batch"):
        learner = _learner(figures)
        few = Rows(np.arange(2), np.arange(2))
        Learner("x", learner.network, learner.task, few, Run(FIT, 1, CPU))


class _Line:
    """Learn y = 2 x - 1 from 64 points: a task whose best loss is known to be zero."""

    def draw(self, index, generator):
        return {"x": index[:, None].float() / 32 - 1}

    def loss(self, network, inputs):
        return (network(inputs["x"]) - (2 * inputs["x"] - 1)).square().mean()


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_a_learner_learns(schedule) -> None:
    torch.manual_seed(0)
    rows = Rows(np.arange(64), np.arange(64))
    fit = dataclasses.replace(FIT, epochs=60, batch=16, lr=0.05, schedule=schedule, bf16=False)
    learner = Learner("line", torch.nn.Linear(1, 1), _Line(), rows, Run(fit, 1, CPU))
    fit_together([learner])
    network = learner.take_best()
    assert network.weight.item() == pytest.approx(2, abs=0.05)
    assert network.bias.item() == pytest.approx(-1, abs=0.05)
    assert learner.history[-1]["validation_loss"] < 0.01 * learner.history[0]["validation_loss"]


def test_no_subject_is_in_two_folds(figures) -> None:
    folds = split_folds(figures)
    assert [fold.subject for fold in folds] == ["s0", "s1", "s2"]
    for index, fold in enumerate(folds):
        learned = np.concatenate([fold.rows.train, fold.rows.validation])
        assert index not in figures.subject[learned]
        assert set(figures.subject[fold.test]) == {index}
        assert not set(fold.rows.train) & set(fold.rows.validation)
        assert not set(figures.trial[fold.rows.train]) & set(figures.trial[fold.rows.validation])


def test_asynchronous_pairs_are_not_learnt_from(figures) -> None:
    marked = dataclasses.replace(figures, asynchronous=np.arange(len(figures)) % 5 == 0)
    for fold in split_folds(marked):
        assert not marked.asynchronous[
            np.concatenate([fold.rows.train, fold.rows.validation])
        ].any()


def test_a_subject_without_frames_is_named(figures) -> None:
    short = figures.select(figures.subject != 1)
    with pytest.raises(TrainingError, match="'s1' has no frames"):
        split_folds(short)


def test_teacher_and_evaluation_share_nobody(figures) -> None:
    train, validation = split_subjects(figures, 0)
    assert not set(figures.subject[train]) & set(figures.subject[validation])
    with pytest.raises(TrainingError, match="such as 's1'"):
        check_disjoint(("t0", "s1"), figures.subjects)


def test_shards_round_trip_and_join(figures, tmp_path) -> None:
    save_shard(figures, tmp_path / "a.npz")
    back = load_shard(tmp_path / "a.npz")
    assert back.fingerprint() == figures.fingerprint()
    other = stick_figures(6, subjects=2, seed=5)
    other = dataclasses.replace(
        other,
        frames=np.pad(other.frames, ((0, 0), (0, 2), (0, 0)), mode="edge"),
        frame_rows=np.full(6, 62, np.int16),
        subjects=("s0", "new"),
    )
    joined = concatenate([figures, other])
    assert len(joined) == len(figures) + 6
    assert joined.subjects == ("s0", "s1", "s2", "new")
    assert joined.frames.shape[1] == 62
    np.testing.assert_array_equal(joined.rgb()[-1], other.rgb()[-1])
    tail = joined.select(np.arange(len(joined) - 6, len(joined)))
    np.testing.assert_array_equal(tail.frames, other.frames)


def test_a_frame_s_predecessors_are_of_its_own_recording(figures) -> None:
    """Stamps are 125 ms apart; every sixth row is of the same trial, in the order of stamps."""
    trial = np.repeat([0, 1], 12).astype(np.int32)
    stamp_ns = figures.stamp_ns.copy()
    stamp_ns[6:12] += 2_000_000_000  # a gap
    data = dataclasses.replace(figures, trial=trial, stamp_ns=stamp_ns, trials=("a", "b"))
    earlier = earlier_frames(data, 2)
    assert earlier[[0, 1, 2, 3]].tolist() == [[0, 0], [0, 0], [1, 0], [2, 1]]
    assert earlier[[5, 6, 7]].tolist() == [[4, 3], [6, 6], [6, 6]]
    assert earlier[[11, 12, 13]].tolist() == [[10, 9], [12, 12], [12, 12]]
    backwards = data.select(np.arange(len(data))[::-1])
    assert earlier_frames(backwards, 2).tolist() == earlier.tolist()


def test_earlier_frames_are_the_other_channels_of_the_same_crop(figures) -> None:
    data = dataclasses.replace(figures, trial=np.zeros(len(figures), np.int32))
    plain = ThermalCrops(data, Normalization(), AugmentConfig(), CPU)
    three = ThermalCrops(data, Normalization(), AugmentConfig(), CPU, with_earlier=True)
    rows = torch.tensor([5])
    inputs = three.draw(rows, None) | {"affine": crop_affine(three.regions[rows])}
    image = three.images(inputs)
    assert image.shape == (1, 3, 256, 192)
    for channel, source in enumerate((plain, plain.shifted(1), plain.shifted(2))):
        torch.testing.assert_close(image[:, channel], source.images(inputs)[:, 0])
    there = {"affine": inputs["affine"], "index": torch.tensor([4])}
    torch.testing.assert_close(image[:, 1], plain.images(there)[:, 0])
    drawn = three.draw(rows, torch.Generator().manual_seed(0)) | {"affine": inputs["affine"]}
    assert three.images(drawn).isfinite().all()


def test_shards_without_rgb_round_trip_and_say_so(tmp_path) -> None:
    data = stick_figures(4, subjects=2, rgb=False)
    save_shard(data, tmp_path / "a.npz")
    back = load_shard(tmp_path / "a.npz")
    assert back.patches == ()
    with pytest.raises(TrainingError, match="no RGB"):
        back.rgb()


def test_damaged_and_missing_shards_are_named(tmp_path) -> None:
    with pytest.raises(TrainingError, match="no data set"):
        load_folder(tmp_path)
    (tmp_path / "x.npz").write_bytes(b"junk")
    with pytest.raises(TrainingError, match=r"x\.npz"):
        load_folder(tmp_path)
