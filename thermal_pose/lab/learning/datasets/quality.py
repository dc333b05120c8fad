# SPDX-License-Identifier: Apache-2.0
"""The page that rates a data set before a training uses it."""

import html
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch

from thermal_pose.clinical.phases import phase_key
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.config import AugmentConfig
from thermal_pose.lab.learning.fitting.tasks import RgbCrops
from thermal_pose.lab.learning.networks.teacher import load_teacher
from thermal_pose.lab.learning.pose_data import PoseData, concatenate, load_shard
from thermal_pose.report.findings import Appraisal, findings_page, table_section
from thermal_pose.report.parts import section
from thermal_pose.types import Phase

_SHARDS: Final = 12
_ROWS_A_SHARD: Final = 16
_SHOWN: Final = 24
_SURE: Final = 0.5
#: Smallest data set worth training on: people in frames, and subjects.
MIN_PEOPLE, MIN_SUBJECTS = 1_000, 3
#: Shares of pairs that do not show one moment, and of people that the teacher is unsure of.
MAX_MARKED, MAX_UNSURE = 0.05, 0.3
_DROPPED: Final = {
    "refused": "thermal frames that cannot be used",
    "without_rgb": "thermal frames without an RGB picture of the same moment",
    "without_person": "frames without people",
    "tiny_boxes": "people less than 8 px tall",
    "outside_rgb": "people outside of the RGB picture",
}
_WITHOUT_COUNTS: Final = "shards not in these counts: of an earlier version, or not from recordings"
_NOT_CHECKED: Final = (
    "; their asynchronous pairs are marked only where the recording was simulated: "
    "`thermal-pose sync` finds them"
)


def sample_rows(shards: list[Path]) -> PoseData:
    """Return some rows of some shards, evenly spaced: what fits into memory and on a page."""
    chosen = np.unique(np.linspace(0, len(shards) - 1, _SHARDS).astype(int))
    parts = []
    for index in chosen:
        data = load_shard(shards[index])
        rows = np.unique(np.linspace(0, len(data) - 1, _ROWS_A_SHARD).astype(int))
        parts.append(data.select(rows))
    return concatenate(parts)


@torch.no_grad()
def teacher_confidence(data: PoseData, teacher: str) -> dict[str, Any]:
    """Return how sure a teacher is of the joints it will teach: means of its heatmaps' peaks.

    Raises
    ------
    ModelArtifactError
        Nothing usable there.
    TrainingError
        The data has no RGB.
    """
    network, _ = load_teacher(teacher)
    source = RgbCrops(data, AugmentConfig(occlude=0), torch.device("cpu"))
    peaks = []
    for rows in torch.split(torch.arange(len(data)), 32):
        inputs = {"index": rows, "affine": crops.crop_affine(source.regions[rows])}
        peaks.append(network(source.images(inputs)).heatmaps.amax(dim=(2, 3)))
    peak = torch.cat(peaks)
    return {
        "rows": len(data),
        "mean_peak": round(float(peak.mean()), 4),
        "share_of_people_unsure": round(float((peak.mean(dim=1) < _SURE).float().mean()), 4),
    }


def quality_page(summary: dict[str, Any], sample: PoseData) -> str:
    """Return the page as HTML, pictures inside.

    Parameters
    ----------
    summary : as `build_dataset.write_summary` makes it.
    sample : rows to show.
    """
    shown = np.unique(np.linspace(0, len(sample) - 1, _SHOWN).astype(int))
    pictures = "".join(_figure(sample.select(np.array([row]))) for row in shown)
    people = (
        "Left: thermal frame, box, true joints if known. Right: the RGB picture that "
        "the teacher sees. The same body must be in both."
    )
    heights = _heights(sample)
    errors = [(Path(path).name, error) for path, error in summary["errors"].items()]
    return findings_page(
        "Data set quality",
        [("People", str(summary["rows"])), ("Subjects", str(len(summary["subjects"])))],
        judge_data(summary),
        table_section("errors", "Recordings not used", errors)
        + table_section("counts", "What was kept and dropped", _counts(summary))
        + section("people", "Some people", f'<div class="samples">{pictures}</div>', people)
        + table_section("heights", "Height of people", heights, f"Of a sample of {len(sample)}."),
    )


