"""Policy zones as PowerDNS reads them (``rpzloader.cc``): triggers, and what each of them does."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Interval, as_address, prefix_interval
from agent.model.record import record
from agent.model.resolver import Fate, NameSet, Outcome, Scope
from agent.model.source import Source
from agent.resolvers.zonefile import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.resolvers.pdns_recursor.policies import Policy
    from agent.resolvers.zonefile import ZoneRecord

CUSTOM: Final = "Custom"
AGAIN_OVER_TCP: Final = "Truncate"
PASS: Final = Outcome(Fate.PASSED_ON)
"""Left as it is, by all triggers of this zone and those behind it."""
AGAIN: Final = Outcome(Fate.PASSED_ON, settled=True)
"""A client that is told to ask again over TCP: there no policy zone has a say any more."""
FIXED: Final = {
    "NoAction": PASS, AGAIN_OVER_TCP: AGAIN, "Drop": Outcome(Fate.DROPPED), "NXDOMAIN": Outcome(Fate.NXDOMAIN),
    "NODATA": Outcome(Fate.NODATA),
}  # fmt: skip
TARGETS: Final = {
    "": "NXDOMAIN", "*": "NODATA", "rpz-drop": "Drop", "rpz-tcp-only": AGAIN_OVER_TCP, "rpz-passthru": "NoAction",
}  # fmt: skip
"""Targets of CNAME records that are no names."""
OF_ADDRESSES: Final = frozenset({"rpz-client-ip", "rpz-ip", "rpz-nsip"})
KINDS: Final = OF_ADDRESSES | {"rpz-nsdname"}
TYPES: Final = {4: "A", 6: "AAAA"}


def answered(found: Iterable[tuple[int, int]], family: int, prefix: int | None) -> Outcome:
    """The answer for one family where all addresses of a name are known; with DNS64 made of those of IPv4."""
    every = tuple(found)
    addresses = frozenset(one for one in every if one[0] == family)
    if not addresses and family == 6 and prefix is not None:
        addresses = frozenset((6, prefix | value) for its, value in every if its == 4)
    return Outcome(Fate.ADDRESSES, addresses) if addresses else Outcome(Fate.NODATA)


@record
class Action:
    """What a trigger does: one of the fixed things, or answer with records of its own."""

    kind: str
    """As in ``FIXED``, or ``Custom``."""
    data: tuple[tuple[str, str], ...]
    """Type and value of each record."""
    source: Source

    def outcome(self, family: int, prefix: int | None = None) -> Outcome:
        """What a question for addresses of one family gets; ``prefix`` is that of DNS64."""
        if self.kind in FIXED:
            return FIXED[self.kind]
        alias = next((value for kind, value in self.data if kind == "CNAME"), None)
        if alias is not None:
            return Outcome(Fate.ALIAS, target=alias.removeprefix("*."), settled=True)
        return answered((address for _, value in self.data if (address := as_address(value))), family, prefix)

    @property
    def passes(self) -> bool:
        """Whether it leaves the answer as it is."""
        return self.kind in ("NoAction", AGAIN_OVER_TCP)


@record
class PolicyZone:
    """The triggers of one zone that can touch the names of interest."""

    names: tuple[tuple[NameSet, Action], ...]
    """In the order in which they are looked for: the name itself, then wildcards, the closest first."""
    addresses: dict[str, tuple[tuple[int, Interval, Action], ...]]
    """By kind of trigger: family, addresses, action; narrow ones first."""
    judges_servers: bool = False
    """Whether it has triggers for name servers."""


def policy_zone(policy: Policy, interest: Interest) -> PolicyZone:
    """Read the zone file of a policy; raises Malformed with the line where PowerDNS does not load it."""
    reader = _Reader(policy, interest)
    for one in records(policy.file.text, "", reader.matters):
        reader.take(one)
    if reader.domain is None:
        raise Malformed("the zone has no SOA record", line=1)
    if policy.zone and reader.domain != policy.zone:
        raise Malformed(f"the zone is called {reader.domain}, not {policy.zone}", line=1)
    return reader.zone()


class _Reader:
    def __init__(self, policy: Policy, interest: Interest) -> None:
        self._policy = policy
        self._interest = interest
        self._end = ""
        self._seen: set[int] = set()
        self._names: dict[str, Action] = {}
        self._addresses: dict[str, dict[tuple[int, Interval], Action]] = defaultdict(dict)
        self._servers: dict[str, Action] = {}
        self.domain: str | None = None

    def matters(self, owner: str) -> bool:
        """Whether a record has to be looked at: all before the SOA, triggers of ours, owners that come again."""
        if self.domain is None or not owner.endswith(self._end):
            return True
        key = hash(owner)  # a number takes a third of the room that a name does
        if key in self._seen:
            return True
        self._seen.add(key)
        name = owner[: -len(self._end)] if self._end else owner
        return name.rpartition(".")[2] in KINDS or self._touches(name)

    def _touches(self, name: str) -> bool:
        return self._interest.touches(name.removeprefix("*").removeprefix("."))

    def take(self, one: ZoneRecord) -> None:
        if one.type == "SOA":
            self.domain = one.owner
            self._end = f".{one.owner}" if one.owner else ""
        elif one.type != "NS":
            self._trigger(one)

    def _trigger(self, one: ZoneRecord) -> None:
        if self.domain is None:
            raise Malformed("a record stands before the SOA record", line=one.line)
        if not one.owner.endswith(self._end):
            raise Malformed(f"{one.owner} is not in the zone {self.domain}", line=one.line)
        action = self._action(one)
        if action is None:
            return
        name = one.owner[: -len(self._end)] if self._end else one.owner
        above, _, kind = name.rpartition(".")
        if kind in OF_ADDRESSES:
            block = _block(above, one.line)
            before = self._addresses[kind].get(block)
            self._addresses[kind][block] = self._joined(before, action, one, replaced=False)
        elif kind == "rpz-nsdname":
            self._servers[name] = self._joined(self._servers.get(name), action, one, replaced=self._is_replaced(one))
        elif self._touches(name):
            self._names[name] = self._joined(self._names.get(name), action, one, replaced=self._is_replaced(one))
        else:  # an owner that came before
            self._joined(action, action, one, replaced=self._is_replaced(one))

    @staticmethod
    def _joined(before: Action | None, action: Action, one: ZoneRecord, *, replaced: bool) -> Action:
        """One trigger's records together: the first says what it does, and what it answers is added to.

        Raises Malformed for what makes PowerDNS leave out the zone (``addNameTrigger``); ``replaced``: by ``defpol``.
        """
        if before is None:
            return action
        if (action.kind != CUSTOM and not replaced) or (before.kind != CUSTOM and replaced):
            raise Malformed(f"{one.owner} has two actions", line=one.line)
        return replace(before, data=(*before.data, *action.data))

    def _is_replaced(self, one: ZoneRecord) -> bool:
        return bool(self._policy.action) and (one.type == "CNAME" or self._policy.overrides_data)

    def _action(self, one: ZoneRecord) -> Action | None:
        """What one record does; None for what is not supported."""
        source = Source(self._policy.file.name, one.text, one.line)
        target = one.data[0] if one.data else ""
        if self._is_replaced(one):
            kind = self._policy.action
            return Action(kind, (("CNAME", self._policy.target),) if kind == CUSTOM else (), source)
        if one.type == "CNAME":
            if target in TARGETS:
                return Action(TARGETS[target], (), source)
            return (
                None if target.rpartition(".")[2].startswith("rpz-") else Action(CUSTOM, (("CNAME", target),), source)
            )
        if one.type in TYPES.values() and as_address("".join(one.data)) is None:
            raise Malformed(f"not an address: {one.text}", line=one.line)
        kept = one.type in TYPES.values()
        return Action(CUSTOM, ((one.type, target),) if kept else (), source)

    def zone(self) -> PolicyZone:
        names = tuple(sorted(((_names(name), action) for name, action in self._names.items()), key=_closest))
        addresses = {
            kind: tuple((*block, action) for block, action in sorted(found.items(), key=_order))
            for kind, found in self._addresses.items()
        }
        return PolicyZone(names, addresses, bool(self._servers) or "rpz-nsip" in addresses)


def _names(owner: str) -> NameSet:
    if owner == "*":
        return NameSet(Scope.BELOW, "")
    return NameSet(Scope.BELOW, owner[2:]) if owner.startswith("*.") else NameSet(Scope.EXACT, owner)


def _closest(entry: tuple[NameSet, Action]) -> tuple[bool, int, str]:
    names = entry[0]
    return names.scope is not Scope.EXACT, -len(names.text.split(".")) if names.text else 0, names.text


def _order(entry: tuple[tuple[int, Interval], Action]) -> tuple[int, int, str, tuple[tuple[str, str], ...], int]:
    """Narrow blocks first, and what is alike together."""
    (family, (low, high)), action = entry
    return high - low, family, action.kind, action.data, low


def _block(name: str, line: int) -> tuple[int, Interval]:
    """``24.0.2.0.192`` and ``48.zz.db8.2001`` (``makeNetmaskFromRPZ``); raises Malformed."""
    length, *labels = name.split(".")
    if len(labels) == 4 and "zz" not in labels:
        text = ".".join(reversed(labels))
    else:
        text = ":".join("" if label == "zz" else label for label in reversed(labels))
        text = f":{text}" if labels[-1:] == ["zz"] else text
        text = f"{text}:" if labels[:1] == ["zz"] else text
    try:
        return prefix_interval(f"{text}/{int(length)}")
    except ValueError as error:
        raise Malformed(f"not a block of addresses: {name}", line=line) from error


def look_up(found: Iterable[tuple[int, Interval, Action]], family: int, value: int) -> Action | None:
    """The narrowest block that holds an address."""
    return next((each for its, (low, high), each in found if its == family and low <= value <= high), None)
