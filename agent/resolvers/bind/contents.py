"""What a zone holds: the nodes of its tree near the names of interest (``lib/dns/rbtdb.c``).

A name that has no node gets the wildcard of its closest ancestor that has one, whatever stands further up.
"""

from __future__ import annotations

import re
from enum import Flag, auto
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.resolver import NameSet, Scope
from agent.model.source import Source
from agent.resolvers.zonefile import ZoneRecord, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from agent.model.names import Interest
    from agent.snapshot import Artifact

TRIGGERS: Final = ("rpz-ip", "rpz-client-ip", "rpz-nsip", "rpz-nsdname")
"""Last labels of names that are no names (``dns_rpz_type_t``)."""
HOST: Final = re.compile(r"(?:\*\.?)?(?:(?!-)[a-z0-9-]*(?<!-)(?:\.|$))*", re.IGNORECASE)
"""Owners of addresses (``dns_name_ishostname``)."""
BESIDE_ALIASES: Final = frozenset({"CNAME", "KEY", "NSEC", "RRSIG", "SIG"})
"""Types that may stand beside a CNAME (``dns_rdatatype_atcname``)."""
MAX_TRIGGERS: Final = 200_000
"""Far more blocks of addresses than a policy zone has in practice."""
RAW: Final = b"\0\0\0"
"""How files begin that named writes in a form of its own (``dns_masterrawheader_t``)."""


class NotLoaded(Malformed):
    """A zone file that named reports an error for, and then goes on without the zone."""


@record
class Node:
    """The records of one name; without any it is there as names below it are."""

    name: str
    records: tuple[ZoneRecord, ...] = ()

    def of(self, *types: str) -> tuple[ZoneRecord, ...]:
        """Give the records of some types."""
        return tuple(one for one in self.records if one.type in types)


@record
class Contents:
    """A zone's nodes near the names of interest, by name; policy zones' without the zone's own."""

    artifact: str
    nodes: dict[str, Node]
    triggers: tuple[ZoneRecord, ...] = ()
    """Those of a policy zone that are no names."""

    def where(self, one: ZoneRecord) -> Source:
        """Give the place of a record."""
        return Source(self.artifact, one.text, one.line)

    def wildcard(self, name: str) -> Node | None:
        """Give what answers for names below a node that have none."""
        return self.nodes.get(f"*.{name}" if name else "*")

    def by_depth(self) -> Iterator[tuple[NameSet, Node | None, Node]]:
        """Names with the node that answers for them and the closest one; deepest first."""
        for name in sorted(self.nodes, key=lambda name: (-(name.count(".") + bool(name)), name)):
            if not name.startswith("*"):
                node = self.nodes[name]
                yield NameSet(Scope.EXACT, name), node, node
                yield NameSet(Scope.BELOW, name), self.wildcard(name), node


class Checks(Flag):
    """What named checks when it loads a zone."""

    NONE = 0
    HOSTS = auto()
    """Owners of addresses have names of hosts (``check-names``)."""
    SERVERS = auto()
    """The zone's own servers have addresses."""


def contents(artifact: Artifact, zone: str, interest: Interest, checks: Checks, *, policy: bool) -> Contents:
    """Read a zone file; raises Malformed where we cannot follow it, and NotLoaded where named does not load it."""
    reader = _Reader(zone, interest, policy=policy)
    for one in records(artifact.text, zone, reader.matters):
        if one.type in ("A", "AAAA"):
            known = as_address("".join(one.data))
            if known is None or known[0] != (4 if one.type == "A" else 6):
                raise NotLoaded(f"not an address: {one.text}", line=one.line)
            if Checks.HOSTS in checks and not HOST.fullmatch(one.owner):
                raise NotLoaded(f"not the name of a host: {one.text}", line=one.line)
        reader.take(one)
    if Checks.SERVERS in checks and (gone := _without_address(artifact, zone, reader.servers())):
        raise NotLoaded(f"its server {gone} has no address")
    return reader.finished(artifact.name)


def _without_address(artifact: Artifact, zone: str, servers: set[str]) -> str:
    """A server that has no address, though no other zone has to give it; empty where there is none."""
    above = {server.split(".", depth)[-1] for server in servers for depth in range(server.count(".") + 1)} - {zone}
    found = tuple(records(artifact.text, zone, above.__contains__)) if servers else ()
    there = {one.owner for one in found if one.type in ("A", "AAAA")}
    cuts = {one.owner for one in found if one.type == "NS"}
    gone = (one for one in sorted(servers - there) if not any(one == cut or one.endswith(f".{cut}") for cut in cuts))
    return next(gone, "")


class _Reader:
    def __init__(self, zone: str, interest: Interest, *, policy: bool) -> None:
        self._zone = zone
        self._end = f".{zone}" if zone else ""
        self._touches: Callable[[str], bool] = interest.touches
        self._policy = policy
        self._seen: set[str] = set()
        self._found: dict[str, list[ZoneRecord]] = {}
        self._triggers: list[ZoneRecord] = []
        self._apex: list[ZoneRecord] = []

    def matters(self, owner: str) -> bool:
        """Whether a record is worth having; names that are there by what is below them are noted on the way."""
        if not self._policy:
            within = owner == self._zone or owner.endswith(self._end)
            return within and self._note(owner)
        if owner == self._zone:
            return True
        if not owner.endswith(self._end):
            return False  # named leaves out what is not in the zone
        name = owner[: -len(self._end)] if self._end else owner
        return name.endswith(TRIGGERS) or self._note(name)

    def _note(self, name: str) -> bool:
        """Note each name from the top down to this one as long as it has to do with those of interest."""
        at = len(name)
        while at > 0:
            at = name.rfind(".", 0, at)
            above = name[at + 1 :]
            if above not in self._seen:
                if above.startswith("*") or not self._touches(above):
                    return above.startswith("*")
                self._seen.add(above)
        return True

    def take(self, one: ZoneRecord) -> None:
        if one.owner == self._zone:
            self._apex.append(one)
        if not self._policy:
            self._found.setdefault(one.owner, []).append(one)
            return
        name = one.owner[: -len(self._end)] if self._end else one.owner
        if one.owner == self._zone:
            return
        if name.rpartition(".")[2] in TRIGGERS:
            self._triggers.append(one)
            if len(self._triggers) > MAX_TRIGGERS:
                raise Malformed(f"more than {MAX_TRIGGERS} triggers that are no names", line=one.line)
        else:
            self._found.setdefault(name, []).append(one)

    def servers(self) -> set[str]:
        """Give the zone's servers inside of it."""
        servers = {server for one in self._apex if one.type == "NS" for server in one.data[:1]}
        return {server for server in servers if server == self._zone or server.endswith(self._end)}

    def finished(self, artifact: str) -> Contents:
        types = {one.type for one in self._apex}
        if not {"SOA", "NS"} <= types:
            raise NotLoaded("no SOA and NS records")
        if "CNAME" in types:
            raise NotLoaded("CNAME and other data")
        every: Iterable[str] = {"" if self._policy else self._zone, *self._seen, *self._found}
        if not self._policy:
            every = {name for name in every if name == self._zone or name.endswith(self._end)}
        nodes = {name: Node(name, tuple(self._found.get(name, ()))) for name in every}
        for node in nodes.values():
            aliases = {one.data for one in node.of("CNAME")}
            if aliases and (len(aliases) > 1 or {one.type for one in node.records} - BESIDE_ALIASES):
                raise NotLoaded("CNAME and other data", line=node.records[0].line)
        return Contents(artifact, nodes, tuple(self._triggers))
