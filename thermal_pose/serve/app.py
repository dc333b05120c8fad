# SPDX-License-Identifier: Apache-2.0
"""The pages and actions of the bedside page, on Starlette."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from thermal_pose.clinical.catalogue import DETECTED, MOVEMENT_TESTS
from thermal_pose.clinical.phases import PHASE_NAMES
from thermal_pose.clinical.records import SEXES, WALKING_AIDS
from thermal_pose.errors import StorageError
from thermal_pose.language import languages
from thermal_pose.report.text import static_text
from thermal_pose.serve.access import SESSION_S, Access
from thermal_pose.serve.guard import COOKIE, App, Guard
from thermal_pose.serve.hub import Hub
from thermal_pose.serve.records import Records
from thermal_pose.serve.templates import chosen_language, page_text
from thermal_pose.subject_id import check_subject_id, new_subject_id

#: Files that may be asked for, with their types: nothing else can be.
_STATIC: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "language.js": "text/javascript",
    "login.js": "text/javascript",
}
_KEEP_ALIVE_S: Final = 10.0
#: A report is a page of its own with everything inside; in a sandbox it reaches nothing of ours.
_REPORT_POLICY: Final = (
    "sandbox allow-scripts allow-popups; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'"
)
_HISTORY_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"
)


class Graph(Protocol):
    """What the page needs of the ROS graph."""

    def act(self, camera: str, action: str) -> Awaitable[tuple[bool, str]]:
        """Call the analyzer's service 'start', 'stop' or 'reset'."""
        ...

    def set_person(self, camera: str, values: dict[str, Any]) -> Awaitable[tuple[bool, str]]:
        """Set the analyzer's parameters."""
        ...


class Pages:
    """Handlers of all routes.

    Parameters
    ----------
    hub : what cameras show.
    graph : takes actions.
    records : reports and histories.
    access : login rules.
    secure : whether the server speaks TLS.
    language : code of the language of browsers that did not choose; '' asks the browser.
    """

    def __init__(
        self,
        hub: Hub,
        graph: Graph,
        records: Records,
        access: Access,
        secure: bool,
        language: str = "",
    ) -> None:
        self._hub = hub
        self._graph = graph
        self._records = records
        self._access = access
        self._secure = secure
        self._language = language
        self._actions = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Return the routes of the application."""
        return [
            Route("/", self.home),
            Route("/login", self.login_page),
            Route("/static/{name}", self.static),
            Route("/report/{name}", self.report),
            Route("/history/{subject}", self.history),
            Route("/api/cameras", self.cameras),
            Route("/api/events", self.events),
            Route("/api/recent", self.recent),
            Route("/api/login", self.login, methods=["POST"]),
            Route("/api/logout", self.logout, methods=["POST"]),
            Route("/api/act", self.act, methods=["POST"]),
            Route("/api/person", self.person, methods=["POST"]),
        ]

    def _language_of(self, request: Request) -> str:
        return chosen_language(request, self._language)

    async def home(self, request: Request) -> Response:
        """The page itself."""
        return HTMLResponse(page_text("page.html", self._language_of(request)))

    async def login_page(self, request: Request) -> Response:
        """The login; a token in the link's fragment is sent by its script."""
        if not self._access.required:
            return RedirectResponse("/", 303)
        text = page_text("login.html", self._language_of(request))
        kind = "password" if self._access.passwords else "token"
        return HTMLResponse(text.replace("$kind", kind))

    async def static(self, request: Request) -> Response:
        """Style and scripts."""
        name = request.path_params["name"]
        if name not in _STATIC:
            return PlainTextResponse("there is no such file", 404)
        return Response(static_text("serve", name), media_type=_STATIC[name])

    async def report(self, request: Request) -> Response:
        """One report's page."""
        path = self._records.page(request.path_params["name"])
        if path is None:
            return PlainTextResponse("there is no such report", 404)
        text = await asyncio.to_thread(path.read_text, "utf-8")
        return HTMLResponse(text, headers={"content-security-policy": _REPORT_POLICY})

    async def history(self, request: Request) -> Response:
        """One person's history."""
        try:
            page = await asyncio.to_thread(
                self._records.history, request.path_params["subject"], self._language_of(request)
            )
        except StorageError as error:
            return PlainTextResponse(str(error), 503)
        if page is None:
            return PlainTextResponse("no tests of this person are on file", 404)
        return HTMLResponse(page, headers={"content-security-policy": _HISTORY_POLICY})

    async def cameras(self, request: Request) -> Response:
        """The cameras in the graph, the tests, and the choices of the form."""
        tests = [
            {
                "key": test.key,
                "title": test.title,
                "unit": test.unit,
                "instructions": list(test.instructions),
                "placement": test.placement,
                "phases": list(test.phases),
            }
            for test in (*MOVEMENT_TESTS.values(), DETECTED)
        ]
        return JSONResponse(
            {
                "cameras": self._hub.names(),
                "phase_names": PHASE_NAMES,
                "tests": tests,
                "sexes": list(SEXES),
                "walking_aids": list(WALKING_AIDS),
                "pseudonym": new_subject_id(),
                "login": self._access.required,
            }
        )

    async def events(self, request: Request) -> Response:
        """Pictures, skeletons, view, state and results of one camera as they come."""
        name = request.query_params.get("camera", "")
        if name not in self._hub.names():
            return PlainTextResponse("there is no such camera", 404)
        return StreamingResponse(self._stream(name), media_type="text/event-stream")

    async def _stream(self, name: str) -> AsyncIterator[bytes]:
        watcher = self._hub.watch(name)
        try:
            yield b"retry: 500\n\n"
            while True:
                yield await watcher.next(_KEEP_ALIVE_S)
        finally:
            self._hub.leave(name, watcher)

    async def recent(self, request: Request) -> Response:
        """The newest results, from the folder of reports."""
        rows = await asyncio.to_thread(self._records.recent)
        return JSONResponse({"results": rows})

    async def login(self, request: Request) -> Response:
        """Open a session for the right token or password."""
        address = request.client.host if request.client else ""
        wait_s = self._access.limits.wait_s(address)
        if wait_s > 0:
            headers = {"retry-after": str(int(wait_s) + 1)}
            return PlainTextResponse("too many attempts: wait a minute", 429, headers=headers)
        values = await _body(request)
        user, secret = values.get("user", ""), values.get("secret", "")
        if not (isinstance(user, str) and isinstance(secret, str)):
            return PlainTextResponse("user, secret: expected text", 400)
        session_id = await asyncio.to_thread(self._access.login, user, secret)
        if not session_id:
            self._access.limits.failed(address)
            return PlainTextResponse("wrong token or password", 403)
        response = JSONResponse({"ok": True})
        response.set_cookie(
            COOKIE, session_id, max_age=int(SESSION_S), httponly=True, samesite="strict",
            secure=self._secure,
        )  # fmt: skip
        return response

    async def logout(self, request: Request) -> Response:
        """Close the session."""
        self._access.sessions.end(request.cookies.get(COOKIE, ""))
        response = JSONResponse({"ok": True})
        response.delete_cookie(COOKIE)
        return response

    async def act(self, request: Request) -> Response:
        """Start, stop or forget a test."""
        values = await _body(request)
        camera, action = values.get("camera"), values.get("action")
        if camera not in self._hub.names() or action not in ("start", "stop", "reset"):
            return PlainTextResponse("camera, action: expected a camera and an action", 400)
        async with self._actions:
            done, text = await self._graph.act(str(camera), str(action))
        return JSONResponse({"ok": done, "text": text}, 200 if done else 409)

    async def person(self, request: Request) -> Response:
        """Say who is tested, and with which test."""
        values = await _body(request)
        camera = values.pop("camera", None)
        if camera not in self._hub.names():
            return PlainTextResponse("camera: expected a camera of the graph", 400)
        try:
            checked = person_values(values)
        except ValueError as error:
            return PlainTextResponse(str(error), 400)
        async with self._actions:
            done, text = await self._graph.set_person(str(camera), checked)
        return JSONResponse({"ok": done, "text": text}, 200 if done else 409)


