# SPDX-License-Identifier: Apache-2.0
"""How cameras stand to each other and to the floor, on /tf_static."""

from pathlib import Path

import numpy as np
import pytest
from nodes.test_cameras_and_recorder import (
    Listener,
    overrides,
    start_camera,
)
from support.senxor_emulator import EmulatedSenxor
from support.transforms import hear_transforms
from support.waiting import spin_for

from thermal_pose.calibration.synthetic import SyntheticRig
from thermal_pose.cli.demo import DEMO_BAG
from thermal_pose.errors import CalibrationError
from thermal_pose.messages.cameras import to_camera_pose

pytestmark = pytest.mark.graph
rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from thermal_pose.nodes.thermal_camera import ThermalCameraNode  # noqa: E402
from thermal_pose.parameters.cameras import ThermalCameraParameters  # noqa: E402

BETWEEN = SyntheticRig().rgb_to_thermal
THERMAL_FRAME = ThermalCameraParameters().frame_id
RGB_FRAME = ThermalCameraParameters().rgb_frame_id


def test_extrinsics_are_latched_on_tf_static(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, extrinsics: str
) -> None:
    start_camera(executor, device=device.device, extrinsics_path=extrinsics)
    heard = hear_transforms(executor)  # Later than the transform was sent.
    spin_for(executor, lambda: bool(heard))
    (_, transform) = heard[0].transforms
    frames = (transform.header.frame_id, transform.child_frame_id)
    assert frames == (THERMAL_FRAME, RGB_FRAME)
    pose = to_camera_pose(transform.transform)
    np.testing.assert_allclose(pose.rotation, BETWEEN.rotation, atol=1e-9)
    np.testing.assert_allclose(pose.translation_m, BETWEEN.translation_m, atol=1e-12)


def test_the_mounting_places_the_camera_above_the_floor(
    executor: SingleThreadedExecutor, device: EmulatedSenxor
) -> None:
    heard = hear_transforms(executor)
    start_camera(executor, device=device.device, camera_height_m=2.0, camera_pitch_deg=30.0)
    spin_for(executor, lambda: bool(heard))
    (transform,) = heard[0].transforms
    assert (transform.header.frame_id, transform.child_frame_id) == ("floor", THERMAL_FRAME)
    to_floor = to_camera_pose(transform.transform)  # optical frame -> floor
    np.testing.assert_allclose(to_floor.to_camera([0, 0, 0]), [0, 0, 2.0], atol=1e-9)
    ahead = [np.cos(np.pi / 6), 0.0, 2.0 - 0.5]
    np.testing.assert_allclose(to_floor.to_camera([0, 0, 1]), ahead, atol=1e-9)
    np.testing.assert_allclose(to_floor.to_camera([1, 0, 0]), [0, -1.0, 2.0], atol=1e-9)


def test_a_replay_places_the_frame_of_its_images(executor: SingleThreadedExecutor) -> None:
    heard = hear_transforms(executor)
    images = Listener(executor).to(Image, "thermal/image_raw")
    start_camera(executor, backend="bag", bag_path=str(DEMO_BAG), bag_window_frames=0)
    spin_for(executor, lambda: bool(heard) and bool(images))
    assert [t.child_frame_id for t in heard[0].transforms] == [images[0].header.frame_id]


def test_without_floor_and_extrinsics_no_transform_is_published(
    executor: SingleThreadedExecutor, device: EmulatedSenxor
) -> None:
    images = Listener(executor).to(Image, "thermal/image_raw")
    heard = hear_transforms(executor)
    start_camera(executor, device=device.device, floor_frame_id="")
    spin_for(executor, lambda: len(images) >= 3)
    assert heard == []


IDENTITY = "rotation: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}"
BAD_EXTRINSICS = {
    "": "expected a mapping",
    "rotation: [": "is not a YAML file",
    "rotation: 7\ntranslation_m: [0, 0, 0]": "is not an extrinsics YAML",
    IDENTITY: "translation_m",
    f"{IDENTITY}\ntranslation_m: [0.05, 0]": r"expected \(3, 3\) and \(3,\)",
    f"{IDENTITY}\ntranslation_m: [.nan, 0, 0]": "finite",
    f"{IDENTITY}\ntranslation_m: [left, 0, 0]": "is not an extrinsics YAML",
    f"{IDENTITY.replace('[1,', '[.nan,')}\ntranslation_m: [0, 0, 0]": "orthonormal",
    f"{IDENTITY.replace('[1,', '[2,')}\ntranslation_m: [0, 0, 0]": "orthonormal",
    f"{IDENTITY.replace('[1,', '[-1,')}\ntranslation_m: [0, 0, 0]": "mirror image",
    f"{IDENTITY.replace('0, 1]', '0]')}\ntranslation_m: [0, 0, 0]": "is not an extrinsics YAML",
}


@pytest.mark.parametrize("text", BAD_EXTRINSICS)
def test_unusable_extrinsics_fail_the_node_with_one_sentence(
    ros: int, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "extrinsics.yaml"
    path.write_text(text)
    node = ThermalCameraNode(parameter_overrides=overrides(extrinsics_path=str(path)))
    try:
        with pytest.raises(CalibrationError, match=BAD_EXTRINSICS[text]) as caught:
            node.start()
    finally:
        node.stop()
    assert "extrinsics.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_flip_is_refused_while_extrinsics_are_loaded(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, extrinsics: str
) -> None:
    node = start_camera(executor, device=device.device, extrinsics_path=extrinsics)
    (refused,) = node.set_parameters(overrides(flip_horizontal=True))
    assert not refused.successful
    assert "extrinsics_path" in refused.reason
    (taken,) = node.set_parameters(overrides(offset_k=1.0))
    assert taken.successful
