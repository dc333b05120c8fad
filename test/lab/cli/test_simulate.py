# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from thermal_pose.cli.main import main
from thermal_pose.errors import ConfigError, SimulationError

pytestmark = pytest.mark.simulation


def test_a_cohort_is_summed_up_as_json_alone(tmp_path, capsys):
    options = ["--subjects", "1", "--trials", "1", "--frame-rate", "2", "--no-rgb", "--jobs", "1"]
    out = tmp_path / "cohort"
    assert main(["simulate", "--preset", "paper", *options, "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["trials"] == summary["valid"] == 1
    assert summary["frames"] > 20


def test_unknown_presets_are_refused_in_one_line(tmp_path, capsys):
    code = main(["simulate", "--preset", "ward", "--out", str(tmp_path / "x")])
    assert code == SimulationError.exit_code
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert "paper" in error
    assert not (tmp_path / "x").exists()


def test_a_negative_number_of_processes_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--preset", "paper", "--jobs", "-1", "--out", str(tmp_path / "x")])
    assert ended.value.code == 2
    assert "--jobs" in capsys.readouterr().err


def test_a_cohort_needs_a_folder(capsys):
    assert main(["simulate", "--preset", "paper"]) == ConfigError.exit_code


@pytest.mark.body_model
def test_bodies_can_be_baked_ahead(tmp_path, capsys):
    options = ["--subjects", "1", "--trials", "1", "--bake-only", "--json"]
    folder = tmp_path / "bodies"
    assert main(["simulate", "--preset", "paper", *options, "--bodies", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["bodies"] == 1
    assert len(list(folder.glob("body-*.npz"))) == 1


def test_without_the_extra_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    import sys

    for name in list(sys.modules):
        if name.startswith("thermal_pose.lab.simulation"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert main(["simulate", "--preset", "paper", "--out", str(tmp_path / "x")]) == 3
    error = capsys.readouterr().err
    assert "numba" in error
    assert "[sim]" in error
