# SPDX-License-Identifier: Apache-2.0
"""Heatmaps of the tested person's legs, kept per trial, and features read from them.

`gait_features.py` compares gait with and without them. Legend: N frames, P people, E features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.gait import Span
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import follow_subject
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.codecs.heatmap import decode_argmax
from thermal_pose.files import whole_file
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.base import RuntimeOptions
from thermal_pose.inference.card import load_card
from thermal_pose.inference.heatmap_estimator import HeatmapPoseEstimator
from thermal_pose.inference.onnxruntime_engine import OnnxRuntimeEngine
from thermal_pose.lab.evaluation.tug.gait import true_gait
from thermal_pose.lab.learning.tug.frame_store import (
    is_current,
    models_of,
    read_frame_trial,
    seen_keypoints,
)
from thermal_pose.lab.learning.tug.gait import GaitTrial, gait_trial
from thermal_pose.lab.learning.tug.keypoint_file import read_keypoints, write_keypoints
from thermal_pose.lab.metrics.agreement import boundaries_s
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception import Perception, PoseStage
from thermal_pose.pipeline.perception_params import build_detection_stage, pose_settings
from thermal_pose.skeleton import MIRROR, N_JOINTS, Joint
from thermal_pose.types import (
    NS_PER_S,
    Float64Array,
    FloatArray,
    PersonBox,
    PersonKeypoints,
    UInt16Array,
)

#: Joints whose heatmaps are kept, left and right in turn; the ankles among them.
LEG_JOINTS = np.arange(Joint.LEFT_HIP, Joint.RIGHT_ANKLE + 1)
ANKLES = (4, 5)
#: The order of the legs' joints in a mirrored image.
SWAPPED = [1, 0, 3, 2, 5, 4]
#: Heatmaps are kept as bytes, this many per unit.
LEVELS = 200.0
#: A second peak lies farther than this from the first, heatmap px.
APART_PX = 6.0
#: Windows reach this far from an ankle's peak, and are averaged over squares, heatmap px.
REACH_PX, SQUARE_PX = 7, 3
N_SHAPE, N_WINDOWS = 7 * 6, 2 * 2 * 25


class KeptOutputs(OnnxRuntimeEngine):
    """An engine that keeps its last input and heatmaps."""

    last: tuple[FloatArray, FloatArray]

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """Return all outputs for one input (N, 1, 256, 192)."""
        outputs = super().run(tensor)
        self.last = tensor, outputs["heatmaps"]
        return outputs


class MapRecorder(HeatmapPoseEstimator):
    """A pose model that keeps each frame's joints, crops and heatmaps; None without people."""

    def __init__(self, model: str) -> None:
        path = card_path(model)
        card = load_card(path)
        self.engine = KeptOutputs(path.parent / card.file, RuntimeOptions(), card.precision)
        super().__init__(self.engine, card)
        self.frames: list[tuple[FloatArray, FloatArray, FloatArray] | None] = []

    def estimate(
        self, centikelvin: UInt16Array, boxes: Sequence[PersonBox]
    ) -> tuple[PersonKeypoints, ...]:
        """Find the joints of every box of one frame."""
        persons = super().estimate(centikelvin, boxes)
        kept = (np.stack([p.xy for p in persons]), *self.engine.last) if persons else None
        self.frames.append(kept)
        return persons


def recording_perception() -> tuple[Perception, MapRecorder]:
    """Return the pipeline with the shipped models, and its pose model."""
    recorder = MapRecorder(PoseParameters().model)
    stage = PoseStage(recorder, pose_settings(PoseParameters()))
    return Perception(build_detection_stage(DetectorParameters()), stage), recorder


def extract(source: Path, folder: Path, perception: Perception, recorder: MapRecorder) -> None:
    """Write a trial's keypoints to `folder`, and its subject's maps to `folder/maps`."""
    recorder.frames.clear()
    trial = seen_keypoints(read_frame_trial(source), perception)
    track = follow_subject(list(trial.frames), TugParams())
    maps = [subject_maps(xy, kept) for xy, kept in zip(track.xy, recorder.frames, strict=True)]
    heatmaps, crops = (np.stack(each) for each in zip(*maps, strict=True))
    with whole_file(folder / "maps" / source.name) as stream:
        np.savez_compressed(stream, heatmaps=heatmaps, crops=crops)
    write_keypoints(trial, folder / source.name, detector_id=models_of(perception)[0])


def subject_maps(
    xy: Float64Array, kept: tuple[FloatArray, FloatArray, FloatArray] | None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]]:
    """Return the subject's heatmaps (6, 64, 48) of the legs and crop (64, 48); 0 where unseen.

    Parameters
    ----------
    xy : (17, 2) px, of one person of the frame; the pipeline may have exchanged left and right.
    kept : joints (P, 17, 2), crops (P, 1, 256, 192) and heatmaps (P, 17, 64, 48) of P people.
    """
    for joints, crop, heat in zip(*kept, strict=True) if kept is not None else ():
        for order in (np.arange(N_JOINTS), MIRROR):
            if np.array_equal(joints[order], xy):
                blocks = crop[0].reshape(64, 4, 48, 4).mean(axis=(1, 3))
                levels = np.clip(LEVELS * heat[order][LEG_JOINTS], 0, 255)
                return levels.round().astype(np.uint8), blocks.astype(np.float16)
    return np.zeros((len(LEG_JOINTS), 64, 48), np.uint8), np.zeros((64, 48), np.float16)


