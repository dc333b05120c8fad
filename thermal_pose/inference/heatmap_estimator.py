# SPDX-License-Identifier: Apache-2.0
"""The pose runtime: crop, one batched inference, decode, and map back to the frame.

Legend: N persons, K = 17 joints.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from thermal_pose.codecs.heatmap import DECODERS, decode_dark
from thermal_pose.errors import ModelArtifactError
from thermal_pose.imaging.crop import sample_crops
from thermal_pose.imaging.network_view import network_view
from thermal_pose.inference.base import Engine, RuntimeInfo
from thermal_pose.inference.card import DecodeRule, ModelCard
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray, PersonBox, PersonKeypoints, UInt16Array

OUTPUTS = ("heatmaps", "joint_scores", "person_score")


class HeatmapPoseEstimator:
    """A pose network that follows the contract of `inference.card`.

    Parameters
    ----------
    engine : runs the network.
    card : how to crop, normalise and decode.

    Raises
    ------
    ModelArtifactError
        The network's inputs or outputs are not those of the contract (checked by one warm-up
        run, so that the first frame is not the slow one).
    """

    def __init__(self, engine: Engine, card: ModelCard) -> None:
        self._engine = engine
        self._card = card
        self._geometry = card.decode.geometry(card.crop.input_wh)
        self._decode = _decoder(card.decode)
        self._check()

    @property
    def model_id(self) -> str:
        """Name and the first 12 hex digits of the model's sha256."""
        return self._card.model_id

    @property
    def info(self) -> RuntimeInfo:
        """Engine and device that it runs on."""
        return self._engine.info

    def estimate(
        self, centikelvin: UInt16Array, boxes: Sequence[PersonBox]
    ) -> tuple[PersonKeypoints, ...]:
        """Find the joints of every box of one frame.

        Parameters
        ----------
        centikelvin : (H, W) uint16.
        boxes : frame px; they may reach beyond the frame.

        Returns
        -------
        One record per box, in order; coordinates and scores are float32 as messages carry them.

        Notes
        -----
        A frame that is larger than the networks were trained on is averaged down first; the joints
        are in the frame's own pixels.
        """
        if not boxes:
            return ()
        view = network_view(centikelvin)
        seen = [box.xyxy for box in boxes]
        regions = self._card.crop.region(seen if view.same else view.from_image(seen))
        outputs = self._engine.run(self.crops(view.centikelvin, regions))
        heat_xy, _ = self._decode(outputs["heatmaps"])
        view_xy = self._card.crop.to_frame(self._geometry.to_crop(heat_xy), regions)
        frame_xy = view.to_image(view_xy)
        return tuple(
            PersonKeypoints(box.track_id, box, xy, scores, float(person))
            for box, xy, scores, person in zip(
                boxes, frame_xy, outputs["joint_scores"], outputs["person_score"], strict=True
            )
        )

    def crops(self, centikelvin: UInt16Array, regions: FloatArray) -> FloatArray:
        """Return the network's input (N, 1, H, W) for regions (N, 4)."""
        crops = sample_crops(centikelvin, regions, self._card.crop.input_wh)
        for crop in crops:
            self._card.normalization.apply(crop, centikelvin, out=crop)
        return crops[:, None]

    def _check(self) -> None:
        width, height = self._card.crop.input_wh
        missing = [name for name in OUTPUTS if name not in self._engine.output_names]
        if missing:
            raise ModelArtifactError(
                f"{self._card.file}: expected outputs {', '.join(OUTPUTS)}, "
                f"got {', '.join(self._engine.output_names)}"
            )
        outputs = self._engine.run(np.zeros((1, 1, height, width), dtype=np.float32))
        expected = {
            "heatmaps": (1, N_JOINTS, height // 4, width // 4),
            "joint_scores": (1, N_JOINTS),
            "person_score": (1,),
        }
        for name, shape in expected.items():
            if outputs[name].shape != shape:
                raise ModelArtifactError(
                    f"{self._card.file}: expected {name} of shape {shape}, "
                    f"got {outputs[name].shape}"
                )


def _decoder(rule: DecodeRule) -> Callable[[npt.ArrayLike], tuple[FloatArray, FloatArray]]:
    return partial(decode_dark, blur=rule.blur) if rule.kind == "dark" else DECODERS[rule.kind]
