# SPDX-License-Identifier: Apache-2.0
"""CHANGELOG.rst as bloom reads it."""

import importlib.util
from pathlib import Path

import pytest
from catkin_pkg.changelog import get_changelog_from_path
from catkin_pkg.package import parse_package

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("rst", ROOT / "scripts" / "changelog_rst.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_rst_is_that_of_the_markdown(script):
    expected = script.to_rst((ROOT / "CHANGELOG.md").read_text())
    stale = (ROOT / "CHANGELOG.rst").read_text() != expected
    assert not stale, "run `python3 scripts/changelog_rst.py`"


def test_bloom_finds_every_version_with_its_changes():
    changelog = get_changelog_from_path(str(ROOT), package_name="thermal_pose")
    assert changelog is not None
    versions = list(changelog.foreach_version())
    assert all(content for _, _, content in versions)
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    dated = [line for line in lines if line.startswith("## [") and "] - " in line]
    assert len(versions) == len(dated)  # catkin_prepare_release dates 'Forthcoming'
    assert "\nForthcoming\n---" in (ROOT / "CHANGELOG.rst").read_text() or dated


def test_versions_with_a_date_are_released_and_groups_stay_visible(script, tmp_path):
    text = script.to_rst(
        "# Changelog\n\nIntro.\n\n## [0.2.0]\n\n### Added\n\n- [A page](docs/a.md) on `x`,\n"
        "  in two lines.\n\n## [0.1.0] - 2026-01-31\n\n### Fixed\n\n- **Bold** fix.\n"
    )
    (tmp_path / "CHANGELOG.rst").write_text(text)
    changelog = get_changelog_from_path(str(tmp_path), package_name="thermal_pose")
    found = {version: date and date.date().isoformat() for version, date, _ in
             changelog.foreach_version()}  # fmt: skip
    assert found["0.1.0"] == "2026-01-31"
    assert "* Added: A page on ``x``,\n  in two lines." in text
    assert "* Fixed: **Bold** fix." in text


def test_the_package_names_version_urls_and_rosdep_keys():
    package = parse_package(str(ROOT / "package.xml"))
    from thermal_pose import __version__

    assert package.version == __version__
    assert {url.type for url in package.urls} == {"website", "repository", "bugtracker"}
    keys = {dependency.name for dependency in package.exec_depends}
    assert {"python3-onnxruntime-pip", "python3-rosbags-pip", "rviz2", "launch_ros"} <= keys
