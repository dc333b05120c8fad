# SPDX-License-Identifier: Apache-2.0
"""How fast the simulated clinic is, how much memory it takes, and how far it is from its floor.

The floor of a frame is the time that its kernels alone take on the same machine (skinning,
projection, rasterising, blurring, noise; for colour the copies and the JPEG coding, too), with
the scene, the bodies' clothes and the trial already at hand. What lies above it is planning,
drawing scenes, truth, and Python between the kernels.
"""

import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from thermal_pose.jobs import in_processes
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes
from thermal_pose.lab.simulation.people.garments import dress
from thermal_pose.lab.simulation.people.outfits import Outfit
from thermal_pose.lab.simulation.people.presets import PRESETS
from thermal_pose.lab.simulation.people.skinning import pose_vertices
from thermal_pose.lab.simulation.rooms.draw import draw_scene
from thermal_pose.lab.simulation.rooms.scene import Actor, Scene, StillMotion
from thermal_pose.lab.simulation.sensors.optics import emitted, radiance, sample_pixels, temperature
from thermal_pose.lab.simulation.sensors.rasteriser import Canvas, View, posed_normals
from thermal_pose.lab.simulation.sensors.renderer import SceneRenderer
from thermal_pose.lab.simulation.sensors.rgb import RgbScene
from thermal_pose.lab.simulation.sensors.thermal_scene import SUPERSAMPLING
from thermal_pose.lab.simulation.sensors.thermal_sensor import ThermalChain
from thermal_pose.lab.simulation.stream.frames import StreamOptions, TrainingStream
from thermal_pose.lab.simulation.stream.postures import standing_pose
from thermal_pose.lab.simulation.stream.thermal_statistics import thermal_statistics

#: Targets on two cores.
TARGET_THERMAL_HZ: Final = 50.0
TARGET_PAIRS_HZ: Final = 20.0
TARGET_MEMORY_GB: Final = 3.0
_JPEG_QUALITY: Final = 90
_BODIES: Final = 12
_SEED: Final = 999


@dataclass(frozen=True)
class Throughput:
    """Of all processes together: frames per second of wall clock, CPU time per frame, memory."""

    frames: int
    per_s: float
    cpu_ms_per_frame: float
    memory_gb: float


def bench_simulation(
    seconds: float = 20.0, jobs: int = 2, cache_dir: Path | None = None
) -> dict[str, Any]:
    """Measure the training stream, paired recordings and the kernels they consist of.

    Parameters
    ----------
    seconds : of wall clock that each of the two runs takes.
    jobs : processes.
    cache_dir : folder of baked bodies; the user's cache if None.
    """
    for shape in library_shapes(_BODIES):
        bake_body(shape, cache_dir)
    stream = _throughput(_run_stream, seconds, jobs, cache_dir)
    pairs = _throughput(_run_pairs, seconds, jobs, cache_dir)
    floors = floor_ms(cache_dir)
    thermal_ms, pair_ms = sum(floors["thermal"].values()), sum(floors["pair"].values())
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "load_average_before": round(os.getloadavg()[0], 2),
            "jobs": jobs,
        },
        "thermal_stream": {**_rounded(stream), "target_per_s": TARGET_THERMAL_HZ},
        "pairs": {**_rounded(pairs), "target_per_s": TARGET_PAIRS_HZ},
        "memory": {
            "all_processes_gb": round(max(stream.memory_gb, pairs.memory_gb), 2),
            "limit_gb": TARGET_MEMORY_GB,
        },
        "floor": {
            "thermal_frame_ms": round(thermal_ms, 2),
            "pair_ms": round(pair_ms, 2),
            "kernels_ms": {
                kind: {name: round(ms, 3) for name, ms in parts.items()}
                for kind, parts in floors.items()
            },
            "thermal_above_floor": round(stream.cpu_ms_per_frame / thermal_ms, 1),
            "pair_above_floor": round(pairs.cpu_ms_per_frame / pair_ms, 1),
        },
        "thermal_statistics": thermal_statistics(cache_dir=cache_dir),
    }


def _rounded(measured: Throughput) -> dict[str, Any]:
    return {name: round(value, 2) for name, value in asdict(measured).items()}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


_Run = Callable[[float, int, Path | None], tuple[int, float, float, float]]


def _throughput(run: _Run, seconds: float, jobs: int, cache_dir: Path | None) -> Throughput:
    calls = [(seconds, job, cache_dir) for job in range(jobs)]
    parts = list(in_processes(run, calls, jobs))
    frames = sum(part[0] for part in parts)
    return Throughput(
        frames=frames,
        per_s=sum(part[0] / part[1] for part in parts),
        cpu_ms_per_frame=1e3 * sum(part[2] for part in parts) / frames,
        memory_gb=sum(part[3] for part in parts),
    )


def _timed(make: Callable[[int], int], seconds: float) -> tuple[int, float, float, float]:
    """Frames, wall seconds, CPU seconds and peak memory (GB) of calling `make(0), make(1), ...`."""
    cv2.setNumThreads(1)
    make(-1)  # loads compiled kernels
    frames, step = 0, 0
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        frames += make(step)
        step += 1
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return frames, wall_s, cpu_s, memory_gb


