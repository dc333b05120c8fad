# SPDX-License-Identifier: Apache-2.0
"""Runs all parts of the benchmark and gathers them in one JSON document."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from thermal_pose.lab.benchmark import crops
from thermal_pose.lab.benchmark.frame_path import measure_frame_path
from thermal_pose.lab.benchmark.growth import measure_commands, measure_growth
from thermal_pose.lab.benchmark.load import runs
from thermal_pose.lab.benchmark.machine import describe_machine, foreign_work
from thermal_pose.lab.benchmark.smoothing import measure_smoothing
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.replay import replay_keypoints
from thermal_pose.types import ThermalFrame

_Found = dict[str, Any]
_Measured = TypeVar("_Measured")

#: Share of the machine that other programs may use while figures are made to be published.
MAX_FOREIGN_SHARE: Final = 0.05


@dataclass(frozen=True)
class _Target:
    """One target on two cores: its limit, the measured value, and whether it is met."""

    wanted: str
    measured: Callable[[_Found], str]
    met: Callable[[_Found], bool]


def _ratio(name: str, wanted: str, met: Callable[[float], bool]) -> _Target:
    return _Target(
        wanted,
        lambda found: f"{found['ratios'][name]:.3f}, 1/{1 / found['ratios'][name]:.1f}",
        lambda found: met(found["ratios"][name]),
    )


def _latency(found: _Found) -> str:
    rows = found["latency_ms"].values()
    dropped = sum(row["sent"] - row["answered"] for row in rows)
    return f"p99 {' and '.join(format(row['p99'], '.1f') for row in rows)} ms, {dropped} dropped"


_MAX_P99_MS: Final = {"one_process": 8, "processes": 12}

TARGETS: Final[dict[str, _Target]] = {
    "default_vs_unfolded": _ratio("default_vs_unfolded", "at most 0.30", lambda x: x <= 0.30),
    "default_vs_vitpose_b": _ratio("default_vs_vitpose_b", "at most 1/45", lambda x: x <= 1 / 45),
    "lite_vs_rtmpose_t": _ratio("lite_vs_rtmpose_t", "below 1, fp32 both", lambda x: x < 1),
    "detector_ms": _Target(
        "below 0.5 ms",
        lambda found: f"{found['detector_ms']} ms",
        lambda found: (found["detector_ms"] or float("inf")) < 0.5,
    ),
    "latency_ms": _Target(
        "p99 below 8 ms in one process and 12 ms in several, at 8 Hz, no drop",
        _latency,
        lambda found: all(
            row["p99"] < _MAX_P99_MS[way] and row["sent"] == row["answered"]
            for way, row in found["latency_ms"].items()
        ),
    ),
    "cameras_at_8hz": _Target(
        "32 or more",
        lambda found: str(found["cameras_at_8hz"]),
        lambda found: found["cameras_at_8hz"] >= 32,
    ),
    "rss_mb": _Target(
        "below 160 MB",
        lambda found: f"{found['rss_mb']:.0f} MB",
        lambda found: found["rss_mb"] < 160,
    ),
    "cpu_share": _Target(
        "at most 7 % of a core per camera",
        lambda found: f"{100 * found['cpu_share_of_one_core']:.1f} %",
        lambda found: found["cpu_share_of_one_core"] <= 0.07,
    ),
    "first_keypoints_s": _Target(
        "within 2 s of the command",
        lambda found: f"{found['commands']['first_keypoints_s']:.1f} s",
        lambda found: found["commands"]["first_keypoints_s"] <= 2,
    ),
    "analyze": _Target(
        "at least 12 times real time on one core, start-up included",
        lambda found: f"{found['commands']['analyze_times_real_time']:.1f} times",
        lambda found: found["commands"]["analyze_times_real_time"] >= 12,
    ),
}


@dataclass(frozen=True)
class BenchOptions:
    """How much is measured.

    Attributes
    ----------
    recording : its thermal images are played.
    models : model of `detector` and `pose`, where not the nodes' defaults.
    rounds : of the interleaved crop timing.
    seconds : of each measurement over DDS; a p99 needs some hundred images.
    """

    recording: Path
    models: dict[str, str] = field(default_factory=dict)
    rounds: int = 40
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.seconds <= 0:
            raise ValueError(
                f"rounds, seconds: expected positive, got {self.rounds}, {self.seconds}"
            )


def run_bench(
    options: BenchOptions, say: Callable[[str], object] = lambda text: None
) -> dict[str, Any]:
    """Measure everything; return the document of `out/bench.json`.

    Parameters
    ----------
    say : called with the name of each part before it starts.
    """
    parts = _Parts(say)
    found = _measure(options, parts)
    found["foreign_shares"] = parts.foreign_shares
    found["foreign_share"] = max(parts.foreign_shares.values())
    found["disturbed"] = found["foreign_share"] > MAX_FOREIGN_SHARE
    found["targets"] = judge_targets(found)
    return found


class _Parts:
    """Runs the parts, and notes how busy other programs kept the machine during each.

    A short disturbance spoils one part and hardly shows in the share of the whole run.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self.foreign_shares: dict[str, float] = {}

    def __call__(self, name: str, measure: Callable[[], _Measured]) -> _Measured:
        self._say(name)
        with foreign_work() as share:
            measured = measure()
            self.foreign_shares[name] = round(share(), 3)
        return measured