def person_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return the analyzer's parameters from a form; strict about names, types and ranges.

    Raises
    ------
    ValueError
        The message names the field, what was expected and what came.
    """
    expected: dict[str, Callable[[Any], Any]] = {
        "subject_id": _pseudonym,
        "age_years": lambda value: _number("age_years", value, 0.0, 120.0),
        "height_m": lambda value: _number("height_m", value, 0.0, 2.5),
        "sex": lambda value: _choice("sex", value, SEXES),
        "walking_aid": lambda value: _choice("walking_aid", value, WALKING_AIDS),
        "chair": lambda value: _text("chair", value),
        "assessor": lambda value: _text("assessor", value),
        "time_zone": lambda value: _text("time_zone", value),
        "test": lambda value: _choice("test", value, (*MOVEMENT_TESTS, DETECTED.key)),
        "language": lambda value: _choice("language", value, languages()),
    }
    unknown = values.keys() - expected.keys()
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(sorted(map(str, unknown)))[:80]}")
    return {name: expected[name](value) for name, value in values.items()}


def _pseudonym(value: Any) -> str:
    text = _text("subject_id", value)
    return check_subject_id(text) if text else text


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name}: expected a number from {low:g} to {high:g}, got {value!r:.40}")
    return float(value)


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in ("", *choices):
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r:.40}")
    return str(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 60 or not value.isprintable():
        raise ValueError(f"{name}: expected up to 60 printable characters, got {value!r:.40}")
    return value


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; {} for anything else."""
    try:
        document = json.loads(await request.body())
    except (ValueError, RecursionError, ClientDisconnect):
        return {}
    return document if isinstance(document, dict) else {}


def build_app(
    hub: Hub,
    graph: Graph,
    records: Records,
    access: Access,
    hosts: frozenset[str],
    secure: bool = False,
    language: str = "",
) -> App:
    """Return the guarded ASGI application."""
    pages = Pages(hub, graph, records, access, secure, language)
    return Guard(Starlette(routes=pages.routes()), access, hosts, secure)
