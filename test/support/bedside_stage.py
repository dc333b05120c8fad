# SPDX-License-Identifier: Apache-2.0
"""A bedside page with a made-up camera: real server, no ROS graph behind it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from support import fabricated_results as fabricated
from support.ports import free_ports
from support.waiting import wait_for

from thermal_pose.report.write import write_trial_report
from thermal_pose.serve.access import Access
from thermal_pose.serve.app import build_app
from thermal_pose.serve.hub import Hub
from thermal_pose.serve.records import Records, result_row
from thermal_pose.store.results import ResultsStore
from thermal_pose.types import TrialReason

SENTENCE = "The recording has a gap of 0.9 s within the test; at most 0.5 s can be bridged."


class QuietGraph:
    """Accepts every action, or refuses it with a sentence."""

    def __init__(self) -> None:
        self.refusal = ""
        self.persons: list[dict[str, Any]] = []

    async def act(self, camera: str, action: str) -> tuple[bool, str]:
        return not self.refusal, self.refusal

    async def set_person(self, camera: str, values: dict[str, Any]) -> tuple[bool, str]:
        self.persons.append(values)
        return True, ""


class BedsideStage:
    """The objects of a running page; its methods play what a graph would send."""

    def __init__(self, folder: Path, access: Access | None = None, language: str = "") -> None:
        (self.port,) = free_ports(1)
        self.graph, self.hub = QuietGraph(), Hub()
        self.hub.camera("")
        self.reports, self.store = folder / "reports", folder / "store.sqlite"
        self.records = Records(self.reports, self.store)
        hosts = frozenset({"127.0.0.1", "localhost"})
        access = access or Access(required=False)
        app = build_app(self.hub, self.graph, self.records, access, hosts, language=language)
        self.server = uvicorn.Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=self.port,
                log_level="warning",
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def show(self, index: int = 30, elapsed_s: float = 0.0, label: str = "seated") -> None:
        """Send one frame, its people and the test's state."""
        frame, people = fabricated.frames()[index], fabricated.keypoints()[index]
        self.hub.image("", frame, frame.stamp_ns)
        self.hub.keypoints("", people)
        self.hub.state(
            "",
            {
                "test": "timed_up_and_go", "label": label, "elapsed_s": elapsed_s,
                "repetitions": 0, "track_id": 1, "waiting": False,
            },
        )  # fmt: skip

    def publish(
        self, reason: TrialReason = TrialReason.VALID, language: str = "en", **changes: Any
    ) -> None:
        """Write a report as the analyzer does, and send its result, changed as given."""
        sentence = "" if reason is TrialReason.VALID else SENTENCE
        result = fabricated.result(reason=reason, sentence=sentence, **changes)
        paths = write_trial_report(
            result, fabricated.frames(), fabricated.keypoints(), self.reports, language=language
        )
        document = result.to_json_dict()
        with ResultsStore(self.store) as store:
            store.add(document)
        self.hub.report("", result_row(document, paths.html.parent.name))


@contextmanager
def bedside_stage(folder: Path, **options: Any) -> Iterator[BedsideStage]:
    """Serve a page from a thread of its own."""
    stage = BedsideStage(folder, **options)
    thread = threading.Thread(target=stage.server.run, daemon=True)
    thread.start()
    wait_for(lambda: stage.server.started, 30.0, "the server")
    try:
        yield stage
    finally:
        stage.server.should_exit = True
        thread.join(5.0)
