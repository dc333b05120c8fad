# SPDX-License-Identifier: Apache-2.0
"""Training data from rosbags: pair, align, box, cut; one shard per recording.

Nothing is labelled manually: the truth fields are filled where the recording is simulated, and
left empty (visibility 0) where it is real; the teacher labels either.
"""

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import intrinsics_of
from thermal_pose.errors import BagSchemaError, TrainingError
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.imaging.registration import Registration
from thermal_pose.lab.learning.datasets.extrinsics import find_extrinsics
from thermal_pose.lab.learning.datasets.options import RGB_DETECTOR, BuildOptions, Quality
from thermal_pose.lab.learning.datasets.pair_check import PairCheck
from thermal_pose.lab.learning.datasets.pairing import paired_frames
from thermal_pose.lab.learning.datasets.recordings import Recording
from thermal_pose.lab.learning.datasets.registration import locate_camera
from thermal_pose.lab.learning.datasets.rows import Detect, ShardRows
from thermal_pose.lab.learning.datasets.truth import RecordedTruth
from thermal_pose.lab.learning.pose_data import PoseData


def build_shard(
    recording: Recording,
    options: BuildOptions,
    extrinsics: CameraPose | None = None,
    detect: Detect | None = None,
) -> tuple[PoseData, Quality]:
    """Read one recording; its files are opened once.

    Parameters
    ----------
    extrinsics : between the cameras; None looks for them (`find_extrinsics`). If there are none,
        both cameras are treated as one, and `Quality.registered` is False.
    detect : the detector, for `boxes='detector'` and `'rgb'`.

    Raises
    ------
    BagError
        Unreadable, or without a topic that is needed.
    CalibrationError
        The extrinsics found, or the calibration of a camera, cannot be used.
    TrainingError
        It holds nothing usable.
    """
    quality = Quality(str(recording.path), recording.subject, recording.trial)
    with BagReader(recording.path) as reader:
        _check_topics(reader, options)
        quality.start_ns = reader.start_ns
        truth = RecordedTruth(reader)
        if options.with_rgb:
            extrinsics = extrinsics or find_extrinsics(reader)
            quality.registered = extrinsics is not None
        camera, registration = _cameras(reader, truth, options, extrinsics)
        rows = ShardRows(options, quality, detect, camera, registration)
        asynchronous = _read(reader, truth, rows)
    quality.rows = len(rows)
    if quality.rows == 0:
        raise TrainingError(_nothing_usable(quality))
    data = rows.finish(recording.subject, recording.trial, asynchronous, truth.phase)
    return data, quality


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
    reader: BagReader, truth: RecordedTruth, options: BuildOptions, extrinsics: CameraPose | None
) -> tuple[CameraPose | None, Registration | None]:
    """Return the thermal camera's pose by the truth, and how both cameras see each other.

    Thermal pictures alone, without truth, need no calibrated camera.
    """
    if not truth.frames and not options.with_rgb:
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
    return locate_camera(truth.frames, thermal), registration


def _read(reader: BagReader, truth: RecordedTruth, rows: ShardRows) -> set[int]:
    """Add every chosen frame to the rows; return the stamps of asynchronous pairs."""
    options, quality = rows.options, rows.quality
    check = PairCheck() if options.with_rgb and not truth.frames else None
    used: set[int] = set()
    for number, frame, rgb in paired_frames(reader, options.with_rgb, quality):
        if check is not None and rgb is not None:
            check.add(frame, rgb)
        if number % options.every == 0:
            used.add(frame.stamp_ns)
            rows.add_frame(frame, rgb, truth.at(frame.stamp_ns, options.joints_at_rgb))
    asynchronous = truth.asynchronous_stamps()
    if truth.frames:
        quality.synchrony = "truth"
    elif check is not None:
        check.finish()
        quality.synchrony = "pictures"
        quality.undecidable = len(check.undecidable & used)
        asynchronous = check.asynchronous
    quality.asynchronous = len(asynchronous & used)
    return asynchronous


def _nothing_usable(quality: Quality) -> str:
    because = f" ({quality.refusal})" if quality.refusal else ""
    return (
        f"{quality.recording}: no usable person in {quality.thermal_frames} thermal frames: "
        f"{quality.refused} that cannot be used{because}, "
        f"{quality.without_rgb} without an RGB picture of the same moment, "
        f"{quality.without_person} without a person; {quality.tiny_boxes} people too small, "
        f"{quality.outside_rgb} outside of the RGB picture"
    )
