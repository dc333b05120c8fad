# SPDX-License-Identifier: Apache-2.0
"""What MkDocs calls while it builds the site: adds the pages that are generated from the code."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from mkdocs.structure.files import File, Files  # noqa: E402
from pages import generated_pages  # noqa: E402


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to the files of the site."""
    for name, text in generated_pages().items():
        files.append(File.generated(config, name, content=text))
    return files
