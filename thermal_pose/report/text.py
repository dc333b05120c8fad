# SPDX-License-Identifier: Apache-2.0
"""Words and numbers of the report: formats, names of reasons, advice for a refused trial."""

import re
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from thermal_pose.clinical.records import MeasureStatus
from thermal_pose.language import DATE, DATE_AND_TIME, numerals, say
from thermal_pose.types import NS_PER_S, TrialReason

NOT_A_DEVICE: Final = (
    "Not a medical device. For research and documentation; not for diagnosis, treatment or "
    "prediction of falls."
)

STATUS_NAMES: Final = {
    MeasureStatus.VALIDATED: "validated on people",
    MeasureStatus.SIMULATED: "checked in simulation only",
    MeasureStatus.EXPERIMENTAL: "experimental",
}

REASON_NAMES: Final = {
    TrialReason.VALID: "Valid",
    TrialReason.NO_PERSON: "No person found",
    TrialReason.NEVER_SAT: "Never sat down",
    TrialReason.NEVER_STOOD: "Never stood up",
    TrialReason.STOPPED_EARLY: "Stopped early",
    TrialReason.LEFT_VIEW: "Left the view",
    TrialReason.SECOND_PERSON: "Done by a second person",
    TrialReason.FRAMES_LOST: "Person lost too often",
    TrialReason.STAMP_GAP: "Gap in the recording",
    TrialReason.WRONG_ORDER: "Phases out of order",
    TrialReason.TOO_SLOW: "Too slow for this test",
    TrialReason.BEGAN_LATE: "Recording began late",
    TrialReason.CUT_OFF: "Recording ended early",
    TrialReason.PAUSED: "Stood still too long",
    TrialReason.TWO_LAPS: "Walked the way twice",
    TrialReason.WALKED_BACKWARDS: "Walked backwards",
    TrialReason.SAT_ELSEWHERE: "Sat down elsewhere",
    TrialReason.SIT_TO_STANDS: "Repeated sit to stand",
    TrialReason.CAMERA_BEHIND: "Camera behind the chair",
    TrialReason.CAMERA_TILTED: "Camera tilted",
    TrialReason.UNCERTAIN: "Too uncertain",
    TrialReason.ARMS_USED: "Arms were used",
    TrialReason.INCOMPLETE_RISE: "Did not stand up fully",
    TrialReason.FROZEN: "Picture was frozen",
    TrialReason.WRONG_UNIT: "Wrong temperature unit",
    TrialReason.BYTE_ORDER: "Wrong byte order",
    TrialReason.TELEMETRY_ROWS: "Telemetry in the image",
    TrialReason.CORRUPT_ROWS: "Damaged images",
    TrialReason.IMPLAUSIBLE_TEMPERATURE: "Impossible temperatures",
    TrialReason.STRETCHED: "Contrast was stretched",
    TrialReason.OTHER_CAMERA: "Two cameras on one topic",
    TrialReason.UNSET_STAMP: "Images without a time",
    TrialReason.STAMP_OUTLIER: "Times jumped",
    TrialReason.COARSE_STAMPS: "Times too coarse",
    TrialReason.STAMP_BURSTS: "Times in bursts",
    TrialReason.CLOCK_SET: "Clock was set",
    TrialReason.STAMP_RATE: "Clock runs wrong",
}

