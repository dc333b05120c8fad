# SPDX-License-Identifier: Apache-2.0
"""The seed paper's Table I and Fig. 3 from a results file of `thermal-pose loso`.

Cells that were not run are marked; nothing is estimated. The paper's own figures come from
recordings that are not public; they are shown for orientation, not as a comparison.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from thermal_pose.errors import MissingExtraError, TrainingError

METRICS: Final = ("ap", "ap50", "ap75")
NOT_RUN: Final = "not run"
_BREAKDOWNS: Final = {
    "phase": "AP by phase, true boxes",
    "distance_m": "AP by distance in m, true boxes",
    "view": "AP by viewing direction, true boxes",
    "occluded_joints": "AP by number of occluded joints (from, up to but without), true boxes",
    "subject": "AP by person, true boxes",
    "joint": "Similarity (and median error) by joint, true boxes",
    "left_right": "AP if no person were mirrored (n people were), true boxes",
}


@dataclass(frozen=True)
class TableRow:
    """One line of the table.

    Attributes
    ----------
    label, encoder : as the paper calls them.
    paper : the paper's AP, AP50 and AP75 as printed in its Table I; None: not in the paper.
    """

    label: str
    encoder: str
    paper: tuple[str, str, str] | None = None


#: By name in the results file, in the paper's order; the last two rows are ours.
TABLE_I: Final[dict[str, TableRow]] = {
    "keypoint_rcnn": TableRow(
        "Keypoint R-CNN, supervised",
        "ResNeXt-101",
        ("0.214 ± 0.094", "0.484 ± 0.157", "0.166 ± 0.105"),
    ),
    "vitpose_b_supervised": TableRow(
        "ViTPose, supervised", "ViT-Base", ("0.043 ± 0.010", "0.082 ± 0.019", "0.038 ± 0.009")
    ),
    "student_vit_b": TableRow(
        "distilled", "ViT-Base", ("0.124 ± 0.039", "0.228 ± 0.065", "0.113 ± 0.038")
    ),
    "student_resnet50": TableRow(
        "distilled", "ResNet-50", ("0.882 ± 0.088", "0.938 ± 0.055", "0.897 ± 0.088")
    ),
    "student_mobilenetv3": TableRow(
        "distilled", "MobileNetV3", ("0.861 ± 0.071", "0.942 ± 0.039", "0.887 ± 0.074")
    ),
    "supervised_no_transfer": TableRow("supervised, no transfer", "MobileNetV3"),
    "supervised_same_start": TableRow("supervised, same start as the student", "MobileNetV3"),
    "supervised_same_start_resnet50": TableRow("supervised, same start", "ResNet-50"),
    "start_alone": TableRow("the start alone, no training on the cohort", "MobileNetV3"),
    "start_alone_resnet50": TableRow("the start alone, no training on the cohort", "ResNet-50"),
    "teacher_on_thermal": TableRow("RGB teacher on thermal", "the teacher's"),
}


def read_results(path: Path) -> dict[str, Any]:
    """Read a results file.

    Raises
    ------
    TrainingError
        The file does not exist or is not a results file of `thermal-pose loso`.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        models = results["models"]
        missing = [m for entry in models.values() for m in METRICS if m not in entry]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path}: no results of `thermal-pose loso`: {error!r}") from error
    if missing:
        raise TrainingError(f"{path}: an entry of 'models' lacks '{missing[0]}'")
    return dict(results)


