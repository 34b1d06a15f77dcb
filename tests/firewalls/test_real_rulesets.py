"""Dumps of real networks, between bounds that others have proved.

Beside each dump lie two simplified chains: ``lower`` accepts only what is surely accepted, ``upper`` all that
may be accepted (Isabelle project Iptables_Semantics), for new connections and by the filter table alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from agent.firewalls.iptables.read import read
from agent.firewalls.merge import merge
from agent.judge.flow import read_flow
from agent.judge.trace import Tracer
from agent.model.firewall import Tool
from agent.model.gateway import Gateway
from agent.model.intervals import Interval, address_text, prefix_interval
from tests.firewalls.unread import unread

RULESETS = Path(__file__).parents[3] / "shared" / "rulesets"
HOSTS = sorted(one.name for one in RULESETS.iterdir() if one.is_dir()) if RULESETS.is_dir() else []
pytestmark = pytest.mark.skipif(not HOSTS, reason="no dumps of real networks beside the project")

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "esp": 50}
FLOWS = 600
BEHIND = {
    "openvpn": (("eth0", "192.168.0.0/24"), ("eth1", "192.168.2.0/24")),
    "medium-company": (("eth0", "172.16.2.0/24"),),
    "ufw-server": (("lo", "127.0.0.0/8"),),
}
"""Where the bounds were proved for interfaces with known networks behind them."""


@dataclass(frozen=True)
class Bound:
    """One line of ``iptables -L -n``."""

    accepts: bool
    proto: int | None
    source: Interval
    destination: Interval
    sports: Interval
    dports: Interval

    def holds(self, flow: Flow) -> bool:
        return (
            self.proto in (None, flow.proto)
            and self.source[0] <= flow.src <= self.source[1]
            and self.destination[0] <= flow.dst <= self.destination[1]
            and self.sports[0] <= flow.sport <= self.sports[1]
            and self.dports[0] <= flow.dport <= self.dports[1]
        )


@dataclass(frozen=True)
class Flow:
    proto: int
    src: int
    dst: int
    sport: int
    dport: int


def bounds(file: Path) -> list[Bound]:
    found = []
    for line in file.read_text().splitlines():
        words = line.split()
        if not words or words[0] not in ("ACCEPT", "DROP"):
            continue
        target, proto, _, source, destination, *rest = words
        ports: dict[str, Interval] = {"s": (0, 65535), "d": (0, 65535)}
        for word in rest[1:]:
            name, low, high = (*word.split(":"), "")[:3]
            ports[name[0]] = int(low), int(high or low)
        number = None if proto == "all" else PROTOCOLS[proto] if proto in PROTOCOLS else int(proto)
        ends = prefix_interval(source)[1], prefix_interval(destination)[1]
        found.append(Bound(target == "ACCEPT", number, *ends, ports["s"], ports["d"]))
    return found


def accepts(listed: list[Bound], flow: Flow) -> bool:
    """The first line that holds decides; the chain's policy is to accept."""
    return next((one.accepts for one in listed if one.holds(flow)), True)


def some_flow(random: Random, listed: list[Bound]) -> Flow:
    """A flow at the edges of the lines, where mistakes show."""
    one, other = random.choice(listed), random.choice(listed)
    proto = one.proto if one.proto is not None else random.choice((6, 17, 1))
    ends = [
        random.choice((*pair, random.randint(*pair))) for pair in (one.source, random.choice((one, other)).destination)
    ]
    ends = [min(max(end + random.choice((0, 0, 0, -1, 1)), 0), (1 << 32) - 1) for end in ends]
    ported = proto in (6, 17)
    sport = random.choice((40000, 53, *one.sports)) if ported else 0
    dport = random.choice((*one.dports, *one.dports, *other.dports, 80, 443, 22)) if ported else 0
    return Flow(proto, ends[0], ends[1], sport, dport)


def interface(name: str, address: int, other: str) -> str:
    for device, network in BEHIND.get(name, ()):
        low, high = prefix_interval(network)[1]
        if low <= address <= high:
            return device
    return other


@pytest.mark.parametrize("name", HOSTS)
def test_between_the_bounds(name: str) -> None:
    text = (RULESETS / name / "iptables-save").read_text(errors="replace")
    hook = "forward" if (RULESETS / name / "forward.lower").exists() else "input"
    if hook == "input":  # without routes nobody knows what is for the host: ask its chain as if it forwarded
        text = text.replace("FORWARD", "OTHERS").replace("INPUT", "FORWARD")
    tables, gaps = read(text, Tool.IPTABLES_LEGACY, 4, "iptables-legacy.txt", {})
    filtering = tuple(table for table in tables if table.name == "filter")
    tracer = Tracer(Gateway(merge(filtering, gaps)))
    lower, upper = (bounds(RULESETS / name / f"{hook}.{kind}") for kind in ("lower", "upper"))
    random = Random(name)
    known = 0
    for _ in range(FLOWS):
        flow = some_flow(random, random.choice((lower, upper)))
        line = {"src": address_text(flow.src, 4), "dst": address_text(flow.dst, 4), "proto": flow.proto}
        line |= {"in_iface": interface(name, flow.src, "in7"), "out_iface": interface(name, flow.dst, "out7")}
        line |= {"sport": flow.sport, "dport": flow.dport}
        if flow.proto not in (6, 17):
            line = {key: value for key, value in line.items() if key not in ("sport", "dport")}
        answer = tracer.answer(read_flow(json.dumps(line).encode(), 1))
        if accepts(lower, flow):
            assert answer.verdict in ("accept", "unknown"), (line, answer)
        if not accepts(upper, flow):
            assert answer.verdict != "accept", (line, answer)
        known += answer.verdict != "unknown"
    assert known


@pytest.mark.parametrize("name", HOSTS)
def test_everything_is_understood(name: str) -> None:
    text = (RULESETS / name / "iptables-save").read_text(errors="replace")
    tables, gaps = read(text, Tool.IPTABLES_LEGACY, 4, "iptables-legacy.txt", {})
    assert not gaps
    rules = [rule for table in tables for chain in table.chains.values() for rule in chain.rules]
    assert len(rules) > 10
    assert not [str(rule.wording) for rule in rules if unread(rule.steps)]
