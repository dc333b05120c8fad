# SPDX-License-Identifier: Apache-2.0
"""What a stranger tries: each row is one attack, and the page must not give in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_results as fabricated
from support.asgi import ask
from support.faults import record

from thermal_pose.report.write import write_trial_report
from thermal_pose.serve.access import IDLE_S, Access, Sessions, hash_password
from thermal_pose.serve.app import build_app
from thermal_pose.serve.guard import COOKIE
from thermal_pose.serve.hub import Hub
from thermal_pose.serve.records import Records

pytestmark = pytest.mark.faults
TOKEN = "a-token-of-this-test"
HOSTS = frozenset({"127.0.0.1", "localhost", "::1", "ward3.local"})


class RecordingGraph:
    """Notes every action instead of calling a service."""

    def __init__(self) -> None:
        self.actions: list[Any] = []

    async def act(self, camera: str, action: str) -> tuple[bool, str]:
        self.actions.append((camera, action))
        return True, ""

    async def set_person(self, camera: str, values: dict[str, Any]) -> tuple[bool, str]:
        self.actions.append((camera, values))
        return True, ""


class Stage:
    def __init__(self, folder: Path, access: Access) -> None:
        self.graph, self.hub = RecordingGraph(), Hub()
        self.hub.camera("")
        self.reports = folder / "reports"
        paths = write_trial_report(
            fabricated.result(), fabricated.frames(20), fabricated.keypoints(20), self.reports
        )
        self.name = paths.html.parent.name
        (folder / "secret.html").write_text("SECRET")
        records = Records(self.reports, folder / "store.sqlite")
        self.app = build_app(self.hub, self.graph, records, access, HOSTS)

    def ask(self, *args: Any, **kwargs: Any):
        return ask(self.app, *args, **kwargs)


@pytest.fixture(autouse=True)
def row(request: pytest.FixtureRequest) -> Iterator[None]:
    """One row per attack in the table of faults, once its checks have held."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        attack = request.node.originalname.removeprefix("test_").replace("_", " ")
        tried = sum(
            item.originalname == request.node.originalname for item in request.session.items
        )
        record(f"bedside page: {attack}", tried, "refused, nothing shown or started")


@pytest.fixture
def ward(tmp_path: Path) -> Stage:
    return Stage(tmp_path, Access(required=True, token=TOKEN))


@pytest.fixture
def alone(tmp_path: Path) -> Stage:
    return Stage(tmp_path, Access(required=False))


def body(**values: Any) -> bytes:
    return json.dumps(values).encode()


def logged_in(stage: Stage) -> dict[str, str]:
    answer = stage.ask("/api/login", "POST", body=body(user="", secret=TOKEN))
    assert answer.status == 200
    return {"cookie": answer.headers["set-cookie"].split(";")[0]}


START = body(camera="", action="start")


@pytest.mark.parametrize(
    "path",
    ["/", "/api/cameras", "/api/recent", "/api/events?camera=", "/report/x", "/history/P-1",
     "/static/page.js"],
)  # fmt: skip
def test_without_a_session_nothing_is_shown(ward: Stage, path: str) -> None:
    answer = ward.ask(path)
    assert answer.status in (303, 401)
    assert b"P-0007" not in answer.body and b"canvas" not in answer.body


def test_without_a_session_nothing_is_started(ward: Stage) -> None:
    assert ward.ask("/api/act", "POST", body=START).status == 401
    assert ward.graph.actions == []


@pytest.mark.parametrize(
    "cookie", [f"{COOKIE}=", f"{COOKIE}=guess", f"{COOKIE}={TOKEN}", "=;=;", f"{COOKIE}=a; " * 50]
)
def test_a_forged_session_is_none(ward: Stage, cookie: str) -> None:
    assert ward.ask("/api/cameras", headers={"cookie": cookie}).status == 401


