# SPDX-License-Identifier: Apache-2.0
"""Training input of the segmentation network: simulated motion seen by cameras and a pose network.

Rendering every training trial would cost days. The joints of the simulated clinic are projected
into random cameras instead, and disturbed as the pose network disturbs them: errors that grow
with the apparent size, last over frames, lean to one side a joint and a trial, swap left and
right where the person is seen from the side or from behind, go astray, or are missing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.features import CELL_S, CellGrid, cell_grid, grid_features
from thermal_pose.clinical.tug.network import SUB_CELLS
from thermal_pose.clinical.tug.result import N_BOUNDARIES
from thermal_pose.lab.learning.tug.curves import body_curves, mirrored, on_cells
from thermal_pose.skeleton import MIRROR, N_JOINTS, Joint
from thermal_pose.types import Float64Array, TrialReason

IMAGE_WH = (80, 60)
#: Marks a boundary of unknown time; NaN marks one that does not exist.
UNKNOWN = np.inf

# Share of the common error that each joint has; the order of `skeleton.Joint`. Hips, hands and
# feet are the least certain at 80x60, the head the most.
_JOINT_ERROR = np.array(
    [0.8, 0.8, 0.8, 0.9, 0.9, 0.8, 0.8, 1.1, 1.1, 1.4, 1.4, 1.1, 1.1, 1.1, 1.1, 1.2, 1.2]
)


@dataclass(frozen=True)
class MotionTrial:
    """One trial's joints over time and its true boundaries.

    Attributes
    ----------
    times_s : (T,) even, 30 Hz or more.
    joints_m : (T, 17, 3) in the room frame.
    boundaries_s : (7,) NaN where the trial has none such, `UNKNOWN` where it may have.
    """

    times_s: Float64Array
    joints_m: npt.NDArray[np.float32]
    boundaries_s: Float64Array

    def __post_init__(self) -> None:
        n = len(self.times_s)
        if self.joints_m.shape != (n, N_JOINTS, 3) or self.boundaries_s.shape != (N_BOUNDARIES,):
            raise ValueError(
                f"joints_m, boundaries_s: expected ({n}, {N_JOINTS}, 3) and ({N_BOUNDARIES},), "
                f"got {self.joints_m.shape} and {self.boundaries_s.shape}"
            )


@dataclass(frozen=True)
class ObservedTrial:
    """Keypoints as the analysis gets them, with the truth.

    Attributes
    ----------
    times_s : (N,); xy : (N, 17, 2) px, NaN where missing; scores : (N, 17).
    boundaries_s : (7,) on the same clock; NaN where there is none.
    curves : (N, 5) true motion of the body (`tug.curves`); NaN where unknown.
    """

    times_s: Float64Array
    xy: Float64Array
    scores: Float64Array
    boundaries_s: Float64Array
    curves: Float64Array


def refused_boundaries_s(kind: TrialReason) -> Float64Array:
    """(7,) boundaries of a trial known only by its reason of refusal."""
    boundaries_s = np.full(N_BOUNDARIES, np.nan)
    if kind is TrialReason.STOPPED_EARLY:
        boundaries_s[:5] = UNKNOWN
    if kind is TrialReason.NEVER_SAT:
        boundaries_s[2:5] = UNKNOWN
    if kind in (TrialReason.WALKED_BACKWARDS, TrialReason.SAT_ELSEWHERE):
        # The part before the missing one is as in a valid test.
        boundaries_s[:5] = UNKNOWN
    if kind is TrialReason.SIT_TO_STANDS:
        boundaries_s[:2] = UNKNOWN
    return boundaries_s


def random_camera(rng: np.random.Generator) -> tuple[Float64Array, Float64Array, float]:
    """Return a camera's place (3,) m, axes (3, 3: right, down, forward) and focal length, px."""
    angle = np.radians(rng.uniform(-50, 50))
    distance_m = rng.uniform(4.8, 7.5)
    place = np.array(
        [distance_m * np.cos(angle), distance_m * np.sin(angle), rng.uniform(0.8, 2.2)]
    )
    target = np.array([rng.uniform(0.5, 2.2), rng.normal(0, 0.15), rng.uniform(0.7, 1.1)])
    forward = (target - place) / np.linalg.norm(target - place)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    roll = np.radians(rng.normal(0, 1.5))
    down = np.cross(forward, right)
    right, down = (
        np.cos(roll) * right + np.sin(roll) * down,
        np.cos(roll) * down - np.sin(roll) * right,
    )
    return place, np.stack([right, down, forward]), float(84.0 * np.exp(rng.normal(0, 0.08)))


