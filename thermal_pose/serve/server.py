# SPDX-License-Identifier: Apache-2.0
"""Starts the server: address, link, QR code, TLS."""

import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import rclpy
import uvicorn

from thermal_pose.errors import ConfigError
from thermal_pose.language import languages
from thermal_pose.serve.access import Access, new_token, read_passwords
from thermal_pose.serve.app import Graph, build_app
from thermal_pose.serve.graph_client import GraphClient, SpinningGraph
from thermal_pose.serve.guard import is_loopback
from thermal_pose.serve.hub import Hub
from thermal_pose.serve.records import Records

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class ServeOptions:
    """What a server is started with.

    Attributes
    ----------
    host, port : address to listen on.
    names : further host names that the server answers to.
    password_file : users and password hashes; None: a token in a printed link.
    certificate, key : PEM files for TLS; None: plain HTTP.
    reports, store : see `serve.records.Records`.
    namespace : only cameras at or below it.
    language : code of the page's language; '' takes the browser's.
    """

    host: str = LOOPBACK
    port: int = 8080
    names: tuple[str, ...] = ()
    password_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    reports: Path | None = None
    store: Path | None = None
    namespace: str = ""
    language: str = ""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("--certificate and --key: expected both or neither")
        for path in (self.certificate, self.key):
            if path is not None and not path.is_file():
                raise ConfigError(f"{path}: there is no such file")
        if self.language and self.language not in languages():
            raise ConfigError(
                f"--language: expected one of {', '.join(languages())}, got {self.language!r}"
            )
        if not 1 <= self.port <= 65535:
            raise ConfigError(f"--port: expected 1 to 65535, got {self.port}")

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach the server."""
        return not is_loopback(self.host)

    @property
    def scheme(self) -> str:
        """Of the page's address."""
        return "https" if self.certificate else "http"


def access_of(options: ServeOptions) -> Access:
    """Return the login rules: none on the loopback, else a token or passwords."""
    if options.password_file is not None:
        return Access(required=True, passwords=read_passwords(options.password_file))
    if options.is_open:
        return Access(required=True, token=new_token())
    return Access(required=False)


def host_names(options: ServeOptions) -> frozenset[str]:
    """Return the names and addresses that the server answers to, in lower case."""
    names = {"localhost", LOOPBACK, "::1", *options.names}
    if options.is_open:
        names |= {options.host, socket.gethostname(), *_own_addresses(options.host)}
    return frozenset(name.lower() for name in names) - {"0.0.0.0", "::", ""}


def _own_addresses(host: str) -> set[str]:
    """The addresses by which other machines reach a server that listens on `host`."""
    if host not in ("0.0.0.0", "::"):
        return {host}
    found = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only chooses a route.
            probe.connect(("192.0.2.1", 9))
            found.add(probe.getsockname()[0])
        except OSError:
            pass
    return {str(address) for address in found}


def announce(options: ServeOptions, access: Access) -> None:
    """Print the address; where a token is needed, the link and its QR code, once."""
    shown = options.host
    if shown in ("0.0.0.0", "::"):
        own = sorted(a for a in _own_addresses(shown) if not is_loopback(a) and ":" not in a)
        shown = own[0] if own else socket.gethostname()
    address = f"{options.scheme}://{f'[{shown}]' if ':' in shown else shown}:{options.port}/"
    if access.required and not access.passwords:
        link = f"{address}login#{access.token}"
        print(f"open this link, or scan the code; it is shown once:\n{link}", flush=True)
        import segno

        segno.make(link, error="m").terminal(out=sys.stdout, compact=True)
    else:
        print(f"open {address}", flush=True)
    if options.is_open and not options.certificate:
        print(
            "warning: pages and logins are not encrypted; use --certificate and --key, or a "
            "network that you trust",
            file=sys.stderr,
            flush=True,
        )


def server_config(
    options: ServeOptions, hub: Hub, graph: Graph, records: Records, access: Access
) -> uvicorn.Config:
    """Return the configuration of a server for these objects."""
    app = build_app(
        hub,
        graph,
        records,
        access,
        host_names(options),
        bool(options.certificate),
        options.language,
    )
    return uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=100,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=16384,
        proxy_headers=False,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
    )


def serve(options: ServeOptions) -> int:
    """Serve until interrupted; return the exit code."""
    access = access_of(options)
    check_free(options)
    hub, records = Hub(), Records(options.reports, options.store)
    rclpy.init(args=[])
    try:
        with SpinningGraph(GraphClient(hub, records, options.namespace)) as graph:
            config = server_config(options, hub, graph, records, access)
            announce(options, access)
            uvicorn.Server(config).run()
    finally:
        rclpy.try_shutdown()
    return 0


def check_free(options: ServeOptions) -> None:
    """Check that the address is free and this machine's.

    Raises
    ------
    ConfigError
        It is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {options.host}:{options.port}: {error.strerror}"
            ) from error
