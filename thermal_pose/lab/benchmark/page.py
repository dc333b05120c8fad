# SPDX-License-Identifier: Apache-2.0
"""The page `docs/performance.md` and its plots, from the benchmark's JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from thermal_pose.files import write_whole

_BEGIN: Final = "<!-- measured: written by `thermal-pose bench --page` -->"
_END: Final = "<!-- end of measured -->"
_OURS: Final = "#0072b2"
_PEERS: Final = "#999999"
_STEP_COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7")
_ROUGH: Final = " **Other programs used {share:.0f} % of the machine: the figures are rough.**"
_PLOT_NAMES: Final = (
    "performance-crops.svg",
    "performance-load.svg",
    "performance-path.svg",
    "performance-growth.svg",
)
_PEER_NAMES: Final = ("vitpose_b", "vitpose_s", "rtmpose_t", "openvino_vitpose_b")


def write_page(found: Mapping[str, Any], path: Path) -> list[Path]:
    """Replace the measured part of the page, or create the page; plots go beside it.

    Parameters
    ----------
    found : the document of `out/bench.json`.
    path : the page; text outside the marked part is kept. `results/soak.json` and
        `results/perception.json` beside it, where they are, become sections of it.
    """
    plots = [path.parent / name for name in _PLOT_NAMES]
    path.parent.mkdir(parents=True, exist_ok=True)
    _plot_crops(found, plots[0])
    _plot_load(found, plots[1])
    _plot_path(found["frame_path"], plots[2])
    _plot_growth(found, plots[3])
    results = path.parent / "results"
    lines = [
        *_measured(found),
        *_soak(_read(results / "soak.json")),
        *_accuracy(_read(results / "perception.json")),
    ]
    measured = "\n".join([_BEGIN, *lines, _END])
    text = path.read_text(encoding="utf-8") if path.exists() else f"{_BEGIN}\n{_END}\n"
    head, _, rest = text.partition(_BEGIN)
    tail = rest.partition(_END)[2]
    write_whole(path, f"{head}{measured}{tail}")
    return [path, *plots]


def _read(path: Path) -> dict[str, Any]:
    """Return a JSON document; empty if the file is missing."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _measured(found: Mapping[str, Any]) -> list[str]:
    machine = found["machine"]
    return [
        "",
        f"Machine: {machine['processor']} ({', '.join(machine['simd'])}), "
        f"{machine['usable_cores']} cores, {machine['memory_gb']} GB; "
        f"onnxruntime {machine['onnxruntime']}, Python {machine['python']}; "
        f"load average at the start {machine['load_before']}."
        + (_ROUGH.format(share=100 * found["foreign_share"]) if found["disturbed"] else ""),
        "",
        *_targets(found),
        "### One person crop, milliseconds (medians of one interleaved run)",
        "",
        "![Milliseconds per crop](performance-crops.svg)",
        "",
        *_table(
            ("network", "how it runs", "1 thread", "2 threads"),
            [
                (name, found["about"][name], f"{row['t1']:.2f}", f"{row['t2']:.2f}")
                for name, row in found["crop_ms"].items()
            ],
        ),
        "Ratios of one-thread medians: "
        + ", ".join(
            f"{name} {value:.3f} (1/{1 / value:.1f})" for name, value in found["ratios"].items()
        )
        + ".",
        "",
        *_floor(found["floor"]),
        *_detectors(found["detectors_ms"]),
        *_load(found),
        *_path(found["frame_path"], found["latency_ms"]),
        *_growth(found["commands"]),
        *_smoothing(found["smoothing"]),
    ]


def _targets(found: Mapping[str, Any]) -> list[str]:
    rows = [
        (name, row["target"], row["measured"], "met" if row["met"] else "**missed**")
        for name, row in found["targets"].items()
    ]
    return _table(("target on two cores", "wanted", "measured", "verdict"), rows)


