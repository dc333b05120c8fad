# SPDX-License-Identifier: Apache-2.0
"""The examples in docstrings run."""

import doctest
import importlib
from pathlib import Path

import pytest

import thermal_pose

ROOT = Path(thermal_pose.__file__).parents[1]


def modules_with_examples() -> list[str]:
    paths = sorted((ROOT / "thermal_pose").rglob("*.py"))
    found = [path.relative_to(ROOT) for path in paths if ">>> " in path.read_text()]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in found]


def test_there_are_examples() -> None:
    assert "thermal_pose.api.estimation" in modules_with_examples()


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_of_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0 and result.failed == 0
