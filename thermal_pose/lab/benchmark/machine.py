# SPDX-License-Identifier: Apache-2.0
"""Describes this machine and measures its peak throughput, a lower bound for inference time."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

_SIDE = 1024
_REPEATS = 5
#: Instruction sets that determine fp32 and int8 speed on x86, slowest first.
_SIMD = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8")


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory and versions."""
    import psutil

    return {
        "processor": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "simd": [flag for flag in _SIMD if flag in _cpuinfo("flags").split()],
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "onnxruntime": ort.__version__,
    }


@contextmanager
def foreign_work() -> Iterator[Callable[[], float]]:
    """Watch how busy other programs keep the machine.

    Yields
    ------
    A function: the share of all cores, 0..1, that processes other than this one and its
    children have used since the block began. Children count once they have ended.
    """
    busy_s, own_s, begin_s = _busy_s(), _own_s(), time.monotonic()

    def share() -> float:
        spent_s = max(time.monotonic() - begin_s, 1e-9) * (os.cpu_count() or 1)
        foreign_s = (_busy_s() - busy_s) - (_own_s() - own_s)
        return min(max(foreign_s / spent_s, 0.0), 1.0)

    yield share


def _busy_s() -> float:
    """Return processor seconds that the whole machine has spent at work since it started."""
    import psutil

    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
    guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle_s - guests_s)


def _own_s() -> float:
    """Return processor seconds of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def measure_ceilings() -> dict[str, float]:
    """Return the most that one thread does here.

    Returns
    -------
    `fp32_gmac_s`, `int8_gmac_s` : 10^9 multiply-adds a second of a 1024^3 matrix product on
        onnxruntime, one thread.
    `copy_gb_s` : bytes read and written a second by a copy larger than the caches.
    """
    return {
        "fp32_gmac_s": _matmul_gmac_s(int8=False),
        "int8_gmac_s": _matmul_gmac_s(int8=True),
        "copy_gb_s": _copy_gb_s(),
    }


def _cpuinfo(key: str) -> str:
    """Return a field of /proc/cpuinfo for the first processor, or ''."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    values = [line.partition(":")[2].strip() for line in lines if line.startswith(key)]
    return values[0] if values else ""


def _best_s(function: Callable[[], object]) -> float:
    function()
    best = float("inf")
    for _ in range(_REPEATS):
        begin_s = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - begin_s)
    return best


def _matmul_gmac_s(int8: bool) -> float:
    rng = np.random.default_rng(0)
    kind = TensorProto.UINT8 if int8 else TensorProto.FLOAT
    weights = (
        rng.integers(-127, 127, (_SIDE, _SIDE)).astype(np.int8)
        if int8
        else rng.random((_SIDE, _SIDE), np.float32)
    )
    operator = "MatMulInteger" if int8 else "MatMul"
    output = TensorProto.INT32 if int8 else TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(operator, ["a", "b"], ["c"])],
        "ceiling",
        [helper.make_tensor_value_info("a", kind, [_SIDE, _SIDE])],
        [helper.make_tensor_value_info("c", output, [_SIDE, _SIDE])],
        [numpy_helper.from_array(weights, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    a = rng.integers(0, 255, (_SIDE, _SIDE)).astype(np.uint8)
    feed = {"a": a if int8 else a.astype(np.float32)}
    return _SIDE**3 / _best_s(lambda: session.run(None, feed)) / 1e9


def _copy_gb_s() -> float:
    source = np.ones(2**26, dtype=np.float32)
    target = np.empty_like(source)
    return 2 * source.nbytes / _best_s(lambda: np.copyto(target, source)) / 1e9
