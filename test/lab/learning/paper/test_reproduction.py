# SPDX-License-Identifier: Apache-2.0
"""The commands that make all results, as `scripts/reproduce_learning.sh` would run them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from thermal_pose.cli.verbs import VERBS

ROOT = Path(__file__).parents[4]
STAGES = [
    "bodies",
    "cohort",
    "teacher-data",
    "stream",
    "teacher",
    "detector",
    "loso",
    "sweep",
    "variants",
    "temporal",
    "rcnn",
    "own-latent",
    "equal-start",
    "rgb-only",
    "resnet50",
    "tables",
    "ship",
]


def _run(scale, folder, stages) -> subprocess.CompletedProcess[str]:
    """Run stages of the script with a command that does nothing in place of Python."""
    script = ROOT / "scripts" / "reproduce_learning.sh"
    if not script.is_file():
        pytest.skip("not in a checkout")
    own = {"SCALE": scale, "OUT_DIR": str(folder), "PYTHON": "true", "JOBS": "1"}
    return subprocess.run(
        ["bash", str(script), *stages],
        cwd=ROOT,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(params=["full", "cpu", "smoke"])
def commands(request, tmp_path):
    """The words of every command of a scale; nothing is run."""
    for part in ("teacher-data", "paper"):  # another network's answers, which nothing here makes
        (tmp_path / f"keypoints-{part}.json").write_text("[]")
    done = _run(request.param, tmp_path, STAGES)
    assert done.returncode == 0, done.stderr
    return [line.split()[2:] for line in done.stderr.splitlines() if line.startswith("+ ")]


def _value(words: list[str], option: str) -> int:
    return int(words[words.index(option) + 1])


def _last(words: list[str], option: str) -> str:
    """The value that counts where an option is given twice."""
    return words[len(words) - words[::-1].index(option)]


def test_all_verbs_exist_and_no_two_sets_share_bodies_or_seeds(commands) -> None:
    assert {words[0] for words in commands} <= set(VERBS)
    streams = [words for words in commands if words[0] == "simulate-stream"]
    assert len(streams) == 4
    bodies = [
        range(first := _value(words, "--first-body"), first + _value(words, "--body-count"))
        for words in streams
        if "empty" not in words
    ]
    baked = next(_value(words, "--body-count") for words in commands if words[0] == "bake-bodies")
    used = [body for span in bodies for body in span]
    assert len(used) == len(set(used)) and max(used) < baked
    seeds = [_value(words, "--seed") for words in streams]
    assert len(set(seeds)) == 4 and all(seed < 1000 or 5000 <= seed < 6000 for seed in seeds)


def test_variants_are_compared_with_networks_that_the_sweep_trained(commands) -> None:
    sweeps = {
        words[words.index("--sweep") + 1]: words
        for words in commands
        if words[0] == "loso"
        and "--sweep" in words
        and not _last(words, "--teacher").endswith("own-teacher")
    }
    swept = sweeps["0.4"]
    judged = [words for words in commands if words[0] == "loso-variants"]
    assert len(judged) == 3
    for option in ("--work", "--folds"):
        assert len({_last(words, option) for words in (swept, judged[1])}) == 1
    # A checkpoint of other settings would be refused.
    assert "distill.latent_share=0" in swept and "distill.latent_share=0" in judged[1]


def test_a_latent_of_its_own_is_swept_over_all_betas_with_equal_steps(commands) -> None:
    own = [words for words in commands if words[-1] and "pose_own_latent.json" in " ".join(words)]
    loso = [words for words in own if words[0] == "loso"]
    betas = [float(words[-1]) for words in loso if "--sweep" in words]
    assert betas == [each / 10 for each in range(11)]
    assert all("--max-minutes" not in words for words in loso)
    settings = {tuple(word for word in words if "=" in word) for words in loso}
    assert len(settings) == 1
    rows = next(words for words in loso if "--rows" in words)
    assert rows[-1] == "student_mobilenetv3,supervised_same_start"


def test_two_starts_have_the_same_rows_and_budget(commands) -> None:
    plain = [words for words in commands if "plain-teacher" in " ".join(words)]
    assert [words[0] for words in plain] == ["train-teacher", *["loso"] * 4]
    runs: dict[str, list[str]] = {"student": [], "teacher": []}
    for words in plain[1:]:
        setting = [word for word in words if word.startswith("distill.start=")][-1]
        start = setting.removeprefix("distill.start=")
        told = " ".join(word for word in words if not word.startswith("distill.start="))
        runs[start].append(told.replace(f"equal-{start}", "").replace(f"start_{start}", ""))
    assert len(runs["teacher"]) == 2
    # The settings of the sweep name a start first, which the last one replaces.
    assert runs["teacher"] == runs["student"]


def test_earlier_frames_are_judged_against_networks_of_the_same_data(commands) -> None:
    judged = next(words for words in commands if "previous_frame,three_frames" in words)
    base = next(words for words in commands if words[0] == "loso" and words[1] == judged[1])
    assert _last(base, "--work") == _last(judged, "--work")
    assert {word for word in base if "=" in word} == {word for word in judged if "=" in word}


def test_only_evaluation_seeds_are_judged_on(commands) -> None:
    held_out = [
        words
        for words in commands
        if words[0] == "simulate" and re.search("clinic|stress", words[words.index("--preset") + 1])
    ]
    assert held_out and all(_value(words, "--seed") >= 9000 for words in held_out)
    trained = [words for words in commands if words[0] == "train"]
    assert trained and all("--evaluation" in words for words in trained)


@pytest.mark.parametrize(
    ("network", "rows"),
    [
        ("mobilenetv3", "start_alone:all,supervised_same_start:all"),
        ("resnet50", "start_alone_resnet50:all,supervised_same_start_resnet50:0"),
    ],
)
def test_rgb_only_starts_from_pairs_of_other_people_alone(commands, network, rows) -> None:
    aligned = next(words for words in commands if words[0] == "align-labels")
    assert _last(aligned, "--reference").endswith("pictures-teacher-data/pictures.json")
    starts = [words for words in commands if words[0] == "loso-start" and network in words]
    folds = next(words for words in commands if words[0] == "loso" and rows in words)
    for words in starts:
        assert _last(words, "--labels") == f"{_last(aligned, '--out')}/keypoints-teacher-data.json"
    assert _last(folds, "--labels") == f"{_last(aligned, '--out')}/keypoints-paper.json"
    assert f"distill.start={_last(starts[-1], '--out')}/{network}.pt" in folds
    width = "distill.decoder_width=64"
    assert width in folds and all(width in words for words in starts)


def test_resnet50_goes_on_from_its_first_training(commands) -> None:
    first, more = (w for w in commands if w[0] == "loso-start" and "resnet50" in w)
    assert "--start" not in first
    assert _last(more, "--start") == f"{_last(first, '--out')}/resnet50.pt"
    assert _last(more, "--out") != _last(first, "--out")


def test_rgb_only_says_whose_keypoints_are_missing(tmp_path) -> None:
    done = _run("smoke", tmp_path, ["rgb-only"])
    assert done.returncode == 1
    assert "write keypoints-teacher-data.json keypoints-paper.json: COCO json" in done.stderr
    assert "adapt" in done.stderr and "loso" not in done.stderr
