# SPDX-License-Identifier: Apache-2.0
"""`thermal-pose VERB`: find the verb's module, parse, call, turn errors into one line.

A verb's module has `add_arguments(parser)`, `start(args) -> int` and a docstring that ends with
examples.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from thermal_pose import __version__
from thermal_pose.cli.verbs import VERBS, module_name
from thermal_pose.errors import ThermalPoseError

EXIT_INTERRUPTED = 130


def _verb_module(verb: str) -> ModuleType:
    return importlib.import_module(module_name(verb))


def _overview() -> str:
    width = max((len(verb) for verb in VERBS), default=0)
    lines = [f"  {verb:<{width}}  {text}" for verb, text in VERBS.items()]
    return "verbs (`thermal-pose VERB --help` shows examples):\n" + "\n".join(lines)


def _parse(argv: Sequence[str]) -> tuple[ModuleType, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        prog="thermal-pose",
        description="Keypoints and Timed Up and Go phases from low-resolution thermal cameras.",
        epilog=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"thermal-pose {__version__}")
    parser.add_argument("verb", choices=list(VERBS), metavar="VERB", help="what to do")
    args = parser.parse_args(argv[:1])
    module = _verb_module(args.verb)
    verb_parser = argparse.ArgumentParser(
        prog=f"thermal-pose {args.verb}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(verb_parser)
    return module, verb_parser.parse_args(argv[1:])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code (0: done; others: `errors.py`, 2: usage)."""
    module, args = _parse(sys.argv[1:] if argv is None else argv)
    try:
        return int(module.start(args))
    except ThermalPoseError as error:
        print(f"thermal-pose: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
