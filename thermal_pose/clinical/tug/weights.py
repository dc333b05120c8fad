# SPDX-License-Identifier: Apache-2.0
"""Reads the weights of the small networks that run on numpy."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.errors import ModelArtifactError
from thermal_pose.types import Float64Array


def read_weights(
    path: Path, kind: str, **expected: int
) -> tuple[dict[str, Float64Array], dict[str, Any]]:
    """Return the arrays by name and the metadata of an `.npz` file.

    Kernels of convolutions (`*conv.weight`, (out, in, taps) in torch) are returned contiguous as
    (taps, in, out), which makes a product with one tap fast.

    Parameters
    ----------
    kind : of network, for messages.
    expected : metadata that the code at hand was made for, such as the number of features.

    Raises
    ------
    ModelArtifactError
        If the file is missing, not of this kind, or made for other features.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {k: archive[k].astype(np.float64) for k in archive.files if k != "meta"}
            meta = json.loads(str(archive["meta"]))
        found = {name: meta[name] for name in expected}
    except FileNotFoundError as error:
        raise ModelArtifactError(f"{path}: no {kind} there") from error
    except (OSError, ValueError, KeyError) as error:
        raise ModelArtifactError(f"{path}: not a {kind}: {error}") from error
    for name, value in expected.items():
        if found[name] != value:
            raise ModelArtifactError(f"{path}: {name}: expected {value}, got {found[name]}")
    for key, values in arrays.items():
        if key.endswith("conv.weight"):
            arrays[key] = np.ascontiguousarray(values.transpose(2, 1, 0))
    return arrays, meta


def read_members(
    path: Path, kind: str, **expected: int
) -> tuple[tuple[dict[str, Float64Array], ...], dict[str, Any]]:
    """Return the arrays of each of the networks that are averaged, and the metadata.

    The names of arrays begin with their network's number. Parameters are those of `read_weights`.

    Raises
    ------
    ModelArtifactError
        If the file is missing, not of this kind, made for other features, or holds no network.
    """
    arrays, meta = read_weights(path, kind, **expected)
    members = tuple(
        {k.split("/", 1)[1]: v for k, v in arrays.items() if k.startswith(f"{member}/")}
        for member in range(int(meta.get("members", 0)))
    )
    if not members or not all(members):
        raise ModelArtifactError(f"{path}: expected one {kind} or more, found none or a part")
    return members, meta
