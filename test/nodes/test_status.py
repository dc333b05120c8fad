# SPDX-License-Identifier: Apache-2.0
import time

import pytest

from thermal_pose.messages.fields import header_message
from thermal_pose.msg import Keypoints, MovementReport, MovementState
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.session import SessionOutcome
from thermal_pose.nodes.status import StatusNode

pytestmark = pytest.mark.graph


@pytest.mark.parametrize(
    ("test", "value", "unit", "said"),
    [
        ("timed_up_and_go", 10.514, "s", "Timed Up and Go, 10.51 s"),
        ("chair_stand_30s", 9.0, "stands", "30-second chair stand, 9 stands"),
    ],
)
def test_the_outcome_is_that_of_any_test(test: str, value: float, unit: str, said: str) -> None:
    report = MovementReport(test=test, valid=True, value=value, unit=unit, json="{}")
    assert SessionOutcome(report, 1, 2.0).summary_line().endswith(f"last: {said}")
    refused = MovementReport(test=test, valid=False, sentence="Nobody stood up.")
    assert SessionOutcome(refused, 1, 2.0).summary_line().endswith("refused: Nobody stood up.")


def test_the_line_shows_label_time_and_repetitions_of_any_test(ros) -> None:
    status = StatusNode()
    status.listen()
    now_ns = time.time_ns()
    status._on_keypoints(Keypoints(header=header_message(live, now_ns, "cam")))
    assert not status.drained
    status._on_state(
        MovementState(
            header=header_message(live, now_ns, "cam"), test="chair_stand_30s", label="standing",
            repetitions=3, elapsed_s=8.25,
        )
    )  # fmt: skip
    assert "STANDING" in status.line() and "8.25 s | 3 x" in status.line()
    status.ended = True
    assert status.drained, "the last keypoints were answered"
    status._on_report(MovementReport(test="chair_stand_30s", valid=True, value=9.0))
    assert status.trials == 1 and status.report.value == 9.0
    status._on_state(MovementState(test="nonsense"))
    status.destroy_node()
