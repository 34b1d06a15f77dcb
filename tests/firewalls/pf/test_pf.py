"""pf against a reference that follows its manual page, and what pfctl of FreeBSD prints."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import catalog
from agent.firewalls import pf
from agent.judge.flow import read_flow
from agent.judge.reach import Prover, Question
from agent.judge.trace import Answer, Tracer
from agent.model.intervals import address_text, address_value
from agent.snapshot import Artifact, Snapshot, Status
from tests.firewalls.pf.reference import Packet, Pf, PfRule

if TYPE_CHECKING:
    from agent.model.gateway import Gateway

TABLES = {
    "cdn": ("23.32.0.0/11", "!23.40.0.0/16", "23.40.7.0/24", "2600:1400::/24"),
    "office": ("192.168.7.0/24", "2001:db8:7::/64"),
    "none": (),
}
SOURCES = {4: ["192.168.7.20", "192.168.8.9", "10.1.2.3"], 6: ["2001:db8:7::20", "2001:db8:8::9"]}
DESTINATIONS = {
    4: ["23.40.1.2", "23.40.7.9", "23.33.0.1", "8.8.8.8", "1.1.1.1"],
    6: ["2600:1400::1", "2606:4700::1111"],
}
HOSTS = [
    *("any", "any", "any", "<cdn>", "! <cdn>", "<office>", "! <office>", "<none>", "23.32.0.0/11", "! 8.8.8.0/24"),
    *("192.168.7.0/24", "2600:1400::/24"),
]
PORTS = [
    None,
    None,
    ("=", 443, 0),
    ("!=", 443, 0),
    ("<", 1024, 0),
    (">=", 443, 0),
    (":", 80, 443),
    ("><", 80, 443),
    ("<>", 80, 443),
]
IFACES = ["", "", "em1", "em0", "! em0", "! em1"]


def some_rule(random: Random, depth: int = 0) -> PfRule:
    shape: dict[str, Any] = {
        "direction": random.choice(("", "in", "out")),
        "quick": random.random() < 0.3,
        "iface": random.choice(IFACES),
        "family": random.choice(("", "", "inet", "inet6")),
        "proto": random.choice(("", "tcp", "udp")),
    }
    if depth < 2 and random.random() < 0.15:
        inner = tuple(some_rule(random, depth + 1) for _ in range(random.randrange(3)))
        return PfRule(f'anchor "a{depth}/*"', inner=inner, **shape)
    action = random.choice(("pass", "pass", "block drop", "block return"))
    shape |= {"src": random.choice(HOSTS), "dst": random.choice(HOSTS), "flags": random.choice(("S/SA", "any", ""))}
    if shape["proto"]:
        shape["port"] = random.choice(PORTS)
    return PfRule(action, **shape)


def some_mapping(random: Random) -> PfRule:
    action = random.choice(("rdr", "rdr pass", "no rdr"))
    number = random.randrange(250)
    target = None if action == "no rdr" else (f"192.0.2.{number}", random.choice((0, 3128 + number)))
    return PfRule(
        action,
        iface=random.choice(("em1", "em0")),
        family="inet",
        proto=random.choice(("tcp", "udp")),
        src=random.choice(HOSTS[:6]),
        dst=random.choice((*HOSTS[:6], "23.32.0.0/11")),
        port=random.choice(PORTS[1:3]),
        target=target,
    )


def gateway(rules: str, translations: str = "", tables: str = "", interfaces: str = "") -> Gateway:
    given = {pf.RULES: rules, pf.NAT: translations, pf.TABLES: tables, pf.INTERFACES: interfaces}
    artifacts = {name: Artifact(name, Status.OK, text.encode()) for name, text in given.items()}
    return catalog.read(Snapshot(datetime(2026, 11, 23, tzinfo=UTC), {}, artifacts), frozenset())


def tables_text() -> str:
    return "".join(
        f"table <{name}>\n" + "".join(f"   {entry}\n" for entry in entries) for name, entries in TABLES.items()
    )


def answer(one: Gateway, packet: Packet, came: str = "em1", leaves: str = "em0") -> Answer:
    line = {"in_iface": came, "out_iface": leaves, "src": packet.src, "dst": packet.dst, "proto": packet.proto}
    flow = read_flow(json.dumps(line | {"sport": packet.sport, "dport": packet.dport}).encode(), 1)
    return Tracer(one).answer(flow)


VERDICTS = {"pass": "accept", "block drop": "drop", "block return": "reject"}


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_agrees_with_the_manual_page(seed: int) -> None:
    random = Random(seed)
    rules = [some_rule(random) for _ in range(random.randrange(1, 9))]
    mappings = [some_mapping(random) for _ in range(random.choice((0, 0, 1, 3)))]
    text = "\n".join(rule.text() for rule in rules)
    one = gateway(text, "\n".join(rule.text() for rule in mappings), tables_text())
    reference = Pf(rules, mappings, TABLES)
    for _ in range(12):
        family = random.choice((4, 4, 6))
        packet = Packet(
            random.choice(SOURCES[family]),
            random.choice(DESTINATIONS[family]),
            random.choice(("tcp", "udp")),
            40000,
            random.choice((22, 80, 443, 5000)),
        )
        came, leaves = random.choice((("em1", "em0"), ("em0", "em1")))
        found = answer(one, packet, came, leaves)
        redirected = any(rule.target and reference.matches(rule, packet, "in", came) for rule in mappings)
        if redirected and found.verdict == "unknown":
            continue  # without routes nobody knows where it goes then
        assert found.verdict == VERDICTS[reference.forward(packet, came, leaves)], (text, packet, came)


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_the_proof_agrees_at_every_boundary(seed: int) -> None:
    random = Random(seed)
    rules = [some_rule(random) for _ in range(random.randrange(1, 9))]
    one = gateway("\n".join(rule.text() for rule in rules), "", tables_text())
    reference = Pf(rules, [], TABLES)
    src = random.choice(SOURCES[4])
    reach = Prover(one).reach(Question(4, 6, 443, "em1", address_value(src)[1], "em0"))
    parts = {"accept": reach.accept, "drop": reach.drop, "reject": reach.reject, "unknown": reach.unknown}
    for verdict, part in parts.items():
        for low, high in part:
            for point in (low, high):
                packet = Packet(src, address_text(point, 4), "tcp", 40000, 443)
                assert VERDICTS[reference.forward(packet, "em1", "em0")] == verdict


OPNSENSE = """
scrub on em0 all fragment reassemble
block drop in log inet all label "Default deny rule IPv4"
block drop in log quick inet from <bogons> to any label "bogons"
pass in quick on lo0 all flags S/SA keep state label "pass loopback"
anchor "userrules/*" all {
  pass in quick on em1 inet proto udp from any to any port = domain keep state
}
block drop in quick on em1 inet from any to 23.32.0.0/11 label "USER_RULE: no cdn" ridentifier 1700000001
pass in quick on em1 route-to (em0 198.51.100.1) inet from (em1:network) to any flags S/SA keep state label "lan"
pass out route-to (em0 198.51.100.1) inet from (em0) to ! (em0:network) flags S/SA keep state allow-opts
block drop out inet from 192.168.0.0/16 to any
"""
NAT = 'nat-anchor "x/*" all {\n}\nnat on em0 inet from 192.168.7.0/24 to any -> (em0:0) port 1024:65535 round-robin\n'
IFCONFIG = """em0: flags=8843<UP,BROADCAST,RUNNING> metric 0 mtu 1500
\tinet 198.51.100.2 netmask 0xffffff00 broadcast 198.51.100.255
\tgroups: WAN_GROUP
em1: flags=8843<UP,BROADCAST,RUNNING> metric 0 mtu 1500
\tinet6 fe80::1%em1 prefixlen 64 scopeid 0x2
\tinet 192.168.7.1 netmask 0xffffff00 broadcast 192.168.7.255
\tgroups: LAN_GROUP
"""


@pytest.mark.parametrize(
    ("dst", "proto", "port", "verdict", "line"),
    [
        ("23.40.1.2", "tcp", 443, "drop", 9),
        ("8.8.8.8", "tcp", 443, "accept", 11),
        ("8.8.8.8", "udp", 53, "accept", 11),
    ],
)
def test_opnsense(dst: str, proto: str, port: int, verdict: str, line: int) -> None:
    """Inside it is one rule, outside the source is the gateway's own address."""
    one = gateway(OPNSENSE, NAT, "table <bogons>\n   0.0.0.0/8\n", IFCONFIG)
    found = answer(one, Packet("192.168.7.20", dst, proto, 40000, port))
    assert (found.verdict, found.source and found.source.line) == (verdict, line)


