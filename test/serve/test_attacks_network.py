# SPDX-License-Identifier: Apache-2.0
"""Attacks on the listening server itself: other addresses, and connections without TLS."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from support.bedside_stage import QuietGraph
from support.faults import record
from support.ports import free_ports
from support.waiting import wait_for

from thermal_pose.serve.access import Access
from thermal_pose.serve.hub import Hub
from thermal_pose.serve.records import Records
from thermal_pose.serve.server import ServeOptions, server_config

pytestmark = pytest.mark.faults
TLS = Path(__file__).resolve().parents[1] / "data" / "tls"


@contextmanager
def serving(options: ServeOptions, access: Access) -> Iterator[None]:
    config = server_config(options, Hub(), QuietGraph(), Records(None, None), access)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, 30.0, "the server")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(5.0)


def own_addresses() -> list[str]:
    """Addresses of this machine besides 127.0.0.1; another of the loopback is always there."""
    found = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    return ["127.0.0.2", *sorted(str(address) for address in found - {"127.0.0.1"})]


def test_without_a_host_no_other_address_listens() -> None:
    (port,) = free_ports(1)
    addresses = own_addresses()
    with serving(ServeOptions(port=port), Access(required=False)):
        socket.create_connection(("127.0.0.1", port), 5.0).close()
        for address in addresses:
            with pytest.raises(OSError):
                socket.create_connection((address, port), 5.0).close()
    record("bedside page: another address of this machine, without --host", len(addresses),
           "no connection")  # fmt: skip


def test_with_a_certificate_nothing_is_said_in_the_clear() -> None:
    (port,) = free_ports(1)
    options = ServeOptions(
        host="127.0.0.1", port=port, certificate=TLS / "certificate.pem", key=TLS / "key.pem"
    )
    with serving(options, Access(required=True, token="a-token-of-this-test")):
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with pytest.raises((http.client.HTTPException, OSError)):
            plain.request("GET", "/login")
            plain.getresponse()
        trust = ssl.create_default_context(cafile=str(TLS / "certificate.pem"))
        safe = http.client.HTTPSConnection("localhost", port, timeout=10, context=trust)
        body = json.dumps({"user": "", "secret": "a-token-of-this-test"})
        headers = {"content-type": "application/json", "origin": f"https://localhost:{port}"}
        safe.request("POST", "/api/login", body, headers)
        answer = safe.getresponse()
        assert answer.status == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "secure" in cookie and "httponly" in cookie and "samesite=strict" in cookie
        safe.close()
    record("bedside page: a connection without TLS to a server with a certificate", 1,
           "no answer; the cookie is for TLS only")  # fmt: skip
