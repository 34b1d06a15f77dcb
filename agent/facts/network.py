"""Interfaces, routes, routing rules and the sysctls that decide about forwarding, from iproute2's JSON."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson

from agent.errors import Malformed
from agent.kind import Kind, Piece
from agent.model.intervals import Interval, address_value, prefix_interval
from agent.model.network import Address, Interface, Network, Route, RoutingRule
from agent.model.source import Gap, Source
from agent.snapshot import Command, Files, Status, Want

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from agent.snapshot import Snapshot

SYSCTLS: Final = (
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv4/conf/*/forwarding",
    "/proc/sys/net/ipv4/conf/*/rp_filter",
    "/proc/sys/net/ipv4/conf/*/src_valid_mark",
    "/proc/sys/net/ipv6/conf/*/forwarding",
    "/proc/sys/net/bridge/bridge-nf-call-*",
    "/proc/sys/net/netfilter/nf_conntrack_tcp_loose",
)
SYSCTL_PREFIX: Final = "files/proc/sys/"
PROTOCOLS: Final = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}
KNOWN_SELECTORS: Final = frozenset({
    "priority", "src", "srclen", "dst", "dstlen", "iif", "iif_detached", "oif", "oif_detached", "fwmark", "fwmask",
    "ipproto", "sport", "sport_start", "sport_end", "dport", "dport_start", "dport_end", "table", "action", "not",
    "suppress_prefixlen", "goto", "protocol", "l3mdev", "uid_start", "uid_end", "realms", "suppress_ifgroup", "nop",
    "to", "flags", "unresolved", "tos", "dsfield",
})  # fmt: skip


T = TypeVar("T")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """Addresses with link details, routes and rules of both families, sysctls."""
    asked = (
        ("ip-addr.json", ("ip", "-j", "-d", "addr", "show")),
        ("ip-route4.json", ("ip", "-j", "-4", "route", "show", "table", "all")),
        ("ip-route6.json", ("ip", "-j", "-6", "route", "show", "table", "all")),
        ("ip-rule4.json", ("ip", "-j", "-4", "rule", "show")),
        ("ip-rule6.json", ("ip", "-j", "-6", "rule", "show")),
    )
    for name, argv in asked:
        if name not in snapshot.artifacts:
            yield Want(name, Command(argv), "install iproute2")
    if not any(snapshot.under(SYSCTL_PREFIX)):
        for pattern in SYSCTLS:
            yield Want("files", Files(pattern))


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """The network; roads are known only where addresses and routes were read."""
    gaps: list[Gap] = []
    interfaces = _each(snapshot, "ip-addr.json", _interface, gaps)
    routes = [
        route
        for family in (4, 6)
        for some in _each(snapshot, f"ip-route{family}.json", partial(_route, family=family), gaps)
        for route in some
    ]
    rules = [
        rule
        for family in (4, 6)
        for rule in _each(snapshot, f"ip-rule{family}.json", partial(_rule, family=family), gaps)
    ]
    known = all(snapshot.get(name).status is Status.OK for name in ("ip-addr.json", "ip-route4.json"))
    network = Network(tuple(interfaces), tuple(routes), tuple(rules), dict(_sysctls(snapshot)), known and not gaps)
    return Piece(network=network, gaps=tuple(gaps))


def _each(snapshot: Snapshot, name: str, reader: Callable[[Any], T], gaps: list[Gap]) -> list[T]:
    artifact = snapshot.get(name)
    if artifact.status is Status.ABSENT and name not in snapshot.artifacts:
        return []  # a bare dump
    if artifact.status is not Status.OK:
        gaps.append(Gap("network", artifact.detail or str(artifact.status), Source(name, ""), artifact.remedy))
        return []
    try:
        items = orjson.loads(artifact.data or b"[]")
        return [reader(item) for item in items if item]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, Malformed) as error:
        gaps.append(Gap("network", f"not the JSON of iproute2: {error}", Source(name, ""), "install iproute2"))
        return []


def _interface(item: dict[str, Any]) -> Interface:
    flags = item.get("flags", [])
    return Interface(
        str(item["ifname"]),
        int(item["ifindex"]),
        "UP" in flags,
        "LOOPBACK" in flags,
        str(item.get("linkinfo", {}).get("info_kind", "")),
        str(item.get("master", "")),
        tuple(_address(one) for one in item.get("addr_info", []) if one.get("local")),
        _group(str(item.get("group", "default"))),
    )


def _group(text: str) -> int | None:
    if text == "default":
        return 0
    return int(text) if text.isdecimal() else None


def _address(item: dict[str, Any]) -> Address:
    family, value = address_value(item["local"])
    length = int(item["prefixlen"])
    base = item.get("address", item["local"])
    _, network = prefix_interval(f"{base}/{length}")
    broadcast = address_value(item["broadcast"])[1] if "broadcast" in item else None
    return Address(family, value, network, length, str(item.get("scope", "global")), broadcast, "address" in item)


def _route(item: dict[str, Any], family: int) -> tuple[Route, ...]:
    text = str(item["dst"])
    whole = "0.0.0.0/0" if family == 4 else "::/0"
    _, interval = prefix_interval(whole if text == "default" else text)
    full = 32 if family == 4 else 128
    length = 0 if text == "default" else int(text.partition("/")[2] or full)
    hops = item.get("nexthops") or [item]
    flags = {flag for hop in hops for flag in hop.get("flags", [])}
    devices = tuple(str(hop["dev"]) for hop in hops if "dev" in hop and "dead" not in hop.get("flags", []))
    kind = str(item.get("type", "unicast"))
    if not devices and kind == "unicast":
        return ()  # all next hops are dead
    return (
        Route(
            family,
            str(item.get("table", "main")),
            interval,
            length,
            kind,
            devices,
            str(item.get("gateway", "")),
            int(item.get("metric", 0)),
            "linkdown" in flags,
        ),
    )


def _rule(item: dict[str, Any], family: int) -> RoutingRule:
    unknown = sorted(set(item) - KNOWN_SELECTORS) + [
        key for key in ("l3mdev", "uid_start", "suppress_ifgroup", "tos", "dsfield") if item.get(key) is not None
    ]
    protocol = item.get("ipproto")
    return RoutingRule(
        family,
        int(item.get("priority", 0)),
        str(item.get("action", "goto" if "goto" in item else "nop" if "nop" in item else "lookup")),
        str(item.get("table", "")),
        int(item["goto"]) if "goto" in item and str(item["goto"]).isdigit() else None,
        "not" in item,
        _selected(item, "src", family),
        _selected(item, "dst", family),
        item.get("iif"),
        item.get("oif"),
        int(str(item["fwmark"]), 0) if "fwmark" in item else None,
        int(str(item.get("fwmask", "0xffffffff")), 0),
        None if protocol is None else PROTOCOLS.get(str(protocol)) or int(protocol),
        _range(item, "sport"),
        _range(item, "dport"),
        ", ".join(unknown),
        int(item["suppress_prefixlen"]) if "suppress_prefixlen" in item else None,
    )


def _selected(item: dict[str, Any], key: str, family: int) -> Interval | None:
    text = item.get(key)
    if text is None or text == "all":
        return None
    length = item.get(f"{key}len", 32 if family == 4 else 128)
    return prefix_interval(str(text) if "/" in str(text) else f"{text}/{length}")[1]


def _range(item: dict[str, Any], key: str) -> Interval | None:
    if f"{key}_start" in item:
        return int(item[f"{key}_start"]), int(item[f"{key}_end"])
    if key in item:
        low, _, high = str(item[key]).partition("-")
        return int(low), int(high or low)
    return None


def _sysctls(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Dotted names; the dots of an interface name become slashes, as sysctl(8) writes them."""
    for artifact in snapshot.under(SYSCTL_PREFIX):
        if artifact.status is Status.OK:
            parts = artifact.name.removeprefix(SYSCTL_PREFIX).split("/")
            yield ".".join(part.replace(".", "/") for part in parts), artifact.text.strip()


KIND = Kind("network", wants, read)
