"""A packet filter, whatever tool wrote it: tables, chains, and rules as steps over integers.

The kernel runs a rule's parts from left to right and leaves the rule at the first that does not match;
a :class:`Rule` keeps just that order. Parts that can neither stop a packet nor change what a later part
sees (counter, log, comment) are not steps. What rules look at and compare with is in expression.py.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from agent.model.record import record
from agent.model.source import Gap, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.model.expression import Expr, Field, Lookup, NamedSet
    from agent.model.intervals import Intervals


@record
class Match:
    """Go on if ``expr`` is in ``members``, or with ``negated`` if it is not.

    A packet that lacks what ``expr`` reads leaves the rule, negated or not; with ``absent_is_outside``
    (ipset) it counts as not in the set instead.
    """

    expr: Expr
    members: Intervals | NamedSet
    negated: bool = False
    absent_is_outside: bool = False


@record
class AnyOf:
    """Go on if any of these matches, or with ``negated`` if none does (multiport ``--ports``)."""

    matches: tuple[Match, ...]
    negated: bool = False


@record
class Uncertain:
    """A condition that an audit cannot know: limit, recent, time, string...; both outcomes are followed."""

    what: str
    understood: bool = True
    """False where the reader does not know the condition at all."""


@record
class Assign:
    """Write a field: MARK, CT_MARK, or an address, port, TTL or DSCP of the packet."""

    field: Field
    value: Expr


@record
class AddToSet:
    """Put ``key`` into (or take it out of) a set while the packet passes."""

    target: NamedSet
    key: Expr
    delete: bool = False


class Notrack(StrEnum):
    """The packet leaves connection tracking (raw table)."""

    NOTRACK = "notrack"


class Simple(StrEnum):
    """Verdicts that carry nothing."""

    ACCEPT = "accept"
    DROP = "drop"
    RETURN = "return"
    CONTINUE = "continue"


@record
class Jump:
    """Go to a chain of the same table; ``goto`` does not come back to this chain."""

    chain: str
    goto: bool = False


@record
class Reject:
    """Refuse with an answer: ``tcp reset`` or an ICMP kind such as ``icmp port-unreachable``."""

    kind: str


@record
class Queue:
    """A program in user space decides; with ``bypass`` the packet is accepted where none listens."""

    bypass: bool = False


@record
class Dnat:
    """A new destination for the flow; ends the chain with accept.

    ``addresses`` and ``ports`` are the possible values (empty: unchanged). ``redirect`` means this host: the
    address of the incoming interface, or loopback for the host's own packets. ``netmap`` keeps the host bits.
    """

    addresses: Intervals
    ports: Intervals
    redirect: bool = False
    netmap: bool = False
    family: int | None = None
    lookup: Lookup | None = None
    """A map that gives the address, or a concatenation of address and port, for the packet."""


@record
class Snat:
    """A new source for the flow (snat, masquerade); ends the chain with accept. ``netmap`` keeps the host bits."""

    addresses: Intervals
    ports: Intervals
    masquerade: bool = False
    netmap: bool = False
    lookup: Lookup | None = None
    """A map that gives the address for the packet."""


@record
class Tproxy:
    """Hand the packet to a local listening socket. With ``terminal`` (iptables) the chain ends here."""

    port: int | None
    address: int | None = None
    terminal: bool = False


@record
class Vmap:
    """Look the key up in a verdict map; no element means the rule does not match."""

    key: Expr
    table: NamedSet


@record
class NotUnderstood:
    """A statement, not a condition, that the reader does not know: anything could happen; the reason names it."""

    what: str


Verdict = Simple | Jump | Reject | Queue | Dnat | Snat
Step = Match | AnyOf | Uncertain | Assign | AddToSet | Notrack | Tproxy | Vmap | NotUnderstood | Verdict


# ---- rules, chains, tables ----------------------------------------------------------------------------


class Wording(Protocol):
    """The rule's text, made only when somebody reads it."""

    def __str__(self) -> str: ...


@record(eq=False)
class Rule:
    """One rule: its steps in order, and where it stands. Compared by identity."""

    steps: tuple[Step, ...]
    wording: Wording
    handle: int | None = None
    line: int | None = None
    comment: str = ""


class Hook(StrEnum):
    """Where a base chain stands on a packet's way."""

    INGRESS = "ingress"
    PREROUTING = "prerouting"
    INPUT = "input"
    FORWARD = "forward"
    OUTPUT = "output"
    POSTROUTING = "postrouting"
    EGRESS = "egress"


class ChainType(StrEnum):
    """What a base chain is for: ``nat`` sees only the first packet of a flow, ``route`` re-routes."""

    FILTER = "filter"
    NAT = "nat"
    ROUTE = "route"


@record
class Base:
    """What ties a chain to a hook. Lower priority runs first; at equal priority the last registered."""

    hook: Hook
    priority: int
    type: ChainType = ChainType.FILTER
    accepts: bool = True
    """The policy: accept, or drop."""
    devices: frozenset[str] = frozenset()
    """For ingress and egress chains."""


@record(eq=False)
class Chain:
    """Rules in order; a base chain is entered by packets, the others by jump and goto."""

    name: str
    rules: tuple[Rule, ...]
    base: Base | None = None
    handle: int | None = None


class Tool(StrEnum):
    """Which program's rules a table holds."""

    NFTABLES = "nftables"
    IPTABLES_NFT = "iptables-nft"
    IPTABLES_LEGACY = "iptables-legacy"
    PF = "pf"


@record(eq=False)
class Table:
    """A table and its chains. ``family`` is ``ip ip6 inet netdev bridge arp`` as nftables names it."""

    tool: Tool
    family: str
    name: str
    chains: Mapping[str, Chain]
    artifact: str
    handle: int | None = None
    sets: tuple[NamedSet, ...] = ()
    opaque: bool = False
    """Holds iptables extensions that nftables' JSON does not describe: iptables-save tells them."""

    @property
    def title(self) -> str:
        """Family and name: ``inet filter``."""
        return f"{self.family} {self.name}"

    def covers(self, family: int) -> bool:
        """Whether its chains may see IPv4 (4) or IPv6 (6) packets on the routed path."""
        return self.family in ("inet", "netdev", "bridge", "ip" if family == 4 else "ip6")


@record
class Firewall:
    """All tables that a packet may cross, in the order in which they were registered."""

    tables: tuple[Table, ...] = ()
    gaps: tuple[Gap, ...] = field(default=())

    def base_chains(self, family: int, hook: Hook, *, bridge: bool = False) -> Iterator[tuple[Table, Chain]]:
        """Yield the base chains of one hook that see this family, first registered first.

        Bridges have hooks of their own, with the same names.
        """
        for table in self.tables:
            if table.covers(family) and (table.family == "bridge") is bridge:
                for chain in table.chains.values():
                    if chain.base is not None and chain.base.hook is hook:
                        yield table, chain


Decider = tuple[Table, Chain, Rule | None]
"""Who decided: a rule, or with none its chain's policy."""


def source_of(table: Table, chain: Chain, rule: Rule | None) -> Source:
    """Say where a rule stands, or with no rule the chain's policy."""
    if rule is not None:
        return Source(table.artifact, str(rule.wording), rule.line, table.title, chain.name, rule.handle)
    policy = "accept" if chain.base is None or chain.base.accepts else "drop"
    return Source(table.artifact, f"policy {policy}", None, table.title, chain.name, None)
