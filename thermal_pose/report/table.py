# SPDX-License-Identifier: Apache-2.0
"""One trial as CSV: one figure per row, in a shape that spreadsheets and scripts join easily."""

import csv
import re
from io import StringIO
from typing import Final

from thermal_pose.clinical.chair_rises.result import ChairRiseResult
from thermal_pose.clinical.phases import phase_key
from thermal_pose.clinical.results import MovementResult

COLUMNS: Final = (
    "subject_id", "trial_id", "section", "name", "value", "unit", "uncertainty", "status", "note",
)  # fmt: skip

#: Spreadsheets run a cell that starts with one of these, also behind blanks, as a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@")
#: Control characters end a row or a cell for some programs.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_Value = str | float | None


def trial_csv(result: MovementResult) -> str:
    """Return the trial's figures; those of a refused trial are absent, its reason is there.

    Times count from the first movement, as on the page.
    """
    if isinstance(result, ChairRiseResult):
        return _rises_csv(result)
    timing, rows = result.timing, list[tuple[_Value, ...]]()
    rows.append(("outcome", "valid", str(timing.valid).lower(), "", None, "", ""))
    rows.append(("outcome", "reason", str(timing.reason), "", None, "", timing.sentence))
    if timing.valid:
        rows.append(("outcome", "total_s", result.total_s, "s", result.total_sd_s, "", ""))
        note = "" if result.total_from_go_s is not None else "no 'go' was signalled"
        rows.append(("outcome", "total_from_go_s", result.total_from_go_s, "s", None, "", note))
        zero_s = timing.phases[0].start_s
        durations = zip(timing.phases, result.durations_s, result.withheld_phases, strict=True)
        for interval, duration_s, why in durations:
            name = phase_key(interval.phase)
            start_s, end_s = interval.start_s - zero_s, interval.end_s - zero_s
            rows.append(("phase", f"{name}_start_s", start_s, "s", None, "", ""))
            rows.append(("phase", f"{name}_end_s", end_s, "s", None, "", ""))
            rows.append(("phase", f"{name}_duration_s", duration_s, "s", None, "", why))
    return _finished(result, rows)


def _rises_csv(result: ChairRiseResult) -> str:
    """The figures of a chair-rise test, times from the first movement."""
    timing, rows = result.timing, list[tuple[_Value, ...]]()
    rows.append(("outcome", "test", result.test.key, "", None, "", ""))
    rows.append(("outcome", "valid", str(timing.valid).lower(), "", None, "", ""))
    rows.append(("outcome", "reason", str(timing.reason), "", None, "", timing.sentence))
    if timing.valid:
        if result.total_s is not None:
            rows.append(("outcome", "total_s", result.total_s, "s", result.total_sd_s, "", ""))
        if result.stands is not None:
            rows.append(("outcome", "stands", float(result.stands), "stands", None, "", ""))
        zero_s = result.rises[0].rise_start_s
        for number, rise in enumerate(result.rises, start=1):
            for name, value in vars(rise.shifted(-zero_s)).items():
                unit = "s" if name.endswith("_s") else ""
                rows.append((f"rise_{number}", name, value, unit, None, "", ""))
    return _finished(result, rows)


def _finished(result: MovementResult, rows: list[tuple[_Value, ...]]) -> str:
    """The text, with measures, coverage and provenance, which all tests have."""
    if result.timing.valid:
        rows += [
            ("measure", m.name, m.value, m.unit, m.uncertainty, str(m.status), m.omitted)
            for m in result.measures
        ]
    rows += [
        ("coverage", name, float(value), "s" if name.endswith("_s") else "", None, "", "")
        for name, value in vars(result.coverage).items()
    ]
    rows.append(("provenance", "model_id", result.provenance.model_id, "", None, "", ""))
    return _text([(result.subject_id, result.trial_id, *row) for row in rows])


def _text(rows: list[tuple[_Value, ...]]) -> str:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def _cell(value: _Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = _CONTROLS.sub(" ", value)
        return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text
    return f"{value:.6g}" if abs(value) < 1e5 else f"{value:.0f}"
