# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import numpy as np
import pytest
from support.bodies import body, bone_positions, rest_pose

from thermal_pose.errors import MissingExtraError, SimulationError
from thermal_pose.lab.simulation.people import bake as body_bake
from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes
from thermal_pose.lab.simulation.people.body import (
    BONE_INDEX,
    N_BONES,
    BodyPose,
    BodyShape,
)
from thermal_pose.lab.simulation.people.skinning import (
    pose_keypoints,
    pose_vertices,
)
from thermal_pose.skeleton import Joint

pytestmark = pytest.mark.simulation


def rotated(a_body, bone, rotation):
    pose = rest_pose(a_body)
    rotations = pose.rotations.copy()
    rotations[BONE_INDEX[bone]] = rotation
    return BodyPose(pose.pelvis_m, rotations)


def about_y(angle_rad):
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)


def test_rest_pose_is_the_baked_surface():
    person = body()
    for mesh in (person.fine, person.coarse):
        np.testing.assert_allclose(
            pose_vertices(mesh, person, rest_pose(person)), mesh.vertices, atol=2e-3
        )
    np.testing.assert_allclose(
        pose_keypoints(person, rest_pose(person)), person.keypoints, atol=2e-3
    )


def test_body_has_its_stature_and_stands_on_the_floor():
    person = body()
    assert np.ptp(person.fine.vertices[:, 2]) == pytest.approx(person.shape.height_m, abs=0.01)
    assert person.fine.vertices[:, 2].min() == pytest.approx(0.0, abs=1e-3)


def test_left_is_left_and_the_nose_is_in_front():
    joints = body().keypoints
    assert joints[Joint.LEFT_SHOULDER][1] > 0.1 > -0.1 > joints[Joint.RIGHT_SHOULDER][1]
    assert joints[Joint.NOSE][0] > joints[Joint.LEFT_EAR][0] + 0.05


def test_knee_flexion_is_a_positive_turn_about_y():
    person = body()
    joints = pose_keypoints(person, rotated(person, "shank.L", about_y(np.pi / 2)))
    rest = person.keypoints
    # The shank points backwards: the ankle rises by about its length and moves back by it.
    length_m = np.linalg.norm(rest[Joint.LEFT_ANKLE] - rest[Joint.LEFT_KNEE])
    assert rest[Joint.LEFT_ANKLE][0] - joints[Joint.LEFT_ANKLE][0] > 0.8 * length_m
    np.testing.assert_allclose(joints[Joint.RIGHT_ANKLE], rest[Joint.RIGHT_ANKLE], atol=2e-3)


def test_bones_keep_their_length_in_any_posture():
    person, rng = body(), np.random.default_rng(0)
    pose = rest_pose(person)
    rotations = np.stack([about_y(a) for a in rng.uniform(-1, 1, N_BONES)])
    moved = bone_positions(person, BodyPose(pose.pelvis_m, rotations))
    for upper, lower in (("thigh.L", "shank.L"), ("upper_arm.R", "forearm.R"), ("neck", "head")):
        a, b = BONE_INDEX[upper], BONE_INDEX[lower]
        before_m = np.linalg.norm(person.bone_heads[a] - person.bone_heads[b])
        assert np.linalg.norm(moved[a] - moved[b]) == pytest.approx(before_m, abs=1e-5)


def test_skin_weights_add_to_one():
    for mesh in (body().fine, body().coarse):
        np.testing.assert_allclose(mesh.bone_weights.sum(axis=1), 1.0, atol=2e-3)
        assert mesh.faces.max() < len(mesh.vertices)


@pytest.mark.parametrize(
    "field, value",
    [("height_m", 0.9), ("height_m", np.nan), ("age_years", 7.0), ("weight", 1.5), ("sex", "x")],
)
def test_impossible_shapes_are_refused_by_name(field, value):
    fields = {"sex": "male", "age_years": 40.0, "height_m": 1.75, field: value}
    with pytest.raises(ValueError, match=field):
        BodyShape(**fields)


def test_pose_of_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="rotations"):
        BodyPose(np.zeros(3, np.float32), np.zeros((3, 3, 3), np.float32))


def test_library_is_stable_and_varied():
    shapes = library_shapes(40)
    assert shapes[:10] == library_shapes(10)
    assert len({shape.key for shape in shapes}) == 40
    assert sum(shape.sex == "female" for shape in shapes) == 20
    heights = [shape.height_m for shape in shapes]
    assert max(heights) - min(heights) > 0.2


def test_uncached_body_without_the_model_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "anny", None)
    body_bake._source_models.cache_clear()
    shape = BodyShape("male", 33.3, 1.777)
    with pytest.raises(MissingExtraError, match=r"anny.*thermal-pose\[sim\]"):
        bake_body(shape, tmp_path)


def test_cached_body_needs_no_model():
    shape = body().shape
    code = (
        "import sys; sys.modules['anny'] = sys.modules['torch'] = None\n"
        "from thermal_pose.lab.simulation.people.body import BodyShape\n"
        "from thermal_pose.lab.simulation.people.bake import bake_body\n"
        f"print(bake_body({shape!r}).shape.height_m)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert float(done.stdout) == shape.height_m


@pytest.mark.body_model
def test_the_body_model_bakes_the_body_that_tests_use(tmp_path):
    shape = body().shape
    baked = bake_body(shape, tmp_path)
    np.testing.assert_allclose(baked.fine.vertices, body().fine.vertices, atol=2e-4)
    np.testing.assert_allclose(baked.keypoints, body().keypoints, atol=2e-4)
    np.testing.assert_array_equal(baked.coarse.faces, body().coarse.faces)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_damaged_body_is_named(tmp_path, content):
    folder = body_bake.default_cache_dir()
    shape = body().shape
    name = f"body-{shape.key}.npz"
    (tmp_path / "template.npz").write_bytes((folder / "template.npz").read_bytes())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SimulationError, match=f"{name}.*damaged"):
        bake_body(shape, tmp_path)
