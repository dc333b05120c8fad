# SPDX-License-Identifier: Apache-2.0
"""Bring a machine to where `make demo` or `make test` can run. Standard library only.

Each step leaves a stamp named after the hash of its inputs, so a second run does nothing, an
interrupted run goes on where it stopped, and nothing is fetched once all stamps exist.

examples:
  python3 scripts/bootstrap.py run
  python3 scripts/bootstrap.py test --torch-index URL_OF_A_CPU_INDEX
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / ".stamps"
BUILD = ROOT / "build" / "messages"
TF2_MSGS = ROOT / "scripts" / "tf2_msgs"  # no wheel has it; we need one of its messages
WHEEL_BUILDER = "/opt/python/cp311-cp311"  # path baked into 15 of the wheels' cmake files
MESSAGE_INPUTS = (
    "msg/*.msg",
    "CMakeLists.txt",
    "package.xml",
    "scripts/node.py.in",
    "scripts/tf2_msgs/*.*",
    "scripts/tf2_msgs/msg/*.msg",
    "scripts/thermal-pose.in",
)
APT_WAIT_S, APT_RETRY_S = 300, 2.0
DEBIAN_BROWSER = ("chromium", "chromium-driver", "poppler-utils")


class SetupError(Exception):
    """One line that says what is missing and what to do."""


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"[setup] {text}", flush=True)


def run(command: Iterable[str | Path], log: str, env: dict[str, str] | None = None) -> None:
    """Run a command with its output in build/LOG.log; show the tail where it fails."""
    path = ROOT / "build" / f"{log}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as sink:
        done = subprocess.run(
            [str(word) for word in command],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=env,
            check=False,
        )
    if done.returncode != 0:
        tail = path.read_text(errors="replace").splitlines()[-15:]
        raise SetupError("\n".join([*tail, f"step '{log}' failed; the whole log is {path}"]))


def digest(patterns: Iterable[str]) -> str:
    """Hash the files that match the patterns, below the root."""
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    total = hashlib.sha256()
    for path in files:
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()[:16]


def step(name: str, key: str, action: Callable[[], None]) -> None:
    """Do `action` unless its stamp with this key exists."""
    stamp = STAMPS / f"{name}-{key}"
    if stamp.exists():
        return
    say(name)
    action()
    for old in STAMPS.glob(f"{name}-*"):
        old.unlink()
    STAMPS.mkdir(parents=True, exist_ok=True)
    stamp.touch()


def install_debian(packages: Iterable[str], why: str) -> None:
    """Install Debian packages as root, or name them in one line."""
    names = list(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SetupError(f"{why}: please install the system packages {' '.join(names)}")
    apt_get("update")
    apt_get("install", "-y", "--no-install-recommends", *names)


def apt_get(*words: str) -> None:
    """Run apt-get, waiting up to `APT_WAIT_S` for another one that holds a lock."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # apt waits for dpkg's lock by itself, but not for that of the package lists.
    command = ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={APT_WAIT_S}", *words]
    deadline_s = time.monotonic() + APT_WAIT_S
    while True:
        (ROOT / "build" / "apt.log").unlink(missing_ok=True)
        try:
            run(command, "apt", env)
        except SetupError as error:
            if "Could not get lock" not in str(error) or time.monotonic() > deadline_s:
                raise
            say("waiting for another apt-get to finish")
            time.sleep(APT_RETRY_S)
        else:
            return


def system_packages() -> None:
    """Find a C++ compiler, the Python headers and venv, or install them."""
    missing = [] if shutil.which("g++") else ["g++"]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        missing.append(f"{version}-dev")
    if subprocess.run(
        [sys.executable, "-c", "import ensurepip"], check=False, capture_output=True
    ).returncode:
        missing.append(f"{version}-venv")
    if missing:
        install_debian(missing, "building the messages needs a compiler and Python headers")


def browser_packages() -> None:
    """Find Chromium, its driver and pdftoppm, with which the report is tested."""
    programs = ("chromium", "chromedriver", "pdftoppm")
    if not all(shutil.which(program) for program in programs):
        install_debian(DEBIAN_BROWSER, "the report is tested in a browser")


def create_venv() -> None:
    """Create .venv, without touching one that exists."""
    if not (VENV / "bin" / "pip").exists():
        run([sys.executable, "-m", "venv", VENV], "venv")


def pip_install(requirements: str, extra: Iterable[str] = ()) -> None:
    """Install a requirements file into .venv."""
    run(
        [
            VENV / "bin" / "pip",
            "install",
            "--disable-pip-version-check",
            *extra,
            "-r",
            ROOT / "requirements" / requirements,
        ],
        f"pip-{Path(requirements).stem}",
    )


