# SPDX-License-Identifier: Apache-2.0
"""Heat that people leave on the seat and on the floor."""

from typing import Final

import numpy as np

from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.lab.simulation.rooms.scene import Actor, Chair
from thermal_pose.lab.simulation.sensors.thermal_scene import FloorPrint
from thermal_pose.skeleton import Joint
from thermal_pose.types import FloatArray

_STEP_S: Final = 0.2
#: A cushion under a person approaches a warming of 5.5 K with a time constant of 90 s, and cools
#: with a time constant of 120 s.
_SEAT_LIMIT_K: Final = 5.5
_SEAT_WARMING_S: Final = 90.0
_SEAT_COOLING_S: Final = 120.0
_FLOOR_COOLING_S: Final = 40.0
_STILL_M_S: Final = 0.15
_ON_FLOOR_M: Final = 0.17
_PRINT_SPACING_M: Final = 0.18
_MAX_PRINTS: Final = 24


class HeatHistory:
    """Heat traces of the actors of a recording at any time, in any order of requests.

    Parameters
    ----------
    actors : all people of the recording.
    chair : the test's chair; None if there is none.
    seat_warm_k : warming of its seat at time 0, K.
    """

    def __init__(self, actors: tuple[Actor, ...], chair: Chair | None, seat_warm_k: float) -> None:
        self._actors, self._chair = actors, chair
        self._seat_k = [seat_warm_k]
        self._prints: list[list[tuple[float, float, float, float]]] = [[]]
        self._feet: dict[tuple[int, int], FloatArray] = {}

    def seat_warm_k(self, time_s: float) -> float:
        """Warming of the seat at a time, K."""
        return self._seat_k[self._advance(time_s)]

    def floor_prints(self, time_s: float) -> tuple[FloorPrint, ...]:
        """Warm spots on the floor at a time, at most `_MAX_PRINTS`."""
        step = self._advance(time_s)
        spots = []
        for x_m, y_m, since_s, strength_k in self._prints[step]:
            age_s = max(step * _STEP_S - since_s, 0.0)
            spots.append(
                FloorPrint(x_m, y_m, strength_k * float(np.exp(-age_s / _FLOOR_COOLING_S)))
            )
        return tuple(spots)

    def _advance(self, time_s: float) -> int:
        wanted = max(int(time_s / _STEP_S), 0)
        while len(self._seat_k) <= wanted:
            self._follow(len(self._seat_k) * _STEP_S)
        return wanted

    def _follow(self, time_s: float) -> None:
        seated = False
        prints = list(self._prints[-1])
        for actor in self._actors:
            if not actor.motion.present(time_s):
                continue
            joints_m = pose_keypoints(actor.body, actor.motion.pose(time_s))
            seated |= self._is_seated(joints_m)
            self._leave_prints(actor, joints_m, time_s, prints)
        before_k = self._seat_k[-1]
        rate = (
            (_SEAT_LIMIT_K - before_k) / _SEAT_WARMING_S
            if seated
            else (-before_k / _SEAT_COOLING_S)
        )
        self._seat_k.append(before_k + rate * _STEP_S)
        self._prints.append(prints[-_MAX_PRINTS:])

    def _is_seated(self, joints_m: FloatArray) -> bool:
        if self._chair is None:
            return False
        hips = joints_m[[Joint.LEFT_HIP, Joint.RIGHT_HIP]].mean(axis=0)
        near = np.hypot(*(hips[:2] - self._chair.position_m)) < 0.3
        return bool(near and hips[2] < self._chair.seat_height_m + 0.2)

    def _leave_prints(
        self,
        actor: Actor,
        joints_m: FloatArray,
        time_s: float,
        prints: list[tuple[float, float, float, float]],
    ) -> None:
        limit_k = 2.5 if actor.outfit.barefoot else 0.6 * actor.outfit.shoe_warmth
        for joint in (Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE):
            ankle = joints_m[joint]
            before = self._feet.get((actor.person_id, joint), ankle + 1.0)
            self._feet[actor.person_id, joint] = ankle
            moving = np.linalg.norm(ankle - before) > _STILL_M_S * _STEP_S
            if moving or ankle[2] > _ON_FLOOR_M:
                continue
            x_m, y_m = float(ankle[0]), float(ankle[1])
            strength_k = 0.25 * limit_k
            for old in prints:
                if np.hypot(old[0] - x_m, old[1] - y_m) < _PRINT_SPACING_M:
                    strength_k = min(old[3] + 0.05 * limit_k, limit_k)
                    prints.remove(old)
                    break
            prints.append((x_m, y_m, time_s, strength_k))
