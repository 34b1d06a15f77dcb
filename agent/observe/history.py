"""What else happened: the contrast that tells blocking from a bad day.

One failure says little. That another name passes at the same address, that other servers answer on the same road, or
that the same name passed a moment ago, says much.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from agent.model.record import record
from agent.observe.recent import Recent

KEPT: Final = 1024
"""Addresses, names and resolvers of each sort."""
NAMES: Final = 8
"""Names of one address."""
LATELY: Final = 60.0
"""Seconds in which a success excuses a failure."""
ANSWERED: Final = 64
"""Answers of any server that are remembered."""


@record
class Silence:
    """SYNs to one address since it answered for the last time."""

    syns: int
    since: float


@record
class Repeats:
    """The same failure of one name."""

    count: int
    first: float
    last: float


class History:
    """Kept for as long as there is room; all times in seconds since 1970."""

    def __init__(self) -> None:
        self._answered: Recent[bytes, tuple[float, int]] = Recent(KEPT)
        """Addresses that answered a SYN, with the TTL of the answer."""
        self._passed: Recent[bytes, dict[str, float]] = Recent(KEPT)
        """Names that a handshake was made for, by address."""
        self._named: Recent[tuple[str, str], float] = Recent(KEPT)
        """Names that passed, with the stage."""
        self._silent: Recent[bytes, Silence] = Recent(KEPT)
        self._failed: Recent[tuple[str, str], Repeats] = Recent(KEPT)
        self._answers: deque[tuple[float, bytes]] = deque(maxlen=ANSWERED)
        self._own: deque[float] = deque(maxlen=ANSWERED)
        self._pages: Recent[bytes, float] = Recent(KEPT)
        self._dropped: float | None = None
        self.large_hello: float | None = None
        """When a hello of more than one full segment was answered."""

    # ---- what goes well ----

    def answered(self, at: float, server: bytes, ttl: int) -> None:
        """A SYN was answered."""
        self._answered.put(server, (at, ttl))
        self._silent.pop(server)
        self._answers.append((at, server))

    def passed(self, at: float, server: bytes, name: str) -> None:
        """A server took part in a handshake for a name."""
        names = self._passed.get(server)
        if names is None:
            names = {}
            self._passed.put(server, names)
        names.pop(name, None)
        if len(names) >= NAMES:
            del names[next(iter(names))]
        names[name] = at

    def succeeded(self, at: float, name: str, stage: str) -> None:
        """A required name passed."""
        self._named.put((name, stage), at)

    def connects(self, at: float) -> None:
        """This host itself began a connection."""
        self._own.append(at)

    # ---- what does not ----

    def silent(self, at: float, server: bytes, syns: int) -> Silence:
        """SYNs to an address stayed without an answer; all of them since the last answer."""
        before = self._silent.get(server)
        found = Silence(syns + (before.syns if before else 0), before.since if before else at)
        self._silent.put(server, found)
        return found

    def failed(self, at: float, name: str, fate: str) -> Repeats:
        """A name failed; all failures of that sort without a success in between."""
        before = self._failed.get((name, fate))
        found = Repeats(1, at, at) if before is None else Repeats(before.count + 1, before.first, at)
        self._failed.put((name, fate), found)
        return found

    def recovered(self, name: str, fate: str) -> None:
        """That failure is over."""
        self._failed.pop((name, fate))

    def block_page(self, at: float, server: bytes) -> None:
        """An address answered for a required name with a block page."""
        self._pages.put(server, at)

    def dropped(self, at: float) -> None:
        """The tap could not keep up."""
        self._dropped = at

    # ---- questions ----

    def ttl(self, server: bytes) -> int | None:
        """The TTL with which an address answered last."""
        found = self._answered.get(server)
        return found[1] if found is not None else None

    def others_pass(self, server: bytes, name: str, since: float) -> str | None:
        """Another name that passed at the same address."""
        names = self._passed.get(server) or {}
        return next((one for one, at in names.items() if one != name and at >= since), None)

    def lately(self, name: str, stage: str, now: float) -> bool:
        """Whether a name passed not long ago."""
        at = self._named.get((name, stage))
        return at is not None and now - at < LATELY

    def since(self, name: str, stage: str, begin: float) -> float | None:
        """When a name passed last, if that was after a time."""
        at = self._named.get((name, stage))
        return at if at is not None and at >= begin else None

    def has_passed(self, server: bytes, name: str, since: float) -> bool:
        """Whether an address took part in a handshake for a name since then."""
        at = (self._passed.get(server) or {}).get(name)
        return at is not None and at >= since

    def answers(self, since: float, server: bytes) -> int:
        """How many other addresses answered a SYN since then."""
        return len({one for at, one in self._answers if at >= since and one != server})

    def connected(self, begin: float, end: float) -> bool:
        """Whether this host itself began a connection in that time."""
        return any(begin <= at <= end for at in self._own)

    def repeats(self, name: str, fate: str) -> int:
        """How often a name failed so already."""
        found = self._failed.get((name, fate))
        return found.count if found is not None else 0

    def is_block_page(self, server: bytes) -> bool:
        """Whether an address gave a block page."""
        return server in self._pages

    def lossy(self, now: float, seconds: float) -> bool:
        """Whether packets went by unseen in the last so many seconds."""
        return self._dropped is not None and now - self._dropped < seconds
