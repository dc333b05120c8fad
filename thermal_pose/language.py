# SPDX-License-Identifier: Apache-2.0
"""The report's language: English texts in the code, one catalogue file per further language.

`say` looks an English text up in the catalogue of the language that `speaking` chose. A text that
a catalogue lacks stays English. `locale/<code>.json` maps English texts to translations; a further
language is one such file.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Final

ENGLISH: Final = "en"
_LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)


def languages() -> tuple[str, ...]:
    """Return the codes of all languages, English first."""
    folder = files("thermal_pose.report").joinpath("locale")
    found = sorted(entry.name.removesuffix(".json") for entry in folder.iterdir())
    return (ENGLISH, *(code for code in found if code.isalpha()))


@cache
def catalogue(code: str) -> dict[str, str]:
    """Return a language's translations by English text; {} for English.

    Raises
    ------
    ValueError
        If there is no such language; the message names all.
    """
    if code == ENGLISH:
        return {}
    if code not in languages():
        raise ValueError(f"language: expected one of {', '.join(languages())}, got {code!r}")
    text = files("thermal_pose.report").joinpath("locale", f"{code}.json").read_text("utf-8")
    return dict(json.loads(text))


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Write all texts in a language within this block."""
    catalogue(code)
    token = _LANGUAGE.set(code)
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def language() -> str:
    """Return the code of the language in use."""
    return _LANGUAGE.get()


def say(text: str, **values: object) -> str:
    """Return a text in the language in use, with `{name}` fields filled in.

    >>> say("{n} rises", n=3)
    '3 rises'
    """
    translated = catalogue(_LANGUAGE.get()).get(text, text)
    return translated.format(**values) if values else translated
