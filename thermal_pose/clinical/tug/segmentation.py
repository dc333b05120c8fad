# SPDX-License-Identifier: Apache-2.0
"""From the subject's track to boundaries with uncertainties and phase posteriors."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

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


@dataclass(frozen=True)
class NetworkEvidence:
    """What the network says about each boundary, on even bins of time.

    Attributes
    ----------
    density : (7, N) probability of each bin.
    absent : (7,) probability that the boundary is not in the recording.
    grid_s : start of the first bin since the first frame, and width of a bin, s.
    sd_floor_s : (7,) uncertainty that the probabilities lack, s.
    """

    density: Float64Array
    absent: Float64Array
    grid_s: tuple[float, float]
    sd_floor_s: Float64Array

    @property
    def present(self) -> npt.NDArray[np.int64]:
        """Which boundaries are in the recording, in order."""
        return decode.present_run(1.0 - self.absent)

    @property
    def posterior(self) -> Float64Array:
        """(B, N) posteriors of the boundaries that are present, given their order."""
        return decode.ordered_posteriors(self.density[self.present], self.grid_s[1])


def network_evidence(
    track: SubjectTrack, image_wh: tuple[int, int], network: SegmenterNetwork, lapse: float = 1.0
) -> NetworkEvidence:
    """Let the network read a trial.

    Parameters
    ----------
    lapse : the network is shown the trial this many times faster. Its answer is in the trial's own
        time, and its uncertainty grows with it.
    """
    grid = track_grid(_faster(track, lapse) if lapse != 1.0 else track, image_wh)
    density, absent = network(grid_features(grid))
    grid_s = (grid.start_s * lapse, CELL_S / SUB_CELLS * lapse)
    return NetworkEvidence(density, absent, grid_s, np.array(network.sd_floor_s) * lapse)


def _faster(track: SubjectTrack, lapse: float) -> SubjectTrack:
    first_ns = track.stamps_ns[0]
    since_ns = np.rint((track.stamps_ns - first_ns) / lapse).astype(np.int64)
    return replace(track, stamps_ns=first_ns + since_ns)


def located(own: NetworkEvidence, brief: NetworkEvidence) -> NetworkEvidence:
    """Evidence for where exactly the boundaries of a very long test are.

    Over a long recording, the network leaves a little probability at distant times. In time lapse
    it finds each part of the test, but not its edges: the trunk seems to reach 5 deg/s too early,
    and the hips to come to rest too late. So the time lapse decides where to look, and the own pace
    what is there.

    Parameters
    ----------
    own, brief : readings at the trial's own pace, and in time lapse.
    """
    found, density = brief.present, own.density.copy()
    density[found] = decode.refined(density[found], own.grid_s, brief.posterior, brief.grid_s)
    return replace(own, density=density)


def segment_by_evidence(evidence: NetworkEvidence, times_s: Float64Array) -> Segmentation:
    """Segment by what the network says: posteriors of the boundaries it finds, in their order.

    A boundary is the mean of its posterior (`decode.central_mean_s`): durations are unbiased.

    Parameters
    ----------
    times_s : (N,) of the frames, s since the first one.
    """
    present, posterior = evidence.present, evidence.posterior
    boundaries_s, sds_s = np.full(N_BOUNDARIES, np.nan), np.full(N_BOUNDARIES, np.nan)
    boundaries_s[present] = decode.central_mean_s(posterior, *evidence.grid_s)
    sds_s[present] = np.hypot(
        decode.posterior_sd_s(posterior, evidence.grid_s[1]), evidence.sd_floor_s[present]
    )
    states = np.zeros((len(times_s), N_BOUNDARIES + 1))
    # Between which present boundaries; absent ones in between are never reached.
    columns = np.concatenate([[0], present + 1]) if present.size else np.array([0])
    states[:, columns] = decode.state_posteriors(posterior, *evidence.grid_s, times_s)
    return Segmentation(boundaries_s, sds_s, 1.0 - evidence.absent, phase_columns(states))
