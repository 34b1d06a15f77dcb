"""Rules that ask ipset: what is looked up in which set (ip_set_test in net/netfilter/ipset/ip_set_core.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.firewalls.iptables.context import NEVER, READ, any_of
from agent.firewalls.iptables.headers import TYPE_AND_CODE
from agent.model.expression import Binary, Concat, Expr, Field, Literal, NamedSet, Opaque, UnknownTable
from agent.model.firewall import AddToSet, Match, NotUnderstood, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.firewalls.iptables.context import Context
    from agent.firewalls.iptables.ipset import IpSet


def conditions(
    context: Context, name: str, directions: Sequence[str], *, negated: bool, excluded: bool = False
) -> tuple[Step, ...]:
    """The steps of ``--match-set NAME DIRECTIONS``, ``excluded`` with ``--return-nomatch``; raises ValueError."""
    _check(directions)
    alternatives = tuple(_alternatives(context, name, directions, excluded=excluded))
    if not alternatives:
        return () if negated else (NEVER,)
    return (any_of(alternatives, negated=negated),)


def _check(directions: Sequence[str]) -> None:
    if not set(directions) <= {"src", "dst"}:
        raise ValueError(f"{','.join(directions)!r} is no list of src and dst")


def _alternatives(
    context: Context, name: str, directions: Sequence[str], *, excluded: bool, inner: bool = False
) -> Iterator[Match]:
    """Conditions of which one must hold: members of a list in turn, and keys for each kind of protocol."""
    one = context.sets.get(name)
    reason = context.why_no_sets if one is None else one.unknown
    if one is None or reason or (inner and one.members):
        yield _unknown(name, reason or "a list in a list")
    elif one.dimensions == ("set",):
        for member in one.members:
            yield from _alternatives(context, member, directions, excluded=excluded, inner=True)
    elif len(one.dimensions) <= len(directions):  # with fewer directions, the kernel does not look
        for key, members in keys(one, directions, excluded=excluded):
            yield Match(key, members, absent_is_outside=True)


def _unknown(name: str, reason: str) -> Match:
    unread = NamedSet(UnknownTable(reason), name, "ipset")
    return Match(Opaque(f"set {name} ({reason})"), unread, absent_is_outside=True)


def keys(one: IpSet, directions: Sequence[str], *, excluded: bool = False) -> Iterator[tuple[Expr, NamedSet]]:
    """What is looked up in what: for packets with ports, then for ICMP, then for all other protocols."""
    yield _key(one, directions, None), one.tables[excluded]
    if one.icmp:
        yield _key(one, directions, TYPE_AND_CODE), one.tables[excluded]
    if one.portless is not None:
        yield _key(one, directions, Literal(0)), one.portless[excluded]


def _key(one: IpSet, directions: Sequence[str], port: Expr | None) -> Expr:
    """One expression for each side of the elements; ``port`` stands in for ports."""
    parts: list[Expr] = []
    for dimension, direction in zip(one.dimensions, directions, strict=False):
        source = direction == "src"
        match dimension:
            case "ip" | "net":
                read = READ[Field.SADDR if source else Field.DADDR]
                parts.append(read if one.mask is None else Binary("&", read, Literal(one.mask)))
            case "port":
                parts.append(READ[Field.L4PROTO])
                parts.append(port or READ[Field.SPORT if source else Field.DPORT])
            case "mac":
                parts.append(READ[Field.SMAC if source else Field.DMAC])
            case "iface":
                parts.append(READ[Field.IIFNAME if source else Field.OIFNAME])
            case _:
                mark = READ[Field.MARK]
                parts.append(mark if one.mark_mask == 0xFFFFFFFF else Binary("&", mark, Literal(one.mark_mask)))
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def change(context: Context, name: str, directions: Sequence[str], *, delete: bool) -> tuple[Step, ...]:
    """The steps of ``-j SET --add-set`` and ``--del-set``; raises ValueError."""
    _check(directions)
    one = context.sets.get(name)
    if one is None or one.unknown:
        return ()  # a match against it is unknown in any case
    if one.dimensions == ("set",) or (delete and "net" in one.dimensions):
        # which member takes it, or whether a wider element stays, depends on all of them
        return (NotUnderstood(f"{'--del-set' if delete else '--add-set'} {name}"),)
    if len(one.dimensions) > len(directions):
        return ()
    return tuple(AddToSet(members, key, delete) for key, members in keys(one, directions))
