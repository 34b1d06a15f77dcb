"""Which way a packet goes: policy routing over the snapshot's rules and routes, as ``ip route get`` answers.

Sources: net/ipv4/fib_rules.c, fib_frontend.c, route.c; net/ipv6/route.c.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.judge.packet import ABSENT, UNKNOWN, Packet, family_of
from agent.model.expression import Device, Fib, Field
from agent.model.intervals import name_text, name_value
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.network import Interface, Network, Route, RoutingRule

DEFAULT_RULES = ((0, "local"), (32766, "main"), (32767, "default"))
RTN = {
    "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6, "unreachable": 7,
    "prohibit": 8, "throw": 9,
}  # fmt: skip
LINK_LOCAL: Final = 0xFE80 >> 6
"""fe80::/10."""
LOOPBACK = name_value("lo")
ZERO_NET, LOOPBACK_NET = (0, (1 << 24) - 1), (0x7F000000, 0x7FFFFFFF)
MULTICAST = {4: (0xE0000000, 0xEFFFFFFF), 6: (0xFF << 120, (1 << 128) - 1)}
BROADCAST = 0xFFFFFFFF
TO_ALL = "broadcast address"
MARTIANS = {4: [ZERO_NET, LOOPBACK_NET, MULTICAST[4], (BROADCAST, BROADCAST)], 6: [(0, 1), MULTICAST[6]]}
"""Destinations that routing treats by themselves, ip_route_input_slow() in net/ipv4/route.c."""


class Way(StrEnum):
    """Where a packet goes from here."""

    LOCAL = "local"
    """To this host itself."""
    FORWARD = "forward"
    DISCARD = "discard"
    """Silently dropped: blackhole, martian."""
    REFUSE = "refuse"
    """Answered with an ICMP error: no route, unreachable, prohibit."""


@record
class Road:
    """One possible way; ``device`` is an interface name as integer; ``because`` names route or rule."""

    way: Way
    device: int = 0
    because: str = ""


@record
class Selector:
    """What routing looks at. Values may be UNKNOWN."""

    family: int
    dst: int
    src: int
    mark: int
    iif: str
    proto: int
    sport: int
    dport: int


class Routing:
    """Answers routing questions about one host."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._tables: dict[tuple[int, str], list[Route]] = {}
        for route in network.routes:
            self._tables.setdefault((route.family, route.table), []).append(route)
        for routes in self._tables.values():
            routes.sort(key=lambda route: (-route.length, route.metric))
        self._bounds: dict[int, tuple[int, ...]] = {}
        self._interfaces = {interface.name: interface for interface in network.interfaces}
        self._rules = {
            family: sorted((rule for rule in network.rules if rule.family == family), key=lambda rule: rule.priority)
            for family in (4, 6)
        }

    def interface(self, name: str) -> Interface | None:
        """Give the interface of that name, or None."""
        return self._interfaces.get(name)

    def bridge_ports(self, name: str) -> tuple[str, ...] | None:
        """The ports of a bridge; none for any other interface; None where interfaces are not known."""
        if not self.network.known:
            return None
        interface = self._interfaces.get(name)
        if interface is None or interface.kind != "bridge":
            return ()
        return tuple(one.name for one in self.network.interfaces if one.master == name)

    def roads(self, packet: Packet) -> tuple[Road, ...]:
        """Give the ways a packet may take; more than one only where it cannot be known (multipath...)."""
        iif = name_text(packet[Field.IIFNAME])
        family = family_of(packet)
        if iif not in ("", "lo") and (special := _special(family, packet[Field.DADDR])):
            return special
        selector = Selector(
            family,
            packet[Field.DADDR],
            packet[Field.SADDR],
            packet[Field.MARK],
            iif,
            packet[Field.L4PROTO],
            packet[Field.SPORT],
            packet[Field.DPORT],
        )
        found = tuple(dict.fromkeys(self._look_up(selector)))
        if not iif:  # this host's own packets to a broadcast address leave by its link (__mkroute_output in route.c)
            return tuple(Road(Way.FORWARD, road.device) if road.because == TO_ALL else road for road in found)
        return found

    def bounds(self, family: int) -> tuple[int, ...]:
        """Addresses at which the answer of ``roads`` or ``fib`` may change, as first addresses of pieces."""
        known = self._bounds.get(family)
        if known is None:
            edges = [route.destination for route in self.network.routes if route.family == family]
            edges += [rule.dst for rule in self._rules[family] if rule.dst is not None]
            edges += MARTIANS[family]
            highest = (1 << (32 if family == 4 else 128)) - 1
            points = {point for low, high in edges for point in (low, high + 1) if point <= highest}
            known = self._bounds[family] = tuple(sorted(points))
        return known

    def ask(self, question: Fib | Device, packet: Packet) -> int:
        """Answer what rules ask about routes and interfaces."""
        return self.fib(question, packet) if isinstance(question, Fib) else self.device(question, packet)

    def device(self, question: Device, packet: Packet) -> int:
        """Answer a question about an interface; ABSENT where the packet has none there."""
        name = packet[question.interface]
        if name in (0, ABSENT):
            return ABSENT
        found = self._interfaces.get(name_text(name)) if name != UNKNOWN else None
        if found is None:
            return UNKNOWN
        if question.property == "group":
            return UNKNOWN if found.group is None else found.group
        master = self._interfaces.get(found.master)
        return name_value(master.name) if master is not None and master.kind == "bridge" else ABSENT

    def fib(self, question: Fib, packet: Packet) -> int:
        """Answer a ``fib`` expression (nft_fib_ipv4.c, nft_fib_ipv6.c) or xt_addrtype."""
        if not self.network.known:
            return UNKNOWN
        address = packet[question.address]
        if address == ABSENT:
            return ABSENT
        if packet[Field.IIFNAME] == LOOPBACK and question.result != "type":
            return LOOPBACK if question.result == "oifname" else 1  # nft_fib_is_loopback() spares itself the look-up
        limit = packet[question.iface] if question.iface is not None else 0
        if UNKNOWN in (address, limit):
            return UNKNOWN
        family = family_of(packet)
        if question.result == "type":
            return self._address_type(family, address, name_text(limit) if limit else None)
        selector = Selector(
            family,
            address,
            0,
            packet[Field.MARK] if question.mark else 0,
            "",
            0,
            0,
            0,
        )
        if question.result == "rpfilter" and family == 6 and limit and selector.dst >> 118 == LINK_LOCAL:
            return self._way_by(selector, limit)
        # nft_fib leaves the result 0 for local addresses and for routes that stop the packet
        found = {
            # the route is looked up first, and has to leave by the interface that was named
            road.device if road.way is Way.FORWARD and limit in (0, road.device) else 0
            for road in self._look_up(selector)
        }
        device = found.pop() if len(found) == 1 else UNKNOWN
        if question.result != "oifname" and device != UNKNOWN:
            return int(device != 0)
        return device

    def _way_by(self, selector: Selector, device: int) -> int:
        """Whether some route leads there by a device, be it a shorter one.

        ip6t_rpfilter.c asks so (RT6_LOOKUP_F_IFACE) about link-local sources only.
        """
        if any(road.way is not Way.FORWARD for road in self._look_up(selector)):
            return 0
        name = name_text(device)
        return int(
            any(
                name in route.devices and route.destination[0] <= selector.dst <= route.destination[1]
                for (family, table), routes in self._tables.items()
                if family == selector.family and table != "local"
                for route in routes
            )
        )

    def _address_type(self, family: int, address: int, device: str | None) -> int:
        """RTN_* of an address, as inet_dev_addr_type (v4) and nft_fib's v6 lookup see it."""
        if family == 4:
            if address == 0xFFFFFFFF or address >> 24 == 0:
                return RTN["broadcast"]
            if address >> 28 == 0xE:
                return RTN["multicast"]
        elif address >> 120 == 0xFF:
            return RTN["multicast"]
        for route in self._tables.get((family, "local"), ()):
            if (
                route.destination[0] <= address <= route.destination[1]
                and route.type in ("local", "broadcast", "anycast", "multicast")
                and (device is None or device in route.devices)
            ):
                return RTN[route.type]
        if family == 4:  # inet_addr_type looks only in the local table
            return RTN["unicast"]
        for road in self._look_up(Selector(family, address, 0, 0, "", 0, 0, 0)):
            if road.way in (Way.REFUSE, Way.DISCARD):  # __nft_fib6_eval_type() tells them by their error
                found = (kind for kind in ("blackhole", "prohibit") if kind in road.because)
                return RTN[next(found, "unreachable")]
        return RTN["unicast"]

    def _look_up(self, selector: Selector) -> Iterator[Road]:
        rules: list[tuple[int, RoutingRule | None, str]] = [
            (rule.priority, rule, rule.table) for rule in self._rules[selector.family]
        ] or [(priority, None, table) for priority, table in DEFAULT_RULES]
        at = 0
        while at < len(rules):
            _, rule, table = rules[at]
            at += 1
            matched = True if rule is None else _matches(rule, selector)
            if matched is False:
                continue
            if rule is not None and rule.action == "goto" and matched:
                at = next((i for i, other in enumerate(rules) if other[0] >= (rule.goto or 0)), len(rules))
                continue
            found = list(self._by_rule(rule, table, selector))
            yield from found
            if found and matched:
                return
        yield Road(Way.REFUSE, 0, "no route")

    def _by_rule(self, rule: RoutingRule | None, table: str, selector: Selector) -> Iterator[Road]:
        action = "lookup" if rule is None else rule.action
        if action in ("blackhole", "unreachable", "prohibit"):
            way = Way.DISCARD if action == "blackhole" else Way.REFUSE
            yield Road(way, 0, f"routing rule {rule.priority if rule else 0}: {action}")
        elif action == "lookup":
            shortest = -1 if rule is None or rule.suppress_prefixlength is None else rule.suppress_prefixlength
            yield from self._in_table(table, selector, shortest)

    def _in_table(self, table: str, selector: Selector, shortest: int) -> Iterator[Road]:
        unknown_destination = selector.dst == UNKNOWN
        for route in self._tables.get((selector.family, table), ()):
            if route.linkdown and not any(self._is_up(device) for device in route.devices):
                continue
            if not unknown_destination and not route.destination[0] <= selector.dst <= route.destination[1]:
                continue
            if route.type == "throw":
                return
            if route.length <= shortest:
                return
            yield from _roads_of(route)
            if not unknown_destination:
                return

    def _is_up(self, device: str) -> bool:
        interface = self._interfaces.get(device)
        return interface is not None and interface.up

    def reverse_path_fails(self, packet: Packet) -> bool | None:
        """Say whether rp_filter drops an incoming IPv4 packet (fib_validate_source in fib_frontend.c)."""
        if family_of(packet) == 6:
            return False
        iif = name_text(packet[Field.IIFNAME])
        mode = max(
            int(self.network.sysctls.get(f"net.ipv4.conf.{name}.rp_filter", "0") or 0)
            for name in ("all", iif.replace(".", "/"))
        )
        if mode == 0 or iif == "lo":
            return False
        mark = packet[Field.MARK] if self._flag(iif, "src_valid_mark") else 0
        reverse = Selector(4, packet[Field.SADDR], 0, mark, "", packet[Field.L4PROTO], 0, 0)
        roads = tuple(dict.fromkeys(self._look_up(reverse)))
        fits = {road.way is Way.FORWARD and (mode == 2 or road.device == packet[Field.IIFNAME]) for road in roads}
        if len(roads) > 1 and True in fits:  # a multipath route accepts any of its devices
            return False if all(road.way is Way.FORWARD for road in roads) else None
        return True not in fits

    def _flag(self, device: str, name: str) -> bool:
        return any(
            self.network.sysctls.get(f"net.ipv4.conf.{where}.{name}", "0") == "1"
            for where in ("all", device.replace(".", "/"))
        )

    def forwards(self, family: int, iif: str) -> bool:
        """Say whether the host forwards packets that come in here; unknown sysctls count as yes."""
        name = iif.replace(".", "/")
        if family == 4:
            return (
                self.network.sysctls.get(
                    f"net.ipv4.conf.{name}.forwarding", self.network.sysctls.get("net.ipv4.ip_forward", "1")
                )
                != "0"
            )
        # IPv6 asks `all` only: ip6_forward() reads net->ipv6.devconf_all->forwarding
        return self.network.sysctls.get("net.ipv6.conf.all.forwarding", "1") != "0"

    def local_address(self, family: int, device: str) -> int | None:
        """Give the address that REDIRECT uses on an interface: its first, in the kernel's order."""
        interface = self._interfaces.get(device)
        if interface is None:
            return None
        return next((address.value for address in interface.addresses if address.family == family), None)

    def masquerade_address(self, family: int, device: str) -> int | None:
        """Give the address that MASQUERADE uses on an interface; None where it is not known.

        IPv4 takes the first global one, of another interface if need be (inet_select_addr in devinet.c).
        """
        mine = [one for one in self.network.interfaces if one.name == device]
        others = sorted(self.network.interfaces, key=lambda one: one.index) if family == 4 else []
        return next(
            (
                address.value
                for interface in (*mine, *others)
                for address in interface.addresses
                if address.family == family and address.scope == "global"
            ),
            None,
        )