def _run_stream(
    seconds: float, job: int, cache_dir: Path | None
) -> tuple[int, float, float, float]:
    stream = TrainingStream(StreamOptions(_SEED, n_bodies=_BODIES), cache_dir)

    def make(step: int) -> int:
        return len(stream.shard(10_000 * job + step + 1, 1)["frames"])

    return _timed(make, seconds)


def _run_pairs(seconds: float, job: int, cache_dir: Path | None) -> tuple[int, float, float, float]:
    """Whole trials of the paper's cohort, planned, rendered and coded as a recording is."""

    def make(step: int) -> int:
        rng = np.random.default_rng((_SEED, job, step + 1))
        subject = PRESETS["paper"].subject(_SEED, step + 1)
        body = bake_body(library_shapes(_BODIES)[step % _BODIES], cache_dir)
        trial = plan_trial(subject, rng, body=body)
        scene = draw_scene(rng, distractors=1)
        actor = Actor(1, "subject", body, Outfit(), trial.performers[0].motion)
        renderer = SceneRenderer(scene, (actor,))
        count = 3 if step < 0 else int(trial.duration_s * scene.thermal.rate_hz)
        for number in range(count):
            frame = renderer.frame(number)
            assert frame.rgb is not None
            cv2.imencode(".jpg", frame.rgb.bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        return count

    return _timed(make, seconds)


def floor_ms(cache_dir: Path | None = None) -> dict[str, dict[str, float]]:
    """Time of each kernel of one thermal frame ('thermal') and of one pair ('pair'), ms."""
    rng = np.random.default_rng(_SEED)
    body = bake_body(library_shapes(1)[0], cache_dir)
    scene = draw_scene(rng, distractors=1)
    pose = standing_pose(body, rng, (1.5, 0.0), 0.3)
    actor = Actor(1, "subject", body, Outfit(), StillMotion(pose))
    thermal = _thermal_kernels(scene, actor)
    return {"thermal": thermal, "pair": {**thermal, **_colour_kernels(scene, actor)}}


def _thermal_kernels(scene: Scene, actor: Actor) -> dict[str, float]:
    view = View(scene.thermal_camera, SUPERSAMPLING)
    dressed = dress(actor.body, actor.outfit, "coarse")
    pose = actor.motion.pose(0.0)
    vertices = pose_vertices(dressed.mesh, actor.body, pose)
    faces = dressed.mesh.faces
    own = radiance(dressed.temperature_degc(22.0, 32.0))
    normals, screen = posed_normals(vertices, faces), view.to_screen(vertices)
    camera_m = scene.thermal_camera.pose.position_m.astype(np.float32)
    leaving = emitted(vertices, normals, camera_m, own, np.float32(0.9))
    room = Canvas.empty(view.shape_hw, 1)
    chain, ideal = ThermalChain(scene.thermal), np.full((60, 80), 22.0, np.float32)
    blurred = sample_pixels(room.image[..., 0], SUPERSAMPLING, scene.thermal.psf_sigma_px)
    return {
        "thermal_skinning": _best_ms(lambda: pose_vertices(dressed.mesh, actor.body, pose)),
        "thermal_emission": _best_ms(lambda: posed_normals(vertices, faces))
        + _best_ms(lambda: emitted(vertices, normals, camera_m, own, np.float32(0.9))),
        "thermal_projection": _best_ms(lambda: view.to_screen(vertices)),
        "thermal_copy_room": _best_ms(room.copy),
        "thermal_raster": _best_ms(
            lambda canvas: canvas.draw(screen, faces, leaving, 1), setup=room.copy
        ),
        "thermal_optics": _best_ms(
            lambda: sample_pixels(room.image[..., 0], SUPERSAMPLING, scene.thermal.psf_sigma_px)
        )
        + _best_ms(lambda: temperature(blurred)),
        "thermal_sensor": _best_ms(lambda: chain.expose(ideal, 1, 0.0)),
    }


def _colour_kernels(scene: Scene, actor: Actor) -> dict[str, float]:
    camera = RgbScene(scene)
    image = camera.frame((actor,), 0.0, 0)
    empty = _best_ms(lambda: camera.frame((), 0.0, 0))
    return {
        "rgb_room_and_noise": empty,
        "rgb_person": _best_ms(lambda: camera.frame((actor,), 0.0, 0)) - empty,
        "rgb_jpeg": _best_ms(
            lambda: cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        ),
    }


def _best_ms(
    kernel: Callable[..., Any], setup: Callable[[], Any] | None = None, repeats: int = 30
) -> float:
    """The shortest of several calls, ms: on a shared machine the others measure neighbours."""
    best_s = np.inf
    for _ in range(repeats):
        arguments = () if setup is None else (setup(),)
        began = time.perf_counter()
        kernel(*arguments)
        best_s = min(best_s, time.perf_counter() - began)
    return 1e3 * float(best_s)
