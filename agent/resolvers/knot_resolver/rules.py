"""Rules of the policy module: which names each is about, and what it does to them (``kres_modules/policy.lua``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import address_value, as_address
from agent.model.record import record
from agent.model.resolver import BOTH, Fate, NameSet, Outcome, Scope
from agent.model.source import Source
from agent.resolvers.knot_resolver.names import names_of, pattern_of, wired
from agent.resolvers.lua import Call, Name, Table
from agent.resolvers.zonefile import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.resolvers.lua import Value
    from agent.resolvers.zonefile import ZoneRecord
    from agent.snapshot import Artifact

EVERY: Final = NameSet(Scope.SUBTREE, "")
TYPES: Final = {4: "A", 6: "AAAA"}
ON: Final = Outcome(Fate.PASSED_ON)
NODATA: Final = Outcome(Fate.NODATA)
REFUSED: Final = Outcome(Fate.REFUSED)
DROPPED: Final = Outcome(Fate.DROPPED)
"""DROP answers SERVFAIL, NO_ANSWER nothing: either way there is no answer."""
FIXED: Final = {
    "policy.PASS": ON, "policy.TC": ON, "policy.DENY": Outcome(Fate.NXDOMAIN), "policy.REFUSE": REFUSED,
    "policy.DROP": DROPPED, "policy.NO_ANSWER": DROPPED,
}  # fmt: skip
"""TC makes a client ask again over TCP, and there lets it through."""
CHAINED: Final = frozenset({
    "policy.MIRROR", "policy.FLAGS", "policy.QTRACE", "policy.REQTRACE", "policy.IPTRACE", "policy.DEBUG_ALWAYS",
    "policy.DEBUG_IF", "policy.DEBUG_CACHE_MISS",
})  # fmt: skip
"""After these the next rule has its say."""
LISTS: Final = frozenset({"policy.suffix", "policy.suffix_common", "policy.domains"})
TARGETS: Final = {
    "*": NODATA, "rpz-passthru": ON, "rpz-drop": DROPPED, "rpz-tcp-only": ON,
}  # fmt: skip
"""Targets of CNAME records in a policy zone; those that are names are not supported, and passed over."""
IGNORED: Final = frozenset({"SOA", "NS", "DNAME", "DNSKEY", "DS", "RRSIG", "NSEC", "NSEC3"})


@record
class Action:
    """What a rule does to questions for addresses of each family; a family that is not there is left to the next."""

    outcomes: tuple[tuple[int, Outcome], ...] = ()

    @property
    def families(self) -> frozenset[int]:
        """The families that it decides about."""
        return frozenset(family for family, _ in self.outcomes)


@record
class Rule:
    """Some names and what becomes of them."""

    names: NameSet
    action: Action
    source: Source


def always(outcome: Outcome) -> Action:
    """The same for both families."""
    return Action(tuple((family, outcome) for family in sorted(BOTH)))


GOES_ON: Final = always(Outcome(Fate.GOES_ON))


def action_of(value: Value) -> Action:
    """Read an action; raises Malformed for what is computed or not followed."""
    path = value.path if isinstance(value, Name) else value.function if isinstance(value, Call) else ""
    given = value.arguments if isinstance(value, Call) else ()
    if path in FIXED and isinstance(value, Name):
        return always(FIXED[path])
    if path in CHAINED:
        return Action()
    if path == "policy.DENY_MSG" and isinstance(value, Call):
        return always(FIXED["policy.DENY"])
    if path in ("policy.FORWARD", "policy.STUB", "policy.TLS_FORWARD") and len(given) == 1:
        port = 853 if path == "policy.TLS_FORWARD" else 53
        # a stub takes the whole answer as it comes
        return always(
            Outcome(Fate.PASSED_ON, upstreams=frozenset(_servers(given[0], port)), settled=path == "policy.STUB")
        )
    if path == "policy.ANSWER" and given:
        return _answer(given[0], nodata=len(given) > 1 and given[1] is True)
    raise Malformed(f"the action {path or 'of a rule'} is not followed")


def _servers(value: Value, port: int) -> Iterator[str]:
    """``'1.1.1.1@53'``, a table of these, or of tables that begin with one; raises Malformed."""
    for one in value.row if isinstance(value, Table) else (value,):
        first = one.row[0] if isinstance(one, Table) and one.row else one
        if not isinstance(first, str):
            raise Malformed("the address of a server is computed")
        host, _, own = first.partition("@")
        if as_address(host) is None:
            raise Malformed(f"{first} is no address")
        yield f"{host}#{own or port}"


def _answer(value: Value, *, nodata: bool) -> Action:
    """``policy.ANSWER({[kres.type.A] = {rdata = kres.str2ip('10.0.0.1')}}, nodata)``."""
    if not isinstance(value, Table):
        raise Malformed("what a rule answers is computed")
    found: list[tuple[int, Outcome]] = []
    for family, kind in TYPES.items():
        data = value.get(f"kres.type.{kind}")
        if isinstance(data, Table):
            rows = data.get("rdata")
            addresses = [_address(one) for one in (rows.row if isinstance(rows, Table) else (rows,))]
            found.append((family, Outcome(Fate.ADDRESSES, frozenset(addresses))))
        elif data is not None:
            raise Malformed("what a rule answers is computed")
        elif nodata:
            found.append((family, NODATA))
    return Action(tuple(found))


def _address(value: Value) -> tuple[int, int]:
    """``kres.str2ip('10.0.0.1')``, or the bytes themselves; raises Malformed."""
    if isinstance(value, Call) and value.function == "kres.str2ip" and value.arguments:
        text = value.arguments[0]
        if isinstance(text, str) and (found := as_address(text)):
            return found
    if isinstance(value, str) and len(value) in (4, 16):
        data = value.encode("latin-1", errors="replace")
        return (4 if len(data) == 4 else 6), int.from_bytes(data, "big")
    raise Malformed("what a rule answers is computed")


def pattern_rules(text: str, action: Action, source: Source, interest: Interest) -> Iterator[Rule]:
    """``policy.pattern``: exact for the names of interest, and open for names below them that may match.

    Raises Malformed for a pattern that is not followed.
    """
    pattern = pattern_of(text)
    if pattern is None:
        raise Malformed("the pattern is not followed")
    if not action.outcomes:
        return
    names = sorted(interest.names, key=lambda name: (-name.count("."), name))
    matched = {name for name in names if pattern.search(wired(name))}
    for name in names:
        rest = tuple((family, on) for family, on in GOES_ON.outcomes if family not in action.families)
        found = Action((*action.outcomes, *rest)) if name in matched else GOES_ON
        yield Rule(NameSet(Scope.EXACT, name), found, source)
    opened = always(Outcome(Fate.UNKNOWN, because=f"names are judged by a pattern: {source.text}"))
    for name in names:  # what stands in a name stands in those below it as well
        sure = name in matched and not text.startswith("^")
        yield Rule(NameSet(Scope.BELOW, name), action if sure else opened, source)
    if not names:
        yield Rule(EVERY, opened, source)


def listed(function: str, value: Value, action: Action, source: Source, interest: Interest) -> Iterator[Rule]:
    """``policy.suffix`` and ``policy.domains``; raises Malformed where a name is computed."""
    names = names_of(value)
    if names is None:
        raise Malformed("a name in a rule is computed")
    scope = Scope.EXACT if function == "policy.domains" else Scope.SUBTREE
    for name in names:
        if interest.touches(name):
            yield Rule(NameSet(scope, name), action, source)


def rules_of(value: Value, source: Source, interest: Interest, zone: Artifact | None) -> tuple[Rule, ...]:
    """Give what one rule says, in the order in which it looks; raises Malformed for what is not followed."""
    if not isinstance(value, Call) or not value.arguments:
        raise Malformed("a rule is computed")
    if value.function == "policy.rpz":
        return tuple(policy_zone(zone, action_of(value.arguments[0]), interest)) if zone else ()
    action = action_of(value.arguments[0])
    rest = value.arguments[1:]
    if value.function == "policy.all":
        return (Rule(EVERY, action, source),)
    if value.function in LISTS and rest:
        return tuple(listed(value.function, rest[0], action, source, interest))
    if value.function == "policy.pattern" and rest and isinstance(rest[0], str):
        return tuple(pattern_rules(rest[0], action, source, interest))
    raise Malformed(f"{value.function}: a rule is not followed")


def policy_zone(artifact: Artifact, action: Action, interest: Interest) -> Iterator[Rule]:
    """The entries of a policy zone: a name itself, then wildcards, the closest first. Raises Malformed.

    Data counts more than a CNAME, and the last CNAME more than those before; triggers for addresses are names here.
    """
    if not action.outcomes:
        raise Malformed("a policy zone with an action after which the next rule has its say")
    reader = _Reader(interest)
    for one in records(artifact.text, "", reader.matters):
        reader.take(one)
    for name in sorted(reader.found, key=lambda name: (name.startswith("*"), -name.count("."), name)):
        yield _entry(name, reader.found[name], action, artifact)


class _Reader:
    def __init__(self, interest: Interest) -> None:
        self._interest = interest
        self._end = ""
        self._begun = False
        self.found: dict[str, list[ZoneRecord]] = {}

    def matters(self, owner: str) -> bool:
        if not self._begun:
            return True
        name = owner.removesuffix(self._end)
        return owner.endswith(self._end) and self._interest.touches(name.removeprefix("*").removeprefix("."))

    def take(self, one: ZoneRecord) -> None:
        if one.type == "SOA" and not self._begun:
            self._begun = True
            self._end = f".{one.owner}" if one.owner else ""
            return
        name = one.owner.removesuffix(self._end)
        if one.type in IGNORED or not self._interest.touches(name.removeprefix("*").removeprefix(".")):
            return
        if one.type == "CNAME":
            target = one.data[0] if one.data else ""
            if target and target not in TARGETS:
                return
        elif one.type in TYPES.values() and as_address("".join(one.data)) is None:
            raise Malformed(f"not an address: {one.text}", line=one.line)
        self.found.setdefault(name, []).append(one)


def _entry(name: str, found: list[ZoneRecord], action: Action, artifact: Artifact) -> Rule:
    names = NameSet(Scope.BELOW, name[1:].lstrip(".")) if name.startswith("*") else NameSet(Scope.EXACT, name)
    data = [one for one in found if one.type != "CNAME"]
    decides = data[0] if data else found[-1]
    source = Source(artifact.name, decides.text, decides.line)
    if data:
        outcomes = []
        for family, kind in TYPES.items():
            addresses = frozenset(address_value(one.data[0]) for one in data if one.type == kind)
            outcomes.append((family, Outcome(Fate.ADDRESSES, addresses) if addresses else NODATA))
        return Rule(names, Action(tuple(outcomes)), source)
    target = decides.data[0] if decides.data else ""
    return Rule(names, always(TARGETS[target]) if target else action, source)
