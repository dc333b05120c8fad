# SPDX-License-Identifier: Apache-2.0
"""The page `docs/validation.md`, written from results files so that no figure is typed."""

from collections.abc import Mapping, Sequence
from typing import Any

from thermal_pose.lab.evaluation.tug.difficult import page_lines

Document = Mapping[str, Any]

#: Key -> (label, factor, format, pass and aim on simulated people, pass and aim on real motion).
_FIGURES: dict[str, tuple[str, float, str, str, str]] = {
    "total_mae_s": ("total, mean absolute error, s", 1, ".3f", "0.10 / 0.06", "0.15 / 0.10"),
    "total_bias_s": ("total, bias, s", 1, "+.3f", "±0.02", "±0.05 / ±0.02"),
    "total_icc": ("total, ICC(A,1)", 1, ".4f", "0.99", "0.99"),
    "boundary_mae_s": (
        "boundaries, mean absolute error, s",
        1,
        ".3f",
        "0.08 / 0.055",
        "0.10 / 0.08",
    ),
    "phase_mae_s": ("phases, mean absolute error, s", 1, ".3f", "", ""),
    "frame_accuracy": ("frames with the right phase, %", 100, ".1f", "95.5 / 97", "94.5 / 96"),
    "macro_f1": ("macro-F1 over phases", 1, ".3f", "0.93", "0.94 / 0.971"),
    "detected": ("valid trials timed, %", 100, ".1f", "100", "100"),
    "invalid_timed": ("invalid trials timed", 1, "d", "0", ""),
    "live_within_two_frames": ("live phase right within two frames, %", 100, ".1f", "", ""),
}

_INTRODUCTION = """# How well the Timed Up and Go is timed

Every figure on this page was printed by a command and written here by it. Three kinds of evidence
stand side by side and are never mixed:

- **simulated people**: motion, bodies, rooms and cameras of the simulated clinic. `paper` and
  `clinic` are adults and older people with an even gait; `patients` pause, freeze, try again,
  settle slowly, hurry, or take a minute.
- **real motion**: {n_recordings} recorded tests of {n_people} people (depth camera, 30 Hz), put on
  simulated bodies and rendered by the same simulator. The motion is real, the images are not.
- **real camera**: none yet. No person was timed in front of a real thermal camera, so agreement on
  real people is not shown. Not a medical device.

Definitions and method: [tug.md](tug.md). The truth of all three is computed from 3-D joints by
`clinical/tug/definitions.py`. Keypoints come from the shipped models ({models}) through the whole
pipeline. The networks were neither trained nor chosen on the simulated seeds {seeds}. Real motion
is development data: its distributions guided the simulator's `patients`, and the floor of the
printed uncertainties is fitted to it. No network was trained on it. In rows *floor from other
people*, the floor of each person's uncertainties is fitted to the other people of that column.

Frames count from 1 s before the true start to 1 s after the true end. The *template* is told the
true start and end and puts the boundaries at the mean fractions of other people's trials.

| data | command | figures | rows, one per trial |
|---|---|---|---|
| simulated people | `{simulated_command}` | [tug_agreement.json](results/tug_agreement.json) | \
[tug_agreement.csv](results/tug_agreement.csv) |
| real motion | `{motion_command}` | [tug_real_motion.json](results/tug_real_motion.json) | \
[tug_real_motion.csv](results/tug_real_motion.csv) |
"""

_PUBLISHED = """## Published figures of other systems, on real people

| system | figures | source |
|---|---|---|
| Azure Kinect, dilated TCN | frames 95.5 / 94.5 / 93.6 % (three groups) | Sensors 2022 22:6323 |
| AR glasses, 22 with PD | ICC total > 0.984, turn 1 0.913, turn 2 0.589 | Sensors 2024 24:5485 |
| smartphone IMU | total MAE 0.42 s, macro-F1 0.882 | Electronics 2025 14:4650 |
| IMU against 12-camera motion capture | turn ICC < 0.4 | Sensors 2017 17:934 |

They were measured on real people in front of real sensors. No row above does so, so they do not
compare methods. Where totals are compared with stopwatch times, allow for the offsets of start and
end in [Against hand labels](#against-hand-labels).
"""


