# SPDX-License-Identifier: Apache-2.0
"""Run one function over many arguments in fresh processes, one thread each."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

from thermal_pose.errors import SimulationError

Result = TypeVar("Result")


def in_processes(
    function: Callable[..., Result], calls: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[Result]:
    """Yield `function(*call)` for all calls, as they finish.

    Parameters
    ----------
    function : of a module, so that a process can import it.
    calls : arguments.
    jobs : processes.

    Raises
    ------
    SimulationError
        A process was killed (out of memory?).

    Notes
    -----
    Processes are spawned: compiled code and OpenCV's threads do not survive a fork.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_one_thread)
    try:
        with _without_main():
            futures: list[Future[Result]] = [pool.submit(function, *call) for call in calls]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise SimulationError(f"a worker process was killed: {error}") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the program's script, which a new process would import and so run again."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