def read_variants(path: Path) -> dict[str, Any]:
    """Read a results file of `thermal-pose loso-variants`.

    Raises
    ------
    TrainingError
        The file does not exist or is not a results file of `thermal-pose loso-variants`.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        wrong = [name for name, entry in results["variants"].items() if "baseline" not in entry]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path}: no results of `loso-variants`: {error!r}") from error
    if wrong:
        raise TrainingError(f"{path}: the variant '{wrong[0]}' has no baseline")
    return dict(results)


def _cell(value: Mapping[str, float | None] | None) -> str:
    if value is None or value["mean"] is None or value["sd"] is None:
        return NOT_RUN
    return f"{value['mean']:.3f} ± {value['sd']:.3f}"


def _count(value: int | None, unit: float) -> str:
    return "-" if value is None else f"{value / unit:.3f}"


def _training(entry: Mapping[str, Any]) -> list[str]:
    """Return folds, steps, crops, minutes of wall clock and start of a row, where recorded."""
    trained = any(entry.get("steps", ())) or any(entry.get("epochs", ()))
    return [
        str(entry.get("folds_run", 0)),
        _span(entry.get("steps", ())),
        _span(entry.get("crops", ())),
        f"{minutes:g}" if (minutes := entry.get("max_minutes")) else "-",
        entry.get("started_from", "-") if trained else "-",
    ]


def _span(counts: Sequence[int]) -> str:
    """Return the least and the largest of the folds' counts; '-' if nothing was counted."""
    known = sorted(set(counts) - {0})
    return " to ".join(dict.fromkeys(map(str, known[:1] + known[-1:]))) or "-"


def empty_because(entry: Mapping[str, Any]) -> str:
    """Return why a row that was run has no accuracy to show; '' if it has.

    Results of release 0.1 count started epochs instead of steps. Up to two of them may be two
    steps, one per stage, so such a row says nothing about its method.
    """
    if entry.get("reason"):
        return str(entry["reason"])
    epochs = max(entry.get("epochs", ()), default=0)
    if "steps" not in entry and 0 < epochs <= 2:
        return f"epochs started: {epochs}; its steps were not counted"
    return ""


def table_i(results: Mapping[str, Any]) -> str:
    """Return Table I as Markdown: ours, the paper's beside it, and what both were measured on.

    Parameters
    ----------
    results : as `read_results` returns them.
    """
    header = (
        "| model | encoder | AP | AP50 | AP75 | AP, OKS on box area | AP, teacher's labels "
        "| AP, true boxes | params M | multiply-adds G | folds | steps per fold "
        "| crops per fold | minutes | starts from "
        "| paper: AP | AP50 | AP75 |"
    )
    lines = [header, "|" + "---|" * header.count("|", 1)]
    for name, row in TABLE_I.items():
        entry = results["models"].get(name, {})
        boxed = (entry.get("box_area") or {}).get("ap")
        shown = [*(entry.get(m) for m in METRICS), boxed]
        shown += [entry.get("ap_teacher"), entry.get("ap_true_boxes")]
        ours = [NOT_RUN if empty_because(entry) else _cell(value) for value in shown]
        size = [_count(entry.get("params"), 1e6), _count(entry.get("macs"), 1e9)]
        cells = [row.label, row.encoder, *ours, *size, *_training(entry)]
        cells += row.paper or ("-",) * 3
        lines.append(f"| {' | '.join(cells)} |")
    notes = _caption(results) + _earlier_teachers(results) + _empty_rows(results)
    return "\n".join([*lines, "", notes, ""])


def _empty_rows(results: Mapping[str, Any]) -> str:
    return "".join(
        f" Empty: {TABLE_I[name].label} {TABLE_I[name].encoder} ({reason})."
        for name, entry in results["models"].items()
        if name in TABLE_I and (reason := empty_because(entry))
    )


def _earlier_teachers(results: Mapping[str, Any]) -> str:
    """Name the rows whose labels come from another teacher than the file's."""
    latest = (results.get("teacher") or {}).get("ap_rgb")
    rows: dict[float, list[str]] = {}
    for name, entry in results["models"].items():
        accuracy = (entry.get("teacher") or {}).get("ap_rgb")
        if name in TABLE_I and entry.get("folds_run") and accuracy not in (None, latest):
            rows.setdefault(accuracy, []).append(f"{TABLE_I[name].label} {TABLE_I[name].encoder}")
    present = "" if latest is None else f", not {latest:.3f}"
    return "".join(
        f" With the labels of an earlier teacher (AP {accuracy:.3f} on held-out people's RGB"
        f"{present}): {'; '.join(names)}."
        for accuracy, names in rows.items()
    )


