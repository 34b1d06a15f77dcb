"""Names that clients ask for right after a required one, and that no pack covers: perhaps the service needs them.

Neither client nor name is kept in clear: both are keyed hashes, until a third client asks for a name. Only from then
on it is known, to this process and to whoever reads what it writes.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from agent.model.evidence import Companion
from agent.model.observation import ClientHello, Dns, QuicHello
from agent.observe.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.observation import Observation
    from agent.model.requirement import Requirement

WITHIN: Final = 10.0
"""Seconds after the required name."""
AGAIN: Final = 60.0
"""Seconds in which a client's questions for one name, of several types and before connecting, count once."""
LEAST: Final = 3
"""Clients."""
CLIENTS: Final = 64
"""That are told apart, of one name."""
NAMES: Final = 2048
KEPT: Final = 8192
"""Clients with the required name that they asked for last; names that they asked for; names and how often."""
PUBLIC: Final = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
INNER: Final = frozenset({
    "alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain",
    "localhost", "mail", "onion", "private", "test",
})  # fmt: skip
"""Last labels of names that are none on the internet (RFC 6761, 6762, 7686, 8375, 9476; ICANN's .internal and the names
that it holds back)."""


class _Beside:
    __slots__ = ("clients", "count", "first", "last", "name")

    def __init__(self, at: float) -> None:
        self.first = self.last = at
        self.count = 0
        self.clients: set[bytes] = set()
        self.name: str | None = None


class Companions:
    """Counts them; ``covers`` tells names of packs, ``find`` the requirement of one."""

    def __init__(self, key: bytes, covers: Callable[[str], bool], find: Callable[[str], Requirement | None]) -> None:
        self._key = key
        self._covers = covers
        self._find = find
        self._required: Recent[bytes, tuple[float, Requirement]] = Recent(KEPT)
        self._asked: Recent[tuple[bytes, bytes], float] = Recent(KEPT)
        self._elsewhere: Recent[bytes, int] = Recent(KEPT)
        self._found: Recent[tuple[str, str, bytes], _Beside] = Recent(NAMES)

    def add(self, observation: Observation) -> None:
        """Count one, if it asks for a name."""
        name = _asked(observation)
        if name is None:
            return
        client = self._hashed(observation.src_ip)
        requirement = self._find(name)
        if requirement is not None:
            self._required.put(client, (observation.timestamp, requirement))
        elif not self._covers(name) and PUBLIC.fullmatch(name) and name.rpartition(".")[2] not in INNER:
            self._other(client, name, observation.timestamp)

    def found(self) -> tuple[Companion, ...]:
        """Those that enough clients asked for, in order."""
        return tuple(
            Companion(
                pack=pack,
                pattern=pattern,
                name=one.name,
                first=one.first,
                last=one.last,
                count=one.count,
                clients=len(one.clients),
                elsewhere=self._elsewhere.get(name) or 0,
            )
            for (pack, pattern, name), one in sorted(self._found.items())
            if one.name is not None
        )

    def prune(self, since: float) -> None:
        """Forget what was seen last before then."""
        for key, one in self._found.items():
            if one.last < since:
                self._found.pop(key)

    @property
    def forgotten(self) -> int:
        """Names that were too many."""
        return self._found.forgotten

    def _other(self, client: bytes, name: str, at: float) -> None:
        hashed = self._hashed(name)
        before = self._asked.get((client, hashed))
        self._asked.put((client, hashed), at)
        if before is not None and at - before < AGAIN:
            return
        last = self._required.get(client)
        if last is None or not 0 <= at - last[0] <= WITHIN:
            self._elsewhere.put(hashed, (self._elsewhere.get(hashed) or 0) + 1)
            return
        key = (last[1].pack, last[1].pattern, hashed)
        found = self._found.get(key) or _Beside(at)
        found.last = max(found.last, at)
        found.count += 1
        if len(found.clients) < CLIENTS:
            found.clients.add(client)
        if len(found.clients) >= LEAST:
            found.name = name
        self._found.put(key, found)

    def _hashed(self, text: str) -> bytes:
        return blake2b(text.encode(), key=self._key, digest_size=16).digest()


def _asked(observation: Observation) -> str | None:
    message = observation.message
    if isinstance(message, Dns):
        name = message.qname if message.event == "query" else None
    elif isinstance(message, ClientHello | QuicHello):
        # under ECH the name may be that of the provider
        name = None if message.ech else message.sni
    else:
        return None
    return name.lower().removesuffix(".") if name else None
