# SPDX-License-Identifier: Apache-2.0
"""Judges models on several labelled sets under several assumed spans of temperature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.digest import sha256_of
from thermal_pose.inference.base import PersonDetector, PoseModel
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers, ask
from thermal_pose.lab.evaluation.labelled.detected import ask_detected, detected_figures
from thermal_pose.lab.evaluation.labelled.judge import labelled_figures
from thermal_pose.lab.evaluation.labelled.loss import BOX_SCALES, loss_figures
from thermal_pose.lab.evaluation.labelled.precision import Precisions, answer_precisions
from thermal_pose.lab.evaluation.labelled.resampling import (
    RESAMPLES,
    Figure,
    SceneDraws,
    difference,
    figure,
)
from thermal_pose.lab.evaluation.labelled.sheet import write_overlay_sheet
from thermal_pose.lab.learning.datasets.coco.labels import CocoLabels, read_labels

Span = tuple[float, float]

#: What a line of text shows of `labelled_figures`: key, text, digits.
_PRINTED: Final = (
    ("ap", "AP", 3),
    ("ap50", "AP50", 3),
    ("ap75", "AP75", 3),
    ("oks", "OKS", 3),
    ("oks_sides_ignored", "sides ignored", 3),
    ("mirrored", "mirrored", 0),
    ("joint_ece", "calibration error", 3),
    ("person_score", "person score", 2),
)
_PRINTED_DETECTED: Final = (("oks", "OKS"), ("box_recall", "recall of boxes"))


@dataclass(frozen=True)
class LabelledSet:
    """A COCO keypoint file, its pictures, and where they come from (source and licence)."""

    name: str
    labels: Path
    images: Path
    source: str = ""


def span_name(span_degc: Span) -> str:
    """Return a span as results name it.

    >>> span_name((21.0, 33.0))
    '21..33'
    """
    return f"{span_degc[0]:g}..{span_degc[1]:g}"


def judge_labelled(
    models: Sequence[str],
    sets: Sequence[LabelledSet],
    spans: Sequence[Span],
    sheets: Path | None = None,
    resamples: int = RESAMPLES,
    tell: Callable[[str], object] = lambda line: None,
    finder: PersonDetector | None = None,
) -> dict[str, Any]:
    """Return every model's figures on every set under every span.

    Parameters
    ----------
    models : names of shipped models, or paths of cards.
    spans : of 8-bit pictures, degC; figures of the first are the main ones.
    sheets : folder of overlay sheets of the first span; None: none are written.
    tell : called with one line of text per model, set and span.
    finder : also judge with this detector's boxes.

    Returns
    -------
    {'sets': ..., 'models': {model: {'model_id', set: figures of the set}}}. Figures of a set:
    `spans_degc`, by span (`labelled_figures`), with `detected` (`detected_figures`);
    `ap_spread_over_spans`; `loss` under the first span (`loss_figures`); and `ap_minus_fp32`
    of a model NAME-int8 that comes after NAME.

    Raises
    ------
    TrainingError
        Labels or pictures that cannot be read.
    StorageError
        A sheet cannot be written.
    """
    labels = {each.name: read_labels(each.labels) for each in sets}
    described = {each.name: _about(each, labels[each.name]) for each in sets}
    result: dict[str, Any] = {"sets": described, "models": {}}
    precisions: dict[tuple[str, str], list[float]] = {}
    for model in models:
        estimator = make_estimator(model)
        judged: dict[str, Any] = {"model_id": estimator.model_id}
        for each in sets:
            case = _Case(model, estimator, finder, each, labels[each.name], tell)
            found = judged[each.name] = case.judge(spans, resamples, sheets)
            precisions[model, each.name] = found.pop("ap_by_draw")
            fp32 = precisions.get((model.removesuffix("-int8"), each.name))
            if fp32 is not None and model.endswith("-int8"):
                found["ap_minus_fp32"] = difference(precisions[model, each.name], fp32)
        result["models"][model] = judged
    return result


def _about(each: LabelledSet, labels: CocoLabels) -> dict[str, Any]:
    return {
        "labels_sha256": sha256_of(each.labels)[:16],
        "people": len(labels.people),
        "source": each.source,
    }


@dataclass(frozen=True)
class _Case:
    """One model on one set."""

    model: str
    estimator: PoseModel
    finder: PersonDetector | None
    set: LabelledSet
    labels: CocoLabels
    tell: Callable[[str], object]

    def judge(self, spans: Sequence[Span], resamples: int, sheets: Path | None) -> dict[str, Any]:
        """Return the figures of `judge_labelled`, and `ap_by_draw` of the first span."""
        by_span = {span: self._ask(span) for span in spans}
        main = by_span[spans[0]]
        draws = SceneDraws.over(main.scenes, resamples)
        precisions = {span: answer_precisions(by_span[span], draws) for span in spans}
        figures = {
            span_name(span): self._figures(span, by_span[span], draws, precisions[span])
            for span in spans
        }
        if sheets is not None:
            sheet = sheets / f"{self.estimator.model_id}-{self.set.name}.png"
            write_overlay_sheet(sheet, self.labels, self.set.images, main, spans[0])
        ap = np.array([precisions[span]["ap"] for span in spans])
        boxes = {name: self._ask(spans[0], scale) for name, scale in BOX_SCALES.items()}
        loss = loss_figures(main, draws, precisions[spans[0]], boxes)
        if self.finder is not None:
            loss["box"]["detected"] = figures[span_name(spans[0])]["detected"]
        return {
            "spans_degc": figures,
            "ap_spread_over_spans": figure((ap.max(axis=0) - ap.min(axis=0)).tolist()),
            "loss": loss,
            "ap_by_draw": ap[0].tolist(),
        }

    def _ask(self, span: Span, box_scale: float = 1.0) -> LabelledAnswers:
        return ask(self.estimator, self.labels, self.set.images, span, box_scale)

    def _figures(
        self, span: Span, answers: LabelledAnswers, draws: SceneDraws, precisions: Precisions
    ) -> dict[str, Any]:
        found = labelled_figures(answers, draws, precisions)
        if self.finder is not None:
            asked = (self.estimator, self.finder, self.labels, self.set.images, span)
            detected = ask_detected(*asked)
            found["detected"] = detected_figures(answers, detected, draws, precisions)
        self.tell(f"{self.model} {self.set.name} {span_name(span)}: {_line(found)}")
        return found


def _line(found: dict[str, Any]) -> str:
    told = [f"{found['people']} people"]
    told += [f"{head} {_told(found[key], digits)}" for key, head, digits in _PRINTED]
    if "detected" in found:
        detected = found["detected"]
        told.append(f"with detected boxes AP {_told(detected['ap'])}")
        told += [f"{head} {_told(detected[key])}" for key, head in _PRINTED_DETECTED]
    return ", ".join(told)


def _told(one: Figure, digits: int = 3) -> str:
    text = f"{one['value']:.{digits}f}" if one["value"] is not None else "-"
    if one["ci95"] is None:
        return text
    low, high = one["ci95"]
    return f"{text} [{low:.{min(digits, 2)}f}, {high:.{min(digits, 2)}f}]"
