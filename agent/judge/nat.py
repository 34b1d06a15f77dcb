"""What a chosen mapping does to a packet (net/netfilter/nf_nat_core.c, nf_nat_redirect.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.judge.packet import (
    DNATTED,
    DST_NAT,
    REDIRECTED,
    SNATTED,
    SRC_NAT,
    UNKNOWN,
    Packet,
    family_of,
    put,
)
from agent.model.expression import Field
from agent.model.firewall import Dnat, Snat
from agent.model.intervals import Intervals, name_text, name_value

if TYPE_CHECKING:
    from agent.judge.evaluate import Evaluator
    from agent.judge.routing import Routing

LOOPBACK = name_value("lo")
IPV4_LOOPBACK = 0x7F000001
IPV6_LOOPBACK = 1


def translate(packet: Packet, nat: Dnat | Snat, routing: Routing, evaluator: Evaluator) -> Packet | None:
    """Give the packet after the mapping; None where the kernel drops it (redirect without an address)."""
    if isinstance(nat, Snat):
        return _source(packet, nat, routing, evaluator)
    if nat.redirect:
        return _redirected(packet, nat, routing)
    changed = put(packet, DNATTED, 1)
    if nat.lookup is not None:
        value = evaluator.value(nat.lookup, packet)
        address, port = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
        changed = put(changed, Field.DADDR, address if isinstance(address, int) else UNKNOWN)
        return _noted(packet, changed if port is None else put(changed, Field.DPORT, port))
    if nat.addresses:
        changed = put(changed, Field.DADDR, _address(nat.addresses, packet[Field.DADDR], netmap=nat.netmap))
    return _noted(packet, put(changed, Field.DPORT, _port(nat.ports, packet[Field.DPORT])))


def _redirected(packet: Packet, nat: Dnat, routing: Routing) -> Packet | None:
    family = family_of(packet)
    if packet[Field.IIFNAME]:
        device = name_text(packet[Field.IIFNAME])
        address = routing.local_address(family, device)
        if address is None:
            if routing.network.known:
                return None
            address = UNKNOWN
    else:
        address = IPV4_LOOPBACK if family == 4 else IPV6_LOOPBACK
    changed = put(put(put(packet, DNATTED, 1), REDIRECTED, 1), Field.DADDR, address)
    return _noted(packet, put(changed, Field.DPORT, _port(nat.ports, packet[Field.DPORT])))


def _source(packet: Packet, nat: Snat, routing: Routing, evaluator: Evaluator) -> Packet:
    changed = put(packet, SNATTED, 1)
    if nat.masquerade:
        address = _masquerade(packet, routing)
        changed = put(changed, Field.SADDR, UNKNOWN if address is None else address)
    elif nat.lookup is not None:
        value = evaluator.value(nat.lookup, packet)
        changed = put(changed, Field.SADDR, value if isinstance(value, int) else UNKNOWN)
    elif nat.addresses:
        changed = put(changed, Field.SADDR, _address(nat.addresses, packet[Field.SADDR], netmap=nat.netmap))
    return _noted(packet, put(changed, Field.SPORT, _port(nat.ports, packet[Field.SPORT])))


def _masquerade(packet: Packet, routing: Routing) -> int | None:
    """The source that MASQUERADE chooses; None where it is not known."""
    family = family_of(packet)
    if family == 6 and packet[Field.OIFNAME] == LOOPBACK:
        # ipv6_dev_get_saddr() prefers the destination's own address, and lo has none but own addresses behind it
        return packet[Field.DADDR] if packet[Field.DADDR] >= 0 else None
    return routing.masquerade_address(family, name_text(packet[Field.OIFNAME]))


def _noted(before: Packet, after: Packet) -> Packet:
    """The connection's status tells of a mapping only where it changed something (nf_nat_setup_info)."""
    status = after[Field.CT_STATUS]
    for bit, fields in ((DST_NAT, (Field.DADDR, Field.DPORT)), (SRC_NAT, (Field.SADDR, Field.SPORT))):
        if status >= 0 and any(before[one] != after[one] for one in fields):
            status |= bit
    return put(after, Field.CT_STATUS, status)


def _address(addresses: Intervals, before: int, *, netmap: bool) -> int:
    if addresses.size() == 1:
        return addresses.starts[0]
    if netmap and before != UNKNOWN and len(addresses.starts) == 1:
        base, last = addresses.starts[0], addresses.ends[0]
        return base | (before & (base ^ last))  # the host bits stay, the network's are replaced
    return UNKNOWN  # picked by a hash over the packet's addresses


def _port(ports: Intervals, before: int) -> int:
    if not ports or before < 0 or before in ports:  # nf_nat_l4proto_unique_tuple keeps a port in range
        return before
    return ports.starts[0] if ports.size() == 1 else UNKNOWN
