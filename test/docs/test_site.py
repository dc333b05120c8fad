# SPDX-License-Identifier: Apache-2.0
"""The site builds strictly and offline, no link is dead, and its figures are those of the files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.browser import browser
from support.documents import ROOT, documents, links

sys.path.insert(0, str(ROOT / "scripts" / "docs"))
import figures
import pages

from thermal_pose.gates.reasons import REMEDIES
from thermal_pose.report.text import ADVICE
from thermal_pose.types import TrialReason

RESOURCE = re.compile(
    r"<(?:script|img|source|iframe)[^>]+src=\"(http[^\"]+)|<link[^>]+href=\"(http[^\"]+)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_loads_anything_from_another_server(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not RESOURCE.findall(page.read_text()), page
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(), style


def test_every_page_is_in_the_navigation(site: Path) -> None:
    listed = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert f" {page.relative_to(ROOT / 'docs')}\n" in listed, page


@pytest.mark.browser
def test_pages_fit_the_screen_and_ask_no_server(site: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as chromium:
        for name in ("index", "install", "how-well", "reference/api", "reference/parameters"):
            for width_px in (390, 1280):
                chromium.open(site / f"{name}.html", width=width_px)
                wide = chromium.script("return document.documentElement.scrollWidth")
                assert wide <= width_px, name
                asked = [url for url in chromium.requests() if url.startswith("http")]
                assert asked == [], name


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_no_link_of_a_document_is_dead(document: Path) -> None:
    generated = {ROOT / "docs" / name for name in pages.generated_pages()}
    for target in links(document):
        path = (document.parent / target).resolve()
        assert path.exists() or path in generated, target


def test_tables_and_pictures_are_not_stale() -> None:
    assert figures.stale() == [], "run `make docs-figures`"


def test_a_changed_figure_is_stale() -> None:
    """The check can fail."""
    text = (ROOT / "docs" / "how-well.md").read_text()
    found = figures.BLOCK.search(text)
    assert found is not None
    spoilt = text.replace(found[0], found[0].replace("0.", "0.9"))
    assert spoilt != text and figures.filled(spoilt) == figures.filled(text)


def test_the_film_is_small() -> None:
    assert (ROOT / "docs" / "pictures" / "overlay.webp").stat().st_size < 2_000_000


def test_every_reason_has_an_entry_in_troubleshooting() -> None:
    table = pages.reason_table()
    for reason in TrialReason:
        if reason is not TrialReason.VALID:
            assert reason in ADVICE and f"`{reason.value}`" in table, reason
    assert all(f"`{reason.value}`" in pages.input_table() for reason in REMEDIES)


def test_generated_pages_name_what_the_code_has() -> None:
    made = pages.generated_pages()
    assert "| `4` | A recording cannot be used. |" in made["reference/exit-codes.md"]
    assert "`--rate FACTOR`" in made["reference/commands-everyday.md"]
    assert "## PersonKeypoints" in made["reference/message-definitions.md"]
    assert "`detect_every_n`" in made["reference/parameters.md"]


def quoted_messages() -> list[str]:
    """Messages of the program that troubleshooting quotes, in the column 'message'."""
    found, column = [], None
    for line in (ROOT / "docs" / "troubleshooting.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")] if line[:1] == "|" else []
        if "message" in cells:
            column = cells.index("message")
        elif not cells:
            column = None
        elif column is not None and cells[column].startswith("`"):
            found.append(cells[column].strip("`"))
    return found


def test_troubleshooting_quotes_messages() -> None:
    assert len(quoted_messages()) > 15


@pytest.mark.parametrize("message", quoted_messages())
def test_a_quoted_message_has_the_programs_words(message: str) -> None:
    """Each part between the gaps stands in the code, wherever its line breaks are."""
    sources = [path.read_text() for path in (ROOT / "thermal_pose").rglob("*.py")]
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(sources))
    for part in re.split(r"…", message):
        words = part.strip(" ';:?")
        assert words in code, words