def _floor(floor: Mapping[str, Any]) -> list[str]:
    sizes, ceilings = floor["student"], floor["ceilings"]
    rows = [
        (
            precision,
            f"{floor[precision]['operations_ms']:.2f}",
            f"{floor[precision]['bytes_ms']:.2f}",
            f"{floor[precision]['measured_ms']:.2f}",
            f"{floor[precision]['times_the_floor']:.2f}",
        )
        for precision in ("int8", "fp32")
    ]
    return [
        "### The floor",
        "",
        f"The folded student needs {sizes['macs'] / 1e6:.0f} M multiply-adds, "
        f"{sizes['parameters'] / 1e6:.2f} M weights and {sizes['activations'] / 1e6:.2f} M "
        f"activations per crop. One thread here does {ceilings['fp32_gmac_s']:.0f} G multiply-adds "
        f"a second in fp32 and {ceilings['int8_gmac_s']:.0f} G in int8 (a 1024 x 1024 matrix "
        f"product on onnxruntime), and copies {ceilings['copy_gb_s']:.1f} GB/s.",
        "",
        *_table(("form", "operations, ms", "bytes, ms", "measured, ms", "times the floor"), rows),
    ]


def _detectors(detectors: Mapping[str, Any]) -> list[str]:
    rows = [
        (name, "not measured" if value is None else f"{value:.3f}")
        for name, value in detectors.items()
        if name != "missing"
    ]
    reasons = [f"- {name}: {text}" for name, text in detectors["missing"].items()]
    head = ["### Detectors, milliseconds per frame (80 x 60, one thread, with preparation)", ""]
    return [*head, *_table(("detector", "ms"), rows), *reasons, *([""] if reasons else [])]


def _load(found: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            name.replace("_", " "),
            f"{row['p50']:.1f}",
            f"{row['p99']:.1f}",
            f"{row['max']:.1f}",
            f"{row['sent'] - row['answered']} of {row['sent']}",
        )
        for name, row in found["latency_ms"].items()
    ]
    return [
        "### Image to keypoints over DDS at 8 Hz",
        "",
        *_table(("detector, pose, analyzer", "p50 ms", "p99 ms", "max ms", "dropped"), rows),
        "![Load](performance-load.svg)",
        "",
        f"Highest rate of one camera with under 5 % drops: {found['max_rate_hz']:.0f} Hz. "
        f"Cameras at 8 Hz without a drop: {found['cameras_at_8hz']}. "
        f"Resident memory of the one-process graph: {found['rss_mb']:.0f} MB; at 8 Hz it uses "
        f"{100 * found['cpu_share_of_one_core']:.1f} % of one core.",
        "",
        *_handover(found.get("handover", {})),
    ]


def _handover(found: Mapping[str, Any]) -> list[str]:
    if not found:
        return []
    rows = [
        (
            words,
            f"{found[name]['p50']:.1f}",
            f"{found[name]['p99']:.1f}",
            f"{100 * found[name]['cpu_share']:.1f} %",
        )
        for name, words in (("handed_over", "handed over"), ("over_dds", "all over DDS"))
    ]
    return [
        "Two processes with images in turns, 8 per second each; in one of them the nodes hand "
        f"messages over. It takes {found['p50_ratio']:.2f} times the latency and "
        f"{found['cpu_ratio']:.2f} times the processor time of the other. The images come from a "
        "third process, so that they take the way over DDS in both.",
        "",
        *_table(("between nodes of one process", "p50 ms", "p99 ms", "of one core"), rows),
    ]


def _path(path: Mapping[str, Any], latency: Mapping[str, Any]) -> list[str]:
    paced = path.get("paced_step_ms", path["step_ms"])
    rows = [
        (
            name,
            f"{path['step_ms'][name]:.3f}",
            f"{paced[name]:.3f}",
            *(f"{path[way].get(name, 0.0):.3f}" for way in ("one_process_ms", "processes_ms")),
        )
        for name in sorted(paced, key=lambda name: -paced[name])
    ]
    sums = (f"{path[way]['sum']:.2f}" for way in ("one_process_ms", "processes_ms"))
    measured = (f"{latency[way]['p50']:.2f}" for way in ("one_process", "processes"))
    return [
        "### Where a frame's milliseconds go",
        "",
        "![Steps of a frame's path](performance-path.svg)",
        "",
        "Each step in a loop, and once per 125 ms, as a camera has it: by then the caches and the "
        "processor core have gone cold. The last two columns have the second, times how often the "
        "step is taken between publishing an image and receiving its keypoints. What the measured "
        "latency has beyond the sum is waiting: for the scheduler, the interpreter's lock, and "
        "the other process to wake.",
        "",
        *_table(
            ("step", "in a loop, ms", "at 8 Hz, ms", "one process, ms", "several processes, ms"),
            [*rows, ("**sum**", "", "", *sums), ("measured p50", "", "", *measured)],
        ),
    ]


