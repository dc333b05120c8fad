# SPDX-License-Identifier: Apache-2.0
"""What every request must satisfy before a page or an action sees it (ASGI middleware).

- **Host**: only names that this server was started for, so that a foreign name that resolves to
  this machine (DNS rebinding) gets nothing.
- **Origin**: an action comes from this server's own page, named by `Origin`; a request that
  another site caused (`Sec-Fetch-Site`) is refused.
- **Session**: all but the login needs one where the server asks for a login.
- **Size**: a body has at most 4 kB of JSON; there are no uploads.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any, Final

from thermal_pose.serve.access import Access

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE: Final = "thermal_pose_session"
MAX_BODY: Final = 4096
#: Paths that do not need a session.
OPEN_PATHS: Final = frozenset(
    {"/login", "/api/login", "/static/login.js", "/static/language.js", "/static/page.css"}
)
_ACTIONS: Final = frozenset({"POST"})
_READS: Final = frozenset({"GET", "HEAD"})

#: Sent with every answer; a page that needs more states its own policy.
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
}


class Guard:
    """Refuses what no page of ours would send; passes the rest on.

    Parameters
    ----------
    app : the application behind.
    access : login rules.
    hosts : host names and addresses, without port, that the server answers to.
    secure : whether it speaks TLS.
    """

    def __init__(self, app: App, access: Access, hosts: frozenset[str], secure: bool) -> None:
        self._app = app
        self._access = access
        self._hosts = hosts
        self._scheme = "https" if secure else "http"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        status, reason = self._judge(scope, headers)
        if status:
            await _answer(send, status, reason)
            return
        await self._app(scope, _limited(receive), _with_headers(send))

    def _judge(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str]:
        """Return the status and the reason of a refusal; (0, '') passes."""
        host = headers.get("host", "")
        if host_name(host) not in self._hosts:
            return 421, "this server does not answer to that name"
        method, path = scope["method"], scope["path"]
        if method not in _ACTIONS | _READS:
            return 405, "only GET and POST"
        if method in _ACTIONS:
            verdict = self._judge_action(headers, host)
            if verdict[0]:
                return verdict
        elif headers.get("sec-fetch-site") == "cross-site" and path.startswith("/api/"):
            return 403, "another site asked for this"
        known = not self._access.required or self._access.sessions.knows(session_id_of(headers))
        if not known and path not in OPEN_PATHS:
            return (303, "/login") if path == "/" else (401, "log in first")
        return 0, ""

    def _judge_action(self, headers: dict[str, str], host: str) -> tuple[int, str]:
        if headers.get("origin") != f"{self._scheme}://{host}":
            return 403, "actions are taken from this server's own page only"
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return 403, "another site asked for this"
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return 415, "expected application/json"
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            return 413, f"expected a body of at most {MAX_BODY} bytes"
        return 0, ""


def host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets, in lower case.

    >>> host_name("Ward3.local:8443"), host_name("[::1]:80")
    ('ward3.local', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own loopback.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def session_id_of(headers: dict[str, str]) -> str:
    """Return the session id in a request's cookies; '' for none."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _limited(receive: Receive) -> Receive:
    """Cut a body off that is longer than it says."""
    taken = 0

    async def take() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY:
            return {"type": "http.disconnect"}
        return message

    return take


def _with_headers(send: Send) -> Send:
    async def give(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            present = {key for key, _ in message["headers"]}
            extra = [
                (key.encode(), value.encode())
                for key, value in HEADERS.items()
                if key.encode() not in present
            ]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return give


async def _answer(send: Send, status: int, reason: str) -> None:
    headers = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
    headers.append((b"content-type", b"text/plain; charset=utf-8"))
    body = reason.encode()
    if status == 303:
        headers.append((b"location", reason.encode()))
        body = b""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
