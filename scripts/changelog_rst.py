# SPDX-License-Identifier: Apache-2.0
"""Write CHANGELOG.rst, which bloom and catkin_pkg read, from CHANGELOG.md.

The text lives in CHANGELOG.md; a test fails where the .rst is older.

examples:
  python3 scripts/changelog_rst.py
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_VERSION = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def to_rst(markdown: str, package: str = "thermal_pose") -> str:
    """Return the changelog in the form of REP-132.

    Versions without a date are not released yet: they become 'Forthcoming'.

    Examples
    --------
    >>> print(to_rst("## [0.1.0] - 2026-01-31\\n\\n- One `thing`.\\n"))
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    Changelog for package thermal_pose
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    <BLANKLINE>
    0.1.0 (2026-01-31)
    ------------------
    <BLANKLINE>
    * One ``thing``.
    <BLANKLINE>
    """
    title = f"Changelog for package {package}"
    lines = ["^" * len(title), title, "^" * len(title), ""]
    group, within = "", False
    for line in markdown.splitlines():
        version = _VERSION.match(line)
        if version:
            name = f"{version['version']} ({version['date']})" if version["date"] else "Forthcoming"
            if name not in lines:
                lines += [name, "-" * len(name), ""]
            group, within = "", True
        elif within and line.startswith("### "):
            group = line.removeprefix("### ")
        elif within and line.startswith("- "):
            text = line.removeprefix("- ")
            lines.append(f"* {f'{group}: ' if group else ''}{_inline(text)}")
        elif within and line.startswith("  ") and line.strip():
            lines.append(f"  {_inline(line.strip())}")
        elif within and not line.strip() and lines[-1]:
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _inline(text: str) -> str:
    """Turn inline Markdown into plain reStructuredText."""
    return _LINK.sub(r"\1", text).replace("`", "``")


def main() -> None:
    """Write the file."""
    text = to_rst((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    (ROOT / "CHANGELOG.rst").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
