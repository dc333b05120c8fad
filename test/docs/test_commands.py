# SPDX-License-Identifier: Apache-2.0
"""Every command of README and of the first-minute page runs; every other one is understood."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.documents import ROOT, Command, code, commands, documents, sandbox
from support.ports import free_ports

from thermal_pose.cli.main import verb_parser
from thermal_pose.cli.verbs import VERBS

RUN = ("README.md", "docs/first-minute.md")
LIMIT_S = 120


def to_run() -> list[Command]:
    """Commands that run here, each once."""
    found: dict[str, Command] = {}
    for name in RUN:
        for command in commands(ROOT / name, "bash"):
            if not command.marked and command.words[0] not in (".", "pip"):
                found.setdefault(command.line, command)
    return list(found.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandbox(tmp_path_factory.mktemp("documents"))


def shortened(words: list[str]) -> list[str]:
    """Let a command that would run until Ctrl-C, or open a browser, end by itself."""
    if words[0] == "run" and "--bag" not in words:
        return [*words, "--duration", "15"]
    if words[0] == "view":
        page, data = free_ports(2)
        ports = ["--port", str(page), "--data-port", str(data)]
        return [*words, "--no-browser", "--duration", "1", *ports]
    return words


@pytest.mark.graph
@pytest.mark.parametrize("command", to_run(), ids=str)
def test_a_command_of_the_first_pages_runs(command: Command, folder: Path, ros_domain: int) -> None:
    program, *words = command.words
    if program == "make":
        argv = ["make", "--no-print-directory", "--dry-run", *words]
        cwd = ROOT
    else:
        assert program == "thermal-pose", f"{command}: mark it, or teach this test to run it"
        shown = any(word in ("--help", "--version") for word in words)
        argv = [sys.executable, "-m", "thermal_pose.cli.main"]
        argv += words if shown else shortened(words)
        cwd = folder
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_command_of_a_document_is_understood(document: Path) -> None:
    """Verbs and options exist; nothing is run."""
    for command in commands(document, "bash", "text", "console", ""):
        in_a_loop = "$" in command.line  # the shell fills it in
        words = command.words if command.line.startswith("thermal-pose ") else []
        if in_a_loop:
            continue
        if len(words) > 1 and words[1] in VERBS:
            try:
                verb_parser(words[1])[0].parse_args(words[2:])
            except SystemExit as ended:
                assert ended.code == 0, str(command)
        elif words:
            assert words[1] in ("--help", "--version", "VERB"), str(command)


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_make_targets_and_scripts_of_a_document_exist(document: Path) -> None:
    targets = {
        line.partition(":")[0]
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line[:1].isalpha()
    }
    for command in commands(document, "bash", "console", ""):
        words = command.words if command.line.startswith(("make ", "python ")) else []
        if words[:1] == ["make"]:
            asked = {word for word in words[1:] if "=" not in word}
            assert asked <= targets, str(command)
        elif words and words[1].startswith("scripts/"):
            assert (ROOT / words[1]).exists(), str(command)


@pytest.mark.parametrize(
    ("document", "number"),
    [(path, k) for path in documents() for k in range(len(code(path, "python")))],
    ids=lambda value: getattr(value, "name", value),
)
def test_python_of_a_document_runs(document: Path, number: int, folder: Path) -> None:
    text = code(document, "python")[number]
    if text.startswith("--8<--"):
        pytest.skip("a file of examples/, which test/api runs")
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr


def test_make_help_lists_every_target() -> None:
    # Below `make test`, make would announce the folders that it enters.
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[0] for line in shown.stdout.splitlines()}
    lines = (ROOT / "Makefile").read_text().splitlines()
    targets = {
        word
        for line in lines
        if re.match(r"[a-z][a-z -]*:(?!=)", line)
        for word in line.partition(":")[0].split()
    }
    assert targets == listed
