# SPDX-License-Identifier: Apache-2.0
"""Write the tables of README and docs from docs/results, and the pictures from the recording.

A block between `<!-- figures: NAME -->` and `<!-- /figures -->` is replaced. Pictures are remade
when the models, the recording or `film.py` changed; `docs/pictures/made-from.json` keeps
what they were made from.

examples:
  python scripts/docs/figures.py
  python scripts/docs/figures.py --check
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from learning_tables import kept_sides, what_helped
from paper_tables import equal_start, own_latent, rgb_only
from real_tables import real_boxes, real_int8, real_loss, with_interval
from result_files import RESULTS, ROOT, load, markdown

PICTURES = ROOT / "docs" / "pictures"
MADE_FROM = PICTURES / "made-from.json"
BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


def documents() -> list[Path]:
    """Return the documents that hold such blocks."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [path for path in paths if BLOCK.search(path.read_text())]


def keypoints() -> str:
    """Keypoint accuracy of the live default: simulated sets, then real ones if measured."""
    models = load("pose_models.json")["models"]
    names = {
        "clinic": "simulated clinic",
        "stress": "simulated, clutter and noise",
        "broad": "simulated ward and everyday life",
    }
    rows = [
        [label, "simulated", str(one["frames"]), f"{one['ap']:.2f}", f"{one['ap50']:.2f}"]
        for key, label in names.items()
        if (one := models["student-lite"].get(key))
    ]
    for name, one in real_sets("student-lite").items():
        label = f"{name.replace('_', ' ')}, hand labels"
        figures = [with_interval(one[key]) for key in ("ap", "ap50")]
        rows.append([label, "**real camera**", str(one["people"]), *figures])
    table = markdown(["people in", "kind", "n", "AP", "AP50"], rows)
    return table + other_models({"student-lite": models["student-lite"]["model_id"]})


def other_models(measured: dict[str, str]) -> str:
    """Return a note that names figures of another model than the one that ships; '' if none."""
    notes = []
    for name, model_id in measured.items():
        card = json.loads((ROOT / "thermal_pose" / "assets" / f"{name}.json").read_text())
        shipped = f"{name}-{card['sha256'][:12]}"
        if model_id != shipped:
            notes.append(f"`{name}`: simulated figures are of `{model_id}`; `{shipped}` ships.")
    return f"\n\n{' '.join(notes)}" if notes else ""


def models() -> str:
    """Every shipped pose model on every simulated set that was judged."""
    found = load("pose_models.json")["models"]
    sets = [name for name, one in next(iter(found.values())).items() if isinstance(one, dict)]
    rows = []
    for name, one in found.items():
        refused = one["broad"]["confidence"].get("empty_refused_live")
        share = f"{100 * refused:.1f} %" if refused is not None else "-"
        rows.append([f"`{name}`", *(f"{one[key]['ap']:.3f}" for key in sets), share])
    table = markdown(["AP, true boxes, simulated", *sets, "refused"], rows)
    return table + other_models({name: one["model_id"] for name, one in found.items()})


def real_sets(model: str) -> dict[str, Any]:
    """Return a model's figures on each real set, under the first assumed span."""
    judged = load("real_frames.json").get("models", {}).get(model, {})
    sets = {name: one for name, one in judged.items() if isinstance(one, dict)}
    return {name: next(iter(one["spans_degc"].values())) for name, one in sets.items()}


def real_frames() -> str:
    """Every model on every real set, with its intervals."""
    rows = []
    for model, judged in load("real_frames.json").get("models", {}).items():
        for name, one in real_sets(model).items():
            cells = [with_interval(one[key]) for key in ("ap", "ap50", "ap75", "oks")]
            rows.append(
                [
                    f"`{Path(model).stem}`, earlier" if model.endswith(".json") else f"`{model}`",
                    name.replace("_", " "),
                    str(one["people"]),
                    *cells,
                    with_interval(one["oks_sides_ignored"]),
                    with_interval(one["mirrored"], 0),
                    with_interval(one["mirrored_clearly"], 0),
                    with_interval(one["joint_ece"]),
                    with_interval(judged[name]["ap_spread_over_spans"], 3),
                ]
            )
    return markdown(
        ["model", "set", "people", "AP", "AP50", "AP75", "mean OKS", "OKS, sides ignored",
         "mirrored", "clearly", "calibration error", "AP range over spans"],
        rows,
    )  # fmt: skip


