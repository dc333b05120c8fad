# SPDX-License-Identifier: Apache-2.0
import dataclasses
from functools import cache

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from support.bodies import body, bone_positions

from thermal_pose.lab.simulation.people.body import BONE_INDEX
from thermal_pose.lab.simulation.people.garments import dress
from thermal_pose.lab.simulation.people.outfits import OUTFIT_PARTS, Outfit, draw_varied_outfit
from thermal_pose.lab.simulation.people.rotations import rotation_z
from thermal_pose.lab.simulation.people.skinning import pose_vertices
from thermal_pose.lab.simulation.stream.clips import ClipKind
from thermal_pose.lab.simulation.stream.contact import hand_on
from thermal_pose.lab.simulation.stream.exercises import exercise_pose, seated_exercise_pose
from thermal_pose.lab.simulation.stream.frames import StreamOptions, TrainingStream
from thermal_pose.lab.simulation.stream.life_options import LIFE_REASONS, WHOLE_LIFE, LifeOptions
from thermal_pose.lab.simulation.stream.postures import Angles, grounded
from thermal_pose.lab.simulation.stream.reaching import reach, rotation_between
from thermal_pose.lab.simulation.stream.rooms import life_scene

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize(
    "place", [(0.4, 0.0, 0.0), (0.0, 0.4, 0.1), (0.2, -0.2, -0.2), (-0.1, 0.1, 0.4)]
)
def test_a_wrist_goes_where_it_is_put(side, place):
    angles = Angles()
    reach(angles, body(), side, np.array(place), np.array((-0.5, 0.3, -0.8)))
    pose = grounded(body(), angles.rotations(rotation_z(0.0)), (0.0, 0.0))
    at = bone_positions(body(), pose)
    shoulder, wrist = (at[BONE_INDEX[f"{name}.{side}"]] for name in ("upper_arm", "hand"))
    assert np.abs(wrist - shoulder - place).max() < 1e-3


def test_an_arm_does_not_stretch():
    angles = Angles()
    reach(angles, body(), "L", np.array((2.0, 0.0, 0.0)), np.array((0.0, 0.0, -1.0)))
    pose = grounded(body(), angles.rotations(rotation_z(0.0)), (0.0, 0.0))
    at = bone_positions(body(), pose)
    length = np.linalg.norm(at[BONE_INDEX["hand.L"]] - at[BONE_INDEX["upper_arm.L"]])
    assert 0.4 < length < 0.65


def test_rotations_are_proper_also_when_opposite():
    for end in ((0.0, 0.0, -1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)):
        turn = rotation_between(np.array((0.0, 0.0, 1.0)), np.array(end))
        assert np.linalg.det(turn) == pytest.approx(1.0)
        assert np.abs(turn @ (0.0, 0.0, 1.0) - end).max() < 1e-9


def test_exercises_stand_on_the_floor_and_reach_in_all_directions():
    raised = 0
    for seed in range(24):
        pose = exercise_pose(body(), np.random.default_rng(seed), (1.0, 2.0), 0.5)
        assert pose_vertices(body().coarse, body(), pose)[:, 2].min() == pytest.approx(0, abs=1e-4)
        at = bone_positions(body(), pose)
        raised += at[BONE_INDEX["hand.L"], 2] > at[BONE_INDEX["upper_arm.L"], 2]
    assert 3 < raised < 20


def test_seated_exercises_keep_the_seat_s_height():
    pose = seated_exercise_pose(body(), np.random.default_rng(0), (0.0, 0.0), 0.0, 0.46)
    assert pose.pelvis_m[2] == pytest.approx(0.56, abs=0.01)


def test_cloth_texture_has_the_stated_size_and_spares_the_skin():
    plain = dress(body(), Outfit(), "coarse")
    folded = dress(body(), Outfit(fold_k=2.0), "coarse")
    change = folded.warm_k - plain.warm_k
    head = body().coarse.vertices[:, 2] > body().bone_head("head")[2] + 0.05
    assert np.abs(change[head]).max() == 0
    assert 0.4 < change[change != 0].std() < 2.5 and np.abs(change).max() <= 3.3


