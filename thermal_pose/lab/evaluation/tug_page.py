# SPDX-License-Identifier: Apache-2.0
"""The page `docs/validation.md`, written from the figures so that none is ever typed."""

from collections.abc import Sequence
from typing import Any

#: Figure -> (label, unit factor, format, pass, aim); times in s, shares in per cent.
_TARGETS: dict[str, tuple[str, float, str, str, str]] = {
    "total_mae_s": ("total, mean absolute error, s", 1, ".3f", "0.10", "0.06"),
    "total_bias_s": ("total, bias, s", 1, "+.3f", "±0.02", "±0.02"),
    "total_icc": ("total, ICC(A,1)", 1, ".4f", "0.99", "0.99"),
    "boundary_mae_s": ("boundaries, mean absolute error, s", 1, ".3f", "0.08", "0.055"),
    "phase_mae_s": ("phases, mean absolute error, s", 1, ".3f", "", ""),
    "frame_accuracy": ("frames with the right phase, %", 100, ".1f", "95.5", "97"),
    "macro_f1": ("macro-F1 over phases", 1, ".3f", "0.93", "0.93"),
    "live_within_two_frames": (
        "live phase true within two frames, %",
        100,
        ".1f",
        "",
        "",
    ),
    "detected": ("valid trials timed, %", 100, ".1f", "100", "100"),
    "invalid_timed": ("invalid trials timed", 1, "d", "0", "0"),
}

_INTRODUCTION = """# How well the Timed Up and Go is timed

**All figures here are from simulated data**: people, rooms and cameras of the simulated clinic,
whose exact truth is known; the keypoints come from the shipped models through the whole pipeline.
Seeds are {seeds}; nothing was trained or tuned on them. Earlier evaluations
were on seeds 9000, 9100 and 9200 (and the next of each): the errors on the latter two were looked
at, and their trials are development data since. A trial in which a carer would stand within a metre
of the camera, and hide all, is drawn again. On seeds 9400 and 9401 five of 200 valid trials of
`paper` and one of `clinic` were refused; the five were of one subject, whom a bed before the chair
hid up to the head. Since then the simulated assessor takes out of the room whatever hides more than
a third of the joints of the person on the chair (`simulation/rooms/sight.py`): the room of that one
subject out of the 80, and nothing else, changed by it. Timing was left as it was. Seeds 9500 and
9501, then 9600 and 9601, were for the two editions of `student-lite` before the present one (total
within 0.048 and 0.052 s on `paper`, 0.067 and 0.069 s on `clinic`; one and three valid trials of
400 refused; none and two invalid ones timed, of people who left the view while somebody else was in
it): other models, other draws. Networks and limits of the Timed Up and Go are those of the first of
the two, learnt from its keypoints. The one invalid trial timed here is again of a person who left
while somebody else was in view.
No recording of a real person was measured: agreement on real people is not shown. Definitions and
method stand in [tug.md](tug.md).
This page is written by the command below; figures of each cohort also stand in
[results/tug_agreement.json](results/tug_agreement.json).

```
{command}
```

Frames are counted from 1 s before the true start to 1 s after the true end. The *template* knows
the true start and end and puts the boundaries at the mean fractions of the other subjects' trials.
"""

_PUBLISHED = """## Published figures of other systems, on real people

| system | figures | source |
|---|---|---|
| Azure Kinect, dilated TCN | frames 95.5 / 94.5 / 93.6 % (three groups) | Sensors 2022 22:6323 |
| AR glasses, 22 with PD | ICC total > 0.984, turn 1 0.913, turn 2 0.589 | Sensors 2024 24:5485 |
| smartphone IMU | total MAE 0.42 s, macro-F1 0.882 | Electronics 2025 14:4650 |
| IMU against 12-camera motion capture | turn ICC < 0.4 | Sensors 2017 17:934 |

They were measured on real people, ours on simulated ones: the rows do not compare methods.
"""