def tug() -> str:
    """Agreement of the Timed Up and Go: simulated cohorts and, if measured, real motion."""
    cohorts = load("tug_agreement.json")["cohorts"]
    columns = {f"simulated: {name}": one for name, one in cohorts.items()}
    motion = load("tug_real_motion.json")
    if motion:
        columns["**rendered real motion**"] = motion
    lines = (
        ("total, mean absolute error, s", "total_mae_s", 3, 1.0),
        ("phase boundaries, mean absolute error, s", "boundary_mae_s", 3, 1.0),
        ("frames with the right phase, %", "frame_accuracy", 1, 100.0),
        ("total, ICC(A,1)", "total_icc", 3, 1.0),
    )
    rows = [
        [label, *(_figure(one, key, digits, factor) for one in columns.values())]
        for label, key, digits, factor in lines
    ]
    rows.append(["trials", *(str(one["n_timed"]) for one in columns.values())])
    return markdown(["", *columns], rows)


def _figure(values: dict[str, Any], key: str, digits: int, factor: float = 1.0) -> str:
    return f"{factor * values[key]:.{digits}f}" if values.get(key) is not None else "-"


def speed() -> str:
    """Speed of the live graph."""
    bench = load("bench.json")
    latency = bench["latency_ms"]["one_process"]
    crop_ms = bench["crop_ms"]["lite_fp32"]["t1"]
    times = f"{latency['p50']:.1f} and {latency['p99']:.1f} ms"
    rows = [
        ["one person crop, `student-lite`, one thread", f"{crop_ms:.1f} ms"],
        ["detector, per frame", f"{bench['detector_ms']:.1f} ms"],
        ["image to keypoints over DDS at 8 Hz, median and 99th percentile", times],
        ["cameras at 8 Hz on two cores without a lost frame", str(bench["cameras_at_8hz"])],
        ["memory of the graph in one process", f"{bench['rss_mb']:.0f} MB"],
    ]
    machine = bench["machine"]
    return markdown(["", f"{machine['processor']}, {machine['cores']} cores"], rows)


def faults() -> str:
    """The faults tried, as counts."""
    rows = json.loads((RESULTS / "faults.json").read_text())
    tried = sum(row["times"] for row in rows)
    return markdown(["kinds of faults", "times tried"], [[str(len(rows)), f"{tried:,}"]])


#: Heads of the columns of both chair-rise tests, by their key in the results.
RISE_TESTS = {
    "five_times_sit_to_stand": "five times sit-to-stand",
    "chair_stand_30s": "30-second chair stand, from the first movement",
    "chair_stand_30s_from_go": "30-second chair stand, from 'go'",
}


def chair_rises() -> str:
    """Both chair-rise tests on held-out simulated people."""
    found = load("chair_rises.json")
    tests = {key: found["tests"][key] for key in RISE_TESTS if key in found["tests"]}
    rows = [
        [
            "rises exact, of valid trials",
            *(share(t["repetitions_exact_share"]) for t in tests.values()),
        ],
        ["figure given, of valid trials", *map(given, tests.values())],
        ["figure exact", *map(exact, tests.items())],
        ["exact, or the other count that was named", *map(either, tests.items())],
        ["mean absolute error, bias, worst", *map(errors, tests.items())],
        [
            "invalid trials given a figure",
            *(f"{t['invalid_given_a_number']} of {t['n_invalid']}" for t in tests.values()),
        ],
        [
            "rise begins, half-way up, standing, sitting begins, seat contact: mean absolute error",
            *map(events, tests.values()),
        ],
    ]  # fmt: skip
    models = " and ".join(sorted({f"`{t['model']}`" for t in tests.values()}))
    said = f"{found['data'][0].upper()}{found['data'][1:]}; {models}. `{found['command']}`"
    return markdown(["", *(RISE_TESTS[key] for key in tests)], rows) + f"\n\n{said}"


def events(test: dict[str, Any]) -> str:
    """Mean absolute error of each event."""
    return ", ".join(f"{value:.2f}" for value in test["events_mae_s"].values()) + " s"


def share(value: float | None) -> str:
    """A share in percent; a dash without one."""
    return "—" if value is None else f"{100 * value:.3g} %"


def given(test: dict[str, Any]) -> str:
    """How many valid trials got a figure, and why others did not."""
    refused = ", ".join(
        f"{n} refused: {reason.replace('_', ' ')}" for reason, n in test["valid_refused"].items()
    )
    return f"{test['n_given']} of {test['n_valid']}" + (f" ({refused})" if refused else "")


def exact(item: tuple[str, dict[str, Any]]) -> str:
    """How many counts are exact; a dash for a time."""
    key, test = item
    return share(test["figure_exact_share"]) if key.startswith("chair_stand") else "—"