def breakdowns(results: Mapping[str, Any]) -> str:
    """Return, as Markdown, AP by phase, distance and so on, and similarity by joint.

    Parameters
    ----------
    results : as `read_results` returns them; models without a break-down are left out. The
        first column is the RGB teacher on the cohort's RGB: the accuracy of its labels.
    """
    found = {
        f"{TABLE_I[name].label}, {TABLE_I[name].encoder}": entry["breakdown"]
        for name, entry in results["models"].items()
        if name in TABLE_I and entry.get("breakdown") and not empty_because(entry)
    }
    taught = ((results.get("teacher") or {}).get("on_cohort_rgb") or {}).get("breakdown")
    if taught:
        found = {"RGB teacher on RGB": taught, **found}
    return "".join(_breakdown(part, title, found) for part, title in _BREAKDOWNS.items())


def beyond_table(results: Mapping[str, Any]) -> str:
    """Return a Markdown table of the gain of each change to the paper's method, on the same folds.

    Parameters
    ----------
    results : what `thermal-pose loso-variants` wrote.
    """
    header = (
        "| change | folds | steps | AP, true boxes | baseline | gain ± standard error "
        "| AP, detected boxes | baseline | helps |"
    )
    lines = [header, "|" + "---|" * header.count("|", 1)]
    for entry in results["variants"].values():
        gain, error = entry["gain_ap_true_boxes"], entry["gain_standard_error"]
        told = "-" if gain is None else f"{gain:+.3f}" + (f" ± {error:.3f}" if error else "")
        helps = {True: "yes", False: "no", None: "unknown"}[entry["helps"]]
        cells = [
            entry["change"],
            str(entry["folds_run"]),
            _span(entry.get("steps", ())),
            _cell(entry["ap_true_boxes"]),
            _cell(entry["baseline"]["ap_true_boxes"]),
            told,
            _cell(entry["ap"]),
            _cell(entry["baseline"]["ap"]),
            helps,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", _caption(results), ""])


def _breakdown(part: str, title: str, found: Mapping[str, Any]) -> str:
    rows = list(dict.fromkeys(row for parts in found.values() for row in parts.get(part, {})))
    if not rows:
        return ""
    lines = [f"## {title}", "", f"| | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for row in rows:
        cells = [_part_cell(parts.get(part, {}).get(row)) for parts in found.values()]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", ""])


def _part_cell(value: Any) -> str:
    if value is None or value.get("ap", 0.0) is None:
        return "-"
    if "ap" in value:
        return f"{value['ap']:.3f} (n = {value['n']})"
    return f"{value['similarity']:.3f} ({value['median_error_px']:.2f} px)"


def _caption(results: Mapping[str, Any]) -> str:
    data = results.get("data") or {}
    teacher = results.get("teacher") or {}
    kind = "Simulated people" if data.get("simulated") else "Recorded people"
    return (
        f"{kind}, leave-one-subject-out, mean ± SD over the folds run. Data: "
        f"{data.get('subjects', 'no')} subjects, hash `{data.get('hash', 'none')}`. OKS: "
        f"{data.get('oks', '-')}; boxes of detector `{data.get('detector') or 'none'}`. Teacher: "
        f"{teacher.get('name', 'none')}. Device: {results.get('device') or 'none'}."
    )


def draw_sweep(results: Mapping[str, Any], path: Path) -> Path:
    """Draw Fig. 3, AP against the loss' weight beta, as PNG.

    Raises
    ------
    TrainingError
        No beta was run.
    MissingExtraError
        matplotlib is not installed.
    """
    points = sweep_points(results)
    if not points["ap"]:
        raise TrainingError("the beta sweep was not run: nothing to draw")
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing the beta sweep", "matplotlib", "train") from error
    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for metric, label in zip(METRICS, ("AP", "AP50", "AP75"), strict=True):
        betas, means, spreads = zip(*points[metric], strict=True)
        axes.errorbar(betas, means, spreads, marker="o", capsize=3, label=label)
    axes.set(xlabel="beta: weight of the latent term", ylabel="average precision", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    return path


def sweep_points(results: Mapping[str, Any]) -> dict[str, list[tuple[float, float, float]]]:
    """Return (beta, mean, SD) of every beta that was run, by metric and in beta's order."""
    sweep = results.get("beta_sweep") or {}
    return {
        metric: [
            (float(beta), entry[metric]["mean"], entry[metric]["sd"])
            for beta, entry in sorted(sweep.items(), key=lambda item: float(item[0]))
            if entry[metric]["mean"] is not None
        ]
        for metric in METRICS
    }
