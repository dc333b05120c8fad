# SPDX-License-Identifier: Apache-2.0
"""The argument parser of every verb: defaults in the help, suggestions for misspelt words."""

import argparse
import difflib
from collections.abc import Iterable
from typing import NoReturn

_UNRECOGNIZED = "unrecognized arguments: "


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keep the description's line breaks and add each option's default to its help."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        default = action.default
        # Not `in`: 0 equals False, and a default of 0 is worth showing.
        silent = default is None or default is False or default in ("", argparse.SUPPRESS, [])
        if silent or "(default" in text or not action.option_strings:
            return text
        if isinstance(default, list):
            words = " ".join(str(item) for item in default).replace("%", "%%")
            return f"{text} (default: {words})"
        return f"{text} (default: %(default)s)"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes no abbreviations and suggests what was meant."""

    def __init__(self, prog: str, description: str | None = None, epilog: str | None = None):
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print one line with the mistake and a suggestion; exit with 2."""
        if message.startswith(_UNRECOGNIZED):
            words = message.removeprefix(_UNRECOGNIZED).split()
            known = [name for action in self._actions for name in action.option_strings]
            message = "; ".join(_unknown(word, known) for word in words)
        self.exit(2, f"{self.prog}: error: {message}\ntry `{self.prog} --help`\n")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' for the closest known word, or '' if none is close.

    >>> did_you_mean("analyse", ["analyze", "report"])
    '; did you mean analyze?'
    >>> did_you_mean("dance", ["analyze", "report"])
    ''
    """
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.7)
    # `--output` is not close to `--out` by letters, but one begins with the other.
    starts = [other for other in words if len(other) > 4 and word.startswith(other)]
    found = starts or close
    return f"; did you mean {found[0]}?" if found else ""


def _unknown(word: str, known: list[str]) -> str:
    if not word.startswith("-"):
        return f"unexpected argument '{word}'"
    option = word.partition("=")[0]
    return f"unknown option {option}{did_you_mean(option, known)}"
