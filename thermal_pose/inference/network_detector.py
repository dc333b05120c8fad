# SPDX-License-Identifier: Apache-2.0
"""Any exported detector with boxes and scores, fed and read as its card describes."""

import cv2
import numpy as np

from thermal_pose.errors import ImageFormatError, ModelArtifactError
from thermal_pose.imaging.network_view import NetworkView, network_view
from thermal_pose.imaging.radiometry import relative_k
from thermal_pose.inference.base import Engine, RuntimeInfo
from thermal_pose.inference.detector_card import DetectorCard
from thermal_pose.tracking.boxes import iou_matrix
from thermal_pose.types import FloatArray, IndexArray, PersonBox, UInt16Array

_SMALLEST_BOX_PX = 1.0


class NetworkDetector:
    """A detector network with the adapter of `detector_card`.

    Parameters
    ----------
    engine : runs the network.
    card : the adapter.

    Raises
    ------
    ModelArtifactError
        The outputs named by the card are absent or of other shapes (one warm-up run).
    """

    def __init__(self, engine: Engine, card: DetectorCard) -> None:
        self._engine = engine
        self.card = card
        self._threshold = card.score_threshold
        wanted = [name for name in (card.boxes, card.scores, card.labels) if name]
        missing = [name for name in wanted if name not in engine.output_names]
        if missing:
            raise ModelArtifactError(
                f"{card.file}: expected outputs {', '.join(wanted)}, "
                f"got {', '.join(engine.output_names)}"
            )
        width, height = card.input_wh
        self._read(engine.run(np.zeros((1, card.channels, height, width), dtype=np.float32)))

    @property
    def model_id(self) -> str:
        """Name and the first 12 hex digits of the model's sha256."""
        return self.card.model_id

    @property
    def info(self) -> RuntimeInfo:
        """Engine and device that it runs on."""
        return self._engine.info

    @property
    def score_threshold(self) -> float:
        """Boxes with a lower score are dropped."""
        return self._threshold

    def set_score_threshold(self, threshold: float | None) -> None:
        """Set the threshold from the next frame on; None restores the card's."""
        self._threshold = self.card.score_threshold if threshold is None else threshold

    def detect(self, centikelvin: UInt16Array) -> tuple[PersonBox, ...]:
        """Return the boxes of all people, best score first; float32-exact coordinates.

        A frame larger than the input of a network that takes it padded is averaged down; the
        boxes are in the frame's own pixels.
        """
        view = NetworkView(centikelvin)
        if self.card.resize == "pad":
            view = network_view(centikelvin, self.card.input_wh)
        tensor = self.prepare(view.centikelvin)
        boxes, scores = self._read(self._engine.run(tensor), self._threshold)
        if not len(boxes):
            return ()
        height, width = view.centikelvin.shape
        boxes = view.to_image(self._to_frame(boxes, width, height))
        large = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= _SMALLEST_BOX_PX
        boxes, scores = boxes[large], np.minimum(scores[large], np.float32(1.0))
        order = np.argsort(-scores, kind="stable")
        if self.card.nms_iou < 1 and len(order) > 1:
            order = _suppress(boxes, order, self.card.nms_iou)
        order = order[: self.card.max_persons]
        return tuple(
            PersonBox((left, top, right, bottom), score)
            for (left, top, right, bottom), score in zip(
                boxes[order].tolist(), scores[order].tolist(), strict=True
            )
        )

    def prepare(self, centikelvin: UInt16Array) -> FloatArray:
        """Return the network's input (1, C, H, W) for one frame."""
        card = self.card
        values = relative_k(centikelvin, card.scale_k)
        # The ufuncs themselves: np.clip's wrapper costs as much as the arithmetic here.
        values = np.minimum(np.maximum(values, card.clip_min), card.clip_max)
        values = self._fit(np.asarray(values * card.gain + card.offset, dtype=np.float32))
        image = values[None, None]
        return image if card.channels == 1 else np.repeat(image, card.channels, axis=1)

    def _fit(self, values: FloatArray) -> FloatArray:
        width, height = self.card.input_wh
        if self.card.resize == "stretch":
            return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR))
        below, right = height - values.shape[0], width - values.shape[1]
        if below < 0 or right < 0:
            raise ImageFormatError(
                f"frame: expected at most {width} x {height} px for {self.card.name}, "
                f"got {values.shape[1]} x {values.shape[0]}"
            )
        return np.asarray(
            cv2.copyMakeBorder(values, 0, below, 0, right, cv2.BORDER_REPLICATE), dtype=np.float32
        )

    def _read(
        self, outputs: dict[str, FloatArray], threshold: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        scores: FloatArray = np.asarray(outputs[self.card.scores], dtype=np.float32).reshape(-1)
        boxes = np.asarray(outputs[self.card.boxes], dtype=np.float32)
        if boxes.size != 4 * scores.size or (boxes.size and boxes.shape[-1] != 4):
            raise ModelArtifactError(
                f"{self.card.file}: expected boxes (M, 4) for {scores.size} scores, "
                f"got {boxes.shape}"
            )
        likely = np.flatnonzero(scores >= threshold)  # NaN scores are not
        boxes, scores = boxes.reshape(-1, 4)[likely], scores[likely]
        keep = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
        if self.card.labels:
            labels = outputs[self.card.labels].reshape(-1)[likely]
            keep &= labels == self.card.person_label
        return boxes[keep], scores[keep]

    def _to_frame(self, boxes: FloatArray, width: int, height: int) -> FloatArray:
        if self.card.origin == "centre":
            boxes = boxes + np.float32(0.5)
        if self.card.resize == "stretch":
            input_w, input_h = self.card.input_wh
            scale = np.array([width / input_w, height / input_h] * 2, dtype=np.float32)
            boxes = boxes * scale
        edges = np.array([width, height, width, height], dtype=np.float32)
        boxes = np.minimum(np.maximum(boxes, np.float32(0)), edges)
        return np.asarray(boxes - np.float32(0.5), dtype=np.float32)


def _suppress(boxes: FloatArray, order: IndexArray, iou: float) -> IndexArray:
    """Return the indices, best first, of boxes that overlap no better one by more than `iou`."""
    overlaps = iou_matrix(boxes, boxes)
    kept: list[int] = []
    for index in order:
        if all(overlaps[index, other] <= iou for other in kept):
            kept.append(int(index))
    return np.array(kept, dtype=np.intp)
