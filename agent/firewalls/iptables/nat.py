"""Targets that give a flow another source or destination (extensions/libxt_NAT.c, net/netfilter/nf_nat_core.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agent.firewalls.iptables import names
from agent.firewalls.iptables.headers import ALL_BITS, address, network
from agent.model.expression import Field, Opaque
from agent.model.firewall import Assign, Dnat, Snat, Step
from agent.model.intervals import Interval, Intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.firewalls.iptables.save import Option


class _Range(NamedTuple):
    """Addresses and ports of a mapping; ``base`` is the port that the first one stands for, where it is given."""

    addresses: Interval | None
    ports: Interval | None
    base: int | None


def mapping(name: str, options: Sequence[Option], family: int, chain: str) -> tuple[Step, ...]:
    """The steps of DNAT, REDIRECT, NETMAP, SNAT and MASQUERADE; raises ValueError, KeyError or IndexError."""
    values = {option.name: option.args[0] if option.args else "" for option in options}
    ports = Intervals.span(*names.numbers(values["--to-ports"], "-")) if "--to-ports" in values else Intervals()
    match name:
        case "MASQUERADE":
            return (Snat(Intervals(), ports, masquerade=True),)
        case "REDIRECT":
            mapped = Dnat(Intervals(), ports, redirect=True, family=family)
            return _shuffled(mapped) if "--random" in values else (mapped,)
        case "NETMAP":
            span = Intervals.span(*_network(values["--to"], family))
            if chain in ("POSTROUTING", "INPUT"):
                return (Snat(span, Intervals(), netmap=True),)
            return (Dnat(span, Intervals(), netmap=True, family=family),)
        case "SNAT":
            return (Snat(*_joined(_ranges(options, "--to-source", family))),)
        case _:
            found = _ranges(options, "--to-destination", family)
            mapped = Dnat(*_joined(found), family=family)
            moved = any(one.base is not None and one.ports and one.base != one.ports[0] for one in found)
            return _shuffled(mapped) if moved or "--random" in values else (mapped,)


def _shuffled(mapped: Dnat) -> tuple[Step, ...]:
    """A mapping whose port cannot be told, or only by arithmetic: ``--random``, and ports that move with a base."""
    if mapped.ports.size() < 2:
        return (mapped,)
    unknown = Assign(Field.DPORT, Opaque(f"port of {'REDIRECT' if mapped.redirect else 'DNAT'}"))
    return unknown, Dnat(mapped.addresses, Intervals(), mapped.redirect, mapped.netmap, mapped.family)


def _ranges(options: Sequence[Option], name: str, family: int) -> list[_Range]:
    """The ranges to choose from: kernels before 2.6.11 took several. Raises ValueError without any."""
    found = [_range(option.args[0], family) for option in options if option.name == name]
    if not found:
        raise ValueError(f"{name} is missing")
    return found


def _joined(found: Sequence[_Range]) -> tuple[Intervals, Intervals]:
    return (
        Intervals.of(one.addresses for one in found if one.addresses),
        Intervals.of(one.ports for one in found if one.ports),
    )


def _range(text: str, family: int) -> _Range:
    """``address[-address][:port[-port[/base]]]``, with brackets around IPv6 before a port; either may be missing."""
    hosts, ports = text, ""
    if text.startswith("["):
        hosts, _, rest = text[1:].partition("]")
        if rest.startswith("-["):
            last, _, rest = rest[2:].partition("]")
            hosts = f"{hosts}-{last}"
        ports = rest.removeprefix(":")
    elif text.count(":") == 1:
        hosts, _, ports = text.partition(":")
    low, _, high = hosts.partition("-")
    addresses = (address(low, family), address(high or low, family)) if hosts else None
    if not ports:
        return _Range(addresses, None, None)
    span, slash, base = ports.partition("/")
    return _Range(addresses, names.numbers(span, "-"), names.numbers(base)[0] if slash else None)


def _network(text: str, family: int) -> Interval:
    """``address[/length|/mask]``."""
    host, slash, mask = text.partition("/")
    if not slash or mask.isdecimal():
        return network(text, family)
    bits = address(mask, family)
    rest = bits ^ ALL_BITS[family]
    if rest & (rest + 1):
        raise ValueError(f"{mask} is no mask of a network")
    low = address(host, family) & bits
    return low, low | rest
