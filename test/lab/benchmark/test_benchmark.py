# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from support.models import write_warmest_spot_model

from thermal_pose.lab.benchmark.crops import compute_floor, ratios
from thermal_pose.lab.benchmark.load import runs
from thermal_pose.lab.benchmark.load.probe import LatencyFigures
from thermal_pose.lab.benchmark.suite import BenchOptions, judge_targets
from thermal_pose.lab.benchmark.timing import interleaved
from thermal_pose.types import ThermalFrame

_TRIES = 5


def test_interleaved_timing_orders_functions_by_their_cost():
    timings = interleaved(
        {"slow": lambda: time.sleep(0.004), "fast": lambda: time.sleep(0.0005)}, 4, 0.01
    )
    assert timings["slow"].median_ms > 3.9 > timings["fast"].median_ms > 0.4
    assert timings["fast"].calls > timings["slow"].calls
    assert timings["slow"].p10_ms <= timings["slow"].median_ms <= timings["slow"].p90_ms
    with pytest.raises(ValueError, match="rounds"):
        interleaved({}, 0)


def test_ratios_are_of_one_thread_and_only_of_what_was_measured():
    table = {
        "default": {"t1": 5.0, "t2": 9.0},
        "student_unfolded": {"t1": 20.0, "t2": 1.0},
        "lite_fp32": {"t1": 4.0, "t2": 1.0},
        "rtmpose_t": {"t1": 5.0, "t2": 1.0},
    }
    assert ratios(table) == {"default_vs_unfolded": 0.25, "lite_vs_rtmpose_t": 0.8}


def commands(first_s=1.5, times=13.0):
    return {"first_keypoints_s": first_s, "analyze_times_real_time": times}


def found(**changes):
    row = {"p99": 7.5, "sent": 480, "answered": 480}
    good = {
        "ratios": {
            "default_vs_unfolded": 0.2,
            "default_vs_vitpose_b": 0.02,
            "lite_vs_rtmpose_t": 0.7,
        },
        "detector_ms": 0.3,
        "latency_ms": {"one_process": row, "processes": row},
        "cameras_at_8hz": 32,
        "rss_mb": 150.0,
        "cpu_share_of_one_core": 0.06,
        "commands": commands(),
    }
    return {**good, **changes}


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({}, None),
        ({"detector_ms": None}, "detector_ms"),
        ({"rss_mb": 161.0}, "rss_mb"),
        ({"cameras_at_8hz": 31}, "cameras_at_8hz"),
        ({"cpu_share_of_one_core": 0.08}, "cpu_share"),
        (
            {"commands": {"first_keypoints_s": 2.5, "analyze_times_real_time": 13}},
            "first_keypoints_s",
        ),
        ({"commands": {"first_keypoints_s": 1.5, "analyze_times_real_time": 11}}, "analyze"),
        (
            {"latency_ms": {"one_process": {"p99": 5.0, "sent": 9, "answered": 8}}},
            "latency_ms",
        ),
    ],
)
def test_targets_are_judged_one_by_one(change, missed):
    verdict = judge_targets(found(**change))
    assert {name for name, row in verdict.items() if not row["met"]} == ({missed} - {None})


def test_options_validate_themselves(tmp_path):
    with pytest.raises(ValueError, match="rounds"):
        BenchOptions(tmp_path, rounds=0)


@pytest.mark.slow
def test_peers_have_their_published_sizes():
    from thermal_pose.lab.benchmark.networks import student, vitpose
    from thermal_pose.lab.benchmark.rtmpose import RtmPose

    def parameters(network):
        return sum(parameter.numel() for parameter in network.parameters())

    assert parameters(student()) == 4_398_049
    # The ViT here has a learnt position a patch; ViTPose keeps one more, for the class token.
    assert parameters(vitpose(768, 12)) == pytest.approx(89_994_513, rel=1e-3)
    assert parameters(RtmPose()) == pytest.approx(3.34e6, rel=1e-2)


