# SPDX-License-Identifier: Apache-2.0
"""Drawn stick figures in thermal frames and RGB: fast stand-ins for recordings in tests."""

import dataclasses

import cv2
import numpy as np

from thermal_pose.inference.card import CropRule
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.rgb_patches import PATCH_MARGIN, PATCH_WH, encode_patch
from thermal_pose.skeleton import LIMBS

#: Channels of the teacher's decoder in tests; half of them are trained, then widened.
TEACHER_WIDTH = 32

_STANDING = np.array(
    [
        [0, -0.92], [0.02, -0.95], [-0.02, -0.95], [0.05, -0.93], [-0.05, -0.93],
        [0.12, -0.8], [-0.12, -0.8], [0.17, -0.62], [-0.17, -0.62], [0.19, -0.46], [-0.19, -0.46],
        [0.08, -0.5], [-0.08, -0.5], [0.09, -0.27], [-0.09, -0.27], [0.1, -0.04], [-0.1, -0.04],
    ]
)  # fmt: skip


def stick_figures(
    n: int = 60, subjects: int = 3, trials: int = 2, seed: int = 0, rgb: bool = True
) -> PoseData:
    """`n` frames of one warm stick figure each, with exact joints."""
    rng = np.random.default_rng(seed)
    frames, xy, boxes, patches, affines = [], [], [], [], []
    for _ in range(n):
        height = rng.uniform(25, 45)
        joints = _STANDING * height + rng.normal(0, 0.02 * height, (17, 2))
        feet = np.array([rng.uniform(20, 60), rng.uniform(height + 4, 58)])
        joints = (joints + feet).astype(np.float32)
        frame = rng.normal(29500, 6, (60, 80)).astype(np.float32)
        frame = _draw(frame, joints, 30300.0)
        box = np.array([*(joints.min(0) - 2), *(joints.max(0) + 2)], np.float32)
        affine = _patch_affine(box)
        picture = _draw_rgb(joints @ affine[:, :2].T + affine[:, 2], rng)
        frames.append(frame.astype(np.uint16))
        xy.append(joints)
        boxes.append(box)
        affines.append(affine)
        patches.append(encode_patch(picture))
    subject = np.arange(n) % subjects
    trial = (np.arange(n) // subjects) % trials + trials * subject
    return PoseData(
        frames=np.stack(frames),
        frame_rows=np.full(n, 60, np.int16),
        frame_of=np.arange(n, dtype=np.int32),
        boxes=np.stack(boxes),
        xy=np.stack(xy),
        visibility=np.full((n, 17), 2, np.uint8),
        area_px=np.array([(b[2] - b[0]) * (b[3] - b[1]) * 0.5 for b in boxes], np.float32),
        person=np.ones(n, bool),
        subject=subject.astype(np.int32),
        trial=trial.astype(np.int32),
        stamp_ns=np.arange(n, dtype=np.int64) * 125_000_000,
        phase=rng.integers(1, 8, n).astype(np.uint8),
        distance_m=rng.uniform(3, 7, n).astype(np.float32),
        heading_deg=rng.uniform(-180, 180, n).astype(np.float32),
        asynchronous=np.zeros(n, bool),
        patch_affine=np.stack(affines),
        patches=tuple(patches) if rgb else (),
        subjects=tuple(f"s{i}" for i in range(subjects)),
        trials=tuple(f"s{i // trials}_t{i % trials}" for i in range(subjects * trials)),
    )


def _patch_affine(box: np.ndarray) -> np.ndarray:
    x, y, width, height = CropRule().region(box)
    scale = np.array(PATCH_WH) / (np.array([width, height]) * PATCH_MARGIN)
    corner = np.array([x, y]) - np.array([width, height]) * PATCH_MARGIN / 2
    affine = np.zeros((2, 3), np.float32)
    affine[0, 0], affine[1, 1] = scale
    affine[:, 2] = -corner * scale - 0.5
    return affine


def _draw(frame: np.ndarray, joints: np.ndarray, value: float) -> np.ndarray:
    for a, b in LIMBS:
        ends = [tuple(int(v * 16) for v in joints[j]) for j in (a, b)]
        cv2.line(frame, *ends, value, 2, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(frame, (3, 3), 0.6)


def _draw_rgb(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picture = rng.integers(90, 110, (PATCH_WH[1], PATCH_WH[0], 3)).astype(np.uint8)
    colour = tuple(int(c) for c in rng.integers(150, 255, 3))
    for a, b in LIMBS:
        ends = [tuple(int(v) for v in joints[j]) for j in (a, b)]
        cv2.line(picture, *ends, colour, 9, cv2.LINE_AA)
    return picture


def people_and_empty(n: int, empty_every: int, seed: int) -> PoseData:
    """Stick figures all in sight, of which every so many a frame counts as showing nobody."""
    made = stick_figures(n, subjects=2, trials=1, seed=seed)
    person = np.arange(n) % empty_every > 0
    seen = np.where(person[:, None], 2, 0).astype(np.uint8) * np.ones((1, 17), np.uint8)
    return dataclasses.replace(made, person=person, visibility=seen)
