# SPDX-License-Identifier: Apache-2.0
"""People as RViz markers: skeletons and names in the camera frame, discs on the floor."""

from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from thermal_pose.imaging.draw import IDENTITY_COLOURS
from thermal_pose.pipeline.placement import Placement
from thermal_pose.skeleton import LIMBS
from thermal_pose.types import Float64Array

_LIMB_WIDTH_M = 0.04
_JOINT_WIDTH_M = 0.07
_DISC_WIDTH_M, _DISC_HEIGHT_M = 0.5, 0.02
_NAME_HEIGHT_M = 0.15
#: Markers vanish by themselves this long after the last image.
_LIFETIME = Duration(sec=1)


def people_to_markers(
    header: Header,
    people: Sequence[tuple[int, Placement]],
    down: Float64Array,
) -> MarkerArray:
    """Return all people of one image; the first marker removes those of the image before.

    Parameters
    ----------
    header : the image's; its frame is the camera's optical frame.
    people : identity and place of each.
    down : (3,) unit vector towards the floor.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for track_id, place in people:
        markers += [
            _limbs(header, track_id, place),
            _joints(header, track_id, place),
            _name(header, track_id, place, down),
            _disc(header, track_id, place, down),
        ]
    return MarkerArray(markers=markers)


def _marker(header: Header, namespace: str, track_id: int, kind: int) -> Marker:
    blue, green, red = IDENTITY_COLOURS[track_id % len(IDENTITY_COLOURS)]
    return Marker(
        header=header,
        ns=namespace,
        id=track_id,
        type=kind,
        action=Marker.ADD,
        pose=Pose(orientation=Quaternion(w=1.0)),
        lifetime=_LIFETIME,
        color=ColorRGBA(r=red / 255, g=green / 255, b=blue / 255, a=1.0),
    )


def _limbs(header: Header, track_id: int, place: Placement) -> Marker:
    marker = _marker(header, "limbs", track_id, Marker.LINE_LIST)
    marker.scale = Vector3(x=_LIMB_WIDTH_M)
    ends = [place.joints_m[[start, end]] for start, end in LIMBS]
    marker.points = [_point(xyz) for pair in ends if np.isfinite(pair).all() for xyz in pair]
    return marker


def _joints(header: Header, track_id: int, place: Placement) -> Marker:
    marker = _marker(header, "joints", track_id, Marker.SPHERE_LIST)
    marker.scale = Vector3(x=_JOINT_WIDTH_M, y=_JOINT_WIDTH_M, z=_JOINT_WIDTH_M)
    marker.points = [_point(xyz) for xyz in place.joints_m if np.isfinite(xyz).all()]
    return marker


def _name(header: Header, track_id: int, place: Placement, down: Float64Array) -> Marker:
    marker = _marker(header, "names", track_id, Marker.TEXT_VIEW_FACING)
    marker.scale = Vector3(z=_NAME_HEIGHT_M)
    marker.text = str(track_id)
    marker.pose.position = _point(place.floor_m - 2.0 * down)
    return marker


def _disc(header: Header, track_id: int, place: Placement, down: Float64Array) -> Marker:
    marker = _marker(header, "floor", track_id, Marker.CYLINDER)
    marker.scale = Vector3(x=_DISC_WIDTH_M, y=_DISC_WIDTH_M, z=_DISC_HEIGHT_M)
    marker.pose.position = _point(place.floor_m)
    marker.pose.orientation = _turn_z_to(down)
    return marker


def _turn_z_to(direction: Float64Array) -> Quaternion:
    """Return the shortest rotation that turns the z axis to a unit vector."""
    x, y, z = direction
    if z < -1 + 1e-9:
        return Quaternion(x=1.0, w=0.0)
    axis = np.array([-y, x, 0.0, 1 + z]) / np.sqrt(2 * (1 + z))
    return Quaternion(x=axis[0], y=axis[1], z=axis[2], w=axis[3])


def _point(xyz: Float64Array) -> Point:
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))
