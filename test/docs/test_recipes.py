# SPDX-License-Identifier: Apache-2.0
"""The recipes of CONTRIBUTING, followed literally in a copy of the package."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.documents import ROOT

CAMERA = """
import time
import numpy as np
from thermal_pose.cameras.base import CameraIdentity, CapturedFrame


class MyCamera:
    ended = False

    def open(self):
        return CameraIdentity("mine", "my camera", "1", (80, 60), 8.0)

    def read(self, timeout_s):
        return CapturedFrame(np.full((60, 80), 29415, np.uint16), time.monotonic_ns())

    def close(self):
        pass
"""

BUILDER = """
def _mine(params, ready):
    from thermal_pose.cameras.my_camera import MyCamera

    return MyCamera()


_THERMAL"""

ENGINE = """
class MyEngine:
    def __init__(self, path, options, precision):
        self.input_shape = (1,)

    def run(self, value):
        return {"input": value}
"""

ABOUT = """
from thermal_pose.clinical.movement_test import MovementTest

BALANCE = MovementTest(
    key="balance", title="Balance", headline="sway_m", headline_sd="", unit="m", decimals=2,
    instructions=("Stand still.",), placement="2 m away.",
    phases=("swaying",),
)
"""

COURSE = """
from thermal_pose.clinical.course import PhaseUpdate
from thermal_pose.types import Phase


class BalanceCourse:
    n_frames = 0

    def __init__(self, params):
        self.params = params

    def jumped_back(self, stamp_ns):
        return False

    def update(self, frame):
        return PhaseUpdate(frame.stamp_ns, Phase.UNKNOWN, 1.0, 0.0, 0, False, "swaying")
"""

VERB = '''"""Greet.

examples:
  thermal-pose greet
"""


def add_arguments(parser):
    parser.add_argument("--name", default="you", help="whom to greet")


def start(args):
    print("hello", args.name)
    return 0
'''


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that may be edited."""
    ignored = shutil.ignore_patterns("__pycache__", "assets")
    shutil.copytree(ROOT / "thermal_pose", tmp_path / "thermal_pose", ignore=ignored)
    (tmp_path / "thermal_pose" / "assets").symlink_to(ROOT / "thermal_pose" / "assets")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) >= 1, f"{path}: the recipe names '{old}', which is gone"
    path.write_text(text.replace(old, new, 1))


def run(copy: Path, *words: str) -> str:
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); exec(sys.argv.pop(1))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(copy), *words],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_add_a_camera(copy: Path) -> None:
    package = copy / "thermal_pose"
    (package / "cameras" / "my_camera.py").write_text(CAMERA)
    factory = package / "cameras" / "factory.py"
    edit(factory, "\n_THERMAL", BUILDER)
    edit(factory, '    "senxor": _senxor,\n', '    "senxor": _senxor,\n    "mine": _mine,\n')
    edit(package / "parameters" / "cameras.py", 'choices=("senxor",', 'choices=("mine", "senxor",')
    shown = run(
        copy,
        "from thermal_pose.cameras.factory import make_thermal_camera\n"
        "from thermal_pose.parameters.cameras import ThermalCameraParameters\n"
        "camera = make_thermal_camera(ThermalCameraParameters(backend='mine'), lambda: True)\n"
        "print(camera.open().model, camera.read(1.0).image.shape)",
    )
    assert shown == "my camera (60, 80)"


def test_add_an_inference_engine(copy: Path) -> None:
    package = copy / "thermal_pose"
    (package / "inference" / "my_engine.py").write_text(ENGINE)
    edit(
        package / "inference" / "factory.py",
        '    if options.engine == "openvino":',
        '    if options.engine == "mine":\n'
        "        from thermal_pose.inference.my_engine import MyEngine\n\n"
        "        return MyEngine(path, options, precision)\n"
        '    if options.engine == "openvino":',
    )
    edit(package / "inference" / "base.py", '("onnxruntime", "openvino"):', '("mine", "openvino"):')
    edit(package / "parameters" / "nodes.py", 'choices=("onnxruntime",', 'choices=("mine",')
    edit(package / "parameters" / "nodes.py", '        "onnxruntime",\n', '        "mine",\n')
    shown = run(
        copy,
        "from pathlib import Path\n"
        "from thermal_pose.inference.base import RuntimeOptions\n"
        "from thermal_pose.inference.factory import make_engine\n"
        "from thermal_pose.parameters.nodes import PoseParameters\n"
        "options = RuntimeOptions(engine=PoseParameters().engine)\n"
        "print(make_engine(Path('none'), options, 'fp32').run(3)['input'])",
    )
    assert shown == "3"


