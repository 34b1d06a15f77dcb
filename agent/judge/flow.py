"""A flow as people and programs ask about it (one JSON object a line)."""

from __future__ import annotations

from typing import Any, Final

import orjson

from agent.errors import Malformed
from agent.judge.packet import ABSENT, ICMP, ICMPV6, TCP, WITH_PORTS, Packet, packet
from agent.model.expression import CtState
from agent.model.intervals import address_text, address_value, name_value
from agent.model.record import record

PROTOCOLS: Final = {
    "icmp": ICMP, "igmp": 2, "ipip": 4, "tcp": TCP, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51,
    "icmpv6": ICMPV6, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132, "udplite": 136,
}  # fmt: skip
TCP_FLAGS: Final = {
    "fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "ece": 64, "cwr": 128,
}  # fmt: skip
STATES: Final = {state.name.lower(): state for state in CtState}
KEYS: Final = frozenset({
    "in_iface", "out_iface", "src", "dst", "proto", "sport", "dport", "tcp_flags", "icmp_type", "icmp_code",
    "ct_state", "ct_direction",
})  # fmt: skip
ECHO_REQUEST: Final = {ICMP: 8, ICMPV6: 128}


@record
class Flow:
    """One packet of a flow: addresses as integers, ``proto`` as number, no ``in_iface`` = from this host."""

    family: int
    src: int
    dst: int
    proto: int
    in_iface: str | None = None
    out_iface: str | None = None
    sport: int = ABSENT
    dport: int = ABSENT
    tcp_flags: int = ABSENT
    icmp_type: int = ABSENT
    icmp_code: int = ABSENT
    ct_state: CtState = CtState.NEW
    reply: bool = False

    def packet(self) -> Packet:
        """Give the packet as it enters the first hook."""
        return packet(
            self.family,
            self.proto,
            self.src,
            self.dst,
            iifname=name_value(self.in_iface) if self.in_iface else 0,
            sport=self.sport,
            dport=self.dport,
            tcp_flags=self.tcp_flags,
            icmp_type=self.icmp_type,
            icmp_code=self.icmp_code,
            ct_state=self.ct_state,
            reply=self.reply,
        )

    def __str__(self) -> str:
        port = f" port {self.dport}" if self.dport >= 0 else ""
        names = {number: name for name, number in PROTOCOLS.items()}
        proto = names.get(self.proto, f"protocol {self.proto}")
        return f"{proto} to {address_text(self.dst, self.family)}{port} from {self.in_iface or 'this host'}"


def read_flow(line: bytes, number: int) -> Flow:
    """Read one flow; raises Malformed with line ``number`` and what is wrong."""
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"line {number}: not JSON: {error}", line=number) from error
    if not isinstance(data, dict):
        raise Malformed(f"line {number}: a flow is a JSON object", line=number)
    if unknown := sorted(set(data) - KEYS):
        raise Malformed(f"line {number}: unknown key {unknown[0]!r}; known: {', '.join(sorted(KEYS))}", line=number)
    try:
        return _flow({key: value for key, value in data.items() if value is not None})
    except (ValueError, TypeError) as error:
        raise Malformed(f"line {number}: {error}", line=number) from error


def _flow(data: dict[str, Any]) -> Flow:
    for key in ("dst", "proto"):
        if key not in data:
            raise ValueError(f"{key!r} is missing")
    family, dst = address_value(_text(data, "dst"))
    src_family, src = address_value(_text(data, "src")) if "src" in data else (family, 0)
    if src_family != family:
        raise ValueError("src and dst are of different families")
    proto = _protocol(data["proto"], family)
    ports = proto in WITH_PORTS
    icmp = proto in (ICMP, ICMPV6)
    return Flow(
        family,
        src,
        dst,
        proto,
        _text(data, "in_iface") or None,
        _text(data, "out_iface") or None,
        _number(data, "sport", 0xFFFF, 40000) if ports else ABSENT,
        _number(data, "dport", 0xFFFF, None) if ports else ABSENT,
        _flags(data.get("tcp_flags", ["syn"])) if proto == TCP else ABSENT,
        _number(data, "icmp_type", 0xFF, ECHO_REQUEST[proto]) if icmp else ABSENT,
        _number(data, "icmp_code", 0xFF, 0) if icmp else ABSENT,
        _state(data.get("ct_state", "new")),
        _direction(data.get("ct_direction", "original")),
    )


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise TypeError(f"{key!r} must be text")
    return value


def _number(data: dict[str, Any], key: str, highest: int, default: int | None) -> int:
    value = data.get(key, default)
    if value is None:
        raise ValueError(f"{key!r} is missing")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise ValueError(f"{key!r} must be a number from 0 to {highest}")
    return value


def _protocol(value: object, family: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
        return value
    if isinstance(value, str) and value in PROTOCOLS:
        return ICMPV6 if value == "icmp" and family == 6 else PROTOCOLS[value]
    raise ValueError(f"'proto' must be a number or one of {', '.join(sorted(PROTOCOLS))}")


def _flags(names: object) -> int:
    if not isinstance(names, list) or not all(name in TCP_FLAGS for name in names):
        raise ValueError(f"'tcp_flags' must be a list of {', '.join(TCP_FLAGS)}")
    value = 0
    for name in names:
        value |= TCP_FLAGS[name]
    return value


def _state(value: object) -> CtState:
    if not isinstance(value, str) or value not in STATES:
        raise ValueError(f"'ct_state' must be one of {', '.join(STATES)}")
    return STATES[value]


def _direction(value: object) -> bool:
    if value not in ("original", "reply"):
        raise ValueError("'ct_direction' must be original or reply")
    return value == "reply"
