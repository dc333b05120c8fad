# SPDX-License-Identifier: Apache-2.0
"""Calibration against simulated targets with known cameras; refusals; files; people."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.writer import BagWriter
from thermal_pose.calibration.files import (
    default_camera_info,
    intrinsics_of,
    load_camera_info,
    load_extrinsics,
    save_camera_info,
    save_extrinsics,
    save_homography,
)
from thermal_pose.calibration.lens import calibrate_lens
from thermal_pose.calibration.people import register_from_people, shrink_rgb
from thermal_pose.calibration.session import (
    LivePairer,
    ViewChooser,
    collect_views,
    coverage_hints,
)
from thermal_pose.calibration.stereo import PairCalibration, TargetView, calibrate_pair
from thermal_pose.calibration.synthetic import (
    SyntheticRig,
    random_pose,
    rgb_view,
    thermal_view,
    write_example,
)
from thermal_pose.calibration.target import SpotTarget, find_in_rgb, find_in_thermal, upright
from thermal_pose.cli.main import main
from thermal_pose.errors import CalibrationError
from thermal_pose.imaging.camera_info import camera_info_of
from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.imaging.registration import PlaneRegistration, Registration
from thermal_pose.messages.cameras import camera_info_message, static_transform_message
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.types import RgbFrame, ThermalFrame

RIG, TARGET = SyntheticRig(), SpotTarget()
TRUE = Registration(RIG.thermal, RIG.rgb, RIG.rgb_to_thermal)


@pytest.fixture(scope="module")
def views() -> list[TargetView]:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(14):
        pose = random_pose(TARGET, rng)
        thermal = thermal_view(RIG.thermal, RIG.thermal_pose_of(pose), TARGET, rng)
        rgb = rgb_view(RIG.rgb, pose, TARGET, rng)
        found.append(TargetView(find_in_thermal(thermal, TARGET), find_in_rgb(rgb, TARGET)))
    return found


@pytest.fixture(scope="module")
def calibration(views: list[TargetView]) -> PairCalibration:
    return calibrate_pair(views, TARGET, RIG.thermal.size_wh, RIG.rgb.size_wh)


def test_spots_are_found_to_a_twentieth_of_a_thermal_pixel() -> None:
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(6):
        pose = random_pose(TARGET, rng)
        spots = find_in_thermal(thermal_view(RIG.thermal, pose, TARGET, rng), TARGET)
        if spots is not None:
            seen += 1
            true = RIG.thermal.to_pixels(pose.to_camera(TARGET.points_m))
            assert np.sqrt(((spots - true) ** 2).sum(axis=1).mean()) < 0.08
    assert seen >= 3


def test_no_target_is_no_target() -> None:
    room = np.full((60, 80), 29500, np.uint16)
    assert find_in_thermal(room, TARGET) is None
    assert find_in_rgb(np.full((576, 1024, 3), 120, np.uint8), TARGET) is None


def test_thermal_reprojection_is_within_a_third_of_a_pixel(calibration: PairCalibration) -> None:
    assert calibration.thermal.rms_px < 0.3
    assert calibration.cross_rms_px < 0.3
    assert calibration.thermal.intrinsics.fx_px == pytest.approx(RIG.thermal.fx_px, rel=0.01)
    assert calibration.rgb.intrinsics.fx_px == pytest.approx(RIG.rgb.fx_px, rel=0.005)
    np.testing.assert_allclose(calibration.rgb_to_thermal.translation_m, RIG.baseline_m, atol=0.003)


def test_registration_over_the_walkway_is_within_half_a_thermal_pixel(
    calibration: PairCalibration,
) -> None:
    grid = np.stack(np.meshgrid(np.linspace(10, 69, 7), np.linspace(6, 53, 7)), axis=-1)
    for depth_m in np.linspace(3.0, 6.5, 8):
        in_rgb = TRUE.to_rgb(grid, depth_m)
        error_px = np.linalg.norm(
            calibration.registration.to_thermal(in_rgb, depth_m) - grid, axis=-1
        )
        assert error_px.max() < 0.5


def test_views_that_contradict_each_other_are_refused(views: list[TargetView]) -> None:
    """One camera's image mirrored: each lens alone can be calibrated, the pair cannot."""
    mirrored = [
        TargetView(upright(view.thermal * (-1, 1) + (79, 0), TARGET.grid_wh), view.rgb)
        for view in views
        if view.thermal is not None
    ]
    with pytest.raises(CalibrationError, match=r"do not fit together.*mirrored"):
        calibrate_pair(mirrored, TARGET, RIG.thermal.size_wh, RIG.rgb.size_wh)


