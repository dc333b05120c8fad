# SPDX-License-Identifier: Apache-2.0
"""The wheel: what pip installs works without ROS and without a checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import thermal_pose

ROOT = Path(thermal_pose.__file__).parents[1]
PARTS = (
    "thermal_pose",
    "msg",
    "config",
    "launch",
    "pyproject.toml",
    "setup.py",
    "README.md",
    "LICENSE",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, in a folder of its own."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    build = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, str(out)], cwd=source, check=True, capture_output=True
    )
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        wheel.extractall(out / "site")
    return out / "site"


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run thermal-pose from the wheel's content alone, with ROS out of reach."""
    code = (
        "import sys; sys.path = [p for p in sys.path if p not in ('', sys.argv[1])]\n"
        f"sys.path.insert(0, {str(installed)!r}); sys.modules['rclpy'] = None\n"
        "import thermal_pose; assert thermal_pose.__file__.startswith(sys.path[0])\n"
        "from thermal_pose.cli.main import main; sys.exit(main(sys.argv[2:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(ROOT), *words],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_versions_agree() -> None:
    for name, form in (
        ("pyproject.toml", 'version = "{}"'),
        ("package.xml", "<version>{}</version>"),
        ("CITATION.cff", "version: {}"),
        ("CHANGELOG.md", "## [{}]"),
    ):
        assert form.format(thermal_pose.__version__) in (ROOT / name).read_text(), name


def test_the_wheel_has_models_recording_messages_and_types(installed: Path) -> None:
    package = installed / "thermal_pose"
    for name in (
        "py.typed",
        "assets/student-lite.onnx",
        "assets/demo/metadata.yaml",
        "bags/definitions/Keypoints.msg",
        "config/training-shipped.yaml",
        "config/pose.yaml",
    ):
        assert (package / name).exists(), name


def test_the_offline_verbs_work_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "demo", "--offline")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "demo" / "report.html").exists()
    assert run(installed, tmp_path, "run").returncode == 15
    assert run(installed, tmp_path, "info", "nowhere").returncode == 4
