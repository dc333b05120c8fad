# SPDX-License-Identifier: Apache-2.0
"""The page's files, and its language: chosen on the page, by the server, or by the browser."""

import json
from functools import cache
from html import escape
from typing import Final

from starlette.requests import Request

from thermal_pose.language import catalogue, language_name, languages, preferred, speaking
from thermal_pose.report.text import static_text, with_texts

#: Set by the page's list of languages; holds a code.
LANGUAGE_COOKIE: Final = "thermal_pose_language"


@cache
def page_text(name: str, code: str) -> str:
    """Return an HTML file of `serve/static/` in a language, with its catalogue for the script."""
    with speaking(code):
        text = with_texts(static_text("serve", name))
    words = json.dumps(catalogue(code), ensure_ascii=False, separators=(",", ":"))
    options = "".join(
        f'<option value="{one}" lang="{one}"{" selected" if one == code else ""}>'
        f"{escape(language_name(one))}</option>"
        for one in languages()
    )
    text = text.replace("$language", code).replace("$options", options)
    return text.replace("$catalogue", words.replace("<", "\\u003c"))


def chosen_language(request: Request, default: str = "") -> str:
    """Return the code of a request's language.

    Parameters
    ----------
    default : the server's own choice; '' leaves it to the browser.
    """
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in languages():
        return chosen
    return default or preferred(request.headers.get("accept-language", ""))
