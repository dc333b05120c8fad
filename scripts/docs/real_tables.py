# SPDX-License-Identifier: Apache-2.0
"""Tables of real frames: where a model loses, detected boxes, and int8 against fp32."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Markdown = Callable[[list[str], list[list[str]]], str]

#: Rows of the table of losses: text, then the path of the figures in `loss`.
LOSSES = (
    ("mirror: sides put right", "right", "sides"),
    ("joint: nose, eyes, ears put right", "right", "head"),
    ("joint: shoulders put right", "right", "shoulders"),
    ("joint: elbows, wrists put right", "right", "arms"),
    ("joint: hips, knees, ankles put right", "right", "hips_knees_ankles"),
    ("all right but sides", "only_wrong", "sides"),
    ("all right but nose, eyes, ears", "only_wrong", "head"),
    ("all right but shoulders", "only_wrong", "shoulders"),
    ("all right but elbows, wrists", "only_wrong", "arms"),
    ("all right but hips, knees, ankles", "only_wrong", "hips_knees_ankles"),
    ("view: front", "view", "front"),
    ("view: side", "view", "side"),
    ("view: back", "view", "back"),
    ("contrast: lower half", "contrast", "lower_half"),
    ("contrast: upper half", "contrast", "upper_half"),
    ("box: cut by 15 %", "box", "cut_15_percent"),
    ("box: enlarged by 15 %", "box", "enlarged_15_percent"),
    ("box: detected", "box", "detected"),
)


def with_interval(figure: dict[str, Any], digits: int = 2, sign: str = "") -> str:
    """Return a figure as '0.54 (0.47 to 0.62)'; a dash if it is undefined."""
    if figure["value"] is None:
        return "-"
    text = f"{figure['value']:{sign}.{digits}f}"
    if figure["ci95"] is None:
        return text
    low, high = figure["ci95"]
    return f"{text} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"


def real_loss(results: dict[str, Any], markdown: Markdown, model: str = "student-lite") -> str:
    """AP of one model with one thing put right at a time, and by view, contrast and box."""
    sets = _sets(results, model)
    header = [f"`{model}`"]
    for name in sets:
        header += [f"{_title(name)}: people", "AP", "gain"]
    as_is = ["as it is"]
    for one in sets.values():
        main = _first_span(one)
        as_is += [str(main["people"]), with_interval(main["ap"]), "-"]
    rows = [as_is]
    for text, kind, key in LOSSES:
        cells = [cell for one in sets.values() for cell in _loss_cells(one, kind, key)]
        rows.append([text, *cells])
    return markdown(header, rows)


def _loss_cells(one: dict[str, Any], kind: str, key: str) -> list[str]:
    found = one["loss"][kind].get(key)
    if found is None:
        return ["0", "-", "-"]
    people = found.get("people", _first_span(one)["people"])
    same = kind not in ("view", "contrast")  # a gain compares the same people
    gain = with_interval(found["gain"], sign="+") if same else "-"
    return [str(people), with_interval(found["ap"]), gain]


def real_boxes(results: dict[str, Any], markdown: Markdown) -> str:
    """True boxes beside detected ones, every model."""
    rows = []
    for model in results.get("models", {}):
        for name, one in _sets(results, model).items():
            main, found = _first_span(one), _first_span(one)["detected"]
            figures = [main["ap"], found["ap"], main["oks"], found["oks"], found["box_recall"]]
            cells = [with_interval(figure) for figure in figures]
            nobody = f"{found['boxes_of_nobody']} of {found['boxes']}"
            rows.append([model_title(model), _title(name), *cells, nobody])
    header = ["model", "set", "AP, true boxes", "AP, detected", "mean OKS, true boxes"]
    header += ["mean OKS, detected", "people found", "boxes of nobody"]
    return markdown(header, rows)


def real_int8(results: dict[str, Any], markdown: Markdown) -> str:
    """AP of int8 models minus that of their fp32 models, on the same draws."""
    rows = [
        [model_title(model), _title(name), with_interval(one["ap_minus_fp32"], 3, "+")]
        for model in results.get("models", {})
        for name, one in _sets(results, model).items()
        if "ap_minus_fp32" in one
    ]
    return markdown(["model", "set", "AP minus AP of fp32"], rows)


def model_title(model: str) -> str:
    """Return how tables name a model; a card's path is that of an earlier model."""
    return f"`{Path(model).stem}`, earlier" if model.endswith(".json") else f"`{model}`"


def _sets(results: dict[str, Any], model: str) -> dict[str, Any]:
    judged = results.get("models", {}).get(model, {})
    return {name: one for name, one in judged.items() if isinstance(one, dict)}


def _first_span(one: dict[str, Any]) -> dict[str, Any]:
    return dict(next(iter(one["spans_degc"].values())))


def _title(name: str) -> str:
    return name.replace("_", " ")