def _measure(options: BenchOptions, part: _Parts) -> dict[str, Any]:
    frames = runs.load_frames(options.recording)
    found: dict[str, Any] = {"machine": describe_machine()}
    with tempfile.TemporaryDirectory() as folder:
        found["crop_ms"], found["about"] = part(
            "crops: ours and peers, interleaved",
            lambda: crops.measure_crops(Path(folder), options.rounds, lambda rounds: None),
        )
    found["ratios"] = crops.ratios(found["crop_ms"])
    found["detectors_ms"] = part(
        "detectors", lambda: crops.measure_detectors(frames[0].centikelvin, options.rounds)
    )
    found["detector_ms"] = found["detectors_ms"]["detector"]
    medians = [found["crop_ms"][name]["t1"] for name in ("default", "fp32")]
    found["floor"] = part("floor", lambda: crops.compute_floor(*medians))
    found["smoothing"] = measure_smoothing(options.recording)
    found["growth"] = part(
        "growth: people, image size, length",
        lambda: measure_growth(
            frames, list(replay_keypoints(options.recording, build_perception())), options.rounds
        ),
    )
    with runs.ros():
        found["commands"] = part("whole commands", lambda: measure_commands(options.recording))
        found |= _over_dds(frames, options, part)
    return found


def judge_targets(found: dict[str, Any]) -> dict[str, Any]:
    """Hold the figures against the targets for two cores."""
    return {
        name: {
            "target": target.wanted,
            "measured": target.measured(found),
            "met": bool(target.met(found)),
        }
        for name, target in TARGETS.items()
    }


def _over_dds(frames: list[ThermalFrame], options: BenchOptions, part: _Parts) -> dict[str, Any]:
    models, seconds = options.models, options.seconds
    path = part(
        "the path of a frame, step by step",
        lambda: measure_frame_path(frames, models, options.rounds),
    )
    latency = part(
        "latency at 8 Hz, one process and several",
        lambda: runs.measure_latency(frames, models, seconds),
    )
    handover = part(
        "handing over in one process, or all over DDS",
        lambda: runs.measure_handover(frames, models, seconds),
    )
    rate = part("highest rate", lambda: runs.measure_max_rate(frames, models, min(seconds, 5.0)))
    cameras = part(
        "cameras at 8 Hz", lambda: runs.measure_cameras(frames, models, min(seconds, 10.0))
    )
    footprint = part(
        "memory and processor share",
        lambda: runs.measure_footprint(frames, models, min(seconds, 20.0)),
    )
    return {
        "frame_path": path,
        "latency_ms": latency,
        "handover": handover,
        "max_rate_hz": rate["max_rate_hz"],
        "rate_steps": rate["dropped_share"],
        "cameras_at_8hz": cameras["cameras_at_8hz"],
        "camera_steps": cameras["steps"],
        **footprint,
    }
