# SPDX-License-Identifier: Apache-2.0
"""Training tasks on device-resident data: distillation, supervision, the RGB teacher.

A task draws everything random in `draw`, outside the graph, and computes the loss from static
tensors in `loss`, so that a step can be captured once and replayed (see `learner`).
"""

import copy
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

from thermal_pose.errors import TrainingError
from thermal_pose.inference.card import CropRule, Normalization
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.config import AugmentConfig
from thermal_pose.lab.learning.fitting.heavy import disturb_heavily, heavy_draws
from thermal_pose.lab.learning.fitting.losses import adaptive_wing, distillation_loss
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import RGB_MEAN, RGB_STD
from thermal_pose.lab.learning.pose_data import PoseData, earlier_frames
from thermal_pose.types import UInt16Array

Inputs = dict[str, torch.Tensor]

#: uint16 centikelvin are stored as int16 about 20 C: half the memory, exact.
_ZERO_COUNTS: Final = 29315

#: Frames before the present one that can be further channels: a network has three.
_EARLIER: Final = 2


class Task(Protocol):
    """A loss over rows of a data set."""

    def draw(self, index: torch.Tensor, generator: torch.Generator | None) -> Inputs:
        """Return a batch's inputs; without a generator, the plain crops."""
        ...

    def loss(self, network: PoseNetwork, inputs: Inputs) -> torch.Tensor:
        """Return the batch's scalar loss."""
        ...


class CropSource(Protocol):
    """Pictures on the device that crops are cut from."""

    regions: torch.Tensor

    def draw(self, index: torch.Tensor, generator: torch.Generator | None) -> Inputs:
        """Draw a batch's random photometry (none without a generator)."""
        ...

    def images(self, inputs: Inputs) -> torch.Tensor:
        """Return (B, 3, 256, 192) crops at `inputs['affine']`."""
        ...


class ThermalCrops:
    """Thermal frames on the device, cut and normalised on demand.

    Parameters
    ----------
    with_earlier : the three channels are the frame and the two before it, at the same place,
        instead of the frame three times.

    Attributes
    ----------
    regions : (N, 4) crop regions of each row's box.
    """

    def __init__(
        self,
        data: PoseData,
        normalization: Normalization,
        augment: AugmentConfig,
        device: torch.device,
        with_earlier: bool = False,
    ) -> None:
        if len(data) == 0:
            raise TrainingError("the data set is empty")
        self.mapped = data if isinstance(data.frames, np.memmap) else None
        if self.mapped is not None and with_earlier:
            raise TrainingError("earlier frames: expected a data set that fits into memory")
        if self.mapped is None:
            self.frames = _stored(data.frames, data.frame_rows).to(device)
        self.hw = (int(data.frames.shape[1]), int(data.frames.shape[2]))
        self.rows = torch.from_numpy(data.frame_rows.astype(np.int64)).to(device)
        medians = [
            np.median(frame[:rows]) - _ZERO_COUNTS
            for frame, rows in zip(data.frames, data.frame_rows, strict=True)
        ]
        self.medians = torch.tensor(medians, dtype=torch.float32, device=device)
        self.frame_of = torch.from_numpy(data.frame_of.astype(np.int64)).to(device)
        self.earlier = torch.from_numpy(earlier_frames(data, _EARLIER)).to(device)
        self.with_earlier = with_earlier
        regions = CropRule().region(data.boxes)
        self.regions = torch.from_numpy(regions).to(device)
        self.normalization = normalization
        self.augment = augment
        self.device = device

    def with_boxes(self, frame_of: npt.ArrayLike, boxes: npt.ArrayLike) -> "ThermalCrops":
        """Return a view of the same frames whose rows are other boxes (M,) and (M, 4)."""
        view = copy.copy(self)
        view.frame_of = torch.as_tensor(np.asarray(frame_of, np.int64), device=self.device)
        regions = CropRule().region(boxes)
        view.regions = torch.from_numpy(regions).to(self.device)
        return view

    def shifted(self, back: int) -> "ThermalCrops":
        """Return a view that cuts the same crops from the frames 1 or 2 earlier (0: these)."""
        view = copy.copy(self)
        view.with_earlier = False
        if back:
            view.frame_of = self.earlier[self.frame_of, back - 1]
        return view

    def draw(self, index: torch.Tensor, generator: torch.Generator | None) -> Inputs:
        """Draw the random photometry of a batch (none without a generator)."""
        inputs = {"index": index}
        if self.mapped is not None:
            inputs["frames"] = self._from_disk(index)
        if generator is not None:
            inputs.update(crops.photometry_draws(len(index), self.hw, generator, self.device))
            heavy = self.augment.heavy
            inputs.update(heavy_draws(len(index), self.hw, heavy, generator, self.device))
        return inputs

    def _from_disk(self, index: torch.Tensor) -> torch.Tensor:
        """Read a batch's frames; outside the step, so that this can be captured as a graph."""
        assert self.mapped is not None
        wanted = self.frame_of[index].cpu().numpy()
        frames = np.asarray(self.mapped.frames[wanted])
        return _stored(frames, self.mapped.frame_rows[wanted]).to(self.device)

    @crops.in_full_precision
    def images(self, inputs: Inputs) -> torch.Tensor:
        """Return the batch's (B, 3, 256, 192) crops; `inputs['affine']` says where they lie."""
        if not self.with_earlier:
            return self._channel(inputs).expand(-1, 3, -1, -1)
        channels = []
        for back in range(_EARLIER + 1):
            channels.append(self.shifted(back)._channel(inputs))
            if "pixels" in inputs:  # each frame has a noise of its own
                inputs = {**inputs, "pixels": inputs["pixels"].roll(1, 0)}
        return torch.cat(channels, dim=1)

    def _channel(self, inputs: Inputs) -> torch.Tensor:
        frame = self.frame_of[inputs["index"]]
        frames = (inputs["frames"] if "frames" in inputs else self.frames[frame]).float()
        medians = self.medians[frame]
        if "pixels" in inputs:
            frames, medians = disturb_heavily(frames, medians, inputs, self.augment.heavy)
            frames, medians = crops.disturb(frames, medians, inputs, self.augment)
        cut = crops.sample(frames[:, None], inputs["affine"], self.rows[frame])
        if "pixels" in inputs:
            # An object in front: from wall-cold to skin-warm.
            fill = medians + 100 * (inputs["uniform"][:, 10] * 10 - 2)
            cut = crops.occlude(cut, inputs, self.augment.occlude, fill[:, None])
        return crops.normalise(cut[:, 0], medians, self.normalization)[:, None]


