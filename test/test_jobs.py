# SPDX-License-Identifier: Apache-2.0
"""One mapping for this process, several processes and Ray: same results, same errors."""

import importlib.util
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from support.waiting import wait_for
from support.workers import missing_extra, thread_setting

from thermal_pose.errors import MissingExtraError, ModelArtifactError, WorkerError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.jobs import map_jobs


@pytest.mark.parametrize("jobs", [1, 2, 0])
def test_ordered_results_come_in_the_order_of_the_calls(jobs):
    calls = [(2, exponent) for exponent in range(12)]
    assert list(map_jobs(pow, calls, jobs, ordered=True)) == [2**k for k in range(12)]
    assert sorted(map_jobs(pow, calls, jobs)) == [2**k for k in range(12)]


def test_no_calls_give_no_results():
    assert list(map_jobs(pow, [], 2)) == []


def test_calls_are_read_only_as_workers_become_free():
    numbers = count()
    results = map_jobs(abs, ((next(numbers),) for _ in range(1000)), 2)
    next(results)
    assert next(numbers) < 20
    results.close()


def test_workers_use_one_thread_and_leave_this_process_as_it_was(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads, process = next(map_jobs(thread_setting, [(0,)] * 2, 2))
    assert threads == "1"
    assert process != os.getpid()
    assert "OMP_NUM_THREADS" not in os.environ


def test_an_error_keeps_its_class_and_message_across_processes():
    with pytest.raises(MissingExtraError, match="no_such_module"):
        list(map_jobs(missing_extra, [(0,)] * 2, 2))


def test_a_killed_worker_is_named():
    with pytest.raises(WorkerError, match="worker process was killed"):
        list(map_jobs(os._exit, [(1,)] * 3, 2))


def test_workers_end_with_a_killed_parent(tmp_path):
    """A killed parent cannot terminate its workers."""
    told = tmp_path / "processes.txt"
    code = (
        "from support.workers import tell_process\n"
        "from thermal_pose.jobs import map_jobs\n"
        f"list(map_jobs(tell_process, [({str(told)!r},)] * 2, 2))\n"
    )
    path = os.pathsep.join(sys.path)
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path})

    def workers():
        return [int(line) for line in told.read_text().split()] if told.exists() else []

    wait_for(lambda: len(workers()) == 2, 60.0, "two workers")
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(map(_runs, workers())), 60.0, "the workers' end")


def _runs(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


ray_installed = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed"
)


@ray_installed
def test_an_unreachable_cluster_is_named(monkeypatch):
    import ray

    def refuse(**_):
        raise ConnectionError("timed out")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(WorkerError, match="no Ray cluster answers at 'elsewhere:1': timed out"):
        list(map_jobs(pow, [(2, 3)], ray_address="elsewhere:1"))


@pytest.mark.slow
@ray_installed
def test_ray_gives_the_same_results_and_errors():
    import ray

    try:
        assert list(map_jobs(pow, [(2, 3), (3, 2)], ray_address="local", ordered=True)) == [8, 9]
        with pytest.raises(ModelArtifactError, match="no model named"):
            list(map_jobs(card_path, [("",)], ray_address="local"))
    finally:
        ray.shutdown()
