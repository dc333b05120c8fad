# SPDX-License-Identifier: Apache-2.0
"""How often a fault is tried, and the table of what happened (docs/results/faults.json).

`make test` tries each fault a few times; `make faults` sets the variables below and tries it as
often as is promised. A test calls `times` for the count and `record` once its checks have held.
"""

import json
import os
from pathlib import Path

FULL_VARIABLE = "THERMAL_POSE_FAULTS"
OUT_VARIABLE = "THERMAL_POSE_FAULTS_OUT"


def times(few: int, full: int) -> int:
    """How often to try now."""
    return full if os.environ.get(FULL_VARIABLE) == "full" else few


def record(fault: str, tried: int, result: str) -> None:
    """Put one row into the table, in place of an older one of the same fault."""
    path = os.environ.get(OUT_VARIABLE)
    if not path:
        return
    file = Path(path)
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    rows = [row for row in rows if row["fault"] != fault]
    rows.append({"fault": fault, "times": tried, "result": result})
    rows.sort(key=lambda row: row["fault"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
