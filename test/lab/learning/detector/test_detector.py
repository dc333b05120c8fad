# SPDX-License-Identifier: Apache-2.0
"""A toy world of warm boxes: small enough to learn in seconds, exact enough to judge."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from thermal_pose.cli import main as command
from thermal_pose.errors import ModelArtifactError, TrainingError
from thermal_pose.inference.factory import make_detector
from thermal_pose.lab.learning.detector.augment import (
    DetectorAugmentation,
    augment,
    with_heavy_effects,
)
from thermal_pose.lab.learning.detector.data import (
    MAX_BOXES,
    DetectorData,
    load_detector_data,
    thinned,
)
from thermal_pose.lab.learning.detector.export import (
    choose_threshold,
    detect_all,
    export_detector,
    figures_of,
    load_weights,
    save_weights,
)
from thermal_pose.lab.learning.detector.fit import (
    DetectorTraining,
    detector_loss,
    targets,
    train_detector,
)
from thermal_pose.lab.learning.detector.network import (
    DetectorMaps,
    DetectorWithPeaks,
    TinyDetector,
    cell_boxes,
)
from thermal_pose.lab.learning.fitting.heavy_config import HeavyConfig

CALM = DetectorAugmentation(
    zoom=(1.0, 1.0),
    contrast=(1.0, 1.0),
    offset_k=0.0,
    noise_k=0.02,
    warm_objects=0,
    pair=0.0,
    heavy=HeavyConfig(share=0.0),
)


def write_shard(path, n=40, seed=0, rows=60):
    """Frames with no, one or two people 5 K warm, one row per person or, if none, an empty row."""
    rng = np.random.default_rng(seed)
    frames = np.full((n, rows, 80), 29500, np.uint16)
    frame_of, boxes, person = [], [], []
    for index in range(n):
        for place in range(index % 3):
            left, top = 5 + 38 * place + rng.integers(0, 20), rng.integers(2, 20)
            width, height = rng.integers(8, 14), rng.integers(24, 36)
            frames[index, top : top + height, left : left + width] = 30000
            box = [left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5]
            frame_of.append(index)
            boxes.append(box)
            person.append(True)
        if index % 3 == 0:
            frame_of.append(index)
            boxes.append([0, 0, 10, 10])
            person.append(False)
    np.savez(
        path,
        frames=frames,
        frame_rows=np.full(n, rows, np.int16),
        frame_of=np.array(frame_of, np.int32),
        boxes=np.array(boxes, np.float32),
        person=np.array(person),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    write_shard(folder / "a.npz", rows=60)
    write_shard(folder / "b.npz", seed=1, rows=62)
    return load_detector_data(folder)


def test_shards_become_frames_with_all_their_boxes(data):
    assert len(data) == 80 and data.frames.shape[1:] == (64, 80)
    counts = (data.boxes[..., 2] > 0).sum(1)
    assert list(counts[:6]) == [0, 1, 2, 0, 1, 2]
    np.testing.assert_array_equal(data.frames[0], 0)
    assert data.frames[1].max() == pytest.approx(5.0, abs=0.01)
    assert set(data.rows) == {60, 62}
    assert len(thinned(data, 7)) == 7 and thinned(data, None) is data
    assert thinned(data, 7).fingerprint() != data.fingerprint()


def test_frames_of_real_people_are_told_from_simulated_ones(tmp_path):
    write_shard(tmp_path / "a.npz", n=6)
    with np.load(tmp_path / "a.npz") as shard:
        content = dict(shard)
    for heading_deg, simulated in ((10.0, True), (np.nan, False)):
        content["heading_deg"] = np.full(len(content["person"]), heading_deg, np.float32)
        np.savez(tmp_path / "a.npz", **content)
        assert load_detector_data(tmp_path).simulated is simulated


def test_heavy_effects_reach_a_share_of_the_frames_and_keep_the_median(data):
    frames = torch.from_numpy(data.frames[:40]).float()
    effects, generator = HeavyConfig(share=0.5), torch.Generator().manual_seed(0)
    disturbed = with_heavy_effects(frames, effects, generator)
    changed = (disturbed - frames).abs().flatten(1).amax(1) > 0.01
    assert changed[:20].all() and not changed[20:].any()
    torch.testing.assert_close(disturbed.flatten(1).median(1).values, torch.zeros(40))
    assert with_heavy_effects(frames, HeavyConfig(share=0.0), generator) is frames


def test_a_folder_without_shards_or_with_a_damaged_one_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="no shard"):
        load_detector_data(tmp_path)
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match="not a shard"):
        load_detector_data(tmp_path)


def test_targets_peak_at_the_centres_and_own_their_cells():
    boxes = torch.zeros(1, MAX_BOXES, 4)
    boxes[0, 0] = torch.tensor([9.5, 9.5, 17.5, 41.5])
    boxes[0, 1] = torch.tensor([49.5, 9.5, 57.5, 41.5])
    heat, owner, weight = targets(boxes, 16, 20)
    assert heat.shape == (1, 16, 20) and float(heat.max()) == 1.0
    assert int((heat == 1).sum()) == 2
    assert int(owner[0, 6, 3]) == 0 and int(owner[0, 6, 13]) == 1
    assert float(weight[0, 0, 0]) == 0


def test_perfect_maps_have_next_to_no_loss_and_wrong_ones_much():
    boxes = torch.zeros(1, MAX_BOXES, 4)
    boxes[0, 0] = torch.tensor([9.5, 9.5, 21.5, 41.5])
    heat, _, _ = targets(boxes, 16, 20)
    centres = cell_boxes(torch.zeros(1, 4, 16, 20))[:, :2]
    edges = torch.cat(
        [centres - boxes[:, 0, :2, None, None], boxes[:, 0, 2:, None, None] - centres], 1
    )
    logits = torch.where(heat > 0.9999, 12.0, torch.logit(heat.clamp(1e-6, 0.5)) - 6)[:, None]
    good, _ = detector_loss(DetectorMaps(logits, edges), boxes, 2.0)
    bad, _ = detector_loss(DetectorMaps(-logits, edges + 20), boxes, 2.0)
    assert float(good) < 0.05 < 1.0 < float(bad)


def test_boxes_follow_their_people_through_the_disturbance(data):
    frames = torch.from_numpy(data.frames[:40]).float()
    boxes = torch.from_numpy(data.boxes[:40])
    settings = replace(CALM, zoom=(0.9, 1.8), pair=0.5)
    moved, moved_boxes = augment(frames, boxes, settings, torch.Generator().manual_seed(3))
    checked = 0
    for image, found in zip(moved[:, 0], moved_boxes, strict=True):
        for left, top, right, bottom in found[found[:, 2] > 0].tolist():
            assert -0.5 <= left < right <= 79.5 and -0.5 <= top < bottom <= 63.5
            middle = image[round((top + bottom) / 2), round((left + right) / 2)]
            assert float(middle) == pytest.approx(1.0, abs=0.6)  # 5 K over 5 K, minus a slope
            checked += 1
    assert checked > 30


def test_disturbances_are_seeded(data):
    frames, boxes = torch.from_numpy(data.frames[:8]).float(), torch.from_numpy(data.boxes[:8])
    one, other = (
        augment(frames, boxes, DetectorAugmentation(), torch.Generator().manual_seed(5))
        for _ in range(2)
    )
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_peaks_are_best_first_and_exact():
    network = TinyDetector().eval()
    boxes, scores = DetectorWithPeaks(network).eval()(torch.rand(2, 1, 64, 80))
    assert boxes.shape == (2, 10, 4) and scores.shape == (2, 10)
    assert torch.all(scores[:, :-1] >= scores[:, 1:])


def test_it_learns_the_toy_world_exports_and_finds_everyone(data, tmp_path):
    settings = DetectorTraining(
        max_steps=80, max_minutes=5, batch=8, learning_rate=4e-3, ema=0.9, device="cpu",
        augmentation=CALM,
    )  # fmt: skip
    network = train_detector(data, settings)
    card = export_detector(network, tmp_path)
    answers = detect_all(make_detector(str(card)), data)
    threshold = choose_threshold(answers)
    figures = figures_of(answers, threshold)
    assert figures["all"]["ap50"] > 0.9 and figures["several_people"]["recall"] > 0.85
    assert figures["empty"]["ap50"] is None


def test_data_without_people_is_refused(data):
    empty = DetectorData(data.frames, data.rows, np.zeros_like(data.boxes))
    with pytest.raises(TrainingError, match="no person"):
        train_detector(empty, DetectorTraining(max_steps=1, device="cpu"))


def test_training_continues_from_saved_weights(data, tmp_path):
    settings = DetectorTraining(max_steps=1, batch=4, device="cpu", learning_rate=1e-9)
    begun = train_detector(data, settings)
    save_weights(begun, tmp_path / "detector.pt")
    further = train_detector(data, settings, start=load_weights(tmp_path / "detector.pt"))
    torch.testing.assert_close(further.stem[0].weight, begun.stem[0].weight)
    (tmp_path / "detector.pt").write_bytes(b"nothing")
    with pytest.raises(ModelArtifactError, match="not the weights of a detector"):
        load_weights(tmp_path / "detector.pt")


def test_commands_train_and_judge(tmp_path, capsys):
    (tmp_path / "shards").mkdir()
    write_shard(tmp_path / "shards" / "a.npz", n=12)
    words = ["--train", str(tmp_path / "shards"), "--validation", str(tmp_path / "shards")]
    out = tmp_path / "model"
    args = ["train-detector", *words, "--out", str(out), "--max-steps", "2", "--batch", "4"]
    assert command.main([*args, "--device", "cpu"]) == 0
    card = json.loads((out / "detector.json").read_text())
    assert card["data"]["frames"] == 12 and "validation" in card["figures"]
    assert card["data"]["hash"] == load_detector_data(tmp_path / "shards").fingerprint()
    figures = tmp_path / "figures.json"
    args = [
        "evaluate-detector",
        "--detector",
        str(out / "detector.json"),
        "--detector",
        "warm_blob",
    ]
    assert (
        command.main([*args, "--evaluation", f"toy={tmp_path / 'shards'}", "--out", str(figures)])
        == 0
    )
    said = json.loads(figures.read_text())
    assert said["simulated"] == {"toy": True}
    judged = said["detectors"]
    assert judged["warm_blob"]["toy"]["all"]["ap50"] > 0.9
    assert "warm_blob on toy: AP50" in capsys.readouterr().out


def test_faster_rcnn_needs_its_extra_or_trains(data, tmp_path):
    from thermal_pose.errors import MissingExtraError
    from thermal_pose.lab.learning.detector.faster_rcnn import save_faster_rcnn, train_faster_rcnn

    settings = DetectorTraining(max_steps=1, batch=2, device="cpu")
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        with pytest.raises(MissingExtraError, match=r"thermal-pose\[torchvision\]"):
            train_faster_rcnn(data, settings)
        return
    weights = tmp_path / "faster_rcnn.pt"
    save_faster_rcnn(train_faster_rcnn(data, settings), weights)
    detector = make_detector(f"faster_rcnn:{weights}")
    assert isinstance(detector.detect(np.full((60, 80), 29500, np.uint16)), tuple)


def test_faster_rcnn_is_fed_pictures_and_boxes_in_its_own_convention(data):
    from thermal_pose.lab.learning.detector.faster_rcnn import _as_torchvision

    inputs = torch.tensor([-2.0, 3.0]).reshape(2, 1, 1, 1).expand(2, 1, 64, 80)
    pictures, wanted = _as_torchvision(inputs, torch.from_numpy(data.boxes[1:3]))
    assert [float(picture.max()) for picture in pictures] == [0.0, 1.0]
    assert pictures[0].shape == (3, 64, 80)
    assert [len(one["labels"]) for one in wanted] == [1, 2]
    torch.testing.assert_close(wanted[0]["boxes"], torch.from_numpy(data.boxes[1, :1]) + 0.5)