def validation_page(
    document: dict[str, Any], plots: Sequence[str] = (), cost: dict[str, Any] | None = None
) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    document : what `thermal-pose evaluate-tug --out` writes.
    plots : paths of pictures, relative to the page.
    cost : what `scripts/tug_cost.py` writes; left out where not measured.
    """
    cohorts: dict[str, Any] = document["cohorts"]
    parts = [
        _INTRODUCTION.format(seeds=document["seeds"], command=document["command"]),
        _main_table(cohorts),
        "## Refused trials\n\n" + "\n".join(_refusals(n, c) for n, c in cohorts.items()),
        _boundary_table(cohorts),
        _measure_table(cohorts),
        *(f"![Agreement and curves]({plot})\n" for plot in plots),
        _curve_tables(document.get("curves", {})),
        _cost_section(cost or {}),
        _PUBLISHED,
    ]
    return "\n".join(part for part in parts if part)


def _main_table(cohorts: dict[str, Any]) -> str:
    names = list(cohorts)
    sizes = ", ".join(
        f"{n}: {c['n_valid']} valid and {c['n_invalid']} invalid trials" for n, c in cohorts.items()
    )
    rows = [f"## Agreement\n\n{sizes}.\n", _row(["", *names, "pass", "aim"]), _rule(len(names) + 3)]
    for key, (label, factor, form, passing, aim) in _TARGETS.items():
        values = [_number(cohorts[name].get(key), factor, form) for name in names]
        rows.append(_row([label, *values, passing, aim]))
    for turn, passing, aim in (("mid", "0.88", "0.93"), ("final", "0.75", "0.80")):
        values = [_number(_inner(cohorts[n], "turn_icc", turn), 1, ".3f") for n in names]
        rows.append(_row([f"turn duration, {turn}, ICC(A,1)", *values, passing, aim]))
    rows.append(_row(["template's error in frames cut by, %", *_cuts(cohorts), "30", "50"]))
    for key, label in (
        ("frame_accuracy", "template: frames with the right phase, %"),
        ("phase_mae_s", "template: phases, mean absolute error, s"),
    ):
        factor = 100 if key == "frame_accuracy" else 1
        form = ".1f" if factor == 100 else ".3f"
        values = [_number(_inner(cohorts[n], "template", key), factor, form) for n in names]
        rows.append(_row([label, *values, "", ""]))
    shares = [_number(cohorts[n].get("within_two_sd"), 100, ".1f") for n in names]
    rows.append(_row(["boundaries within 1.96 of their own SD, %", *shares, "", "95"]))
    intervals = [_interval(_inner(cohorts[n], "confidence95", "total_mae_s")) for n in names]
    rows.append(_row(["total MAE, 95 % confidence interval, s", *intervals, "", ""]))
    return "\n".join(rows) + "\n"


def _cuts(cohorts: dict[str, Any]) -> list[str]:
    """By how much fewer frames are wrong than with the template, per cohort."""
    cuts = []
    for cohort in cohorts.values():
        ours, theirs = cohort.get("frame_accuracy"), _inner(cohort, "template", "frame_accuracy")
        known = ours is not None and theirs is not None and theirs < 1.0
        cuts.append(f"{100 * (1 - (1 - ours) / (1 - theirs)):.0f}" if known else "-")
    return cuts


def _refusals(name: str, cohort: dict[str, Any]) -> str:
    """One line per cohort: what invalid trials were called, and valid ones wrongly refused."""
    called = ", ".join(f"{n} {reason}" for reason, n in cohort["refused"].items()) or "none"
    wrongly = ", ".join(f"{n} {reason}" for reason, n in cohort["wrongly_refused"].items())
    share = _number(cohort.get("reason_accuracy"), 100, ".0f")
    return (
        f"- {name}: invalid trials were called {called} ('valid' means timed); {share} % of them "
        f"by their true reason. Valid trials refused: {wrongly or 'none'}."
    )


def _boundary_table(cohorts: dict[str, Any]) -> str:
    timed = {n: c for n, c in cohorts.items() if "boundary_mae_each_s" in c}
    if not timed:
        return ""
    rows = ["\n## Each boundary and phase, mean absolute error, s\n"]
    for key in ("boundary_mae_each_s", "phase_mae_each_s"):
        names = list(next(iter(timed.values()))[key])
        rows += [_row(["", *names]), _rule(len(names) + 1)]
        for cohort, figures in timed.items():
            values = [_number(figures[key][n], 1, ".3f") for n in names]
            rows.append(_row([cohort, *values]))
        rows.append("")
    return "\n".join(rows)


def _measure_table(cohorts: dict[str, Any]) -> str:
    """Measures beside their truth from 3-D joints, with height and lens as a clinic enters them."""
    names = sorted({name for c in cohorts.values() for name in c.get("measures", {})})
    if not names:
        return ""
    head = ["", "mean abs. error", "bias", "r", "within 1.96 SD, %", "given", "omitted"]
    rows = [
        "## Measures, experimental\n",
        "Against 3-D joints, in the measure's own unit; of directions the share that is right.\n",
        _row(["", *(f"{cohort}: {h}" if h else cohort for cohort in cohorts for h in head[1:])]),
        _rule(1 + len(cohorts) * (len(head) - 1)),
    ]
    for name in names:
        cells = [name]
        for cohort in cohorts.values():
            found = cohort.get("measures", {}).get(name, {})
            right = found.get("right")
            first = _number(found.get("mae"), 1, ".3f")
            cells += [
                first if right is None else f"{100 * right:.0f} % right",
                _number(found.get("bias"), 1, "+.3f"),
                _number(found.get("correlation"), 1, ".2f"),
                _number(found.get("within_two_sd"), 100, ".0f"),
                str(found.get("n", 0)),
                str(found.get("omitted", 0)),
            ]
        rows.append(_row(cells))
    return "\n".join(rows) + "\n"


def _curve_tables(curves: dict[str, Any]) -> str:
    labels = {
        "dropout": "share of frames lost at random",
        "rate_hz": "frames per second",
        "noise_px": "noise added to every joint, px",
        "distance_m": "camera to chair, m",
        "view_deg": "angle between camera and walkway, degrees",
    }
    rows = ["## Against conditions\n"]
    head = ["", "trials", "timed, %", "total MAE, s", "boundary MAE, s", "frames, %"]
    for cohort, kinds in curves.items():
        for kind, points in kinds.items():
            rows += [f"**{cohort}**: {labels[kind]}\n", _row(head), _rule(len(head))]
            for point in points:
                where = point.get("value")
                place = f"{where:g}" if where is not None else f"{point['from']}-{point['to']}"
                rows.append(
                    _row(
                        [
                            place,
                            str(point["n_valid"]),
                            _number(point["detected"], 100, ".1f"),
                            _number(point["total_mae_s"], 1, ".3f"),
                            _number(point["boundary_mae_s"], 1, ".3f"),
                            _number(point["frame_accuracy"], 100, ".1f"),
                        ]
                    )
                )
            rows.append("")
    return "\n".join(rows) if curves else ""


def _cost_section(cost: dict[str, Any]) -> str:
    """Time a frame, and memory over many recordings."""
    rows = []
    if "frames" in cost:
        found = cost["frames"]
        rows.append(
            f"Live, the analysis of a frame's keypoints takes {found['mean_ms']:.3f} ms on average "
            f"(median {found['p50_ms']:.3f} ms, 99th percentile {found['p99_ms']:.3f} ms, worst "
            f"{found['max_ms']:.1f} ms: the look at all frames that ends a test), and the final "
            f"result {found['final_ms']:.0f} ms per trial: `{found['command']}` on "
            f"{found['machine']}, {found['passes']} passes over "
            f"{found['frames']} frames. Target: 0.5 ms per frame."
        )
    if "memory" in cost:
        found = cost["memory"]
        marks = ", ".join(
            f"{mib:.1f} MiB after {n}" for n, mib in found["resident_mib_after"].items()
        )
        rows.append(
            f"{found['trials']} recordings analyzed one after the other from their images "
            f"({found['written']} results written) keep the resident memory at {marks}: "
            f"`{found['command']}`."
        )
    return "## Cost\n\n" + "\n\n".join(rows) + "\n" if rows else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(n_cells: int) -> str:
    return "|" + "---|" * n_cells


def _inner(cohort: dict[str, Any], group: str, key: str) -> Any:
    return cohort.get(group, {}).get(key)


def _number(value: Any, factor: float, form: str) -> str:
    if value is None:
        return "-"
    return format(value if form == "d" else factor * value, form)


def _interval(value: Any) -> str:
    return "-" if value is None else f"{value[0]:.3f} to {value[1]:.3f}"
