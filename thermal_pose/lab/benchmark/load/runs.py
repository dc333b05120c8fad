# SPDX-License-Identifier: Apache-2.0
"""Parts (b) to (f): latency, highest rate, cameras, memory, processor share, endurance."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import psutil
import rclpy

from thermal_pose.bags.reader import BagReader
from thermal_pose.errors import GraphError
from thermal_pose.lab.benchmark.load.probe import LatencyFigures, Probe
from thermal_pose.types import ThermalFrame

CAMERA_HZ: Final = 8.0
_MAX_DROPPED: Final = 0.05
_RATES_HZ: Final = (16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 400)
_CAMERAS: Final = (4, 8, 12, 16, 20, 24, 32)
_STOP_S: Final = 5.0
_BENCH_DOMAIN: Final = 101

Models = Mapping[str, str]


def load_frames(recording: Path) -> list[ThermalFrame]:
    """Return all thermal images of a recording, people in them."""
    with BagReader(recording) as bag:
        return list(bag.thermal_frames())


@contextlib.contextmanager
def running(commands: Sequence[Sequence[str]], models: Models) -> Iterator[list[psutil.Process]]:
    """Start processes, yield them, and end them; GraphError if one dies."""
    env = {**os.environ, "THERMAL_POSE_BENCH": ",".join(f"{k}={v}" for k, v in models.items())}
    with contextlib.ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in commands]
        started = [
            subprocess.Popen([sys.executable, *command], env=env, stdout=log, stderr=log)
            for command, log in zip(commands, logs, strict=True)
        ]
        try:
            yield [psutil.Process(process.pid) for process in started]
            for process, log in zip(started, logs, strict=True):
                if process.poll() is not None:
                    log.seek(0)
                    raise GraphError(f"a process under test ended early: {log.read()[-500:]}")
        finally:
            for process in started:
                process.terminate()
            for process in started:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_S)
                if process.poll() is None:
                    process.kill()
                    process.wait()


def whole_graph(models: Models, processes: bool) -> list[str]:
    """Return the command of detector, pose and TUG analyzer in one process or three."""
    command = ["-m", "thermal_pose.cli.main", "run", "--without", "thermal_camera", "--quiet"]
    for node, model in models.items():
        command += ["-p", f"{node}.model={model}"]
    return [*command, "--processes"] if processes else command


@contextlib.contextmanager
def probed(
    commands: Sequence[Sequence[str]],
    models: Models,
    frames: Sequence[ThermalFrame],
    namespaces: Sequence[str] = ("",),
) -> Iterator[tuple[Probe, list[psutil.Process]]]:
    """Start processes and a probe that they hear."""
    with running(commands, models) as started, Probe(frames, namespaces) as probe:
        probe.wait_until_heard()
        yield probe, started


def measure_latency(
    frames: Sequence[ThermalFrame], models: Models, duration_s: float
) -> dict[str, Any]:
    """Return latency at 8 Hz of the whole graph in one process and in separate ones."""
    table = {}
    for name, processes in (("one_process", False), ("processes", True)):
        with probed([whole_graph(models, processes)], models, frames) as (probe, _):
            table[name] = _table(probe.run(CAMERA_HZ, duration_s))
    return table


def measure_handover(
    frames: Sequence[ThermalFrame], models: Models, duration_s: float
) -> dict[str, Any]:
    """Compare a process whose nodes hand messages over with one that sends all over DDS.

    Both run detector, pose and TUG analyzer, and get images in turns, 8 per second each.

    Returns
    -------
    `handed_over`, `over_dds` : latency, and `cpu_share`, the share of one core.
    `p50_ratio`, `cpu_ratio` : of the first to the second.
    """
    ways: dict[str, list[str]] = {"handed_over": [], "over_dds": ["--over-dds"]}
    worker = ["-m", "thermal_pose.lab.benchmark.load.worker", "--analyze"]
    commands = [[*worker, *options, name] for name, options in ways.items()]
    with probed(commands, models, frames, list(ways)) as (probe, processes):
        probe.run(CAMERA_HZ, 2.0)
        with _cpu_shares(processes) as shares:
            probe.run(CAMERA_HZ, duration_s, warm_up_s=0.0)
            cpu = dict(zip(ways, shares(), strict=True))
        table = {
            name: {**_table(probe.figures_of(name)), "cpu_share": round(cpu[name], 4)}
            for name in ways
        }
    ratios = {
        f"{name}_ratio": round(table["handed_over"][key] / table["over_dds"][key], 3)
        for name, key in (("p50", "p50"), ("cpu", "cpu_share"))
    }
    return {**table, **ratios}


@contextlib.contextmanager
def _cpu_shares(processes: Sequence[psutil.Process]) -> Iterator[Callable[[], list[float]]]:
    """Yield what returns the share of one core that each process used since the block began."""

    def busy_s() -> list[float]:
        times = [process.cpu_times() for process in processes]
        return [spent.user + spent.system for spent in times]

    before_s, begin_s = busy_s(), time.monotonic()

    def shares() -> list[float]:
        spent_s = time.monotonic() - begin_s
        return [(now - then) / spent_s for now, then in zip(busy_s(), before_s, strict=True)]

    yield shares


def measure_max_rate(
    frames: Sequence[ThermalFrame], models: Models, duration_s: float
) -> dict[str, Any]:
    """Return the highest rate of one camera with fewer than 5 % of its images dropped."""
    steps: dict[str, Any] = {}
    best = 0.0
    with probed([whole_graph(models, False)], models, frames) as (probe, _):
        for rate_hz in _RATES_HZ:
            figures = probe.run(rate_hz, duration_s)
            steps[str(rate_hz)] = round(figures.dropped_share, 4)
            if figures.dropped_share >= _MAX_DROPPED:
                break
            best = float(rate_hz)
    return {"max_rate_hz": best, "dropped_share": steps}


def measure_cameras(
    frames: Sequence[ThermalFrame], models: Models, duration_s: float
) -> dict[str, Any]:
    """Return how many cameras at 8 Hz this machine follows with no drop, two worker processes."""
    steps: dict[str, Any] = {}
    best = 0
    for count in _CAMERAS:
        names = [f"room{number}" for number in range(count)]
        workers = [
            ["-m", "thermal_pose.lab.benchmark.load.worker", *names[start::2]] for start in range(2)
        ]
        with probed(workers, models, frames, names) as (probe, _):
            figures = probe.run(CAMERA_HZ, duration_s, warm_up_s=2.0)
        steps[str(count)] = _table(figures)
        if figures.answered < figures.sent:
            break
        best = count
    return {"cameras_at_8hz": best, "steps": steps}


def measure_footprint(
    frames: Sequence[ThermalFrame], models: Models, duration_s: float
) -> dict[str, Any]:
    """Return resident memory and processor share of the one-process graph at 8 Hz."""
    with probed([whole_graph(models, False)], models, frames) as (probe, (process,)):
        probe.run(CAMERA_HZ, 2.0)
        with _cpu_shares([process]) as shares:
            probe.run(CAMERA_HZ, duration_s, warm_up_s=0.0)
            (share,) = shares()
        return {
            "rss_mb": round(process.memory_info().rss / 2**20, 1),
            "cpu_share_of_one_core": round(share, 3),
        }


def soak(
    frames: Sequence[ThermalFrame],
    models: Models,
    duration_s: float,
    samples: int = 12,
    tick: Callable[[int], object] = lambda samples: None,
) -> dict[str, Any]:
    """Run the one-process graph at 8 Hz for long; return age and resources piece by piece."""
    pieces = []
    with probed([whole_graph(models, False)], models, frames) as (probe, (process,)):
        probe.run(CAMERA_HZ, 5.0)
        for _ in range(samples):
            figures = probe.run(CAMERA_HZ, duration_s / samples, warm_up_s=0.0)
            pieces.append({**_table(figures), **_resources(process)})
            tick(1)
    first, last = pieces[0], pieces[-1]
    growth = {f"{name}_growth": last[name] - first[name] for name in ("threads", "descriptors")}
    return {
        "duration_s": duration_s,
        "rate_hz": CAMERA_HZ,
        "dropped": sum(piece["sent"] - piece["answered"] for piece in pieces),
        "rss_growth_share": round(last["rss_mb"] / first["rss_mb"] - 1, 4),
        "p50_growth_ms": round(last["p50"] - first["p50"], 3),
        **growth,
        "pieces": pieces,
    }


def _resources(process: psutil.Process) -> dict[str, Any]:
    """Return what a process holds, and how busy the whole machine is."""
    return {
        "rss_mb": round(process.memory_info().rss / 2**20, 2),
        "threads": process.num_threads(),
        "descriptors": process.num_fds(),
        "machine_load": round(os.getloadavg()[1], 2),
    }


@contextlib.contextmanager
def ros() -> Iterator[None]:
    """An initialised rclpy context on this machine only, in a domain of its own.

    Otherwise another graph on this machine would answer the probe's images, too.
    """
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(_BENCH_DOMAIN))
    rclpy.init(args=[])
    try:
        yield
    finally:
        rclpy.try_shutdown()


def _table(figures: LatencyFigures) -> dict[str, Any]:
    named = {name.removesuffix("_ms"): value for name, value in asdict(figures).items()}
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in named.items()
    }
