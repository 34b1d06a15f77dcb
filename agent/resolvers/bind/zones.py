"""Zones that are served here (``lib/dns/zt.c``, ``lib/ns/query.c``), and what their files hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope
from agent.model.source import Gap, Source
from agent.resolvers.bind.configuration import JOURNALED
from agent.resolvers.bind.contents import RAW, TRIGGERS, Checks, NotLoaded, contents
from agent.resolvers.unbound.words import zone_name
from agent.snapshot import Status
from agent.snapshot.following import FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.model.names import Interest
    from agent.resolvers.bind.configuration import Configuration
    from agent.resolvers.bind.contents import Contents, Node
    from agent.resolvers.bind.statements import Block, Statement
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following

FAMILIES: Final = (4, 6)
ON: Final = Outcome(Fate.GOES_ON)
SYNONYMS: Final = {"master": "primary", "slave": "secondary"}
TABLED: Final = frozenset({"primary", "secondary", "mirror", "stub", "static-stub"})
"""Types of zones that a question is looked up in (``lib/dns/zt.c``); of others it has no part."""
STUBS: Final = frozenset({"stub", "static-stub"})
"""Types of zones whose servers are asked."""
LENIENT: Final = frozenset({"ignore", "warn"})


@record
class Zone:
    """One zone of a view, or one of another view that is seen in it."""

    name: str
    kind: str
    block: Block
    own: Block
    """The view that it is written in."""
    source: Source


@record
class Unread:
    """Why it is not known what a zone holds."""

    reason: str
    not_loaded: bool = False
    """The file is not there or wrong: named starts without the zone."""
    has_triggers: bool = False
    """It speaks of addresses, which policies after it may stumble over nevertheless."""


@record(eq=False)
class Table:
    """The zones of one view by name, and the one whose answers names get that do not exist."""

    zones: Mapping[str, Zone]
    redirect: Zone | None

    def seeing(self, others: Mapping[str, Table]) -> Table:
        """Give the same with zones of other views in place of ``in-view``."""
        found = dict(self.zones)
        for name, zone in self.zones.items():
            if zone.kind == "in-view" and (other := others.get(zone.block.text("in-view"))):
                found[name] = other.zones.get(name, zone)
        return replace(self, zones=found)


def zones(statements: Iterable[Statement], own: Block) -> Table:
    """The zones of a view."""
    found = {}
    redirect = None
    for one in statements:
        if one.value(2).lower() not in ("", "in"):
            continue  # of another class
        kind = "in-view" if one.block.get("in-view") else one.block.text("type").lower()
        zone = Zone(zone_name(one.value()), SYNONYMS.get(kind, kind), one.block, own, one.source)
        if kind == "redirect":
            redirect = zone
        else:
            found[zone.name] = zone
    return Table(found, redirect)


def deepest_first(names: Iterable[str]) -> list[str]:
    """Names in an order in which the first that a question is in is the closest."""
    return sorted(names, key=lambda name: (-(name.count(".") + bool(name)), name))


class Files:
    """Contents of zone files, each read once for the same names."""

    def __init__(self, snapshot: Snapshot, following: Following) -> None:
        self._snapshot = snapshot
        self._following = following
        self._known: dict[tuple[str, str, frozenset[str], bool], Contents | Unread] = {}
        self.gaps: dict[str, Gap] = {}

    def read_by(self, configuration: Configuration) -> None:
        """Take paths as a configuration means them."""
        self._configuration = configuration

    def of(self, zone: Zone, interest: Interest, *, policy: bool) -> Contents | Unread:
        """Give what a zone holds, or why that is not known."""
        key = zone.name, zone.block.text("file"), interest.names, policy
        if key not in self._known:
            self._known[key] = self._read(zone, interest, policy=policy)
        return self._known[key]

    def _read(self, zone: Zone, interest: Interest, *, policy: bool) -> Contents | Unread:
        file = zone.block.text("file")
        if not file:
            return self._open(zone, "its records are in no file")
        if not file.startswith("/") and not self._configuration.has_directory:
            return self._open(zone, f"{file} is in the folder that named was started in")
        path = self._configuration.path(file)
        if zone.kind == "primary" and self._is_absent(path):
            return Unread(f"zone {zone.name or '.'}: {path} is not there", not_loaded=True)
        form = self._form(zone)
        artifact = self._following.file(path, zone.source)
        if artifact is None:
            return Unread(f"zone {zone.name or '.'}: {path} cannot be read")
        words = " ".join(one.name for one in zone.block.statements)
        if (zone.kind in ("secondary", "mirror") or JOURNALED.search(words)) and not self._is_absent(path + ".jnl"):
            return self._open(zone, f"changes of it are in {path}.jnl")
        if form != "text" or artifact.data.startswith(RAW):
            return self._open(zone, f"{path} is in named's own form: set masterfile-format text")
        try:
            return contents(artifact, zone.name, interest, self._checks(zone), policy=policy)
        except NotLoaded as error:
            speaks = any(f".{kind}".encode() in artifact.data for kind in TRIGGERS)
            return Unread(f"zone {zone.name or '.'} is not loaded: {error}", not_loaded=True, has_triggers=speaks)
        except Malformed as error:
            place = f"line {error.line}: " if error.line else ""
            return self._open(zone, f"{place}{error}", Source(artifact.name, "", error.line))

    def _form(self, zone: Zone) -> str:
        """How the file of a zone is written; copies of other servers' zones are not text unless that is said."""
        places = (zone.block, zone.own, self._configuration.options)
        said = [text for place in places if (text := place.text("masterfile-format").lower())]
        return (said or ["raw" if zone.kind in ("secondary", "mirror") else "text"])[0]

    def _is_absent(self, path: str) -> bool:
        """Whether it is known that there is no such file."""
        known = self._snapshot.artifacts.get(FILES + path)
        return known is not None and known.status is Status.ABSENT

    def _checks(self, zone: Zone) -> Checks:
        """What named checks, in primary zones alone."""
        if zone.kind != "primary":
            return Checks.NONE
        own = zone.block.text("check-names")
        every = [one for block in (self._configuration.options, zone.own) for one in block.all("check-names")]
        general = [one.value(2) for one in every if SYNONYMS.get(one.value().lower(), one.value().lower()) == "primary"]
        lenient = (own or (general or ["fail"])[-1]).lower() in LENIENT
        return Checks.SERVERS if lenient else Checks.SERVERS | Checks.HOSTS

    def _open(self, zone: Zone, reason: str, source: Source | None = None) -> Unread:
        text = f"zone {zone.name or '.'}: {reason}"
        self.gaps.setdefault(text, Gap("named", text, source or zone.source))
        return Unread(text)


