# SPDX-License-Identifier: Apache-2.0
"""Words and numbers of the report: formats, names of phases, advice for a refused trial."""

from datetime import UTC, datetime
from html import escape
from typing import Final

from thermal_pose.types import NS_PER_S, Phase, TrialReason

NOT_A_DEVICE: Final = (
    "Not a medical device. For research and documentation; not for diagnosis, treatment or "
    "prediction of falls."
)

PHASE_NAMES: Final = {
    Phase.UNKNOWN: "Not recognised",
    Phase.SEATED: "Seated",
    Phase.SIT_TO_STAND: "Sit to stand",
    Phase.WALK_OUT: "Walk out",
    Phase.TURN: "Turn",
    Phase.WALK_BACK: "Walk back",
    Phase.TURN_TO_SIT: "Turn to sit",
    Phase.STAND_TO_SIT: "Stand to sit",
}

REASON_NAMES: Final = {
    TrialReason.VALID: "Valid",
    TrialReason.NO_PERSON: "No person found",
    TrialReason.NEVER_SAT: "Never sat down",
    TrialReason.NEVER_STOOD: "Never stood up",
    TrialReason.STOPPED_EARLY: "Stopped early",
    TrialReason.LEFT_VIEW: "Left the view",
    TrialReason.SECOND_PERSON: "Done by a second person",
    TrialReason.FRAMES_LOST: "Too many frames lost",
    TrialReason.STAMP_GAP: "Gap in the recording",
    TrialReason.WRONG_ORDER: "Phases out of order",
    TrialReason.TOO_SLOW: "Too slow for this test",
}

ADVICE: Final = {
    TrialReason.NO_PERSON: "Check that the camera sees the chair and the whole walkway, and that "
    "nothing warm hides the person.",
    TrialReason.NEVER_SAT: "Start recording while the person sits, and stop a few seconds after "
    "the person sits again.",
    TrialReason.NEVER_STOOD: "Repeat the test; the recording shows a seated person only.",
    TrialReason.STOPPED_EARLY: "Repeat the test when the person is ready; let the recording run "
    "until the person sits again.",
    TrialReason.LEFT_VIEW: "Move the camera so that it sees the chair and the turn mark, then "
    "repeat the test.",
    TrialReason.SECOND_PERSON: "Repeat the test with one person on the walkway; a helper stays "
    "at the side.",
    TrialReason.FRAMES_LOST: "Check the camera's cable and the computer's load, then repeat the "
    "test.",
    TrialReason.STAMP_GAP: "Check the camera's cable and the computer's load, then repeat the "
    "test.",
    TrialReason.WRONG_ORDER: "Repeat the test: stand up, walk to the mark, turn, walk back, sit.",
    TrialReason.TOO_SLOW: "Time this test by hand, if it was one.",
}

#: Keeps a figure and its unit on one line.
_SPACE: Final = "\N{NO-BREAK SPACE}"

#: Stamps before this year come from a clock that was never set: no date is shown then.
_FIRST_YEAR: Final = 2000


def seconds(value: float | None, decimals: int = 2) -> str:
    """Return a duration such as '12.34 s'; an em dash for None."""
    return "—" if value is None else f"{value:.{decimals}f}{_SPACE}s"


def signed_seconds(value: float, decimals: int = 2) -> str:
    """Return a change such as '+0.40 s', with a true minus sign."""
    rounded = round(value, decimals) + 0.0
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{abs(rounded):.{decimals}f}{_SPACE}s"


def number(value: float, uncertainty: float | None = None) -> str:
    """Return a figure with decimals that suit its uncertainty, or else its size."""
    scale = uncertainty if uncertainty else abs(value) / 50.0
    decimals = 0 if scale >= 1 else 1 if scale >= 0.1 else 2
    return f"{value + 0.0:.{decimals}f}".replace("-", "−")


def recorded(origin_ns: int) -> str:
    """Return a stamp's date and time in UTC; '' where the clock was evidently not set."""
    moment = datetime.fromtimestamp(origin_ns // NS_PER_S, tz=UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment.year >= _FIRST_YEAR else ""


def recorded_date(origin_ns: int) -> str:
    """Return a stamp's date in UTC; '' where the clock was evidently not set."""
    return recorded(origin_ns)[:10]


def subject_name(subject_id: str) -> str:
    """Return the pseudonym for people."""
    return subject_id or "not named"


def html(text: object) -> str:
    """Escape any text for HTML content and attributes."""
    return escape(str(text), quote=True)
