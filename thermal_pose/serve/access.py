# SPDX-License-Identifier: Apache-2.0
"""Who may use the page: a token or a password, sessions that expire, limited attempts.

No HTTP here: `guard.py` asks these objects. Secrets are compared in constant time; passwords are
kept as scrypt hashes (RFC 7914).
"""

import hashlib
import hmac
import os
import secrets
import stat
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from thermal_pose.errors import ConfigError
from thermal_pose.files import write_whole

#: Failed attempts allowed within `WINDOW_S`, per address and over all addresses.
MAX_FAILURES: Final = 5
MAX_FAILURES_OVERALL: Final = 30
WINDOW_S: Final = 60.0
#: A session ends after this long, and after this long without a request, s.
SESSION_S: Final = 12 * 3600.0
IDLE_S: Final = 2 * 3600.0
#: More sessions than this are not kept: the oldest ends.
MAX_SESSIONS: Final = 64
_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1}


def new_token() -> str:
    """Return a token of 128 random bits for a link."""
    return secrets.token_urlsafe(16)


class LoginLimits:
    """Counts failed attempts per address and overall within a sliding window."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: dict[str, deque[float]] = {}
        self._overall: deque[float] = deque()

    def wait_s(self, address: str) -> float:
        """Return how long this address must wait before its next attempt; 0 for not at all."""
        waits = [
            self._wait(self._failures.get(address, deque()), MAX_FAILURES),
            self._wait(self._overall, MAX_FAILURES_OVERALL),
        ]
        return max(waits)

    def failed(self, address: str) -> None:
        """Count a failed attempt."""
        if len(self._failures) > 1000:
            self._failures.clear()
        self._failures.setdefault(address, deque()).append(self._now())
        self._overall.append(self._now())

    def _wait(self, failures: deque[float], most: int) -> float:
        now = self._now()
        while failures and now - failures[0] > WINDOW_S:
            failures.popleft()
        return WINDOW_S - (now - failures[-most]) if len(failures) >= most else 0.0


@dataclass
class _Session:
    begun: float
    seen: float


class Sessions:
    """Browser sessions by a random id, kept in memory only."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: dict[str, _Session] = {}

    def begin(self) -> str:
        """Open a session; return its id."""
        if len(self._open) >= MAX_SESSIONS:
            del self._open[min(self._open, key=lambda key: self._open[key].seen)]
        session_id = secrets.token_urlsafe(32)
        self._open[session_id] = _Session(self._now(), self._now())
        return session_id

    def knows(self, session_id: str) -> bool:
        """Whether a session is open; a request keeps it from ending for want of use."""
        session, now = self._open.get(session_id), self._now()
        if session is None:
            return False
        if now - session.begun > SESSION_S or now - session.seen > IDLE_S:
            del self._open[session_id]
            return False
        session.seen = now
        return True

    def end(self, session_id: str) -> None:
        """Close a session."""
        self._open.pop(session_id, None)


@dataclass
class Access:
    """The rules of one server.

    Attributes
    ----------
    required : whether a login is needed; it is for every address but the loopback.
    token : of the printed link; '' where passwords are used.
    passwords : scrypt hash by user name.
    """

    required: bool
    token: str = ""
    passwords: dict[str, str] = field(default_factory=dict)
    sessions: Sessions = field(default_factory=Sessions)
    limits: LoginLimits = field(default_factory=LoginLimits)

    def login(self, user: str, secret: str) -> str:
        """Return a new session's id; '' if the secret is wrong."""
        if self.passwords:
            known = self.passwords.get(user, _NOBODY)
            right = verify_password(secret, known) and user in self.passwords
        else:
            right = bool(self.token) and hmac.compare_digest(secret.encode(), self.token.encode())
        return self.sessions.begin() if right else ""


def hash_password(password: str) -> str:
    """Return 'salt$hash' of a password, both as hexadecimal digits."""
    salt = os.urandom(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()}"


def verify_password(password: str, stored: str) -> bool:
    """Whether a password has this hash."""
    salt, _, expected = stored.partition("$")
    try:
        found = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_SCRYPT).hex()
    except ValueError:
        return False
    return hmac.compare_digest(found, expected)


#: Checked for unknown users, so that they take as long as known ones.
_NOBODY: Final = f"{'00' * 16}${'00' * 64}"


def read_passwords(path: Path) -> dict[str, str]:
    """Return hash by user name from a file of 'name:salt$hash' lines.

    Raises
    ------
    ConfigError
        The file is missing, has another form, or others than its owner may read it.
    """
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"{path}: others may read it; run: chmod 600 {path}")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(filter(str.strip, lines), start=1):
        name, _, stored = line.strip().partition(":")
        if not (name and "$" in stored):
            raise ConfigError(f"{path}, line {number}: expected name:salt$hash (--add-user)")
        found[name] = stored
    if not found:
        raise ConfigError(f"{path}: no user in it; add one with --add-user NAME")
    return found


def add_user(path: Path, name: str, password: str) -> None:
    """Add or change a user in a password file, readable by its owner only.

    Raises
    ------
    ConfigError
        The name has a colon or is empty, or the password has fewer than 10 characters.
    """
    if not name or ":" in name or not name.isprintable():
        raise ConfigError(f"user name: expected printable characters without ':', got {name!r}")
    if len(password) < 10:
        raise ConfigError("password: expected 10 characters or more")
    users = read_passwords(path) if path.exists() else {}
    users[name] = hash_password(password)
    write_whole(path, "".join(f"{user}:{stored}\n" for user, stored in users.items()))
    path.chmod(0o600)
