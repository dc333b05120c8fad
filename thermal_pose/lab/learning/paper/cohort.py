# SPDX-License-Identifier: Apache-2.0
"""Leave one subject out: the rows of the paper's Table I, the folds, and what they share."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch

from thermal_pose.errors import ConfigError, TrainingError
from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.fitting.assess import TEACHER_PEAK, Boxes
from thermal_pose.lab.learning.fitting.config import FitConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.tasks import KeypointTask, ThermalCrops
from thermal_pose.lab.learning.fitting.training import Progress, Rows, Run
from thermal_pose.lab.learning.networks.decoder import DECODER_WIDTH, ClassicDecoder
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, has_own_latent, is_teacher_of
from thermal_pose.lab.learning.networks.width import without_copies
from thermal_pose.lab.learning.paper.start import load_start
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.teachers.cache import TeacherCache
from thermal_pose.types import IntArray

#: Before the file of a start 'imagenet:FILE'.
IMAGENET: Final = "imagenet:"
RowKind = Literal["distill", "supervised", "teacher", "rcnn", "start"]


@dataclass(frozen=True)
class Row:
    """One line of the table: an architecture and how it gets its weights."""

    network: str
    kind: RowKind
    same_start: bool = False  # a row without distillation that starts like the student


ROWS: Final[dict[str, Row]] = {
    "keypoint_rcnn": Row("", "rcnn"),
    "student_mobilenetv3": Row("mobilenetv3", "distill"),
    "student_resnet50": Row("resnet50", "distill"),
    "student_vit_b": Row("vit_b", "distill"),
    "vitpose_b_supervised": Row("vit_b", "supervised"),
    "supervised_no_transfer": Row("mobilenetv3", "supervised"),
    "supervised_same_start": Row("mobilenetv3", "supervised", same_start=True),
    "supervised_same_start_resnet50": Row("resnet50", "supervised", same_start=True),
    "start_alone": Row("mobilenetv3", "start", same_start=True),
    "start_alone_resnet50": Row("resnet50", "start", same_start=True),
    "teacher_on_thermal": Row("", "teacher"),
}


@dataclass(frozen=True)
class Fold:
    """Rows of one fold: `test` are those of `subject`, `rows` those of all others."""

    subject: str
    rows: Rows
    test: IntArray


def split_folds(data: PoseData, train_stride: int = 1, validation_stride: int = 4) -> list[Fold]:
    """Make one fold per subject; the last trial of each training subject validates.

    Asynchronous pairs are excluded from training; the paper's authors removed them manually.

    Raises
    ------
    TrainingError
        Fewer than two subjects, or a subject without frames.
    """
    if len(data.subjects) < 2:
        raise TrainingError(f"folds: expected at least 2 subjects, got {len(data.subjects)}")
    usable = data.person & ~data.asynchronous
    last_trials = [
        data.trial[data.subject == subject].max(initial=-1) for subject in range(len(data.subjects))
    ]
    folds = []
    for subject, name in enumerate(data.subjects):
        test = np.flatnonzero(data.subject == subject)
        if len(test) == 0:
            raise TrainingError(f"folds: subject '{name}' has no frames")
        others = usable & (data.subject != subject)
        validates = np.isin(data.trial, last_trials)
        rows = Rows(
            np.flatnonzero(others & ~validates)[::train_stride],
            np.flatnonzero(others & validates)[::validation_stride],
        )
        folds.append(Fold(name, rows, test))
    return folds


@dataclass(frozen=True)
class CohortOrigin:
    """Where a cohort comes from: the arguments of `load_cohort`, for another process.

    Attributes
    ----------
    data : folder of the data set.
    teacher : folder or hub name; '' with `labels`.
    config, overrides : a YAML file of settings, and KEY=VALUE changes to it.
    device : 'auto', 'cpu' or 'cuda'.
    work : folder of checkpoints and caches; None keeps them in memory.
    detector : name or card of the detector; '{subject}' in it means one per fold; '' means none.
    labels : COCO json with any teacher's keypoints of the RGB pictures, in place of a teacher.
    """

    data: Path
    teacher: str
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    device: str = "auto"
    work: Path | None = None
    detector: str = ""
    labels: Path | None = None


@dataclass
class Cohort:
    """Everything the folds share, on one device.

    Attributes
    ----------
    teacher : None if only its keypoints are known (`CohortOrigin.labels`).
    info, cache : of the teacher; a cache of keypoints alone has no latents and no heatmaps.
    detected : a detector's boxes on all frames; None: AP with detected boxes stays null.
    detector_name : the detector that gave `detected`.
    decoder : the teacher's decoder in the form students compute with: equal channels are merged;
        without a teacher an untrained one.
    origin : how another process can load the same cohort.
    """

    data: PoseData
    config: TrainingConfig
    teacher: PoseNetwork | None
    info: TeacherInfo
    cache: TeacherCache
    device: torch.device
    detected: Boxes | None = None
    detector_name: str = ""
    origin: CohortOrigin | None = None
    decoder: ClassicDecoder = field(init=False)
    source: ThermalCrops = field(init=False)
    folds: list[Fold] = field(init=False)

    def __post_init__(self) -> None:
        width = self.config.distill.decoder_width or DECODER_WIDTH
        self.decoder = (
            ClassicDecoder(width=width)
            if self.teacher is None
            else without_copies(self.teacher.decoder)
        )
        self.source = ThermalCrops(
            self.data,
            self.config.normalization,
            self.config.augment,
            self.device,
            with_earlier=self.config.distill.earlier_frames,
        )
        self.folds = split_folds(self.data, self.config.train_stride, self.config.validation_stride)

    def about(self) -> list[Any]:
        """Return what the trained networks depend on (data, teacher, method), as JSON."""
        return [self.cache.key, self.config.seed, self.config.of_students()]

    def run(self, fold: int, name: str, fit: FitConfig, progress: Progress, about: object) -> Run:
        """Return how one fold's network is optimised; `name` is that of its checkpoint."""
        seed, file = self.config.seed * 1000 + fold, progress.file(name)
        return Run(fit, seed, self.device, file, progress.log, about)

    def require_teacher(self, what: str) -> PoseNetwork:
        """Return the teacher; ConfigError if only its keypoints are known."""
        if self.teacher is None:
            raise ConfigError(
                f"{what}: needs a teacher network (--teacher), keypoints alone have no latent; "
                "the supervised rows and keypoint_rcnn learn from --labels"
            )
        return self.teacher

    def rule(self, row: Row) -> DecodeRule:
        """Return a row's heatmap alignment; a shared decoder has its teacher's."""
        own = row.kind in ("supervised", "start")
        return DecodeRule(alignment="half_pixel" if own else self.info.alignment)


