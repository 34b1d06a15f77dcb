"""Match extensions: which reader understands which, and those that an audit cannot know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.firewalls.iptables import connection, headers, names, setmatch
from agent.firewalls.iptables.context import NEVER, READ, any_of, opposite
from agent.model.expression import Binary, Device, Fib, Field, Literal, NamedSet, UnknownTable
from agent.model.firewall import Match, Step, Uncertain
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from agent.firewalls.iptables.context import Context, Reader
    from agent.firewalls.iptables.save import Option

UNKNOWABLE: Final = frozenset({
    "account", "ah", "asn", "bpf", "cgroup", "cluster", "condition", "connbytes", "connlabel", "connlimit", "cpu",
    "ecn", "esp", "eui64", "fuzzy", "geoip", "gradm", "hashlimit", "helper", "iface", "ipcomp", "ipp2p",
    "ipv4options", "ipv6header", "ipvs", "l2tp", "layer7", "length2", "limit", "lscan", "mh", "ndpi", "nfacct", "nth",
    "osf", "physdev", "pknock", "policy", "psd", "quota", "quota2", "random", "rateest", "realm",
    "socket", "statistic", "string", "tcpmss", "time", "tos", "u32", "unclean", "webstr",
})  # fmt: skip
"""Extensions whose outcome depends on more than a packet's usual headers and the dump."""

ABSENT_HEADERS: Final = frozenset({"dst", "frag", "hbh", "rt", "srh"})
"""IPv6 extension headers: a packet without one never matches, negated or not (ipv6_find_hdr fails in each)."""

MULTICAST: Final = (0xFF << 120, (1 << 128) - 1)
MAPPED: Final = (0xFFFF << 32, (0xFFFF << 32) + 0xFFFFFFFF)
ADDRESSES_V6: Final = {
    "unspec": Intervals.single(0),
    "unicast": Intervals.of([(1, MAPPED[0] - 1), (MAPPED[1] + 1, MULTICAST[0] - 1)]),
    "multicast": Intervals.span(*MULTICAST),
}
"""Kinds of address as __ipv6_addr_type (net/ipv6/addrconf_core.c) tells them."""
ROUTED_V6: Final = {"local": (2, 2), "anycast": (4, 4), "unreachable": (6, 8)}


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
        if context.family == 4:
            kinds = names.codes(option.args[0], names.ADDRESS_TYPES)
            steps.append(Match(Fib(where, "type", iface), kinds, option.negated))
        else:
            steps.extend(_addrtype_v6(where, iface, option))
    return tuple(steps)


def _addrtype_v6(where: Field, iface: Field | None, option: Option) -> tuple[Step, ...]:
    """match_type6 in xt_addrtype.c: all kinds of address must hold; of the kinds of route, one."""
    listed = [name.lower() for name in option.args[0].split(",")]
    if foreign := [name for name in listed if name not in ADDRESSES_V6 and name not in ROUTED_V6]:
        raise ValueError(f"IPv6 has no address type {foreign[0]!r}")
    wanted = [Match(READ[where], ADDRESSES_V6[name]) for name in listed if name in ADDRESSES_V6]
    if routes := [ROUTED_V6[name] for name in listed if name in ROUTED_V6]:
        wanted.append(Match(Fib(where, "type", iface), Intervals.of(routes)))
    if not option.negated:
        return tuple(wanted)
    return (any_of(tuple(opposite(one) for one in wanted), negated=False),)


def _owner(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """A packet without a local socket has no owner: only negations match it (owner_mt in xt_owner.c)."""
    steps: list[Step] = []
    for option in options:
        if option.name == "--suppl-groups":
            continue
        where = Field.SKGID if option.name == "--gid-owner" else Field.SKUID
        members: Intervals | NamedSet = NamedSet(UnknownTable("names of users differ from host to host"))
        if option.name == "--socket-exists":
            members = Intervals.span(0, 0xFFFFFFFF)
        elif option.name in ("--uid-owner", "--gid-owner") and option.args[0].replace("-", "").isdecimal():
            members = Intervals.span(*names.numbers(option.args[0], "-", 0xFFFFFFFF))
        steps.append(Match(READ[where], members, option.negated, absent_is_outside=True))
    return tuple(steps)


def _recent(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """``--set`` always matches (recent_mt in xt_recent.c); the rest depends on what came before."""
    for option in options:
        if option.name == "--set":
            return (NEVER,) if option.negated else ()
    return (Uncertain(" ".join(["recent", *map(str, options)])),)


def _set(options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    excluded = any(option.name == "--return-nomatch" for option in options)
    for option in options:
        if option.name == "--match-set":
            name, directions = option.args[0], option.args[1].split(",")
            steps.extend(setmatch.conditions(context, name, directions, negated=option.negated, excluded=excluded))
        elif option.name.startswith(("--packets", "--bytes")):
            steps.append(Uncertain(f"counters of a set: {option}"))
    return tuple(steps)


def _devgroup(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """devgroup_mt in xt_devgroup.c."""
    steps: list[Step] = []
    for option in options:
        device = Device(Field.IIFNAME if option.name == "--src-group" else Field.OIFNAME, "group")
        value, _, mask = option.args[0].partition("/")
        if not value[0].isdecimal() and value != "default":
            return (Uncertain(f"devgroup {option}: the number of this group"),)
        wanted = Intervals.single(0 if value == "default" else int(value, 0))
        expr = Binary("&", device, Literal(int(mask, 0))) if mask else device
        steps.append(Match(expr, wanted, option.negated))
    return tuple(steps)


def _rpfilter(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """The reverse path filter (xt: ipt_rpfilter.c, ip6t_rpfilter.c) asks for a route to the source."""
    given = {option.name for option in options}
    if "--accept-local" in given:
        return (Uncertain(" ".join(["rpfilter", *map(str, options)])),)
    iface = None if "--loose" in given else Field.IIFNAME
    question = Fib(Field.SADDR, "rpfilter", iface, mark="--validmark" in given)
    return (Match(question, Intervals.single(1), "--invert" in given),)


def _comment(_options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    return ()


READERS: Final[dict[str, Reader]] = {
    "addrtype": _addrtype,
    "comment": _comment,
    "connmark": connection.connmark,
    "conntrack": connection.conntrack,
    "dccp": headers.transport,
    "devgroup": _devgroup,
    "dscp": headers.dscp,
    "hl": headers.ttl,
    "icmp": headers.icmp,
    "icmp6": headers.icmp,
    "iprange": headers.iprange,
    "length": headers.number(Field.LENGTH),
    "mac": headers.mac,
    "mark": connection.mark,
    "multiport": headers.multiport,
    "owner": _owner,
    "pkttype": headers.pkttype,
    "recent": _recent,
    "rpfilter": _rpfilter,
    "sctp": headers.transport,
    "set": _set,
    "state": connection.conntrack,
    "tcp": headers.transport,
    "ttl": headers.ttl,
    "udp": headers.transport,
    "udplite": headers.transport,
}


def extension(name: str, options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    """The steps of one ``-m``, its options under the names of options.py."""
    text = " ".join([name, *map(str, options)])
    reader = READERS.get(name)
    if reader is not None:
        try:
            return reader(options, context)
        except (ValueError, IndexError) as error:
            reason = "an argument is missing" if isinstance(error, IndexError) else error
            return (Uncertain(f"-m {text}: {reason}", understood=False),)
    if name in ABSENT_HEADERS:
        return (NEVER,)
    return (Uncertain(text) if name in UNKNOWABLE else Uncertain(f"-m {text}", understood=False),)
