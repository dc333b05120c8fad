# SPDX-License-Identifier: Apache-2.0
"""torchvision beside a CPU build of torch, for tests only.

Package indexes that carry one build of torchvision carry the CUDA one, whose library wants two
of CUDA's that a CPU torch lacks. Stand-ins that hold exactly the missing symbols, none of which
a CPU operator calls, let it load. It lives apart from the other packages (`requirements/
torchvision.txt`, `--target .venv/torchvision`): what looks for torchvision on its own, such as
`transformers`, must not find one that loads in tests alone.
"""

import ctypes
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
APART = ROOT / ".venv" / "torchvision"
STUBS = ROOT / "build" / "torchvision-stubs"


def import_torchvision() -> None:
    """Import torchvision, the installed one where it loads, else the one kept apart."""
    if "torchvision" in sys.modules:
        return
    if importlib.util.find_spec("torchvision") is None:
        assert APART.is_dir(), f"{APART} is missing: run `make setup-test`"
        sys.path.append(str(APART))
        _stand_in(APART / "torchvision" / "_C.so")
    import torchvision  # noqa: F401


def _stand_in(library: Path) -> None:
    import torch

    needed = _lines("readelf", "-d", str(library))
    names = [line.split("[")[1].rstrip("]") for line in needed if "(NEEDED)" in line]
    wanted = _lines("nm", "-D", "--undefined-only", str(library))
    # Those with a version belong to libcudart, which the wheel brings along.
    symbols = [name for line in wanted if "cuda" in (name := line.split()[-1]) and "@" not in name]
    owners = Path(torch.__file__).parent / "lib"
    for name in names:
        if name in ("libc10_cuda.so", "libtorch_cuda.so") and not (owners / name).exists():
            ctypes.CDLL(str(_built(name, symbols)), mode=ctypes.RTLD_GLOBAL)
            symbols = []  # one of them is enough to hold all


def _built(name: str, symbols: list[str]) -> Path:
    path = STUBS / name
    STUBS.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")  # other test workers may build it as well
    source = "".join(f"void {symbol}(void) {{ __builtin_trap(); }}\n" for symbol in symbols)
    words = ["gcc", "-shared", "-fPIC", "-x", "c", "-", f"-Wl,-soname,{name}", "-o", str(temporary)]
    subprocess.run(words, input=source, text=True, check=True)
    return temporary.replace(path)


def _lines(*words: str) -> list[str]:
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.strip()]
