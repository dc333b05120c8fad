# SPDX-License-Identifier: Apache-2.0
"""A missing optional package is one sentence with a command that works, in every verb."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support import faults

from thermal_pose.cli import main as cli
from thermal_pose.cli.exit_codes import exit_codes
from thermal_pose.cli.verbs import VERBS
from thermal_pose.errors import EXTRA_OF, MissingExtraError, MissingRosError

ROOT = Path(__file__).parents[2]

SETS = ["--train", "@/none", "--confidence", "@/none", "--calibration-data", "@/none"]

#: What each verb must be given to get past its command line; '@' is an empty folder.
WORDS = {
    "view": [],
    "record": ["--out", "@/recordings"],
    "play": ["@/none"],
    "info": ["@/none"],
    "repair": ["@/none"],
    "sync": ["@/none"],
    "analyze": ["@/none"],
    "report": ["@/none", "--out", "@/report"],
    "history": ["@/none"],
    "delete": ["@/none", "--subject", "P-1"],
    "calibrate": ["@/none"],
    "completion": ["bash"],
    "serve": ["--port", "0"],
    "demo": ["--out", "@/demo"],
    "run": ["--duration", "1"],
    "dataset": ["@/none", "--out", "@/data"],
    "adapt": ["@/none", "--out", "@/model"],
    "align-labels": ["@/none", "--reference", "@/none", "--out", "@/a"],
    "average-models": ["@/none", "@/none", "--train", "@/none", "--out", "@/m"],
    "recalibrate": ["@/none", "--calibration-data", "@/none"],
    "train": [
        "--train",
        "@/none",
        "--confidence",
        "@/none",
        "--calibration-data",
        "@/none",
        "--out",
        "@/m",
    ],
    "train-detector": ["--train", "@/none", "--out", "@/models"],
    "train-teacher": ["@/none", "--out", "@/models"],
    "train-tug": ["--keypoints", "@/none", "--out", "@/models"],
    "distil-thermal": [
        "--teacher",
        "@/x",
        "--train",
        "@/none",
        "--confidence",
        "@/none",
        "--calibration-data",
        "@/none",
        "--out",
        "@/m",
    ],
    "model-info": [],
    "simulate": ["--preset", "paper", "--subjects", "1", "--trials", "1", "--out", "@/simulated"],
    "simulate-stream": ["--frames", "8", "--jobs", "1", "--out", "@/shards"],
    "bake-bodies": ["--bodies", "@/bodies"],
    "evaluate-pose": ["--model", "student-lite", "--evaluation", "x=@/none"],
    "evaluate-detector": ["--evaluation", "x=@/none"],
    "evaluate-perception": ["@/none"],
    "evaluate-tug": ["--keypoints", "@/keypoints", "--valid", "1", "--invalid", "1"],
    "loso": ["@/none", "--teacher", "x", "--out", "@/loso"],
    "loso-start": ["@/none", "--out", "@/start"],
    "loso-detectors": ["@/none", "--out", "@/loso"],
    "loso-variants": ["@/none", "--teacher", "x", "--variants", "x", "--out", "@/loso"],
    "loso-tables": ["@/none", "--out", "@/tables"],
    "bench": ["--out", "@/bench.json"],
    "bench-simulation": [],
    "bench-serve": ["--seconds", "1", "--out", "@/bench.json"],
    "evaluate-chair-rises": ["--keypoints", "@/none"],
    "faults": ["--help"],
}

#: Runs all verbs where no optional package can be imported.
BARE = """
import contextlib, importlib.abc, io, json, sys, traceback
from thermal_pose.errors import EXTRA_OF, MissingRosError

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in EXTRA_OF or MissingRosError.is_ros(name):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Absent())
from thermal_pose.cli.main import main
for verb, words in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stderr(io.StringIO()) as said, \\
            contextlib.redirect_stdout(io.StringIO()):
        try:
            code = main([verb, *words])
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            traceback.print_exc()
            code = 1
    print(json.dumps([verb, code, said.getvalue()]), flush=True)
"""


@pytest.mark.faults
def test_every_verb_without_any_optional_package_ends_in_one_sentence(tmp_path: Path) -> None:
    assert set(WORDS) == set(VERBS)
    calls = {verb: [w.replace("@", str(tmp_path)) for w in WORDS[verb]] for verb in VERBS}
    done = subprocess.run(
        [sys.executable, "-c", BARE, json.dumps(calls)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [verb for verb, _, _ in rows] == list(VERBS)
    missing = 0
    for verb, code, said in rows:
        assert "Traceback" not in said, (verb, said)
        assert code in exit_codes() and code != 2, (verb, code, said)
        if code:
            assert said.splitlines()[-1].startswith("thermal-pose: error: "), (verb, said)
            assert said.count("thermal-pose: error: ") == 1, (verb, said)
        missing += code in (MissingExtraError.exit_code, MissingRosError.exit_code)
    assert missing >= 20
    faults.record(
        "every verb without any optional package (torch, rclpy, onnx, numba, ...)",
        len(rows),
        f"one sentence each: {missing} name the package and a command that installs it, the others "
        "work without or name what else is wrong",
    )


def test_the_commands_that_are_advised_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for module, extra in EXTRA_OF.items():
        said = str(MissingExtraError("it", module, extra))
        assert f"`make {extra}`" in said and f"'thermal-pose[{extra}]'" in said
        assert extra in targets, extra
        assert extra in project["optional-dependencies"], extra


def test_every_package_that_is_imported_is_a_dependency_or_one_that_the_error_knows() -> None:
    """What an error does not know would end in a traceback."""
    required = {
        "apsw", "argcomplete", "backports", "cv2", "lz4", "mcap", "numpy", "onnxruntime", "psutil",
        "rosbags", "senxor", "serial", "tqdm", "usb", "yaml", "thermal_pose",
    }  # fmt: skip
    # In the standard library from 3.14 on; a picture of the bench is left out without selenium.
    known = {"compression", "selenium"} | required | set(EXTRA_OF) | set(sys.stdlib_module_names)
    strange = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "thermal_pose").rglob("*.py")
        for name in _imported(path)
        if name.partition(".")[0] not in known and not MissingRosError.is_ros(name)
    }
    assert strange == set()


def _imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module))
    return names


def test_a_package_that_does_not_load_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ImportError("libcudart.so.12: cannot open shared object file", name="torch._C")

    monkeypatch.setattr("thermal_pose.cli.main.verb_parser", broken)
    assert cli.main(["train-detector"]) == MissingExtraError.exit_code
    said = capsys.readouterr().err
    assert "needs the Python module 'torch._C', which does not load here (libcudart" in said