def _special(family: int, address: int) -> tuple[Road, ...]:
    """The ways of an incoming packet to an address that is no host's; empty for all others."""
    low, high = MULTICAST[family]
    if low <= address <= high:  # delivered to members of the group, and to them alone
        return Road(Way.LOCAL, 0, "multicast"), Road(Way.DISCARD, 0, "multicast is not forwarded")
    if family == 4 and address == BROADCAST:
        return (Road(Way.LOCAL, 0, "broadcast"),)
    martians = (ZERO_NET, LOOPBACK_NET) if family == 4 else ((0, 1),)
    if any(first <= address <= last for first, last in martians):
        return (Road(Way.DISCARD, 0, "martian destination"),)
    return ()


def _roads_of(route: Route) -> Iterator[Road]:
    if route.type in ("local", "broadcast", "anycast"):
        device = name_value(route.devices[0]) if route.devices else LOOPBACK
        yield Road(Way.LOCAL, device, TO_ALL if route.type == "broadcast" else f"{route.type} address")
    elif route.type == "blackhole":
        yield Road(Way.DISCARD, 0, "blackhole route")
    elif route.type in ("unreachable", "prohibit"):
        yield Road(Way.REFUSE, 0, f"{route.type} route")
    else:
        for name in route.devices:
            yield Road(Way.FORWARD, name_value(name))


def _matches(rule: RoutingRule, selector: Selector) -> bool | None:
    """Whether a policy rule applies; None where that cannot be known."""
    tests: list[bool | None] = []
    for wanted, have in (
        (rule.src, selector.src),
        (rule.dst, selector.dst),
        (rule.sport, selector.sport),
        (rule.dport, selector.dport),
    ):
        if wanted is not None:
            tests.append(None if have == UNKNOWN else wanted[0] <= have <= wanted[1])
    if rule.mark is not None:
        tests.append(None if selector.mark == UNKNOWN else (selector.mark & rule.mask) == (rule.mark & rule.mask))
    if rule.iif is not None:
        tests.append((selector.iif or "lo") == rule.iif)
    if rule.oif is not None:  # asks for a socket that is bound to a device
        tests.append(False)
    if rule.protocol is not None:
        tests.append(selector.proto == rule.protocol)
    if rule.unknown:
        tests.append(None)
    result = False if False in tests else (None if None in tests else True)
    return result if result is None else result is not rule.inverted