def test_add_a_movement_test_with_a_phase(copy: Path) -> None:
    package = copy / "thermal_pose"
    (package / "clinical" / "balance").mkdir()
    (package / "clinical" / "balance" / "__init__.py").write_text("")
    (package / "clinical" / "balance" / "about.py").write_text(ABOUT)
    (package / "pipeline" / "balance.py").write_text(COURSE)
    about = "from thermal_pose.clinical.balance.about import BALANCE\n"
    course = "from thermal_pose.pipeline.balance import BalanceCourse\n"
    phases = package / "clinical" / "phases.py"
    edit(phases, '    "seated"', '    "swaying": "Swaying",\n    "seated"')
    catalogue = package / "clinical" / "catalogue.py"
    edit(catalogue, "(TIMED_UP_AND_GO,", "(TIMED_UP_AND_GO, BALANCE,")
    edit(catalogue, "from thermal_pose", f"{about}from thermal_pose")
    session = package / "pipeline" / "session.py"
    edit(
        session,
        "    TIMED_UP_AND_GO.key:",
        "    BALANCE.key: BalanceCourse,\n    TIMED_UP_AND_GO.key:",
    )
    edit(session, "from thermal_pose", f"{about}{course}from thermal_pose")
    shown = run(
        copy,
        "from thermal_pose.clinical.catalogue import movement_test\n"
        "from thermal_pose.clinical.phases import phase_name\n"
        "from thermal_pose.pipeline.session import TrialSession\n"
        "from thermal_pose.types import FrameKeypoints\n"
        "session = TrialSession(test=movement_test('balance'))\n"
        "update = session.keypoints(FrameKeypoints(1, 'f', 'm', (80, 60), ()))\n"
        "print(phase_name(update.label), *map(phase_name, session.test.phases))",
    )
    assert shown == "Swaying Swaying"


def test_add_a_command(copy: Path) -> None:
    verbs = copy / "thermal_pose" / "cli" / "verbs.py"
    edit(
        verbs,
        "EVERYDAY: dict[str, str] = {\n",
        'EVERYDAY: dict[str, str] = {\n    "greet": "greet",\n',
    )
    (verbs.parent / "greet.py").write_text(VERB)
    main = "from thermal_pose.cli.main import main; sys.exit(main(sys.argv[1:]))"
    assert run(copy, main, "greet", "--name", "Ada") == "hello Ada"
    assert re.search(r"greet +greet", run(copy, main, "--help"))


def test_add_a_parameter(copy: Path) -> None:
    field = '    hue: float = parameter(0.5, "Hue of the overlay.", bounds=(0.0, 1.0))\n'
    edit(
        copy / "thermal_pose" / "parameters" / "nodes.py",
        '    node_name: ClassVar[str] = "visualizer"\n',
        f'    node_name: ClassVar[str] = "visualizer"\n\n{field}',
    )
    shown = run(
        copy,
        "from thermal_pose.parameters.nodes import parameter_classes\n"
        "print(parameter_classes()['visualizer'].from_mapping({'hue': 0.25}).hue)",
    )
    assert shown == "0.25"


NAMED = r"`((?:thermal_pose|clinical|cameras|inference|config|test)/[\w/.]+)`"


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(NAMED, (ROOT / "CONTRIBUTING.md").read_text())))
)
def test_files_that_recipes_name_exist(path: str) -> None:
    if "my_" in path:
        return
    assert (ROOT / path).exists() or (ROOT / "thermal_pose" / path).exists()
