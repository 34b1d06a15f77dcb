"""From the statements of named.conf to what each kind of client gets.

Who may not ask is refused first; then come policies, the zones that are served here, and whom others are passed on to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.names import Interest
from agent.model.network import Listener
from agent.model.record import record
from agent.model.resolver import (
    AddressList, AddressRule, Fate, NameRule, NameSet, Outcome, Resolver, RuleList, Scope, View,
)  # fmt: skip
from agent.resolvers.bind.access import YES, Reader
from agent.resolvers.bind.addresses import EVERY, FAMILIES, Addresses, Lists, parted
from agent.resolvers.bind.configuration import zone_name
from agent.resolvers.bind.policies import NS_SWITCHES, Policy, client_triggers, stages
from agent.resolvers.bind.settle import Settling
from agent.resolvers.bind.statements import NOTHING
from agent.resolvers.bind.understood import not_understood
from agent.resolvers.bind.zones import TABLED, Files, Unread, deepest_first, forwards, served, zones

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.model.resolver import Stage
    from agent.model.source import Source
    from agent.resolvers.bind.access import Access
    from agent.resolvers.bind.configuration import Configuration
    from agent.resolvers.bind.policies import ClientTrigger
    from agent.resolvers.bind.statements import Block, Statement
    from agent.resolvers.bind.zones import Zone
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following

RESOLVED: Final = Outcome(Fate.PASSED_ON)
ON: Final = Outcome(Fate.GOES_ON)
REFUSED, DROPPED, FAILED = Outcome(Fate.REFUSED), Outcome(Fate.DROPPED), Outcome(Fate.FAILED)
FROM_CACHE: Final = Outcome(Fate.UNKNOWN, because="answered only where the answer is known already")
ANY: Final = NameSet(Scope.SUBTREE, "")
MAX_ROUNDS: Final = 8
"""Times that files are read again for the names behind aliases."""
MAX_KINDS: Final = 500
"""Kinds of clients in one view."""


@record
class _Seen:
    """What one view is made of."""

    own: Block
    zones: Mapping[str, Zone]
    redirect: Zone | None
    access: Access
    policies: tuple[Policy, ...]
    interest: Interest
    source: Source | None


def resolver(read: Configuration, snapshot: Snapshot, following: Following, interest: Interest) -> Resolver:
    """Give the resolver, with rules for the names of interest (empty: all) alone, and where it will listen."""
    maker = _Maker(read, snapshot, following)
    return maker.resolver(interest)


class _Maker:
    """One configuration on its way to a resolver."""

    def __init__(self, read: Configuration, snapshot: Snapshot, following: Following) -> None:
        self._read = read
        self._options = read.options
        self._lists = Lists(snapshot, read.block)
        self._access = Reader(self._lists, read.block, self._options)
        self._files = Files(read, snapshot, following)
        self._following = following
        self._port = int(text) if (text := self._options.text("port")).isdecimal() else read.port or 53
        self._targets: set[str] = set()
        self._gardens: set[str] = set()

    def resolver(self, interest: Interest) -> Resolver:
        names = interest.names
        for _ in range(MAX_ROUNDS):
            views = self._views(interest, Interest(names | self._targets if names else names))
            more = names | self._targets | self._gardens
            if not names or more <= interest.names:
                break
            interest = Interest(more)
        gaps = (*self._read.gaps, *self._following.gaps, *self._files.gaps.values(), *self._lists.gaps.values(),
                *not_understood(self._read.block, interest))  # fmt: skip
        doubt = Outcome(Fate.UNKNOWN, because=str(gaps[0])) if gaps else None
        made = tuple(_doubted(view, doubt) for view in views) if doubt else views
        return Resolver("named", _last_for_all(made), tuple(self._listeners()), self._read.source, gaps)

    def _views(self, interest: Interest, for_policies: Interest) -> tuple[View, ...]:
        """The views, each for its clients: the first that matches is theirs."""
        found: list[View] = []
        left = EVERY
        if black := self._options.get("blackhole"):
            dropped = self._lists.of(black.block)
            found += _view((), DROPPED, dropped, black.source)
            left = _less(left, dropped)
        written = tuple(self._read.block.all("view"))
        tables = {one.value(): zones(one.block.all("zone"), one.block) for one in written}
        for one in written:
            if one.value(2).lower() not in ("", "in"):
                continue
            mine = self._access.matching(one.block)
            table, redirect = tables[one.value()]
            table = {
                name: tables.get(zone.block.text("in-view"), ({}, None))[0].get(name, zone)
                for name, zone in table.items()
            }
            whose = {family: left[family] & mine[family] for family in FAMILIES}
            seen = self._seen(one.block, table, redirect, interest, for_policies, one.block.get("match-clients") or one)
            found += self._of_view(seen, whose)
            left = _less(left, mine)
        if written:
            found += _view((), REFUSED, left, None)
        else:
            table, redirect = zones(self._read.block.all("zone"), NOTHING)
            found += self._of_view(self._seen(NOTHING, table, redirect, interest, for_policies, None), left)
        return tuple(found)

    def _seen(
        self,
        own: Block,
        table: Mapping[str, Zone],
        redirect: Zone | None,
        interest: Interest,
        for_policies: Interest,
        where: Statement | None,
    ) -> _Seen:
        policies = tuple(self._policies(own, table, for_policies))
        return _Seen(
            own, table, redirect, self._access.access(own), policies, interest, where.source if where else None
        )

    def _of_view(self, seen: _Seen, whose: Addresses) -> Iterator[View]:
        """A view for each kind of clients."""
        triggers = [(at, one) for at, policy in enumerate(seen.policies) for one in client_triggers(policy)]
        tabled = [seen.zones[name] for name in deepest_first(seen.zones) if seen.interest.touches(name)]
        tabled = [zone for zone in tabled if zone.kind in TABLED]
        access = seen.access
        by = [access.cache, access.recursion, access.four_alone, access.six_alone]
        by += [self._access.of_zone(zone) for zone in tabled]
        by += [one.clients for _, one in triggers]
        kinds = parted(whose, by)
        for signature, clients in kinds.items():
            may = dict(zip((zone.name for zone in tabled), signature[4:], strict=False))
            met = [one for one, is_in in zip(triggers, signature[4 + len(tabled) :], strict=True) if is_in]
            mine = [next((one for at, one in met if at == place), None) for place in range(len(seen.policies))]
            yield from self._of_clients(seen, may, mine, signature, clients)

    def _of_clients(
        self,
        seen: _Seen,
        may: Mapping[str, bool],
        triggers: Sequence[ClientTrigger | None],
        signature: tuple[bool, ...],
        clients: Addresses,
    ) -> Iterator[View]:
        cache, recursion, no_six, no_four = signature[:4]
        recursive = cache and recursion
        otherwise = RESOLVED if recursive else FROM_CACHE if cache else REFUSED
        local = RuleList(tuple(self._local(seen, recursive=recursive)))
        redirect = RuleList(
            tuple(served(seen.redirect, self._files.of(seen.redirect, seen.interest, policy=False), recursive=True))
            if seen.redirect
            else ()
        )
        if not recursive and not local.rules:
            yield from _view((), otherwise, clients, seen.source)
            return
        counting = [
            one if recursive or not one.recursive_only else Policy(one.name, one.source) for one in seen.policies
        ]
        kept = tuple(family for family, is_kept in ((6, no_six), (4, no_four)) if is_kept)
        asked = recursive or any(not one.recursive_only for one in seen.policies)
        staying = None if recursive else () if asked else tuple(may)
        met = [
            one if recursive or not policy.recursive_only else None
            for policy, one in zip(seen.policies, triggers, strict=True)
        ]
        settling = Settling(stages(counting, met), local, redirect, staying, kept)
        settled = settling.stages()
        self._targets.update(settling.targets)
        self._gardens.update(settling.gardens)
        guard = RuleList(tuple(self._guard(seen, may, None if recursive else otherwise)))
        if not recursive:
            yield from _view((guard, *settled), otherwise, clients, seen.source)
            return
        denied = self._denied(seen)
        passed = RuleList((*_kept_back(kept), *self._forwards(seen)))
        first: tuple[Stage, ...] = (guard, *denied, *settled)
        chain = (RuleList(tuple(self._denied_aliases(seen))), *first)
        yield from _view((*first, passed), otherwise, clients, seen.source, chain)

    def _guard(self, seen: _Seen, may: Mapping[str, bool], otherwise: Outcome | None) -> Iterator[NameRule]:
        """Who may not ask for names of a zone is refused, whatever policies say; likewise zones that are not there."""
        rules = []
        for name, allowed in may.items():
            outcome = ON if allowed else REFUSED
            if allowed and otherwise is not None and seen.zones[name].kind in ("stub", "static-stub"):
                outcome = otherwise  # what they serve has to be asked for
            if allowed and seen.zones[name].kind == "primary":
                contents = self._files.of(seen.zones[name], seen.interest, policy=False)
                if isinstance(contents, Unread) and contents.not_loaded:
                    outcome = replace(FAILED, because=contents.reason)
            rules.append(NameRule(NameSet(Scope.SUBTREE, name), outcome, seen.zones[name].source))
        if otherwise is not None:
            rules.append(NameRule(ANY, otherwise, None))
        if any(rule.outcome != ON for rule in rules):
            yield from rules

    def _local(self, seen: _Seen, *, recursive: bool) -> Iterator[NameRule]:
        for name in deepest_first(seen.zones):
            zone = seen.zones[name]
            if not seen.interest.touches(name) or zone.kind not in (*TABLED, "delegation-only"):
                continue
            whole = NameSet(Scope.SUBTREE, name)
            if zone.kind in ("primary", "secondary"):
                contents = self._files.of(zone, seen.interest, policy=False)
                yield from served(zone, contents, recursive=recursive)
            elif zone.kind in ("stub", "static-stub") or not name:  # a copy of the root sends everybody elsewhere
                yield NameRule(whole, ON, zone.source)
            else:
                yield NameRule(whole, Outcome(Fate.UNKNOWN, because=f"a zone of type {zone.kind}"), zone.source)

    def _forwards(self, seen: _Seen) -> Iterator[NameRule]:
        whole = seen.own.get("forwarders") or self._options.get("forwarders")
        servers = (*self._read.block.all("server"), *seen.own.all("server"))
        bogus = frozenset(one.value() for one in servers if one.block.text("bogus").lower() in YES)
        return forwards(whole, seen.zones, seen.interest, self._port, bogus)

    def _denied(self, seen: _Seen) -> Iterator[AddressList]:
        """Addresses for which an answer counts as a failure (``is_answeraddress_allowed``)."""
        if said := seen.own.get("deny-answer-addresses") or self._options.get("deny-answer-addresses"):
            addresses = self._lists.of(said.block)
            rules = (AddressRule(family, addresses[family], FAILED, said.source) for family in FAMILIES)
            yield AddressList(tuple(rules), tuple(NameSet(Scope.SUBTREE, name) for name in _excepted(said)))

    def _denied_aliases(self, seen: _Seen) -> Iterator[NameRule]:
        """Targets for which an answer counts as a failure (``is_answertarget_allowed``)."""
        if said := seen.own.get("deny-answer-aliases") or self._options.get("deny-answer-aliases"):
            certain = (seen.own.get("forwarders") or self._options.get("forwarders")) and not _excepted(said)
            because = "aliases to it are denied, but for those of its own zone and some others"
            outcome = FAILED if certain else Outcome(Fate.UNKNOWN, because=because)
            for one in said.block.statements:
                yield NameRule(NameSet(Scope.SUBTREE, zone_name(one.value(0))), outcome, said.source)

    def _policies(self, own: Block, table: Mapping[str, Zone], interest: Interest) -> Iterator[Policy]:
        said = own.get("response-policy") or self._options.get("response-policy")
        if said:
            for one in said.block.all("zone"):
                yield self._policy(said, one, table, interest)

    def _policy(self, said: Statement, one: Statement, table: Mapping[str, Zone], interest: Interest) -> Policy:
        name = zone_name(one.value())
        action = one.after("policy").lower() or "given"
        enabled = frozenset(
            kind
            for kind, switch in NS_SWITCHES.items()
            if (one.after(switch) or said.after(switch) or "yes").lower() in YES
        )
        only = (one.after("recursive-only") or said.after("recursive-only") or "yes").lower() in YES
        policy = Policy(name, one.source, action, zone_name(one.after("cname")), only, enabled)
        zone = table.get(name)
        if zone is None:
            return replace(policy, doubt=f"policy zone {name} is not defined: named does not start")
        contents = self._files.of(zone, interest, policy=True)
        if isinstance(contents, Unread):  # without the zone there is no policy
            return policy if contents.not_loaded else replace(policy, doubt=contents.reason)
        return replace(policy, contents=contents)

    def _listeners(self) -> Iterator[Listener]:
        """Where a named that does not run yet will listen."""
        for name, every in (("listen-on", "0.0.0.0"), ("listen-on-v6", "::")):  # noqa: S104 - not bound
            said = tuple(self._options.all(name))
            if not said:
                yield Listener("udp", every, self._port)
            for one in said:
                port = one.after("port")
                for element in one.block.statements if not one.after("tls") else ():
                    word = element.value(0).lower()
                    if word not in ("none", "!", ""):
                        address = word if word[0].isdigit() or ":" in word else every
                        yield Listener("udp", address, int(port) if port.isdecimal() else self._port)


def _kept_back(families: tuple[int, ...]) -> Iterator[NameRule]:
    """Addresses of one family are left out where there are those of the other, as services have."""
    for family in families:
        yield NameRule(ANY, Outcome(Fate.NODATA), None, frozenset({family}))


def _excepted(said: Statement) -> tuple[str, ...]:
    blocks = [part for part in said.parts if not isinstance(part, str)]
    return tuple(zone_name(one.value(0)) for block in blocks[1:] for one in block.statements)


def _less(one: Addresses, other: Addresses) -> Addresses:
    return {family: one[family] - other[family] for family in FAMILIES}


def _view(
    stages: tuple[Stage, ...],
    otherwise: Outcome,
    clients: Addresses,
    source: Source | None,
    chain: tuple[Stage, ...] = (),
) -> Iterator[View]:
    if any(clients.values()):
        yield View(stages, otherwise, tuple(sorted(clients.items())), source, chain)


def _last_for_all(views: Sequence[View]) -> tuple[View, ...]:
    """The same views; the one that has most addresses takes all that are left."""
    size = {4: 96, 6: 0}
    most = max(views, key=lambda one: sum(part.size() << size[family] for family, part in one.clients or ()))
    return (*(one for one in views if one is not most), replace(most, clients=None))


def _doubted(view: View, doubt: Outcome) -> View:
    """A view where what is passed on is not known."""
    if view.otherwise.fate is not Fate.PASSED_ON:
        return view
    rules = view.stages[-1].rules if isinstance(view.stages[-1], RuleList) else ()
    last = RuleList(tuple(replace(rule, outcome=doubt) for rule in rules))
    return replace(view, stages=(*view.stages[:-1], last), otherwise=doubt)
