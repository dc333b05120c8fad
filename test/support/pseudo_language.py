# SPDX-License-Identifier: Apache-2.0
"""A language whose letters are all wide: what stays ASCII on a page was not translated."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest

from thermal_pose import language
from thermal_pose.serve import templates

PSEUDO = "qq"
FOREIGN = [code for code in language.languages() if code != "en"]
#: Words that are the same in every language: names of sources, people, units and codes.
NAMES = {
    *("Pondal", "Bohannon", "Podsiadlo", "Barry", "Mulas", "Huang", "Alghadir", "CDC", "STEADI"),
    *("UTC", "CET", "student", "thermal", "pose", "visit", "hsmm", "walkway", "stick", "figure"),
}


def wide(text: str) -> str:
    parts = re.split(r"(\{\w+\})", text)
    return "".join(
        part
        if part.startswith("{")
        else re.sub("[A-Za-z]", lambda letter: chr(ord(letter[0]) + 0xFEE0), part)
        for part in parts
    )


@contextmanager
def speaking_pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Speak the pseudo language, whose keys are those of the first real one."""
    entries = {key: wide(key) for key in language.catalogue(FOREIGN[0])}
    real = language.catalogue

    def either(code: str) -> dict[str, str]:
        return entries if code == PSEUDO else real(code)

    monkeypatch.setattr(language, "catalogue", either)
    monkeypatch.setattr(templates, "catalogue", either)
    with language.speaking(PSEUDO):
        yield
    language.translated.cache_clear()
    templates.page_text.cache_clear()


SILENT = {"script", "style", "code"}
SPOKEN_ATTRIBUTES = ("aria-label", "alt", "title", "placeholder")


class Spoken(HTMLParser):
    """Collects all text that a person sees or hears, without code and foreign words."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if self.skipped or tag in SILENT or ("lang" in found and tag != "html"):
            if tag not in {"meta", "link", "img", "br", "input"}:
                self.skipped.append(tag)
            return
        self.texts += [found[key] for key in SPOKEN_ATTRIBUTES if found.get(key)]

    def handle_endtag(self, tag):
        if self.skipped and self.skipped[-1] == tag:
            self.skipped.pop()

    def handle_data(self, data):
        if not self.skipped:
            self.texts.append(data)


def untranslated(page: str) -> list[str]:
    """Texts of a page in the pseudo language that still hold plain words."""
    return plain_texts(spoken(page))


def spoken(page: str) -> list[str]:
    """All that is shown or spoken on a page."""
    reader = Spoken()
    reader.feed(page)
    return reader.texts


def plain_texts(texts: Iterable[str]) -> list[str]:
    """Those of these texts in the pseudo language that still hold plain words."""
    return [text for text in texts if set(re.findall("[A-Za-z]{3,}", text)) - NAMES]
