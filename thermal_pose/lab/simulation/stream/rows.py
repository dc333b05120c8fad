# SPDX-License-Identifier: Apache-2.0
"""Rows of training shards from rendered frames, one per person and frame."""

from typing import Any, Final

import cv2
import numpy as np

from thermal_pose.imaging.camera_model import CameraModel
from thermal_pose.lab.metrics.view import heading_deg
from thermal_pose.lab.simulation.sensors.renderer import RenderedFrame
from thermal_pose.lab.simulation.stream.clips import Clip, ClipKind
from thermal_pose.skeleton import N_JOINTS, Joint
from thermal_pose.types import FloatArray, TruePerson, UInt8Array, UInt16Array

#: Rows of the tallest frame; shorter frames are padded with zeros below.
MAX_ROWS: Final = 62
WIDTH: Final = 80
#: People with a smaller visible area get no row.
_MIN_AREA_PX: Final = 4.0
#: Layout of RGB patches, as in `lab.learning.pose_data`: 1.25 times the crop of a 3:4 box.
_PATCH_WH: Final = (240, 320)
_PATCH_GROWTH: Final = 1.25 * 1.25


class StreamRows:
    """A shard under construction."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._frames: list[UInt16Array] = []
        self._heights: list[int] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self._patches: list[bytes] = []
        self._subjects: dict[str, int] = {}

    def add(self, clip: Clip, frame: RenderedFrame, unit: int) -> None:
        """Append one frame with a row for each person; empty rooms get one row without a person."""
        image = frame.thermal.centikelvin
        padded = np.zeros((MAX_ROWS, WIDTH), np.uint16)
        padded[: len(image)] = image
        camera = clip.scene.thermal_camera
        subject = self._subject(clip, unit)
        for person in frame.truth.persons:
            if person.box_xyxy is not None and person.area_px >= _MIN_AREA_PX:
                self._add_person(clip, frame, person, camera, subject)
        if clip.kind is ClipKind.EMPTY:
            self._add_nobody(frame, camera, subject)
        self._frames.append(padded)
        self._heights.append(len(image))

    def arrays(self) -> dict[str, Any]:
        """All columns as arrays."""
        arrays: dict[str, Any] = {
            name: np.array(self._columns[name], dtype).reshape(-1, *shape)
            for name, (dtype, shape) in _COLUMNS.items()
        }
        names = np.array(list(self._subjects) or [""])
        arrays["frames"] = np.stack(self._frames)
        arrays["frame_rows"] = np.array(self._heights, np.int16)
        arrays["subjects"], arrays["trials"] = names, names
        arrays["patch_bytes"] = np.frombuffer(b"".join(self._patches), np.uint8)
        arrays["patch_lengths"] = np.array([len(p) for p in self._patches], np.int64)
        return arrays

    def _subject(self, clip: Clip, unit: int) -> int:
        name = f"stream-{self._seed}/{unit:06d}-{clip.kind}"
        return self._subjects.setdefault(name, len(self._subjects))

    def _append(self, **values: Any) -> None:
        for name, value in values.items():
            self._columns[name].append(value)

    def _add_person(
        self,
        clip: Clip,
        frame: RenderedFrame,
        person: TruePerson,
        camera: CameraModel,
        subject: int,
    ) -> None:
        affine: FloatArray = np.zeros((2, 3), np.float32)
        if frame.rgb is not None:
            patch, affine = rgb_patch(frame.rgb.bgr, person, clip.scene.rgb_camera)
            self._patches.append(patch)
        joints_m = np.asarray(person.joints_m, np.float64)
        self._append(
            boxes=person.box_xyxy,
            xy=person.xy,
            visibility=person.visibility,
            area_px=person.area_px,
            person=True,
            distance_m=camera.pose.to_camera(joints_m[[Joint.LEFT_HIP, Joint.RIGHT_HIP]])[
                :, 2
            ].mean(),
            heading_deg=heading_deg(camera.pose, joints_m),
            patch_affine=affine,
            **self._common(frame, subject),
        )

    def _add_nobody(self, frame: RenderedFrame, camera: CameraModel, subject: int) -> None:
        """Append a box around something warm, or anywhere, like that of a wrong detection."""
        image = frame.thermal.centikelvin
        rng = np.random.default_rng((self._seed, len(self._frames), 78))
        row, column = np.unravel_index(int(image.argmax()), image.shape)
        if rng.random() < 0.4:
            row, column = rng.integers(len(image)), rng.integers(WIDTH)
        tall = rng.uniform(8.0, 50.0)
        wide = tall * rng.uniform(0.25, 0.9)
        x, y = float(column) + rng.normal(0.0, 3.0), float(row) + rng.normal(0.0, 5.0)
        if len(self._patches) or frame.rgb is not None:
            blank = np.full((_PATCH_WH[1], _PATCH_WH[0], 3), 114, np.uint8)
            self._patches.append(cv2.imencode(".jpg", blank)[1].tobytes())
        self._append(
            boxes=(x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2),
            xy=np.zeros((N_JOINTS, 2), np.float32),
            visibility=np.zeros(N_JOINTS, np.uint8),
            area_px=0.0,
            person=False,
            distance_m=np.nan,
            heading_deg=np.nan,
            patch_affine=np.zeros((2, 3), np.float32),
            **self._common(frame, subject),
        )

    def _common(self, frame: RenderedFrame, subject: int) -> dict[str, Any]:
        return {
            "frame_of": len(self._frames),
            "subject": subject,
            "trial": subject,
            "stamp_ns": frame.thermal.stamp_ns,
            "phase": 0,
            "asynchronous": False,
        }


_COLUMNS: Final[dict[str, tuple[Any, tuple[int, ...]]]] = {
    "frame_of": (np.int32, ()),
    "boxes": (np.float32, (4,)),
    "xy": (np.float32, (N_JOINTS, 2)),
    "visibility": (np.uint8, (N_JOINTS,)),
    "area_px": (np.float32, ()),
    "person": (np.bool_, ()),
    "subject": (np.int32, ()),
    "trial": (np.int32, ()),
    "stamp_ns": (np.int64, ()),
    "phase": (np.uint8, ()),
    "distance_m": (np.float32, ()),
    "heading_deg": (np.float32, ()),
    "asynchronous": (np.bool_, ()),
    "patch_affine": (np.float32, (2, 3)),
}


def rgb_patch(bgr: UInt8Array, person: TruePerson, camera: CameraModel) -> tuple[bytes, FloatArray]:
    """Cut a patch of a person out of the RGB image.

    Thermal pixels are mapped to RGB pixels by the affine transform that best fits the person's
    joints in both images, so the parallax is right at the person's depth.

    Returns
    -------
    patch : JPEG of 240 x 320 px.
    affine : (2, 3) from thermal pixels to patch pixels.
    """
    assert person.box_xyxy is not None
    seen = np.asarray(camera.project(person.joints_m)[0])
    usable = np.isfinite(seen).all(axis=1) & (np.abs(person.xy) < 1e3).all(axis=1)
    source = np.concatenate([person.xy[usable], np.ones((usable.sum(), 1))], axis=1)
    to_rgb = np.linalg.lstsq(source.astype(np.float64), seen[usable], rcond=None)[0].T
    left, top, right, bottom = person.box_xyxy
    tall = max(bottom - top, (right - left) * 4.0 / 3.0) * _PATCH_GROWTH
    scale = _PATCH_WH[1] / tall
    affine = np.array(
        [
            [scale, 0.0, -(0.5 * (left + right) - 0.375 * tall) * scale - 0.5],
            [0.0, scale, -(0.5 * (top + bottom) - 0.5 * tall) * scale - 0.5],
        ]
    )
    undone = cv2.invertAffineTransform(affine)
    patch_to_rgb = to_rgb @ np.vstack([undone, (0.0, 0.0, 1.0)])
    patch = cv2.warpAffine(
        bgr,
        patch_to_rgb,
        _PATCH_WH,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    coded = cv2.imencode(".jpg", patch, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return coded.tobytes(), affine.astype(np.float32)