def validation_page(
    simulated: Document,
    motion: Document,
    plots: Sequence[str] = (),
    cost: Document | None = None,
    difficult: Document | None = None,
) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    simulated : what `thermal-pose evaluate-tug --out` writes.
    motion : what `thermal-pose evaluate-tug --motion --out` writes; empty if not measured.
    plots : paths of pictures, relative to the page.
    cost : what `scripts/tug_cost.py` writes; left out where not measured.
    difficult : what `thermal-pose evaluate-tug --difficult --out` writes; left out likewise.
    """
    cohorts = simulated["cohorts"]
    parts = [
        _introduction(simulated, motion),
        _main_table(cohorts, motion),
        _boundary_tables(cohorts, motion),
        _label_section(motion),
        _refusals(cohorts, motion),
        "\n".join(page_lines(difficult)) if difficult else "",
        _measure_table(cohorts, simulated.get("pooled_measures", {})),
        *(f"![Agreement and curves]({plot})\n" for plot in plots),
        _cost_section(cost or {}),
        _PUBLISHED,
    ]
    return "\n".join(part for part in parts if part)


def _introduction(simulated: Document, motion: Document) -> str:
    return _INTRODUCTION.format(
        n_recordings=motion.get("n_recordings", "-"),
        n_people=motion.get("n_people", "-"),
        models=", ".join(f"`{name}`" for name in motion.get("models", ())) or "see the results",
        seeds=simulated["seeds"],
        simulated_command=simulated["command"],
        motion_command=motion.get("command", "-"),
    )


def _main_table(cohorts: Document, motion: Document) -> str:
    columns = [*cohorts.values(), motion]
    head = [
        "",
        *(f"simulated: {name}" for name in cohorts),
        "real motion",
        "real camera",
        "pass / aim, simulated",
        "pass / aim, real motion",
    ]
    rows = ["## Agreement\n", _row(head), _rule(len(head))]
    counts = [f"{c.get('n_valid', 0)} + {c.get('n_invalid', 0)}" for c in columns]
    rows.append(_row(["trials, valid + invalid", *counts, "none yet", "", ""]))
    for key, (label, factor, form, simulated_goal, motion_goal) in _FIGURES.items():
        values = [_number(column.get(key), factor, form) for column in columns]
        rows.append(_row([label, *values, "-", simulated_goal, motion_goal]))
    goals = {"mid": ("0.88 / 0.93", "0.93 / 0.95"), "final": ("0.75 / 0.80", "0.75 / 0.85")}
    for turn, goal in goals.items():
        values = [_number(_inner(column, "turn_icc", turn), 1, ".3f") for column in columns]
        rows.append(_row([f"turn duration, {turn}, ICC(A,1)", *values, "-", *goal]))
    cuts = [_cut(column) for column in columns]
    rows.append(_row(["template's error in frames cut by, %", *cuts, "-", "30 / 50", "40 / 55"]))
    template = [_number(_inner(c, "template", "frame_accuracy"), 100, ".1f") for c in columns]
    rows.append(_row(["template: frames with the right phase, %", *template, "-", "", ""]))
    for key, label in (("within_two_sd", "boundaries"), ("total_within_196_sd", "totals")):
        printed = [_number(column.get(key), 100, ".1f") for column in columns]
        rows.append(_row([f"{label} within 1.96 of their printed SD, %", *printed, "-", "", ""]))
        left_out = [_number(_inner(c, "left_out", key), 100, ".1f") for c in columns]
        rows.append(_row([f"{label}, floor from other people, %", *left_out, "-", "", "90 to 98"]))
    misleading = [_number(column.get("misleading_totals"), 1, "d") for column in columns]
    label = "totals wrong by more than 0.5 s with a printed SD under 0.2 s"
    rows.append(_row([label, *misleading, "-", "", "0"]))
    intervals = [_interval(_inner(c, "confidence95", "total_mae_s")) for c in columns]
    rows.append(_row(["total MAE, 95 % confidence interval, s", *intervals, "-", "", ""]))
    return "\n".join(rows) + "\n"


def _cut(column: Document) -> str:
    """By how much fewer frames are wrong than with the template, %."""
    ours, theirs = column.get("frame_accuracy"), _inner(column, "template", "frame_accuracy")
    if ours is None or theirs is None or theirs >= 1.0:
        return "-"
    return f"{100 * (1 - (1 - ours) / (1 - theirs)):.0f}"


def _boundary_tables(cohorts: Document, motion: Document) -> str:
    columns = {f"simulated: {name}": c for name, c in cohorts.items()} | {"real motion": motion}
    known = {name: c for name, c in columns.items() if "boundary_mae_each_s" in c}
    if not known:
        return ""
    names = list(next(iter(known.values()))["boundary_mae_each_s"])
    rows = ["## Each boundary: mean absolute error, and bias in brackets, s\n"]
    rows += [_row(["", *(n.lower() for n in names)]), _rule(len(names) + 1)]
    for label, column in known.items():
        errors = column["boundary_mae_each_s"].values()
        biases = column["boundary_bias_each_s"]
        cells = [f"{e:.3f} ({b:+.3f})" for e, b in zip(errors, biases, strict=True)]
        rows.append(_row([label, *cells]))
    return "\n".join(rows) + "\n"


def _label_section(motion: Document) -> str:
    """What observers marked, the noise of the recordings, and the seat-contact threshold."""
    labels = motion.get("hand_labels")
    rows = []
    if labels:
        found, truth = labels["estimate"], labels["truth"]
        rows += [
            "## Against hand labels\n",
            "Observers labelled the recordings from video. Each boundary differs from the label by "
            "a constant, because the definitions differ: a positive offset means that we are later."
            " 'Seated' is called well after the pelvis touches the seat. After the offset, "
            "estimated on the other people's trials, is removed, these errors remain:\n",
            _row(["", *(name.removesuffix("_s") for name in found["offset_s"])]),
            _rule(1 + len(found["offset_s"])),
            _row(["offset, s", *(f"{v:+.2f}" for v in found["offset_s"].values())]),
            _row(["error, s", *(f"{v:.3f}" for v in found["boundary_mae_each_s"].values())]),
            _row(
                [
                    "error of the 3-D truth, s",
                    *(f"{v:.3f}" for v in truth["boundary_mae_each_s"].values()),
                ]
            ),
            "",
            f"Over all boundaries the error is {found['boundary_mae_s']:.3f} s (pass 0.12, aim "
            f"0.10); that of the truth by our definitions, which sees the joints in 3-D, is "
            f"{truth['boundary_mae_s']:.3f} s. The labels are not ours to publish, so the rows do "
            "not hold them.\n",
        ]
    floor = motion.get("noise_floor")
    if floor:
        rows.append(
            f"**Noise floor.** The depth camera's joints are uncertain by about "
            f"{floor['joint_noise_mm']:.1f} mm. With fresh noise of that size, the truth "
            f"itself moves by {floor['boundary_mae_s']:.3f} s per boundary and "
            f"{floor['total_mae_s']:.3f} s in the total (mean absolute). The sensor invented limbs "
            "near the turn, where they were rebuilt; that is not in these figures.\n"
        )
        rows.append(
            "**Turn before the chair.** At one moment the depth camera changes its mind about "
            "front and back: the recorded pelvis turns within about a third of a second "
            "([distributions](simulated-clinic.md#patients)), as nobody does. The truth of that "
            "turn's start is this moment; observers marked the turn earlier, by the offset "
            "above. ICC of the final turn on real motion says how well this "
            "jump is found, not how well people's turns are.\n"
        )
    contact = motion.get("contact_sensitivity")
    if contact:
        cells = [
            f"{1000 * float(k):.0f} mm: {v['total_mae_s']:.3f} s (bias {v['total_bias_s']:+.3f} s)"
            for k, v in contact.items()
        ]
        rows.append(
            "**Seat contact.** The end depends on when the pelvis counts as resting on the seat. "
            "Error of the total with the threshold of the truth at " + "; ".join(cells) + ".\n"
        )
    return "\n".join(rows)


def _refusals(cohorts: Document, motion: Document) -> str:
    rows = ["## Refused trials\n"]
    for name, cohort in [*cohorts.items(), ("real motion", motion)]:
        if not cohort:
            continue
        called = ", ".join(f"{n} {reason}" for reason, n in cohort["refused"].items())
        wrongly = ", ".join(f"{n} {reason}" for reason, n in cohort["wrongly_refused"].items())
        share = _number(cohort.get("reason_accuracy"), 100, ".0f")
        invalid = f"invalid trials were called {called} ('valid' means timed), {share} % by their "
        invalid = f"{invalid}true reason. " if called else ""
        rows.append(f"- {name}: {invalid}Valid trials refused: {wrongly or 'none'}.")
    return "\n".join(rows) + "\n"


def _measure_table(cohorts: Document, pooled: Document) -> str:
    """Measures beside their truth from 3-D joints, with height and lens as a clinic enters them."""
    names = sorted({name for c in cohorts.values() for name in c.get("measures", {})})
    if not names:
        return ""
    head = ["", *(f"{cohort}: {h}" for cohort in cohorts for h in ("error", "r / ICC", "in SD, %"))]
    head.append("all cohorts: r / ICC")
    rows = [
        "## Other measures, simulated people only\n",
        "Mean absolute error against 3-D joints (of gait parameters against foot contacts) in the "
        "measure's own unit, Pearson r and ICC(A,1), and the share within 1.96 printed SDs; of "
        "directions, the share that is right. Within a cohort of similar people r and ICC are low "
        "though the error is small; over all cohorts they show the range of patients. Targets of "
        "gait parameters: r 0.95 / 0.97, ICC 0.92 / 0.95.\n",
        _row(head),
        _rule(len(head)),
    ]
    for name in names:
        cells = [name]
        for cohort in cohorts.values():
            found = cohort.get("measures", {}).get(name, {})
            right = found.get("right")
            error = _number(found.get("mae"), 1, ".3f")
            cells += [
                error if right is None else f"{100 * right:.0f} % right",
                _correlation(found),
                _number(found.get("within_two_sd"), 100, ".0f"),
            ]
        rows.append(_row([*cells, _correlation(pooled.get(name, {}))]))
    return "\n".join(rows) + "\n"


def _correlation(found: Document) -> str:
    if "correlation" not in found:
        return "-"
    icc = f" / {found['icc']:.2f}" if "icc" in found else ""
    return f"{found['correlation']:.2f}{icc}"


def _cost_section(cost: Document) -> str:
    """Time per frame, and memory over many recordings."""
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


def _inner(column: Document, group: str, key: str) -> Any:
    return column.get(group, {}).get(key)


def _number(value: Any, factor: float, form: str) -> str:
    if value is None:
        return "-"
    return format(value if form == "d" else factor * value, form)


def _interval(value: Any) -> str:
    return "-" if value is None else f"{value[0]:.3f} to {value[1]:.3f}"
