# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from support.bodies import body, rest_pose

from thermal_pose.imaging.camera_model import SENXOR
from thermal_pose.lab.simulation.people.annotation import DROP_SHARES
from thermal_pose.lab.simulation.people.body import BodyPose
from thermal_pose.lab.simulation.people.garments import dress
from thermal_pose.lab.simulation.people.outfits import Outfit, draw_outfit
from thermal_pose.lab.simulation.rooms.draw import CAMERAS, draw_scene
from thermal_pose.lab.simulation.rooms.scene import (
    Actor,
    AidPose,
    Chair,
    Distractor,
    Room,
    Scene,
    StillMotion,
    ThermalSensor,
)
from thermal_pose.lab.simulation.sensors.renderer import SceneRenderer
from thermal_pose.lab.simulation.sensors.rgb import RgbScene
from thermal_pose.lab.simulation.sensors.thermal_scene import FloorPrint, ThermalScene
from thermal_pose.skeleton import Joint

pytestmark = pytest.mark.simulation

PLAIN = Scene(thermal=ThermalSensor(netd_k=0.05, shutter=False), async_share=0.0)


def standing(x_m=1.0, y_m=0.0, yaw_rad=0.0, person=1, role="subject", index=0):
    pose = rest_pose(body(index))
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    rotations = pose.rotations.copy()
    rotations[0] = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)
    place = np.array((x_m, y_m, pose.pelvis_m[2]), np.float32)
    return Actor(person, role, body(index), Outfit(), StillMotion(BodyPose(place, rotations)))


@cache
def frame_of_one():
    return SceneRenderer(PLAIN, (standing(),), start_ns=10**18).frame(2)


def test_joints_are_projected_by_the_camera():
    person = frame_of_one().truth.persons[0]
    expected, _ = PLAIN.thermal_camera.project(person.joints_m)
    legs = list(DROP_SHARES)
    as_modelled = np.delete(np.arange(len(expected)), legs)
    np.testing.assert_allclose(person.xy[as_modelled], expected[as_modelled], atol=1e-4)
    # Annotators put the legs' joints lower than the body model's: see `people/annotation.py`.
    below_px = person.xy[legs, 1] - expected[legs, 1]
    assert (below_px > 0.2).all() and (below_px < 0.8).all()
    assert person.joints_m[Joint.NOSE][0] > 1.0 and person.joints_m[:, 2].min() > 0.0


def test_box_and_area_hold_the_joints():
    person = frame_of_one().truth.persons[0]
    left, top, right, bottom = person.box_xyxy
    assert (person.xy[:, 0] > left).all() and (person.xy[:, 0] < right).all()
    assert (person.xy[:, 1] > top).all() and (person.xy[:, 1] < bottom).all()
    assert 0.25 < person.area_px / ((right - left) * (bottom - top)) < 0.75
    assert person.area_px * 16 == round(person.area_px * 16)


def test_standing_adult_is_as_tall_as_the_focal_length_says():
    person = frame_of_one().truth.persons[0]
    distance_m = PLAIN.thermal_camera.project(person.joints_m)[1].mean()
    tall_px = person.box_xyxy[3] - person.box_xyxy[1]
    assert tall_px == pytest.approx(84.0 * body().shape.height_m / distance_m, rel=0.08)


def test_person_is_warmer_than_the_room_and_the_face_warmest():
    result = frame_of_one()
    image = result.thermal.centikelvin / 100.0 - 273.15
    person = result.truth.persons[0]
    nose, hip = (person.xy[j].round().astype(int) for j in (Joint.NOSE, Joint.LEFT_HIP))
    assert image[nose[1], nose[0]] > image[hip[1], hip[0]] > np.median(image) + 3.0
    assert np.median(image) == pytest.approx(PLAIN.room.air_degc, abs=1.0)


def test_facing_person_is_visible_and_the_face_is_not_from_behind():
    assert (frame_of_one().truth.persons[0].visibility == 2).all()
    behind = (
        SceneRenderer(PLAIN, (standing(yaw_rad=np.pi),), with_rgb=False).frame(0).truth.persons[0]
    )
    assert (behind.visibility[[Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE]] == 1).all()
    assert (behind.visibility[[Joint.LEFT_SHOULDER, Joint.RIGHT_KNEE]] == 2).all()


def test_far_arm_is_occluded_from_the_side():
    person = (
        SceneRenderer(PLAIN, (standing(yaw_rad=-np.pi / 2),), with_rgb=False)
        .frame(0)
        .truth.persons[0]
    )
    assert person.visibility[Joint.LEFT_SHOULDER] == 2
    assert person.visibility[Joint.RIGHT_SHOULDER] == 1


