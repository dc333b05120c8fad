# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from support.prepare import BODIES

from thermal_pose.bags.reader import BagReader
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.people.presets import PRESETS
from thermal_pose.lab.simulation.recordings.coco import write_coco
from thermal_pose.lab.simulation.recordings.cohort import (
    CohortSpec,
    bake_cohort,
    make_cohort,
    read_entries,
    stage_trial,
)
from thermal_pose.lab.simulation.sensors.renderer import RGB_FRAME_ID, THERMAL_FRAME_ID
from thermal_pose.types import Phase, TrialReason

pytestmark = pytest.mark.simulation

SPEC = CohortSpec("paper", 7, 2, 1, rate_hz=2.0, with_rgb=False)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort") / "paper"
    summary = make_cohort(SPEC, folder, jobs=1, quiet=True)
    return folder, summary


def test_a_cohort_has_a_recording_a_trial_a_manifest_and_annotations(cohort):
    folder, summary = cohort
    assert (summary.trials, summary.valid, summary.resumed) == (2, 2, 0)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["spec"]["seed"] == 7
    assert [trial["trial_id"] for trial in manifest["trials"]] == [
        "paper-7-000-t00",
        "paper-7-001-t00",
    ]
    first = manifest["trials"][0]
    assert first["subject"]["shape"]["sex"] == "male"
    assert first["total_s"] == pytest.approx(sum(first["phases_s"].values()))
    assert not (folder / ".partial").exists()


def test_the_recording_holds_frames_and_truth_at_the_same_stamps(cohort):
    folder, _ = cohort
    with BagReader(folder / "paper-7-000-t00") as bag:
        thermal, truth = list(bag.thermal_frames()), list(bag.true_frames())
        timing = bag.true_timing()
        info = bag.camera_info()
    assert [frame.stamp_ns for frame in thermal] == [frame.stamp_ns for frame in truth]
    assert info.image_wh == (80, 60)
    assert timing.valid
    assert next(iter(timing)).phase is Phase.SIT_TO_STAND
    seated = truth[0].persons[0].joints_m[11:13, 2].mean()
    middle = truth[len(truth) // 2].persons[0].joints_m[11:13, 2].mean()
    assert middle > seated + 0.2
    entry = next(read_entries(SPEC, folder))
    assert timing.total_s == pytest.approx(entry["total_s"], abs=1e-3)


def test_the_subject_shows_where_the_truth_says(cohort):
    folder, _ = cohort
    with BagReader(folder / "paper-7-000-t00") as bag:
        for frame, truth in zip(bag.thermal_frames(), bag.true_frames(), strict=True):
            person = truth.persons[0]
            left, top, right, bottom = (round(value) for value in person.box_xyxy)
            inside = frame.centikelvin[max(top, 0) : bottom + 1, max(left, 0) : right + 1]
            assert np.percentile(inside, 90) > np.median(frame.centikelvin) + 150


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_processes(cohort, tmp_path):
    folder, _ = cohort
    make_cohort(SPEC, tmp_path / "again", jobs=2, quiet=True)
    assert digests(tmp_path / "again") == digests(folder)


def test_an_interrupted_cohort_is_resumed(cohort, tmp_path):
    folder, _ = cohort
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "paper-7-001-t00")
    (copy / ".partial" / "paper-7-001-t00").mkdir(parents=True)
    (copy / ".partial" / "paper-7-001-t00" / "half.mcap").write_bytes(b"half")
    summary = make_cohort(SPEC, copy, jobs=1, quiet=True)
    assert summary.resumed == 1
    assert digests(copy) == digests(folder)


def test_a_folder_of_another_cohort_is_left_alone(cohort):
    folder, _ = cohort
    with pytest.raises(SimulationError, match="another cohort"):
        make_cohort(replace(SPEC, seed=8), folder, quiet=True)