@pytest.mark.slow
def test_the_floor_counts_the_folded_students_operations():
    floor = compute_floor(5.0, 12.0)
    assert floor["student"]["macs"] == pytest.approx(887e6, rel=0.01)
    assert floor["student"]["parameters"] == pytest.approx(1.41e6, rel=0.05)
    for precision in ("int8", "fp32"):
        row = floor[precision]
        assert row["floor_ms"] == max(row["operations_ms"], row["bytes_ms"]) > 0


@pytest.fixture
def frames():
    image = np.full((60, 80), 29515, np.uint16)
    image[12:48, 30:42] += 600
    # Sensors are never still: images that repeat bit by bit are refused as frozen.
    noise = np.random.default_rng(0).integers(0, 8, (64, *image.shape)).astype(np.uint16)
    return [ThermalFrame(number, "cam", image + own) for number, own in enumerate(noise)]


def first_without_a_drop(measure, dropped):
    """Measure until nothing is dropped: a busy machine may stall for longer than a frame lasts."""
    for _ in range(_TRIES):
        found = measure()
        if not dropped(found):
            return found
    pytest.fail(f"each of {_TRIES} runs dropped images, the last one: {found}")


@pytest.mark.graph
@pytest.mark.slow
def test_load_is_measured_on_real_processes(ros, frames, tmp_path):
    models = {"detector": "warm_blob", "pose": str(write_warmest_spot_model(tmp_path))}
    workers = [["-m", "thermal_pose.lab.benchmark.load.worker", "room0", "room1"]]
    with runs.probed(workers, models, frames, ["room0", "room1"]) as (probe, processes):
        figures = first_without_a_drop(
            lambda: probe.run(8.0, 1.0, warm_up_s=0.5), lambda found: found.dropped_share
        )
        assert processes[0].memory_info().rss > 0
    # Sixteen are due after the warm-up, whose own eight count where the machine sends them late.
    assert 16 <= figures.sent == figures.answered <= 24
    assert 0 < figures.p50_ms <= figures.p99_ms <= figures.max_ms


@pytest.mark.graph
@pytest.mark.slow
def test_the_handover_is_compared_with_dds_in_one_run(ros, frames, tmp_path):
    models = {"detector": "warm_blob", "pose": str(write_warmest_spot_model(tmp_path))}
    ways = ("handed_over", "over_dds")
    found = first_without_a_drop(
        lambda: runs.measure_handover(frames, models, duration_s=1.0),
        lambda found: any(found[way]["answered"] < found[way]["sent"] for way in ways),
    )
    assert all(found[way]["sent"] >= 8 and found[way]["cpu_share"] > 0 for way in ways)
    assert found["p50_ratio"] == pytest.approx(
        found["handed_over"]["p50"] / found["over_dds"]["p50"], abs=0.01
    )


def test_a_part_that_others_disturbed_is_named(monkeypatch):
    from thermal_pose.lab.benchmark import suite

    shares = iter((0.01, 0.3, 0.0))
    monkeypatch.setattr(suite, "foreign_work", lambda: contextlib.nullcontext(lambda: next(shares)))
    said = []
    parts = suite._Parts(said.append)
    assert [parts(name, str(name).upper) for name in ("a", "b", "c")] == ["A", "B", "C"]
    assert said == ["a", "b", "c"]
    assert parts.foreign_shares == {"a": 0.01, "b": 0.3, "c": 0.0}


def test_the_dropped_share_is_of_what_was_sent():
    assert LatencyFigures(16, 12, 5.0, 9.0, 9.0, 5.0, 5.0).dropped_share == pytest.approx(0.25)
    assert LatencyFigures(0, 0, 5.0, 9.0, 9.0, 5.0, 5.0).dropped_share == 0


@pytest.mark.graph
@pytest.mark.slow
def test_the_soak_notes_age_and_resources_piece_by_piece(ros, frames, tmp_path):
    models = {"detector": "warm_blob", "pose": str(write_warmest_spot_model(tmp_path))}
    found = first_without_a_drop(
        lambda: runs.soak(frames, models, duration_s=2.0, samples=2),
        lambda found: found["dropped"],
    )
    assert len(found["pieces"]) == 2
    assert found["threads_growth"] == 0 and abs(found["rss_growth_share"]) < 0.2
    for piece in found["pieces"]:
        assert piece["sent"] == pytest.approx(8, abs=1) and piece["rss_mb"] > 10
        assert piece["descriptors"] > 0 and piece["machine_load"] >= 0