def test_too_few_views_are_refused(views: list[TargetView]) -> None:
    with pytest.raises(CalibrationError, match="found in 5 views, at least 8"):
        calibrate_pair(views[:5], TARGET, RIG.thermal.size_wh, RIG.rgb.size_wh)


def test_views_all_alike_are_refused(views: list[TargetView]) -> None:
    one = next(view.thermal for view in views if view.thermal is not None)
    spread = one - one.mean(axis=0)
    wide = spread * 1.6 + [40, 30]
    rng = np.random.default_rng(0)
    same = [wide + rng.normal(0, 0.01, wide.shape) for _ in range(10)]
    with pytest.raises(CalibrationError, match="alike"):
        calibrate_lens(same, TARGET, (80, 60), "thermal")


def test_views_in_one_corner_are_refused(views: list[TargetView]) -> None:
    small = [view.thermal * 0.3 for view in views if view.thermal is not None]
    with pytest.raises(CalibrationError, match="span"):
        calibrate_lens(small, TARGET, (80, 60), "thermal")


def test_views_without_tilt_are_refused() -> None:
    rng = np.random.default_rng(2)
    lens = RIG.thermal
    flat = []
    for _ in range(14):
        shift = np.array([*rng.uniform(-0.3, 0.05, 2), rng.uniform(0.75, 1.1)])
        pose = CameraPose(np.eye(3), shift)
        pixels = lens.to_pixels(pose.to_camera(TARGET.points_m))
        flat.append(pixels + rng.normal(0, 0.02, pixels.shape))
    with pytest.raises(CalibrationError, match=r"alike|tilted by"):
        calibrate_lens(flat, TARGET, (80, 60), "thermal")


def test_hints_name_what_is_missing(views: list[TargetView]) -> None:
    assert "hold the target" in coverage_hints([], (80, 60))[0]
    one = next(view.thermal for view in views if view.thermal is not None)
    right = one - one.min(axis=0) + [45, 25]
    hints = coverage_hints([right], (80, 60))
    assert "move it to the left" in hints
    assert "move it to the top" in hints
    assert any("more views" in hint for hint in hints)


def test_grid_order_does_not_depend_on_where_the_finder_begins() -> None:
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    for turned in (grid[::-1], grid.reshape(4, 5, 2)[:, ::-1].reshape(-1, 2)):
        np.testing.assert_array_equal(upright(turned, (5, 4)), grid)


def test_files_round_trip_and_bad_files_are_named(tmp_path: Path) -> None:
    save_camera_info(tmp_path / "a.yaml", camera_info_of(RIG.thermal), "thermal_camera")
    assert intrinsics_of(load_camera_info(tmp_path / "a.yaml")) == RIG.thermal
    save_extrinsics(tmp_path / "e.yaml", RIG.rgb_to_thermal)
    read = load_extrinsics(tmp_path / "e.yaml")
    np.testing.assert_allclose(read.rotation, RIG.rgb_to_thermal.rotation)
    plane = PlaneRegistration(np.array([[0.1, 0, 1], [0, 0.1, 2], [0, 0, 1.0]]))
    save_homography(tmp_path / "h.yaml", plane)
    written = yaml.safe_load((tmp_path / "h.yaml").read_text())
    assert written["homography"]["data"] == plane.matrix.ravel().tolist()
    (tmp_path / "bad.yaml").write_text("image_width: 80\n")
    with pytest.raises(CalibrationError, match=r"bad\.yaml is not a camera_info"):
        load_camera_info(tmp_path / "bad.yaml")
    with pytest.raises(CalibrationError, match=r"cannot read .*absent"):
        load_extrinsics(tmp_path / "absent.yaml")


def test_an_uncalibrated_camera_info_is_refused() -> None:
    info = default_camera_info((80, 60), 51.0)
    assert intrinsics_of(info).fx_px == pytest.approx(83.9, abs=0.1)
    info.k[:] = 0
    with pytest.raises(CalibrationError, match="uncalibrated"):
        intrinsics_of(info)


def test_the_verb_from_recording_to_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_example(tmp_path / "target", n_poses=14, seed=3)
    assert (
        main(["calibrate", str(tmp_path / "target"), "--out", str(tmp_path / "c"), "--json"]) == 0
    )
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["thermal"]["rms_px"] < 0.3
    assert numbers["stamp_offset_s"] == pytest.approx(0.007, abs=1e-6)
    picture = cv2.imread(str(tmp_path / "c" / "proof.png"))
    assert picture.shape == (576, 1024, 3)
    assert ((picture[..., 2] > 200) & (picture[..., 0] < 90)).sum() > 500
    loaded = intrinsics_of(load_camera_info(tmp_path / "c" / "thermal.yaml"))
    assert loaded.size_wh == (80, 60)


