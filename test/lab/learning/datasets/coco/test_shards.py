# SPDX-License-Identifier: Apache-2.0
import json

import cv2
import numpy as np
import pytest

from thermal_pose.cli import main as command
from thermal_pose.errors import ConfigError, TrainingError
from thermal_pose.lab.learning.datasets.coco.shards import build_from_coco
from thermal_pose.lab.learning.pose_data import load_folder


def _person(number, image, keypoints=None, **more):
    keypoints = keypoints if keypoints is not None else [[2 * j, 3 * j, j % 3] for j in range(17)]
    return {
        "id": number,
        "image_id": image,
        "bbox": [20, 10, 40, 80],
        "keypoints": np.ravel(keypoints).tolist(),
        "num_keypoints": 11,
        **more,
    }


@pytest.fixture
def annotated(tmp_path):
    """A picture of 8 bits and twice the size, with two people, and one of 16 bits with one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.full((120, 160), 255, np.uint8))
    cv2.imwrite(str(folder / "b.png"), np.full((60, 80), 30015, np.uint16))
    content = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 3, "file_name": "b.png"}],
        "annotations": [
            _person(1, 7, area=1600.0),
            _person(2, 3, bbox=[20, 10, 40, 48]),
            _person(3, 7),
            {"id": 4, "image_id": 7, "num_keypoints": 0, "bbox": [0, 0, 1, 1]},
        ],
    }
    path = tmp_path / "people.json"
    path.write_text(json.dumps(content))
    return path, content


def test_people_of_all_pictures_become_rows_in_thermal_pixels(annotated, tmp_path) -> None:
    path, _ = annotated
    out = tmp_path / "out"
    assert build_from_coco(path, tmp_path / "pictures", out, "otp") == 3
    data = load_folder(out)
    assert data.subjects == ("otp",) and data.frames.shape == (2, 60, 80)
    small, large = 0, [1, 2]  # rows are in the order of their pictures' ids
    assert data.frame_of.tolist() == [0, 1, 1]
    assert (data.frames[0] == 30015).all()
    assert (data.frames[1] == 29315 + 1600).all()  # 255 of 255: the hot end of 20 to 36 C
    np.testing.assert_allclose(data.xy[small, :, 0], 2 * np.arange(17))
    np.testing.assert_array_equal(data.visibility[small], np.arange(17) % 3)
    # Half the size: the centre of pixel 0 of two lies at -0.25 of the small picture's.
    np.testing.assert_allclose(data.xy[large[0], :, 0], np.arange(17) - 0.25)
    np.testing.assert_allclose(data.boxes[large[0]], [9.75, 4.75, 29.75, 44.75])
    np.testing.assert_allclose(data.area_px, [40 * 48, 1600 / 4, 40 * 80 / 4])
    assert np.isnan(data.distance_m).all() and data.person.all()


@pytest.mark.parametrize(
    ("size_wh", "real_wh"), [((200, 160), (75, 60)), ((160, 90), (80, 45)), ((40, 30), (80, 60))]
)
def test_people_keep_their_proportions_in_pictures_of_any_shape(tmp_path, size_wh, real_wh) -> None:
    picture = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    picture[:, -4:] = 255
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    joints = [[4 + j, 4 + j, 2] for j in range(17)]
    person = _person(1, 1, joints, bbox=[2, 2, 20, 20], num_keypoints=17)
    content = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [person]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    build_from_coco(tmp_path / "a.json", tmp_path, tmp_path / "out")
    data = load_folder(tmp_path / "out")
    assert data.frames.shape == (1, 60, 80) and data.frame_rows.tolist() == [real_wh[1]]
    box = data.boxes[0]
    assert box[2] - box[0] == pytest.approx(box[3] - box[1], rel=0.01)
    np.testing.assert_allclose(data.xy[0, :, 0], data.xy[0, :, 1], atol=0.01)
    assert (data.frames[0, :, real_wh[0] - 1 :] == data.frames[0, 0, -1]).all()  # the last column


def test_the_command_reads_it_and_shows_samples(annotated, tmp_path, capsys) -> None:
    path, _ = annotated
    out = tmp_path / "out"
    words = ["dataset", str(path), "--images", str(tmp_path / "pictures"), "--out", str(out)]
    assert command.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 3
    assert "data:image/png;base64" in (out / "quality.html").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("images"), "not a COCO keypoint file"),
        (lambda c: c.update(annotations=[]), "no annotation holds a person"),
        (lambda c: c["images"][0].update(file_name="gone.png"), r"gone\.png: cannot be read"),
    ],
)
def test_files_that_cannot_be_used_are_named(annotated, tmp_path, change, message) -> None:
    path, content = annotated
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(TrainingError, match=message):
        build_from_coco(path, tmp_path / "pictures", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.npz"))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("a.png", lambda p: np.dstack([p.astype(np.float32)] * 3)[..., 0], "got float32"),
        ("b.png", lambda p: p // 4, r"expected centikelvin .* got a median of 7503"),
        ("b.png", lambda p: p[:50], "annotation 2: .*inside the picture of 80 x 50 px"),
    ],
)
def test_pictures_of_another_kind_are_named(annotated, tmp_path, name, change, message) -> None:
    path, content = annotated
    picture = cv2.imread(str(tmp_path / "pictures" / name), cv2.IMREAD_UNCHANGED)
    # A format that holds every kind of pixel.
    cv2.imwrite(str(tmp_path / "pictures" / "c.tiff"), change(picture))
    for image in content["images"]:
        if image["file_name"] == name:
            image["file_name"] = "c.tiff"
    path.write_text(json.dumps(content))
    with pytest.raises(TrainingError, match=message):
        build_from_coco(path, tmp_path / "pictures", tmp_path / "out")


def test_a_size_unlike_the_picture_is_named(annotated, tmp_path) -> None:
    path, content = annotated
    content["images"][0].update(width=640, height=480)
    path.write_text(json.dumps(content))
    with pytest.raises(
        TrainingError, match=r"image 7 is labelled as \(640, 480\) px, but .*\(160, 120\)"
    ):
        build_from_coco(path, tmp_path / "pictures", tmp_path / "out")


def test_a_file_that_is_no_json_is_named(tmp_path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(TrainingError, match=r"x\.json: not a COCO keypoint file"):
        build_from_coco(tmp_path / "x.json", tmp_path, tmp_path / "out")


def test_the_command_ends_with_one_line(annotated, tmp_path, capsys) -> None:
    path, content = annotated
    content["annotations"][0]["image_id"] = 99
    path.write_text(json.dumps(content))
    assert command.main(["dataset", str(path), "--out", str(tmp_path / "out")]) == 11
    assert capsys.readouterr().err.count("\n") == 1


def test_shards_of_another_cohort_are_not_taken_for_this_one(annotated, tmp_path) -> None:
    path, _ = annotated
    build_from_coco(path, tmp_path / "pictures", tmp_path / "out", "one")
    build_from_coco(path, tmp_path / "pictures", tmp_path / "out", "one")
    with pytest.raises(ConfigError, match="--cohort one and is now asked for with two"):
        build_from_coco(path, tmp_path / "pictures", tmp_path / "out", "two")


def test_files_of_one_name_are_refused(annotated, tmp_path, capsys) -> None:
    path, _ = annotated
    other = tmp_path / "other" / path.name
    words = ["dataset", str(path), str(other), "--out", str(tmp_path / "out")]
    assert command.main(words) == 10
    assert f"{path} and {other} have the same name" in capsys.readouterr().err
    assert command.main(["dataset", str(path), str(tmp_path), "--out", str(tmp_path / "o")]) == 10
    assert "got both" in capsys.readouterr().err
