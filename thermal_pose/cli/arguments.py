# SPDX-License-Identifier: Apache-2.0
"""The options that several verbs share, each declared once so that it means one thing.

`VOCABULARY` is the reference; a test holds every verb's options to it. A number's metavar is its
unit, so that `--help` shows it.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from thermal_pose.errors import ConfigError
from thermal_pose.jobs import processors
from thermal_pose.language import ENGLISH, languages

if TYPE_CHECKING:
    from thermal_pose.clinical.movement_test import MovementTest

#: The meaning of each option, in every verb that has it.
VOCABULARY: Final[dict[str, str]] = {
    "--age": "age of the person, years",
    "--bag": "recording to use instead of live topics",
    "--bodies": "folder of baked bodies",
    "--body-count": "number of bodies",
    "--calibration": "camera_info YAML file",
    "--config": "file or folder of settings",
    "--detector": "person detector, by name or card",
    "--device": "where networks run: auto, cpu or cuda",
    "--duration": "end after this many seconds",
    "--evaluation": "a named set to judge on, NAME=DIR",
    "--height": "height of the person, m",
    "--jobs": "parallel processes",
    "--json": "print one JSON document on standard output",
    "--language": "language of a page",
    "--max-minutes": "wall-clock limit of training, minutes",
    "--model": "pose model, by name or card",
    "--namespace": "ROS namespace of the graph",
    "--out": "where results are written",
    "--rate": "replay speed, as a multiple of real time",
    "--ray": "address of a Ray cluster, or 'local'",
    "--rgb": "include colour images",
    "--seed": "seed of everything random",
    "--set": "override one setting, KEY=VALUE",
    "--subject": "pseudonym of the person",
    "--test": "movement test by its key, or auto",
    "--teacher": "teacher network, a folder or hub name",
}

#: Value of `--test` that detects the test.


def add_recording(parser: argparse.ArgumentParser, text: str = "recording to read") -> None:
    """Declare the positional `recording`: a rosbag2 folder or an .mcap file."""
    parser.add_argument("recording", type=Path, help=f"{text}: a rosbag2 folder or .mcap file")


def add_out(
    parser: argparse.ArgumentParser,
    text: str,
    default: Path | None = None,
    required: bool = False,
) -> None:
    """Declare `--out`, the file or folder that `text` names."""
    parser.add_argument(
        "--out", type=Path, default=default, required=required, metavar="PATH", help=text
    )


def add_json(parser: argparse.ArgumentParser, text: str = "the result") -> None:
    """Declare `--json`: standard output then holds one JSON document and nothing else."""
    parser.add_argument("--json", action="store_true", help=f"print {text} as JSON")


def print_result(args: argparse.Namespace, document: Any, text: str) -> None:
    """Print what a verb found: with `--json` as one JSON document, else as text for people."""
    print(json.dumps(document, indent=2) if args.json else text)


def add_jobs(parser: argparse.ArgumentParser, default: int = 1) -> None:
    """Declare `--jobs`; `jobs_of` turns 0 into the number of CPU cores."""
    parser.add_argument(
        "--jobs", type=count, default=default, metavar="N", help="processes; 0: one per CPU core"
    )


def add_ray(parser: argparse.ArgumentParser) -> None:
    """Declare `--ray`; empty means without Ray."""
    parser.add_argument(
        "--ray",
        default="",
        metavar="ADDRESS",
        help="work on a Ray cluster: its address, 'auto' or 'local'",
    )


def add_rate(parser: argparse.ArgumentParser, default: float = 1.0) -> None:
    """Declare `--rate`, the replay speed."""
    parser.add_argument(
        "--rate",
        type=float,
        default=default,
        metavar="FACTOR",
        help="replay speed as a multiple of real time; 0: as fast as possible",
    )


def add_duration(parser: argparse.ArgumentParser) -> None:
    """Declare `--duration`."""
    parser.add_argument(
        "--duration",
        type=float,
        default=0.0,
        metavar="S",
        help="end after this many seconds; 0: run until Ctrl-C",
    )


def add_namespace(parser: argparse.ArgumentParser, text: str = "ROS namespace") -> None:
    """Declare `--namespace`."""
    parser.add_argument("--namespace", default="", metavar="NAME", help=f"{text} (default: none)")


def add_test(parser: argparse.ArgumentParser) -> None:
    """Declare `--test`; `test_of` reads it."""
    from thermal_pose.clinical.catalogue import MOVEMENT_TESTS

    parser.add_argument(
        "--test",
        default="",
        help=f"movement test: {', '.join(MOVEMENT_TESTS)}, or auto to detect it (default: the "
        "first)",
    )


def test_of(args: argparse.Namespace) -> "MovementTest":
    """Return the movement test that `--test` names.

    Raises
    ------
    ConfigError
        There is no such test.
    """
    from thermal_pose.clinical.catalogue import chosen_test

    try:
        return chosen_test(args.test)
    except ValueError as error:
        raise ConfigError(f"--{error}") from error


def add_language(parser: argparse.ArgumentParser) -> None:
    """Declare `--language`."""
    parser.add_argument(
        "--language", default=ENGLISH, choices=languages(), help="language of the page"
    )


def add_person(parser: argparse.ArgumentParser) -> None:
    """Declare what a report may know about the person: pseudonym, age, height."""
    parser.add_argument("--subject", type=pseudonym, default="", help="pseudonym of the person")
    parser.add_argument(
        "--age",
        type=float,
        default=0.0,
        metavar="YEARS",
        help="for the published range at that age; 0: unknown",
    )
    parser.add_argument(
        "--height",
        type=float,
        default=0.0,
        metavar="M",
        help="for speeds and step lengths; 0: unknown",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare `--set`, overrides of a configuration file's keys (`args.overrides`)."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one setting; repeat for more",
    )


def add_device(parser: argparse.ArgumentParser, default: str = "auto") -> None:
    """Declare `--device`."""
    parser.add_argument(
        "--device", default=default, choices=("auto", "cpu", "cuda"), help="where networks run"
    )


def add_seed(parser: argparse.ArgumentParser, default: int = 0, text: str = "random seed") -> None:
    """Declare `--seed`: the same seed gives the same result."""
    parser.add_argument("--seed", type=int, default=default, metavar="SEED", help=text)


def add_max_minutes(parser: argparse.ArgumentParser, default: float = 0.0) -> None:
    """Declare `--max-minutes`."""
    parser.add_argument(
        "--max-minutes",
        type=float,
        default=default,
        metavar="MINUTES",
        help="wall-clock limit of training; 0: none",
    )


def add_bodies(parser: argparse.ArgumentParser) -> None:
    """Declare `--bodies`, the folder of baked bodies."""
    parser.add_argument(
        "--bodies",
        type=Path,
        metavar="DIR",
        help="folder of baked bodies (default: $THERMAL_POSE_BODIES, else the user's cache)",
    )


def add_body_count(parser: argparse.ArgumentParser, default: int) -> None:
    """Declare `--body-count`, how many bodies are drawn from."""
    parser.add_argument(
        "--body-count", type=positive, default=default, metavar="N", help="bodies to draw from"
    )


def add_evaluation(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Declare `--evaluation`, named sets (`args.evaluation`, a list of lists of words)."""
    parser.add_argument(
        "--evaluation",
        action="append",
        nargs="+",
        default=[],
        required=required,
        metavar="NAME=DIR",
        help="a named set of shards to judge on; more folders may follow the first; repeat",
    )


def evaluation_sets(args: argparse.Namespace) -> dict[str, list[Path]]:
    """Return the folders of each set that `--evaluation` names; ConfigError if one is unclear."""
    sets: dict[str, list[Path]] = {}
    for words in args.evaluation:
        name, _, first = words[0].partition("=")
        if not (name and first):
            raise ConfigError(f"--evaluation {words[0]}: expected NAME=DIR")
        if name in sets:
            raise ConfigError(f"--evaluation {words[0]}: the set '{name}' is given twice")
        sets[name] = [Path(folder) for folder in (first, *words[1:])]
    return sets


def pseudonym(text: str) -> str:
    """Parse a subject id; one that looks like a name or an address is refused."""
    from thermal_pose.subject_id import SubjectIdError, check_optional_subject_id

    try:
        return check_optional_subject_id(text)
    except SubjectIdError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def count(text: str) -> int:
    """Parse a whole number of at least 0."""
    return _whole(text, 0)


def positive(text: str) -> int:
    """Parse a whole number of at least 1."""
    return _whole(text, 1)


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text}")
    return number


def jobs_of(args: argparse.Namespace) -> int:
    """Return how many processes `--jobs` asks for."""
    return int(args.jobs) or processors()
