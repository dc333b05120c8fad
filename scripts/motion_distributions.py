# SPDX-License-Identifier: Apache-2.0
"""Compare how simulated people move with recorded people, for docs/simulated-clinic.md.

    bash scripts/with_venv.sh python scripts/motion_distributions.py --motion recorded --trials 100

Prints the 10th, 50th and 90th percentile of each quantity as a Markdown table: recorded motion on
simulated bodies, then valid trials of each preset (development seed 420), bodies of the library.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from thermal_pose.clinical.tug.definitions import (
    YAW_CUTOFF_HZ,
    gaussian_lowpass,
    kinematics_from_joints,
)
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.manner import trial_manner
from thermal_pose.lab.simulation.motion.trial import Trial, plan_trial
from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes
from thermal_pose.lab.simulation.people.presets import find_preset
from thermal_pose.lab.simulation.people.subject import subject_rng
from thermal_pose.lab.simulation.recordings.from_motion import stage_motion
from thermal_pose.lab.simulation.recordings.motion_cohort import motion_cases
from thermal_pose.skeleton import Joint

SEED, N_BODIES, MOTION_SEED, STEP_S = 420, 60, 9800, 0.01
QUANTITIES = (
    "first movement to seat-off, s",
    "seat-off to standing height, s",
    "lean while standing up, degrees",
    "turn to sit, s",
    "20 to 160 degrees of the turn before the chair, s",
    "heading when sitting down starts, degrees",
    "lean while sitting down, degrees",
    "standing to half height, s",
    "pelvis height while walking, SD, cm",
    "trunk lean while walking, SD, degrees",
    "chest ahead of the pelvis in the turn, degrees",
    "farthest place of the pelvis, m",
    "total, s",
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--motion", type=Path, help="folder of recorded motion")
    parser.add_argument("--trials", type=int, default=100, help="trials per preset")
    parser.add_argument("--presets", nargs="+", default=["paper", "patients", "adults"])
    args = parser.parse_args()
    columns: dict[str, list[list[float]]] = {}
    if args.motion is not None:
        cases = motion_cases(args.motion, "clinic", 1, MOTION_SEED)
        columns["recorded"] = _rows(stage_motion(case).trial for case in cases)
    for name in args.presets:
        columns[name] = _rows(simulated(name, args.trials))
    heads = (f"{name} ({len(rows)})" for name, rows in columns.items())
    print(f"| | {' | '.join(heads)} |\n|{'---|' * (len(columns) + 1)}")
    for number, quantity in enumerate(QUANTITIES):
        cells = (_cell([row[number] for row in rows]) for rows in columns.values())
        print(f"| {quantity} | {' | '.join(cells)} |")


def _cell(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in np.nanpercentile(values, (10, 50, 90)))


def simulated(preset_name: str, n_trials: int) -> Iterator[Trial]:
    """Valid trials of a preset; draws that a body cannot do are left out."""
    preset = find_preset(preset_name)
    for index in range(n_trials):
        rng = subject_rng("distributions", SEED, index, 1)
        body = bake_body(library_shapes(N_BODIES)[int(rng.integers(N_BODIES))])
        try:
            subject = preset.subject(SEED, index)
            manner = trial_manner(preset.patients, subject.speed_mps, rng)
            yield plan_trial(subject, rng, body=body, manner=manner)
        except (SimulationError, ValueError):
            continue


def _rows(trials: Iterator[Trial]) -> list[list[float]]:
    rows = []
    for trial in trials:
        try:
            rows.append(quantities(trial))
        except ValueError:
            continue
    return rows


def quantities(trial: Trial) -> list[float]:
    """One value per `QUANTITIES` of a valid trial.

    Raises
    ------
    ValueError
        If the trial lacks an event that a quantity needs.
    """
    times_s = np.arange(0.0, trial.duration_s, STEP_S)
    joints_m = np.stack([trial.joints(float(time_s)) for time_s in times_s])
    curves = kinematics_from_joints(times_s, joints_m, np.zeros(len(times_s), np.bool_))
    height_m, lean = curves.pelvis_height_m, np.degrees(curves.trunk_pitch_rad)
    yaw = np.degrees(gaussian_lowpass(curves.pelvis_yaw_rad, STEP_S, YAW_CUTOFF_HZ))
    phases = trial.truth.phases
    edges = np.array([*(phase.start_s for phase in phases), phases[-1].end_s])

    def inside(start_s: float, end_s: float) -> np.ndarray:
        return (times_s > start_s) & (times_s < end_s)

    before = times_s < max(0.5, edges[0] - 0.3)
    walks = inside(edges[1] + 0.3, edges[2] - 0.3) | inside(edges[3] + 0.3, edges[4] - 0.3)
    stands_m = float(np.median(height_m[inside(edges[1], edges[5])]))
    low = (times_s < edges[1]) & (height_m <= np.median(height_m[before]) + 0.01)
    seat_off_s = float(times_s[low].max())
    half = (times_s > edges[5]) & (height_m < (stands_m + height_m[-1]) / 2)
    returned = 180.0 * np.sign(np.interp(edges[3], times_s, yaw))
    rising, sitting = inside(edges[0], edges[1]), inside(edges[5] - 0.2, edges[6] + 0.2)
    return [
        seat_off_s - edges[0],
        edges[1] - seat_off_s,
        float(lean[rising].max() - np.median(lean[before])),
        edges[5] - edges[4],
        _turned_s(times_s[inside(edges[4], edges[6])], yaw[inside(edges[4], edges[6])]),
        abs(float(np.interp(edges[5], times_s, yaw)) - returned),
        float(lean[sitting].max() - np.median(lean[walks])),
        float(times_s[half].min()) - edges[5],
        100.0 * float(np.std(height_m[walks])),
        float(np.std(lean[walks])),
        np.sign(returned)
        * float(np.median(_chest_ahead_deg(joints_m)[inside(edges[2], edges[3])])),
        float(joints_m[:, [Joint.LEFT_HIP, Joint.RIGHT_HIP], 0].mean(axis=1).max()),
        edges[6] - edges[0],
    ]


def _turned_s(times_s: np.ndarray, yaw_deg: np.ndarray) -> float:
    """How long a turn takes from its first 20 to 160 degrees; NaN if it ends short."""
    done = np.abs(yaw_deg - yaw_deg[0]) >= 140.0
    return float(times_s[np.argmax(done)] - times_s[0]) if done.any() else float("nan")


def _chest_ahead_deg(joints_m: np.ndarray) -> np.ndarray:
    """(T,) heading of the shoulders against that of the hips."""
    headings = []
    for left, right in (
        (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
        (Joint.LEFT_HIP, Joint.RIGHT_HIP),
    ):
        aside = joints_m[:, left] - joints_m[:, right]
        headings.append(np.arctan2(-aside[:, 0], aside[:, 1]))
    return np.degrees((headings[0] - headings[1] + np.pi) % (2 * np.pi) - np.pi)


if __name__ == "__main__":
    main()
