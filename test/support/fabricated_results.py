# SPDX-License-Identifier: Apache-2.0
"""A made-up trial for tests of the report only: its figures measure nobody."""

from functools import cache

import numpy as np

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import Coverage, Measure, MeasureStatus, Provenance
from thermal_pose.clinical.tug.result import POSTERIOR_PHASES, TrialResult, TrialSignals
from thermal_pose.types import (
    NS_PER_S,
    TIMED_PHASES,
    FrameKeypoints,
    PersonBox,
    PersonKeypoints,
    Phase,
    PhaseInterval,
    ThermalFrame,
    TrialReason,
    TugTiming,
)

ORIGIN_NS = 1_770_000_000 * NS_PER_S
RATE_HZ = 8.0
BOUNDARIES_S = (2.41, 3.87, 6.52, 8.63, 11.07, 12.68, 13.71)
SUBJECT = "P-0007"

#: Joint offsets from the hip centre in units of trunk length, x to the image's right, y down.
_STANDING = np.array(
    [
        [0.0, -1.45], [0.06, -1.52], [-0.06, -1.52], [0.13, -1.48], [-0.13, -1.48],
        [0.34, -1.0], [-0.34, -1.0], [0.44, -0.5], [-0.44, -0.5], [0.46, -0.02], [-0.46, -0.02],
        [0.2, 0.0], [-0.2, 0.0], [0.2, 0.82], [-0.2, 0.82], [0.2, 1.62], [-0.2, 1.62],
    ]
)  # fmt: skip


def timing(reason: TrialReason = TrialReason.VALID, sentence: str = "") -> TugTiming:
    phases = tuple(
        PhaseInterval(phase, start, end)
        for phase, start, end in zip(TIMED_PHASES, BOUNDARIES_S, BOUNDARIES_S[1:], strict=False)
    )
    valid = reason is TrialReason.VALID
    return TugTiming(ORIGIN_NS, phases if valid else phases[:2], reason, sentence)


def stamps_ns(n_frames: int) -> list[int]:
    return [ORIGIN_NS + round(i * NS_PER_S / RATE_HZ) for i in range(n_frames)]


def pose(time_s: float) -> tuple[np.ndarray, float]:
    """(17, 2) joint positions in px and the trunk length in px at a time."""
    b = BOUNDARIES_S
    away = np.interp(time_s, [b[1], b[2], b[3], b[4]], [0.0, 1.0, 1.0, 0.0])
    sit = np.interp(time_s, [b[0], b[1], b[5], b[6]], [1.0, 0.0, 0.0, 1.0])
    yaw = np.interp(time_s, [b[2], b[3], b[4], b[5]], [np.pi, 0.0, 0.0, np.pi])
    trunk = 13.0 - 5.0 * (1.0 - away)
    xy = _STANDING.copy()
    xy[:, 0] *= -np.cos(yaw)
    xy[13:15, 1] -= 0.55 * sit
    xy[15:17, 1] -= 0.75 * sit
    swing = 0.18 * np.sin(2 * np.pi * 0.95 * time_s) * (1.0 - sit)
    xy[13, 1] -= max(swing, 0.0)
    xy[14, 1] -= max(-swing, 0.0)
    centre = np.array([40.0 + 5.0 * away, 30.0 + 2.5 * away + 4.0 * sit])
    return centre + trunk * xy, float(trunk)


def frames(n_frames: int = 128) -> list[ThermalFrame]:
    return list(_frames(n_frames))


@cache
def _frames(n_frames: int) -> list[ThermalFrame]:
    wh = (80, 60)
    rng = np.random.default_rng(7)
    yy, xx = np.mgrid[: wh[1], : wh[0]].astype(np.float32)
    made = []
    for stamp in stamps_ns(n_frames):
        xy, trunk = pose((stamp - ORIGIN_NS) / NS_PER_S)
        warm = np.zeros_like(xx)
        for x, y in [*xy, *(xy[[5, 6]] * 0.5 + xy[[11, 12]] * 0.5), xy[[5, 6, 11, 12]].mean(0)]:
            spread = 0.03 * trunk**2
            warm = np.maximum(warm, np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * spread)))
        degc = 21.0 + 0.02 * yy + 8.5 * warm + rng.normal(0.0, 0.06, xx.shape)
        made.append(
            ThermalFrame(stamp, "thermal", np.rint((degc + 273.15) * 100).astype(np.uint16))
        )
    return made


