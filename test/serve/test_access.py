# SPDX-License-Identifier: Apache-2.0
import socket
from pathlib import Path

import pytest

from thermal_pose.errors import ConfigError
from thermal_pose.serve.access import (
    IDLE_S,
    MAX_SESSIONS,
    SESSION_S,
    Access,
    LoginLimits,
    Sessions,
    add_user,
    hash_password,
    read_passwords,
    verify_password,
)
from thermal_pose.serve.server import ServeOptions, access_of, host_names


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_session_ends_after_its_time_and_for_want_of_use() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    first = sessions.begin()
    clock.now_s = IDLE_S - 1
    assert sessions.knows(first)
    clock.now_s += IDLE_S + 1
    assert not sessions.knows(first) and not sessions.knows("")
    second = sessions.begin()
    begun_s = clock.now_s
    while clock.now_s - begun_s <= SESSION_S:
        clock.now_s += IDLE_S / 2
        sessions.knows(second)
    assert not sessions.knows(second)


def test_the_number_of_sessions_is_bounded() -> None:
    sessions = Sessions()
    opened = [sessions.begin() for _ in range(MAX_SESSIONS + 3)]
    assert sum(sessions.knows(one) for one in opened) == MAX_SESSIONS


def test_failures_are_forgotten_after_the_window() -> None:
    clock = Clock()
    limits = LoginLimits(clock)
    for _ in range(5):
        limits.failed("a")
    assert limits.wait_s("a") == pytest.approx(60.0)
    assert limits.wait_s("b") == 0.0
    clock.now_s = 61.0
    assert limits.wait_s("a") == 0.0


def test_a_password_file_is_private_and_its_hashes_hold(tmp_path: Path) -> None:
    path = tmp_path / "users"
    add_user(path, "anna", "correct horse")
    add_user(path, "ben", "battery staple")
    users = read_passwords(path)
    assert users.keys() == {"anna", "ben"} and "correct" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert verify_password("correct horse", users["anna"])
    assert not verify_password("correct horse", users["ben"])
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_passwords(path)


@pytest.mark.parametrize("stored", ["", "x", "zz$yy", "$", "00$"])
def test_a_damaged_hash_is_no_password(stored: str) -> None:
    assert not verify_password("", stored)


def test_two_hashes_of_one_password_differ() -> None:
    assert hash_password("long-enough") != hash_password("long-enough")


def test_the_loopback_needs_no_login_any_other_address_does(tmp_path: Path) -> None:
    assert not access_of(ServeOptions()).required
    open_access = access_of(ServeOptions(host="0.0.0.0"))
    assert open_access.required and len(open_access.token) >= 20
    assert access_of(ServeOptions(host="0.0.0.0")).token != open_access.token
    assert access_of(ServeOptions(host="192.0.2.1")).required


def test_answers_to_its_own_names_only() -> None:
    assert host_names(ServeOptions()) == {"localhost", "127.0.0.1", "::1"}
    names = host_names(ServeOptions(host="0.0.0.0", names=("Ward3.local",)))
    assert {"ward3.local", socket.gethostname().lower()} <= names
    assert "0.0.0.0" not in names


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="both or neither"):
        ServeOptions(certificate=Path("x"))
    with pytest.raises(ConfigError, match="--port"):
        ServeOptions(port=0)


def test_an_empty_token_opens_nothing() -> None:
    assert Access(required=True).login("", "") == ""
