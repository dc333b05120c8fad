# SPDX-License-Identifier: Apache-2.0
"""What a movement test is to everything that is not that test: its names and its headline.

A test consists of a phase model, measures, validity rules (all in its folder) and a report
section (`report/pages.py`). Store, history, nodes and pages know a test by this record only, so a
new test needs no change in them.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MovementTest:
    """One clinical test.

    Attributes
    ----------
    key : stable name in results, topics and files, such as 'timed_up_and_go'.
    title : for people.
    headline : key in the result's JSON of the one figure that the test gives.
    headline_sd : key of that figure's standard deviation; '' where it has none.
    unit : of the headline, such as 's'; 'stands' is a count.
    decimals : of the headline in reports.
    instructions : what the person is told, one sentence per step.
    placement : where the camera stands.
    phases : names of the phases or events in their order, for display.
    """

    key: str
    title: str
    headline: str
    headline_sd: str
    unit: str
    decimals: int
    instructions: tuple[str, ...]
    placement: str
    phases: tuple[str, ...] = field(default=())
