# SPDX-License-Identifier: Apache-2.0
"""`bedside`: the bedside page as a node of the graph, for the launch file."""

import threading
from collections.abc import Mapping
from pathlib import Path

import uvicorn

from thermal_pose.nodes.base import PipelineNode
from thermal_pose.parameters.nodes import BedsideParameters
from thermal_pose.serve.graph_client import GraphClient, SpinningGraph
from thermal_pose.serve.hub import Hub
from thermal_pose.serve.records import Records
from thermal_pose.serve.server import (
    ServeOptions,
    access_of,
    announce,
    check_free,
    server_config,
)


class BedsideNode(PipelineNode):
    """Serves the page while it is active; the rules are those of `thermal-pose serve`.

    It shows every camera at or below the node's own namespace.
    """

    PARAMETERS = BedsideParameters

    def build(self) -> None:
        """Check the address and the login rules."""
        chosen = self.parameters
        self._options = ServeOptions(
            host=chosen.host,
            port=chosen.port,
            names=tuple(name for name in chosen.names.split(",") if name),
            password_file=_path(chosen.password_file),
            certificate=_path(chosen.certificate),
            key=_path(chosen.key),
            reports=_path(chosen.reports),
            store=_path(chosen.store),
            namespace=self.get_namespace().rstrip("/"),
            language=chosen.language,
        )
        self._access = access_of(self._options)
        check_free(self._options)
        self._hub = Hub()
        self._server: uvicorn.Server | None = None

    def connect(self) -> None:
        """Start the page and its view of the graph, each in a thread of its own."""
        records = Records(self._options.reports, self._options.store)
        client = GraphClient(self._hub, records, self._options.namespace, context=self.context)
        self._graph = SpinningGraph(client)
        self._graph.__enter__()
        config = server_config(self._options, self._hub, client, records, self._access)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="page", daemon=True)
        self._thread.start()
        announce(self._options, self._access)

    def release(self) -> None:
        """Stop the page."""
        server = getattr(self, "_server", None)
        if server is not None:
            server.should_exit = True
            self._thread.join(timeout=3.0)
            self._graph.__exit__()
            self._server = None

    def details(self) -> Mapping[str, str]:
        """Return what the page shows."""
        return {
            "address": f"{self._options.scheme}://{self._options.host}:{self._options.port}/",
            "cameras": str(len(self._hub.names())),
            "watchers": str(self._hub.n_watchers()),
        }


def _path(text: str) -> Path | None:
    return Path(text) if text else None
