"""Match extensions: one reader for each, from options to steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from agent.firewalls.iptables import ipset, names
from agent.model.firewall import (
    AnyOf,
    Binary,
    Expr,
    Fib,
    Field,
    Literal,
    Match,
    NotUnderstood,
    Read,
    Step,
    Uncertain,
)
from agent.model.intervals import Intervals, name_prefix, name_value, prefix_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.firewalls.iptables.save import Option

NEVER: Final = Match(Read(Field.NFPROTO), Intervals())


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader may need: the family of the dump and the sets of the host."""

    family: int
    sets: Mapping[str, ipset.IpSet] = field(default_factory=dict)


UNKNOWABLE: Final = frozenset({
    "ah", "bpf", "cgroup", "cluster", "connbytes", "connlabel", "connlimit", "cpu", "devgroup", "dst", "ecn", "esp",
    "eui64", "frag", "geoip", "hashlimit", "hbh", "helper", "ipv6header", "ipvs", "limit", "mh", "nfacct",
    "osf", "physdev", "policy", "quota", "quota2", "realm", "rpfilter", "rt", "socket", "srh", "statistic", "string",
    "tcpmss", "time", "tos", "u32", "ipp2p", "layer7", "psd", "condition", "asn", "fuzzy", "random",
})  # fmt: skip
"""Extensions whose outcome depends on more than the packet's headers and the dump."""


def basic(option: Option, context: Context) -> tuple[Step, ...]:
    """The options that need no extension: addresses, interfaces, protocol, fragments."""
    value = option.args[0] if option.args else ""
    match option.name:
        case "-s" | "--source" | "--src":
            return addresses(Field.SADDR, value, negated=option.negated)
        case "-d" | "--destination" | "--dst":
            return addresses(Field.DADDR, value, negated=option.negated)
        case "-i" | "--in-interface":
            return _interface(Field.IIFNAME, value, negated=option.negated)
        case "-o" | "--out-interface":
            return _interface(Field.OIFNAME, value, negated=option.negated)
        case "-p" | "--protocol" | "--proto":
            number = 0 if value.lower() == "all" else names.protocol(value)
            if number == 0:
                return (NEVER,) if option.negated else ()
            return (Match(Read(Field.L4PROTO), Intervals.single(number), option.negated),)
        case "-f" | "--fragment":  # a second or later fragment: we ask about whole packets
            return () if option.negated else (NEVER,)
        case "-4" | "--ipv4":
            return () if context.family == 4 else (NEVER,)
        case "-6" | "--ipv6":
            return () if context.family == 6 else (NEVER,)
        case _:
            return (NotUnderstood(f"option {option.name}"),)


def addresses(where: Field, text: str, *, negated: bool) -> tuple[Step, ...]:
    """``address[/length|/mask]``; a mask with holes compares the masked bits."""
    found: list[Match] = []
    for part in text.split(","):
        address, slash, mask = part.partition("/")
        if slash and not mask.isdigit():
            bits = int(ip_address(mask))
            width = 32 if ":" not in address else 128
            inverse = bits ^ ((1 << width) - 1)
            if inverse & (inverse + 1):
                value = int(ip_address(address)) & bits
                found.append(Match(Binary("&", Read(where), Literal(bits)), Intervals.single(value)))
                continue
        found.append(Match(Read(where), Intervals.span(*prefix_interval(part)[1])))
    if len(found) == 1:
        return (Match(found[0].expr, found[0].members, negated),)
    return (AnyOf(tuple(found), negated),)


def _interface(where: Field, name: str, *, negated: bool) -> tuple[Step, ...]:
    if name == "+":  # iptables compares no bytes: always, or with ! never
        return (NEVER,) if negated else ()
    span = name_prefix(name[:-1]) if name.endswith("+") else (name_value(name), name_value(name))
    return (Match(Read(where), Intervals.span(*span), negated),)


def _ports(where: Field, option: Option) -> Match:
    return Match(Read(where), Intervals.span(*names.numbers(option.args[0])), option.negated)


