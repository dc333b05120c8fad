# SPDX-License-Identifier: Apache-2.0
import contextlib
import io

import numpy as np
import pytest

from thermal_pose.lab.metrics.oks import (
    EstimatedPose,
    TruePose,
    average_precision,
    joint_similarity,
    oks,
    pose_score,
)
from thermal_pose.skeleton import SIGMAS

pycocotools = pytest.importorskip("pycocotools")


def _scene(seed: int, images: int = 60) -> tuple[list[TruePose], list[EstimatedPose]]:
    """People, some doubled, some missed, some without visible joints, estimates of all grades."""
    rng = np.random.default_rng(seed)
    truths, estimates = [], []
    for image in range(1, images + 1):
        for _ in range(rng.integers(0, 4)):
            xy = rng.uniform(5, 55, (17, 2))
            visibility = rng.integers(0, 3, 17) * (rng.random() > 0.1)
            truths.append(TruePose(image, xy, visibility, float(rng.uniform(50, 400))))
            for _ in range(rng.integers(0, 3)):
                noise = rng.normal(0, rng.choice([0.2, 1.0, 3.0]), (17, 2))
                estimates.append(EstimatedPose(image, xy + noise, float(rng.random())))
        if rng.random() < 0.3:
            estimates.append(EstimatedPose(image, rng.uniform(0, 60, (17, 2)), float(rng.random())))
    return truths, estimates


def _pycocotools_ap(truths, estimates) -> tuple[float, float, float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def triplets(xy, visibility):
        return np.concatenate([xy, np.reshape(visibility, (17, 1))], axis=1).ravel().tolist()

    def box(xy):
        low, high = xy.min(0), xy.max(0)
        return [*low.tolist(), *(high - low).tolist()]

    images = sorted({p.image for p in [*truths, *estimates]})
    annotations = [
        {
            "id": i,
            "image_id": p.image,
            "category_id": 1,
            "keypoints": triplets(p.xy, p.visibility),
            "num_keypoints": int((p.visibility > 0).sum()),
            "area": p.area_px,
            "bbox": box(p.xy),
            "iscrowd": 0,
        }
        for i, p in enumerate(truths, start=1)
    ]
    results = [
        {
            "image_id": p.image,
            "category_id": 1,
            "keypoints": triplets(p.xy, np.ones(17)),
            "score": p.score,
        }
        for p in estimates
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in images],
            "annotations": annotations,
            "categories": [{"id": 1}],
            "info": {},
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "keypoints")
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, 0, 0]
    return precision.mean(), precision[0].mean(), precision[5].mean()


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_pycocotools(seed) -> None:
    truths, estimates = _scene(seed)
    ours = average_precision(truths, estimates)
    np.testing.assert_allclose(
        [ours.ap, ours.ap50, ours.ap75], _pycocotools_ap(truths, estimates), atol=1e-5
    )


def test_perfect_estimates_score_one() -> None:
    truths, _ = _scene(0)
    seen = [p for p in truths if (p.visibility > 0).any()]
    result = average_precision(seen, [EstimatedPose(p.image, p.xy, 0.5) for p in seen])
    assert (result.ap, result.ap50, result.ap75) == pytest.approx((1, 1, 1))


def test_missed_people_cost_recall() -> None:
    truths = [TruePose(i, np.full((17, 2), 9.0), np.full(17, 2), 100.0) for i in range(4)]
    found = [EstimatedPose(p.image, p.xy, 1.0) for p in truths[:2]]
    assert average_precision(truths, found).ap == pytest.approx(51 / 101)
    assert average_precision(truths, []).ap == 0


def test_nothing_to_find_is_none_not_zero() -> None:
    assert average_precision([], [EstimatedPose(0, np.zeros((17, 2)), 1.0)]).ap is None


def test_similarity_of_a_joint_one_k_s_away_is_exp_minus_half() -> None:
    true = np.zeros((17, 2))
    estimated = np.zeros((17, 2))
    estimated[:, 0] = 2 * SIGMAS * 10
    np.testing.assert_allclose(joint_similarity(estimated, true, 100.0), np.exp(-0.5))
    visibility = np.zeros(17)
    assert np.isnan(oks(estimated, true, visibility, 100.0))
    visibility[3] = 1
    assert oks(estimated, true, visibility, 100.0) == pytest.approx(np.exp(-0.5))


def test_people_are_ranked_by_their_joints_where_all_are_surely_people() -> None:
    joints = np.stack([np.full(17, 0.9), np.full(17, 0.2)])
    assert pose_score(joints, [1.0, 1.0]) == pytest.approx([0.9, 0.2])
    assert pose_score(joints[0], 0.5) == pytest.approx(0.45)


def test_nan_estimates_score_zero() -> None:
    assert oks(np.full((17, 2), np.nan), np.zeros((17, 2)), np.ones(17), 10.0) == 0


def test_wrong_shapes_and_areas_are_named() -> None:
    with pytest.raises(ValueError, match="expected"):
        TruePose(0, np.zeros((16, 2)), np.zeros(17), 1.0)
    with pytest.raises(ValueError, match="area_px"):
        oks(np.zeros((17, 2)), np.zeros((17, 2)), np.ones(17), 0.0)