def test_the_verb_refuses_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_example(tmp_path / "target", n_poses=3)
    code = main(["calibrate", str(tmp_path / "target"), "--out", str(tmp_path / "c")])
    assert code == CalibrationError.exit_code
    assert "at least 8 are needed" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_live_frames_give_the_views_that_the_recording_gives(tmp_path: Path) -> None:
    write_example(tmp_path / "target", n_poses=5, seed=8)
    recorded = collect_views(tmp_path / "target", TARGET)
    chooser = ViewChooser(TARGET)
    pairer = LivePairer(chooser)
    with BagReader(tmp_path / "target") as bag:
        for thermal, rgb in zip(bag.thermal_frames(), bag.rgb_frames(), strict=True):
            pairer.add_thermal(thermal)
            pairer.add_rgb(rgb)
    live = pairer.result()
    assert len(live.pairs) == len(recorded.pairs) > 0
    assert live.streams.offset_s == pytest.approx(0.007, abs=1e-6)
    assert any("more views" in hint for hint in chooser.hints())


def test_live_calibration_without_frames_says_which_are_missing() -> None:
    with pytest.raises(CalibrationError, match="0 thermal and 0 RGB frames"):
        LivePairer(ViewChooser(TARGET)).result()


def walker(depth_m: float, count: int) -> tuple[list, list]:
    """A striped board that crosses both views at one depth."""
    board = SpotTarget((4, 5), 0.12, 0.045)
    small = CameraIntrinsics((256, 144), 187.0, 187.0, 128.4, 70.7)
    thermal, rgb = [], []
    rng = np.random.default_rng(0)
    for number in range(count):
        pose = CameraPose(np.eye(3), np.array([-0.9 + 0.08 * number, -0.4, depth_m]))
        thermal.append(thermal_view(RIG.thermal, RIG.thermal_pose_of(pose), board, rng))
        rgb.append(rgb_view(small, pose, board, rng))
    return thermal, rgb


def test_a_map_from_movement_is_right_at_its_depth() -> None:
    thermal, rgb = walker(3.0, 22)
    small = CameraIntrinsics((256, 144), 187.0, 187.0, 128.4, 70.7)
    result = register_from_people(
        thermal, [shrink_rgb(image) for image in rgb], (256, 144), scale=83.5 / 187
    )
    true = Registration(RIG.thermal, small, RIG.rgb_to_thermal)
    grid = np.stack(np.meshgrid(np.linspace(25, 55, 4), np.linspace(20, 40, 4)), axis=-1)
    error_px = np.linalg.norm(result.plane.to_thermal(true.to_rgb(grid, 3.0)) - grid, axis=-1)
    assert error_px.mean() < 1.0
    assert result.correlation > 0.6


def test_the_verb_tells_the_maps_error_where_the_recording_knows_the_geometry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = CameraIntrinsics((256, 144), 187.0, 187.0, 128.4, 70.7)
    infos = {
        schema.THERMAL_INFO: camera_info_of(RIG.thermal),
        schema.RGB_INFO: camera_info_of(small),
    }
    with BagWriter(tmp_path / "walk") as bag:
        place = static_transform_message(schema.message, RIG.rgb_to_thermal, "thermal", "rgb", 0)
        bag.write(schema.TF_STATIC, 0, place)
        for topic, info in infos.items():
            bag.write(topic, 0, camera_info_message(schema.message, info, 0, "any"))
        for number, (warm, bgr) in enumerate(zip(*walker(3.0, 22), strict=True)):
            stamp_ns = number * 125_000_000
            frame = ThermalFrame(stamp_ns, "thermal", warm)
            bag.write(schema.THERMAL_IMAGE, stamp_ns, thermal_message(schema.message, frame))
            bag.write(
                schema.RGB_COMPRESSED,
                stamp_ns,
                rgb_message(schema.message, RgbFrame(stamp_ns, "rgb", bgr)),
            )
    words = ["calibrate", str(tmp_path / "walk"), "--people", "--json", "--out", str(tmp_path)]
    assert main(words) == 0
    numbers = json.loads(capsys.readouterr().out)
    errors = numbers["error_px_by_depth_m"]
    assert errors["3.0"] < 1.0 < errors["7.0"]
    assert numbers["error_px_of_best_map"].keys() == errors.keys()
    assert (tmp_path / "homography.yaml").exists()


def test_an_empty_room_gives_no_map() -> None:
    rng = np.random.default_rng(0)
    thermal = [np.rint(29500 + rng.normal(0, 6, (60, 80))).astype(np.uint16) for _ in range(20)]
    rgb = [np.full((144, 256, 3), 100, np.float32) for _ in range(20)]
    with pytest.raises(CalibrationError, match="moves at 0 moments"):
        register_from_people(thermal, rgb, (256, 144), 0.45)
