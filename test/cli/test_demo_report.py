# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import pytest
from support import fabricated_results as fabricated

from thermal_pose.cli.demo import _newest_up, summary_line
from thermal_pose.errors import GraphError
from thermal_pose.report.write import write_trial_report


def test_the_newest_trial_is_copied_up_and_the_others_stay(tmp_path: Path) -> None:
    older, newest = fabricated.result(), replace(fabricated.result(), trial_id="t2")
    kept = [write_trial_report(result, [], [], tmp_path) for result in (older, newest)]
    page = _newest_up(tmp_path, newest.to_json_dict())
    assert page == tmp_path / "report.html"
    assert page.read_bytes() == kept[1].html.read_bytes()
    assert all(paths.html.exists() for paths in kept)
    # A second run of the demo finds the copy of the first in its way.
    assert _newest_up(tmp_path, older.to_json_dict()).read_bytes() == kept[0].html.read_bytes()


def test_a_report_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="not below"):
        _newest_up(tmp_path, fabricated.result().to_json_dict())


def test_the_summary_gives_no_duration_that_is_withheld() -> None:
    sds = (0.05, 0.04, 0.06, 1.9, 0.06, 0.05, 0.04)
    line = summary_line(fabricated.result(boundary_sds_s=sds).to_json_dict())
    assert "walk_out 2.65, turn withheld, walk_back withheld, turn_to_sit 1.61" in line
