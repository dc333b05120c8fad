# SPDX-License-Identifier: Apache-2.0
"""The frozen records that pass between the layers, free of ROS and of torch.

Coordinates are pixels of the full thermal frame with (0, 0) at the *centre* of the top left
pixel, x to the right, y down. Stamps are integer nanoseconds of the image's header.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

from thermal_pose.skeleton import N_JOINTS

#: The package's names for typed arrays; `FloatArray` is single precision, as images and networks.
FloatArray = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
UInt8Array = npt.NDArray[np.uint8]
UInt16Array = npt.NDArray[np.uint16]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
IntArray = npt.NDArray[np.integer]
IndexArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

NS_PER_S = 1_000_000_000


class Phase(IntEnum):
    """Phases of the Timed Up and Go; the values are those of `msg/TugPhase.msg`."""

    UNKNOWN = 0
    SEATED = 1
    SIT_TO_STAND = 2
    WALK_OUT = 3
    TURN = 4
    WALK_BACK = 5
    TURN_TO_SIT = 6
    STAND_TO_SIT = 7


#: The phases that a total consists of, in the only order a valid trial has.
TIMED_PHASES = (
    Phase.SIT_TO_STAND,
    Phase.WALK_OUT,
    Phase.TURN,
    Phase.WALK_BACK,
    Phase.TURN_TO_SIT,
    Phase.STAND_TO_SIT,
)


class TrialReason(StrEnum):
    """Why a trial is refused; `VALID` where it is not. Used by analysis and by truth alike."""

    VALID = "valid"
    NO_PERSON = "no_person"
    NEVER_SAT = "never_sat"
    NEVER_STOOD = "never_stood"
    STOPPED_EARLY = "stopped_early"
    LEFT_VIEW = "left_view"
    SECOND_PERSON = "second_person"
    FRAMES_LOST = "frames_lost"
    STAMP_GAP = "stamp_gap"
    WRONG_ORDER = "wrong_order"
    TOO_SLOW = "too_slow"
    BEGAN_LATE = "began_late"
    CUT_OFF = "cut_off"
    PAUSED = "paused"
    TWO_LAPS = "two_laps"
    WALKED_BACKWARDS = "walked_backwards"
    SAT_ELSEWHERE = "sat_elsewhere"
    SIT_TO_STANDS = "sit_to_stands"
    CAMERA_BEHIND = "camera_behind"
    CAMERA_TILTED = "camera_tilted"
    UNCERTAIN = "uncertain"
    ARMS_USED = "arms_used"
    INCOMPLETE_RISE = "incomplete_rise"
    # The input cannot be trusted; `gates.reasons` has a remedy for each.
    FROZEN = "frozen"
    WRONG_UNIT = "wrong_unit"
    BYTE_ORDER = "byte_order"
    TELEMETRY_ROWS = "telemetry_rows"
    CORRUPT_ROWS = "corrupt_rows"
    IMPLAUSIBLE_TEMPERATURE = "implausible_temperature"
    STRETCHED = "stretched"
    OTHER_CAMERA = "other_camera"
    UNSET_STAMP = "unset_stamp"
    STAMP_OUTLIER = "stamp_outlier"
    COARSE_STAMPS = "coarse_stamps"
    STAMP_BURSTS = "stamp_bursts"
    CLOCK_SET = "clock_set"
    STAMP_RATE = "stamp_rate"


@dataclass(frozen=True)
class ThermalFrame:
    """One radiometric image.

    Attributes
    ----------
    stamp_ns : acquisition time of the image's header, ns.
    frame_id : header frame, copied bit for bit to everything derived from the image.
    centikelvin : (H, W) uint16, 0.01 K a count.
    """

    stamp_ns: int
    frame_id: str
    centikelvin: UInt16Array

    def __post_init__(self) -> None:
        if self.centikelvin.ndim != 2 or self.centikelvin.dtype != np.uint16:
            raise ValueError(
                "centikelvin: expected (H, W) uint16, got "
                f"{self.centikelvin.shape} {self.centikelvin.dtype}"
            )


@dataclass(frozen=True)
class RgbFrame:
    """One colour image.

    Attributes
    ----------
    stamp_ns : acquisition time of the image's header, ns.
    frame_id : header frame.
    bgr : (H, W, 3) uint8, OpenCV's channel order.
    """

    stamp_ns: int
    frame_id: str
    bgr: UInt8Array

    def __post_init__(self) -> None:
        if self.bgr.ndim != 3 or self.bgr.shape[2] != 3 or self.bgr.dtype != np.uint8:
            raise ValueError(
                f"bgr: expected (H, W, 3) uint8, got {self.bgr.shape} {self.bgr.dtype}"
            )


@dataclass(frozen=True)
class PersonBox:
    """A person's box: left, top, right, bottom in px, detection score 0..1, identity.

    `track_id` is 0 while no identity is assigned.
    """

    xyxy: tuple[float, float, float, float]
    score: float
    track_id: int = 0

    def __post_init__(self) -> None:
        left, top, right, bottom = self.xyxy
        if not (right > left and bottom > top):
            raise ValueError(f"xyxy: expected left < right and top < bottom, got {self.xyxy}")


@dataclass(frozen=True)
class PersonKeypoints:
    """One person's 17 joints.

    Attributes
    ----------
    xy : (17, 2) float32, px; NaN where the estimator says nothing.
    scores : (17,) float32, calibrated: P(joint within 0.5 s k_i of the truth).
    person_score : P(a person is there and the pose is right, OKS of at least 0.5), 0..1.
    """

    track_id: int
    box: PersonBox
    xy: FloatArray
    scores: FloatArray
    person_score: float = 1.0

    def __post_init__(self) -> None:
        if self.xy.shape != (N_JOINTS, 2) or self.scores.shape != (N_JOINTS,):
            raise ValueError(
                f"xy, scores: expected ({N_JOINTS}, 2) and ({N_JOINTS},), "
                f"got {self.xy.shape} and {self.scores.shape}"
            )


@dataclass(frozen=True)
class FrameKeypoints:
    """All persons of one image; `persons` is empty where nobody was found."""

    stamp_ns: int
    frame_id: str
    model_id: str
    image_wh: tuple[int, int]
    persons: tuple[PersonKeypoints, ...] = ()


@dataclass(frozen=True)
class PhaseInterval:
    """A phase over `[start_s, end_s)`, in seconds since the first frame's stamp."""

    phase: Phase
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not self.end_s >= self.start_s:
            raise ValueError(
                f"{self.phase.name}: expected start_s <= end_s, got [{self.start_s}, {self.end_s})"
            )

    @property
    def duration_s(self) -> float:
        """Length of the interval in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class TugTiming:
    """The timed phases of one trial, or the reason why there are none.

    Attributes
    ----------
    origin_ns : stamp of the frame that all `*_s` count from.
    phases : the six timed phases in order when valid; else what stands on its own, often none.
    reason, sentence : the code, and one sentence for people ('' when valid).
    """

    origin_ns: int
    phases: tuple[PhaseInterval, ...] = ()
    reason: TrialReason = TrialReason.VALID
    sentence: str = ""

    @property
    def valid(self) -> bool:
        """Whether the trial could be timed."""
        return self.reason is TrialReason.VALID

    @property
    def total_s(self) -> float | None:
        """First movement to seat contact in seconds; None when refused."""
        if not self.valid or not self.phases:
            return None
        return self.phases[-1].end_s - self.phases[0].start_s

    def __iter__(self) -> Iterator[PhaseInterval]:
        return iter(self.phases)


@dataclass(frozen=True)
class TruePerson:
    """Exact state of one simulated person in one frame.

    Attributes
    ----------
    role : 'subject', 'carer' or 'bystander'.
    box_xyxy : of the visible silhouette in the thermal frame, px; None when out of view.
    area_px : area of that silhouette, px^2 (fractional, from supersampling).
    xy : (17, 2) px in the thermal frame (also outside it); visibility : (17,) COCO 0, 1, 2.
    joints_m : (17, 3) in the room frame: x along the walkway from the chair, y left, z up.
    """

    person_id: int
    role: str
    box_xyxy: tuple[float, float, float, float] | None
    area_px: float
    xy: FloatArray
    visibility: npt.NDArray[np.uint8]
    joints_m: FloatArray


@dataclass(frozen=True)
class TrueFrame:
    """Exact state behind one thermal frame.

    `thermal_acquired_ns` and `rgb_acquired_ns` are true times of exposure, whatever the
    header stamps say; `asynchronous` marks a pair whose stamps match although they differ.
    """

    stamp_ns: int
    thermal_acquired_ns: int
    rgb_acquired_ns: int
    asynchronous: bool
    persons: tuple[TruePerson, ...] = field(default=())
