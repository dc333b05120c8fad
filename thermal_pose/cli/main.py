# SPDX-License-Identifier: Apache-2.0
"""`thermal-pose VERB`: find the verb's module, parse, call it, turn errors into one line.

A verb's module has `add_arguments(parser)`, `start(args) -> int` and a docstring that ends with
examples. Only the module of the verb at hand is imported.
"""

import importlib
import os
import sys
import textwrap
from collections.abc import Sequence
from types import ModuleType

from thermal_pose import __version__
from thermal_pose.cli.exit_codes import INTERRUPTED, short_codes
from thermal_pose.cli.parser import Parser, did_you_mean
from thermal_pose.cli.verbs import GROUPS, VERBS, module_name
from thermal_pose.errors import EXTRA_OF, MissingExtraError, MissingRosError, ThermalPoseError

_EPILOG = """\
`thermal-pose VERB --help` shows every option and examples. `--json`, where a verb has it, prints
one JSON document."""


def overview() -> str:
    """Return the verbs by group, one per line."""
    width = max(len(verb) for verb in VERBS)
    blocks = []
    for name, group in GROUPS.items():
        lines = [f"  {verb:<{width}}  {text}" for verb, text in group.items()]
        blocks.append("\n".join([f"{name}:", *lines]))
    return "\n\n".join(blocks)


def _codes() -> str:
    common = "0 done, 1 no result, 2 wrong command line, 130 interrupted"
    return textwrap.fill(f"exit codes: {common}; errors: {short_codes()}", 96)


def top_parser() -> Parser:
    """Return the parser of `thermal-pose` itself: the verb, --version, --help."""
    parser = Parser(
        "thermal-pose",
        "Keypoints and Timed Up and Go phases from low-resolution thermal cameras.",
        f"{overview()}\n\n{_EPILOG}\n\n{_codes()}",
    )
    parser.usage = "thermal-pose VERB [options]"
    parser.add_argument("--version", action="version", version=f"thermal-pose {__version__}")
    return parser


def verb_parser(verb: str) -> tuple[Parser, ModuleType]:
    """Return the parser of one verb, and the module that implements it."""
    module = importlib.import_module(module_name(verb))
    parser = Parser(f"thermal-pose {verb}", module.__doc__)
    module.add_arguments(parser)
    return parser, module


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code (`exit_codes.py`)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:
        from thermal_pose.cli.complete import complete

        complete(lambda verb: verb_parser(verb)[0])
    try:
        return _run(words)
    except ThermalPoseError as error:
        print(f"thermal-pose: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(words: list[str]) -> int:
    verb = words[0] if words else "--help"
    if verb not in VERBS:
        parser = top_parser()
        if verb.startswith("-"):
            parser.parse_args(words or ["--help"])
        parser.error(f"there is no verb '{verb}'{did_you_mean(verb, VERBS)}")
    try:
        parser, module = verb_parser(verb)
        return int(module.start(parser.parse_args(words[1:])))
    except ImportError as error:
        if MissingRosError.is_ros(error.name):
            raise MissingRosError(verb, error.name) from error
        extra = EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise MissingExtraError(f"'{verb}'", str(error.name), extra, error) from error


if __name__ == "__main__":
    sys.exit(main())