def judge_data(summary: dict[str, Any]) -> Appraisal:
    """Return whether a data set can be trained on, and what to do next: the worst problem first."""
    rows, teacher = summary["rows"], summary.get("teacher") or {}
    dropped = sum(summary["dropped"].values())
    marked = summary["asynchronous_kept_but_marked"]
    problems = (
        (rows == 0, "This data set contains no people.",
         "Record people that the camera sees, then build it again."),
        (bool(summary["errors"]), f"Some recordings could not be used ({len(summary['errors'])}).",
         "Repair or leave out the recordings listed below, then build it again."),
        (rows < MIN_PEOPLE or len(summary["subjects"]) < MIN_SUBJECTS,
         f"This is little to learn from: {rows} people in frames of {len(summary['subjects'])} "
         "subjects.",
         f"Record more: at least {MIN_PEOPLE} people in frames of {MIN_SUBJECTS} subjects."),
        (dropped > rows, "More was dropped than kept.",
         "Look at the largest count of what was dropped, and correct its cause."),
        (marked > MAX_MARKED * rows, f"{marked} of {rows} pairs do not show the same moment.",
         "Find the delay with `thermal-pose sync`, then build it again."),
        (bool(summary["options"].get("with_rgb") and summary["without_extrinsics"]),
         "Cameras of some recordings were not calibrated.",
         "Calibrate them with `thermal-pose calibrate`, then build it again with --extrinsics."),
        (teacher.get("share_of_people_unsure", 0.0) > MAX_UNSURE,
         "The teacher is unsure of many people.",
         "Compare the picture pairs below; fine-tune the teacher, or improve the colour pictures."),
    )  # fmt: skip
    for found, verdict, next_step in problems:
        if found:
            return Appraisal(False, verdict, next_step)
    return Appraisal(
        True,
        f"This data set can be trained on: {rows} people in frames of {len(summary['subjects'])} "
        "subjects.",
        "Check that every pair below shows the same body, then run `thermal-pose train`.",
    )


def _counts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    lines: list[tuple[str, Any]] = [
        ("people in frames, kept", summary["rows"]),
        ("recordings", summary["shards"]),
        ("subjects", len(summary["subjects"])),
    ]
    if summary["without_counts"] < summary["shards"]:
        lines += [(f"dropped: {_DROPPED[k]}", n) for k, n in summary["dropped"].items()]
        lines += _pair_counts(summary)
    if summary["without_counts"]:
        more = _NOT_CHECKED if summary["options"].get("with_rgb") else ""
        lines.append((_WITHOUT_COUNTS + more, summary["without_counts"]))
    if teacher := summary.get("teacher"):
        lines += [
            (f"teacher: mean heatmap peak of {teacher['rows']} people", teacher["mean_peak"]),
            (f"teacher: share of people with a mean peak under {_SURE}",
             teacher["share_of_people_unsure"]),
        ]  # fmt: skip
    return [(name, str(value)) for name, value in lines]


def _pair_counts(summary: dict[str, Any]) -> list[tuple[str, int]]:
    lines = [
        (
            "asynchronous pairs, kept but never learnt from",
            summary["asynchronous_kept_but_marked"],
        )
    ]
    if summary["pairs_checked_by_pictures"]:
        lines += [
            (
                "recordings without truth: asynchronous pairs found by the pictures, as "
                "`thermal-pose sync` does",
                summary["pairs_checked_by_pictures"],
            ),
            (
                "pairs in those recordings that are undecidable (hardly any movement): kept",
                summary["pairs_undecidable"],
            ),
        ]
    if summary["options"].get("with_rgb"):
        text = "recordings whose cameras were not calibrated: treated as one camera"
        lines.append((text, summary["without_extrinsics"]))
    return lines


def _heights(data: PoseData) -> list[tuple[str, str]]:
    heights = data.boxes[:, 3] - data.boxes[:, 1]
    edges = np.arange(0, 72, 8)
    counts, _ = np.histogram(np.clip(heights, 0, edges[-1] - 1), edges)
    return [
        (f"{low} to {low + 7} px", str(count))
        for low, count in zip(edges[:-1], counts, strict=True)
        if count
    ]


def _figure(data: PoseData) -> str:
    coded = b64encode(_thumbnail(data)).decode()
    parts = [data.trials[int(data.trial[0])], phase_key(Phase(int(data.phase[0])))]
    if np.isfinite(data.distance_m[0]):
        parts.append(f"{data.distance_m[0]:.1f} m")
    if data.asynchronous[0]:
        parts.append("asynchronous")
    text = html.escape(", ".join(parts))
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{coded}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _thumbnail(data: PoseData) -> bytes:
    """Draw one row: thermal with box and true joints, beside the RGB patch."""
    frame = data.frames[0][: data.frame_rows[0]].astype(np.float32)
    grey = (255 * (frame - frame.min()) / max(float(np.ptp(frame)), 1.0)).astype(np.uint8)
    scale = 4
    picture = cv2.applyColorMap(
        cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC),
        cv2.COLORMAP_INFERNO,
    )
    left, top, right, bottom = ((data.boxes[0] + 0.5) * scale).round().astype(int).tolist()
    cv2.rectangle(picture, (left, top), (right, bottom), (200, 200, 200), 1)
    for x, y in data.xy[0][data.visibility[0] > 0]:
        centre = (round((x + 0.5) * scale), round((y + 0.5) * scale))
        cv2.circle(picture, centre, 2, (0, 255, 0), -1)
    if data.patches:
        patch = cv2.imdecode(np.frombuffer(data.patches[0], np.uint8), cv2.IMREAD_COLOR)
        assert patch is not None
        affine, shown = data.patch_affine[0], data.xy[0][data.visibility[0] > 0]
        for x, y in shown @ affine[:, :2].T + affine[:, 2]:
            cv2.circle(patch, (round(float(x)), round(float(y))), 3, (0, 255, 0), -1)
        height = picture.shape[0]
        patch = cv2.resize(patch, (height * patch.shape[1] // patch.shape[0], height))
        picture = np.hstack([picture, patch])
    done, coded = cv2.imencode(".png", picture)
    assert done
    return coded.tobytes()
