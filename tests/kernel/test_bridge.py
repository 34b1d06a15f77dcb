"""A LAN behind a bridge: what bridge and netdev chains stop, against connections through the real kernel."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest

from agent import catalog
from agent.judge.flow import read_flow
from agent.judge.reach import Prover, Question
from agent.judge.trace import Tracer
from agent.model.intervals import address_value
from agent.snapshot import Artifact, Snapshot, Status
from tests.kernel import needs
from tests.kernel.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.gateway import Gateway

pytestmark = needs.kernel
CLIENT, SERVER, OTHER = "192.168.7.20", "23.40.1.2", "8.8.8.8"
PATIENCE = 0.4
"""Seconds until a connection counts as dropped; over virtual cables an answer takes a thousandth of it."""


class Net(NamedTuple):
    """A client behind a bridge of the gateway, and the world."""

    client: Namespace
    gateway: Namespace
    world: Namespace


@contextmanager
def net() -> Iterator[Net]:
    made = Net(Namespace(), Namespace(), Namespace())
    try:
        gateway = made.gateway
        gateway.run(("sysctl", "-qw", "net.ipv4.ip_forward=1"))
        for name, far, place in (("port0", "eth0", made.client.path), ("wan0", "eth0", made.world.path)):
            gateway.run(("ip", "link", "add", name, "type", "veth", "peer", "name", far, "netns", place))
        for line in ("link add br0 type bridge", "link set port0 master br0", "addr add 192.168.7.1/24 dev br0",
                     "addr add 203.0.113.2/30 dev wan0", "link set port0 up", "link set br0 up", "link set wan0 up",
                     "route add default via 203.0.113.1"):  # fmt: skip
            gateway.run(("ip", *line.split()))
        for namespace, address, way in (
            (made.client, f"{CLIENT}/24", "192.168.7.1"),
            (made.world, "203.0.113.1/30", "203.0.113.2"),
        ):
            for line in (
                "link set lo up",
                f"addr add {address} dev eth0",
                "link set eth0 up",
                f"route add default via {way}",
            ):
                namespace.run(("ip", *line.split()))
        for address in (SERVER, OTHER):
            made.world.run(("ip", "addr", "add", f"{address}/32", "dev", "lo"))
        yield made
    finally:
        for namespace in made:
            namespace.close()


def connects(made: Net, address: str) -> bool:
    with made.client.entered():
        client = socket.socket()
    client.settimeout(PATIENCE)
    with client:
        try:
            client.connect((address, 443))
        except TimeoutError:
            return False
    return True


def judged(made: Net) -> Gateway:
    artifacts = {}
    for name, argv in {
        "nft.json": "nft -j list ruleset",
        "ip-addr.json": "ip -j -d addr show",
        "ip-route4.json": "ip -j -4 route show table all",
        "ip-route6.json": "ip -j -6 route show table all",
        "ip-rule4.json": "ip -j -4 rule show",
        "ip-rule6.json": "ip -j -6 rule show",
    }.items():
        artifacts[name] = Artifact(name, Status.OK, made.gateway.run(argv.split()).encode())
    for path, text in (
        ("ipv4/ip_forward", b"1\n"),
        ("ipv4/conf/br0/forwarding", b"1\n"),
        ("ipv4/conf/wan0/forwarding", b"1\n"),
    ):
        name = f"files/proc/sys/net/{path}"
        artifacts[name] = Artifact(name, Status.OK, text)
    return catalog.read(Snapshot(datetime.now(UTC), {}, artifacts), frozenset())


RULES = {
    "nothing": ("", set()),
    "bridge prerouting": ("table bridge t { chain c { type filter hook prerouting priority 0; ip daddr 23.32.0.0/11 drop; }; }", {SERVER}),
    "bridge input": ("table bridge t { chain c { type filter hook input priority 0; ether type ip ip daddr 23.32.0.0/11 drop; }; }", {SERVER}),
    "bridge output": ("table bridge t { chain c { type filter hook output priority 0; ip saddr 8.8.8.8 drop; }; }", {OTHER}),
    "bridge postrouting": ('table bridge t { chain c { type filter hook postrouting priority 0; oifname "port0" ip saddr 8.8.8.8 drop; }; }', {OTHER}),
    "bridge forward": ("table bridge t { chain c { type filter hook forward priority 0; drop; }; }", set()),
    "port": ('table bridge t { chain c { type filter hook prerouting priority 0; iifname "port0" tcp dport 443 drop; }; }', {SERVER, OTHER}),
    "another port": ('table bridge t { chain c { type filter hook prerouting priority 0; iifname "port1" tcp dport 443 drop; }; }', set()),
    "ingress of the bridge": ("table netdev t { chain c { type filter hook ingress device br0 priority 0; ip daddr 23.32.0.0/11 drop; }; }", {SERVER}),
    "ingress of the uplink": ("table netdev t { chain c { type filter hook ingress device wan0 priority 0; ip saddr 8.8.8.8 drop; }; }", {OTHER}),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_bridges_stop_what_the_judge_says(name: str) -> None:
    rules, stopped = RULES[name]
    with net() as made:
        if rules:
            made.gateway.run(("nft", "-f", "-"), rules)
        with made.world.entered():
            listener = socket.create_server(("0.0.0.0", 443))  # noqa: S104 - in a namespace of its own
        with listener:
            went = {address for address in (SERVER, OTHER) if not connects(made, address)}
        gateway = judged(made)
    assert went == stopped  # the kernel itself
    prover = Prover(gateway)
    reach = prover.connect(Question(4, 6, 443, "br0", address_value(CLIENT)[1]))
    for address in (SERVER, OTHER):
        verdict = "drop" if address in stopped else "accept"
        part = getattr(reach, verdict)
        assert address_value(address)[1] in part, (name, address)
        if "saddr" not in rules:  # answers are no matter of a single packet
            line = {"in_iface": "br0", "src": CLIENT, "dst": address, "proto": "tcp", "dport": 443}
            assert Tracer(gateway).answer(read_flow(json.dumps(line).encode(), 1)).verdict == verdict
