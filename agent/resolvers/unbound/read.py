"""From the clauses of Unbound to views of rules (``services/localzone.c`` of version 1.17).

A client's view comes first, then the local zones for all, then the zones that are forwarded; in each the closest
zone that fits decides. Data of a zone answer before its type does.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, address_value, prefix_interval
from agent.model.names import Interest, normalise
from agent.model.network import Listener
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Resolver, RuleList, Scope, View
from agent.model.source import Gap, Source
from agent.resolvers.unbound.options import CLAUSES, HARMLESS, MODELLED, OPEN
from agent.resolvers.unbound.policy import policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.model.resolver import Stage
    from agent.resolvers.unbound.clauses import Attribute, Clause
    from agent.snapshot.following import Following

FAMILIES: Final = (4, 6)
NULL: Final = {4: frozenset({(4, 0)}), 6: frozenset({(6, 0)})}
RESOLVED: Final = Outcome(Fate.PASSED_ON)
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
ACTIONS: Final = {
    "deny": DROPPED, "refuse": REFUSED, "deny_non_local": DROPPED, "refuse_non_local": REFUSED,
}  # fmt: skip
"""Access control that gives no answers from elsewhere."""
OF_CLIENTS: Final = frozenset({
    "access-control", "access-control-tag", "access-control-tag-action", "access-control-tag-data",
    "access-control-view",
})  # fmt: skip
"""Attributes of a block of clients."""
MODULES: Final = frozenset({"iterator", "validator", "respip", "subnetcache", "dns64", "cachedb", "ipset", "ipsecmod"})


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


@record
class _Client:
    """How a block of clients is treated."""

    action: str = "refuse"
    view: str = ""
    tags: tuple[str, ...] = ()
    """In the order in which they are defined."""
    tag_actions: tuple[tuple[str, str], ...] = ()
    tag_data: tuple[tuple[str, str], ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()
    source: Source | None = None


_Block = tuple[int, tuple[int, int]]
"""Family, first and last address."""


class _Zones:
    """The local zones and data of the server, or of one view."""

    def __init__(self, attributes: Sequence[Attribute], interest: Interest, *, nodefault: bool = False) -> None:
        """``nodefault`` makes a zone in a view that is asked first; elsewhere it just takes a built-in one away."""
        tags: dict[str, frozenset[str]] = defaultdict(frozenset)
        for one in attributes:
            if one.name == "local-zone-tag":
                tags[_name(one.values[0])] = frozenset(one.values[1].split())
        self.zones: dict[str, _Zone] = {}
        self.data: dict[str, _Data] = {}
        self.any = False
        for one in attributes:
            if one.name == "local-zone":
                self.any = self.any or one.values[1] != "nodefault"  # a view of these alone has no zones at all
                name = _name(one.values[0])
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
        name = _name(words[0]) if words else ""
        if not words or not interest.touches(name):
            return
        kind, value = _record(words)
        known = self.data.setdefault(name, _Data({4: {}, 6: {}}, None, one.source))
        if kind in ("A", "AAAA") and (found := _address(value)):
            known.addresses[found[0]].setdefault(found[1], one.source)
        elif kind == "CNAME" and known.alias is None:
            self.data[name] = _Data(known.addresses, (_name(value), one.source), known.source)

    def rules_of_view(self, *, first: bool) -> Iterator[NameRule]:
        """The rules of a view; where it is just asked first, what it covers is no matter for the zones for all."""
        for rule in self.rules(None):
            skips = int(first and (rule.outcome == PAST or rule.outcome.tentative))
            yield rule if rule.outcome.skips == skips else replace(rule, outcome=replace(rule.outcome, skips=skips))

    def rules(self, client: _Client | None) -> Iterator[NameRule]:
        """The rules for one kind of client (None: of a view, where tags do not count), closest zones first."""
        inside: dict[str | None, list[str]] = defaultdict(list)
        for name in self.data:
            inside[_closest(name, self.zones)].append(name)
        for name in sorted(self.zones, key=lambda name: (-_labels(name), name)):
            zone = self.zones[name]
            if client is None or not zone.tags or zone.tags.intersection(client.tags):
                yield from self._of_zone(zone, sorted(inside[name]), client)

    def _of_zone(self, zone: _Zone, names: list[str], client: _Client | None) -> Iterator[NameRule]:
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

    def _redirected(self, zone: _Zone, client: _Client | None, tag: str) -> Iterator[NameRule]:
        names = NameSet(Scope.SUBTREE, zone.name)
        data = self.data.get(zone.name)
        for family in FAMILIES:
            fixed = {
                found
                for key, text in (client.tag_data if client else ())
                if key == tag
                for found in _of_record(text, family)
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


def resolver(found: Sequence[Clause], following: Following, gaps: Sequence[Gap], interest: Interest) -> Resolver:
    """Give the resolver, with rules for the names of interest (empty: all) alone, and where it will listen."""
    every = [one for clause in found for one in clause.attributes]
    policies = [(clause, *policy(clause, following, interest)) for clause in found if clause.kind == "rpz"]
    of_policies = [gap for _, _, some in policies for gap in some]
    open_ends = (*gaps, *following.gaps, *_open(found, every, interest), *of_policies)
    server = [one for clause in found if clause.kind == "server" for one in clause.attributes if not _misread(one)]
    forwards = tuple(_forwards(found, interest))
    zones = _Zones(server, interest)
    views = {}
    for clause in found:
        if clause.kind == "view":
            first = clause.text("view-first", "no") == "yes"
            views[clause.text("name")] = (_Zones(clause.attributes, Interest(()), nodefault=first), first)
    doubt = Outcome(Fate.UNKNOWN, because=str(open_ends[0])) if open_ends else None

    def view(client: _Client, clients: tuple[tuple[int, Intervals], ...] | None) -> View:
        if client.action in ACTIONS:
            return View((), ACTIONS[client.action], clients, client.source)
        stages: list[Stage] = []
        own, first = views.get(client.view, (None, False))
        if own is not None and own.any:
            stages.append(RuleList(tuple(own.rules_of_view(first=first))))
        if own is None or not own.any or first:
            stages.append(RuleList(tuple(zones.rules(client))))
        for clause, tree, _ in policies:
            tags = clause.text("tags").split()
            if tree is not None and (not tags or set(tags) & set(client.tags)):
                stages.append(tree)
        stages.append(RuleList(tuple(_doubted(rule, doubt) for rule in forwards) if doubt else forwards))
        return View(tuple(stages), doubt or RESOLVED, clients, client.source)

    made = tuple(view(client, clients) for client, clients in _clients(server))
    source = found[0].source if found else None
    return Resolver("unbound", made, tuple(_listeners(server)), source, open_ends)


def _doubted(rule: NameRule, doubt: Outcome) -> NameRule:
    return NameRule(rule.names, doubt, rule.source, rule.families) if rule.outcome.fate is Fate.PASSED_ON else rule


# ---- zones ----


def _type(zone: _Zone, client: _Client) -> tuple[str, str]:
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


def _labels(name: str) -> int:
    return name.count(".") + 1 if name else 0


def _forwards(found: Sequence[Clause], interest: Interest) -> Iterator[NameRule]:
    """Whom questions are passed on to: the closest forward or stub zone."""
    zones = [clause for clause in found if clause.kind in ("forward-zone", "stub-zone")]
    for clause in sorted(zones, key=lambda one: -_labels(_name(one.text("name")))):
        name = _name(clause.text("name"))
        servers = [each.values[0] for each in clause.all("forward-addr", "stub-addr")]
        if clause.text("forward-first", "no") == "yes" or clause.text("stub-first", "no") == "yes":
            servers = []  # or the zone's own servers
        if interest.touches(name):
            outcome = Outcome(Fate.PASSED_ON, upstreams=frozenset(_server(one) for one in servers))
            yield NameRule(NameSet(Scope.SUBTREE, name), outcome, clause.source)


# ---- clients ----


def _clients(server: Sequence[Attribute]) -> Iterator[tuple[_Client, tuple[tuple[int, Intervals], ...] | None]]:
    """Kinds of clients and their addresses: the closest block decides; only this host is let in without a word."""
    blocks: dict[_Block, _Client] = {prefix_interval(prefix): _Client("allow") for prefix in ("127.0.0.0/8", "::1/128")}
    overrides: list[tuple[_Block, str, str]] = []
    defined = [tag for one in server if one.name == "define-tag" for tag in one.values[0].split()]
    for one in server:
        if one.name in OF_CLIENTS:
            block = prefix_interval(one.values[0])
            blocks[block] = _with(blocks.get(block, _Client("allow")), one, defined)
        elif one.name == "local-zone-override":
            overrides.append((prefix_interval(one.values[1]), _name(one.values[0]), one.values[2]))
    kinds: dict[_Client, dict[int, Intervals]] = defaultdict(dict)
    every = {*blocks, *(block for block, _, _ in overrides)}
    for block in sorted(every):
        around = [other for other in every if _holds(other, block)]
        decides = [other for other in around if other in blocks]
        client = blocks[min(decides, key=_size)] if decides else _Client()
        mine = Intervals.span(*block[1])
        for other in every:
            if other != block and _holds(block, other):
                mine -= Intervals.span(*other[1])
        here = sorted((each for each in overrides if each[0] in around), key=lambda each: -_size(each[0]))
        client = replace(client, overrides=tuple({zone: kind for _, zone, kind in here}.items()))
        kinds[client][block[0]] = kinds[client].get(block[0], Intervals()) | mine
    for client, addresses in kinds.items():
        yield client, tuple(sorted(addresses.items()))
    yield _Client(), None


def _holds(block: _Block, other: _Block) -> bool:
    """Whether a block holds all addresses of another."""
    return block[0] == other[0] and block[1][0] <= other[1][0] and other[1][1] <= block[1][1]


def _size(block: _Block) -> int:
    return block[1][1] - block[1][0]


def _with(client: _Client, one: Attribute, defined: Sequence[str]) -> _Client:
    """A block's settings with one more of them."""
    values = one.values
    source = client.source or one.source
    match one.name:
        case "access-control":
            return replace(client, action=values[1], source=source)
        case "access-control-view":
            return replace(client, view=values[1], source=source)
        case "access-control-tag":
            given = values[1].split()
            return replace(client, tags=tuple(tag for tag in defined if tag in given), source=source)
        case "access-control-tag-action":
            return replace(client, tag_actions=(*client.tag_actions, (values[1], values[2])), source=source)
        case _:
            return replace(client, tag_data=(*client.tag_data, (values[1], values[2])), source=source)


