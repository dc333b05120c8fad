# SPDX-License-Identifier: Apache-2.0
"""Hooks of MkDocs that add the pages generated from the code."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from mkdocs.structure.files import File, Files
from pages import generated_pages, input_table, reason_table


def on_config(config: Any) -> Any:
    """Leave pages out of the navigation that do not exist (yet)."""
    docs, made = Path(config["docs_dir"]), generated_pages()

    def present(entries: list[Any]) -> list[Any]:
        kept: list[Any] = []
        for entry in entries:
            if isinstance(entry, str):
                kept += [entry] if entry in made or (docs / entry).exists() else []
            else:
                ((title, below),) = entry.items()
                kept.append({title: present(below) if isinstance(below, list) else below})
        return kept

    config["nav"] = present(config["nav"])
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to the files of the site."""
    for name, text in generated_pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what is generated inside written pages."""
    filled = markdown.replace("<!-- generated: reasons -->", reason_table())
    return filled.replace("<!-- generated: inputs -->", input_table())
