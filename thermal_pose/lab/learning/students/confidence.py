# SPDX-License-Identifier: Apache-2.0
"""Fits and calibrates a student's confidence head on people that the student was not trained on.

A joint's score is the probability that the joint lies within 0.5 s k_i of the truth (s = square
root of the silhouette's area, k_i = 2 sigma_i). Joints out of the camera's sight (v = 0) and crops
without a person are never hits. A person's score is the probability that the whole pose is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from thermal_pose.errors import TrainingError
from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.assess import WITHIN_HALF_SK
from thermal_pose.lab.learning.fitting.config import AugmentConfig
from thermal_pose.lab.learning.fitting.predict import autocast, decode
from thermal_pose.lab.learning.fitting.tasks import KeypointTask, ThermalCrops
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.metrics.calibration import confidence_figures
from thermal_pose.lab.metrics.oks import joint_similarity, oks
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray, IntArray

#: OKS from which a pose is right: the loosest threshold of average precision.
RIGHT_POSE_OKS: Final = 0.5
_BATCH: Final = 128
_STEPS: Final = 1500
_MINI_BATCH: Final = 512


@dataclass(frozen=True)
class Evidence:
    """Inputs of the head and outcomes of M crops.

    Attributes
    ----------
    summary : (M, F) pooled features and peaks.
    hits : (M, 18) 1.0 for a correct joint; the last column for a correct whole pose.
    counted : (M, 18) 1.0 if the outcome counts; joints of crops without people do not.
    in_sight : (M,) number of visible joints (v = 2).
    """

    summary: torch.Tensor
    hits: torch.Tensor
    counted: torch.Tensor
    in_sight: torch.Tensor


def joined_evidence(parts: Sequence[Evidence]) -> Evidence:
    """Return the rows of several collections as one."""
    columns = zip(*((p.summary, p.hits, p.counted, p.in_sight) for p in parts), strict=True)
    return Evidence(*(torch.cat(column) for column in columns))


def about_persons_only(evidence: Evidence) -> Evidence:
    """Return the evidence without its joints' outcomes, for people the network was trained on."""
    counted = evidence.counted.clone()
    counted[:, :N_JOINTS] = 0
    return replace(evidence, counted=counted)


@dataclass(frozen=True)
class ScoredNetwork:
    """A pose network and its confidence head.

    Attributes
    ----------
    rule : how its heatmaps are read; a shared decoder keeps its teacher's alignment.
    """

    network: PoseNetwork
    head: ConfidenceHead
    rule: DecodeRule = field(default_factory=DecodeRule)


@torch.no_grad()
def collect(
    scored: ScoredNetwork,
    source: ThermalCrops,
    data: PoseData,
    rows: IntArray,
    geometry: AugmentConfig | None = None,
    seed: int = 0,
) -> Evidence:
    """Run the network over rows and compare what it finds with the data's keypoints.

    Parameters
    ----------
    geometry : box jitter and mirroring, drawn from `seed`; None takes the plain crops.
    """
    device, network = source.device, scored.network
    task = KeypointTask(
        source,
        torch.from_numpy(data.xy).to(device),
        torch.from_numpy(data.visibility > 0).to(device),
        geometry or AugmentConfig(),
    )
    generator = None if geometry is None else torch.Generator(device).manual_seed(seed)
    network.eval()
    parts: list[tuple[torch.Tensor, ...]] = []
    for chunk in torch.split(torch.as_tensor(rows, dtype=torch.int64, device=device), _BATCH):
        inputs = task.draw(chunk, generator)
        with autocast(device):
            out = network(source.images(inputs))
        summary = scored.head.summary(out.features.float(), out.heatmaps.float())
        crop_xy, _ = decode(out.heatmaps.float().cpu().numpy(), scored.rule)
        xy = crops.apply_affine(inputs["affine"], torch.from_numpy(crop_xy).to(device))
        xy = crops.mirror_joints(xy, crops.is_mirrored(inputs["affine"]))
        index = chunk.cpu().numpy()
        hits, counted = events(data, index, xy.cpu().numpy())
        mirrored = crops.is_mirrored(inputs["affine"])
        joint_hits = crops.mirror_joints(torch.from_numpy(hits[:, :N_JOINTS]).to(device), mirrored)
        hits_there = torch.cat([joint_hits, torch.from_numpy(hits[:, N_JOINTS:]).to(device)], dim=1)
        in_sight = torch.from_numpy((data.visibility[index] == 2).sum(axis=1)).to(device)
        parts.append((summary, hits_there, torch.from_numpy(counted).to(device), in_sight))
    return Evidence(*(torch.cat(column) for column in zip(*parts, strict=True)))