def _growth(commands: Mapping[str, Any]) -> list[str]:
    return [
        "### Growth",
        "",
        "![Cost against people, image size, length and cameras](performance-growth.svg)",
        "",
        f"`thermal-pose run` has its first keypoints {commands['first_keypoints_s']:.1f} s after "
        "the command; `thermal-pose analyze` works at "
        f"{commands['analyze_times_real_time']:.1f} times real time on one core, start-up "
        "included.",
        "",
    ]


def _smoothing(smoothing: Mapping[str, Any]) -> list[str]:
    error = smoothing["error_px"]
    return [
        "### Smoothing",
        "",
        f"The one-euro filter, off by default, on the true joints of the shipped recording with "
        f"{smoothing['noise_px']} px of noise: {100 * (1 - smoothing['jitter_share']):.0f} % of "
        f"the jitter goes, {smoothing['delay_ms']:.0f} ms of delay come, the mean error goes from "
        f"{error['raw']:.2f} to {error['smoothed']:.2f} px.",
        "",
    ]


def _soak(soak: Mapping[str, Any]) -> list[str]:
    if not soak:
        return []
    pieces = soak["pieces"]
    rows = [
        (
            str(number),
            *(f"{piece[name]:.1f}" for name in ("p50", "p99", "max")),
            f"{piece['sent'] - piece['answered']} of {piece['sent']}",
            f"{piece['rss_mb']:.1f}",
            f"{piece['threads']}, {piece['descriptors']}",
            f"{piece['machine_load']:.1f}",
        )
        for number, piece in enumerate(pieces, start=1)
    ]
    load = sum(piece["machine_load"] for piece in pieces) / len(pieces)
    cores = soak["machine"]["usable_cores"]
    busy = (
        f"The machine was busy with other work: {load:.1f} processes wanted its {cores} cores on "
        "average, so latencies and drops do not describe a quiet machine."
        if load > cores
        else f"On average {load:.1f} processes wanted the machine's {cores} cores."
    )
    head = (
        "piece", "p50 ms", "p99 ms", "max ms", "dropped", "memory MB", "threads, descriptors",
        "load",
    )  # fmt: skip
    return [
        f"### Endurance: {soak['duration_s'] / 60:.0f} minutes at {soak['rate_hz']:.0f} Hz",
        "",
        f"{busy} From the first piece to the last, resident memory changed by "
        f"{100 * soak['rss_growth_share']:+.2f} %, threads by {soak['threads_growth']:+d}, "
        f"descriptors by {soak['descriptors_growth']:+d}.",
        "",
        *_table(head, rows),
    ]


