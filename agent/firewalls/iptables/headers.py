"""Conditions on what stands in the packet itself: addresses, interfaces, protocol, and headers above."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, Final

from agent.firewalls.iptables import names
from agent.firewalls.iptables.context import NEVER, READ, any_of, equal, within
from agent.model.expression import Binary, Field, Literal, NamedSet, UnknownTable
from agent.model.firewall import AnyOf, Match, Step, Uncertain
from agent.model.intervals import Intervals, name_prefix, name_value

if TYPE_CHECKING:
    from agent.firewalls.iptables.context import Context, Reader
    from agent.firewalls.iptables.save import Option
    from agent.model.intervals import Interval

BASIC: Final = {
    "-s": "-s", "--source": "-s", "--src": "-s", "-d": "-d", "--destination": "-d", "--dst": "-d",
    "-i": "-i", "--in-interface": "-i", "-o": "-o", "--out-interface": "-o", "-p": "-p", "--protocol": "-p",
    "--proto": "-p", "-f": "-f", "--fragment": "-f", "-4": "-4", "--ipv4": "-4", "-6": "-6", "--ipv6": "-6",
}  # fmt: skip
"""The options that need no extension, and their short names."""
FLAGS: Final = frozenset({"-f", "-4", "-6"})

TYPE_AND_CODE: Final = Binary("|", Binary("<<", READ[Field.ICMP_TYPE], Literal(8)), READ[Field.ICMP_CODE])
SYN_MASK: Final = names.flags("fin,syn,rst,ack", names.TCP_FLAGS)
ALL_BITS: Final = {4: (1 << 32) - 1, 6: (1 << 128) - 1}


def basic(option: Option, family: int) -> tuple[Step, ...]:
    """The steps of an option of BASIC (ip_packet_match in ip_tables.c); raises ValueError."""
    name = BASIC[option.name]
    if len(option.args) != (name not in FLAGS):
        raise ValueError("a word too few or too many")
    match name:
        case "-s":
            return (addresses(Field.SADDR, option.args[0], family, negated=option.negated),)
        case "-d":
            return (addresses(Field.DADDR, option.args[0], family, negated=option.negated),)
        case "-i":
            return _interface(Field.IIFNAME, option.args[0], negated=option.negated)
        case "-o":
            return _interface(Field.OIFNAME, option.args[0], negated=option.negated)
        case "-p":
            number = names.protocol(option.args[0])
            if number == 0:
                return (NEVER,) if option.negated else ()
            return (equal(READ[Field.L4PROTO], number, negated=option.negated),)
        case "-f":  # a second or later fragment: we ask about whole packets
            return () if option.negated else (NEVER,)
        case "-4":
            return () if family == 4 else (NEVER,)
        case _:
            return () if family == 6 else (NEVER,)


def address(text: str, family: int) -> int:
    """One address as integer; raises ValueError."""
    try:
        return int.from_bytes(inet_pton(AF_INET if family == 4 else AF_INET6, text), "big")
    except OSError as error:
        raise ValueError(f"{text!r} is no IPv{family} address") from error


def network(text: str, family: int) -> Interval:
    """The first and last address of ``address[/length]``; raises ValueError."""
    host, slash, length = text.partition("/")
    return _prefix(host, length if slash else None, family)


def _prefix(host: str, length: str | None, family: int) -> Interval:
    value = address(host, family)
    if length is None:
        return value, value
    highest = ALL_BITS[family]
    mask = names.netmask(length, highest.bit_length())
    return value & mask, value | mask ^ highest


def addresses(where: Field, text: str, family: int, *, negated: bool) -> Step:
    """``address[/length|/mask]``, or several with commas; a mask with holes compares the masked bits."""
    if "," not in text:
        return _address(where, text, family, negated=negated)
    return AnyOf(tuple(_address(where, part, family) for part in text.split(",")), negated)


def _address(where: Field, text: str, family: int, *, negated: bool = False) -> Match:
    host, slash, mask = text.partition("/")
    if not slash or mask.isdecimal():
        return within(where, _prefix(host, mask if slash else None, family), negated=negated)
    bits = address(mask, family)
    value = address(host, family) & bits
    rest = bits ^ ALL_BITS[family]
    if rest & (rest + 1):
        return equal(Binary("&", READ[where], Literal(bits)), value, negated=negated)
    return within(where, (value, value | rest), negated=negated)


def _interface(where: Field, name: str, *, negated: bool) -> tuple[Step, ...]:
    if name == "+":  # no byte is compared: always, or with ! never
        return (NEVER,) if negated else ()
    span = name_prefix(name[:-1]) if name.endswith("+") else (name_value(name), name_value(name))
    return (within(where, span, negated=negated),)


def transport(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """tcp, udp, sctp, dccp, udplite: ports, and what only some of them have."""
    steps: list[Step] = []
    for option in options:
        match option.name:
            case "--sport":
                steps.append(within(Field.SPORT, names.numbers(option.args[0]), negated=option.negated))
            case "--dport":
                steps.append(within(Field.DPORT, names.numbers(option.args[0]), negated=option.negated))
            case "--tcp-flags":
                mask = names.flags(option.args[0], names.TCP_FLAGS)
                steps.append(_flags(mask, names.flags(option.args[1], names.TCP_FLAGS), negated=option.negated))
            case "--syn":
                steps.append(_flags(SYN_MASK, names.TCP_FLAGS["syn"], negated=option.negated))
            case _:
                steps.append(Uncertain(str(option)))
    return tuple(steps)


def _flags(mask: int, wanted: int, *, negated: bool) -> Match:
    return equal(Binary("&", READ[Field.TCP_FLAGS], Literal(mask)), wanted, negated=negated)


def icmp(options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    """ICMP and ICMPv6 type and code (icmp_type_code_match in ip_tables.c: type 255 means any in IPv4)."""
    steps: list[Step] = []
    for option in options:
        kind, codes = names.icmp(option.args[0], context.family)
        if kind == names.ANY_ICMP and context.family == 4:
            steps.extend((NEVER,) if option.negated else ())
        elif codes == names.ANY_CODE:
            steps.append(equal(READ[Field.ICMP_TYPE], kind, negated=option.negated))
        else:
            span = Intervals.span(kind << 8 | codes[0], kind << 8 | codes[1])
            steps.append(Match(TYPE_AND_CODE, span, option.negated))
    return tuple(steps)


def multiport(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """Lists of ports and ranges; ``--ports`` looks at both ends."""
    steps: list[Step] = []
    for option in options:
        ports = Intervals.of(names.numbers(part) for part in option.args[0].split(","))
        source, destination = Match(READ[Field.SPORT], ports), Match(READ[Field.DPORT], ports)
        alternatives = {"--sport": (source,), "--dport": (destination,)}.get(option.name, (source, destination))
        steps.append(any_of(alternatives, negated=option.negated))
    return tuple(steps)


def iprange(options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    """Ranges of addresses."""
    steps: list[Step] = []
    for option in options:
        low, _, high = option.args[0].partition("-")
        span = address(low, context.family), address(high or low, context.family)
        where = Field.SADDR if option.name == "--src-range" else Field.DADDR
        steps.append(within(where, span, negated=option.negated))
    return tuple(steps)


def number(where: Field) -> Reader:
    """A field with one number or a range, such as the packet's length."""

    def read(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
        return tuple(within(where, names.numbers(option.args[0]), negated=option.negated) for option in options)

    return read


def ttl(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """Time to live, or hop limit."""
    steps: list[Step] = []
    for option in options:
        value = int(option.args[0], 0)
        spans = {"-eq": (value, value), "-lt": (0, value - 1), "-gt": (value + 1, 255)}
        steps.append(within(Field.TTL, spans[option.name], negated=option.negated))
    return tuple(steps)


def dscp(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """Differentiated services, by number or by class."""
    return tuple(equal(READ[Field.DSCP], dscp_value(option.args[0]), negated=option.negated) for option in options)


def dscp_value(text: str) -> int:
    """A code point by number or by the name of its class; raises ValueError."""
    found = names.DSCP_CLASSES.get(text.lower())
    return int(text, 0) if found is None else found


def mac(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """The sender's link address; what is no address (anonymised dumps write XX) is not known."""
    steps: list[Step] = []
    for option in options:
        text = option.args[0]
        try:
            value = int(text.replace(":", ""), 16)
        except ValueError:
            unread = NamedSet(UnknownTable(f"{text!r} is no link address"))
            steps.append(Match(READ[Field.SMAC], unread, option.negated))
        else:
            steps.append(equal(READ[Field.SMAC], value, negated=option.negated))
    return tuple(steps)


def pkttype(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """Whether the frame was for this host, for all, or for some."""
    return tuple(
        equal(READ[Field.PKTTYPE], names.code(option.args[0], names.PKTTYPES), negated=option.negated)
        for option in options
    )