def test_hems_are_colder_at_wrists_ankles_and_hips_only():
    plain, hemmed = (dress(body(), Outfit(hem_k=2.0 * on), "coarse") for on in (0, 1))
    change, points = hemmed.warm_k - plain.warm_k, body().coarse.vertices
    assert set(np.round(np.unique(change), 4)) == {-2.0, 0.0}
    near = [
        np.linalg.norm(points - body().bone_head(bone), axis=1) < 0.12
        for bone in ("hand.L", "hand.R", "foot.L", "foot.R")
    ]
    assert all((change[wrist_or_ankle] < 0).any() for wrist_or_ankle in near)
    hips = np.abs(points[:, 2] - body().bone_head("pelvis")[2]) < 0.1
    assert (change[hips & (np.abs(points[:, 1]) < 0.2)] < 0).any()
    assert (change[~(hips | np.any(near, axis=0))] == 0).all()


def test_varied_outfits_are_possible_and_varied():
    outfits = [draw_varied_outfit(np.random.default_rng(k)) for k in range(60)]
    assert {outfit.hair for outfit in outfits} == {
        "bald", "short", "bob", "long", "cap", "bun", "hat"
    }  # fmt: skip
    assert any(outfit.layer_k > 0 for outfit in outfits)
    with pytest.raises(ValueError, match="fold_k"):
        Outfit(fold_k=9.0)


ARM, LEG = ("clavicle", "upper_arm", "forearm", "hand"), ("thigh", "shank", "foot")
#: Switch -> all that it may change; cameras and people cut off decide where there is room.
CHANGES = {
    "arms": (*ARM, "pelvis_m"),
    "trunk": ("spine_lower", "spine_upper", "chest", "pelvis", "thigh", "pelvis_m"),
    "legs": (*LEG, "pelvis_m"),
    "layers": (*OUTFIT_PARTS["layers"], "sleeve"),
    "bare_skin": (*OUTFIT_PARTS["bare_skin"], "sleeve"),
    "hot_rooms": ("air_degc", "gradient_k", "skin_degc"),
    "heat": ("air_degc", "skin_degc"),
    "structure": ("structure_k", "sunlit_k"),
    "lures": ("distractors",),
    "dogs": ("distractors",),
    "touching": ("pelvis_m",),
    "contact": (*ARM, "pelvis_m"),
} | {part: OUTFIT_PARTS[part] for part in ("folds", "hems", "heads", "face_wear")}


@cache
def life_clips(life, units=8):
    shares = {ClipKind.LIFE: 1.0}
    stream = TrainingStream(StreamOptions(seed=4, n_bodies=2, shares=shares, life=life))
    return [clip for unit in range(units) for clip in stream.clips(unit)]


def told(clip):
    """All that is drawn of a clip, by name; names of bones without their side."""
    facts = {("room", name): value for name, value in vars(clip.scene.room).items()}
    for name in ("distractors", "chairs", "thermal", "thermal_placement", "seed"):
        facts["scene", name] = getattr(clip.scene, name)
    for actor in clip.actors:
        person = actor.person_id
        facts |= {(person, name): value for name, value in vars(actor.outfit).items()}
        facts[person, "pelvis_m"] = [pose.pelvis_m.tolist() for pose in actor.motion.poses]
        for bone, index in BONE_INDEX.items():
            turns = [pose.rotations[index].tolist() for pose in actor.motion.poses]
            facts[person, bone] = turns
    return facts


