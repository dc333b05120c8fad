# SPDX-License-Identifier: Apache-2.0
"""Subject ids: pseudonyms, checked by one rule wherever one comes in."""

import re
import secrets
from typing import Final

from thermal_pose.errors import ConfigError

#: A leading '-' or '_' is not allowed: spreadsheets read '-1-2' as a formula, shells as an option.
_PSEUDONYM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_SHOWN: Final = 60


class SubjectIdError(ConfigError, ValueError):
    """A subject id cannot be a pseudonym."""


def check_subject_id(subject_id: str) -> str:
    """Return the id if it can be a pseudonym.

    Raises
    ------
    SubjectIdError
        It is empty, or holds a blank, a control character or another sign that pseudonyms do not
        need and that names, addresses and spreadsheet formulas have.

    Examples
    --------
    >>> check_subject_id("P-4F7K2Q")
    'P-4F7K2Q'
    """
    if not _PSEUDONYM.fullmatch(subject_id):
        raise SubjectIdError(
            "subject_id: expected a pseudonym of 1 to 40 letters (a-z), digits, '_' or '-' that "
            f"begins with a letter or digit, got {subject_id[:_SHOWN]!r}"
        )
    return subject_id


def check_optional_subject_id(subject_id: str) -> str:
    """Return the id if it can be a pseudonym or is empty; otherwise as `check_subject_id`."""
    return check_subject_id(subject_id) if subject_id else ""


def new_subject_id() -> str:
    """Return a random pseudonym such as 'P-4F7K2Q', without letters that look alike."""
    letters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "P-" + "".join(secrets.choice(letters) for _ in range(6))