def map_features(heatmaps: npt.NDArray[np.uint8], crops: npt.NDArray[np.float16]) -> FloatArray:
    """Return (N, E): shapes of all legs' heatmaps, then windows of the ankles' and of the crop.

    Parameters
    ----------
    heatmaps : (N, 6, 64, 48) as `subject_maps` keeps them; crops : (N, 64, 48).
    """
    maps = heatmaps.astype(np.float32) / np.float32(LEVELS)
    peaks, _ = decode_argmax(maps)
    around = [windows(maps[:, ankle], peaks[:, ankle]) for ankle in ANKLES]
    warmth = [windows(crops.astype(np.float32), peaks[:, ankle]) for ankle in ANKLES]
    return np.concatenate([shapes(maps).reshape(len(maps), -1), *around, *warmth], axis=1)


def shapes(maps: FloatArray) -> FloatArray:
    """Return (N, 6, 7) of maps (N, 6, 64, 48): height of the peak, second moments, second peak.

    The moments xx, xy, yy are about the peak, px^2. The second peak's height is followed by its
    place relative to the first, px, times that height.
    """
    peaks, heights = decode_argmax(maps)
    rows, columns = np.mgrid[: maps.shape[2], : maps.shape[3]].astype(np.float32)
    x, y = columns - peaks[..., :1, None], rows - peaks[..., 1:, None]
    mass = np.maximum(maps.sum(axis=(2, 3)), 1e-6)
    moments = [(maps * each).sum(axis=(2, 3)) / mass for each in (x * x, x * y, y * y)]
    seconds, second = decode_argmax(np.where(x * x + y * y > APART_PX**2, maps, 0.0))
    place = (seconds - peaks) * second[..., None]
    return np.stack([heights, *moments, second, place[..., 0], place[..., 1]], axis=2)


def windows(images: FloatArray, xy: FloatArray) -> FloatArray:
    """Return (N, 25): squares' means around places (N, 2) of images (N, 64, 48), edges repeated."""
    around = np.arange(-REACH_PX, REACH_PX + 1)
    columns, rows = np.moveaxis(xy.astype(np.int64)[..., None] + around, 1, 0)
    rows = np.clip(rows, 0, images.shape[1] - 1)[:, :, None]
    columns = np.clip(columns, 0, images.shape[2] - 1)[:, None, :]
    cut = images[np.arange(len(images))[:, None, None], rows, columns]
    side = len(around) // SQUARE_PX
    squares = cut.reshape(len(cut), side, SQUARE_PX, side, SQUARE_PX).mean(axis=(2, 4))
    return squares.reshape(len(cut), -1)


@dataclass(frozen=True)
class LegTrial:
    """A trial with heatmap features.

    Attributes
    ----------
    gait, track : keypoints with true swings; image_wh : px.
    legs, mirrored : (N, E) heatmap features, and those of the mirrored images.
    walks_s : both walks, s since the first frame; truth : true gait parameters by name.
    """

    name: str
    person: str
    gait: GaitTrial
    track: SubjectTrack
    image_wh: tuple[int, int]
    legs: FloatArray
    mirrored: FloatArray
    walks_s: tuple[Span, ...]
    truth: dict[str, float]


def load_trial(path: Path) -> LegTrial | None:
    """Read what `extract` wrote; None without true swings."""
    trial = read_keypoints(path)
    gait = gait_trial(trial)
    if gait is None:
        return None
    with np.load(path.parent / "maps" / path.name) as archive:
        heatmaps, crops = archive["heatmaps"], archive["crops"]
    legs = map_features(heatmaps, crops)
    mirrored = map_features(heatmaps[:, SWAPPED, :, ::-1], crops[:, :, ::-1])
    track = follow_subject(list(trial.frames), TugParams())
    shift_s = (trial.truth.origin_ns - int(track.stamps_ns[0])) / NS_PER_S
    edges = [float(edge) for edge in boundaries_s(trial.truth) + shift_s]
    walks_s = ((edges[1], edges[2]), (edges[3], edges[4]))
    wh, truth = trial.frames[0].image_wh, true_gait(trial)
    return LegTrial(trial.name, trial.subject, gait, track, wh, legs, mirrored, walks_s, truth)


def first_trials(folder: Path) -> list[Path]:
    """Return the first valid trial of each person, the cohorts in turn."""
    cohorts: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*-0-valid.npz")):
        cohorts.setdefault(path.name.rsplit("-", 3)[0], []).append(path)
    ranked = [(k, path.name, path) for paths in cohorts.values() for k, path in enumerate(paths)]
    return [path for _, _, path in sorted(ranked)]


def kept_trials(frames: Path, folder: Path, count: int) -> tuple[list[Path], tuple[str, str]]:
    """Return the cached files of the first trials, made where missing, and the models' ids."""
    perception, recorder = recording_perception()
    sources = first_trials(frames)[:count]
    (folder / "maps").mkdir(parents=True, exist_ok=True)
    for source in sources:
        if not is_current(folder / source.name, perception):
            extract(source, folder, perception, recorder)
            print(source.name, flush=True)
    return [folder / source.name for source in sources], models_of(perception)
