"""Response policy zones as BIND applies them (``lib/dns/rpz.c``, ``rpz_rewrite`` in ``lib/ns/query.c``).

Zones in the order of ``response-policy``; in each the client's address, the name, the answer's addresses, its servers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, address_value, as_address
from agent.model.record import record
from agent.model.resolver import AddressList, AddressRule, Fate, NameRule, NameSet, Outcome, RuleList, Scope
from agent.resolvers.bind.access import YES
from agent.resolvers.bind.contents import Node
from agent.resolvers.bind.zones import Unread
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.model.resolver import Stage
    from agent.model.source import Source
    from agent.resolvers.bind.addresses import Addresses
    from agent.resolvers.bind.contents import Contents
    from agent.resolvers.bind.statements import Block, Statement
    from agent.resolvers.bind.zones import Files, Table
    from agent.resolvers.zonefile import ZoneRecord

FAMILIES: Final = (4, 6)
ANY: Final = NameSet(Scope.SUBTREE, "")
STAGES: Final = 4
"""Of each policy zone."""
MANY: Final = 1000
"""Blocks of addresses that are told apart line by line."""
ON: Final = Outcome(Fate.GOES_ON)
ACTIONS: Final = {
    "": Outcome(Fate.NXDOMAIN), "*": Outcome(Fate.NODATA), "rpz-passthru": ON, "rpz-tcp-only": ON,
    "rpz-drop": Outcome(Fate.DROPPED),
}  # fmt: skip
"""Targets of CNAME records (``dns_rpz_decode_cname``); tcp-only makes a client ask again, and then lets it through."""
OVERRIDES: Final = {
    "passthru": ON, "no-op": ON, "tcp-only": ON, "drop": Outcome(Fate.DROPPED), "nxdomain": Outcome(Fate.NXDOMAIN),
    "nodata": Outcome(Fate.NODATA),
}  # fmt: skip
SHADOWED: Final = Outcome(Fate.UNKNOWN, because="a disabled policy zone has triggers for these addresses as well")
NS_SWITCHES: Final = {"rpz-nsip": "nsip-enable", "rpz-nsdname": "nsdname-enable"}


@record
class Policy:
    """One zone of ``response-policy``, with the settings that hold for it."""

    name: str
    source: Source
    action: str = "given"
    target: str = ""
    """Of ``policy cname``."""
    recursive_only: bool = True
    enabled: frozenset[str] = frozenset()
    """Kinds of triggers about name servers that count."""
    contents: Contents | None = None
    doubt: str = ""
    """Why what it says is not known."""
    shadows: tuple[tuple[str, int, Intervals], ...] = ()
    """Kinds, families and addresses of triggers in disabled zones before it, at which named may end its search."""

    def fixed(self) -> Outcome | None:
        """Give the action that takes the place of those in the zone."""
        if self.action == "cname":
            return Outcome(Fate.ALIAS, target=self.target)
        return OVERRIDES.get(self.action)


def policies(own: Block, options: Block, table: Table, files: Files, interest: Interest) -> Iterator[Policy]:
    """The policy zones of a view in their order."""
    said = own.get("response-policy") or options.get("response-policy")
    if said is None:
        return
    shadows: tuple[tuple[str, int, Intervals], ...] = ()
    for one in said.block.all("zone"):
        name = zone_name(one.value())
        policy = Policy(
            name,
            one.source,
            one.after("policy").lower() or "given",
            zone_name(one.after("cname")),
            _is_on("recursive-only", one, said),
            frozenset(kind for kind, switch in NS_SWITCHES.items() if _is_on(switch, one, said)),
            shadows=shadows,
        )
        zone = table.zones.get(name)
        if zone is None:
            yield replace(policy, doubt=f"policy zone {name} is not defined: named does not start")
            continue
        contents = files.of(zone, interest, policy=True)
        if not isinstance(contents, Unread):
            policy = replace(policy, contents=contents)
            shadows += tuple(_shadows(policy)) if policy.action == "disabled" else ()
            yield policy
        elif contents.not_loaded and not contents.has_triggers:  # without the zone there is no policy
            yield policy
        else:
            yield replace(policy, doubt=contents.reason)


def _shadows(policy: Policy) -> Iterator[tuple[str, int, Intervals]]:
    for kind in ("rpz-ip", "rpz-client-ip"):
        blocks = _by_length(replace(policy, action="given"), kind)
        for family in FAMILIES:
            if alike := [block.addresses for block in blocks if block.family == family]:
                yield kind, family, Intervals.union(alike)


def _is_on(switch: str, *said: Statement) -> bool:
    """What the first statement says that speaks of a switch; on where none does."""
    return next((text for one in said if (text := one.after(switch).lower())), "yes") in YES


@record
class ClientTrigger:
    """Clients for whom a policy zone has one answer to every question."""

    clients: Addresses
    outcome: dict[int, Outcome]
    source: Source


def client_triggers(policy: Policy) -> tuple[ClientTrigger, ...]:
    """The clients that a zone tells apart, in one trigger for each answer: the longest prefix decides."""
    found: dict[tuple[Outcome, ...], ClientTrigger] = {}
    taken = {family: Intervals() for family in FAMILIES}
    blocks = _by_length(policy, "rpz-client-ip")
    for (family, _), some in groupby(blocks, key=lambda block: (block.family, block.size)):
        alike: dict[tuple[Outcome, ...], list[_Block]] = defaultdict(list)
        for block in some:
            alike[tuple(block.outcomes.values())].append(block)
        for answer, together in alike.items():
            mine = Intervals.union(block.addresses for block in together) - taken[family]
            nobody = {one: Intervals() for one in FAMILIES}
            known = found.get(answer) or ClientTrigger(nobody, together[0].outcomes, together[0].source)
            found[answer] = replace(known, clients={**known.clients, family: known.clients[family] | mine})
        taken[family] = Intervals.union((taken[family], *(one.addresses for each in alike.values() for one in each)))
    return tuple(found.values())


def stages(policies: Sequence[Policy], whose: Sequence[ClientTrigger | None]) -> tuple[Stage, ...]:
    """Four lists for each zone; ``whose`` are the triggers that these clients meet."""
    found: list[Stage] = []
    for policy, trigger in zip(policies, whose, strict=True):
        left = STAGES * (len(policies) - len(found) // STAGES)
        if policy.doubt:
            unknown = NameRule(ANY, Outcome(Fate.UNKNOWN, because=policy.doubt), policy.source)
            found += [RuleList((unknown,)), RuleList(()), RuleList(()), RuleList(())]
            continue
        clients = [
            NameRule(ANY, _past(trigger.outcome[family], left - 1), trigger.source, frozenset({family}))
            for family in FAMILIES
            if trigger
        ]
        found += [
            RuleList(tuple(clients)),
            RuleList(tuple(_names(policy, left - 2))),
            AddressList(tuple(_addresses(policy))),
            RuleList(tuple(_servers(policy))),
        ]
    return tuple(found)


def _past(outcome: Outcome, skips: int) -> Outcome:
    """Let through means: past all other lists of policies."""
    return replace(outcome, skips=skips) if outcome == ON else outcome


def _names(policy: Policy, skips: int) -> Iterator[NameRule]:
    contents = policy.contents
    if contents is None or policy.action == "disabled":
        return
    for names, node, closest in contents.by_depth():
        if not names.text and names.scope is Scope.EXACT:
            continue
        if node is None or not node.records:
            if not names.text:
                continue
            yield NameRule(names, ON, policy.source)  # what is there has no use for wildcards further up
            continue
        for family in FAMILIES:
            outcome = policy.fixed() or _outcome(node, family, closest.name)
            yield NameRule(names, _past(outcome, skips), contents.where(node.records[0]), frozenset({family}))


def _outcome(node: Node, family: int, name: str) -> Outcome:
    """What the records of one owner say (``rpz_find_p``)."""
    alias = node.of("CNAME")
    if alias:
        target = alias[0].data[0] if alias[0].data else ""
        if target in ACTIONS:
            return ACTIONS[target]
        if target == name and not node.name.startswith("*"):
            return ON  # the old way to let a name through
        return Outcome(Fate.ALIAS, target=target)
    if node.of("NS", "DNAME"):
        return Outcome(Fate.UNKNOWN, because=f"a policy of type {node.of('NS', 'DNAME')[0].type}")
    values = (as_address("".join(one.data)) for one in node.of("A" if family == 4 else "AAAA"))
    addresses = frozenset(value for value in values if value)
    return Outcome(Fate.ADDRESSES, addresses) if addresses else Outcome(Fate.NODATA)


def _addresses(policy: Policy) -> Iterator[AddressRule]:
    """Rules about addresses in answers, longest prefix first; long lists in one piece where they say the same."""
    found = _by_length(policy, "rpz-ip")
    if len(found) <= MANY:
        for one in found:
            yield AddressRule(one.family, one.addresses, one.outcomes[one.family], one.source)
        return
    for (family, outcome), some in groupby(found, key=lambda one: (one.family, one.outcomes[one.family])):
        alike = list(some)
        yield AddressRule(family, Intervals.union(one.addresses for one in alike), outcome, alike[0].source)


def _servers(policy: Policy) -> Iterator[NameRule]:
    """Triggers about name servers, which no configuration knows."""
    if policy.contents is None or policy.action == "disabled":
        return
    for one in policy.contents.triggers:
        kind = _label(policy, one)[1]
        if kind in policy.enabled:
            because = f"{kind}: names are judged by their name servers: {policy.contents.where(one)}"
            yield NameRule(ANY, Outcome(Fate.UNKNOWN, because=because), policy.contents.where(one))
            return


def _label(policy: Policy, one: ZoneRecord) -> tuple[str, str]:
    """A trigger without its zone, and its kind."""
    name = one.owner[: -len(policy.name) - 1] if policy.name else one.owner
    rest, _, kind = name.rpartition(".")
    return rest, kind


@record
class _Block:
    """Addresses with what is said about them."""

    family: int
    addresses: Intervals
    size: int
    outcomes: dict[int, Outcome]
    source: Source


def _by_length(policy: Policy, kind: str) -> list[_Block]:
    """Blocks of addresses of each family, the smallest first."""
    if policy.contents is None or policy.action == "disabled":
        return []
    found: dict[str, list[ZoneRecord]] = defaultdict(list)
    for one in policy.contents.triggers:
        rest, its_kind = _label(policy, one)
        if its_kind == kind:
            found[rest].append(one)
    read = []
    for text, records in found.items():
        block = _block(text)
        if block is None:
            continue  # named warns of it and goes on
        node = Node(records[0].owner, tuple(records))
        outcomes = {family: policy.fixed() or _outcome(node, family, "") for family in FAMILIES}
        if any((which, family) == (kind, block[0]) and where & block[1] for which, family, where in policy.shadows):
            outcomes = dict.fromkeys(FAMILIES, SHADOWED)
        read.append(_Block(*block, block[1].size(), outcomes, policy.contents.where(records[0])))
    return sorted(read, key=lambda one: (one.family, one.size, one.addresses.starts))


def _block(text: str) -> tuple[int, Intervals] | None:
    """``24.0.2.0.192`` or ``48.zz.db8.2001`` as addresses (``name2ipkey``); None where it is neither."""
    length, *labels = text.split(".")
    try:
        if len(labels) == 4 and "zz" not in labels:
            family, low = address_value(".".join(reversed(labels)))
        else:
            words = ":".join("" if label == "zz" else label for label in reversed(labels))
            family, low = address_value(
                f":{words}" if words.startswith(":") else f"{words}:" if words.endswith(":") else words
            )
        left = (32 if family == 4 else 128) - int(length)
    except ValueError:
        return None
    if left < 0 or int(length) < 1:
        return None
    size = 1 << left
    return (family, Intervals.span(low, low + size - 1)) if low % size == 0 else None