def test_the_right_token_opens_a_strict_session_and_a_logout_ends_it(ward: Stage) -> None:
    answer = ward.ask("/api/login", "POST", body=body(user="", secret=TOKEN))
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    session = {"cookie": cookie.split(";")[0]}
    assert ward.ask("/api/cameras", headers=session).status == 200
    assert ward.ask("/api/logout", "POST", headers=session, body=b"{}").status == 200
    assert ward.ask("/api/cameras", headers=session).status == 401


def test_an_expired_session_shows_and_starts_nothing(tmp_path: Path) -> None:
    now_s = [0.0]
    access = Access(required=True, token=TOKEN)
    access.sessions = Sessions(lambda: now_s[0])
    stage = Stage(tmp_path, access)
    session = logged_in(stage)
    assert stage.ask("/api/recent", headers=session).status == 200
    now_s[0] += IDLE_S + 1.0
    for path in ("/api/recent", "/api/events?camera=", f"/report/{stage.name}", "/history/P-0007"):
        assert stage.ask(path, headers=session).status == 401
    act = stage.ask("/api/act", "POST", session, body(camera="", action="start"))
    assert act.status == 401 and stage.graph.actions == []
    # Its cookie is worth nothing either after the next person has logged in.
    logged_in(stage)
    assert stage.ask("/api/recent", headers=session).status == 401


def test_a_cookie_of_the_language_reads_no_file(alone: Stage) -> None:
    for code in ("../../etc/passwd", "xx", "de.json", "%2e%2e/secret", "<script>"):
        page = alone.ask("/", headers={"cookie": f"thermal_pose_language={code}"})
        assert page.status == 200 and '<html lang="en">' in page.text
        assert "SECRET" not in page.text and "root:" not in page.text


def test_guessing_is_limited_also_for_the_right_token(ward: Stage) -> None:
    wrong = [ward.ask("/api/login", "POST", body=body(secret=f"guess{k}")).status for k in range(8)]
    assert wrong == [403] * 5 + [429] * 3
    assert ward.ask("/api/login", "POST", body=body(secret=TOKEN)).status == 429
    other = ward.ask("/api/login", "POST", body=body(secret=TOKEN), client="192.0.2.8")
    assert other.status == 200


def test_guessing_from_many_addresses_is_limited_overall(ward: Stage) -> None:
    found = [
        ward.ask("/api/login", "POST", body=body(secret="x"), client=f"192.0.2.{k}").status
        for k in range(40)
    ]
    assert found.count(403) == 30 and found[-1] == 429


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "0.0.0.0:8080"])
def test_a_foreign_name_that_points_here_gets_nothing(alone: Stage, host: str) -> None:
    for path in ("/", "/api/cameras", f"/report/{alone.name}"):
        assert alone.ask(path, headers={"host": host}).status == 421
    assert alone.ask("/api/act", "POST", headers={"host": host}, body=START).status == 421
    assert alone.graph.actions == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": None},
        {"origin": "https://127.0.0.1:8080"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_start_a_test(alone: Stage, headers: dict[str, Any]) -> None:
    assert alone.ask("/api/act", "POST", headers=headers, body=START).status == 403
    assert alone.graph.actions == []


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_forms_and_uploads_do_not_exist(alone: Stage, kind: str) -> None:
    answer = alone.ask("/api/act", "POST", headers={"content-type": kind}, body=START)
    assert answer.status == 415 and alone.graph.actions == []


def test_another_site_cannot_read_events_or_results(alone: Stage) -> None:
    for path in ("/api/events?camera=", "/api/recent", "/api/cameras"):
        answer = alone.ask(path, headers={"sec-fetch-site": "cross-site"})
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_do_not_exist(alone: Stage, method: str) -> None:
    for path in ("/", "/api/act", f"/report/{alone.name}"):
        assert alone.ask(path, method).status == 405


@pytest.mark.parametrize(
    "name",
    ["../secret.html", "..%2fsecret.html", "..", ".", "%2e%2e", "../../etc/passwd", "/etc/passwd",
     "....//secret.html", "\x00", "x\x00y", "a" * 5000, "..\\secret.html", "secret.html"],
)  # fmt: skip
def test_no_path_leads_out_of_the_reports(alone: Stage, name: str) -> None:
    for path in (f"/report/{name}", f"/static/{name}", f"/history/{name}"):
        answer = alone.ask(path)
        assert answer.status in (404, 405), path
        assert b"SECRET" not in answer.body and b"root:" not in answer.body


def test_a_link_in_the_folder_of_reports_is_not_followed(alone: Stage) -> None:
    planted = alone.reports / "20300101T000000.000000000Z"
    planted.symlink_to(alone.reports.parent)
    inside = alone.reports / "20300101T000001.000000000Z"
    inside.mkdir()
    (inside / "report.html").symlink_to(alone.reports.parent / "secret.html")
    for name in (planted.name, inside.name):
        assert alone.ask(f"/report/{name}").status == 404


def test_a_report_cannot_act_in_our_name(alone: Stage) -> None:
    answer = alone.ask(f"/report/{alone.name}")
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "allow-same-origin" not in policy
    assert "connect-src" not in policy and "default-src 'none'" in policy


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"null", b"1e999", b"\xff\xfe", b'{"camera":' * 400, b'"' + b"x" * 4000],
)
def test_nonsense_is_refused_without_harm(alone: Stage, content: bytes) -> None:
    for path in ("/api/act", "/api/person"):
        assert alone.ask(path, "POST", body=content).status in (400, 413)
    assert alone.graph.actions == []
    assert alone.ask("/api/cameras").status == 200