def _transport(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """tcp, udp, sctp, dccp, udplite: ports, and what only tcp has."""
    steps: list[Step] = []
    for option in options:
        match option.name:
            case "--sport" | "--source-port" | "--sports":
                steps.append(_ports(Field.SPORT, option))
            case "--dport" | "--destination-port" | "--dports":
                steps.append(_ports(Field.DPORT, option))
            case "--tcp-flags":
                steps.append(_flags(names.flags(option.args[0], names.TCP_FLAGS), option.args[1], option))
            case "--syn":
                steps.append(_flags(names.flags("FIN,SYN,RST,ACK", names.TCP_FLAGS), "SYN", option))
            case "--tcp-option" | "--chunk-types" | "--dccp-types" | "--dccp-option":
                steps.append(Uncertain(_words(option)))
            case _:
                steps.append(NotUnderstood(f"option {option.name}"))
    return tuple(steps)


def _flags(mask: int, wanted: str, option: Option) -> Match:
    value = names.flags(wanted, names.TCP_FLAGS)
    return Match(Binary("&", Read(Field.TCP_FLAGS), Literal(mask)), Intervals.single(value), option.negated)


def _icmp(options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    for option in options:
        text = option.args[0]
        table = names.ICMP_TYPES if context.family == 4 else names.ICMPV6_TYPES
        if text in table:
            kind, codes = table[text]
        else:
            number, slash, code = text.partition("/")
            kind = int(number)
            codes = (int(code), int(code)) if slash else (0, 255)
        if kind == 255:
            steps.extend((NEVER,) if option.negated else ())
        elif codes == (0, 255):
            steps.append(Match(Read(Field.ICMP_TYPE), Intervals.single(kind), option.negated))
        else:
            both = ipset.ICMP_CODE_PAIR
            steps.append(Match(both, Intervals.span(kind << 8 | codes[0], kind << 8 | codes[1]), option.negated))
    return tuple(steps)


def _multiport(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    for option in options:
        ports = Intervals.of(names.numbers(part) for part in option.args[0].split(","))
        match option.name:
            case "--sports" | "--source-ports" | "--sport" | "--source-port":
                steps.append(Match(Read(Field.SPORT), ports, option.negated))
            case "--dports" | "--destination-ports" | "--dport" | "--destination-port":
                steps.append(Match(Read(Field.DPORT), ports, option.negated))
            case _:
                both = (Match(Read(Field.SPORT), ports), Match(Read(Field.DPORT), ports))
                steps.append(AnyOf(both, option.negated))
    return tuple(steps)


def _iprange(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    steps = []
    for option in options:
        low, _, high = option.args[0].partition("-")
        span = Intervals.span(int(ip_address(low)), int(ip_address(high or low)))
        where = Field.SADDR if option.name == "--src-range" else Field.DADDR
        steps.append(Match(Read(where), span, option.negated))
    return tuple(steps)


def _addrtype(options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    iface = None
    for option in options:
        if option.name == "--limit-iface-in":
            iface = Field.IIFNAME
        elif option.name == "--limit-iface-out":
            iface = Field.OIFNAME
    steps: list[Step] = []
    for option in options:
        if option.name not in ("--src-type", "--dst-type"):
            continue
        where = Field.SADDR if option.name == "--src-type" else Field.DADDR
        codes = names.codes(option.args[0], names.ADDRESS_TYPES)
        if context.family == 4:
            steps.append(Match(Fib(where, "type", iface), codes, option.negated))
            continue
        conditions = _types6(where, option.args[0].upper().split(","), iface)
        if option.negated:
            steps.append(AnyOf(tuple(Match(one.expr, one.members, not one.negated) for one in conditions)))
        else:
            steps.extend(conditions)
    return tuple(steps)


def _types6(where: Field, types: list[str], iface: Field | None) -> tuple[Match, ...]:
    """IPv6 tells multicast, unicast and :: by the address alone, and all of them must fit (match_type6)."""
    multicast = Intervals.span(*prefix_interval("ff00::/8")[1])
    found: list[Match] = []
    if "MULTICAST" in types:
        found.append(Match(Read(where), multicast))
    if "UNICAST" in types:
        found.append(Match(Read(where), multicast | Intervals.single(0), negated=True))
    if "UNSPEC" in types:
        found.append(Match(Read(where), Intervals.single(0)))
    routed = [name for name in types if name in ("LOCAL", "ANYCAST", "UNREACHABLE")]
    if routed:
        found.append(Match(Fib(where, "type", iface), names.codes(",".join(routed), names.ADDRESS_TYPES)))
    return tuple(found)


def _mark(where: Field) -> Callable[[tuple[Option, ...], Context], tuple[Step, ...]]:
    def read(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
        steps = []
        for option in options:
            value, mask = names.masked(option.args[0])
            expr: Expr = Read(where) if mask == 0xFFFFFFFF else Binary("&", Read(where), Literal(mask))
            steps.append(Match(expr, Intervals.single(value), option.negated))
        return tuple(steps)

    return read


def _conntrack(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    for option in options:
        value = option.args[0] if option.args else ""
        match option.name:
            case "--ctstate" | "--state":
                steps.append(_states(value, negated=option.negated))
            case "--ctstatus":
                mask = names.flags(value, names.CT_STATUS)
                steps.append(_any_bit(Field.CT_STATUS, mask, negated=option.negated))
            case "--ctdir":
                way = Intervals.single(0 if value.upper() == "ORIGINAL" else 1)
                steps.append(Match(Read(Field.CT_DIRECTION), way, option.negated))
            case "--ctproto":
                steps.append(Match(Read(Field.L4PROTO), Intervals.single(names.protocol(value)), option.negated))
            case _:
                steps.append(Uncertain(_words(option)))
    return tuple(steps)


def _states(text: str, *, negated: bool) -> Step:
    nat = [name for name in text.split(",") if name.upper() in names.CT_NAT_STATES]
    rest = [name for name in text.split(",") if name.upper() not in names.CT_NAT_STATES]
    mask = names.flags(",".join(rest), names.CT_STATES) if rest else 0
    if not nat:
        return _any_bit(Field.CT_STATE, mask, negated=negated)
    status = names.flags(",".join(nat), names.CT_NAT_STATES)
    found = (_any_bit(Field.CT_STATE, mask, negated=False), _any_bit(Field.CT_STATUS, status, negated=False))
    return AnyOf(found, negated)


def _any_bit(where: Field, mask: int, *, negated: bool) -> Match:
    return Match(Binary("&", Read(where), Literal(mask)), Intervals.single(0), not negated)


def _set(options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    for option in options:
        if option.name in ("--match-set", "--set"):
            name, directions = option.args[0], option.args[1].split(",")
            steps.append(ipset.match_set(context.sets, name, directions, negated=option.negated))
        elif option.name == "--return-nomatch":
            steps.append(Uncertain("--return-nomatch"))
        elif option.name not in ("--update-counters", "--update-subcounters"):
            steps.append(Uncertain(_words(option)))
    return tuple(steps)


def _recent(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """``--set`` always matches (recent_mt in xt_recent.c); the rest depends on what came before."""
    modes = {option.name: option for option in options}
    if "--set" in modes:
        return (NEVER,) if modes["--set"].negated else ()
    return (Uncertain("recent " + " ".join(_words(option) for option in options)),)


def _owner(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    for option in options:
        where = {"--uid-owner": Field.SKUID, "--gid-owner": Field.SKGID}.get(option.name)
        value = option.args[0] if option.args else ""
        if where is None or not value.replace("-", "").isdigit():
            steps.append(Uncertain(f"owner {_words(option)}"))
        else:
            steps.append(Match(Read(where), Intervals.span(*names.numbers(value, "-", 0xFFFFFFFF)), option.negated))
    return tuple(steps)


def _ttl(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    steps = []
    for option in options:
        value = int(option.args[0], 0)
        kind = option.name.rpartition("-")[2]
        spans = {"lt": (0, value - 1), "gt": (value + 1, 255)}
        steps.append(Match(Read(Field.TTL), Intervals.span(*spans.get(kind, (value, value))), option.negated))
    return tuple(steps)


def _range_of(where: Field) -> Callable[[tuple[Option, ...], Context], tuple[Step, ...]]:
    def read(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
        return tuple(
            Match(Read(where), Intervals.span(*names.numbers(option.args[0])), option.negated) for option in options
        )

    return read


def _dscp(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    return tuple(
        Match(Read(Field.DSCP), Intervals.single(int(option.args[0], 0)), option.negated)
        if option.name == "--dscp"
        else Uncertain(_words(option))
        for option in options
    )


def _mac(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    for option in options:
        try:
            value = int(option.args[0].replace(":", ""), 16)
        except ValueError:
            steps.append(Uncertain(_words(option)))  # anonymised dumps write XX
            continue
        steps.append(Match(Read(Field.SMAC), Intervals.single(value), option.negated))
    return tuple(steps)


def _pkttype(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    return tuple(
        Match(Read(Field.PKTTYPE), Intervals.single(names.PKTTYPES[option.args[0]]), option.negated)
        for option in options
    )


def _nothing(_options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    return ()


READERS: Final[dict[str, Callable[[tuple[Option, ...], Context], tuple[Step, ...]]]] = {
    "addrtype": _addrtype,
    "comment": _nothing,
    "connmark": _mark(Field.CT_MARK),
    "conntrack": _conntrack,
    "dccp": _transport,
    "dscp": _dscp,
    "hl": _ttl,
    "icmp": _icmp,
    "icmp6": _icmp,
    "icmpv6": _icmp,
    "ipv6-icmp": _icmp,
    "iprange": _iprange,
    "length": _range_of(Field.LENGTH),
    "mac": _mac,
    "mark": _mark(Field.MARK),
    "mport": _multiport,
    "multiport": _multiport,
    "owner": _owner,
    "pkttype": _pkttype,
    "recent": _recent,
    "sctp": _transport,
    "set": _set,
    "state": _conntrack,
    "tcp": _transport,
    "ttl": _ttl,
    "udp": _transport,
    "udplite": _transport,
}


def extension(name: str, options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    """The steps of one ``-m``."""
    reader = READERS.get(name)
    if reader is not None:
        try:
            return reader(options, context)
        except (ValueError, IndexError, KeyError) as error:
            return (NotUnderstood(f"-m {name}: {error}"),)
    text = " ".join([name, *(_words(option) for option in options)])
    return (Uncertain(text),) if name in UNKNOWABLE else (NotUnderstood(f"-m {text}"),)


def _words(option: Option) -> str:
    return " ".join([*(["!"] if option.negated else []), option.name, *option.args])
