# SPDX-License-Identifier: Apache-2.0
"""The language of pages: English texts in the code, one catalogue file per further language.

`say` looks an English text up in the catalogue of the language that `speaking` chose.
`locale/<code>.json` maps English texts to translations; a further language is one such file. A
text with figures is a key with `{fields}`; a finished sentence, such as the reason of a refusal
that came in a message or from the store, is recognised by that key and translated as well.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

ENGLISH: Final = "en"
#: Key of a language's own name in its catalogue.
NAME_KEY: Final = "English"
_LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)
_FIELD: Final = re.compile(r"\{(\w+)\}")
#: Keys of how a language writes numbers and dates (`strftime`).
DECIMAL_MARK: Final = "."
DATE: Final = "%Y-%m-%d"
DATE_AND_TIME: Final = "%Y-%m-%d %H:%M"
_DECIMAL: Final = re.compile(r"(?<![\w.])(\d+)\.(\d+)(?![\w.])")
_NUMBER: Final = re.compile(r"[-+±−]?\d+\.\d+")
_BETWEEN_SENTENCES: Final = re.compile(r"(?<=[.?!]) (?=\S)")


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of all languages, English first."""
    folder = files("thermal_pose").joinpath("locale")
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
    text = files("thermal_pose").joinpath("locale", f"{code}.json").read_text("utf-8")
    return dict(json.loads(text))


def language_name(code: str) -> str:
    """Return a language's name in itself, such as 'Deutsch'."""
    return catalogue(code).get(NAME_KEY, NAME_KEY)


def preferred(accepted: str) -> str:
    """Return the first available language of an Accept-Language header; else English.

    >>> preferred("fr-CH, de;q=0.8, en;q=0.5"), preferred("")
    ('de', 'en')
    """
    wishes = []
    for place, part in enumerate(accepted.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wishes.append((-float(weight or 1.0), place, tag.partition("-")[0].lower()))
        except ValueError:
            continue
    return next((code for _, _, code in sorted(wishes) if code in languages()), ENGLISH)


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

    Without values, `text` may be a finished sentence, or several.

    >>> say("{n} rises", n=3)
    '3 rises'
    """
    code = _LANGUAGE.get()
    if values:
        filled = {name: _numeral(value, code) for name, value in values.items()}
        return catalogue(code).get(text, text).format(**filled)
    return text if code == ENGLISH else translated(text, code)


def numerals(text: str) -> str:
    """Return written numbers, such as '1.50' or '± 0.3 s', with the decimal mark in use.

    >>> with speaking("de"):
    ...     numerals("1.50 ± 0.3")
    '1,50 ± 0,3'
    """
    return _marked(text, _LANGUAGE.get())


def _marked(text: str, code: str) -> str:
    mark = catalogue(code).get(DECIMAL_MARK, DECIMAL_MARK)
    return text if mark == DECIMAL_MARK else _DECIMAL.sub(rf"\g<1>{mark}\g<2>", text)


def _numeral(value: object, code: str) -> object:
    """A text that is a number as the language writes it; anything else unchanged."""
    number = isinstance(value, str) and _NUMBER.fullmatch(value)
    return _marked(str(value), code) if number else value


@lru_cache(maxsize=1024)
def translated(text: str, code: str) -> str:
    """Return a finished text in a language; unknown texts are returned unchanged."""
    known = catalogue(code)
    if text in known:
        return known[text]
    for pattern, template in _templates(code):
        if match := pattern.fullmatch(text):
            parts = {name: translated(part, code) for name, part in match.groupdict().items()}
            return template.format(**parts)
    sentences = _BETWEEN_SENTENCES.split(text)
    if len(sentences) > 1:
        return " ".join(translated(sentence, code) for sentence in sentences)
    return str(_numeral(text, code))


@cache
def _templates(code: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of the keys with fields, those with the most fixed text first."""
    keys = [key for key in catalogue(code) if _FIELD.search(key)]
    keys.sort(key=lambda key: -len(_FIELD.sub("", key)))
    return [(_pattern(key), catalogue(code)[key]) for key in keys]


def _pattern(key: str) -> re.Pattern[str]:
    pieces = _FIELD.split(key)
    # Text and field names alternate.
    parts = [
        f"(?P<{piece}>.+?)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)
    ]
    return re.compile("".join(parts), re.DOTALL)