def _stored(frames: UInt16Array, frame_rows: npt.NDArray[np.int16]) -> torch.Tensor:
    """Return frames as int16 about 20 degC, the last real row of each repeated below it."""
    whole = frames.copy()
    for rows in np.unique(frame_rows):
        short = frame_rows == rows
        whole[short, rows:] = whole[short, rows - 1 : rows]
    counts = whole.astype(np.int32) - _ZERO_COUNTS
    return torch.from_numpy(np.clip(counts, -32768, 32767).astype(np.int16))


class DistillationTask:
    """The paper's: thermal crops against cached teacher latents and heatmaps.

    Parameters
    ----------
    affine : (V, N, 2, 3) crop pixels to frame pixels of each cached variant.
    latents, heatmaps : (V, N, 768, 16, 12) and (V, N, 17, 64, 48) fp16.
    """

    def __init__(
        self,
        source: ThermalCrops,
        affine: torch.Tensor,
        latents: torch.Tensor,
        heatmaps: torch.Tensor,
        beta: float,
    ) -> None:
        self.source = source
        self.affine, self.latents, self.heatmaps = affine, latents, heatmaps
        self.beta = beta

    def draw(self, index: torch.Tensor, generator: torch.Generator | None) -> Inputs:
        """Choose a cached variant of each row (the plain one without a generator)."""
        inputs = self.source.draw(index, generator)
        variant = torch.zeros_like(index)
        if generator is not None:
            variant = torch.randint(
                len(self.affine), index.shape, generator=generator, device=index.device
            )
        inputs["variant"] = variant
        inputs["affine"] = self.affine[variant, index]
        return inputs

    def loss(self, network: PoseNetwork, inputs: Inputs) -> torch.Tensor:
        """Return the paper's composite loss; the decoder is not run where beta is 1."""
        image = self.source.images(inputs)
        row = (inputs["variant"], inputs["index"])
        if self.beta >= 1:
            _, latent = network.encode(image)
            return (latent.float() - self.latents[row].float()).abs().mean()
        out = network(image)
        return distillation_loss(
            out.latent, out.heatmaps, self.latents[row], self.heatmaps[row], self.beta
        )


