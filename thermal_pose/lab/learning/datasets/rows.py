# SPDX-License-Identifier: Apache-2.0
"""The rows of one recording's shard, added frame by frame: box, crop, patch and truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.imaging.registration import Registration, depth_of_person
from thermal_pose.inference.card import CropRule
from thermal_pose.lab.learning.datasets.options import BuildOptions, Quality
from thermal_pose.lab.learning.datasets.registration import (
    BOX_HEIGHT_M,
    boxes_from_rgb,
    cut_patch,
    depth_of,
)
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.rgb_patches import encode_patch
from thermal_pose.lab.metrics.view import heading_deg
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.tracking.boxes import iou_matrix
from thermal_pose.types import (
    FloatArray,
    RgbFrame,
    ThermalFrame,
    TrueFrame,
    TruePerson,
    UInt16Array,
)

#: Finds people: (N, 4) boxes xyxy in px of the picture given, thermal or RGB.
Detect = Callable[[Any], Sequence[tuple[float, float, float, float]] | npt.NDArray[Any]]

_TINY_BOX_PX: Final = 8.0
_MATCH_IOU: Final = 0.3
#: Area of a silhouette as a share of its box, for rows without truth: 0.49 on 1,587 simulated
#: people.
_SILHOUETTE_SHARE: Final = 0.5


@dataclass
class ShardRows:
    """Rows under construction.

    Attributes
    ----------
    options : which boxes and people are taken.
    quality : counts what is left out.
    detect : finds boxes, for `options.boxes` other than 'truth'.
    camera : pose of the thermal camera in the room, from the truth; None if unknown.
    registration : both cameras; None for rows without RGB patches.
    """

    options: BuildOptions
    quality: Quality
    detect: Detect | None
    camera: CameraPose | None
    registration: Registration | None
    frames: list[UInt16Array] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    patches: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.columns.get("frame_of", []))

    def add_frame(self, frame: ThermalFrame, rgb: RgbFrame | None, truth: TrueFrame | None) -> None:
        """Add a row for each usable person in a frame."""
        people = self._people(frame, rgb, truth)
        self.quality.without_person += not people
        before = len(self)
        for box, person in people:
            self._add_person(frame, rgb, box, person)
        if len(self) > before:
            self.frames.append(frame.centikelvin)

    def _people(
        self, frame: ThermalFrame, rgb: RgbFrame | None, truth: TrueFrame | None
    ) -> list[tuple[FloatArray, TruePerson | None]]:
        """Return the boxes to cut, each with the true person in it (None without truth)."""
        known = [
            (np.array(person.box_xyxy, np.float32), person)
            for person in (truth.persons if truth else ())
            if person.box_xyxy is not None and person.role in self.options.roles
        ]
        if self.options.boxes == "truth":
            return list(known)
        boxes = self._detected(frame, rgb)
        if truth is None:
            return [(box, None) for box in boxes]
        people: list[tuple[FloatArray, TruePerson | None]] = []
        for true_box, person in known:
            overlaps = iou_matrix(true_box, boxes)[0] if boxes else np.zeros(0)
            if overlaps.size and overlaps.max() >= _MATCH_IOU:
                people.append((boxes[int(np.argmax(overlaps))], person))
        return people

    def _detected(self, frame: ThermalFrame, rgb: RgbFrame | None) -> list[FloatArray]:
        if self.detect is None:
            raise ValueError(f"detect: expected a detector for boxes={self.options.boxes!r}")
        if self.options.boxes == "detector":
            return [np.array(box, np.float32) for box in self.detect(frame)]
        if rgb is None or self.registration is None:
            return []
        shape = frame.centikelvin.shape
        return list(boxes_from_rgb(self.registration, self.detect(rgb), shape))

    def _add_person(
        self,
        frame: ThermalFrame,
        rgb: RgbFrame | None,
        box: FloatArray,
        person: TruePerson | None,
    ) -> None:
        if box[3] - box[1] < _TINY_BOX_PX:
            self.quality.tiny_boxes += 1
            return
        depth_m = self._depth_m(box, person)
        affine: FloatArray = np.zeros((2, 3), np.float32)
        if rgb is not None and self.registration is not None:
            region = CropRule().region(box)
            try:
                patch, affine = cut_patch(self.registration, rgb.bgr[..., ::-1], region, depth_m)
            except ValueError:
                self.quality.outside_rgb += 1
                return
            self.patches.append(encode_patch(patch))
        self._add(
            frame_of=len(self.frames),
            stamp_ns=frame.stamp_ns,
            boxes=box,
            patch_affine=affine,
            distance_m=depth_m,
            **self._truth(box, person),
        )

    def _add(self, **values: Any) -> None:
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)

    def _truth(self, box: FloatArray, person: TruePerson | None) -> dict[str, Any]:
        """Return the columns that only a simulated person fills."""
        if person is None:
            box_area = float((box[2] - box[0]) * (box[3] - box[1]))
            return {
                "xy": np.zeros((N_JOINTS, 2), np.float32),
                "visibility": np.zeros(N_JOINTS, np.uint8),
                "area_px": _SILHOUETTE_SHARE * box_area,
                "heading_deg": float("nan"),
            }
        camera = self.camera
        return {
            "xy": person.xy,
            "visibility": person.visibility,
            "area_px": person.area_px,
            "heading_deg": heading_deg(camera, person.joints_m) if camera else float("nan"),
        }

    def _depth_m(self, box: FloatArray, person: TruePerson | None) -> float:
        if person is not None and self.camera is not None:
            return depth_of(self.camera, person.joints_m)
        if self.registration is None:
            return float("nan")
        height_px = max(float(box[3] - box[1]), 1.0)
        return depth_of_person(height_px, BOX_HEIGHT_M, self.registration.thermal.fy_px)

    def finish(
        self, subject: str, trial: str, asynchronous: set[int], phase: Callable[[int], int]
    ) -> PoseData:
        """Return the rows as a data set.

        Parameters
        ----------
        asynchronous : stamps of asynchronous pairs.
        phase : the phase at a stamp.
        """
        n, column = len(self), self.columns
        stamps_ns: list[int] = column["stamp_ns"]
        return PoseData(
            frames=np.stack(self.frames),
            frame_rows=np.full(len(self.frames), len(self.frames[0]), np.int16),
            frame_of=np.array(column["frame_of"], np.int32),
            boxes=np.array(column["boxes"], np.float32),
            xy=np.array(column["xy"], np.float32),
            visibility=np.array(column["visibility"], np.uint8),
            area_px=np.array(column["area_px"], np.float32),
            person=np.ones(n, np.bool_),
            subject=np.zeros(n, np.int32),
            trial=np.zeros(n, np.int32),
            stamp_ns=np.array(stamps_ns, np.int64),
            phase=np.array([phase(stamp_ns) for stamp_ns in stamps_ns], np.uint8),
            distance_m=np.array(column["distance_m"], np.float32),
            heading_deg=np.array(column["heading_deg"], np.float32),
            asynchronous=np.array([stamp in asynchronous for stamp in stamps_ns], np.bool_),
            patch_affine=np.array(column["patch_affine"], np.float32),
            patches=tuple(self.patches),
            subjects=(subject,),
            trials=(f"{subject}/{trial}",),
        )
