# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass

import numpy as np
import pytest
from support.bodies import body, rest_pose

from thermal_pose.lab.simulation.people.body import BodyPose
from thermal_pose.lab.simulation.people.outfits import Outfit
from thermal_pose.lab.simulation.rooms.scene import Actor, Chair
from thermal_pose.lab.simulation.sensors.heat_traces import HeatHistory

pytestmark = pytest.mark.simulation


@dataclass(frozen=True)
class Sitter:
    """Sits on the chair from `since_s` to `until_s`, stands 2 m away before and after."""

    since_s: float
    until_s: float

    def pose(self, time_s):
        pose = rest_pose(body())
        seated = self.since_s <= time_s < self.until_s
        place = (0.0, 0.0, 0.56) if seated else (2.0, 0.5, float(pose.pelvis_m[2]))
        return BodyPose(np.array(place, np.float32), pose.rotations)

    def aid(self, time_s):
        return None

    def present(self, time_s):
        return time_s < 200.0


def history(motion, warm_k=0.0, outfit=None):
    actor = Actor(1, "subject", body(), outfit or Outfit(), motion)
    return HeatHistory((actor,), Chair(), warm_k)


def test_seat_warms_under_the_sitter_and_cools_after():
    heat = history(Sitter(5.0, 35.0))
    assert heat.seat_warm_k(4.9) == 0.0
    # 5.5 K with a time constant of 90 s, for 30 s.
    assert heat.seat_warm_k(35.0) == pytest.approx(5.5 * (1 - np.exp(-30 / 90)), rel=0.03)
    cooled = heat.seat_warm_k(155.0) / heat.seat_warm_k(35.0)
    assert cooled == pytest.approx(np.exp(-1), rel=0.03)


def test_any_order_of_times_gives_the_same():
    first, second = history(Sitter(1.0, 9.0), 2.0), history(Sitter(1.0, 9.0), 2.0)
    forward = [first.seat_warm_k(t) for t in (0.0, 3.0, 12.0)]
    second.seat_warm_k(12.0)
    assert [second.seat_warm_k(t) for t in (0.0, 3.0, 12.0)] == forward
    assert forward[0] == 2.0 and first.seat_warm_k(-1.0) == 2.0


def test_feet_leave_prints_where_they_stood_which_fade():
    heat = history(Sitter(5.0, 35.0))
    stood = heat.floor_prints(4.9)
    assert len(stood) == 2
    for trace in stood:
        assert np.hypot(trace.x_m - 2.0, trace.y_m - 0.5) < 0.3
    faded = [t for t in heat.floor_prints(30.0) if np.hypot(t.x_m - 2.0, t.y_m - 0.5) < 0.3]
    assert max(t.warm_k for t in faded) < 0.7 * max(t.warm_k for t in stood)


def test_bare_feet_leave_warmer_prints():
    shod, bare = (
        history(Sitter(50.0, 60.0), outfit=Outfit(barefoot=barefoot)).floor_prints(4.0)[0]
        for barefoot in (False, True)
    )
    assert bare.warm_k > 3 * shod.warm_k


def test_without_a_chair_nothing_warms():
    actor = Actor(1, "subject", body(), Outfit(), Sitter(0.0, 50.0))
    assert HeatHistory((actor,), None, 0.0).seat_warm_k(40.0) == 0.0
