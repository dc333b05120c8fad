# SPDX-License-Identifier: Apache-2.0
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from thermal_pose import errors
from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.cli import main as cli
from thermal_pose.cli.exit_codes import exit_codes
from thermal_pose.cli.verbs import module_name
from thermal_pose.errors import BagNotFoundError, MissingRosError


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
        raise BagNotFoundError("no recording at /nowhere")

    monkeypatch.setattr(module, "start", fail)
    assert cli.main(["demo"]) == BagNotFoundError.exit_code
    text = capsys.readouterr().err
    assert text == "thermal-pose: error: no recording at /nowhere\n"


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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("thermal-pose rec", {"record", "recalibrate"}),
        ("thermal-pose record --s", {"--subject"}),
        ("thermal-pose simulate --camera l", {"lepton"}),
        ("thermal-pose run -p pose.mo", {"pose.model="}),
    ],
)
def test_tab_completes_verbs_options_and_parameters(line: str, expected: set[str]) -> None:
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "thermal_pose.cli.main"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert expected <= set(done.stdout.split()), done.stderr


def test_exit_codes_are_distinct_and_described() -> None:
    codes = exit_codes()
    assert set(codes) >= {0, 1, 2, 3, 4, 130}
    assert all(text.endswith((".", "own", "done", "wrong", "Ctrl-C")) for text in codes.values())
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    own = [vars(kind)["exit_code"] for kind in kinds if "exit_code" in vars(kind)]
    assert len(own) == len(set(own))


@pytest.mark.parametrize("verb", ["run", "play", "record", "demo"])
def test_without_ros_a_live_verb_names_what_is_missing(verb: str, tmp_path: Path) -> None:
    words = [verb, str(DEMO_BAG)] if verb == "play" else [verb]
    code = (
        "import sys; sys.modules['rclpy'] = None\n"
        f"from thermal_pose.cli.main import main; sys.exit(main({words!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == MissingRosError.exit_code, done.stderr
    (line,) = done.stderr.splitlines()
    assert "needs ROS 2" in line and "analyze" in line


def test_help_imports_nothing_heavy() -> None:
    """`thermal-pose --help` is fast because it loads no verb and no numerical library."""
    code = (
        "import sys\n"
        "from thermal_pose.cli.main import top_parser\n"
        "assert 'everyday' in top_parser().format_help()\n"
        "print(*sorted({'numpy', 'cv2', 'yaml', 'onnxruntime', 'rosbags'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
