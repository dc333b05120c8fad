# SPDX-License-Identifier: Apache-2.0
"""From the subject's track to boundaries with uncertainties and phase posteriors."""

from dataclasses import dataclass, replace

import numpy as np

from thermal_pose.clinical.tug import decode, hmm
from thermal_pose.clinical.tug.features import CELL_S, grid_features, track_grid
from thermal_pose.clinical.tug.network import SUB_CELLS, SegmenterNetwork
from thermal_pose.clinical.tug.result import N_BOUNDARIES, POSTERIOR_PHASES
from thermal_pose.clinical.tug.signals import BodySignals, smooth
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.types import TIMED_PHASES, Float64Array, Phase, PhaseInterval


@dataclass(frozen=True)
class Segmentation:
    """Boundaries of one trial, whether or not it is valid.

    Attributes
    ----------
    boundaries_s : (7,) rising where present, s since the first frame; NaN where absent.
    sds_s : (7,) their standard deviations; NaN where absent.
    presence : (7,) probability that the boundary exists in the recording.
    posteriors : (N, 7) P(phase) a frame; columns are `POSTERIOR_PHASES`.
    """

    boundaries_s: Float64Array
    sds_s: Float64Array
    presence: Float64Array
    posteriors: Float64Array

    def __post_init__(self) -> None:
        for name in ("boundaries_s", "sds_s", "presence"):
            if getattr(self, name).shape != (N_BOUNDARIES,):
                raise ValueError(
                    f"{name}: expected ({N_BOUNDARIES},), got {getattr(self, name).shape}"
                )

    @property
    def complete(self) -> bool:
        """Whether all boundaries were found, in order."""
        return bool(np.isfinite(self.boundaries_s).all() and np.all(np.diff(self.boundaries_s) > 0))

    def intervals(self) -> tuple[PhaseInterval, ...]:
        """The six timed phases; those whose two boundaries are both there, if incomplete."""
        edges = self.boundaries_s
        return tuple(
            PhaseInterval(phase, float(edges[k]), float(edges[k + 1]))
            for k, phase in enumerate(TIMED_PHASES)
            if np.isfinite(edges[k : k + 2]).all() and edges[k + 1] > edges[k]
        )


def phase_columns(states: Float64Array) -> Float64Array:
    """(N, 7) posteriors of phases from (N, 8) of ordered states (two of them are seated)."""
    merged = np.zeros((len(states), len(POSTERIOR_PHASES)))
    for column, phase in enumerate(hmm.STATES):
        merged[:, POSTERIOR_PHASES.index(Phase(phase))] += states[:, column]
    return merged


def hmm_observations(signals: BodySignals) -> Float64Array:
    """(N, 3) observations of the hidden Markov model from the readable signals."""
    times_s = signals.stamps_s
    log_size = np.log(np.maximum(smooth(signals.size_px, times_s, 0.3), 1.0))
    growth = np.gradient(log_size, times_s) if len(times_s) > 2 else np.zeros(len(times_s))
    return np.stack(
        [
            smooth(signals.standing_index, times_s, 0.15),
            growth,
            smooth(signals.facing, times_s, 0.15),
        ],
        axis=1,
    )


def segment_by_hmm(signals: BodySignals) -> Segmentation:
    """Segment with the hidden Markov model (see `hmm`)."""
    states = hmm.smooth_states(signals.stamps_s, hmm_observations(signals))
    boundaries_s, sds_s = hmm.boundaries_from_states(signals.stamps_s, states)
    return Segmentation(
        boundaries_s, sds_s, np.isfinite(boundaries_s).astype(np.float64), phase_columns(states)
    )


def _faster(track: SubjectTrack, lapse: float) -> SubjectTrack:
    first_ns = track.stamps_ns[0]
    since_ns = np.rint((track.stamps_ns - first_ns) / lapse).astype(np.int64)
    return replace(track, stamps_ns=first_ns + since_ns)


def segment_by_network(
    track: SubjectTrack,
    image_wh: tuple[int, int],
    network: SegmenterNetwork,
    lapse: float = 1.0,
) -> Segmentation:
    """Segment with the network: posteriors of the boundaries it finds present, in their order.

    A boundary is the mean of its posterior (`decode.central_mean_s`): durations are unbiased.

    Parameters
    ----------
    lapse : the network is shown the trial this many times faster. The uncertainties grow with it.
    """
    if lapse != 1.0:
        found = segment_by_network(_faster(track, lapse), image_wh, network)
        return replace(found, boundaries_s=found.boundaries_s * lapse, sds_s=found.sds_s * lapse)
    grid = track_grid(track, image_wh)
    density, absent = network(grid_features(grid))
    present = decode.present_run(1.0 - absent)
    step_s = CELL_S / SUB_CELLS
    posterior = decode.ordered_posteriors(density[present], step_s)
    boundaries_s, sds_s = np.full(N_BOUNDARIES, np.nan), np.full(N_BOUNDARIES, np.nan)
    boundaries_s[present] = decode.central_mean_s(posterior, grid.start_s, step_s)
    sds_s[present] = np.hypot(
        decode.posterior_sd_s(posterior, step_s), np.array(network.sd_floor_s)[present]
    )
    states = np.zeros((len(track.stamps_ns), N_BOUNDARIES + 1))
    # Between which present boundaries; absent ones in between are never reached.
    columns = np.concatenate([[0], present + 1]) if present.size else np.array([0])
    states[:, columns] = decode.state_posteriors(posterior, grid.start_s, step_s, track.stamps_s)
    return Segmentation(boundaries_s, sds_s, 1.0 - absent, phase_columns(states))
