# SPDX-License-Identifier: Apache-2.0
"""Tables of the page `The paper, reproduced`."""

from typing import Any

from result_files import load, markdown

_METRICS = ("ap", "ap50", "ap75")
_ENCODERS = {"": "MobileNetV3", "_resnet50": "ResNet-50"}
_STARTS = {
    "student": "`student`, which knows thermal pictures",
    "teacher": "the RGB teacher's encoder and 1x1",
}
_ROWS = {
    "start_alone": "after the pairs, no training on the cohort",
    "supervised_same_start": "after each fold",
}


def own_latent() -> str:
    """AP over beta for a teacher whose latent is its own: every training has the same steps."""
    sweep = load("pose_own_latent.json")["beta_sweep"]
    rows = [
        [
            beta,
            *(_mean_and_sd(one[metric]) for metric in ("ap", "ap50", "ap75", "ap_true_boxes")),
            ", ".join(f"{fold['ap_true_boxes']:.3f}" for fold in one["per_fold"]),
        ]
        for beta, one in sorted(sweep.items(), key=lambda item: float(item[0]))
    ]
    return markdown(["beta", "AP", "AP50", "AP75", "AP, true boxes", "true boxes, each fold"], rows)


def _mean_and_sd(figure: dict[str, float]) -> str:
    return f"{figure['mean']:.3f} ± {figure['sd']:.3f}"


def equal_start() -> str:
    """Distilled and supervised networks that start and train alike, for two starts."""
    rows = []
    for start, label in _STARTS.items():
        found = load(f"pose_start_{start}.json")
        trained = {
            "distilled, beta 0": found["beta_sweep"]["0.0"],
            "distilled, beta 0.4": found["models"]["student_mobilenetv3"],
            "supervised": found["models"]["supervised_same_start"],
        }
        for name, one in trained.items():
            figures = [_mean_and_sd(one[key]) for key in (*_METRICS, "ap_true_boxes")]
            rows.append([label, name, *figures])
    return markdown(["start", "training", "AP", "AP50", "AP75", "AP, true boxes"], rows)


def rgb_only() -> str:
    """Networks that learned from the keypoints of RGB pictures alone, and those keypoints."""
    found = load("pose_rgb_only.json")
    labels = found["teacher"]["on_cohort_rgb"]
    rows = [["the labels, on RGB", "", *(f"{labels[name]:.3f}" for name in _METRICS), "", ""]]
    for suffix, encoder in _ENCODERS.items():
        for name, label in _ROWS.items():
            one = found["models"].get(name + suffix, {})
            if one.get("folds_run"):
                rows.append([f"{encoder}, {label}", str(one["folds_run"]), *_accuracy(one)])
    header = ["against the exact keypoints", "folds", "AP", "AP50", "AP75"]
    return markdown([*header, "AP, OKS on box area", "AP, true boxes"], rows)


def _accuracy(row: dict[str, Any]) -> list[str]:
    figures = [*(row[name] for name in _METRICS), row["box_area"]["ap"], row["ap_true_boxes"]]
    if row["folds_run"] == 1:
        return [f"{figure['mean']:.3f}" for figure in figures]
    return [_mean_and_sd(figure) for figure in figures]