ADVICE: Final = {
    TrialReason.NO_PERSON: "Check that the camera is upright and sees the chair and the whole "
    "walkway, and that nothing warm hides the person.",
    TrialReason.NEVER_SAT: "Start recording while the person sits, and stop a few seconds after "
    "the person sits again.",
    TrialReason.NEVER_STOOD: "Repeat the test; the recording shows a seated person only.",
    TrialReason.STOPPED_EARLY: "Repeat the test when the person is ready; let the recording run "
    "until the person sits again.",
    TrialReason.LEFT_VIEW: "Move the camera so that it sees the chair and the turn mark, then "
    "repeat the test.",
    TrialReason.SECOND_PERSON: "Repeat the test with one person on the walkway; a helper stays "
    "at the side.",
    TrialReason.FRAMES_LOST: "Check that the camera is upright, that nothing covers the lens, and "
    "that nothing warm hides the person, then repeat the test.",
    TrialReason.STAMP_GAP: "Check the camera's cable and the computer's load, then repeat the "
    "test.",
    TrialReason.WRONG_ORDER: "Repeat the test: stand up, walk to the mark, turn, walk back, sit.",
    TrialReason.BEGAN_LATE: "Start the recording at least two seconds before 'go', while the "
    "person sits still, then repeat the test.",
    TrialReason.CUT_OFF: "Let the recording run for at least two seconds after the person sits "
    "again, then repeat the test.",
    TrialReason.PAUSED: "Time this test with a stopwatch, or repeat it later and note the "
    "pause in the record.",
    TrialReason.TWO_LAPS: "Repeat the test: walk to the mark and back once, then sit.",
    TrialReason.WALKED_BACKWARDS: "Repeat the test: turn at the mark and walk back facing the "
    "chair.",
    TrialReason.SAT_ELSEWHERE: "Repeat the test with the person sitting down on the chair they "
    "rose from.",
    TrialReason.SIT_TO_STANDS: "Choose the sit-to-stand test for this recording, or repeat the "
    "Timed Up and Go with the walk.",
    TrialReason.CAMERA_BEHIND: "Place the camera beyond the turn mark, facing the chair, then "
    "repeat the test.",
    TrialReason.CAMERA_TILTED: "Turn the camera upright (or set its rotation), then repeat the "
    "test.",
    TrialReason.UNCERTAIN: "Improve the camera's view (distance, warm objects, loose clothing), "
    "then repeat the test.",
    TrialReason.TOO_SLOW: "Time this test with a stopwatch.",
    TrialReason.ARMS_USED: "Repeat the test with the arms crossed over the chest, if "
    "the person can.",
    TrialReason.INCOMPLETE_RISE: "Repeat the test; ask the person to stand up fully every time.",
    TrialReason.FROZEN: "Check the camera's shutter and cable, then repeat the test.",
    TrialReason.WRONG_UNIT: "Set the camera to radiometric output of 0.01 K per count.",
    TrialReason.BYTE_ORDER: "Correct the byte order that the camera's driver states.",
    TrialReason.TELEMETRY_ROWS: "Switch the camera's telemetry off.",
    TrialReason.CORRUPT_ROWS: "Check the camera's cable, then repeat the test.",
    TrialReason.IMPLAUSIBLE_TEMPERATURE: "Check what the camera looks at and its calibration.",
    TrialReason.STRETCHED: "Switch the camera's automatic gain off.",
    TrialReason.OTHER_CAMERA: "Let one camera publish on this topic, then repeat the test.",
    TrialReason.UNSET_STAMP: "Use a camera driver that stamps its images.",
    TrialReason.STAMP_OUTLIER: "Check the camera's driver, then repeat the test.",
    TrialReason.COARSE_STAMPS: "Use a camera driver that stamps images to the millisecond.",
    TrialReason.STAMP_BURSTS: "Use a camera driver that stamps each image when it is taken.",
    TrialReason.CLOCK_SET: "Let the computer's clock settle, then repeat the test.",
    TrialReason.STAMP_RATE: "Use a camera driver that stamps each image when it is taken.",
}

_MARK: Final = re.compile(r"\{\{(.+?)\}\}")
#: Keeps a figure and its unit on one line.
_SPACE: Final = "\N{NO-BREAK SPACE}"

#: Stamps before this year come from a clock that was never set: no date is shown then.
_FIRST_YEAR: Final = 2000


def decimal(value: float, decimals: int) -> str:
    """Return a number as the language in use writes it, such as '1.50' or '1,50'."""
    return numerals(f"{value:.{decimals}f}")


def seconds(value: float | None, decimals: int = 2) -> str:
    """Return a duration such as '12.34 s'; an em dash for None."""
    return "—" if value is None else f"{decimal(value, decimals)}{_SPACE}s"


def signed_seconds(value: float, decimals: int = 2) -> str:
    """Return a change such as '+0.40 s', with a true minus sign."""
    rounded = round(value, decimals) + 0.0
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{decimal(abs(rounded), decimals)}{_SPACE}s"


def number(value: float, uncertainty: float | None = None) -> str:
    """Return a figure with decimals that suit its uncertainty, or else its size."""
    scale = uncertainty if uncertainty else abs(value) / 50.0
    decimals = 0 if scale >= 1 else 1 if scale >= 0.1 else 2
    return decimal(value + 0.0, decimals).replace("-", "−")


def figure(value: float, decimals: int, unit: str) -> str:
    """Return a figure with its unit, such as '12.34 s' or '11 stands'."""
    return f"{decimal(value, decimals)}{_SPACE}{unit}"


def signed(value: float, decimals: int, unit: str) -> str:
    """Return a change such as '+0.40 s', with a true minus sign."""
    rounded = round(value, decimals) + 0.0
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{decimal(abs(rounded), decimals)}{_SPACE}{unit}"


def recorded(origin_ns: int, time_zone: str = "") -> str:
    """Return a stamp's date and time, local where a zone is named, else in UTC.

    '' where the clock was evidently not set.
    """
    zone = ZoneInfo(time_zone) if time_zone else UTC
    moment = datetime.fromtimestamp(origin_ns // NS_PER_S, tz=zone)
    if moment.year < _FIRST_YEAR:
        return ""
    return f"{moment.strftime(say(DATE_AND_TIME))} {moment.tzname()}"


def recorded_date(origin_ns: int) -> str:
    """Return a stamp's date in UTC; '' where the clock was evidently not set."""
    moment = datetime.fromtimestamp(origin_ns // NS_PER_S, tz=UTC)
    return moment.strftime(say(DATE)) if moment.year >= _FIRST_YEAR else ""


def subject_name(subject_id: str) -> str:
    """Return the pseudonym for people."""
    return subject_id or say("not named")


def with_texts(template: str) -> str:
    """Return an HTML template with each `{{English text}}` in the language in use, escaped."""
    return _MARK.sub(lambda mark: html(say(mark[1])), template)


def html(text: object) -> str:
    """Escape any text for HTML content and attributes."""
    return escape(str(text), quote=True)


@cache
def static_text(package: str, name: str) -> str:
    """Return a file in the folder `static` of the package 'report' or 'serve'."""
    return files(f"thermal_pose.{package}").joinpath("static", name).read_text(encoding="utf-8")
