"""Passwords of ``basic_auth_users``: slow to check by design, so each is checked once, and never in the event loop."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import bcrypt

from agent.serve.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

REMEMBERED: Final = 256
"""Results; the oldest goes first."""
WAITING: Final = 16
"""Passwords that wait to be checked; more of them are an attack, or a mistake that repeats itself."""
MOST: Final = 72
"""Bytes that bcrypt looks at."""
USUAL_COST: Final = "10"
FILLER: Final = "." * 53
"""A salt and a hash that belong to no password."""


class Passwords:
    """The users of one web configuration."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {name.encode(): hashed.encode() for name, hashed in users.items()}
        cost = max((hashed.split("$")[2] for hashed in users.values()), default=USUAL_COST)
        self._nobody = f"$2b${cost}${FILLER}".encode()
        """What an unknown user's password is compared with, so that it takes as long."""
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, bool] = {}
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, "password")

    def __bool__(self) -> bool:
        return bool(self._users)

    async def right(self, user: bytes, password: bytes) -> bool:
        """Whether a user has this password; raises Problem where too many wait for such answers."""
        # lengths keep a colon from moving between the two
        said = hmac.new(self._key, b"%d:%b:%b" % (len(user), user, password), sha256).digest()
        if (known := self._known.get(said)) is not None:
            return known
        if self._waiting >= WAITING:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "busy",
                "too many passwords wait to be checked; try again",
                headers={"Retry-After": "2"},
            )
        self._waiting += 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._check, user, password)
        finally:
            self._waiting -= 1
        while len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[said] = found
        return found

    def _check(self, user: bytes, password: bytes) -> bool:
        hashed = self._users.get(user)
        try:
            same = bcrypt.checkpw(password[:MOST], hashed or self._nobody)
        except ValueError:  # bytes that no password of bcrypt's has
            return False
        return same and hashed is not None and len(password) <= MOST