def _listeners(server: Sequence[Attribute]) -> Iterator[Listener]:
    """Where an Unbound that does not run yet will listen."""
    port = next((int(one.values[0]) for one in reversed(server) if one.name == "port"), 53)
    given = [one.values[0] for one in server if one.name in ("interface", "ip-address")]
    for text in given or ("127.0.0.1", "::1"):
        address, _, other = text.partition("@")
        yield Listener("udp", address, int(other) if other.isdigit() else port)


# ---- what is not followed ----


def _open(found: Sequence[Clause], every: Sequence[Attribute], interest: Interest) -> Iterator[Gap]:
    for one in every:
        if one.name in OPEN:
            yield Gap("unbound", f"{one.name}: {OPEN[one.name]}", one.source)
        elif one.name not in MODELLED and one.name not in HARMLESS and one.name not in CLAUSES:
            yield Gap("unbound", f"unknown attribute {one.name}", one.source)
        elif one.name in ("response-ip", "private-address") and _is_public(one.values[0]):
            yield Gap("unbound", f"{one.name}: answers with some public addresses are changed", one.source)
        elif misread := _misread(one):
            yield Gap("unbound", misread, one.source)
        elif one.name == "module-config" and not set(one.values[0].split()) <= MODULES:
            yield Gap("unbound", f"module-config: a module decides that is not followed: {one.values[0]}", one.source)
    for clause in found:
        name = _name(clause.text("name"))
        if clause.kind == "auth-zone" and name and interest.touches(name):
            yield Gap("unbound", f"auth-zone: {name} is served from a file", clause.source)


