"""From settings and policy zones to what each kind of client gets (``pdns_recursor.cc``, ``syncres.cc``).

Policy zones win over each other in their order. A trigger of one that lets a question through leaves it to the zones
before that one: these still look at aliases, name servers and addresses. Where a policy zone answers with an alias,
nobody looks at what that leads to.

With ``qname-minimization`` an answer for a name above, with an address that a policy zone has a trigger for, lets the
names below it pass by that trigger (``stoppedByPolicyHit``): there we say blocked of what now and then gets through.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.kind import NOBODY
from agent.model.intervals import Intervals, address_value, prefix_interval
from agent.model.network import Listener
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.resolver import (
    AddressList,
    AddressRule,
    Fate,
    NameRule,
    NameSet,
    Outcome,
    Resolver,
    RuleList,
    Safety,
    Scope,
    View,
)
from agent.model.source import Gap, Source
from agent.resolvers.pdns_recursor.clients import allowed, apart, proxied
from agent.resolvers.pdns_recursor.policies import policies
from agent.resolvers.pdns_recursor.rpz import AGAIN_OVER_TCP, CUSTOM, PASS, PolicyZone, look_up, policy_zone
from agent.resolvers.pdns_recursor.settings import KIND, endpoint, settings
from agent.resolvers.pdns_recursor.zones import Domains, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.intervals import Interval
    from agent.model.names import Interest
    from agent.model.resolver import Stage
    from agent.resolvers.pdns_recursor.rpz import Action
    from agent.resolvers.pdns_recursor.settings import Settings
    from agent.snapshot import Want
    from agent.snapshot.following import Following

DROPPED: Final = Outcome(Fate.DROPPED)
EVERY: Final = NameSet(Scope.SUBTREE, "")
OF_OTHER_TYPE: Final = Outcome(Fate.UNKNOWN, because="no address for a name itself, all addresses for an alias")
"""For answers with some address, records of another type (``handlePolicyHit`` takes away what it replaces alone)."""
MANY: Final = 1000
"""Triggers for addresses that become a rule each."""
MAX_BLOCKS: Final = 1000
"""Blocks of clients that one policy zone tells apart."""
BY_SERVERS: Final = Outcome(Fate.UNKNOWN, because="names are judged by their name servers, whoever these are")
MADE: Final = Outcome(Fate.UNKNOWN, because="DNS64 makes them of addresses that others give")
_Clients = tuple[tuple[int, Intervals], ...]


def load(arguments: Sequence[str], following: Following) -> tuple[Want, ...]:
    """Give the files that are named and were not asked for yet."""
    given = settings(arguments, following)
    policies(given, following)
    Domains(given, following, NOBODY)
    allowed(given, following)
    return following.wants


def resolver(arguments: Sequence[str], following: Following, interest: Interest) -> Resolver:
    """Give the resolver, with rules for the names of interest (empty: all) alone."""
    given = settings(arguments, following)
    named, trouble = policies(given, following)
    found: list[PolicyZone] = []
    gaps = [*given.gaps, *trouble]
    for policy in named:
        try:
            found.append(policy_zone(policy, interest))
        except Malformed as error:
            source = Source(policy.file.name, "", error.line)
            gaps.append(Gap(KIND, f"a policy zone is not loaded: line {error.line}: {error}", source))
    domains = Domains(given, following, interest)
    onward = tuple(domains.rules())
    addresses, odd = allowed(given, following)
    gaps += [*domains.gaps, *odd, *_unasked(given), *_too_many(found), *following.gaps]
    doubt = Outcome(Fate.UNKNOWN, because=str(gaps[0])) if gaps else None
    maker = _Maker(found, onward, doubt, given)
    views = tuple(apart([*proxied(given), *maker.views(addresses)]))
    shut_out = View((), doubt if doubt and (odd or not given.source) else DROPPED)
    every = (*views, shut_out)
    return Resolver(KIND, every, tuple(_listeners(given)), given.source, tuple(gaps), safety=_safety(given))


def _safety(given: Settings) -> Safety:
    """``dnssec=process``, the default, validates just for clients that ask for it."""
    validation = given.get("dnssec")
    low, high = given.get("udp-source-port-min"), given.get("udp-source-port-max")
    fixed = (low.source or high.source) if low.value == high.value else None
    return Safety(validation.value.lower() == "validate", validation.source, fixed)


def _too_many(zones: Sequence[PolicyZone]) -> Iterator[Gap]:
    for zone in zones:
        blocks = zone.addresses.get("rpz-client-ip", ())
        if len(blocks) > MAX_BLOCKS:
            yield Gap(KIND, f"a policy zone tells more than {MAX_BLOCKS} blocks of clients apart", blocks[0][2].source)


def _unasked(given: Settings) -> Iterator[Gap]:
    """Public servers that are not asked, so that some zones cannot be looked up."""
    setting = given.get("dont-query")
    for word in setting.words if setting.source else ():
        try:
            family, block = prefix_interval(word.removeprefix("!"))
        except ValueError as error:
            yield Gap(KIND, f"dont-query: {error}", setting.source)
            continue
        if not word.startswith("!") and Intervals.span(*block) & PUBLIC[family]:
            yield Gap(KIND, f"dont-query: servers in {word} are not asked", setting.source)


def _listeners(given: Settings) -> Iterator[Listener]:
    """Where a recursor that does not run yet will listen."""
    port = given.get("local-port").value
    for word in given.get("local-address").words:
        host, own = endpoint(word)
        number = own or port
        yield Listener("udp", host, int(number) if number.isdecimal() else 53)


@record
class _Part:
    """Some clients, and how many of the policy zones their questions go through."""

    addresses: dict[int, Intervals]
    zones: int
    action: Action | None = None
    """Of the trigger for them."""


class _Maker:
    def __init__(
        self, zones: Sequence[PolicyZone], onward: Sequence[NameRule], doubt: Outcome | None, given: Settings
    ) -> None:
        self._zones = zones
        self._doubt = doubt
        self._onward = (*onward, NameRule(EVERY, Outcome(Fate.PASSED_ON), None))
        self._prefix = given.translation
        self._shares = not given.has("disable-packetcache")

    def views(self, let_in: dict[int, Intervals]) -> Iterator[View]:
        parts = list(self._parts(let_in))
        own = next((part.action for part in parts if part.action is not None), None)
        if own is not None and self._shares and self._doubt is None:
            # what one client got is kept for all who ask the same (packet cache)
            because = f"others' answers are kept, which {own.source} decides"
            self._doubt = Outcome(Fate.UNKNOWN, because=because)
        names = [RuleList(tuple(self._names(at))) for at in range(len(self._zones))]
        answers = [AddressList(tuple(self._answers(zone))) for zone in self._zones]
        for part in parts:
            clients: _Clients = tuple(sorted(part.addresses.items()))
            if part.action is not None and not part.action.passes:
                rules = tuple(self._of_client(part.action))
                yield View((RuleList(rules),), DROPPED, clients, part.action.source)
                continue
            if part.action is not None and part.action.kind == AGAIN_OVER_TCP:
                last = RuleList(tuple(self._again(EVERY)))
                yield View((last,), Outcome(Fate.PASSED_ON), clients, part.action.source)
                continue
            of_zones = zip(names[: part.zones], answers[: part.zones], strict=True)
            stages: list[Stage] = [each for pair in of_zones for each in pair]
            last = RuleList(tuple(self._let_in(EVERY, part.zones, by_trigger=part.action is not None)))
            yield View((*stages, last), Outcome(Fate.PASSED_ON), clients, None, tuple(names[: part.zones]))

    def _of_client(self, action: Action) -> Iterator[NameRule]:
        """What a trigger for clients gives them; DNS64 asks for what it has no IPv6 addresses for past all triggers."""
        for family in (4, 6):
            outcome = action.outcome(family)
            made = family == 6 and outcome.fate is Fate.NODATA and self._prefix is not None
            yield NameRule(EVERY, MADE if made else outcome, action.source, frozenset({family}))

    def _parts(self, let_in: dict[int, Intervals]) -> Iterator[_Part]:
        """Clients by the first policy zone with a trigger for them, in each zone by the narrowest block."""
        left = dict(let_in)
        for at, zone in enumerate(self._zones):
            for family, block, action in zone.addresses.get("rpz-client-ip", ())[:MAX_BLOCKS]:
                if mine := left[family] & Intervals.span(*block):
                    left[family] -= mine
                    yield _Part({family: mine}, at, action)
        yield _Part(left, len(self._zones))

    def _names(self, at: int) -> Iterator[NameRule]:
        """The rules of one policy zone."""
        for names, action in self._zones[at].names:
            if action.kind == AGAIN_OVER_TCP:
                yield from self._again(names)
            elif action.passes:
                yield from self._passed(names, at)
            else:
                yield from _rules(names, action, self._prefix)

    def _again(self, names: NameSet) -> Iterator[NameRule]:
        """What becomes of names that are asked for again, past all policy zones."""
        for rule in self._let_in(names, 0, by_trigger=True):
            yield replace(rule, outcome=replace(rule.outcome, settled=True))

    def _let_in(self, names: NameSet, zones: int, *, by_trigger: bool) -> Iterator[NameRule]:
        """What ``_passed`` says; a trigger that let a question through does not do so for what DNS64 asks."""
        for rule in self._passed(names, zones):
            asked = rule.families == {6} and rule.outcome.fate in (Fate.ADDRESSES, Fate.NODATA)
            yield replace(rule, outcome=MADE) if by_trigger and asked and self._prefix is not None else rule

    def _passed(self, names: NameSet, zones: int) -> Iterator[NameRule]:
        """What becomes of names that are let through, with so many policy zones before that."""
        for both, rule in within(names, self._onward):
            if rule.outcome.fate is not Fate.PASSED_ON:
                yield replace(rule, names=both)
            elif self._doubt is not None:
                yield replace(rule, names=both, outcome=self._doubt)
            elif not rule.outcome.upstreams and any(zone.judges_servers for zone in self._zones[:zones]):
                yield replace(rule, names=both, outcome=BY_SERVERS)
            elif (action := self._by_server(rule.outcome, zones)) and action.kind == AGAIN_OVER_TCP:
                yield NameRule(both, DROPPED, action.source)  # over TCP there is an error of no meaning
            elif action:
                yield from _rules(both, action, None)  # past DNS64
            else:
                yield replace(rule, names=both)

    def _by_server(self, outcome: Outcome, zones: int) -> Action | None:
        """What a policy zone does to names that are asked for from some server."""
        for zone in self._zones[:zones]:
            for upstream in sorted(outcome.upstreams):
                family, value = address_value(upstream.partition("#")[0])
                if action := look_up(zone.addresses.get("rpz-nsip", ()), family, value):
                    return None if action.kind == "NoAction" else action
        return None

    def _answers(self, zone: PolicyZone) -> Iterator[AddressRule]:
        """The rules about addresses, narrow blocks first; in long lists those that are alike are one."""
        found = zone.addresses.get("rpz-ip", ())
        for alike in groupby(found, key=_alike) if len(found) > MANY else ((None, (one,)) for one in found):
            some = tuple(alike[1])
            family, _, action = some[0]
            outcome = PASS if action.passes else action.outcome(family)
            if family == 6 and self._prefix is not None and outcome.fate is Fate.NODATA:
                outcome = MADE
            elif action.kind == CUSTOM and outcome.fate is Fate.NODATA:
                outcome = OF_OTHER_TYPE
            yield AddressRule(family, Intervals.of(block for _, block, _ in some), outcome, action.source)


def _rules(names: NameSet, action: Action, prefix: int | None) -> Iterator[NameRule]:
    """What a trigger answers; ``prefix`` is that of DNS64."""
    outcomes = {family: action.outcome(family, prefix) for family in (4, 6)}
    if outcomes[4] == outcomes[6]:
        yield NameRule(names, outcomes[4], action.source)
        return
    for family, outcome in outcomes.items():
        yield NameRule(names, outcome, action.source, frozenset({family}))


def _alike(one: tuple[int, Interval, Action]) -> tuple[int, int, str, tuple[tuple[str, str], ...]]:
    family, (low, high), action = one
    return high - low, family, action.kind, action.data
