# SPDX-License-Identifier: Apache-2.0
"""A left-to-right hidden Markov model on three readable signals.

It needs no training, says what a phase looks like in numbers anyone can check, and is the
yardstick that the segmentation network has to beat (`docs/validation.md`).
"""

import numpy as np

from thermal_pose.types import TIMED_PHASES, Float64Array, Phase

#: The states in their only order; seated before and after are two states of one phase.
STATES = (Phase.SEATED, *TIMED_PHASES, Phase.SEATED)

# Rows: states. Columns: standing index, growth of apparent size (log units per second, negative
# when walking away), facing. Means and spreads of the published definitions' pictures: seated
# 0.3, standing 1; about 0.2 for 1 m/s at 5 m; towards the camera +1.
_MEANS = np.array(
    [
        [0.35, 0.00, 0.7],
        [0.75, 0.05, 0.7],
        [1.00, 0.22, 0.7],
        [1.00, 0.00, 0.0],
        [1.00, -0.20, -0.7],
        [1.00, -0.03, 0.0],
        [0.70, -0.02, 0.6],
        [0.35, 0.00, 0.7],
    ]
)
_SPREADS = np.array(
    [
        [0.25, 0.10, 0.5],
        [0.30, 0.15, 0.5],
        [0.30, 0.15, 0.5],
        [0.30, 0.15, 0.6],
        [0.30, 0.15, 0.5],
        [0.30, 0.15, 0.7],
        [0.30, 0.12, 0.5],
        [0.25, 0.10, 0.5],
    ]
)
#: Typical time in each state, s (the last is never left).
_DWELL_S = np.array([3.0, 1.4, 2.6, 1.8, 2.6, 1.6, 1.1, np.inf])
#: Frames are not independent: their log likelihoods count this much a second.
_EVIDENCE_HZ = 5.0


def emission_log(observations: Float64Array) -> Float64Array:
    """(N, 8) log likelihood of each state; a missing (NaN) signal is no evidence.

    Parameters
    ----------
    observations : (N, 3) standing index, growth (1/s), facing.
    """
    if observations.ndim != 2 or observations.shape[1] != 3:
        raise ValueError(f"observations: expected (N, 3), got {observations.shape}")
    scaled = (observations[:, None, :] - _MEANS) / _SPREADS
    # A floor under each term keeps one wild joint from outweighing seconds of evidence.
    terms = np.maximum(-0.5 * scaled**2, -6.0) - np.log(_SPREADS)
    return np.asarray(np.where(np.isfinite(observations[:, None, :]), terms, 0.0).sum(axis=2))


def _step_log(step_s: float) -> Float64Array:
    """(8, 2) log probability to stay in a state and to go on to the next within `step_s`."""
    leave = -np.expm1(-step_s / _DWELL_S)
    with np.errstate(divide="ignore"):
        return np.stack([np.log1p(-leave), np.log(leave)], axis=1)


def smooth_states(times_s: Float64Array, observations: Float64Array) -> Float64Array:
    """(N, 8) P(state | the whole trial) by forward-backward, ending in the last state.

    Parameters
    ----------
    times_s : (N,) rising; observations : (N, 3), see `emission_log`.
    """
    n = len(times_s)
    steps_s = np.diff(times_s)
    emissions = emission_log(observations)
    emissions *= np.minimum(1.0, _EVIDENCE_HZ * np.concatenate([[0.125], steps_s]))[:, None]
    forward = np.full((n, 8), -np.inf)
    forward[0] = np.log(np.eye(8)[0] + 1e-12) + emissions[0]
    for row in range(1, n):
        stay, go = _step_log(float(steps_s[row - 1])).T
        arrived = np.concatenate([[-np.inf], (forward[row - 1] + go)[:-1]])
        forward[row] = np.logaddexp(forward[row - 1] + stay, arrived) + emissions[row]
    backward = np.log(np.eye(8)[7] + 1e-12) * np.ones((n, 1))
    for row in range(n - 2, -1, -1):
        stay, go = _step_log(float(steps_s[row])).T
        ahead = backward[row + 1] + emissions[row + 1]
        departed = np.concatenate([(ahead[1:] + go[:-1]), [-np.inf]])
        backward[row] = np.logaddexp(ahead + stay, departed)
    joint = forward + backward
    return np.asarray(np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None]))


def boundaries_from_states(
    times_s: Float64Array, posteriors: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """(7,) boundaries between the eight states and their standard deviations, s.

    The boundary after state k is where P(state > k) crosses one half, interpolated between
    frames; its spread follows from the same curve taken as a distribution function.
    """
    centres, spreads = np.full(7, np.nan), np.full(7, np.nan)
    for k in range(7):
        later = np.maximum.accumulate(posteriors[:, k + 1 :].sum(axis=1))
        if later[0] >= 0.5 or later[-1] < 0.5:
            continue
        row = int(np.argmax(later >= 0.5))
        share = (0.5 - later[row - 1]) / (later[row] - later[row - 1])
        centres[k] = times_s[row - 1] + share * (times_s[row] - times_s[row - 1])
        mass = np.diff(later)
        middle = (times_s[1:] + times_s[:-1]) / 2
        spread = np.sqrt(np.sum(mass * (middle - centres[k]) ** 2) / mass.sum())
        spreads[k] = max(float(spread), float(np.median(np.diff(times_s))) / 2)
    return centres, spreads