class KeypointTask:
    """Supervision by keypoints: Adaptive Wing loss on drawn heatmaps of newly jittered crops.

    Parameters
    ----------
    xy, present : (N, 17, 2) frame px and (N, 17) bool, on the source's device.
    geometry : box jitter; its photometric part is the source's.
    unknown : (N, 17) bool; unlabelled joints, which are masked out of the loss. Other absent
        joints are known to be out of sight and have an empty heatmap as target. None: all known.
    """

    def __init__(
        self,
        source: CropSource,
        xy: torch.Tensor,
        present: torch.Tensor,
        geometry: AugmentConfig,
        sigma_px: float = 2.0,
        unknown: torch.Tensor | None = None,
    ) -> None:
        self.source, self.xy, self.present = source, xy, present
        self.unknown = unknown
        self.geometry, self.sigma_px = geometry, sigma_px

    def draw(self, index: torch.Tensor, generator: torch.Generator | None) -> Inputs:
        """Draw box jitter, mirror image and photometry."""
        inputs = self.source.draw(index, generator)
        affine = crops.crop_affine(self.source.regions[index])
        if generator is not None:
            draws = torch.rand(
                len(index), crops.GEOMETRY_DRAWS, generator=generator, device=index.device
            )
            g = self.geometry
            affine = crops.compose(
                affine, crops.jitter_affine(draws, g.shift, g.scale, g.rotate_deg, g.flip)
            )
        inputs["affine"] = affine
        return inputs

    @crops.in_full_precision
    def targets(self, inputs: Inputs) -> torch.Tensor:
        """Return the batch's (B, 17, 64, 48) heatmaps."""
        affine, index = inputs["affine"], inputs["index"]
        crop_xy = crops.apply_affine(crops.invert(affine), self.xy[index])
        mirrored = crops.is_mirrored(affine)
        crop_xy = crops.mirror_joints(crop_xy, mirrored)
        present = crops.mirror_joints(self.present[index], mirrored)
        return crops.draw_heatmaps(crop_xy, present, self.sigma_px)

    def loss(self, network: PoseNetwork, inputs: Inputs) -> torch.Tensor:
        """Return the Adaptive Wing loss; joints that are unknown add nothing to it."""
        heatmaps = network.heatmaps(self.source.images(inputs)).float()
        targets = self.targets(inputs)
        if self.unknown is not None:
            mirrored = crops.is_mirrored(inputs["affine"])
            unknown = crops.mirror_joints(self.unknown[inputs["index"]], mirrored)
            heatmaps = torch.where(unknown[..., None, None], targets, heatmaps)
        return adaptive_wing(heatmaps, targets)


class RgbCrops:
    """RGB patches as a source for `KeypointTask` and for the teacher's cache.

    They lie on the device; those of a large data set are decoded batch by batch.
    """

    def __init__(
        self,
        data: PoseData,
        augment: AugmentConfig,
        device: torch.device,
    ) -> None:
        self.data, self.augment, self.device = data, augment, device
        self.patches = self._decoded(None) if data.rgb_fits else None
        self.patch_affine = torch.from_numpy(data.patch_affine).to(device)
        regions = CropRule().region(data.boxes)
        self.regions = torch.from_numpy(regions).to(device)
        self._mean = torch.tensor(RGB_MEAN, device=device)[None, :, None, None]
        self._std = torch.tensor(RGB_STD, device=device)[None, :, None, None]

    def draw(self, index: torch.Tensor, generator: torch.Generator | None) -> Inputs:
        """Draw exposure, colour, noise and occlusion of a batch (none without a generator)."""
        inputs = {"index": index}
        if self.patches is None:  # outside the step, so that this can be captured as a graph
            inputs["patches"] = self._decoded(index)
        if generator is not None:
            n = len(index)
            shape = (n, 12)
            inputs["uniform"] = torch.rand(shape, generator=generator, device=self.device)
            inputs["colour"] = torch.randn((n, 3, 2), generator=generator, device=self.device)
        return inputs

    @crops.in_full_precision
    def images(self, inputs: Inputs) -> torch.Tensor:
        """Return the batch's normalised (B, 3, 256, 192) crops."""
        index = inputs["index"]
        to_patch = crops.compose(self.patch_affine[index], inputs["affine"])
        image = crops.sample(self._of_batch(inputs).float() / 255, to_patch)
        if "colour" in inputs:
            colour = inputs["colour"].clamp(-2, 2)
            common = inputs["uniform"][:, 10, None, None, None] - 0.5
            gain = 1 + 0.5 * common + 0.05 * colour[:, :, :1, None]
            light = 0.4 * (inputs["uniform"][:, 11, None, None, None] - 0.5)
            image = (image - 0.5) * gain + 0.5 + light + 0.03 * colour[:, :, 1:, None]
            image = crops.occlude(
                image, inputs, self.augment.occlude, inputs["uniform"][:, 0:3].contiguous()
            ).clamp(0, 1)
        return (image - self._mean) / self._std

    def _of_batch(self, inputs: Inputs) -> torch.Tensor:
        if self.patches is not None:
            return self.patches[inputs["index"]]
        return inputs["patches"] if "patches" in inputs else self._decoded(inputs["index"])

    def _decoded(self, index: torch.Tensor | None) -> torch.Tensor:
        """Decode the patches of some rows, or all: (N, 3, 320, 240), channels-last in memory."""
        rows = None if index is None else index.tolist()
        return torch.from_numpy(self.data.rgb(rows)).to(self.device).permute(0, 3, 1, 2)