def served(zone: Zone, contents: Contents | Unread, *, recursive: bool) -> Iterator[NameRule]:
    """The rules of one zone; aliases are not followed yet."""
    whole = NameSet(Scope.SUBTREE, zone.name)
    if isinstance(contents, Unread):
        fate = Fate.FAILED if contents.not_loaded else Fate.UNKNOWN
        yield NameRule(whole, Outcome(fate, because=contents.reason, here=True), zone.source)
        return
    cut = [node for name, node in sorted(contents.nodes.items()) if name != zone.name and node.of("NS")]
    for below in sorted(cut, key=lambda one: one.name.count(".")):
        outcome = ON if recursive else Outcome(Fate.NODATA, here=True)  # others serve it
        yield NameRule(NameSet(Scope.SUBTREE, below.name), outcome, contents.where(below.of("NS")[0]))
    for names, node, closest in contents.by_depth():
        redirected = closest.of("DNAME")
        if names.scope is Scope.BELOW and redirected:
            because = f"a DNAME leads elsewhere: {contents.where(redirected[0])}"
            yield NameRule(names, Outcome(Fate.UNKNOWN, because=because), contents.where(redirected[0]))
        elif node is None:
            yield NameRule(names, Outcome(Fate.NXDOMAIN, here=True), zone.source)
        else:
            for family in FAMILIES:
                source = contents.where(node.records[0]) if node.records else zone.source
                yield NameRule(names, _answer(node, family), source, frozenset({family}))


def _answer(node: Node, family: int) -> Outcome:
    values = (as_address("".join(one.data)) for one in node.of("A" if family == 4 else "AAAA"))
    if addresses := frozenset(value for value in values if value):
        return Outcome(Fate.ADDRESSES, addresses, here=True)
    if alias := node.of("CNAME"):
        return Outcome(Fate.ALIAS, target=alias[0].data[0] if alias[0].data else "", here=True)
    return Outcome(Fate.NODATA, here=True)