def test_someone_in_front_occludes_and_takes_area():
    pair = (standing(0.5), standing(2.5, 0.3, person=2, role="carer", index=1))
    alone = SceneRenderer(PLAIN, pair[:1], with_rgb=False).frame(0).truth.persons[0]
    behind, front = SceneRenderer(PLAIN, pair, with_rgb=False).frame(0).truth.persons
    assert behind.area_px < 0.8 * alone.area_px
    assert (behind.visibility == 1).sum() > (alone.visibility == 1).sum()
    assert front.role == "carer" and (front.visibility == 2).all()


def test_furniture_occludes():
    bed = Distractor("bed", (2.2, 0.2, 0.0), 1.0, np.pi / 2, 1.3)
    scene = replace(PLAIN, distractors=(bed,))
    person = SceneRenderer(scene, (standing(0.8),), with_rgb=False).frame(0).truth.persons[0]
    assert person.visibility[Joint.LEFT_ANKLE] == 1 and person.visibility[Joint.NOSE] == 2


def test_person_outside_the_view_has_no_box():
    person = SceneRenderer(PLAIN, (standing(1.0, 2.3),), with_rgb=False).frame(0).truth.persons[0]
    far = SceneRenderer(PLAIN, (standing(7.0, 0.9),), with_rgb=False).frame(0).truth.persons[0]
    assert far.box_xyxy is None and far.area_px == 0.0
    assert (far.visibility == 0).all() and np.isfinite(far.xy).all()
    assert person.visibility[Joint.NOSE] in (0, 2)


def test_empty_room_has_no_persons():
    result = SceneRenderer(PLAIN, ()).frame(0)
    assert result.truth.persons == ()
    assert result.rgb.bgr.shape == (576, 1024, 3)


def test_frames_are_the_same_in_any_order():
    scene = replace(PLAIN, thermal=ThermalSensor(time_constant_s=0.08, noise_seed=4))
    forward, backward = (SceneRenderer(scene, (standing(),)) for _ in range(2))
    ahead = [forward.frame(k) for k in range(4)]
    for k in (3, 1, 0, 2):
        again = backward.frame(k)
        np.testing.assert_array_equal(again.thermal.centikelvin, ahead[k].thermal.centikelvin)
        np.testing.assert_array_equal(again.rgb.bgr, ahead[k].rgb.bgr)


def test_frozen_image_tells_the_true_time_of_exposure():
    sensor = ThermalSensor(shutter_period_s=4.0, shutter_freeze_s=0.9, noise_seed=2)
    renderer = SceneRenderer(replace(PLAIN, thermal=sensor), (), with_rgb=False)
    frames = [renderer.frame(k) for k in range(8, 72)]
    late_ns = [f.truth.stamp_ns - f.truth.thermal_acquired_ns for f in frames]
    frozen = [k for k, late in enumerate(late_ns) if late > 1]
    assert len(frozen) >= 6
    for k in frozen[1:]:
        if k - 1 in frozen:
            np.testing.assert_array_equal(
                frames[k].thermal.centikelvin, frames[k - 1].thermal.centikelvin
            )


def test_seat_print_warms_the_chair():
    scene = replace(PLAIN, chairs=(Chair(),), seat_warm_k=0.0)
    cold = SceneRenderer(scene, (), with_rgb=False).frame(0).thermal.centikelvin
    warm = SceneRenderer(replace(scene, seat_warm_k=5.0), (), with_rgb=False).frame(0)
    gain_k = (warm.thermal.centikelvin.astype(float) - cold) / 100.0
    assert 1.0 < gain_k.max() < 5.0
    assert np.median(gain_k) == pytest.approx(0.0, abs=0.02)


def test_glossy_floor_mirrors_the_person():
    scene = replace(PLAIN, room=Room(floor_gloss=0.2))
    dull = replace(PLAIN, room=Room(floor_gloss=0.0))
    images = [
        SceneRenderer(s, (standing(),), with_rgb=False).frame(0).thermal.centikelvin.astype(float)
        for s in (scene, dull)
    ]
    left, _, right, bottom = frame_of_one().truth.persons[0].box_xyxy
    below = (slice(int(bottom) + 2, int(bottom) + 8), slice(int(left) + 2, int(right) - 1))
    assert (images[0] - images[1])[below].max() > 30.0


