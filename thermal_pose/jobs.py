# SPDX-License-Identifier: Apache-2.0
"""Call one function many times: in this process, in several processes, or on Ray.

The only place of the package that starts worker processes or a Ray cluster.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any, Final, TypeVar

from thermal_pose.errors import MissingExtraError, ThermalPoseError, WorkerError

Result = TypeVar("Result")

#: Calls per worker that are handed out before their results are asked for.
_AHEAD: Final = 2
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_ONE_THREAD: Final = dict.fromkeys(_THREADS, "1")


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))


def map_jobs(
    function: Callable[..., Result],
    calls: Iterable[tuple[Any, ...]],
    jobs: int = 1,
    *,
    ordered: bool = False,
    ray_address: str = "",
    gpus: float = 0,
) -> Iterator[Result]:
    """Yield `function(*call)` for each call, holding only a few of them in memory.

    Parameters
    ----------
    function : a function of a module, so that other processes can import it.
    calls : argument tuples; read as workers become free.
    jobs : number of processes; 1 works in this process, 0 uses one process per processor.
    ordered : yield in the order of the calls; otherwise in the order of completion.
    ray_address : run on this Ray cluster instead; 'local' starts one on this machine.
    gpus : GPUs that one call occupies on Ray.

    Raises
    ------
    ThermalPoseError
        What `function` raised; calls that have not started are dropped.
    WorkerError
        A worker process was killed, or no Ray cluster answers at the address.
    MissingExtraError
        Ray is asked for and not installed.

    Examples
    --------
    >>> list(map_jobs(pow, [(2, 3), (3, 2)]))
    [8, 9]
    """
    if ray_address:
        return on_ray(function, calls, ray_address, gpus=gpus, ordered=ordered)
    jobs = jobs or processors()
    if jobs == 1:
        return (function(*call) for call in calls)
    return in_processes(function, calls, jobs, ordered=ordered)


def in_processes(
    function: Callable[..., Result],
    calls: Iterable[tuple[Any, ...]],
    jobs: int,
    *,
    ordered: bool = False,
) -> Iterator[Result]:
    """Yield `function(*call)` for each call from `jobs` processes of one thread each.

    See `map_jobs`. When the caller stops early, the workers are terminated, so `function`
    must write files atomically.

    Notes
    -----
    Processes are spawned, because the threads of OpenCV, numba and the inference engines do not
    survive a fork.
    """
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)

    def submit(call: tuple[Any, ...]) -> Future[Result | _Failure]:
        with _clean_spawn():
            return pool.submit(_guarded, function, call)

    try:
        yield from map(_value, _outcomes(submit, calls, _AHEAD * jobs, ordered))
    except BrokenProcessPool as error:
        raise WorkerError(
            f"a worker process was killed, perhaps for lack of memory ({error}); "
            "try fewer jobs: finished work is kept"
        ) from error
    except BaseException:
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _outcomes(
    submit: Callable[[tuple[Any, ...]], Future[Any]],
    calls: Iterable[tuple[Any, ...]],
    ahead: int,
    ordered: bool,
) -> Iterator[Any]:
    """Yield results while keeping at most `ahead` calls submitted."""
    remaining = iter(calls)
    waiting = deque(map(submit, islice(remaining, ahead)))
    while waiting:
        first_only = [waiting[0]] if ordered else waiting
        done = wait(first_only, return_when=FIRST_COMPLETED).done
        for future in [each for each in waiting if each in done]:
            waiting.remove(future)
            outcome = future.result()
            waiting.extend(map(submit, islice(remaining, 1)))
            yield outcome


def on_ray(
    function: Callable[..., Result],
    calls: Iterable[tuple[Any, ...]],
    address: str,
    *,
    gpus: float = 0,
    ordered: bool = False,
) -> Iterator[Result]:
    """Yield `function(*call)` for each call, run on a Ray cluster; see `map_jobs`."""
    ray = _connect(address)
    task = ray.remote(num_gpus=gpus)(_guarded)
    remaining = iter(calls)
    ahead = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
    waiting = [task.remote(function, call) for call in islice(remaining, ahead)]
    while waiting:
        done, _ = ray.wait(waiting[:1] if ordered else waiting)
        waiting.remove(done[0])
        waiting += [task.remote(function, call) for call in islice(remaining, 1)]
        yield _value(ray.get(done[0]))


def _connect(address: str) -> Any:
    """Connect to a Ray cluster, or start one that listens on the loopback address only."""
    if address == "local":
        # Ray's switch for the loopback address: it replaces an explicit 127.0.0.1.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("running on Ray", "ray", "train") from error
    if ray.is_initialized():
        return ray
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise WorkerError(f"no Ray cluster answers at {address!r}: {error}") from error
    return ray


@dataclass(frozen=True)
class _Failure:
    """One of our errors as a value, because not every exception survives pickling."""

    kind: type[ThermalPoseError]
    message: str


def _guarded(function: Callable[..., Result], call: tuple[Any, ...]) -> Result | _Failure:
    try:
        return function(*call)
    except ThermalPoseError as error:
        return _Failure(type(error), str(error))


def _value(outcome: Result | _Failure) -> Result:
    if isinstance(outcome, _Failure):
        error = outcome.kind.__new__(outcome.kind, outcome.message)
        error.args = (outcome.message,)
        raise error
    return outcome


@contextmanager
def _clean_spawn() -> Iterator[None]:
    """Let processes that start meanwhile use one thread and not import the main script.

    A spawned process imports `__main__`, and so runs a script again that lacks the
    `if __name__ == "__main__"` guard.
    """
    script, environment = sys.modules["__main__"], dict(os.environ)
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ.update({k: v for k, v in _ONE_THREAD.items() if k not in environment})
    try:
        yield
    finally:
        sys.modules["__main__"] = script
        for name in _ONE_THREAD.keys() - environment.keys():
            del os.environ[name]


def _start_worker() -> None:
    import cv2

    # Ctrl-C reaches every process of the terminal; only the first one reports it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the end of the process that started this worker, and end too.

    A killed parent cannot terminate its workers: they would wait for calls forever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