def either(item: tuple[str, dict[str, Any]]) -> str:
    """The same where a count that is open may be either."""
    key, test = item
    if not key.startswith("chair_stand"):
        return "—"
    named = share(test.get("figure_or_other_exact_share"))
    return f"{named} ({test['at_limit']} of {test['n_given']} counts open)"


def errors(item: tuple[str, dict[str, Any]]) -> str:
    """Errors of the figure in its unit."""
    key, test = item
    unit = "stands" if key.startswith("chair_stand") else "s"
    mae, bias, worst = (test[f"figure_{name}"] for name in ("mae", "bias", "worst"))
    return f"{mae:.3f}, {bias:+.3f}, {worst:.2g} {unit}"


def bedside() -> str:
    """What the bedside page costs."""
    found = load("bench_serve.json")
    alone, bare = found["rows"][0], found["bare_node_memory_mb"]
    shown = found["picture_on_page_ms"]
    memory = alone["memory_mb"]
    rows = [
        [
            "from the image's stamp to the picture on the page",
            f"median {shown['median']:.0f} ms, 99 % within {shown['p99']:.0f} ms",
        ],
        [
            "the process without a watcher, resident",
            f"{memory['rss']:.0f} MB, of which a bare node that listens to images (Python, numpy, "
            f"rclpy, DDS) needs {bare['rss']:.0f} MB",
        ],
        [
            "the same with shared pages divided among their users (PSS)",
            f"{memory['pss']:.0f} MB, of which the bare node {bare['pss']:.0f} MB",
        ],
        ["processor time without a watcher", f"{alone['cpu_percent']:.1f} % of a core"],
        [
            "per watcher",
            f"{found['memory_mb_per_watcher']:.1f} MB, "
            f"{found['cpu_percent_of_a_core_per_watcher']:.2f} % of a core",
        ],
    ]
    load_1, cores = found["load_average"][0], found["cores"]
    return markdown(["", f"{cores} cores, load average {load_1:.0f}, 8 Hz"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "keypoints": keypoints,
    "models": models,
    "real-frames": real_frames,
    "real-loss": lambda: real_loss(load("real_frames.json"), markdown),
    "real-boxes": lambda: real_boxes(load("real_frames.json"), markdown),
    "real-quantised": lambda: real_int8(load("real_frames.json"), markdown),
    "what-helped": lambda: what_helped(load("what_helped.json"), markdown),
    "kept-sides": lambda: kept_sides(load("kept_sides.json"), markdown),
    "tug": tug,
    "speed": speed,
    "faults": faults,
    "chair-rises": chair_rises,
    "bedside": bedside,
    "own-latent": own_latent,
    "rgb-only": rgb_only,
    "equal-start": equal_start,
}


def filled(text: str) -> str:
    """Return a document with every block replaced."""
    return BLOCK.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", text)


def picture_inputs() -> str:
    """Return a digest of what the pictures show: the models, the recording, and how it is shown.

    The drawing code is left out, because an edit of its comments changes no picture.
    """
    sources = [
        *sorted((ROOT / "thermal_pose" / "assets" / "demo").iterdir()),
        *sorted((ROOT / "thermal_pose" / "assets").glob("*.onnx")),
        *sorted((ROOT / "thermal_pose" / "assets").glob("*.npz")),
        ROOT / "scripts" / "docs" / "film.py",
    ]
    total = hashlib.sha256()
    for path in sources:
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()[:16]


def stale() -> list[str]:
    """Return what `make docs-figures` would change."""
    found = [
        str(path.relative_to(ROOT))
        for path in documents()
        if filled(path.read_text()) != path.read_text()
    ]
    made_from = json.loads(MADE_FROM.read_text()) if MADE_FROM.exists() else {}
    if made_from.get("overlay.webp") != picture_inputs():
        found.append("docs/pictures/overlay.webp")
    return found


def main() -> int:
    """Rewrite what is stale; with --check only name it and return 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only list what is stale")
    args = parser.parse_args()
    names = stale()
    for name in names:
        print(f"{'stale' if args.check else 'written'}: {name}")
    if args.check:
        return 1 if names else 0
    for path in documents():
        path.write_text(filled(path.read_text()))
    from film import write_film, write_report_picture

    write_report_picture(RESULTS / "report.png")
    if "docs/pictures/overlay.webp" in names:
        write_film(PICTURES / "overlay.webp")
        MADE_FROM.write_text(json.dumps({"overlay.webp": picture_inputs()}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
