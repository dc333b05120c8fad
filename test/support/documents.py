# SPDX-License-Identifier: Apache-2.0
"""Reads commands, code and links out of README and the documents."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")

#: A command whose comment has one of these words needs what a test machine lacks.
MARKS = ("hardware", "ROS installation", "two cameras")


def documents() -> list[Path]:
    """Return README, the other documents of the root, and all pages."""
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
    return [*(ROOT / name for name in names), *sorted((ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True)
class Command:
    """One command line of a document; `comment` is what stands behind '#'."""

    document: Path
    line: str
    comment: str

    @property
    def words(self) -> list[str]:
        """The command's words."""
        return shlex.split(self.line)

    @property
    def marked(self) -> bool:
        """Whether it needs hardware, a second camera or a ROS installation."""
        return any(mark in self.comment for mark in MARKS)

    def __str__(self) -> str:
        return f"{self.document.name}: {self.line}"


def commands(document: Path, *languages: str) -> list[Command]:
    """Return every command line of a document's code blocks in one of the languages."""
    found = []
    for _, language, body in FENCE.findall(document.read_text()):
        if language in languages:
            for line in body.replace("\\\n", " ").splitlines():
                found += _command(document, line)
    return found


def _command(document: Path, line: str) -> list[Command]:
    line, _, comment = re.sub(r"\s+", " ", line.strip()).partition(" #")
    return [Command(document, line, comment)] if line and not line.startswith("#") else []


def code(document: Path, language: str) -> list[str]:
    """Return the text of every code block in a language, without its indentation."""
    blocks = []
    for indent, found, body in FENCE.findall(document.read_text()):
        if found == language:
            blocks.append(re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
    return blocks


def links(document: Path) -> list[str]:
    """Return the relative links of a document, without anchors."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    targets = [target.partition("#")[0] for target in LINK.findall(text)]
    return [target for target in targets if target and not re.match(r"[a-z]+:", target)]


def sandbox(folder: Path) -> Path:
    """Lay out a working directory in which the documents' commands run; return it."""
    from thermal_pose.bags.recording import DEMO_BAG

    (folder / "thermal_pose").mkdir()
    (folder / "thermal_pose" / "assets").symlink_to(ROOT / "thermal_pose" / "assets")
    (folder / "examples").symlink_to(ROOT / "examples")
    recording = folder / "recordings" / "P017_20260105T080000Z"
    recording.mkdir(parents=True)
    for path in DEMO_BAG.iterdir():
        (recording / path.name).write_bytes(path.read_bytes())
    return folder