def project(
    joints_m: Float64Array, camera: tuple[Float64Array, Float64Array, float]
) -> tuple[Float64Array, Float64Array]:
    """(N, 17, 2) px and (N,) px per metre at the hips, of joints (N, 17, 3)."""
    place, axes, focal_px = camera
    seen = (joints_m - place) @ axes.T
    depth_m = np.maximum(seen[..., 2:], 0.3)
    centre = (np.array(IMAGE_WH) - 1.0) / 2.0
    hip_depth_m = depth_m[:, [Joint.LEFT_HIP, Joint.RIGHT_HIP], 0].mean(axis=1)
    return seen[..., :2] / depth_m * focal_px + centre, focal_px / hip_depth_m


def random_stamps(rng: np.random.Generator, start_s: float, end_s: float) -> Float64Array:
    """Frame times: mostly 8 Hz, sometimes 4 to 30 Hz, with jitter and lost frames."""
    rate_hz = 8.0 * np.exp(rng.normal(0, 0.02)) if rng.random() < 0.75 else rng.uniform(5.0, 30.0)
    times_s = np.arange(start_s + rng.uniform(0, 1 / rate_hz), end_s, 1 / rate_hz)
    times_s = times_s + rng.normal(0, rng.uniform(0, 0.006), len(times_s))
    lost = rng.random() ** 2 * 0.3 if rng.random() < 0.5 else 0.0
    keep = rng.random(len(times_s)) >= lost
    keep[:2] = True
    return np.sort(times_s[keep])


def disturb_keypoints(
    xy: Float64Array,
    px_per_m: Float64Array,
    facing: Float64Array,
    times_s: Float64Array,
    rng: np.random.Generator,
) -> tuple[Float64Array, Float64Array]:
    """Return keypoints (N, 17, 2), NaN where missing, and scores (N, 17) as a network gives them.

    Parameters
    ----------
    xy : (N, 17, 2) exact px; px_per_m : (N,) apparent scale.
    facing : (N,) +1 where the person faces the camera, -1 from behind.
    """
    n = len(xy)
    level = np.exp(rng.normal(np.log(0.55), 0.45))
    size = (px_per_m / 15.0)[:, None]
    side = 1.0 + 0.7 * (1.0 - np.abs(facing))[:, None] + 0.3 * (facing < 0)[:, None]
    sigma = level * _JOINT_ERROR * np.exp(rng.normal(0, 0.2, N_JOINTS)) * side
    sigma = sigma * (0.35 + 0.65 * size)
    # One row more than joints: common to all of them, as when the box moved or the frame blurred.
    decay_s = np.append(np.full(N_JOINTS, rng.uniform(0.05, 0.4)), 0.15)
    unit = _correlated(rng, times_s, decay_s)
    noise = sigma[..., None] * unit[:, :N_JOINTS] + 0.4 * level * unit[:, N_JOINTS:]
    # Lasting errors, one set for the front and one for the back.
    front = np.clip((facing + 1) / 2, 0, 1)[:, None, None]
    bias = rng.normal(0, 0.5 * level, (2, N_JOINTS, 2))
    noise += (front * bias[0] + (1 - front) * bias[1]) * (0.35 + 0.65 * size[..., None])
    placed = xy + noise
    _swap(placed, facing, rng)
    stray = rng.random((n, N_JOINTS)) < rng.uniform(0, 0.03)
    placed[stray] += rng.normal(0, 4.0, (int(stray.sum()), 2)) * (0.5 + size.mean())
    error_m = np.linalg.norm(placed - xy, axis=2) / px_per_m[:, None]
    scores = 1.0 / (1.0 + np.exp(6.0 * (error_m / 0.12 - 1.0) * 0.5 + rng.normal(0, 0.9, (n, 17))))
    inside = (placed >= -1.0).all(axis=2) & (placed <= np.array(IMAGE_WH)).all(axis=2)
    scores = np.where(inside, scores, scores * 0.3)
    missing = rng.random((n, N_JOINTS)) < rng.uniform(0, 0.05)
    missing |= (rng.random(n) < rng.uniform(0, 0.04))[:, None]
    missing |= ~inside & (rng.random((n, N_JOINTS)) < 0.5)
    placed[missing] = np.nan
    return placed, np.where(missing, 0.0, scores)


def _correlated(
    rng: np.random.Generator, times_s: Float64Array, decay_s: Float64Array
) -> Float64Array:
    """(N, K, 2) unit noise whose correlation falls to 1/e over each of `decay_s` (K,)."""
    noise = rng.normal(size=(len(times_s), len(decay_s), 2))
    keep = np.exp(-np.diff(times_s)[:, None, None] / decay_s[:, None])
    noise[1:] *= np.sqrt(1 - keep**2)
    for row in range(1, len(noise)):
        noise[row] += keep[row - 1] * noise[row - 1]
    return noise