def _accuracy(found: Mapping[str, Any]) -> list[str]:
    if not found:
        return []
    rows = [
        (name.replace("_", " "), *(f"{found[name][key]:.4f}" for key in ("ap", "ap50", "ap75")))
        for name in ("true_boxes", "offline", "live")
        if name in found
    ]
    return [
        "### Accuracy through the live nodes",
        "",
        f"OKS AP on {found['frames']} frames of {found['recordings']} held-out simulated "
        f"recordings, `{found['model_id']}` with `{found['detector_id']}`. Live minus offline: "
        f"{found['live_minus_offline_ap']:+.4f} (allowed 0.005 either way).",
        "",
        *_table(("boxes and way", "AP", "AP50", "AP75"), rows),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _plot_crops(found: Mapping[str, Any], path: Path) -> None:
    figure, axes = _figure(7.5, 4.2)
    names = sorted(found["crop_ms"], key=lambda name: found["crop_ms"][name]["t1"], reverse=True)
    for place, name in enumerate(names):
        row = found["crop_ms"][name]
        colour = _PEERS if name in _PEER_NAMES else _OURS
        axes.barh(place, row["t1"], color=colour, height=0.6)
        axes.plot(row["t2"], place, "|", color="black", markersize=12)
        beside = 1.08 * max(row["t1"], row["t2"])
        axes.text(beside, place, f"{row['t1']:.1f}", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(right=2 * max(max(row["t1"], row["t2"]) for row in found["crop_ms"].values()))
    axes.set_xlabel("ms per crop: bar one thread, mark two threads; grey: peers, random weights")
    _save(figure, path)


def _plot_load(found: Mapping[str, Any], path: Path) -> None:
    figure, axes = _figure(7.5, 3.0)
    rates = {float(rate): 100 * share for rate, share in found["rate_steps"].items()}
    axes.plot(list(rates), list(rates.values()), "o-", color=_OURS, label="one camera, rate in Hz")
    cameras = {
        8.0 * int(count): 100 * (1 - row["answered"] / row["sent"])
        for count, row in found["camera_steps"].items()
    }
    axes.plot(
        list(cameras), list(cameras.values()), "s--", color="#d55e00",
        label="many cameras at 8 Hz, images per second in all",
    )  # fmt: skip
    axes.axhline(5, color=_PEERS, linewidth=1)
    axes.set_ylim(bottom=-1)
    axes.set_xlabel("images per second")
    axes.set_ylabel("dropped, %")
    axes.legend(fontsize=8)
    _save(figure, path)


def _plot_path(path: Mapping[str, Any], file: Path) -> None:
    figure, axes = _figure(7.5, 2.6)
    ways = {"one process": path["one_process_ms"], "several": path["processes_ms"]}
    steps = sorted(path["processes_ms"], key=lambda name: -path["processes_ms"][name])
    large = [name for name in steps if name != "sum"][: len(_STEP_COLOURS)]
    left = dict.fromkeys(ways, 0.0)
    for name, colour in zip(large, _STEP_COLOURS, strict=False):
        widths = [parts.get(name, 0.0) for parts in ways.values()]
        axes.barh(list(ways), widths, left=list(left.values()), color=colour, label=name)
        left = {way: left[way] + width for way, width in zip(ways, widths, strict=True)}
    others = [parts["sum"] - left[way] for way, parts in ways.items()]
    axes.barh(list(ways), others, left=list(left.values()), color=_PEERS, label="all other steps")
    axes.set_xlabel("ms from image to keypoints, without waiting")
    figure.legend(fontsize=7, ncols=6, loc="outside upper center")
    _save(figure, file)


def _plot_growth(found: Mapping[str, Any], file: Path) -> None:
    from matplotlib.figure import Figure

    growth = found["growth"]
    cameras = {count: row["p99"] for count, row in found["camera_steps"].items()}
    curves = (
        ("people in view", "pose, ms", growth["people_ms"]),
        ("image size, px", "detector and pose, ms", growth["size_ms"]),
        ("recording, s", "analysis of keypoints, s", growth["length_s"]),
        ("cameras at 8 Hz", "image to keypoints, p99 ms", cameras),
    )
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    for place, (across, up, values) in enumerate(curves, start=1):
        axes = figure.add_subplot(1, len(curves), place)
        # Counts and seconds are drawn to scale, image sizes side by side.
        places = [float(name) if name.isdecimal() else name for name in values]
        axes.plot(places, list(values.values()), "o-", color=_OURS)
        axes.set_ylim(0, 1.15 * max(values.values()))
        axes.set_xlabel(across, fontsize=8)
        axes.set_ylabel(up, fontsize=8)
        axes.tick_params(labelsize=7)
    _save(figure, file)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    # Figure without pyplot: no global state, no display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _save(figure: Any, path: Path) -> None:
    import matplotlib

    # A fixed salt and no date: the same figures make the same file.
    with matplotlib.rc_context({"svg.hashsalt": "thermal-pose", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
