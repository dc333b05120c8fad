# SPDX-License-Identifier: Apache-2.0
"""Read results files, and write Markdown tables."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"


def load(name: str) -> dict[str, Any]:
    """Return a results file, or {} if there is none."""
    path = RESULTS / name
    return json.loads(path.read_text()) if path.exists() else {}


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
