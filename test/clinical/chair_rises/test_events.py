# SPDX-License-Identifier: Apache-2.0
"""First movement from the lean, fitted offsets, and what is no attempt to rise."""

import json
from pathlib import Path

import numpy as np
import pytest

from thermal_pose.clinical.chair_rises.curves import RiseCurves
from thermal_pose.clinical.chair_rises.cycles import find_cycles, rises_of_cycles
from thermal_pose.clinical.chair_rises.events import EVENTS, event_offsets, event_sd_s
from thermal_pose.clinical.chair_rises.lean import lean_s
from thermal_pose.errors import ModelArtifactError

TIMES_S = np.arange(0.0, 20.0, 0.125)
SEATED_PX, STANDING_PX, TRUNK_PX = 12.0, 20.0, 10.0


def curves(height_px, trunk_px=None) -> RiseCurves:
    nothing = np.zeros(len(TIMES_S))
    trunk = np.full(len(TIMES_S), TRUNK_PX) if trunk_px is None else trunk_px
    return RiseCurves(TIMES_S, height_px, trunk, nothing, nothing + 0.8, walked=False)


def ramp(from_s: float, to_s: float) -> np.ndarray:
    return np.interp(TIMES_S, [from_s, to_s], [0.0, 1.0])


def five_rises(sitting_back_px: float = 0.0) -> np.ndarray:
    """Rises every 3 s from 3 s on; between them the person sits back, hips higher."""
    height = np.full(len(TIMES_S), SEATED_PX)
    for k in range(5):
        start_s = 3.0 + 3.0 * k
        up = ramp(start_s, start_s + 0.8) - ramp(start_s + 1.0, start_s + 1.8)
        back = ramp(start_s + 1.8, start_s + 2.2) - ramp(start_s + 2.6, start_s + 3.0)
        height = height + (STANDING_PX - SEATED_PX) * up + sitting_back_px * back
    if sitting_back_px:
        height = height + sitting_back_px * (1.0 - ramp(2.2, 2.8))
    return height


def test_the_lean_is_found_where_the_trunk_shortens() -> None:
    trunk = TRUNK_PX - 3.0 * (ramp(4.0, 5.0) - ramp(5.2, 6.0))
    found_s = lean_s(curves(five_rises(), trunk), 5.3, 5.6)
    # 70 % of the shortening, of a ramp from 4 to 5 s.
    assert found_s == pytest.approx(4.7, abs=0.06)


@pytest.mark.parametrize(
    "trunk",
    [
        np.full(len(TIMES_S), TRUNK_PX),
        np.full(len(TIMES_S), np.nan),
        TRUNK_PX - 0.2 * ramp(4.0, 5.0),
    ],
)
def test_without_a_lean_there_is_none(trunk) -> None:
    assert lean_s(curves(five_rises(), trunk), 5.3, 5.6) is None


def test_the_lean_places_the_first_movement_and_no_other() -> None:
    cycles = find_cycles(curves(five_rises()))
    plain, leaned = rises_of_cycles(cycles), rises_of_cycles(cycles, 2.5)
    assert len(plain) == 5 and plain[1:] == leaned[1:]
    offset = event_offsets()["first_start"]
    up_s = cycles[0].up_s[2] - cycles[0].up_s[0]
    assert leaned[0].rise_start_s == pytest.approx(offset.at(2.5, up_s, 3.0), abs=0.01)


def test_sitting_back_is_no_attempt_to_rise() -> None:
    found = find_cycles(curves(five_rises(sitting_back_px=3.0)))
    assert len(found) == 5
    assert all(cycle.share > 0.9 for cycle in found)


def test_heights_are_counted_from_the_seated_rest_before_the_first_rise() -> None:
    # Leaning before each rise brings the hips 3 px below the rest; the third rise is half as high.
    height = five_rises()
    for k in range(5):
        start_s = 3.0 + 3.0 * k
        height = height - 3.0 * (ramp(start_s - 0.6, start_s - 0.3) - ramp(start_s - 0.3, start_s))
    half = (TIMES_S > 8.95) & (TIMES_S < 10.85)
    height = np.where(half, SEATED_PX + 0.5 * (height - SEATED_PX), height)
    shares = [cycle.share for cycle in find_cycles(curves(height))]
    assert len(shares) == 5
    assert shares == pytest.approx([1.0, 1.0, 0.5, 1.0, 1.0], abs=0.03)


def test_every_event_has_an_offset_and_a_spread() -> None:
    offsets = event_offsets()
    assert tuple(offsets) == EVENTS and all(0 < row.sd_s < 0.3 for row in offsets.values())
    assert event_sd_s("stand", "stand") == pytest.approx(offsets["stand"].sd_s * np.sqrt(2.0))


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"offsets": {"stand": {}}})])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "events.json"
    file.write_text(content)
    with pytest.raises(ModelArtifactError, match=r"events\.json"):
        event_offsets(file)
