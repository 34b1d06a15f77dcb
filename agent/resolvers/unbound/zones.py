"""Local zones and their data (``services/localzone.c`` of version 1.17): the closest zone decides, its data first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope
from agent.resolvers.unbound.words import addresses_of, record_of, zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.model.names import Interest
    from agent.model.source import Source
    from agent.resolvers.unbound.clauses import Attribute
    from agent.resolvers.unbound.clients import Client

FAMILIES: Final = (4, 6)
NULL: Final = {4: frozenset({(4, 0)}), 6: frozenset({(6, 0)})}
ON, PAST = Outcome(Fate.GOES_ON), Outcome(Fate.GOES_ON, skips=1)
NXDOMAIN, NODATA = Outcome(Fate.NXDOMAIN), Outcome(Fate.NODATA)
REFUSED, DROPPED = Outcome(Fate.REFUSED), Outcome(Fate.DROPPED)
SILENT: Final = frozenset({
    "always_transparent", "always_refuse", "always_nxdomain", "always_nodata", "always_deny",
})  # fmt: skip
"""Types that do not look at their data."""
REDIRECTS: Final = frozenset({"redirect", "inform_redirect"})
ENDS: Final = {
    "deny": DROPPED, "inform_deny": DROPPED, "always_deny": DROPPED, "refuse": REFUSED, "always_refuse": REFUSED,
    "static": NXDOMAIN, "always_nxdomain": NXDOMAIN, "always_nodata": NODATA, "redirect": NODATA,
    "inform_redirect": NODATA, "transparent": ON, "typetransparent": ON, "inform": ON, "always_transparent": ON,
    "ipset": ON, "noview": ON, "nodefault": PAST,
}  # fmt: skip
"""What a type says to names without data; always_null and block_a depend on the family."""


@record
class _Zone:
    """One local-zone with its type."""

    name: str
    type: str
    tags: frozenset[str]
    source: Source


@record
class _Data:
    """The records of one name."""

    addresses: dict[int, dict[int, Source]]
    alias: tuple[str, Source] | None
    source: Source


class Zones:
    """The local zones and data of the server, or of one view."""

    def __init__(self, attributes: Sequence[Attribute], interest: Interest, *, nodefault: bool = False) -> None:
        """``nodefault`` makes a zone in a view that is asked first; elsewhere it just takes a built-in one away."""
        tags: dict[str, frozenset[str]] = defaultdict(frozenset)
        for one in attributes:
            if one.name == "local-zone-tag":
                tags[zone_name(one.values[0])] = frozenset(one.values[1].split())
        self.zones: dict[str, _Zone] = {}
        self.data: dict[str, _Data] = {}
        self.any = False
        for one in attributes:
            if one.name == "local-zone":
                self.any = self.any or one.values[1] != "nodefault"  # a view of these alone has no zones at all
                name = zone_name(one.values[0])
                if (nodefault or one.values[1] != "nodefault") and interest.touches(name):
                    self.zones.setdefault(name, _Zone(name, one.values[1], tags[name], one.source))
            elif one.name == "local-data":
                self.any = True
                self._enter(one, interest)
        if alone := [name for name in self.data if _closest(name, self.zones) is None]:
            shared = _shared(alone)  # one zone for all data that have none (``lz_setup_implicit``)
            self.zones[shared] = _Zone(shared, "transparent", frozenset(), self.data[alone[0]].source)

    def _enter(self, one: Attribute, interest: Interest) -> None:
        words = one.values[0].split()
        name = zone_name(words[0]) if words else ""
        if not words or not interest.touches(name):
            return
        kind, value = record_of(words)
        known = self.data.setdefault(name, _Data({4: {}, 6: {}}, None, one.source))
        if kind in ("A", "AAAA") and (found := as_address(value)):
            known.addresses[found[0]].setdefault(found[1], one.source)
        elif kind == "CNAME" and known.alias is None:
            self.data[name] = _Data(known.addresses, (zone_name(value), one.source), known.source)

    def rules_of_view(self, *, first: bool) -> Iterator[NameRule]:
        """The rules of a view; where it is just asked first, what it covers is no matter for the zones for all."""
        for rule in self.rules(None):
            skips = int(first and (rule.outcome == PAST or rule.outcome.tentative))
            yield rule if rule.outcome.skips == skips else replace(rule, outcome=replace(rule.outcome, skips=skips))

    def rules(self, client: Client | None) -> Iterator[NameRule]:
        """The rules for one kind of client (None: of a view, where tags do not count), closest zones first."""
        inside: dict[str | None, list[str]] = defaultdict(list)
        for name in self.data:
            inside[_closest(name, self.zones)].append(name)
        for name in sorted(self.zones, key=lambda name: (-label_count(name), name)):
            zone = self.zones[name]
            if client is None or not zone.tags or zone.tags.intersection(client.tags):
                yield from self._of_zone(zone, sorted(inside[name]), client)

    def _of_zone(self, zone: _Zone, names: list[str], client: Client | None) -> Iterator[NameRule]:
        kind, tag = _type(zone, client) if client else (zone.type, "")
        whole = NameSet(Scope.SUBTREE, zone.name)
        in_view = client is None
        if kind in REDIRECTS:
            yield from self._redirected(zone, client, tag)
        elif kind not in SILENT and not (in_view and kind == "noview"):
            for name in names:
                yield from self._of_name(name, kind, self.data[name])
            between = {above for name in names for above in _between(name, zone.name)} - set(names)
            for name in sorted(between):
                if kind == "static":
                    yield NameRule(NameSet(Scope.EXACT, name), NODATA, zone.source)
                elif in_view and kind in ("transparent", "inform"):
                    yield NameRule(NameSet(Scope.EXACT, name), PAST, zone.source)
        if kind == "always_null":
            for family in FAMILIES:
                yield NameRule(whole, Outcome(Fate.ADDRESSES, NULL[family]), zone.source, frozenset({family}))
        elif kind == "block_a":
            yield NameRule(whole, NODATA, zone.source, frozenset({4}))
            yield NameRule(whole, ON, zone.source, frozenset({6}))
        elif kind in ENDS:
            yield NameRule(whole, ENDS[kind], zone.source)
        else:
            yield NameRule(whole, Outcome(Fate.UNKNOWN, because=f"local-zone type {kind}"), zone.source)

    def _redirected(self, zone: _Zone, client: Client | None, tag: str) -> Iterator[NameRule]:
        names = NameSet(Scope.SUBTREE, zone.name)
        data = self.data.get(zone.name)
        for family in FAMILIES:
            fixed = {
                found
                for key, text in (client.tag_data if client else ())
                if key == tag
                for found in addresses_of(text, family)
            }
            if fixed:
                yield NameRule(names, Outcome(Fate.ADDRESSES, frozenset(fixed)), zone.source, frozenset({family}))
            elif data and data.addresses[family]:
                yield _fixed(names, data, family)
            elif data and data.alias:
                target, source = data.alias
                outcome = Outcome(Fate.ALIAS, target=target, tentative=True)  # policy zones still see the name itself
                yield NameRule(names, outcome, source, frozenset({family}))

    def _of_name(self, name: str, kind: str, data: _Data) -> Iterator[NameRule]:
        names = NameSet(Scope.EXACT, name)
        for family in FAMILIES:
            if data.addresses[family]:
                yield _fixed(names, data, family)
            elif data.alias:  # the alias alone, without what it leads to
                yield NameRule(names, NODATA, data.alias[1], frozenset({family}))
            elif kind in ("static", "transparent", "inform", "ipset", "nodefault", "noview"):
                yield NameRule(names, NODATA, data.source, frozenset({family}))


def _type(zone: _Zone, client: Client) -> tuple[str, str]:
    """A zone's type for a client, and the first tag that both have (``lz_type``, ``local_data_find_tag_action``)."""
    tag = next((tag for tag in client.tags if tag in zone.tags), "")
    override = dict(client.overrides).get(zone.name)
    if override:
        return override, ""
    return dict(client.tag_actions).get(tag, zone.type), tag


def _fixed(names: NameSet, data: _Data, family: int) -> NameRule:
    values = data.addresses[family]
    outcome = Outcome(Fate.ADDRESSES, frozenset((family, value) for value in values))
    return NameRule(names, outcome, next(iter(values.values())), frozenset({family}))


def _closest(name: str, zones: Mapping[str, _Zone]) -> str | None:
    """The closest zone that a name is in."""
    while name and name not in zones:
        name = name.partition(".")[2]
    return name if name in zones else None


def _shared(names: Sequence[str]) -> str:
    """The closest name above all of these, or the one that there is."""
    found = names[0]
    for name in names[1:]:
        while found and name != found and not name.endswith("." + found):
            found = found.partition(".")[2]
    return found


def _between(name: str, zone: str) -> Iterator[str]:
    """The names between a name and its zone, with the zone's own."""
    while name != zone and name:
        name = name.partition(".")[2]
        yield name


def label_count(name: str) -> int:
    """How deep a name is; 0 for the root."""
    return name.count(".") + 1 if name else 0
