# SPDX-License-Identifier: Apache-2.0
"""Shell completion: the choices that argcomplete offers when Tab is pressed."""

import argparse
import os
from collections.abc import Callable

from thermal_pose.cli.verbs import VERBS


def complete(parser_of: Callable[[str], argparse.ArgumentParser]) -> None:
    """Print completions of the command line in the environment, then exit the process.

    Parameters
    ----------
    parser_of : returns the parser of a verb.
    """
    import argcomplete

    parser = completion_parser(os.environ.get("COMP_LINE", ""), parser_of)
    argcomplete.autocomplete(parser, always_complete_options="long")


def completion_parser(
    line: str, parser_of: Callable[[str], argparse.ArgumentParser]
) -> argparse.ArgumentParser:
    """Return a parser of all verbs, with the options of the one that stands in `line`.

    Parameters
    ----------
    line : the command line so far.
    parser_of : returns the parser of a verb.
    """
    words = line.split()
    parser = argparse.ArgumentParser(prog="thermal-pose")
    verbs = parser.add_subparsers()
    for verb, text in VERBS.items():
        if verb in words[1:2]:
            verbs.add_parser(verb, parents=[parser_of(verb)], add_help=False)
        else:
            verbs.add_parser(verb, help=text)
    return parser