def test_what_was_not_listed_is_named() -> None:
    one = gateway("block drop all\npass in quick on em1 from any to <cloud> keep state\npass out all")
    found = answer(one, Packet("192.168.7.20", "8.8.8.8", "tcp", 40000, 443))
    assert found.verdict == "unknown"
    assert any("table <cloud> is not listed" in why for why in found.why)
    one = gateway('block drop all\nanchor "ipsec/*" all\npass out all')
    found = answer(one, Packet("192.168.7.20", "8.8.8.8", "tcp", 40000, 443))
    assert any('the rules of anchor "ipsec/*" are not listed' in why for why in found.why)


def test_what_cannot_be_known_is_followed_both_ways() -> None:
    for words in (
        "probability 50%",
        "user = root",
        "keep state (max-src-conn 5)",
        "tagged x",
        "fancy",
        "port = nonsense",
    ):
        one = gateway(f"block drop all\npass quick proto tcp from any to any {words}\npass tag x out proto gre all")
        assert answer(one, Packet("192.168.7.20", "8.8.8.8", "tcp", 40000, 443)).verdict == "unknown", words


def test_groups_of_interfaces() -> None:
    one = gateway("block drop all\npass quick on LAN_GROUP all\npass quick on em all", "", "", IFCONFIG)
    assert answer(one, Packet("192.168.7.20", "8.8.8.8", "tcp", 40000, 443)).verdict == "accept"
    one = gateway("block drop all\npass in quick on WAN_GROUP all\npass out all", "", "", IFCONFIG)
    assert answer(one, Packet("192.168.7.20", "8.8.8.8", "tcp", 40000, 443)).verdict == "drop"