def test_a_large_body_is_refused_whatever_it_claims(alone: Stage) -> None:
    large = body(camera="", action="start", x="y" * 5000)
    assert alone.ask("/api/act", "POST", body=large).status == 413
    answer = alone.ask("/api/act", "POST", body=large, headers={"content-length": "20"})
    assert answer.status != 200 and alone.graph.actions == []
    unsized = alone.ask("/api/act", "POST", body=START, headers={"content-length": None})
    assert unsized.status == 413


@pytest.mark.parametrize(
    "values",
    [
        {"subject_id": "Anna Schmidt"},
        {"subject_id": "<script>"},
        {"subject_id": "P" * 41},
        {"age_years": -1},
        {"age_years": True},
        {"age_years": "74"},
        {"height_m": 9},
        {"sex": "x"},
        {"walking_aid": "wings"},
        {"chair": "a\nb"},
        {"assessor": "x" * 61},
        {"test": "fly"},
        {"report_dir": "/etc"},
        {"store_path": "/tmp/x"},
        {"__class__": "x"},
    ],
)
def test_the_form_takes_only_what_it_shows(alone: Stage, values: dict[str, Any]) -> None:
    assert alone.ask("/api/person", "POST", body=body(camera="", **values)).status == 400
    assert alone.graph.actions == []


def test_what_the_form_shows_is_taken(alone: Stage) -> None:
    values = {"subject_id": "P-1", "age_years": 74, "sex": "female", "walking_aid": "cane"}
    assert alone.ask("/api/person", "POST", body=body(camera="", **values)).status == 200
    assert alone.graph.actions == [("", values)]


def test_every_answer_forbids_frames_sniffing_and_storage(ward: Stage) -> None:
    for path in ("/", "/login", "/static/page.css", "/nowhere"):
        headers = ward.ask(path).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_an_unknown_user_is_no_faster_than_a_wrong_password(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Access(required=True, passwords={"anna": hash_password("long-enough")}))
    for user, secret in (("nobody", "x"), ("anna", "x"), ("", TOKEN), ("anna", "")):
        answer = stage.ask("/api/login", "POST", body=body(user=user, secret=secret))
        assert (answer.status, answer.text) == (403, "wrong token or password")
    answer = stage.ask("/api/login", "POST", body=body(user="anna", secret="long-enough"))
    assert answer.status == 200