def keypoints(n_frames: int = 128, wh: tuple[int, int] = (80, 60)) -> list[FrameKeypoints]:
    made = []
    for index, stamp in enumerate(stamps_ns(n_frames)):
        xy, _ = pose((stamp - ORIGIN_NS) / NS_PER_S)
        low, high = xy.min(0) - 1.0, xy.max(0) + 1.0
        box = PersonBox((*low.tolist(), *high.tolist()), 0.9, 1)
        scores = np.full(17, 0.8, dtype=np.float32)
        person = PersonKeypoints(1, box, xy.astype(np.float32), scores)
        persons = () if index in (60, 61) else (person,)
        made.append(FrameKeypoints(stamp, "thermal", "student-fp32", wh, persons))
    return made


def signals(n_frames: int = 128) -> TrialSignals:
    t = np.arange(n_frames) / RATE_HZ
    b = BOUNDARIES_S
    sit = np.interp(t, [b[0], b[1], b[5], b[6]], [1.0, 0.0, 0.0, 1.0])
    distance = 1.0 - 0.45 * np.interp(t, [b[1], b[2], b[3], b[4]], [0.0, 1.0, 1.0, 0.0])
    facing = np.cos(np.interp(t, [b[2], b[3], b[4], b[5]], [0.0, np.pi, np.pi, 2 * np.pi]))
    confidence = np.full(n_frames, 0.82)
    height = 1.0 - 0.45 * sit
    if n_frames > 62:
        confidence[60:62] = 0.0
        height[60:62] = np.nan
    posteriors = np.zeros((n_frames, len(POSTERIOR_PHASES)))
    for phase, start, end in zip(TIMED_PHASES, b, b[1:], strict=False):
        posteriors[(t >= start) & (t < end), POSTERIOR_PHASES.index(phase)] = 1.0
    posteriors[posteriors.sum(1) == 0, POSTERIOR_PHASES.index(Phase.SEATED)] = 1.0
    lean = 6.0 + 25.0 * np.exp(-((t - 3.0) ** 2) / 0.3) + 18.0 * np.exp(-((t - 13.2) ** 2) / 0.3)
    return TrialSignals(t, height, lean, 8.0 / distance, distance, facing, confidence, posteriors)


def measures() -> tuple[Measure, ...]:
    checked, experimental = MeasureStatus.SIMULATED, MeasureStatus.EXPERIMENTAL
    return (
        Measure("turn_duration_s", "Turn, duration", "s", 2.11, 0.09, checked),
        Measure("steps_out", "Steps, walk out", "", 5.0, 0.6, experimental),
        Measure("cadence_out_per_min", "Cadence, walk out", "/min", 112.0, 6.0, experimental),
        Measure("turn_direction", "Turn, direction", "", "left", None, experimental),
        Measure("turn_peak_velocity_dps", "Turn, mean angular velocity", "deg/s", 85.3, 7.0),
        Measure(
            "gait_speed_out_m_per_s", "Gait speed, walk out", "m/s", None, None, experimental,
            "Needs the person's height and the camera's calibration, not given.",
        ),
    )  # fmt: skip


def result(
    n_frames: int = 128,
    reason: TrialReason = TrialReason.VALID,
    sentence: str = "",
    **changes: object,
) -> TrialResult:
    valid = reason is TrialReason.VALID
    values: dict[str, object] = {
        "timing": timing(reason, sentence),
        "signals": signals(n_frames),
        "coverage": Coverage(n_frames, max(0, n_frames - 2), 0, 0, 0.125, 0.125, 0, 0.25, 0.8),
        "provenance": Provenance(
            "student-fp32",
            {"thermal_pose": "0.1.0", "segmenter": "hsmm 0123456789ab"},
            {"walkway_m": 3.0},
            (80, 60),
            "",
        ),
        "boundary_sds_s": (0.05, 0.04, 0.06, 0.07, 0.06, 0.05, 0.04) if valid else (),
        "total_sd_s": 0.064 if valid else None,
        "measures": measures() if valid else (),
        "subject_id": SUBJECT,
        "trial_id": "visit-3",
        "age_years": 74.0,
        "track_id": 1,
    }
    return TrialResult(**(values | changes))


def history() -> list[EarlierTest]:
    day_ns = 86_400 * NS_PER_S
    factors = ((1.18, 120), (1.1, 60), (1.05, 21))
    made = [
        EarlierTest(
            SUBJECT,
            f"visit-{index}",
            ORIGIN_NS - days * day_ns,
            value=round(factor * 11.3, 2),
            sd=0.07,
            durations_s={
                i.phase.name.lower(): round(factor * i.duration_s, 2) for i in timing().phases
            },
        )
        for index, (factor, days) in enumerate(factors)
    ]
    refused = EarlierTest(
        SUBJECT, "visit-2b", ORIGIN_NS - 20 * day_ns, reason=TrialReason.STOPPED_EARLY
    )
    return [*made, refused]