def imagenet_file(start: str) -> Path | None:
    """Return the file of a start 'imagenet:FILE', None of any other."""
    return Path(start.removeprefix(IMAGENET)) if start.startswith(IMAGENET) else None


def started_from(cohort: Cohort, row: Row) -> str:
    """Name the weights that a row's encoder starts from (`distill.start`).

    A student with another encoder than the start's has random weights. So do supervised rows,
    unless the start is ImageNet's or the row has the student's start.
    """
    start = cohort.config.distill.start
    weights = imagenet_file(start)
    if weights is not None:
        has_any = row.network in ("mobilenetv3", "resnet50")
        return f"ImageNet ({weights.name})" if has_any else "random"
    if start == "random" or not (row.kind == "distill" or row.same_start):
        return "random"
    if start == "teacher":
        teacher = cohort.require_teacher("distill.start=teacher")
        return cohort.info.name if is_teacher_of(teacher, row.network) else "random"
    return _named(cohort, start) if row.network == network_of(start) else "random"


def network_of(start: str) -> str:
    """Return the encoder's name (`NETWORKS`) of a shipped or trained model."""
    begun = load_start(Path(start)) if is_weights(start) else None
    return "mobilenetv3" if begun is None else begun.name


def is_weights(start: str) -> bool:
    """Whether a start is a file of trained weights."""
    return Path(start).suffix == ".pt"


def _named(cohort: Cohort, start: str) -> str:
    """Name a shipped or trained model, what taught it, and whether its encoder alone is taken."""
    name = Path(start).stem
    begun = load_start(Path(start)) if is_weights(start) else None
    if begun is not None:
        return f"{name}, {begun.crops} crops of {len(begun.trained_on)} other people"
    alone = cohort.teacher is not None and has_own_latent(cohort.teacher)
    return f"{name}{', encoder' if alone else ''}"


def keypoint_task(cohort: Cohort) -> KeypointTask:
    """Return the task of supervised rows: the teacher's labels or the exact keypoints.

    Joints that a keypoint file leaves out are unknown and teach nothing.
    """
    settings, cache = cohort.config.distill, cohort.cache
    xy, present = cohort.data.xy, cohort.data.visibility > 0
    given = cohort.teacher is None and settings.labels == "teacher"
    if settings.labels == "teacher":
        xy, present = cache.labels.xy, cache.labels.peaks > TEACHER_PEAK
    seen = torch.from_numpy(present).to(cohort.device)
    return KeypointTask(
        cohort.source,
        torch.from_numpy(xy).to(cohort.device),
        seen,
        settings.variant_geometry(),
        settings.sigma_px,
        unknown=~seen if given else None,
    )