def test_replies_belong_to_the_state() -> None:
    one = gateway(
        "block drop all\npass in quick on em1 all flags S/SA keep state\npass out quick on em0 all keep state"
    )
    line = {
        "in_iface": "em0",
        "out_iface": "em1",
        "src": "8.8.8.8",
        "dst": "192.168.7.20",
        "proto": "tcp",
        "dport": 40000,
    }
    flow = read_flow(json.dumps(line | {"sport": 443, "ct_state": "established", "tcp_flags": ["ack"]}).encode(), 1)
    assert Tracer(one).answer(flow).verdict == "accept"
    stateless = gateway("block drop all\npass in quick on em1 all no state\npass out quick on em0 all no state")
    assert Tracer(stateless).answer(flow).verdict == "unknown"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("block drop in all\n", pf.RULES),
        ("scrub on em0 all\n", pf.RULES),
        ('\n# pf\nanchor "x" all\n', pf.RULES),
        ("nat on em0 inet from any to any -> 1.2.3.4\n", pf.NAT),
        ("no rdr on em0 all\n", pf.NAT),
        ("table <bogons>\n   10.0.0.0/8\n", pf.TABLES),
        ("blocked by us\n", None),
        ("*filter\n", None),
    ],
)
def test_dumps_are_recognised(text: str, name: str | None) -> None:
    assert pf.recognise(text.encode()) == name


@pytest.mark.parametrize("text", ["}\n", 'anchor "x" all {\n'])
def test_a_cut_listing_is_a_gap(text: str) -> None:
    assert gateway(text).firewall.gaps
