# SPDX-License-Identifier: Apache-2.0
"""The options of the analysis of a trial: the only place for its defaults."""

from dataclasses import dataclass, field

from thermal_pose.clinical.records import Visit
from thermal_pose.subject_id import check_optional_subject_id

#: Longest focal length that is taken for one of a thermal camera, px.
MAX_FOCAL_PX = 2000.0


@dataclass(frozen=True)
class TugParams:
    """Parameters of the Timed Up and Go analysis.

    Attributes
    ----------
    subject_id : pseudonym of the person tested; '' where none is given.
    trial_id : name of the trial; '' where none is given.
    age_years : 0 when not known (the age norm is then omitted, with the reason).
    height_m : standing height; 0 when not known (speeds and lengths are then omitted).
    focal_px : focal length of the thermal camera from its calibration; 0 when not known.
    calibration : hash of that calibration; '' when there is none.
    lens_misfit : why the calibration gives no scale, one sentence; '' if it does.
    min_joint_score : joints scored below this are treated as missing.
    max_gap_s : a longer gap between stamps within the timed part refuses the trial.
    max_unseen_s : a longer time without the subject within the timed part refuses it.
    max_lost_share : a larger share of frames without the subject refuses it.
    max_total_s : a longer total is no Timed Up and Go.
    seated_after_s : this long seated after the test ends a live trial by itself.
    pre_roll_s : how much of the time before the first movement is kept.
    segmenter : file name of the segmentation network in `assets/`, or 'hmm' for the hidden
        Markov model that it is compared with.
    live_network : file name of the causal network in `assets/`.
    visit : what was entered about the test, for the report.
    """

    subject_id: str = ""
    trial_id: str = ""
    age_years: float = 0.0
    height_m: float = 0.0
    focal_px: float = 0.0
    calibration: str = ""
    lens_misfit: str = ""
    min_joint_score: float = 0.05
    max_gap_s: float = 1.0
    max_unseen_s: float = 1.5
    max_lost_share: float = 0.4
    max_total_s: float = 120.0
    seated_after_s: float = 1.5
    pre_roll_s: float = 8.0
    segmenter: str = "tug_segmenter.npz"
    live_network: str = "tug_live.npz"
    visit: Visit = field(default_factory=Visit)

    def __post_init__(self) -> None:
        check_optional_subject_id(self.subject_id)
        for name, low, high in (
            ("age_years", 0.0, 120.0),
            ("height_m", 0.0, 2.5),
            ("focal_px", 0.0, MAX_FOCAL_PX),
            ("min_joint_score", 0.0, 1.0),
            ("max_gap_s", 0.2, 10.0),
            ("max_unseen_s", 0.2, 10.0),
            ("max_lost_share", 0.0, 1.0),
            ("max_total_s", 10.0, 600.0),
            ("seated_after_s", 0.5, 10.0),
            ("pre_roll_s", 2.0, 60.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name}: expected {low} to {high}, got {value}")
