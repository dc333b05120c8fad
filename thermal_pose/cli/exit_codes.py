# SPDX-License-Identifier: Apache-2.0
"""The exit codes of every command, read from the error classes."""

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


def exit_codes() -> dict[int, str]:
    """Return what each exit code means, in ascending order.

    >>> exit_codes()[4]
    'A recording cannot be used.'
    """
    codes = dict(_COMMON)
    for error in vars(errors).values():
        is_error = isinstance(error, type) and issubclass(error, errors.ThermalPoseError)
        if is_error and "exit_code" in vars(error) and error is not errors.ThermalPoseError:
            codes[error.exit_code] = (error.__doc__ or "").partition("\n")[0]
    return dict(sorted(codes.items()))
