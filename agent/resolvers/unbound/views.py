"""From the clauses of Unbound to what each kind of client gets.

A client's view comes first, then the local zones for all, then policy zones, then whom questions are passed on to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, prefix_interval
from agent.model.names import Interest
from agent.model.network import Listener
from agent.model.public import PUBLIC
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Resolver, RuleList, Safety, Scope, View
from agent.model.source import Gap, Source
from agent.resolvers.unbound.clients import Client, clients, misread
from agent.resolvers.unbound.options import CLAUSES, HARMLESS, MODELLED, OPEN
from agent.resolvers.unbound.policy import policy
from agent.resolvers.unbound.words import zone_name
from agent.resolvers.unbound.zones import Zones, label_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.resolver import Stage
    from agent.resolvers.unbound.clauses import Attribute, Clause
    from agent.snapshot.following import Following

RESOLVED: Final = Outcome(Fate.PASSED_ON)
REFUSED, DROPPED = Outcome(Fate.REFUSED), Outcome(Fate.DROPPED)
ACTIONS: Final = {
    "deny": DROPPED, "refuse": REFUSED, "deny_non_local": DROPPED, "refuse_non_local": REFUSED,
}  # fmt: skip
"""Access control that gives no answers from elsewhere."""
ANCHORS: Final = frozenset({"auto-trust-anchor-file", "trust-anchor-file", "trust-anchor", "trusted-keys-file"})
ALL_PORTS: Final = frozenset({"0-65535", "1-65535", "1024-65535"})
MODULES: Final = frozenset({"iterator", "validator", "respip", "subnetcache", "dns64", "cachedb", "ipset", "ipsecmod"})


def resolver(found: Sequence[Clause], following: Following, gaps: Sequence[Gap], interest: Interest) -> Resolver:
    """Give the resolver, with rules for the names of interest (empty: all) alone, and where it will listen."""
    every = [one for clause in found for one in clause.attributes]
    policies = [(clause, policy(clause, following, interest)) for clause in found if clause.kind == "rpz"]
    of_policies = [gap for _, one in policies for gap in one.gaps]
    chain = tuple(one.aliases for _, one in policies if one.aliases is not None)
    open_ends = (*gaps, *following.gaps, *_open(found, every, interest), *of_policies)
    server = [one for clause in found if clause.kind == "server" for one in clause.attributes if not misread(one)]
    forwards = tuple(_forwards(found, interest))
    zones = Zones(server, interest)
    views = {}
    for clause in found:
        if clause.kind == "view":
            first = clause.text("view-first", "no") == "yes"
            views[clause.text("name")] = (Zones(clause.attributes, Interest(()), nodefault=first), first)
    doubt = Outcome(Fate.UNKNOWN, because=str(open_ends[0])) if open_ends else None

    def view(client: Client, whose: tuple[tuple[int, Intervals], ...] | None) -> View:
        if client.action in ACTIONS:
            return View((), ACTIONS[client.action], whose, client.source)
        stages: list[Stage] = []
        own, first = views.get(client.view, (None, False))
        if own is not None and own.any:
            stages.append(RuleList(tuple(own.rules_of_view(first=first))))
        if own is None or not own.any or first:
            stages.append(RuleList(tuple(zones.rules(client))))
        for clause, one in policies:
            tags = clause.text("tags").split()
            if one.names is not None and (not tags or set(tags) & set(client.tags)):
                stages.append(one.names)
        stages.append(RuleList(tuple(_doubted(rule, doubt) for rule in forwards) if doubt else forwards))
        return View(tuple(stages), doubt or RESOLVED, whose, client.source, chain, chain_uncached=True)

    made = tuple(view(client, whose) for client, whose in clients(server))
    source = found[0].source if found else None
    return Resolver("unbound", made, tuple(_listeners(server)), source, open_ends, safety=_safety(server))


def _safety(server: Sequence[Attribute]) -> Safety:
    """Whether the validator runs and has an anchor to trust, and whether its ports can be guessed."""
    modules = next((one for one in reversed(server) if one.name == "module-config"), None)
    anchor = next((one for one in server if one.name in ANCHORS), None)
    permissive = next((one for one in server if one.name == "val-permissive-mode" and one.values[0] == "yes"), None)
    fixed = _fixed_port(server)
    if modules is not None and "validator" not in modules.values[0].split():
        return Safety(validates=False, validation=modules.source, fixed_port=fixed)
    if permissive is not None:
        return Safety(validates=False, validation=permissive.source, fixed_port=fixed)
    return Safety(anchor is not None, anchor.source if anchor else None, fixed)


def _fixed_port(server: Sequence[Attribute]) -> Source | None:
    """``outgoing-port-avoid: 0-65535`` with one permitted port leaves just that one."""
    avoided = any(one.name == "outgoing-port-avoid" and one.values[0] in ALL_PORTS for one in server)
    permitted = [one for one in server if one.name == "outgoing-port-permit"]
    one_port = len(permitted) == 1 and permitted[0].values[0].isdecimal()
    return permitted[0].source if avoided and one_port else None


def _doubted(rule: NameRule, doubt: Outcome) -> NameRule:
    return NameRule(rule.names, doubt, rule.source, rule.families) if rule.outcome.fate is Fate.PASSED_ON else rule


def _forwards(found: Sequence[Clause], interest: Interest) -> Iterator[NameRule]:
    """Whom questions are passed on to: the closest forward or stub zone."""
    zones = [clause for clause in found if clause.kind in ("forward-zone", "stub-zone")]
    for clause in sorted(zones, key=lambda one: -label_count(zone_name(one.text("name")))):
        name = zone_name(clause.text("name"))
        servers = [each.values[0] for each in clause.all("forward-addr", "stub-addr")]
        if clause.text("forward-first", "no") == "yes" or clause.text("stub-first", "no") == "yes":
            servers = []  # or the zone's own servers
        if interest.touches(name):
            outcome = Outcome(Fate.PASSED_ON, upstreams=frozenset(_server(one) for one in servers))
            yield NameRule(NameSet(Scope.SUBTREE, name), outcome, clause.source)


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
        elif wrong := misread(one):
            yield Gap("unbound", wrong, one.source)
        elif one.name == "module-config" and not set(one.values[0].split()) <= MODULES:
            yield Gap("unbound", f"module-config: a module decides that is not followed: {one.values[0]}", one.source)
    for clause in found:
        name = zone_name(clause.text("name"))
        if clause.kind == "auth-zone" and name and interest.touches(name):
            yield Gap("unbound", f"auth-zone: {name} is served from a file", clause.source)


def _is_public(prefix: str) -> bool:
    try:
        family, interval = prefix_interval(prefix)
    except ValueError:
        return True
    return PUBLIC[family].overlaps(*interval)


def _server(text: str) -> str:
    """``1.1.1.1@853#name`` to ``1.1.1.1#853``."""
    host, _, port = text.partition("#")[0].partition("@")
    return f"{host}#{port or 53}"
