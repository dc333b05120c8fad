# SPDX-License-Identifier: Apache-2.0
import csv
from dataclasses import replace

import numpy as np
import pytest
from support.motion import recorded, write_motion

from thermal_pose.errors import StorageError
from thermal_pose.lab.simulation.motion.recorded import (
    HAND_LABELS,
    aligned,
    joint_columns,
    people_note,
    read_folder,
)
from thermal_pose.lab.simulation.motion.retarget import HOLD_S
from thermal_pose.lab.simulation.recordings.from_motion import (
    MotionCase,
    labels_on_motion_s,
    motion_performer,
    motion_subject,
    stage_motion,
    totals_by_contact_s,
)

pytestmark = pytest.mark.simulation


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("motion")
    write_motion(recorded()[0], folder / "walk.npz")
    return folder


def test_the_walkway_is_turned_onto_the_x_axis_from_any_axes():
    motion = aligned(recorded(turned_rad=2.2)[0])
    hips = motion.hips()
    assert np.abs(hips[:10, :2]).max() < 0.02
    farthest = hips[np.argmax(hips[:, 0])]
    assert farthest[0] == pytest.approx(2.9, abs=0.5)
    assert abs(farthest[1]) < 0.35


def test_a_recorded_motion_keeps_its_own_timing(folder):
    motion = read_folder(folder)[0]
    truth = recorded()[1]
    staged = stage_motion(MotionCase(motion, 0, "paper"))
    found = np.array([phase.start_s for phase in staged.trial.truth]) - HOLD_S
    # Another body, low-passed joints and mapped heights: the same boundaries nearly.
    assert found == pytest.approx([phase.start_s for phase in truth], abs=0.2)
    assert staged.trial.truth.total_s == pytest.approx(truth.total_s, abs=0.2)
    assert labels_on_motion_s(motion)[0] == pytest.approx(truth.phases[0].start_s + HOLD_S)


def test_the_body_stands_on_the_floor_and_sits_on_the_seat(folder):
    case = MotionCase(read_folder(folder)[0], 0, "paper")
    performer, _ = motion_performer(case)
    lowest = min(performer.joints(t)[15:, 2].min() for t in np.arange(0.0, 12.0, 0.25))
    assert lowest > 0.0
    contact = performer.motion.seat_contact
    assert contact[0] and contact[-1]
    assert np.flatnonzero(np.diff(contact.astype(int))).size == 2
    assert motion_subject(case).shape.height_m == pytest.approx(1.7, abs=0.25)


def test_a_higher_contact_threshold_ends_the_test_earlier(folder):
    totals = totals_by_contact_s(MotionCase(read_folder(folder)[0], 0, "paper"))
    assert totals[0.01] > totals[0.03] > totals[0.05] > totals[0.01] - 0.5


def test_who_slumps_after_sitting_down_sits_already(folder):
    motion = read_folder(folder)[0]
    plain = stage_motion(MotionCase(motion, 0, "paper")).trial.truth
    seated_s = plain.phases[-1].end_s - HOLD_S
    sunk_m = 0.05 * np.clip((motion.times_s - seated_s - 0.8) / 1.0, 0.0, 1.0)
    joints_m = motion.joints_m.copy()
    joints_m[:, :13, 2] -= sunk_m[:, None]
    slumped = stage_motion(MotionCase(replace(motion, joints_m=joints_m), 0, "paper")).trial.truth
    assert slumped.phases[-1].end_s == pytest.approx(plain.phases[-1].end_s, abs=0.1)


def test_csv_and_npz_are_the_same_recording(folder, tmp_path):
    motion = recorded()[0]
    with (tmp_path / "walk.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(joint_columns())
        for time_s, joints in zip(motion.times_s, motion.joints_m, strict=True):
            writer.writerow([time_s, *joints.ravel()])
    with (tmp_path / "trials.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["trial", "subject", *HAND_LABELS])
        writer.writerow(["walk", "Anna", *motion.hand_labels_s])
    read = read_folder(tmp_path)[0]
    assert read.subject == "Anna"
    assert read.hand_labels_s == pytest.approx(motion.hand_labels_s)
    assert read.joints_m == pytest.approx(read_folder(folder)[0].joints_m, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda m: replace(m, joints_m=m.joints_m * 1000), "metres"),
        (lambda m: replace(m, joints_m=m.joints_m[..., [0, 2, 1]]), "z up"),
        (lambda m: replace(m, joints_m=np.tile(m.joints_m[:1], (len(m.times_s), 1, 1))), "hips"),
    ],
)
def test_what_is_not_a_walk_in_metres_is_refused_by_name(change, named, tmp_path):
    write_motion(change(recorded()[0]), tmp_path / "odd.npz")
    with pytest.raises(StorageError, match=named) as error:
        read_folder(tmp_path)
    assert "odd.npz" in str(error.value)


def test_gaps_and_slow_rates_are_refused():
    motion = recorded()[0]
    with pytest.raises(ValueError, match="Hz or more"):
        replace(motion, times_s=motion.times_s[::4], joints_m=motion.joints_m[::4])
    keep = (motion.times_s < 4.0) | (motion.times_s > 4.6)
    with pytest.raises(ValueError, match="gap"):
        replace(motion, times_s=motion.times_s[keep], joints_m=motion.joints_m[keep])


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(StorageError, match=r"\.npz or \.csv"):
        read_folder(tmp_path)


def test_recordings_that_do_not_name_their_person_are_told(tmp_path):
    for name in ("a", "b"):
        write_motion(recorded()[0], tmp_path / f"{name}.npz")
    assert people_note(read_folder(tmp_path)).startswith("2 of 2 recordings name no person")
    (tmp_path / "trials.csv").write_text("trial,subject\na,anna\n")
    assert people_note(read_folder(tmp_path)).startswith("1 of 2 recordings name no person")
    (tmp_path / "trials.csv").write_text("trial,subject\na,anna\nb,anna\n")
    assert people_note(read_folder(tmp_path)) == ""
    assert people_note(read_folder(tmp_path)[:1]) == ""