def venv_value(expression: str) -> str:
    """Evaluate an expression in .venv's Python."""
    code = f"import sysconfig, numpy; print({expression})"
    return subprocess.run(
        [VENV / "bin" / "python", "-c", code],
        check=True,
        env=build_env(),
        capture_output=True,
        text=True,
    ).stdout.strip()


def build_env() -> dict[str, str]:
    """Return an environment in which .venv is an ament prefix."""
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "PYTHONPATH", "PYTHONHOME")
    }
    env.update(
        VIRTUAL_ENV=str(VENV),
        AMENT_PREFIX_PATH=str(VENV),
        CMAKE_PREFIX_PATH=str(VENV),
        LD_LIBRARY_PATH=str(VENV / "lib"),
        PATH=f"{VENV / 'bin'}:{os.environ['PATH']}",
    )
    return env


def patch_cmake_exports() -> None:
    """Point the wheels' exported targets at this machine's headers, not their builder's."""
    replacements = {
        f"{WHEEL_BUILDER}/include/python3.11": venv_value("sysconfig.get_path('include')"),
        f"{WHEEL_BUILDER}/lib/python3.11/site-packages/numpy/_core/include": venv_value(
            "numpy.get_include()"
        ),
    }
    for path in (VENV / "share").glob("*/cmake/*.cmake"):
        text = path.read_text()
        if WHEEL_BUILDER in text:
            for old, new in replacements.items():
                text = text.replace(old, new)
            path.write_text(text)


def build_messages() -> None:
    """Generate and install messages and node executables; the Python runs from the checkout."""
    patch_cmake_exports()
    shutil.rmtree(BUILD, ignore_errors=True)
    for package in ("tf2_msgs", "thermal_pose"):
        shutil.rmtree(VENV / "share" / package, ignore_errors=True)
    build_package(TF2_MSGS, BUILD / "tf2_msgs")
    build_package(ROOT, BUILD / "thermal_pose", "-DTHERMAL_POSE_INSTALL_PYTHON=OFF")
    link_checkout()


def build_package(source: Path, folder: Path, *options: str) -> None:
    """Configure, build and install one ament package into .venv."""
    cmake = VENV / "bin" / "cmake"
    configure: list[str | Path] = [
        cmake,
        "-S",
        source,
        "-B",
        folder,
        f"-DCMAKE_INSTALL_PREFIX={VENV}",
        f"-DPython3_EXECUTABLE={VENV / 'bin' / 'python'}",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DBUILD_TESTING=OFF",
        *options,
    ]
    run(configure, "messages", build_env())
    build: list[str | Path] = [cmake, "--build", folder, "--target", "install"]
    run([*build, "--parallel", str(os.cpu_count() or 1)], "messages", build_env())


def link_checkout() -> None:
    """Let .venv take code, launch files and parameters from the checkout, and own executables."""
    # Files, not folders, are linked: `ros2 launch` looks for them without following folders.
    for path in [*(ROOT / "launch").iterdir(), *(ROOT / "config").iterdir()]:
        installed = VENV / "share" / "thermal_pose" / path.relative_to(ROOT)
        if path.is_file():
            installed.parent.mkdir(parents=True, exist_ok=True)
            installed.unlink(missing_ok=True)
            installed.symlink_to(path)
    site = Path(venv_value("sysconfig.get_path('purelib')"))
    (site / "thermal_pose_checkout.pth").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    )
    shebang = f"#!{VENV / 'bin' / 'python'}\n"
    for program in [VENV / "bin" / "thermal-pose", *(VENV / "lib" / "thermal_pose").iterdir()]:
        lines = program.read_text().splitlines(keepends=True)
        program.write_text("".join([shebang, *lines[1:]]))


def set_up(level: str, torch_index: str) -> None:
    """Do all steps of a level ('run' or 'test')."""
    system_packages()
    create_venv()
    step(
        "run packages",
        digest(["requirements/ros.txt", "requirements/run.txt"]),
        lambda: pip_install("run.txt"),
    )
    step("messages", digest(MESSAGE_INPUTS), build_messages)
    if level == "test":
        index = ["--extra-index-url", torch_index] if torch_index else []
        step("torch", digest(["requirements/torch.txt"]), lambda: pip_install("torch.txt", index))
        step("test packages", digest(["requirements/test.txt"]), lambda: pip_install("test.txt"))
        # Apart from the other packages: beside a CPU torch it loads in tests alone.
        apart = ["--no-deps", "--target", str(VENV / "torchvision"), "--upgrade"]
        step(
            "torchvision for tests",
            digest(["requirements/torchvision.txt"]),
            lambda: pip_install("torchvision.txt", apart),
        )
        browser_packages()


def main() -> int:
    """Set up; on failure print one line and return 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("level", choices=["run", "test"], help="how much to install")
    parser.add_argument("--torch-index", default="", help="index to take torch from")
    args = parser.parse_args()
    try:
        set_up(args.level, args.torch_index)
    except SetupError as error:
        print(f"[setup] error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