def _swap(placed: Float64Array, facing: Float64Array, rng: np.random.Generator) -> None:
    """Swap left and right of whole frames, in runs, mostly where the side is unclear."""
    risk = rng.uniform(0, 0.12) * (1 - np.abs(facing)) + rng.uniform(0, 0.04) * (facing < 0)
    swapped = False
    for row in range(len(placed)):
        swapped = rng.random() < (0.5 if swapped else risk[row])
        if swapped:
            placed[row] = placed[row][MIRROR]


def observe(
    trial: MotionTrial, rng: np.random.Generator, longest_rest_s: float = 8.0
) -> ObservedTrial:
    """Let a random camera and a random pose network look at a trial, cut at random.

    Parameters
    ----------
    longest_rest_s : sitting before the test is drawn out to up to this long.
    """
    start_s, end_s = _random_cut(trial, rng, longest_rest_s)
    times_s = random_stamps(rng, start_s, end_s)
    joints = _joints_at(trial, _shown_s(times_s, rng))
    camera = random_camera(rng)
    xy, px_per_m = project(joints, camera)
    to_left = joints[:, Joint.LEFT_SHOULDER] - joints[:, Joint.RIGHT_SHOULDER]
    # The left shoulder is to the right in the image when the person faces the camera.
    facing = (to_left @ camera[1][0]) / np.maximum(np.linalg.norm(to_left, axis=1), 1e-6)
    xy, scores = disturb_keypoints(xy, px_per_m, facing, times_s, rng)
    curves = body_curves(_joints_at(trial, times_s))
    boundaries_s = trial.boundaries_s.copy()
    cut = (boundaries_s < times_s[0]) | (boundaries_s > times_s[-1])
    boundaries_s[cut & np.isfinite(boundaries_s)] = np.nan
    if rng.random() < 0.5:
        xy = xy[:, MIRROR] * np.array([-1.0, 1.0]) + np.array([IMAGE_WH[0] - 1.0, 0.0])
        scores, curves = scores[:, MIRROR], mirrored(curves)
    return ObservedTrial(times_s - times_s[0], xy, scores, boundaries_s - times_s[0], curves)


def _shown_s(times_s: Float64Array, rng: np.random.Generator) -> Float64Array:
    """Moment that each frame shows: its own, or an older one (stale pairs, shutter freezes)."""
    stale = rng.random(len(times_s)) < 0.006
    shown_s = times_s - stale * rng.uniform(0.1, 0.26, len(times_s))
    if rng.random() < 0.08:
        freeze_s = rng.uniform(times_s[0], times_s[-1])
        shown_s = np.where((times_s > freeze_s) & (times_s < freeze_s + 0.6), freeze_s, shown_s)
    return np.asarray(shown_s)


def _joints_at(trial: MotionTrial, shown_s: Float64Array) -> Float64Array:
    """(N, 17, 3) joints, linearly interpolated."""
    position = np.clip(
        (shown_s - trial.times_s[0]) / (trial.times_s[1] - trial.times_s[0]),
        0.0,
        len(trial.times_s) - 1.001,
    )
    index = position.astype(np.int64)
    share = (position - index)[:, None, None]
    return np.asarray((1 - share) * trial.joints_m[index] + share * trial.joints_m[index + 1])


def _random_cut(
    trial: MotionTrial, rng: np.random.Generator, longest_rest_s: float
) -> tuple[float, float]:
    """Start and end of the recording: some seated time on both sides, sometimes less.

    Beyond the motion's own ends its first and last posture are held.
    """
    first_s, last_s = float(trial.times_s[0]), float(trial.times_s[-1])
    if not np.isfinite(trial.boundaries_s).all():
        return first_s, last_s
    onset_s, contact_s = float(trial.boundaries_s[0]), float(trial.boundaries_s[-1])
    start_s = onset_s - 0.6 - longest_rest_s * rng.random() ** 2
    end_s = contact_s + 0.6 + 4.0 * rng.random() ** 2
    kind = rng.random()
    if kind < 0.08:
        end_s = rng.uniform(min(start_s + 2.0, contact_s), contact_s)
    elif kind < 0.12:
        start_s = rng.uniform(onset_s, contact_s - 1.5)
    return start_s, end_s


def network_sample(
    trial: ObservedTrial, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], Float64Array, npt.NDArray[np.float32]]:
    """Return features (T, F), the boundaries (7,) in sub-cells (float; NaN where absent,
    infinite where unknown) and the curves (T, 5) of the body."""
    grid: CellGrid = cell_grid(
        trial.times_s, trial.xy, trial.scores, IMAGE_WH, shift=float(rng.random())
    )
    position = (trial.boundaries_s - grid.start_s) / CELL_S * SUB_CELLS
    curves = on_cells(trial.times_s, trial.curves, grid.start_s, grid.n_cells)
    return grid_features(grid).astype(np.float32), position, curves.astype(np.float32)