@pytest.mark.graph
@pytest.mark.slow
def test_a_process_that_dies_is_reported_with_its_last_words(ros, frames):
    from thermal_pose.errors import GraphError

    with (
        pytest.raises(GraphError, match="No module named"),
        runs.running([["-m", "no_such_module"]], {}) as (process,),
    ):
        process.wait(10)


def bench_document():
    row = {"p50": 9.0, "p99": 11.0, "max": 20.0, "sent": 480, "answered": 480}
    document = found(
        machine={
            "processor": "Test CPU",
            "simd": ["avx2"],
            "usable_cores": 2,
            "memory_gb": 24.0,
            "onnxruntime": "1.31",
            "python": "3.11",
            "load_before": 0.1,
        },
        crop_ms={"default": {"t1": 5.0, "t2": 4.0}, "vitpose_b": {"t1": 180.0, "t2": 100.0}},
        about={"default": "int8", "vitpose_b": "fp32"},
        detectors_ms={"detector": 0.3, "faster_rcnn": None, "missing": {"faster_rcnn": "no extra"}},
        floor={
            **{
                name: dict.fromkeys(
                    ("operations_ms", "bytes_ms", "floor_ms", "measured_ms", "times_the_floor"), 1.0
                )
                for name in ("int8", "fp32")
            },
            "student": {"macs": 887e6, "parameters": 1.4e6, "activations": 2.1e6},
            "ceilings": {"fp32_gmac_s": 100.0, "int8_gmac_s": 380.0, "copy_gb_s": 10.0},
        },
        latency_ms={"one_process": row, "processes": row},
        smoothing={
            "delay_ms": 25.0,
            "jitter_share": 0.6,
            "error_px": {"raw": 0.24, "smoothed": 0.21},
            "noise_px": 0.3,
        },
        max_rate_hz=96.0,
        rate_steps={"64": 0.0, "96": 0.01, "112": 0.2},
        cpu_share_of_one_core=0.1,
        camera_steps={"16": {**row, "sent": 1280, "answered": 1280}},
        handover={
            "handed_over": {**row, "cpu_share": 0.05},
            "over_dds": {**row, "cpu_share": 0.06},
            "p50_ratio": 0.9,
            "cpu_ratio": 0.833,
        },
        foreign_share=0.01,
        disturbed=False,
        frame_path={
            "step_ms": {"find people": 0.2, "estimate pose": 1.5},
            "paced_step_ms": {"find people": 0.4, "estimate pose": 3.0},
            "one_process_ms": {"find people": 0.4, "estimate pose": 3.0, "sum": 3.4},
            "processes_ms": {"find people": 0.4, "estimate pose": 3.0, "sum": 3.4},
        },
        growth={
            "people_ms": {"1": 3.0, "2": 6.0},
            "size_ms": {"80x60": 3.4, "160x120": 3.5},
            "length_s": {"15": 0.3, "30": 0.4},
        },
    )
    return {**document, "targets": judge_targets(document)}


def test_the_page_has_endurance_and_live_accuracy_where_they_were_measured(tmp_path):
    from thermal_pose.lab.benchmark.page import write_page

    def ap(value):
        return {"ap": value, "ap50": value, "ap75": value}

    piece = {
        **{"p50": 9.0, "p99": 11.0, "max": 20.0, "sent": 2400, "answered": 2399},
        **{"rss_mb": 160.0, "threads": 9, "descriptors": 40, "machine_load": 5.0},
    }
    soak = {
        **{"duration_s": 3600.0, "rate_hz": 8.0, "rss_growth_share": 0.001},
        **{"threads_growth": 0, "descriptors_growth": 0, "pieces": [piece] * 12},
        "machine": {"usable_cores": 2},
    }
    perception = {
        **{"frames": 100, "recordings": 2, "model_id": "m:1", "detector_id": "d:1"},
        **{"true_boxes": ap(0.8), "offline": ap(0.7), "live": ap(0.7)},
        "live_minus_offline_ap": 0.0,
    }
    (tmp_path / "results").mkdir()
    for name, document in (("soak", soak), ("perception", perception)):
        (tmp_path / "results" / f"{name}.json").write_text(json.dumps(document))
    write_page(bench_document(), tmp_path / "performance.md")
    text = (tmp_path / "performance.md").read_text()
    assert "The machine was busy with other work: 5.0 processes" in text
    assert "| 12 | 9.0 | 11.0 | 20.0 | 1 of 2400 | 160.0 | 9, 40 | 5.0 |" in text
    assert "| live | 0.7000 |" in text and "Live minus offline: +0.0000" in text


