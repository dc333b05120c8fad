# SPDX-License-Identifier: Apache-2.0
"""Ground truth of a thermal frame: joints, COCO visibility, box and area of silhouettes."""

from typing import Final

import numpy as np

from thermal_pose.lab.simulation.jit import njit
from thermal_pose.lab.simulation.people.annotation import annotated_keypoints
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.lab.simulation.sensors.rasteriser import Canvas, View, silhouettes
from thermal_pose.lab.simulation.sensors.thermal_scene import PosedActor
from thermal_pose.types import Float64Array, FloatArray, Int64Array, TruePerson, UInt8Array

#: Greatest depth of a visible joint below the visible surface, in the order of COCO joints, m: half
#: the thickness of the limb plus cloth.
_DEPTH_M: Final = (
    *(0.05, 0.045, 0.045, 0.06, 0.06),
    *(0.15, 0.15, 0.10, 0.10, 0.08, 0.08),
    *(0.28, 0.28, 0.13, 0.13, 0.11, 0.11),
)
#: Least sub-pixels of a silhouette; smaller ones are specks between other objects.
_MIN_SUB_PIXELS: Final = 6


def true_persons(canvas: Canvas, view: View, people: list[PosedActor]) -> tuple[TruePerson, ...]:
    """Ground truth of all people in the room, in the order of `people`.

    Parameters
    ----------
    canvas : supersampled canvas with the people; its `ids` are their person ids.
    view : view of the canvas.
    people : all people on the canvas.

    Returns
    -------
    persons : boxes and areas of *visible* silhouettes, in px of the thermal frame. Joints include
        hidden ones and those outside the frame; joints behind the camera are far outside.
    """
    if not people:
        return ()
    extents = silhouettes(canvas.ids, max(person.actor.person_id for person in people))
    return tuple(_true_person(canvas, view, person, extents) for person in people)


def _true_person(canvas: Canvas, view: View, person: PosedActor, extents: Int64Array) -> TruePerson:
    actor = person.actor
    joints_m = pose_keypoints(actor.body, person.pose)
    annotated_m = annotated_keypoints(actor.body, person.pose)
    xy = view.camera.project(annotated_m)[0]
    # Joints behind the camera get a position outside every image, because readers expect no NaN.
    xy = np.where(np.isnan(xy), -1e4, xy)
    left, right, top, bottom, count = extents[actor.person_id]
    box = None
    if count >= _MIN_SUB_PIXELS:
        edges = np.array((left - 0.5, top - 0.5, right + 0.5, bottom + 0.5))
        x_min, y_min, x_max, y_max = (float(edge) for edge in view.pixels(edges))
        box = (x_min, y_min, x_max, y_max)
    return TruePerson(
        person_id=actor.person_id,
        role=actor.role,
        box_xyxy=box,
        area_px=float(count) / view.scale**2 if box is not None else 0.0,
        xy=xy.astype(np.float32),
        visibility=joint_visibility(canvas, view, actor.person_id, annotated_m),
        joints_m=joints_m,
    )


def joint_visibility(
    canvas: Canvas, view: View, person_id: int, joints_m: FloatArray
) -> UInt8Array:
    """COCO visibility (17,): 0 outside the image, 1 occluded, 2 visible.

    A joint is visible if the z-buffer shows the person's own surface at most `_DEPTH_M` in front of
    it. The eight neighbouring sub-pixels count, too, because loose cloth and rasterisation can put
    a joint just outside its own silhouette.
    """
    pixels, depth_m = view.camera.project(joints_m)
    screen = np.where(np.isfinite(pixels), (pixels + 0.5) * view.scale - 0.5, -1e6)
    return _visibility(
        canvas.ids, canvas.inverse_depth, person_id, np.round(screen), depth_m - np.array(_DEPTH_M)
    )


@njit(cache=True, nogil=True)
def _visibility(
    ids: UInt8Array,
    inverse_depth: FloatArray,
    person_id: int,
    screen: Float64Array,
    nearest_m: Float64Array,
) -> UInt8Array:
    rows, columns = ids.shape
    visibility = np.zeros(screen.shape[0], np.uint8)
    for joint in range(screen.shape[0]):
        column, row = int(screen[joint, 0]), int(screen[joint, 1])
        if not (0 <= column < columns and 0 <= row < rows):
            continue
        visibility[joint] = 1
        for i in range(max(row - 1, 0), min(row + 2, rows)):
            for j in range(max(column - 1, 0), min(column + 2, columns)):
                if ids[i, j] == person_id and inverse_depth[i, j] * nearest_m[joint] < 1.0:
                    visibility[joint] = 2
    return visibility
