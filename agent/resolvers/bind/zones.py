"""Zones that are served here, and whom questions for others are passed on to (``lib/ns/query.c``, ``lib/dns/forward.c``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope
from agent.model.source import Gap, Source
from agent.resolvers.bind.configuration import JOURNALED, zone_name
from agent.resolvers.bind.contents import contents
from agent.resolvers.bind.statements import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.model.names import Interest
    from agent.resolvers.bind.configuration import Configuration
    from agent.resolvers.bind.contents import Contents, Node
    from agent.resolvers.bind.statements import Statement
    from agent.snapshot.following import Following

FAMILIES: Final = (4, 6)
ON: Final = Outcome(Fate.GOES_ON)
KINDS: Final = {"master": "primary", "slave": "secondary", "in-view": "in-view"}
SERVED: Final = frozenset({"primary", "secondary", "mirror"})
FORWARDING: Final = frozenset({"primary", "secondary", "stub", "static-stub", "forward"})
"""Types of zones that may say whom questions are passed on to."""


@record
class Zone:
    """One zone of a view."""

    name: str
    kind: str
    block: Block
    source: Source


def zones(statements: Iterator[Statement]) -> dict[str, Zone]:
    """The zones by name."""
    found = {}
    for one in statements:
        kind = "in-view" if one.block.get("in-view") else one.block.text("type").lower()
        if one.value(2).lower() not in ("", "in"):
            continue  # of another class
        name = zone_name(one.value())
        found[name] = Zone(name, KINDS.get(kind, kind), one.block, one.source)
    return found


class Files:
    """Contents of zone files, each read once for the same names."""

    def __init__(self, configuration: Configuration, following: Following) -> None:
        self._configuration = configuration
        self._following = following
        self._known: dict[tuple[str, str, frozenset[str], bool], Contents | str] = {}
        self.gaps: dict[str, Gap] = {}

    def of(self, zone: Zone, interest: Interest, *, policy: bool) -> Contents | str:
        """Give what a zone holds, or why that is not known."""
        key = zone.name, zone.block.text("file"), interest.names, policy
        if key not in self._known:
            self._known[key] = self._read(zone, interest, policy=policy)
        return self._known[key]

    def _read(self, zone: Zone, interest: Interest, *, policy: bool) -> Contents | str:
        file = zone.block.text("file")
        if not file:
            return self._open(zone, "its records are in no file")
        path = self._configuration.path(file)
        artifact = self._following.file(path, zone.source)
        if artifact is None:
            return self._open(zone, f"{path} cannot be read")
        words = " ".join(one.name for one in zone.block.statements)
        changed = zone.kind != "primary" or JOURNALED.search(words)
        if changed and self._following.file(path + ".jnl") is not None:
            return self._open(zone, f"changes of it are in {path}.jnl")
        try:
            return contents(artifact, zone.name, interest, policy=policy)
        except Malformed as error:
            place = f"line {error.line}: " if error.line else ""
            return self._open(zone, f"{place}{error}", Source(artifact.name, "", error.line))

    def _open(self, zone: Zone, reason: str, source: Source | None = None) -> str:
        text = f"zone {zone.name or '.'}: {reason}"
        self.gaps.setdefault(text, Gap("named", text, source or zone.source))
        return text


def served(zone: Zone, contents: Contents | str, *, recursive: bool) -> Iterator[NameRule]:
    """The rules of one zone; aliases are not followed yet."""
    whole = NameSet(Scope.SUBTREE, zone.name)
    if isinstance(contents, str):
        yield NameRule(whole, Outcome(Fate.UNKNOWN, because=contents), zone.source)
        return
    cut = [node for name, node in sorted(contents.nodes.items()) if name != zone.name and node.of("NS")]
    for node in sorted(cut, key=lambda one: one.name.count(".")):
        outcome = ON if recursive else Outcome(Fate.NODATA)  # others serve it
        yield NameRule(NameSet(Scope.SUBTREE, node.name), outcome, contents.where(node.of("NS")[0]))
    for names, node, closest in contents.by_depth():
        redirected = closest.of("DNAME")
        if names.scope is Scope.BELOW and redirected:
            because = f"a DNAME leads elsewhere: {contents.where(redirected[0])}"
            yield NameRule(names, Outcome(Fate.UNKNOWN, because=because), contents.where(redirected[0]))
        elif node is None:
            yield NameRule(names, Outcome(Fate.NXDOMAIN), zone.source)
        else:
            for family in FAMILIES:
                source = contents.where(node.records[0]) if node.records else zone.source
                yield NameRule(names, _answer(node, family), source, frozenset({family}))


def _answer(node: Node, family: int) -> Outcome:
    values = (as_address("".join(one.data)) for one in node.of("A" if family == 4 else "AAAA"))
    if addresses := frozenset(value for value in values if value):
        return Outcome(Fate.ADDRESSES, addresses)
    if alias := node.of("CNAME"):
        return Outcome(Fate.ALIAS, target=alias[0].data[0] if alias[0].data else "")
    return Outcome(Fate.NODATA)


def forwards(
    own: Block, options: Block, zones: Mapping[str, Zone], interest: Interest, port: int
) -> Iterator[NameRule]:
    """Whom questions are passed on to, by the closest zone that says so."""
    asked: dict[str, tuple[tuple[str, ...], Source | None]] = {}
    if whole := own.get("forwarders") or options.get("forwarders"):
        asked[""] = _servers(whole, port), whole.source
    for zone in zones.values():
        said = zone.block.get("forwarders")
        if zone.kind in FORWARDING and (said or zone.kind == "forward"):
            asked[zone.name] = (_servers(said, port) if said else ()), zone.source
    for zone in sorted(zones.values(), key=lambda one: one.name.count(".") + bool(one.name)):
        if zone.kind in ("stub", "static-stub") and not _closest(zone.name, asked):
            addresses = zone.block.get("server-addresses")
            asked[zone.name] = (_servers(addresses, 53) if addresses else ()), zone.source
    for name in sorted(asked, key=lambda name: (-(name.count(".") + bool(name)), name)):
        if interest.touches(name):
            servers, source = asked[name]
            yield NameRule(NameSet(Scope.SUBTREE, name), Outcome(Fate.PASSED_ON, upstreams=frozenset(servers)), source)


def _closest(name: str, asked: Mapping[str, tuple[tuple[str, ...], Source | None]]) -> tuple[str, ...]:
    while name and name not in asked:
        name = name.partition(".")[2]
    return asked[name][0] if name in asked else ()


def _servers(said: Statement, port: int) -> tuple[str, ...]:
    """``address#port`` of each."""
    default = said.after("port") or str(port)
    return tuple(f"{one.value(0)}#{one.after('port') or default}" for one in said.block.statements)
