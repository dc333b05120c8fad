# SPDX-License-Identifier: Apache-2.0
"""Reference pages written from the code, so that they cannot disagree with it."""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from thermal_pose.cli.arguments import VOCABULARY  # noqa: E402
from thermal_pose.cli.exit_codes import exit_codes  # noqa: E402
from thermal_pose.cli.main import verb_parser  # noqa: E402
from thermal_pose.cli.verbs import GROUPS  # noqa: E402
from thermal_pose.gates.reasons import REMEDIES  # noqa: E402
from thermal_pose.parameters.nodes import parameter_classes  # noqa: E402
from thermal_pose.parameters.parameter import ParameterSpec  # noqa: E402
from thermal_pose.report.text import ADVICE, REASON_NAMES  # noqa: E402

_API = """# Python API

Everything here is imported as `from thermal_pose import …`, on first use, without ROS and without
torch. [Use it from Python](../python-api.md) has examples.

::: thermal_pose.PoseEstimator
    options:
      members: [__call__]

::: thermal_pose.Tracker
    options:
      members: [__call__, reset]

::: thermal_pose.People

::: thermal_pose.analyze

::: thermal_pose.Analysis

::: thermal_pose.draw

::: thermal_pose.types.PersonKeypoints

::: thermal_pose.types.PersonBox

::: thermal_pose.skeleton.Joint
    options:
      show_if_no_docstring: true

::: thermal_pose.errors
    options:
      show_root_heading: true
      members_order: source
      heading_level: 2
"""


def generated_pages() -> dict[str, str]:
    """Return the text of each generated page by its path in the site."""
    pages = {
        "reference/api.md": _API,
        "reference/exit-codes.md": exit_code_page(),
        "reference/vocabulary.md": vocabulary_page(),
        "reference/parameters.md": parameter_page(),
        "reference/message-definitions.md": message_page(),
        "contributing.md": root_page("CONTRIBUTING.md"),
        "changelog.md": root_page("CHANGELOG.md"),
    }
    for group, verbs in GROUPS.items():
        pages[f"reference/commands-{group}.md"] = command_page(group, verbs)
    return pages


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; bars and line breaks in cells are made safe."""
    head = list(header)
    lines = [_row(head), "|" + "---|" * len(head), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    safe = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |"


def reason_table() -> str:
    """Return every reason for refusing a test with its remedy."""
    rows = [
        (f"`{reason.value}`", title, ADVICE[reason])
        for reason, title in REASON_NAMES.items()
        if reason in ADVICE
    ]
    return table(("code", "on the page", "what to do"), rows)


def input_table() -> str:
    """Return every reason for refusing an image with its remedy."""
    rows = [(f"`{reason.value}`", remedy) for reason, remedy in REMEDIES.items()]
    return table(("code in `/diagnostics`", "what to do"), rows)


def exit_code_page() -> str:
    """Return the page of exit codes."""
    rows = ((f"`{code}`", text) for code, text in exit_codes().items())
    return f"""# Exit codes

Every command prints one line on the standard error when it fails and exits with one of these.

{table(("code", "meaning"), rows)}
"""


def vocabulary_page() -> str:
    """Return the page of shared options."""
    rows = ((f"`{name}`", text) for name, text in sorted(VOCABULARY.items()))
    return f"""# Options that mean the same everywhere

{table(("option", "meaning"), rows)}

Paths are relative to the working directory. Options cannot be abbreviated. A misspelt verb or
option gets a suggestion.
"""


def command_page(group: str, verbs: dict[str, str]) -> str:
    """Return the reference of one group of verbs."""
    parts = [f"# Commands: {group}\n"]
    for verb, text in verbs.items():
        parts.append(f"- [`{verb}`](#{verb}): {text}")
    for verb in verbs:
        parts.append(f"\n## {verb}\n\n{_verb_text(verb)}")
    return "\n".join(parts) + "\n"


def _verb_text(verb: str) -> str:
    parser, module = verb_parser(verb)
    text, _, examples = (module.__doc__ or "").partition("examples:\n")
    code = re.sub(r"^ {2}", "", examples, flags=re.MULTILINE).strip()
    rows = [_option(parser, action) for action in parser._actions if action.dest != "help"]
    options = table(("argument", "meaning"), rows) if rows else "It has no options."
    return f"{text.strip()}\n\n```text\n{code}\n```\n\n{options}\n"


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    formatter = parser._get_formatter()
    if action.option_strings:
        shown = ", ".join(action.option_strings)
        if action.nargs != 0:
            shown += f" {formatter._format_args(action, action.dest.upper())}"
    else:
        shown = formatter._format_args(action, action.dest)
    text = formatter._expand_help(action) if action.help else ""
    text = text.replace(str(ROOT), "…").replace("<", "&lt;")
    return (
        f"`{shown}`",
        f"**required**, {text}" if action.required and action.option_strings else text,
    )


def parameter_page() -> str:
    """Return the reference of every node's parameters."""
    parts = [
        "# Parameters\n",
        "Set a parameter in `config/<node>.yaml`, with `thermal-pose run -p NODE.PARAMETER=VALUE`, "
        "or, if it is dynamic, with `ros2 param set` while the node runs. Unknown names and values "
        "out of range are refused by name.\n",
    ]
    for node, kind in sorted(parameter_classes().items()):
        rows = [_parameter(spec) for spec in kind.specs()]
        header = ("parameter", "default", "values", "dynamic", "meaning")
        parts.append(f"## {node}\n\n{table(header, rows)}\n")
    return "\n".join(parts)


def _parameter(spec: ParameterSpec) -> tuple[str, ...]:
    values = type(spec.default).__name__
    if spec.choices:
        values = ", ".join(f"`{choice}`" for choice in spec.choices)
    elif spec.bounds:
        values = f"{spec.bounds[0]:g} to {spec.bounds[1]:g}"
    default = f"`{spec.default}`" if spec.default != "" else "empty"
    return f"`{spec.name}`", default, values, "yes" if spec.dynamic else "", spec.description


def message_page() -> str:
    """Return the text of every message of `msg/`."""
    parts = ["# Message definitions\n", "The files in `msg/`, with units and ranges.\n"]
    for path in sorted((ROOT / "msg").glob("*.msg")):
        parts.append(f"## {path.stem}\n\n```text\n{path.read_text().strip()}\n```\n")
    return "\n".join(parts)


def root_page(name: str) -> str:
    """Return a document of the repository's root with its links seen from `docs/`."""
    text = (ROOT / name).read_text()
    text = text.replace("](docs/", "](")
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)[^)]*\)(?<!\.md\))", r"\1", text)
