# SPDX-License-Identifier: Apache-2.0
"""Keypoint R-CNN on whole thermal frames (extra `torchvision`, imported on use).

The seed paper's table calls it Mask R-CNN with ResNeXt-101; its size, 122.2 M, is that of
torchvision's *Keypoint* R-CNN around ResNeXt-101 32x8d.
"""

from typing import Any, Final

import torch
from torch import nn

from thermal_pose.errors import MissingExtraError
from thermal_pose.skeleton import N_JOINTS

Target = dict[str, torch.Tensor]


class KeypointRcnn(nn.Module):
    """torchvision's network, with losses that are also available in evaluation mode.

    Parameters
    ----------
    rcnn : a `torchvision.models.detection.KeypointRCNN`.

    Notes
    -----
    Pictures are (3, H, W) in 0..1. Boxes and joints count from pixel corners, as torchvision's
    do: a pixel's centre is at .5.
    """

    def __init__(self, rcnn: Any) -> None:
        super().__init__()
        self.rcnn = rcnn
        # Its keypoint loss calls `view`, which fails on the channels-last logits of our learners.
        rcnn.roi_heads.keypoint_predictor.register_forward_hook(_contiguous)

    def forward(self, pictures: Any) -> list[Target]:
        """Return each picture's people: boxes, scores, keypoints, keypoints_scores."""
        return list(self.rcnn(pictures))

    def losses(self, pictures: list[torch.Tensor], targets: list[Target]) -> torch.Tensor:
        """Return the sum of all five losses; norms stay as `train` or `eval` has set them."""
        parts = (self.rcnn, self.rcnn.transform, self.rcnn.rpn, self.rcnn.roi_heads)
        before = [part.training for part in parts]
        for part in parts:
            part.training = True
        try:
            found = self.rcnn(pictures, targets)
        finally:
            for part, was in zip(parts, before, strict=True):
                part.training = was
        return torch.stack(list(found.values())).sum()

    @torch.no_grad()
    def joints_in(
        self, pictures: list[torch.Tensor], boxes: list[torch.Tensor]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return joints (M, 17, 2) and scores (M, 17) in given boxes (M, 4) of each picture."""
        from torchvision.models.detection.roi_heads import keypointrcnn_inference
        from torchvision.models.detection.transform import resize_boxes, resize_keypoints

        sizes = [(int(p.shape[-2]), int(p.shape[-1])) for p in pictures]
        images, _ = self.rcnn.transform(pictures)
        scaled = [
            resize_boxes(box, size, new)
            for box, size, new in zip(boxes, sizes, images.image_sizes, strict=True)
        ]
        heads = self.rcnn.roi_heads
        features = self.rcnn.backbone(images.tensors)
        pooled = heads.keypoint_roi_pool(features, scaled, images.image_sizes)
        logits = heads.keypoint_predictor(heads.keypoint_head(pooled))
        joints, scores = keypointrcnn_inference(logits, scaled)
        back = [
            resize_keypoints(joint, new, size)[..., :2]
            for joint, size, new in zip(joints, sizes, images.image_sizes, strict=True)
        ]
        return back, [torch.sigmoid(score) for score in scores]


#: Of torchvision's 100 and 512: each costs 3.7 G multiply-adds in the keypoint head, and a frame
#: of 80 x 60 holds few people.
_MOST_PEOPLE: Final = 10
_PROPOSALS_LEARNT: Final = 64


def _contiguous(_: nn.Module, __: object, logits: torch.Tensor) -> torch.Tensor:
    return logits.contiguous()


def build_keypoint_rcnn(backbone: str = "resnext101_32x8d", min_size_px: int = 240) -> KeypointRcnn:
    """Build an untrained network; norms learn, for it starts from random weights.

    Raises
    ------
    MissingExtraError
        torchvision is not installed, or does not load beside this torch.
    """
    try:
        from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
        from torchvision.models.detection.keypoint_rcnn import KeypointRCNN
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError("Keypoint R-CNN", "torchvision", "torchvision", error) from error
    features = resnet_fpn_backbone(
        backbone_name=backbone, weights=None, norm_layer=nn.BatchNorm2d, trainable_layers=5
    )
    return KeypointRcnn(
        KeypointRCNN(
            features,
            num_classes=2,
            num_keypoints=N_JOINTS,
            min_size=min_size_px,
            max_size=2 * min_size_px,
            box_detections_per_img=_MOST_PEOPLE,
            box_batch_size_per_image=_PROPOSALS_LEARNT,
        )
    )