def test_walking_aid_is_drawn_and_belongs_to_nobody():
    class Leaning(StillMotion):
        def aid(self, time_s):
            return AidPose("frame", (1.5, 0.0, 0.0), (1.5, 0.0, 0.85))

    held = standing().motion.held
    actor = Actor(1, "subject", body(), Outfit(), Leaning(held))
    with_frame = SceneRenderer(PLAIN, (actor,)).frame(0)
    assert with_frame.truth.persons[0].area_px < frame_of_one().truth.persons[0].area_px
    difference = np.abs(
        with_frame.rgb.bgr.astype(int) - SceneRenderer(PLAIN, (standing(),)).frame(0).rgb.bgr
    )
    assert (difference.max(axis=2) > 40).sum() > 300


def test_colour_camera_sees_the_person_where_it_projects():
    scene = replace(PLAIN, rgb=replace(PLAIN.rgb, noise=0.0))
    camera = RgbScene(scene)
    empty = camera.frame((), 0.0, 0).astype(int)
    actor = standing()
    changed = np.abs(camera.frame((actor,), 0.0, 0) - empty).max(axis=2) > 12
    joints = SceneRenderer(scene, (actor,)).frame(0).truth.persons[0].joints_m
    pixels = scene.rgb_camera.project(joints)[0].round().astype(int)
    assert changed[pixels[:, 1], pixels[:, 0]].mean() > 0.7


def test_parallax_between_the_cameras():
    near, far = (standing(x_m) for x_m in (3.0, 0.5))
    shifts = []
    for actor in (near, far):
        joints = SceneRenderer(PLAIN, (actor,), with_rgb=False).frame(0).truth.persons[0].joints_m
        thermal = PLAIN.thermal_camera.intrinsics.to_rays(PLAIN.thermal_camera.project(joints)[0])
        rgb = PLAIN.rgb_camera.intrinsics.to_rays(PLAIN.rgb_camera.project(joints)[0])
        shifts.append((thermal - rgb)[:, 0].mean())
    assert abs(shifts[0] - shifts[1]) * 84.0 > 0.3


def test_two_actors_of_one_id_are_refused():
    with pytest.raises(ValueError, match="distinct"):
        SceneRenderer(PLAIN, (standing(), standing()))


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("seed", range(4))
def test_drawn_scenes_see_the_whole_walkway(camera, seed):
    scene = draw_scene(np.random.default_rng(seed), camera, distractors=4)
    assert (scene.thermal.intrinsics.size_wh == SENXOR.size_wh) == (camera == "senxor")
    for x_m in (0.0, 3.0):
        points = [(x_m, 0.0, 0.05), (x_m, 0.0, 1.7)]
        pixels, _ = scene.thermal_camera.project(points)
        assert (pixels > -2).all() and (pixels < np.add(scene.thermal.intrinsics.size_wh, 2)).all()


def test_long_sleeves_are_cooler_than_bare_arms():
    arms = np.isin(body().coarse.bone_indices[:, 0], (8, 12))
    bare, covered = (
        dress(body(), Outfit(sleeve=sleeve), "coarse").temperature_degc(22.0, 32.0)[arms].mean()
        for sleeve in (0.0, 1.0)
    )
    assert bare > covered + 2.0


def test_skirt_adds_a_tube_that_hangs_below_the_hips():
    plain, skirt = (dress(body(), Outfit(skirt_m=s), "coarse") for s in (0.0, 0.5))
    added = skirt.mesh.vertices[len(plain.mesh.vertices) :]
    hip_m = body().keypoints[Joint.LEFT_HIP][2]
    assert added[:, 2].min() == pytest.approx(hip_m - 0.5, abs=0.02)
    np.testing.assert_allclose(skirt.mesh.bone_weights.sum(axis=1), 1.0, atol=2e-3)


def test_outfits_are_varied_and_seeded():
    first, second = (draw_outfit(np.random.default_rng(seed)) for seed in (1, 2))
    assert first == draw_outfit(np.random.default_rng(1)) != second


@pytest.mark.parametrize("field, value", [("hair", "afro"), ("sleeve", 2.0), ("top_warmth", 1.4)])
def test_impossible_outfits_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        Outfit(**{field: value})


def test_footprint_warms_the_open_floor_around_it():
    thermal = ThermalScene(replace(PLAIN, thermal=replace(PLAIN.thermal, psf_sigma_px=0.0)))
    plain = thermal.sense(thermal.compose([]))
    warm = thermal.sense(thermal.compose([], floor_prints=(FloorPrint(2.0, 0.3, 1.5),)))
    gain_k = warm - plain
    row, column = np.unravel_index(int(gain_k.argmax()), gain_k.shape)
    expected, _ = PLAIN.thermal_camera.project((2.0, 0.3, 0.0))
    assert (column, row) == pytest.approx(tuple(expected), abs=1.0)
    assert 0.7 < gain_k.max() < 1.5 and (gain_k > 0.1).sum() < 60
