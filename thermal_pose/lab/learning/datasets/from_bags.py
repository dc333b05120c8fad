# SPDX-License-Identifier: Apache-2.0
"""Training data from rosbags: pair, align, box, cut; one shard a recording.

Nothing is labelled manually: the truth fields are filled where the recording is simulated, and
left empty (visibility 0) where it is real; the teacher labels either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import intrinsics_of
from thermal_pose.errors import BagSchemaError, TrainingError
from thermal_pose.gates.intake import FrameIntake
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.imaging.registration import Registration, depth_of_person
from thermal_pose.inference.card import CropRule
from thermal_pose.lab.learning.datasets.options import RGB_DETECTOR, BuildOptions, Quality
from thermal_pose.lab.learning.datasets.pair_check import asynchronous_stamps
from thermal_pose.lab.learning.datasets.registration import (
    BOX_HEIGHT_M,
    boxes_from_rgb,
    cut_patch,
    depth_of,
    locate_camera,
)
from thermal_pose.lab.learning.pose_data import PoseData, encode_patch
from thermal_pose.lab.metrics.view import heading_deg
from thermal_pose.tracking.boxes import iou_matrix
from thermal_pose.types import NS_PER_S, Phase, RgbFrame, ThermalFrame, TrueFrame, TruePerson

#: Boxes x0, y0, x1, y1 in px of the picture given: the thermal one, or with 'rgb' the RGB one.
Detect = Callable[[Any], Sequence[tuple[float, float, float, float]] | npt.NDArray[Any]]

#: Pictures of a pair may be this far apart in their stamps, s: half a period at 8 Hz.
PAIR_TOLERANCE_S: Final = 0.0625
_TINY_BOX_PX: Final = 8.0
_MATCH_IOU: Final = 0.3
#: A silhouette's share of its box, where no truth says it: 0.49 on 1,587 simulated people.
_SILHOUETTE_SHARE: Final = 0.5


@dataclass
class _Rows:
    """Rows under construction, one list a column of `PoseData`."""

    frames: list[npt.NDArray[np.uint16]] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    patches: list[bytes] = field(default_factory=list)

    def add(self, **values: Any) -> None:
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)


def build_shard(
    bag: Path,
    subject: str,
    trial: str,
    options: BuildOptions,
    extrinsics: CameraPose | None = None,
    detect: Detect | None = None,
) -> tuple[PoseData, Quality]:
    """Read one recording.

    Parameters
    ----------
    extrinsics : between the cameras; None takes them for one camera and says so in `Quality`.
    detect : the detector, for `boxes='detector'` and `'rgb'`.

    Raises
    ------
    BagError
        Unreadable, or without a topic that is needed.
    TrainingError
        Nothing usable in it.
    """
    quality = Quality(str(bag), subject, trial, registered=extrinsics is not None)
    with BagReader(bag) as reader:
        _check_topics(reader, options)
        quality.start_ns = reader.start_ns
        truths = list(reader.true_frames()) if reader.has(schema.TRUTH_FRAME) else []
        phases = _phases(reader) if reader.has(schema.TRUTH_TUG) else None
        camera, registration = _cameras(reader, truths, options, extrinsics)
        rows = _Rows()
        by_stamp = {truth.stamp_ns: truth for truth in truths}
        asynchronous, undecidable = _asynchronous(reader, truths, options, quality)
        for frame, rgb in _pairs(reader, options, quality):
            truth = by_stamp.get(frame.stamp_ns)
            late = frame.stamp_ns in asynchronous
            quality.asynchronous += late
            quality.undecidable += frame.stamp_ns in undecidable
            labels = _moved(truth, truths) if truth and options.joints_at_rgb else truth
            _add_frame(
                rows, frame, rgb, labels, late, camera, registration, options, detect, quality
            )
            if phases is not None:
                count = len(rows.columns.get("frame_of", []))
                missing = count - len(rows.columns.get("phase", []))
                for _ in range(missing):
                    rows.add(phase=phases(frame.stamp_ns))
    quality.rows = len(rows.columns.get("frame_of", []))
    if quality.rows == 0:
        raise TrainingError(_nothing_usable(quality))
    return _finish(rows, subject, trial), quality


def _check_topics(reader: BagReader, options: BuildOptions) -> None:
    if options.boxes == "truth" and not reader.has(schema.TRUTH_FRAME):
        raise BagSchemaError(
            f"{reader.path} holds no truth (nothing on {schema.TRUTH_FRAME}; only simulated "
            "recordings do), so boxes must come from a detector: use `--boxes rgb --detector "
            f"{RGB_DETECTOR}` or `--boxes detector`"
        )
    if options.with_rgb and not any(
        reader.has(topic) for topic in (schema.RGB_COMPRESSED, schema.RGB_IMAGE)
    ):
        raise BagSchemaError(
            f"{reader.path} holds no RGB pictures: use --no-rgb (then no teacher can label them), "
            "or record both cameras (`thermal-pose record --rgb`)"
        )


def _cameras(
    reader: BagReader,
    truths: list[TrueFrame],
    options: BuildOptions,
    extrinsics: CameraPose | None,
) -> tuple[CameraPose | None, Registration | None]:
    """Return where the thermal camera is by the truth, and how the two see each other.

    Thermal pictures alone, without truth, need no calibrated camera.
    """
    if not truths and not options.with_rgb:
        return None, None
    _, first = next(reader.logged_thermal_frames())
    height, width = first.centikelvin.shape
    info = reader.camera_info().scaled_to((width, height))
    if info is None:
        raise BagSchemaError(
            f"{reader.path}: its thermal calibration is for images of another aspect ratio than "
            f"{width} x {height} px"
        )
    thermal = intrinsics_of(info)
    registration = None
    if options.with_rgb:
        rgb = intrinsics_of(reader.camera_info(schema.RGB_INFO))
        between = extrinsics or CameraPose(np.eye(3), np.zeros(3))
        registration = Registration(thermal, rgb, between)
    return locate_camera(truths, thermal), registration


def _nothing_usable(quality: Quality) -> str:
    return (
        f"{quality.recording}: nobody usable in {quality.thermal_frames} thermal frames: "
        f"{quality.refused} that cannot be used{_because(quality.refusal)}, "
        f"{quality.without_rgb} without an RGB picture of the same moment, "
        f"{quality.without_person} with nobody found; {quality.tiny_boxes} people too small, "
        f"{quality.outside_rgb} outside of the RGB picture"
    )


def _because(refusal: str) -> str:
    return f" ({refusal})" if refusal else ""


def _asynchronous(
    reader: BagReader, truths: list[TrueFrame], options: BuildOptions, quality: Quality
) -> tuple[frozenset[int], frozenset[int]]:
    """Return the thermal stamps of asynchronous pairs, and of those that cannot be told."""
    if truths:
        quality.synchrony = "truth"
        return frozenset(t.stamp_ns for t in truths if t.asynchronous), frozenset()
    if not options.with_rgb:
        return frozenset(), frozenset()
    quality.synchrony = "pictures"
    return asynchronous_stamps(_pairs(reader, replace(options, every=1), Quality()))


def _pairs(
    reader: BagReader, options: BuildOptions, quality: Quality
) -> Iterator[tuple[ThermalFrame, RgbFrame | None]]:
    """Yield thermal frames with their nearest RGB frame (None if RGB is not asked for)."""
    thermal = _usable(reader, quality)
    if not options.with_rgb:
        for index, frame in enumerate(thermal):
            if index % options.every == 0:
                yield frame, None
        return
    pictures = reader.rgb_frames()
    before: RgbFrame | None = None
    after = next(pictures, None)
    for index, frame in enumerate(thermal):
        while after is not None and after.stamp_ns < frame.stamp_ns:
            before, after = after, next(pictures, None)
        near = [picture for picture in (before, after) if picture is not None]
        best = min(near, key=lambda p: abs(p.stamp_ns - frame.stamp_ns), default=None)
        if best is None or abs(best.stamp_ns - frame.stamp_ns) > PAIR_TOLERANCE_S * NS_PER_S:
            quality.without_rgb += 1
        elif index % options.every == 0:
            yield frame, best


def _usable(reader: BagReader, quality: Quality) -> Iterator[ThermalFrame]:
    """Yield the thermal frames that can be used; count all of them, and those refused."""
    intake = FrameIntake()
    size: tuple[int, ...] = ()
    for log_ns, frame in reader.logged_thermal_frames():
        quality.thermal_frames += 1
        if intake.admit(frame, log_ns).accepted:
            size = size or frame.centikelvin.shape
            if frame.centikelvin.shape != size:
                raise BagSchemaError(
                    f"{reader.path}: the image size changes from {size[1]} x {size[0]} px to "
                    f"{frame.centikelvin.shape[1]} x {frame.centikelvin.shape[0]} px: build data "
                    "from recordings of one size"
                )
            yield frame
    refused, stamps = intake.refusals(), intake.stamps_verdict()
    quality.refused = refused.total
    quality.refusal = refused.main.sentence or stamps.sentence


def _phases(reader: BagReader) -> Callable[[int], int]:
    timing = reader.true_timing()

    def phase_at(stamp_ns: int) -> int:
        at_s = (stamp_ns - timing.origin_ns) / NS_PER_S
        for interval in timing:
            if interval.start_s <= at_s < interval.end_s:
                return int(interval.phase)
        return int(Phase.SEATED if timing.valid else Phase.UNKNOWN)

    return phase_at


def _moved(truth: TrueFrame, truths: list[TrueFrame]) -> TrueFrame:
    """Return the truth with its joints interpolated to the moment of the RGB exposure."""
    times = [t.thermal_acquired_ns for t in truths]
    at = int(np.searchsorted(times, truth.rgb_acquired_ns))
    if not 0 < at < len(truths):
        return truth
    early, late = truths[at - 1], truths[at]
    span = late.thermal_acquired_ns - early.thermal_acquired_ns
    share = (truth.rgb_acquired_ns - early.thermal_acquired_ns) / max(span, 1)
    first = {p.person_id: p for p in early.persons}
    second = {p.person_id: p for p in late.persons}
    persons = []
    for person in truth.persons:
        a, b = first.get(person.person_id), second.get(person.person_id)
        xy = person.xy if a is None or b is None else a.xy + np.float32(share) * (b.xy - a.xy)
        persons.append(
            TruePerson(
                person.person_id,
                person.role,
                person.box_xyxy,
                person.area_px,
                np.asarray(xy, np.float32),
                person.visibility,
                person.joints_m,
            )
        )
    return TrueFrame(
        truth.stamp_ns,
        truth.thermal_acquired_ns,
        truth.rgb_acquired_ns,
        truth.asynchronous,
        tuple(persons),
    )


def _people(
    frame: ThermalFrame,
    rgb: RgbFrame | None,
    truth: TrueFrame | None,
    registration: Registration | None,
    options: BuildOptions,
    detect: Detect | None,
) -> list[tuple[npt.NDArray[np.float32], TruePerson | None]]:
    """Return the boxes to cut, each with the true person in it (None on real recordings)."""
    known = [
        person
        for person in (truth.persons if truth else ())
        if person.box_xyxy is not None and person.role in options.roles
    ]
    if options.boxes == "truth":
        return [(np.array(person.box_xyxy, np.float32), person) for person in known]
    if detect is None:
        raise ValueError(f"detect: expected a detector for boxes={options.boxes!r}, got None")
    if options.boxes == "detector":
        boxes = [np.array(box, np.float32) for box in detect(frame)]
    elif rgb is None or registration is None:
        boxes = []
    else:
        boxes = list(boxes_from_rgb(registration, detect(rgb), frame.centikelvin.shape))
    if truth is None:
        return [(box, None) for box in boxes]
    people: list[tuple[npt.NDArray[np.float32], TruePerson | None]] = []
    for person in known:
        overlaps = iou_matrix(np.array(person.box_xyxy), boxes)[0] if boxes else np.zeros(0)
        if overlaps.size and overlaps.max() >= _MATCH_IOU:
            people.append((boxes[int(np.argmax(overlaps))], person))
    return people


def _box_area(box: npt.NDArray[np.float32]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _add_frame(
    rows: _Rows,
    frame: ThermalFrame,
    rgb: RgbFrame | None,
    truth: TrueFrame | None,
    asynchronous: bool,
    camera: CameraPose | None,
    registration: Registration | None,
    options: BuildOptions,
    detect: Detect | None,
    quality: Quality,
) -> None:
    people = _people(frame, rgb, truth, registration, options, detect)
    quality.without_person += not people
    added = False
    for box, person in people:
        if box[3] - box[1] < _TINY_BOX_PX:
            quality.tiny_boxes += 1
            continue
        depth_m = _depth(person, camera, registration, box)
        affine: npt.NDArray[np.float32] = np.zeros((2, 3), np.float32)
        if rgb is not None and registration is not None:
            region = CropRule().region(box)
            try:
                patch, affine = cut_patch(registration, rgb.bgr[..., ::-1], region, depth_m)
            except ValueError:
                quality.outside_rgb += 1
                continue
            rows.patches.append(encode_patch(patch))
        _add_row(rows, box, person, affine, depth_m, camera)
        rows.add(
            frame_of=len(rows.frames),
            stamp_ns=frame.stamp_ns,
            asynchronous=asynchronous,
        )
        added = True
    if added:
        rows.frames.append(frame.centikelvin)


def _depth(
    person: TruePerson | None,
    camera: CameraPose | None,
    registration: Registration | None,
    box: npt.NDArray[np.float32],
) -> float:
    if person is not None and camera is not None:
        return depth_of(camera, person.joints_m)
    if registration is None:
        return float("nan")
    height_px = max(float(box[3] - box[1]), 1.0)
    return depth_of_person(height_px, BOX_HEIGHT_M, registration.thermal.fy_px)


def _add_row(
    rows: _Rows,
    box: npt.NDArray[np.float32],
    person: TruePerson | None,
    affine: npt.NDArray[np.float32],
    depth_m: float,
    camera: CameraPose | None,
) -> None:
    rows.add(
        boxes=box,
        xy=person.xy if person else np.zeros((17, 2), np.float32),
        visibility=person.visibility if person else np.zeros(17, np.uint8),
        area_px=person.area_px if person else _SILHOUETTE_SHARE * _box_area(box),
        person=True,
        distance_m=depth_m,
        heading_deg=heading_deg(camera, person.joints_m) if person and camera else float("nan"),
        patch_affine=affine,
    )


def _finish(rows: _Rows, subject: str, trial: str) -> PoseData:
    n = len(rows.columns["frame_of"])
    column = rows.columns
    height = max(len(frame) for frame in rows.frames)
    return PoseData(
        frames=np.stack(rows.frames),
        frame_rows=np.full(len(rows.frames), height, np.int16),
        frame_of=np.array(column["frame_of"], np.int32),
        boxes=np.array(column["boxes"], np.float32),
        xy=np.array(column["xy"], np.float32),
        visibility=np.array(column["visibility"], np.uint8),
        area_px=np.array(column["area_px"], np.float32),
        person=np.array(column["person"], np.bool_),
        subject=np.zeros(n, np.int32),
        trial=np.zeros(n, np.int32),
        stamp_ns=np.array(column["stamp_ns"], np.int64),
        phase=np.array(column.get("phase", [0] * n), np.uint8),
        distance_m=np.array(column["distance_m"], np.float32),
        heading_deg=np.array(column["heading_deg"], np.float32),
        asynchronous=np.array(column["asynchronous"], np.bool_),
        patch_affine=np.array(column["patch_affine"], np.float32),
        patches=tuple(rows.patches),
        subjects=(subject,),
        trials=(f"{subject}/{trial}",),
    )