def test_the_page_shows_the_figures_and_keeps_the_text_around_them(tmp_path):
    from thermal_pose.lab.benchmark.page import write_page

    page = tmp_path / "performance.md"
    written = write_page(bench_document(), page)
    assert all(path.stat().st_size > 0 for path in written)
    text = page.read_text()
    for word in ("Test CPU", "| default | int8 | 5.00 | 4.00 |", "not measured", "96 Hz", "met"):
        assert word in text
    page.write_text("# Title\n\n" + text + "\n## Method\n")
    before = [path.read_bytes() for path in written]
    after = [path.read_bytes() for path in write_page(bench_document(), page)]
    assert before == after
    assert page.read_text().startswith("# Title") and page.read_text().endswith("## Method\n")


def test_disturbed_figures_are_published_only_marked_as_rough(tmp_path, capsys):
    from thermal_pose.cli.main import main
    from thermal_pose.errors import ConfigError

    source, page = tmp_path / "bench.json", tmp_path / "performance.md"
    source.write_text(json.dumps({**bench_document(), "disturbed": True, "foreign_share": 0.4}))
    words = ["bench", "--page", str(page), "--from", str(source)]
    assert main(words) == ConfigError.exit_code
    assert not page.exists() and "40 % of the machine" in capsys.readouterr().err
    assert main([*words, "--rough"]) == 0
    assert "Other programs used 40 % of the machine" in page.read_text()


def test_the_work_of_others_is_told_from_our_own(monkeypatch):
    from thermal_pose.lab.benchmark import machine

    clocks = {"_busy_s": 100.0, "_own_s": 7.0, "monotonic": 50.0}
    monkeypatch.setattr(machine, "_busy_s", lambda: clocks["_busy_s"])
    monkeypatch.setattr(machine, "_own_s", lambda: clocks["_own_s"])
    monkeypatch.setattr(machine.time, "monotonic", lambda: clocks["monotonic"])
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    with machine.foreign_work() as share:
        clocks.update(_busy_s=108.0, _own_s=12.0, monotonic=60.0)
        assert share() == pytest.approx(3.0 / 20.0)
        clocks.update(_own_s=15.5)
        assert share() == 0.0, "rounding never makes a share negative"


def test_ended_children_count_as_our_own():
    from thermal_pose.lab.benchmark.machine import _busy_s, _own_s

    burn = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
    busy_s, own_s = _busy_s(), _own_s()
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert _own_s() - own_s >= 0.3 and _busy_s() - busy_s >= 0.3


def test_the_path_of_a_frame_is_timed_step_by_step(ros):
    from thermal_pose.bags.recording import DEMO_BAG
    from thermal_pose.lab.benchmark.frame_path import (
        ONE_PROCESS,
        SEVERAL_PROCESSES,
        measure_frame_path,
    )

    found = measure_frame_path(runs.load_frames(DEMO_BAG)[40:44], {}, rounds=1)
    assert {*ONE_PROCESS, *SEVERAL_PROCESSES} <= set(found["step_ms"])
    assert set(found["step_ms"]) == set(found["paced_step_ms"])
    assert all(ms > 0 for ms in [*found["step_ms"].values(), *found["paced_step_ms"].values()])
    for way, taken in (("one_process_ms", ONE_PROCESS), ("processes_ms", SEVERAL_PROCESSES)):
        parts = {name: ms for name, ms in found[way].items() if name != "sum"}
        assert set(parts) == set(taken)
        assert found[way]["sum"] == pytest.approx(sum(parts.values()), abs=1e-3)
