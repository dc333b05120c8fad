# SPDX-License-Identifier: Apache-2.0
"""Beyond the paper: changes to its method, each compared with the method on the same folds.

A variant that only decodes heatmaps differently is evaluated on existing networks. A variant that
learns differently is trained for as long as the baseline was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.codecs.heatmap import DecodeKind
from thermal_pose.lab.learning.fitting.config import TrainingConfig, load_config
from thermal_pose.lab.learning.fitting.training import Progress
from thermal_pose.lab.learning.paper.cohort import ROWS, Cohort
from thermal_pose.lab.learning.paper.fold_results import FoldResult, evaluate_fold, precision_of
from thermal_pose.lab.learning.paper.head_distillation import run_head_folds
from thermal_pose.lab.learning.paper.train import SWEPT, run_folds, trained_folds


@dataclass(frozen=True)
class Variant:
    """One change to the method.

    Attributes
    ----------
    change : the difference from the baseline, in words.
    settings : overrides of the configuration, as KEY=VALUE; '{thermal}' stands for the file of
        a student trained on other people's thermal images, or a shipped one's name or card. None:
        nothing is trained.
    decode, flip : how heatmaps are read.
    earlier : number of earlier frames whose heatmaps are averaged in.
    own_head : fine-tune the baseline's decoders on their own heatmaps.
    """

    change: str
    settings: tuple[str, ...] = ()
    decode: DecodeKind = "dark"
    flip: bool = False
    earlier: int = 0
    own_head: bool = False

    @property
    def is_trained(self) -> bool:
        """Whether the variant needs a training of its own."""
        return bool(self.settings) or self.own_head


_RADIOMETRIC: Final = (
    "normalization.kind=frame_median",
    "normalization.scale_k=5.0",
    "normalization.clip_min=-2.0",
    "normalization.clip_max=3.0",
)

#: The input of the shipped students.
_SHIPPED_INPUT: Final = (
    "normalization.kind=crop_percentile",
    "normalization.clip_min=-1.0",
    "normalization.clip_max=3.0",
)

VARIANTS: Final[dict[str, Variant]] = {
    "argmax": Variant("highest pixel instead of DARK", decode="argmax"),
    "quarter": Variant("a quarter pixel to the higher neighbour instead of DARK", decode="quarter"),
    "flip": Variant("heatmaps averaged with the mirrored crop's, twice the time", flip=True),
    "previous_frame": Variant(
        "heatmaps averaged with the previous frame's, twice the time", earlier=1
    ),
    "three_frames": Variant(
        "the frame and the two before it as the three channels", ("distill.earlier_frames=true",)
    ),
    "from_random": Variant("random weights at the start", ("distill.start=random",)),
    "from_thermal": Variant(
        "encoder trained on other people's thermal images at the start",
        ("distill.start={thermal}",),
    ),
    "radiometric": Variant(
        "temperatures about the frame's median instead of each crop's minimum to maximum",
        _RADIOMETRIC,
    ),
    "from_shipped": Variant(
        "the shipped model's encoder and 1x1 at the start (the teacher started there too), and "
        "its input",
        ("distill.start={thermal}", *_SHIPPED_INPUT),
    ),
    "from_teacher": Variant(
        "the teacher's encoder and 1x1 at the start, and each crop's minimum to maximum as input",
        ("distill.start=teacher", "normalization.kind=crop_minmax"),
    ),
    "both_terms_at_once": Variant("no stage of the latent term alone", ("distill.latent_share=0",)),
    "heatmaps_alone": Variant("the heatmaps' term alone", ("distill.beta=0.0",)),
    "plateaus": Variant(
        "the paper's schedule (rate 0.01, reduced on plateaus) instead of a cosine",
        ("fit.schedule=plateau", "fit.lr=0.01", "fit.validate_every=1"),
    ),
    "narrow_decoder": Variant(
        "a decoder of the student's own, 32 channels wide, trained on the teacher's heatmaps",
        ("distill.decoder_width=32",),
    ),
    "own_head": Variant(
        "then the decoder alone, trained on the student's own heatmaps for as long again",
        own_head=True,
    ),
}


def empty_variants() -> dict[str, Any]:
    """Return `pose_beyond.json` with nothing run."""
    return {"data": None, "command": None, "device": None, "teacher": None, "variants": {}}


def varied(config: Path | None, overrides: Sequence[str], variant: Variant, thermal: str) -> Any:
    """Return the configuration of a variant.

    Parameters
    ----------
    config, overrides : the baseline's.
    thermal : file that '{thermal}' stands for.
    """
    settings = [text.format(thermal=thermal) for text in variant.settings]
    return load_config(config, [*overrides, *settings])


def run_variant(
    cohort: Cohort,
    variant: Variant,
    config: TrainingConfig,
    folds: Sequence[int],
    baseline: Path,
    progress: Progress,
) -> list[FoldResult]:
    """Train a variant if it needs training, and evaluate it.

    Parameters
    ----------
    config : the variant's (`varied`).
    baseline : folder of the baseline's networks.
    progress : of the variant's own networks.

    Raises
    ------
    TrainingError
        A fold of the baseline was not trained, or a loss is not finite.
    """
    if variant.own_head:
        networks = trained_folds(cohort, SWEPT, folds, baseline)
        return run_head_folds(cohort, networks, folds, progress)
    if variant.is_trained:
        own = replace(cohort, config=config)
        return run_folds(own, SWEPT, folds, progress)
    row = ROWS[SWEPT]
    rule = replace(cohort.rule(row), kind=variant.decode)
    networks = trained_folds(cohort, SWEPT, folds, baseline)
    return [
        evaluate_fold(cohort, row, fold, network, rule, variant.flip, variant.earlier)
        for fold, network in zip(folds, networks, strict=True)
    ]


def run_baseline(cohort: Cohort, folds: Sequence[int], checkpoints: Path) -> list[FoldResult]:
    """Evaluate the paper's method on its trained networks.

    Raises
    ------
    TrainingError
        A fold was not trained.
    """
    networks = trained_folds(cohort, SWEPT, folds, checkpoints)
    return [
        evaluate_fold(cohort, ROWS[SWEPT], fold, network)
        for fold, network in zip(folds, networks, strict=True)
    ]


def compared(
    variant: Variant, found: Sequence[FoldResult], baseline: Sequence[FoldResult]
) -> dict[str, Any]:
    """Return a variant's entry: its accuracy, the baseline's, and the gain over the folds.

    `helps` is whether the mean gain in AP (true boxes) exceeds its standard error over folds,
    and None for a single fold, which has no standard error.
    """
    gains = [
        mine.true_boxes.ap - theirs.true_boxes.ap
        for mine, theirs in zip(found, baseline, strict=True)
        if mine.true_boxes.ap is not None and theirs.true_boxes.ap is not None
    ]
    mean = float(np.mean(gains)) if gains else None
    error = float(np.std(gains, ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else None
    return {
        "change": variant.change,
        "settings": list(variant.settings),
        "folds_run": len(found),
        "steps": [result.steps for result in found],
        "crops": [result.crops for result in found],
        **_short(list(found)),
        "baseline": _short(list(baseline)),
        "gain_ap_true_boxes": mean,
        "gain_standard_error": error,
        "helps": None if mean is None or error is None else mean > error,
    }


def _short(results: list[FoldResult]) -> dict[str, Any]:
    found = precision_of(results)
    return {name: found[name] for name in ("ap", "ap50", "ap75", "ap_true_boxes")}