def events(data: PoseData, rows: IntArray, xy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return `Evidence.hits` and `Evidence.counted` of joints found at `xy` (M, 17, 2).

    A person counts as a hit only if the pose is right, too (OKS of at least `RIGHT_POSE_OKS`): a
    nonsense skeleton on a person seen from the ceiling does not.
    """
    area = np.maximum(data.area_px[rows], 1.0)
    near = joint_similarity(xy, data.xy[rows], area) >= WITHIN_HALF_SK
    person = data.person[rows]
    right = near & (data.visibility[rows] > 0) & person[:, None]
    pose = np.nan_to_num(oks(xy, data.xy[rows], data.visibility[rows], area)) >= RIGHT_POSE_OKS
    hits = np.concatenate([right, (person & pose)[:, None]], axis=1).astype(np.float32)
    counted = np.ones_like(hits)
    counted[:, :N_JOINTS] = person[:, None] & ~data.unlabelled[rows]
    return hits, counted


def fit_head(head: ConfidenceHead, evidence: Evidence, seed: int = 0) -> float:
    """Fit the head by binary cross-entropy; return the final loss.

    Raises
    ------
    TrainingError
        The evidence lacks people, or crops without people.
    """
    people = (evidence.counted[:, :N_JOINTS] > 0).any(dim=1)
    if people.all() or not people.any():
        raise TrainingError("confidence: needs crops with and without people")
    device = evidence.summary.device
    head.to(device).train()
    with torch.no_grad():
        head.norm.momentum = None  # cumulative: the whole set's statistics
        head.norm.reset_running_stats()
        head.norm(evidence.summary)
    head.norm.eval()
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    generator = torch.Generator().manual_seed(seed)
    loss = torch.zeros(())
    for _ in range(_STEPS):
        rows = torch.randint(len(people), (_MINI_BATCH,), generator=generator).to(device)
        logits = head.logits(evidence.summary[rows])
        loss = _cross_entropy(logits, evidence.hits[rows], evidence.counted[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    head.eval()
    return float(loss.detach())


def _cross_entropy(logits: torch.Tensor, hits: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    loss = functional.binary_cross_entropy_with_logits(logits, hits, counted, reduction="sum")
    return loss / counted.sum().clamp(min=1)


def calibrate(head: ConfidenceHead, evidence: Evidence) -> None:
    """Fit one slope and offset a logit (Platt 1999) on data that the head has not seen."""
    head.eval()
    with torch.no_grad():
        head.scale.fill_(1)
        head.offset.zero_()
        logits = head.logits(evidence.summary)
    scale, offset = fit_platt(logits, evidence.hits, evidence.counted)
    head.scale.copy_(scale)
    head.offset.copy_(offset)


def fit_platt(
    logits: torch.Tensor, hits: torch.Tensor, counted: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return slopes and offsets (18,) of logits (M, 18); hits and counted as in `Evidence`.

    Raises
    ------
    TrainingError
        No finite ones fit.
    """
    # Full steps can diverge on few crops; a line search is slower and does not.
    for search in (None, "strong_wolfe") if torch.isfinite(logits).all() else ():
        scale, offset = _platt(logits, hits, counted, search)
        if torch.isfinite(scale).all() and torch.isfinite(offset).all():
            return scale, offset
    raise TrainingError(f"confidence: no calibration fits {len(logits)} crops; use more of them")


def _platt(
    logits: torch.Tensor, hits: torch.Tensor, counted: torch.Tensor, search: str | None
) -> tuple[torch.Tensor, torch.Tensor]:
    log_scale = torch.zeros(N_JOINTS + 1, device=logits.device, requires_grad=True)
    offset = torch.zeros(N_JOINTS + 1, device=logits.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_scale, offset], max_iter=100, line_search_fn=search)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = _cross_entropy(logits * log_scale.exp() + offset, hits, counted)
        # A weak pull towards the identity keeps joints that are nearly always right in bounds.
        loss = loss + 1e-4 * (log_scale.square().mean() + offset.square().mean())
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[arg-type, no-untyped-call]
    return log_scale.exp().detach(), offset.detach()


@torch.no_grad()
def measure_confidence(head: ConfidenceHead, evidence: Evidence) -> dict[str, Any]:
    """Return calibration errors and refusal on held-out evidence (`confidence_figures`)."""
    scores = torch.sigmoid(head.eval().logits(evidence.summary)).cpu().numpy()
    return confidence_figures(
        scores,
        evidence.hits.cpu().numpy() > 0.5,
        evidence.counted.cpu().numpy() > 0.5,
        evidence.in_sight.cpu().numpy(),
    )