def changed(before, after):
    """Names of what differs in any of two lists of clips."""
    names = set()
    for first, second in zip(before, after, strict=True):
        one, other = told(first), told(second)
        names |= {key[1] for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("switch", list(LIFE_REASONS))
def test_each_switch_changes_what_it_names_and_nothing_else(switch):
    """Hands on others are off for all but their own switch, because they follow all limbs."""
    whole = dataclasses.replace(WHOLE_LIFE, contact=switch == "contact")
    names = changed(life_clips(whole), life_clips(dataclasses.replace(whole, **{switch: False})))
    assert names
    if switch in CHANGES:
        assert names <= set(CHANGES[switch])


@pytest.mark.parametrize(("heat", "least", "most"), [(True, 0.035, 0.12), (False, 0.0, 0.01)])
def test_a_share_of_people_is_dressed_colder_than_the_walls(heat, least, most):
    options = dataclasses.replace(WHOLE_LIFE, heat=heat)
    below_k = []
    for seed in range(400):
        rng = np.random.default_rng((seed, 8))
        room = life_scene(rng, "lepton", options).room
        outfit = draw_varied_outfit(rng, room.air_degc)
        below_k.append(outfit.top_warmth * (room.air_degc - outfit.skin_degc))
    assert least <= np.mean(np.array(below_k) > 0.5) <= most


def test_each_switch_has_a_reason_and_is_on():
    assert all(LIFE_REASONS.values()) and all(vars(LifeOptions()).values())


def test_without_arms_trunk_and_legs_people_move_as_in_the_ward():
    still = dataclasses.replace(WHOLE_LIFE, arms=False, trunk=False, legs=False)
    assert changed(life_clips(still, 1), life_clips(WHOLE_LIFE, 1)) >= {"thigh", "forearm"}


def test_frames_of_life_have_people_with_boxes_inside():
    shard = TrainingStream(StreamOptions(seed=5, n_bodies=2, shares={ClipKind.LIFE: 1.0})).shard(
        0, 1
    )
    assert shard["person"].all() and len(shard["boxes"]) > 20
    assert (shard["boxes"][:, :2] > -1.1).all() and (shard["boxes"][:, 2] < 80.6).all()


@pytest.fixture(scope="module")
def many_clips():
    """210 clips, drawn and not rendered."""
    return life_clips(WHOLE_LIFE, 70)


def gap_m(clip, number):
    """Least distance of the surfaces of the first two people in a frame's posture, m."""
    one, other = (
        pose_vertices(actor.body.coarse, actor.body, actor.motion.poses[number])
        for actor in clip.actors[:2]
    )
    return cdist(one, other).min()


def cut_at(clip, actor):
    """Borders (left, top, right, bottom) beyond which more than 5 % of a person in view lies."""
    vertices = pose_vertices(actor.body.coarse, actor.body, actor.motion.poses[0])
    xy, depth_m = clip.scene.thermal_camera.project(vertices)
    xy = xy[depth_m > 0.1]
    last = np.array(clip.scene.thermal.intrinsics.size_wh) - 0.5
    beyond = np.concatenate([xy < -0.5, xy > last], axis=1)
    in_view = (~beyond.any(axis=1)).mean() > 0.1 if len(xy) else False
    return beyond.mean(axis=0) > 0.05 if in_view else None


def test_people_are_cut_off_at_each_of_the_four_borders(many_clips):
    borders = [cut_at(clip, actor) for clip in many_clips for actor in clip.actors]
    seen = np.array([cut for cut in borders if cut is not None])
    assert len(seen) > 220
    assert (seen.mean(axis=0) > 0.04).all(), seen.mean(axis=0)
    assert 0.2 < seen.any(axis=1).mean() < 0.7


def test_a_dog_is_beside_a_person_in_some_rooms(many_clips):
    near = 0
    for clip in many_clips:
        feet = clip.actors[0].motion.poses[0].pelvis_m[:2]
        pets = [thing for thing in clip.scene.distractors if thing.kind == "pet"]
        near += any(np.hypot(*(feet - pet.position_m[:2])) < 1.1 for pet in pets)
    assert 0.1 < near / len(many_clips) < 0.3


def test_in_a_share_of_the_pairs_a_hand_is_on_the_other_person(many_clips):
    alone = life_clips(dataclasses.replace(WHOLE_LIFE, contact=False), 40)
    gaps, before = [], []
    for clip, apart in zip(many_clips[: len(alone)], alone, strict=True):
        if len(clip.actors) > 1 and not same_motion(clip.actors[1], apart.actors[1]):
            for number in range(0, 15, 3):
                moved = clip.actors[1].motion.poses[number]
                if (moved.rotations != apart.actors[1].motion.poses[number].rotations).any():
                    gaps.append(gap_m(clip, number))
                    before.append(gap_m(apart, number))
    assert len(gaps) > 30
    assert max(gaps) < 0.03 < np.percentile(before, 60)


def same_motion(one, other):
    return all(
        (a.rotations == b.rotations).all()
        for a, b in zip(one.motion.poses, other.motion.poses, strict=True)
    )


def test_nobody_touches_a_person_out_of_reach():
    rng = np.random.default_rng(0)
    here, away = (exercise_pose(body(), rng, (x, 0.0), 0.0) for x in (0.0, 2.0))
    assert hand_on(body(), here, body(), away, rng) is None
