"""Who answers for a name: the closest of auth-zones, forward-zones and the names of a hosts file (``reczones.cc``)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from agent.errors import Malformed
from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope, meet
from agent.model.source import Gap, Source
from agent.resolvers.pdns_recursor.rpz import answered
from agent.resolvers.pdns_recursor.settings import KIND, endpoint
from agent.resolvers.unbound.words import zone_name
from agent.resolvers.unbound.zones import label_count
from agent.resolvers.zonefile import ZoneRecord, records
from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.names import Interest
    from agent.resolvers.pdns_recursor.settings import Settings
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following


@record
class Domain:
    """One zone and what answers for it: other servers, or a file."""

    name: str
    upstreams: frozenset[str]
    source: Source | None
    file: Artifact | None = None
    address: tuple[int, int] | None = None
    """Of a name in a hosts file."""


class Domains:
    """All zones of one configuration, by name: what comes later takes the place of what was there."""

    def __init__(self, given: Settings, following: Following, interest: Interest) -> None:
        self._given = given
        self._following = following
        self._interest = interest
        self._found: dict[str, Domain] = {}
        self._prefix = given.translation
        self.gaps: list[Gap] = []
        self._all()

    def _all(self) -> None:
        for option in ("auth-zones", "forward-zones", "forward-zones-recurse"):
            setting = self._given.get(option)
            for word in setting.words:
                name, equals, value = word.partition("=")
                if not equals:
                    self._gap(f"{option}: {word} has no =", setting.source)
                elif option == "auth-zones":
                    artifact = self._following.file(value, setting.source)
                    if artifact is not None:
                        self._enter(Domain(zone_name(name), frozenset(), setting.source, artifact))
                else:
                    self._forward(name, value, setting.source)
        self._forwards_in_file()
        if self._given.has("export-etc-hosts"):
            self._hosts()

    def _gap(self, reason: str, source: Source | None) -> None:
        self.gaps.append(Gap(KIND, reason, source))

    def _enter(self, domain: Domain) -> None:
        if self._interest.touches(domain.name):
            self._found[domain.name] = domain

    def _forward(self, name: str, servers: str, source: Source | None, parts: str = ";") -> None:
        for letter in parts:
            servers = servers.replace(letter, " ")
        found = [_server(one) for one in servers.split()]
        if any(one is None for one in found) or not found:
            self._gap(f"forward zone {name}: {servers} is no address", source)
        self._enter(Domain(zone_name(name), frozenset(one for one in found if one), source))

    def _forwards_in_file(self) -> None:
        setting = self._given.get("forward-zones-file")
        artifact = self._following.file(setting.value, setting.source) if setting.value else None
        if artifact is None:
            return
        if artifact.name.endswith(".yml"):
            self._gap("forward zones in YAML are not followed", setting.source)
            return
        for number, line in enumerate(artifact.text.split("\n"), 1):
            text = line.strip()
            name, equals, servers = text.partition("=")
            if text and not text.startswith("#"):
                source = Source(artifact.name, text, number)
                if not equals:
                    self._gap(f"line {number} has no =", source)
                else:
                    self._forward(name.strip().lstrip("+^"), servers.partition("#")[0], source, ",;")

    def _hosts(self) -> None:
        """Each name of the hosts file is a zone with one address, of the first line that has it."""
        setting = self._given.get("etc-hosts-file")
        artifact = self._following.file(setting.value, setting.source)
        suffix = self._given.get("export-etc-hosts-search-suffix").value.strip(".")
        if artifact is None:
            return
        for number, line in lines_about(artifact.data, () if suffix else self._interest.names):
            words = line.partition("#")[0].split()
            address = as_address(words[0]) if len(words) > 1 else None
            for word in words[1:] if address else ():
                name = zone_name(word if "." in word or not suffix else f"{word}.{suffix}")
                if name not in self._found:
                    source = Source(artifact.name, line.strip(), number)
                    self._enter(Domain(name, frozenset(), source, None, address))

    def rules(self) -> Iterator[NameRule]:
        """What becomes of names that no policy stops, the closest zone first; none for those looked for elsewhere."""
        for domain in sorted(self._found.values(), key=lambda one: (-label_count(one.name), one.name)):
            whole = NameSet(Scope.SUBTREE, domain.name)
            if domain.file is not None:
                yield from self._served(domain, domain.file)
            elif domain.address is not None:
                yield from _host(domain, domain.address, self._prefix)
            else:
                yield NameRule(whole, Outcome(Fate.PASSED_ON, upstreams=domain.upstreams), domain.source)

    def _served(self, domain: Domain, artifact: Artifact) -> Iterator[NameRule]:
        """The names of a zone file, then its wildcards (``AuthDomain::getRecords``)."""
        whole = NameSet(Scope.SUBTREE, domain.name)
        found: dict[str, list[ZoneRecord]] = defaultdict(list)
        try:
            for one in records(artifact.text, domain.name, self._matters):
                found[one.owner].append(one)
        except Malformed as error:
            source = Source(artifact.name, "", error.line)
            self._gap(f"zone {domain.name}: line {error.line}: {error}", source)
            yield NameRule(whole, Outcome(Fate.UNKNOWN, because=f"zone {domain.name}: {error}"), source)
            return
        wild = sorted((name for name in found if name.startswith("*.")), key=lambda name: -label_count(name))
        cuts = [name for name, some in found.items() if name != domain.name and any(one.type == "NS" for one in some)]
        for name in sorted(found):
            if name not in wild and name not in cuts:
                yield from _data(NameSet(Scope.EXACT, name), found[name], artifact, self._prefix)
        below: list[NameRule] = []
        for name in sorted(cuts, key=lambda name: -label_count(name)):
            source = Source(artifact.name, found[name][0].text, found[name][0].line)
            unknown = Outcome(Fate.UNKNOWN, because=f"zone {domain.name} hands {name} on to other servers")
            yield NameRule(NameSet(Scope.EXACT, name), unknown, source)
            below.append(NameRule(NameSet(Scope.BELOW, name), unknown, source))
        for name in wild:
            yield from _data(NameSet(Scope.BELOW, name[2:]), found[name], artifact, self._prefix)
        yield from below  # wildcards win over what is handed on
        yield NameRule(whole, Outcome(Fate.NXDOMAIN), domain.source)

    def _matters(self, owner: str) -> bool:
        return self._interest.touches(owner.removeprefix("*."))


def _data(names: NameSet, found: list[ZoneRecord], artifact: Artifact, prefix: int | None) -> Iterator[NameRule]:
    """What the records of one owner answer."""
    alias = next((one for one in found if one.type == "CNAME"), None)
    decides = alias or found[0]
    source = Source(artifact.name, decides.text, decides.line)
    addresses = [
        address for one in found if one.type in ("A", "AAAA") and one.data and (address := as_address(one.data[0]))
    ]
    for family in (4, 6):
        outcome = answered(addresses, family, prefix)
        if alias is not None and outcome.fate is Fate.NODATA:
            outcome = Outcome(Fate.ALIAS, target=alias.data[0] if alias.data else "")
        yield NameRule(names, outcome, source, frozenset({family}))


def _host(domain: Domain, address: tuple[int, int], prefix: int | None) -> Iterator[NameRule]:
    for family in (4, 6):
        outcome = answered((address,), family, prefix)
        yield NameRule(NameSet(Scope.EXACT, domain.name), outcome, domain.source, frozenset({family}))
    yield NameRule(NameSet(Scope.BELOW, domain.name), Outcome(Fate.NXDOMAIN), domain.source)


def _server(text: str) -> str | None:
    """``1.1.1.1`` to ``1.1.1.1#53``; None for what is no address."""
    host, port = endpoint(text)
    return f"{host}#{port or 53}" if as_address(host) else None


def within(names: NameSet, rules: Iterable[NameRule]) -> Iterator[tuple[NameSet, NameRule]]:
    """The rules that some names meet, with the names that they then are about."""
    for rule in rules:
        if both := meet(names, rule.plain):
            yield both, rule
