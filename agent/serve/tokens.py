"""Bearer tokens: kept as hashes in ``tokens.json`` under the state folder, compared in constant time."""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime  # noqa: TC003 - pydantic reads annotations at run time
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

import orjson

from agent.errors import ConfigError, StateError, UsageError
from agent.model.limits import CLOSED, Limits
from agent.model.record import record
from agent.serve.route import Scope  # noqa: TC001 - likewise
from agent.strict import Document, validate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

FILE: Final = "tokens.json"
LOCK: Final = "tokens.lock"
SCHEMA: Final = "gateproof.tokens/1"
MODE: Final = 0o640
LARGEST: Final = 1 << 20
"""Bytes of the file: five thousand tokens."""
PREFIX: Final = "gateproof_"
"""Begins each token, so that those who look for leaked secrets find it."""
SECRET: Final = 32
"""Random bytes of a token; so many that a fast hash keeps them."""


@record(kw_only=True)
class Token:
    """One token, without its secret."""

    __pydantic_config__: ClassVar = CLOSED
    id: Annotated[str, Limits(pattern=r"^[0-9a-f]{8}$")]
    name: Annotated[str, Limits(min_length=1, max_length=100)]
    sha256: Annotated[str, Limits(pattern=r"^[0-9a-f]{64}$")]
    """Of the whole token."""
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether it counts no more."""
        return self.expires is not None and now >= self.expires


@record(kw_only=True)
class Tokens:
    """All that there are, in the order of their making."""

    __pydantic_config__: ClassVar = CLOSED
    schema: Literal["gateproof.tokens/1"] = SCHEMA
    tokens: tuple[Token, ...] = ()

    def find(self, text: bytes, now: datetime) -> Token | None:
        """The token that this is, if it counts; all are compared, whichever it is."""
        given = sha256(text).hexdigest()
        found = None
        for one in self.tokens:
            if hmac.compare_digest(one.sha256, given):
                found = one
        return found if found is not None and not found.expired(now) else None


def load(folder: Path) -> Tokens | None:
    """The tokens of a state folder, None where none were ever made; raises StateError where they cannot be read."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        document = orjson.loads(data)
        if len(data) > LARGEST or not isinstance(document, dict):
            raise StateError(f"{path}: holds no tokens; take it away, and make them anew")
        return validate(Tokens, Document(str(path), document))
    except (orjson.JSONDecodeError, ConfigError) as error:
        raise StateError(f"{path}: holds no tokens ({error}); take it away, and make them anew") from error


def create(folder: Path, name: str, scopes: tuple[Scope, ...], now: datetime, lasts: timedelta | None) -> str:
    """Make a token and give it: it is shown this once. Raises UsageError or StateError."""
    if not name.isprintable() or not 0 < len(name) <= 100:
        raise UsageError("--name: must be 1 to 100 printable characters")
    text = PREFIX + secrets.token_urlsafe(SECRET)
    with _changing(folder) as known:
        if any(one.name == name for one in known.tokens):
            raise UsageError(f"there is a token `{name}`; revoke it first, or choose another name")
        one = Token(
            id=secrets.token_hex(4),
            name=name,
            sha256=sha256(text.encode()).hexdigest(),
            scopes=tuple(sorted(set(scopes))),
            created=now.replace(microsecond=0),
            expires=(now + lasts).replace(microsecond=0) if lasts is not None else None,
        )
        _write(folder, replace(known, tokens=(*known.tokens, one)))
    return text


def revoke(folder: Path, word: str) -> Token:
    """Take away the token of an id or a name, and say which it was; raises UsageError or StateError."""
    with _changing(folder) as known:
        found = next((one for one in known.tokens if word in {one.id, one.name}), None)
        if found is None:
            names = ", ".join(f"{one.id} ({one.name})" for one in known.tokens) or "none"
            raise UsageError(f"no token `{word}`; there are: {names}")
        _write(folder, replace(known, tokens=tuple(one for one in known.tokens if one is not found)))
    return found


@contextmanager
def _changing(folder: Path) -> Iterator[Tokens]:
    """The tokens, while nobody else changes them; raises StateError."""
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    except OSError as error:
        raise StateError(f"{folder}: cannot be used: {error.strerror}; give another --state-dir") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield load(folder) or Tokens()
    finally:
        os.close(lock)


def _write(folder: Path, tokens: Tokens) -> None:
    """Replace the file; it belongs to whom the folder belongs to, so that the service can read what root made."""
    new = folder / f".{FILE}.new"
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
        with os.fdopen(handle, "wb") as file:
            owner = folder.stat()
            with suppress(PermissionError):
                os.fchown(handle, owner.st_uid, owner.st_gid)
            file.write(orjson.dumps(tokens, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2) + b"\n")
            file.flush()
            os.fsync(handle)
        new.replace(folder / FILE)
    except OSError as error:
        raise StateError(f"{folder / FILE}: cannot be written: {error.strerror}") from error
