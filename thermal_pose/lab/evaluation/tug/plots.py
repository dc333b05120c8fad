# SPDX-License-Identifier: Apache-2.0
"""Plots of timing agreement: Bland-Altman, boundary errors, curves against conditions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.clinical.phases import BOUNDARY_KEYS
from thermal_pose.errors import MissingExtraError

_LABELS = {
    "dropout": "share of frames lost",
    "rate_hz": "frames per second",
    "noise_px": "noise added to joints, px",
    "distance_m": "camera to chair, m",
    "view_deg": "angle of view, degrees",
}


def draw_cohort(
    name: str,
    rows: Sequence[dict[str, Any]],
    curves: dict[str, Any],
    folder: Path,
    kind: str = "simulated trials",
) -> list[Path]:
    """Write a cohort's plots as PNG; return their paths.

    Parameters
    ----------
    rows : one per trial, as `pipeline.tug_evaluation.error_rows` gives them.
    curves : name -> points; empty for none.
    kind : what the trials are, for the title.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing plots", "matplotlib", "train") from error
    mpl.use("Agg")
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    timed = [row for row in rows if "errors_s" in row]
    paths = []
    if timed:
        figure = Figure(figsize=(10, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        _bland_altman(left, timed)
        _boundary_errors(right, timed)
        figure.suptitle(f"{name}: {len(timed)} {kind}")
        paths.append(folder / f"tug_{name}_agreement.png")
        figure.savefig(paths[-1], dpi=110)
    if not curves:
        return paths
    figure = Figure(figsize=(3.1 * len(curves), 3.2), layout="constrained")
    for axes, (condition, points) in zip(
        np.atleast_1d(figure.subplots(1, len(curves))), curves.items(), strict=True
    ):
        _curve(axes, condition, points)
    paths.append(folder / f"tug_{name}_curves.png")
    figure.savefig(paths[-1], dpi=110)
    return paths


def _bland_altman(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    truth = np.array([row["true_total_s"] for row in rows])
    estimate = np.array([row["total_s"] for row in rows])
    difference = estimate - truth
    bias, spread = float(difference.mean()), float(difference.std(ddof=1))
    axes.plot((truth + estimate) / 2, difference, ".", alpha=0.6)
    for level, style in ((bias, "-"), (bias - 1.96 * spread, "--"), (bias + 1.96 * spread, "--")):
        axes.axhline(level, linestyle=style, color="black", linewidth=0.8)
    axes.set_xlabel("mean of measured and true total, s")
    axes.set_ylabel("measured minus true, s")
    axes.set_title(f"bias {bias:+.3f} s, limits ±{1.96 * spread:.3f} s", fontsize=10)


def _boundary_errors(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    errors = np.array([row["errors_s"] for row in rows])
    axes.boxplot(errors, whis=(5, 95), showfliers=False)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xticks(range(1, len(BOUNDARY_KEYS) + 1), BOUNDARY_KEYS, rotation=30, fontsize=8)
    axes.set_ylabel("error of the boundary, s")
    axes.set_title("start of each phase, end (boxes: quartiles, 5-95 %)", fontsize=10)


def _curve(axes: Any, kind: str, points: Sequence[dict[str, Any]]) -> None:
    known = [point for point in points if point["total_mae_s"] is not None]
    places = [
        point["value"] if "value" in point else (point["from"] + point["to"]) / 2 for point in known
    ]
    for figure, label in (("total_mae_s", "total"), ("boundary_mae_s", "boundaries")):
        axes.plot(places, [point[figure] for point in known], "o-", label=label)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(_LABELS[kind])
    axes.set_ylabel("mean absolute error, s")
    axes.legend(fontsize=8)
