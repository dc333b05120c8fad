# SPDX-License-Identifier: Apache-2.0
"""The viewer's page and data, served by Rerun's own server on one address.

`rerun.serve_grpc` and `rerun.serve_web_viewer` listen on every address; the server's command has
an option for it.
"""

import atexit
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from thermal_pose.errors import GraphError

LOOPBACK: Final = "127.0.0.1"
_START_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.05
#: Ask for SIGTERM when the parent dies (PR_SET_PDEATHSIG = 1), then become the program.
_EXEC_AND_END_WITH_PARENT: Final = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class ViewerOptions:
    """Where the viewer is served.

    Attributes
    ----------
    web_port, data_port : TCP ports of the page and of its data.
    open_browser : open the page on this machine.
    memory_limit : data kept for browsers that connect late; the oldest are dropped first.
    address : IP address to listen on; 0.0.0.0 serves every network without any protection.
    """

    web_port: int = 9090
    data_port: int = 9876
    open_browser: bool = True
    memory_limit: str = "512MB"
    address: str = LOOPBACK

    @property
    def host(self) -> str:
        """Address by which this machine reaches the server."""
        return LOOPBACK if self.address in ("0.0.0.0", "::") else self.address


def start_server(options: ViewerOptions) -> str:
    """Start the server, which ends with this process; return the address of its data.

    Raises
    ------
    GraphError
        A port is taken, or the address is not one of this machine's.
    """
    for port in (options.web_port, options.data_port):
        _check_free(options.address, port)
    quiet = {"RERUN_ANALYTICS": "0", "DO_NOT_TRACK": "1", "TELEMETRY_ENABLED": "false"}
    server = subprocess.Popen(
        [
            *(sys.executable, "-c", _EXEC_AND_END_WITH_PARENT, _program(), "--serve-web"),
            *("--bind", options.address, "--port", str(options.data_port)),
            *("--web-viewer-port", str(options.web_port)),
            *("--server-memory-limit", options.memory_limit),
        ],
        # The server would open a browser by itself.
        env={**os.environ, **quiet, "BROWSER": "/bin/false"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(_end, server)
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not all(_listens(options.host, port) for port in (options.web_port, options.data_port)):
        if server.poll() is not None or time.monotonic() > deadline_s:
            _end(server)
            raise GraphError(
                f"cannot serve on {options.address}, ports {options.web_port} and "
                f"{options.data_port}: the server did not start"
            )
        time.sleep(_POLL_S)
    return f"rerun+http://{options.host}:{options.data_port}/proxy"


def _program() -> str:
    """Return the path of Rerun's program: its Python wrapper would stay between us and it."""
    import rerun_cli

    return str(Path(rerun_cli.__file__).parent / "rerun")


def _end(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(3.0)
    if server.poll() is None:
        server.kill()
        server.wait()


def _check_free(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except (OSError, OverflowError) as error:
            raise GraphError(f"cannot serve on {address}, port {port}: {error}") from error


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1.0).close()
    except OSError:
        return False
    return True
