# SPDX-License-Identifier: Apache-2.0
"""Judges models on several labelled sets under several assumed spans of temperature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermal_pose.digest import sha256_of
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.evaluation.labelled.answers import ask
from thermal_pose.lab.evaluation.labelled.judge import RESAMPLES, labelled_figures
from thermal_pose.lab.evaluation.labelled.sheet import write_overlay_sheet
from thermal_pose.lab.learning.datasets.coco.labels import read_labels

Span = tuple[float, float]


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
) -> dict[str, Any]:
    """Return every model's figures on every set under every span.

    Parameters
    ----------
    models : names of shipped models, or paths of cards.
    spans : of 8-bit pictures, degC; figures of the first are the main ones.
    sheets : folder of overlay sheets of the first span; None: none are written.
    tell : called with one line of text per model, set and span.

    Returns
    -------
    {'sets': ..., 'models': {model: {'model_id', set: {span: figures, 'ap_spread_over_spans'}}}}

    Raises
    ------
    TrainingError
        Labels or pictures that cannot be read.
    StorageError
        A sheet cannot be written.
    """
    labels = {each.name: read_labels(each.labels) for each in sets}
    result: dict[str, Any] = {
        "sets": {
            each.name: {
                "labels_sha256": sha256_of(each.labels)[:16],
                "people": len(labels[each.name].people),
                "source": each.source,
            }
            for each in sets
        },
        "models": {},
    }
    for model in models:
        estimator = make_estimator(model)
        judged: dict[str, Any] = {"model_id": estimator.model_id}
        for each in sets:
            of_set: dict[str, Any] = {}
            for span in spans:
                answers = ask(estimator, labels[each.name], each.images, span)
                of_set[span_name(span)] = labelled_figures(answers, resamples)
                tell(f"{model} {each.name} {span_name(span)}: {_line(of_set[span_name(span)])}")
                if sheets is not None and span == spans[0]:
                    sheet = sheets / f"{estimator.model_id}-{each.name}.png"
                    write_overlay_sheet(sheet, labels[each.name], each.images, answers, span)
            precisions = [of_set[span_name(span)]["ap"]["value"] for span in spans]
            judged[each.name] = {
                "spans_degc": of_set,
                "ap_spread_over_spans": max(precisions) - min(precisions),
            }
        result["models"][model] = judged
    return result


def _line(found: dict[str, Any]) -> str:
    def told(name: str, digits: int = 3) -> str:
        interval = found[name]["ci95"]
        text = f"{found[name]['value']:.{digits}f}"
        return text if interval is None else f"{text} [{interval[0]:.2f}, {interval[1]:.2f}]"

    return (
        f"{found['people']} people, AP {told('ap')}, AP50 {told('ap50')}, AP75 {told('ap75')}, "
        f"OKS {told('oks')} (sides ignored {found['oks_sides_ignored']['value']:.3f}), "
        f"mirrored {found['mirrored']['value']:.0f}, calibration error {told('joint_ece')}, "
        f"person score {found['person_score']['value']:.2f}"
    )
