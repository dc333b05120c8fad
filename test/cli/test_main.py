# SPDX-License-Identifier: Apache-2.0
import importlib
import subprocess
import sys

import pytest

from thermal_pose.cli import main as cli
from thermal_pose.cli.verbs import module_name
from thermal_pose.errors import BagNotFoundError


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_every_verb_helps_with_examples(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text and f"thermal-pose {verb}" in text


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_every_verb_imports_without_heavy_modules(verb):
    """Parsing and help must not wait for torch, ROS or numba."""
    module = module_name(verb)
    code = (
        f"import sys, argparse, importlib; m = importlib.import_module({module!r}); "
        "m.add_arguments(argparse.ArgumentParser()); "
        "print(*sorted({'torch', 'rclpy', 'numba', 'anny', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_overview_names_every_verb(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert all(verb in text for verb in cli.VERBS)


def test_unknown_verb_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["dance"])
    assert ended.value.code == 2
    assert "dance" in capsys.readouterr().err


def test_an_error_of_the_world_is_one_line_and_its_code(monkeypatch, capsys):
    module = importlib.import_module("thermal_pose.cli.demo")

    def fail(args):
        raise BagNotFoundError("there is no recording at /nowhere")

    monkeypatch.setattr(module, "start", fail)
    assert cli.main(["demo"]) == BagNotFoundError.exit_code
    text = capsys.readouterr().err
    assert text == "thermal-pose: error: there is no recording at /nowhere\n"


def test_interruption_has_the_shells_code(monkeypatch):
    module = importlib.import_module("thermal_pose.cli.demo")

    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "start", interrupt)
    assert cli.main(["demo"]) == 130


def test_supervise_means_processes(monkeypatch):
    """In one process a failed node is rebuilt anyway; only processes can be killed one by one."""
    from thermal_pose.nodes import session

    asked = []

    def run_session(plan, **options):
        asked.append((options["processes"], options["supervise"]))
        return session.SessionOutcome(None, 0, 0.0)

    monkeypatch.setattr(session, "run_session", run_session)
    assert cli.main(["run", "--supervise"]) == cli.main(["run"]) == 0
    assert asked == [(True, True), (False, False)]
