# SPDX-License-Identifier: Apache-2.0
import pytest
from support.rises import even_rises, frames
from support.stick_figure import Figure

from thermal_pose.clinical.catalogue import DETECTED, MOVEMENT_TESTS, chosen_test, movement_test
from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S, FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.pipeline.session import TrialSession

#: Five rises, a pause of four seconds, and five more.
PAUSED = [*even_rises(5), *even_rises(6, first_s=20.0)]


def followed(made, test, go_at=None):
    session = TrialSession(TugParams(subject_id="P-1"), test)
    updates = []
    for number, frame in enumerate(made):
        updates.append(session.keypoints(frame))
        if number == go_at:
            session.start(frame.stamp_ns)
    return session.finish().result, updates


@pytest.mark.parametrize("go_at", [None, 8])
@pytest.mark.parametrize(
    ("made", "test"),
    [
        (lambda: frames(even_rises(5), 24.0), FIVE_TIMES_SIT_TO_STAND),
        (lambda: frames(even_rises(3), 16.0), FIVE_TIMES_SIT_TO_STAND),
        (lambda: frames(even_rises(13), 43.0), CHAIR_STAND_30S),
        (lambda: frames(PAUSED, 45.0), CHAIR_STAND_30S),
        (lambda: Figure().frames(), TIMED_UP_AND_GO),
        (lambda: frames([], 9.0), TIMED_UP_AND_GO),
    ],
)
def test_the_result_is_that_of_the_test_chosen(made, test, go_at) -> None:
    detected, _ = followed(made(), DETECTED, go_at)
    chosen, _ = followed(made(), test, go_at)
    assert detected.to_json() == chosen.to_json()


def test_five_rises_end_the_test_after_a_rest_and_a_pause_does_not() -> None:
    _, updates = followed(frames(even_rises(5), 24.0), DETECTED)
    over = next(n for n, update in enumerate(updates) if update.finished) / 8.0
    assert 16.0 + 5.5 < over < 16.5 + 7.5, "the fifth seat contact is at 16.3 s"
    _, updates = followed(frames(PAUSED, 45.0), DETECTED)
    over = next(n for n, update in enumerate(updates) if update.finished) / 8.0
    assert over > 32.0


def test_what_is_shown_meanwhile() -> None:
    _, updates = followed(frames(even_rises(5), 24.0), DETECTED)
    assert {update.label for update in updates} >= {"seated", "sit_to_stand", "standing"}
    assert updates[-1].repetitions == 5
    _, updates = followed(Figure().frames(), DETECTED)
    assert {"WALK_OUT", "TURN", "WALK_BACK"} <= {update.phase.name for update in updates}
    assert any(update.finished for update in updates)


def test_reset_and_new_parameters_reach_every_test() -> None:
    session = TrialSession(TugParams(), DETECTED)
    for frame in frames(even_rises(5), 24.0):
        session.keypoints(frame)
    assert session.n_frames > 100
    session.begin_again()
    assert session.n_frames == 0
    session.params = TugParams(subject_id="P-2")
    for frame in frames(even_rises(5), 24.0):
        session.keypoints(frame)
    assert session.finish().result.subject_id == "P-2"


def test_no_result_is_of_the_test_that_stands_for_all() -> None:
    assert chosen_test("auto") is DETECTED and chosen_test("") is TIMED_UP_AND_GO
    assert DETECTED.key not in MOVEMENT_TESTS
    with pytest.raises(ValueError, match="'auto'"):
        movement_test("auto")
