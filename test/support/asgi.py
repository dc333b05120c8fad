# SPDX-License-Identifier: Apache-2.0
"""Requests to an ASGI application in this process, byte for byte as a client would send them."""

import asyncio
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(
    app: Any,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    client: str = "192.0.2.7",
) -> Answer:
    """Send one request; headers replace the defaults of a same-origin browser, None drops one."""
    sent = {"host": "127.0.0.1:8080"}
    if method == "POST":
        sent |= {
            "origin": "http://127.0.0.1:8080",
            "content-type": "application/json",
            "content-length": str(len(body)),
        }
    sent |= headers or {}
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in sent.items() if v is not None],
        "client": (client, 50000),
        "server": ("127.0.0.1", 8080),
    }
    answer = Answer(0, {}, b"")
    given = False

    async def receive() -> dict[str, Any]:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    asyncio.run(asyncio.wait_for(app(scope, receive, send), 10))
    return answer