def _misread(one: Attribute) -> str:
    """What is wrong with a value; Unbound does not start with it."""
    if one.name == "port" and not one.values[0].isdigit():
        return f"not a port: {one.values[0]}"
    if one.name in OF_CLIENTS or one.name == "local-zone-override":
        try:
            prefix_interval(one.values[1 if one.name == "local-zone-override" else 0])
        except ValueError as error:
            return str(error)
    return ""


def _is_public(prefix: str) -> bool:
    try:
        family, interval = prefix_interval(prefix)
    except ValueError:
        return True
    return PUBLIC[family].overlaps(*interval)


# ---- words ----


def _name(text: str) -> str:
    """A zone's name; empty for the root."""
    bare = text.strip().rstrip(".")
    try:
        return normalise(bare) if bare else ""
    except ValueError:
        return bare.lower()


def _record(words: Sequence[str]) -> tuple[str, str]:
    """Type and value of ``name [ttl] [class] type value``."""
    rest = [word for word in words[1:] if not word.isdigit() and word.upper() not in ("IN", "CH", "HS")]
    return (rest[0].upper(), rest[1]) if len(rest) > 1 else (rest[0].upper() if rest else "", "")


def _of_record(text: str, family: int) -> Iterator[tuple[int, int]]:
    """The address in the data of a tag, ``A 127.0.0.1``."""
    kind, value = _record(["", *text.split()])
    found = _address(value)
    if found and found[0] == family and kind == ("A" if family == 4 else "AAAA"):
        yield found


def _address(text: str) -> tuple[int, int] | None:
    try:
        return address_value(text)
    except ValueError:
        return None


def _server(text: str) -> str:
    """``1.1.1.1@853#name`` to ``1.1.1.1#853``."""
    host, _, port = text.partition("#")[0].partition("@")
    return f"{host}#{port or 53}"