def test_annotations_are_coco(cohort):
    folder, summary = cohort
    coco = json.loads((folder / "keypoints.json").read_text())
    assert set(coco) == {"info", "categories", "images", "annotations"}
    assert len(coco["images"]) == summary.frames
    assert len(coco["annotations"]) == summary.annotations > 0
    assert len({image["id"] for image in coco["images"]}) == summary.frames
    note = coco["annotations"][0]
    assert len(note["keypoints"]) == 51
    assert note["num_keypoints"] == sum(v > 0 for v in note["keypoints"][2::3])
    x, y, width, height = note["bbox"]
    assert 0 < note["area"] < width * height
    assert -0.5 <= x < 80
    assert -0.5 <= y < 60


def test_annotations_of_no_trials_are_empty(tmp_path):
    assert write_coco(tmp_path / "none.json", [], {}) == (0, 0)
    assert json.loads((tmp_path / "none.json").read_text())["images"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("seed", -1), ("n_subjects", 0), ("n_trials", 0), ("rate_hz", 500.0), ("camera", "flir")],
)
def test_impossible_cohorts_are_refused_by_name(field, value):
    with pytest.raises(SimulationError, match=field):
        replace(SPEC, **{field: value})


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_makes_its_first_trial(name, tmp_path):
    spec = CohortSpec(name, 7, 1, 1, rate_hz=2.0, with_rgb=name == "stress")
    summary = make_cohort(spec, tmp_path / name, jobs=1, quiet=True)
    assert summary.trials == 1
    assert summary.valid == (name not in ("invalid", "misused"))
    with BagReader(tmp_path / name / f"{name}-7-000-t00") as bag:
        assert bag.true_timing().valid == (name not in ("invalid", "misused"))
        if spec.with_rgb:
            assert next(bag.rgb_frames()).bgr.shape == (576, 1024, 3)
            place = bag.static_transform(THERMAL_FRAME_ID, RGB_FRAME_ID)
            assert place is not None
            assert 0.0 < np.linalg.norm(place.translation_m) < 0.5


def frames_of(reason):
    index = PRESETS["invalid"].kinds.index(reason)
    spec = CohortSpec("invalid", 7, index + 1, 1, rate_hz=2.0, with_rgb=False)
    return stage_trial(spec, index, 0)


def test_a_gap_is_a_gap_in_the_stamps(tmp_path):
    from thermal_pose.lab.simulation.recordings.output import trial_frames

    staged = frames_of(TrialReason.STAMP_GAP)
    stamps = [frame.thermal.stamp_ns for _, frame in trial_frames(staged, 0, False)]
    assert np.diff(stamps).max() > 1.4e9


def test_a_covered_lens_shows_nobody(tmp_path):
    from thermal_pose.lab.simulation.recordings.output import trial_frames

    staged = frames_of(TrialReason.FRAMES_LOST)
    covered = [
        frame
        for number, frame in trial_frames(staged, 0, False)
        if staged.trial.fault_s[0] <= number / 2.0 < staged.trial.fault_s[1]
    ]
    assert len(covered) > 3
    for frame in covered:
        assert frame.thermal.centikelvin.std() < 20
        assert frame.truth.persons[0].box_xyxy is None


def test_someone_who_leaves_is_out_of_view_for_a_while(tmp_path):
    from thermal_pose.lab.simulation.recordings.output import trial_frames

    staged = frames_of(TrialReason.LEFT_VIEW)
    seen = [f.truth.persons[0].box_xyxy is not None for _, f in trial_frames(staged, 0, False)]
    assert seen[0]
    assert seen[-1]
    assert seen.count(False) >= 4


def test_baked_bodies_need_no_body_model(tmp_path, monkeypatch):
    for name in ("anny", "torch", "warp"):
        monkeypatch.setitem(sys.modules, name, None)
    bodies = tmp_path / "bodies"
    shutil.copytree(BODIES, bodies)
    spec = replace(SPEC, n_subjects=1)
    assert bake_cohort(spec, bodies) == 1
    assert make_cohort(spec, tmp_path / "out", 1, bodies, quiet=True).valid == 1
