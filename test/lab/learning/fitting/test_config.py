# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import pytest

from thermal_pose.errors import ConfigError
from thermal_pose.lab.learning.fitting.config import (
    FitConfig,
    TeacherConfig,
    TrainingConfig,
    load_config,
)

CONFIG = Path(__file__).parents[4] / "config"


def test_the_file_repeats_the_defaults() -> None:
    assert load_config(CONFIG / "training.yaml") == TrainingConfig()


def test_the_shipped_file_loads_and_overrides_win() -> None:
    config = load_config(CONFIG / "training-shipped.yaml", ["fit.epochs=3", "distill.beta=1"])
    assert config.normalization.kind == "crop_percentile"
    assert (config.fit.epochs, config.distill.beta) == (3, 1.0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fit.epoch=3", "unknown key 'epoch'"),
        ("fit.epochs=many", "fit.epochs: expected int"),
        ("fit.bf16=1", "fit.bf16: expected bool"),
        ("fit.lr=-1", "lr: expected > 0"),
        ("distill.beta=1.5", "beta: expected 0..1"),
        ("augment.blur=0.9", "blur"),
        ("teacher.encoder=cnn", "encoder"),
        ("normalization.kind=none", "kind"),
        ("fit=3", "expected a mapping"),
        ("fit.lr", "expected KEY=VALUE"),
    ],
)
def test_mistakes_are_named(override, message) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(None, [override])


def test_an_unreadable_file_is_one_error(tmp_path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_keys_of_a_nested_part_not_given_keep_that_parts_defaults() -> None:
    given = load_config(None, ["teacher.fit.epochs=3"]).teacher.fit
    assert given == dataclasses.replace(TeacherConfig().fit, epochs=3)
    assert given.lr != FitConfig().lr
