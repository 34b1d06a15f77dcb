"""From a line's words to the conditions of a rule: one rule for each family that it may be about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.firewalls.pf.ports import ports
from agent.firewalls.protocols import PROTOCOLS
from agent.model.expression import Binary, Field, Literal, Read
from agent.model.firewall import AnyOf, Match, Uncertain
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.firewalls.pf.hosts import Hosts
    from agent.firewalls.pf.words import Host, Line
    from agent.model.firewall import Step

NFPROTO: Final = {4: 2, 6: 10}
TCP: Final = 6
FLAGS: Final = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "W": 128}
ICMP_TYPES: Final = {
    4: {"echorep": 0, "unreach": 3, "squench": 4, "redir": 5, "echoreq": 8, "routeradv": 9, "routersol": 10,
        "timex": 11, "paramprob": 12, "timereq": 13, "timerep": 14},
    6: {"unreach": 1, "toobig": 2, "timex": 3, "paramprob": 4, "echoreq": 128, "echorep": 129, "routersol": 133,
        "routeradv": 134, "neighbrsol": 135, "neighbradv": 136, "redir": 137},
}  # fmt: skip


def families(line: Line, hosts: Hosts) -> tuple[int, ...]:
    """The families that a line is about."""
    found = {4, 6} if line.family is None else {line.family}
    for host in (line.source, line.destination):
        if host.word != "any":
            found &= set(hosts.families(host.word))
    return tuple(sorted(found))


def conditions(line: Line, family: int, hosts: Hosts, iface: Field) -> Iterator[Step]:
    """The conditions of a line for packets of one family; ``iface`` is the field that ``on`` looks at."""
    yield _is(Field.NFPROTO, NFPROTO[family])
    if line.iface and line.iface != "any":
        yield _interface(line.iface, iface, hosts, negated=line.iface_negated)
    if line.received_on:
        negated, name = line.received_on
        yield _interface(name, Field.IIFNAME, hosts, negated=negated)
    if line.proto:
        yield _protocol(line)
    for host, address, port in (
        (line.source, Field.SADDR, Field.SPORT),
        (line.destination, Field.DADDR, Field.DPORT),
    ):
        yield from _host(host, family, hosts, address, port)
    if line.flags and line.flags != "any":
        yield _flags(line)
    if line.icmp:
        yield from _icmp(line.icmp, family)
    for what in line.conditions:
        yield Uncertain(what)
    for word in line.unknown:
        yield Uncertain(word, understood=False)


def _is(field: Field, value: int) -> Match:
    return Match(Read(field), Intervals.single(value))


def _interface(name: str, field: Field, hosts: Hosts, *, negated: bool) -> Step:
    members = hosts.interfaces(name)
    if members is None:
        return Uncertain(f"which interfaces {name} means is not listed")
    return Match(Read(field), members, negated)


def _protocol(line: Line) -> Step:
    value = int(line.proto) if line.proto.isdecimal() else PROTOCOLS.get(line.proto)
    if value is None:
        return Uncertain(f"proto {line.proto}", understood=False)
    return Match(Read(Field.L4PROTO), Intervals.single(value), line.proto_negated)


def _host(host: Host, family: int, hosts: Hosts, address: Field, port: Field) -> Iterator[Step]:
    if host.word != "any":
        members = hosts.members(host.word, family)
        if isinstance(members, str):
            yield Uncertain(members)
        else:
            yield Match(Read(address), members, host.negated)
    if host.port:
        try:
            yield Match(Read(port), ports(host.port))
        except Malformed as error:
            yield Uncertain(str(error), understood=False)


def _flags(line: Line) -> Step:
    """``S/SA``: of SYN and ACK just SYN; packets of other protocols than TCP have none to look at."""
    wanted, _, mask = line.flags.partition("/")
    if set(wanted + mask) - FLAGS.keys():
        return Uncertain(f"flags {line.flags}", understood=False)
    bits, among = (sum(FLAGS[letter] for letter in set(letters)) for letters in (wanted, mask or "FSRPAUEW"))
    match = Match(Binary("&", Read(Field.TCP_FLAGS), Literal(among)), Intervals.single(bits))
    return AnyOf((Match(Read(Field.L4PROTO), Intervals.single(TCP), negated=True), match))


def _icmp(words: tuple[str, ...], family: int) -> Iterator[Step]:
    kind = int(words[0]) if words[0].isdecimal() else ICMP_TYPES[family].get(words[0])
    if kind is None or (len(words) > 1 and not words[-1].isdecimal()):
        yield Uncertain(f"icmp-type {' '.join(words)}", understood=False)
        return
    yield _is(Field.ICMP_TYPE, kind)
    if len(words) > 1:
        yield _is(Field.ICMP_CODE, int(words[-1]))
