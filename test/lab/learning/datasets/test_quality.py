# SPDX-License-Identifier: Apache-2.0
"""The page that says what a data set is worth, on drawn figures."""

import json

import pytest
import torch
from support.synthetic import stick_figures

from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.datasets.build import BuildResult, write_summary
from thermal_pose.lab.learning.datasets.files import save_quality
from thermal_pose.lab.learning.datasets.options import BuildOptions, Quality
from thermal_pose.lab.learning.datasets.quality import judge_data
from thermal_pose.lab.learning.datasets.recordings import Recording
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, save_teacher
from thermal_pose.lab.learning.pose_data import save_shard


@pytest.fixture
def built(tmp_path):
    """Three shards, of the last of which no counts were kept, and one torn recording."""
    for index in range(3):
        figures = stick_figures(8, subjects=1, trials=1, seed=index)
        save_shard(figures, tmp_path / f"{index}.npz")
    first = Quality(rows=8, tiny_boxes=3, without_rgb=2, asynchronous=1, synchrony="truth")
    second = Quality(rows=8, tiny_boxes=4, asynchronous=2, synchrony="pictures", undecidable=5)
    save_quality(first, tmp_path / "0.npz")
    save_quality(second, tmp_path / "1.npz")
    torn = Recording(tmp_path / "bad_1", "bad", "1")
    return tmp_path, [BuildResult(torn, error="bad_1: truncated <here>")]


def test_the_page_says_what_was_dropped_and_shows_people(built) -> None:
    folder, results = built
    summary = write_summary(folder, results, BuildOptions())
    assert summary["built_now"] == 0  # the counts are of earlier calls
    page = (folder / "quality.html").read_text(encoding="utf-8")
    assert "people less than 8 px tall</th><td>7" in page
    assert "without an RGB picture of the same moment</th><td>2" in page
    assert "never learnt from</th><td>3" in page and "kept</th><td>5" in page
    assert "`thermal-pose sync` finds them</th><td>1" in page  # in the shard without counts
    assert "truncated &lt;here&gt;" in page and "Recordings not used" in page
    assert page.count("<img") == 24 and "teacher" not in page.split("Some people")[0]
    assert "http://" not in page and "https://" not in page  # nothing is fetched to show it
    assert "Some recordings could not be used (1)." in page and "Next step." in page


GOOD = {
    "rows": 5000, "subjects": ["a", "b", "c"], "errors": {}, "dropped": {"tiny_boxes": 10},
    "asynchronous_kept_but_marked": 20, "options": {"with_rgb": True}, "without_extrinsics": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, ""),
        ({"rows": 0}, "no people"),
        ({"errors": {"x": "torn"}}, "could not be used (1)"),
        ({"rows": 200}, "little to learn from"),
        ({"subjects": ["a"]}, "little to learn from"),
        ({"dropped": {"refused": 6000}}, "More was dropped than kept"),
        ({"asynchronous_kept_but_marked": 900}, "900 of 5000 pairs"),
        ({"without_extrinsics": 2}, "not calibrated"),
        ({"teacher": {"share_of_people_unsure": 0.5}}, "unsure"),
    ],
)
def test_the_worst_problem_is_the_verdict(change: dict, verdict: str) -> None:
    finding = judge_data(GOOD | change)
    assert finding.good == (not verdict) and verdict in finding.verdict and finding.next_step


def test_a_damaged_count_is_none(built) -> None:
    folder, results = built
    (folder / "0.quality.json").write_text("{")
    summary = write_summary(folder, results, BuildOptions())
    assert summary["without_counts"] == 2 and summary["dropped"]["tiny_boxes"] == 4


def test_the_teachers_confidence_is_on_it(built) -> None:
    folder, results = built
    torch.manual_seed(0)
    network = build_network("mobilenetv3", ClassicDecoder(width=8))
    info = TeacherInfo("tiny", "mobilenetv3", decoder_width=8)
    save_teacher(network, info, folder / "teacher")
    write_summary(folder, results, BuildOptions(), str(folder / "teacher"))
    teacher = json.loads((folder / "dataset.json").read_text())["teacher"]
    assert teacher["rows"] == 24 and teacher["share_of_people_unsure"] == 1.0
    assert "mean heatmap peak of 24 people" in (folder / "quality.html").read_text()


def test_a_teacher_that_is_none_is_named(built) -> None:
    folder, results = built
    with pytest.raises(ModelArtifactError, match="nothing"):
        write_summary(folder, results, BuildOptions(), str(folder / "nothing"))
    assert (folder / "quality.html").is_file()  # what is known without it
