# SPDX-License-Identifier: Apache-2.0
"""A plain `colcon build` of a workspace that holds the checkout under src/."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from thermal_pose.nodes.process_table import PROCESS_TABLE

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    "CMakeLists.txt",
    "package.xml",
    "setup.py",
    "pyproject.toml",
    "thermal_pose",
    "msg",
    "launch",
    "config",
    "resource",
    "scripts",
    "test/conftest.py",
    "test/support",
    "test/tracking",
)

colcon = shutil.which("colcon", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    assert colcon, "colcon is missing: `make setup-test` installs it"
    folder = tmp_path_factory.mktemp("workspace")
    source = folder / "src" / "thermal_pose"
    source.mkdir(parents=True)
    for part in PARTS:
        path = ROOT / part
        if path.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "assets")
            shutil.copytree(path, source / part, ignore=ignore)
        else:
            (source / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, source / part)
    done = subprocess.run(
        [colcon, "build"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=ament_environment(),
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def ament_environment():
    """The environment of a sourced installation: this interpreter's prefix."""
    prefix = Path(sys.prefix)
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONPATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")
    }
    ament = os.environ.get("AMENT_PREFIX_PATH") or str(prefix)
    env.update(
        AMENT_PREFIX_PATH=ament,
        CMAKE_PREFIX_PATH=ament,
        PATH=f"{prefix / 'bin'}:{os.environ['PATH']}",
    )
    return env


@pytest.mark.slow
def test_installs_every_node_as_an_executable(workspace):
    folder = workspace / "install" / "thermal_pose" / "lib" / "thermal_pose"
    names = {path.name for path in folder.iterdir() if os.access(path, os.X_OK)}
    assert names == {entry.name for entry in PROCESS_TABLE}


@pytest.mark.slow
def test_executables_start_the_environment_that_built_them(workspace):
    prefix = workspace / "install" / "thermal_pose"
    for program in [*(prefix / "lib" / "thermal_pose").iterdir(), prefix / "bin" / "thermal-pose"]:
        interpreter = program.read_text().splitlines()[0].removeprefix("#!")
        assert Path(interpreter).parent == Path(sys.prefix) / "bin", program.name


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_colcon_test_runs_the_tests(workspace):
    done = subprocess.run(
        [colcon, "test", "--ctest-args", "-R", "tracking"],
        cwd=workspace,
        capture_output=True,
        text=True,
        env=ament_environment(),
        timeout=300,
        check=False,
    )
    (result,) = (workspace / "build").rglob("tracking.xunit.xml")
    suite = next(ElementTree.parse(result).getroot().iter("testsuite"))
    assert int(suite.attrib["tests"]) > 20, done.stdout + done.stderr
    assert suite.attrib["failures"] == suite.attrib["errors"] == "0"


WITHOUT_JSONSCHEMA = """
import sys
import pytest

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "jsonschema":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("skips", [True, False], ids=["colcon test", "make test"])
def test_a_module_without_its_optional_package_is_skipped_with_a_reason_or_fails(skips):
    env = {**os.environ, "THERMAL_POSE_SKIP_MISSING": "1" if skips else ""}
    module = "test/report/test_write.py"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_JSONSCHEMA, module, "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=env,
        timeout=100,
        check=False,
    )
    if skips:
        assert "'jsonschema' is not installed (requirements/test.txt)" in done.stdout, done.stdout
        assert "1 skipped" in done.stdout and "error" not in done.stdout
    else:
        assert "1 error" in done.stdout


@pytest.mark.slow
def test_installs_messages_code_launch_and_config(workspace):
    prefix = workspace / "install" / "thermal_pose"
    packages = next((prefix / "lib").glob("python3*")) / "site-packages" / "thermal_pose"
    assert (packages / "msg" / "_keypoints.py").exists()
    assert (packages / "nodes" / "run_node.py").exists()
    assert (packages / "bags" / "definitions" / "Keypoints.msg").exists()
    share = prefix / "share" / "thermal_pose"
    assert (share / "launch" / "tug.launch.py").exists()
    assert (share / "config" / "tug_analyzer.yaml").exists()


@pytest.mark.slow
def test_installed_code_runs_without_the_checkout(workspace):
    packages = next((workspace / "install/thermal_pose/lib").glob("python3*")) / "site-packages"
    code = (
        f"import sys; sys.path[:] = [p for p in sys.path if p != {str(ROOT)!r}]; "
        f"sys.path.insert(0, {str(packages)!r}); "
        "import thermal_pose; from thermal_pose.msg import Keypoints; "
        "from thermal_pose.nodes.tug_analyzer import TugAnalyzerNode; print(thermal_pose.__file__)"
    )
    env = ament_environment()
    library = str(packages.parents[1])
    env["LD_LIBRARY_PATH"] = f"{library}:{Path(sys.prefix) / 'lib'}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=workspace,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(packages))
