"""Address match lists: the first element that fits decides (``lib/dns/acl.c``)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import orjson

from agent.errors import Malformed
from agent.model.intervals import LOOPBACK, Intervals, address_value, prefix_interval
from agent.model.source import Gap
from agent.resolvers.bind.statements import Block
from agent.snapshot import Status

if TYPE_CHECKING:
    from agent.resolvers.bind.statements import Statement
    from agent.snapshot import Snapshot

FAMILIES: Final = (4, 6)
EVERY: Final = {4: Intervals.span(0, (1 << 32) - 1), 6: Intervals.span(0, (1 << 128) - 1)}
NOBODY: Final = {4: Intervals(), 6: Intervals()}
INTERFACES: Final = "ip-addr.json"

Addresses = dict[int, Intervals]
"""Of each family."""


class Lists:
    """The lists of one configuration, and the addresses of this host that some depend on."""

    def __init__(self, snapshot: Snapshot, block: Block) -> None:
        self._snapshot = snapshot
        self._acls = {one.value().lower(): one for one in block.all("acl")}
        self._known: dict[tuple[str, int], Intervals | None] = {}
        """Of each acl and family; None while it is looked at."""
        self.gaps: dict[str, Gap] = {}

    @property
    def near(self) -> Addresses:
        """Give the clients that are let in where no list says who is: this host and its networks."""
        return {family: self._own(nets=True)[family] | self._own(nets=False)[family] for family in FAMILIES}

    def of(self, block: Block) -> Addresses:
        """Give the addresses that a list lets in; one that is not understood lets in nobody, and is a gap."""
        return {family: self._match(block, family) for family in FAMILIES}

    def asked(self, block: Block, listening: Addresses) -> Addresses:
        """Give everybody where a list of destinations lets in the addresses that clients ask, else nobody."""
        found = dict(NOBODY)
        allowed = self.of(block)
        for family in FAMILIES:
            own = (self.hosts or EVERY)[family] & listening[family]
            own = own - LOOPBACK[family] or own
            if own & allowed[family]:
                found[family] = EVERY[family]
                if own - allowed[family]:
                    self._gap("clients are told apart by the address that they ask", block.statements[0])
        return found

    def _match(self, block: Block, family: int) -> Intervals:
        found, decided = Intervals(), Intervals()
        for one in block.statements:
            parts = one.parts
            negated = parts[0] == "!"
            parts = parts[1:] if negated else parts
            matched = self._element(parts, one, family) - decided
            if parts[:1] == ("none",):
                matched, negated = EVERY[family] - decided, not negated
            decided |= matched
            if not negated:
                found |= matched
        return found

    def _element(self, parts: tuple[str | Block, ...], one: Statement, family: int) -> Intervals:
        """Addresses that an element speaks of; what a nested list keeps out goes on to the next element."""
        if parts and isinstance(parts[0], Block):
            return self._match(parts[0], family)
        word = str(parts[0]).lower() if parts else ""
        if word == "any":
            return EVERY[family]
        if word in ("none", "key"):  # clients do not sign their questions
            return Intervals()
        if word in ("localhost", "localnets"):
            return self._own(nets=word == "localnets")[family]
        if word in self._acls:
            return self._named(word, family, one)
        try:
            found = _prefix(word)
        except ValueError:
            self._gap(f"not an address nor an acl: {' '.join(one.words)}", one)
            return Intervals()
        return Intervals.span(*found[1]) if found[0] == family else Intervals()

    def _named(self, word: str, family: int, one: Statement) -> Intervals:
        """Addresses of an acl, looked at once."""
        if (word, family) not in self._known:
            self._known[word, family] = None
            self._known[word, family] = self._match(self._acls[word].block, family)
        found = self._known[word, family]
        if found is None:
            self._gap(f"acl {word} holds itself", one)
            return Intervals()
        return found

    def _own(self, *, nets: bool) -> Addresses:
        known = self.nets if nets else self.hosts
        if known is None:
            reason = "localhost and localnets are not known without the addresses of this host"
            self.gaps[reason] = Gap("named", reason, None, "install iproute2")
            return NOBODY
        return known

    @cached_property
    def _interfaces(self) -> list[tuple[int, int, int]] | None:
        """Family, value and prefix length of each address of an interface that is up."""
        artifact = self._snapshot.get(INTERFACES)
        if artifact.status is not Status.OK:
            return None
        try:
            return [
                (*address_value(address["local"]), int(address["prefixlen"]))
                for item in orjson.loads(artifact.data or b"[]")
                if "UP" in item.get("flags", ())
                for address in item.get("addr_info", ())
                if "local" in address
            ]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Malformed(f"{INTERFACES}: not the JSON of iproute2: {error}") from error

    @cached_property
    def hosts(self) -> Addresses | None:
        """Addresses of this host (``localhost``), None where they are not known."""
        if self._interfaces is None:
            return None
        return {
            family: Intervals.of((value, value) for kind, value, _ in self._interfaces if kind == family)
            for family in FAMILIES
        }

    @cached_property
    def nets(self) -> Addresses | None:
        """Networks that this host is in (``localnets``)."""
        if self._interfaces is None:
            return None
        found: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for family, value, length in self._interfaces:
            rest = (1 << (32 if family == 4 else 128) - length) - 1
            if length:
                found[family].append((value & ~rest, value | rest))
        return {family: Intervals.of(pairs) for family, pairs in found.items()}

    def _gap(self, reason: str, one: Statement) -> None:
        self.gaps.setdefault(reason, Gap("named", f"line {one.source.line}: {reason}", one.source))


def _prefix(text: str) -> tuple[int, tuple[int, int]]:
    """``10/8``, ``192.0.2.1``, ``2001:db8::/32``; raises ValueError."""
    host, slash, length = text.partition("/")
    if ":" not in host and host.count(".") < 3:
        if not slash:
            raise ValueError(f"{text!r} is no address")
        host += ".0" * (3 - host.count("."))
    family, (low, high) = prefix_interval(f"{host}/{length}" if slash else host)
    if address_value(host)[1] != low:
        raise ValueError(f"{text!r}: address and length do not fit")  # named does not start with it
    return family, (low, high)


def parted(whole: Addresses, by: list[Addresses], most: int) -> dict[tuple[bool, ...], Addresses] | None:
    """Split addresses by sets: for each combination of being in them, who is; None where there are too many."""
    found: dict[tuple[bool, ...], Addresses] = {(): whole}
    for one in by:
        split: dict[tuple[bool, ...], Addresses] = {}
        for signature, addresses in found.items():
            inside = {family: addresses[family] & one[family] for family in FAMILIES}
            outside = {family: addresses[family] - one[family] for family in FAMILIES}
            for is_in, part in ((True, inside), (False, outside)):
                if any(part.values()):
                    split[*signature, is_in] = part
        if len(split) > most:
            return None
        found = split
    return found
