# SPDX-License-Identifier: Apache-2.0
"""The exit codes of every command, read from the error classes."""

import re
from typing import Final

from thermal_pose import errors

DONE: Final = 0
USAGE: Final = 2
INTERRUPTED: Final = 130

_COMMON: Final = {
    DONE: "done",
    1: "done, but a result is missing or negative; or an error without a code of its own",
    USAGE: "the command line is wrong",
    INTERRUPTED: "interrupted by Ctrl-C",
}


def short_codes() -> str:
    """Return the codes of errors with one or two words each, for `--help`.

    >>> short_codes()[:22]
    '3 missing extra, 4 bag'
    """
    labels = {}
    for error in _coded_errors():
        words = re.findall("[A-Z][a-z]+", error.__name__.removesuffix("Error"))
        labels[error.exit_code] = " ".join(words).lower()
    return ", ".join(f"{code} {label}" for code, label in sorted(labels.items()))


def exit_codes() -> dict[int, str]:
    """Return what each exit code means, in ascending order.

    >>> exit_codes()[4]
    'A recording cannot be used.'
    """
    codes = dict(_COMMON)
    for error in _coded_errors():
        codes[error.exit_code] = (error.__doc__ or "").partition("\n")[0]
    return dict(sorted(codes.items()))


def _coded_errors() -> list[type[errors.ThermalPoseError]]:
    """Return the error classes that have an exit code of their own."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [
        kind
        for kind in kinds
        if issubclass(kind, errors.ThermalPoseError)
        and "exit_code" in vars(kind)
        and kind is not errors.ThermalPoseError
    ]
