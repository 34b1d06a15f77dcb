"""Deny-lists by what they are about, sets that follow names, empty sets, names that were resolved once."""

from __future__ import annotations

from typing import Any

import pytest

from agent.model.expression import IntervalTable, NamedSet
from agent.model.intervals import Intervals
from agent.model.vocabulary import Severity
from agent.practice.lists import Nature, nature
from rules.practices import allow_rule_with_empty_set, firewall_rule_from_resolved_name, web_filtered_by_ip
from tests.judge.build import accept, drop, match
from tests.practices.case import case

WEB = match("tcp", "dport", {"set": [80, 443]})


def a_set(name: str, *elements: Any) -> dict[str, Any]:
    return {"name": name, "type": "ipv4_addr", "flags": ["interval"]} | ({"elem": list(elements)} if elements else {})


def to(name: str) -> dict[str, Any]:
    return match("ip", "daddr", f"@{name}")


def test_a_threat_list_weighs_less_and_says_what_it_is() -> None:
    attackers = a_set("firehol_level1", "23.40.1.2", "23.40.1.9")
    (hit,) = (
        hit
        for hit in web_filtered_by_ip.find(case([to("firehol_level1"), drop()], [accept()], sets=[attackers]))
        if hit.zone == "lan0"
    )
    assert hit.severity is Severity.LOW
    assert "(2 of them), by a threat list" in hit.summary
    assert hit.tool == "FireHOL IP lists"
    assert hit.commands == ("update-ipsets disable firehol_level1",)


def test_a_country_list_does_not() -> None:
    prefixes = [{"prefix": {"addr": f"{number}.0.0.0", "len": 12}} for number in range(11, 60)]
    (hit,) = (
        hit
        for hit in web_filtered_by_ip.find(case([to("x9"), drop()], [accept()], sets=[a_set("x9", *prefixes)]))
        if hit.zone == "lan0"
    )
    assert hit.severity is Severity.HIGH
    assert "by a country list" in hit.summary


@pytest.mark.parametrize(
    ("name", "count", "found"),
    [
        ("crowdsec-blacklists", 9, Nature.THREATS),
        ("spamhaus_drop", 9, Nature.THREATS),
        ("geoip_cn", 9, Nature.COUNTRIES),
        ("ru4", 9, Nature.COUNTRIES),
        ("partners", 9, Nature.OTHER),
        ("partners", 90, Nature.COUNTRIES),
    ],
)
def test_natures(name: str, count: int, found: Nature) -> None:
    keys = Intervals.of((number << 20, (number << 20) + 0x7FFFF) for number in range(200, 200 + count))
    assert nature(NamedSet(IntervalTable(keys), name, "inet filter")) is found


FILLED = {
    "/etc/dnsmasq.conf": b"# sets\nnftset=/a.example/4#inet#filter#chat\n",
    "/etc/dnsmasq.d/more.conf": b"ipset=/b.example/c.example/one,two\n",
    "/etc/unbound/unbound.conf": b'server:\n  local-zone: "d.example." ipset\nipset:\n  name-v4: "three"\n',
}


def test_sets_that_a_resolver_fills_are_not_blamed() -> None:
    rules = ([to("chat"), WEB, accept()],)
    chat = [a_set("chat", "23.40.1.2")]
    assert list(web_filtered_by_ip.find(case(*rules, sets=chat)))
    assert not list(web_filtered_by_ip.find(case(*rules, sets=chat, files=FILLED)))


def test_filled_sets_are_read_from_each_resolver() -> None:
    filled = case([accept()], files=FILLED).gateway.filled_sets
    assert [(one.name, one.table, one.domains) for one in filled] == [
        ("chat", "inet filter", ("a.example",)),
        ("one", "ipset", ("b.example", "c.example")),
        ("two", "ipset", ("b.example", "c.example")),
        ("three", "ipset", ("d.example",)),
    ]
    assert filled[0].source.line == 2


def test_an_empty_set_lets_nobody_pass() -> None:
    rules = ([to("chat"), WEB, accept()],)
    (hit,) = allow_rule_with_empty_set.find(case(*rules, sets=[a_set("chat")]))
    assert hit.subject == ("set", "inet filter chat")
    assert "ip daddr @chat tcp dport { 80, 443 } accept" in hit.summary
    assert not list(allow_rule_with_empty_set.find(case(*rules, sets=[a_set("chat", "23.40.1.2")])))
    assert not list(allow_rule_with_empty_set.find(case(*rules, sets=[a_set("chat")], files=FILLED)))
    ssh = [to("chat"), match("tcp", "dport", 22), accept()]
    assert not list(allow_rule_with_empty_set.find(case(ssh, sets=[a_set("chat")])))
    assert not list(allow_rule_with_empty_set.find(case([to("chat"), WEB, drop()], sets=[a_set("chat")])))


SCRIPT = b"""#!/bin/sh
# iptables -A FORWARD -d commented.example -j DROP
CHAT="api.a.example secure.a.example"
iptables -P FORWARD DROP
iptables -A FORWARD -p tcp \\
    -d "one.example" --dport 443 -j ACCEPT
for host in $CHAT; do
    iptables -A FORWARD -d $host -j ACCEPT
done
ipset add partners two.example
iptables -A FORWARD -d 23.40.1.2 -j ACCEPT
echo restored >/etc/iptables/rules.v4
"""


def test_names_in_scripts_are_found_with_their_lines() -> None:
    found = case([accept()], files={"/etc/firewall.sh": SCRIPT}).gateway.resolved_names
    assert [(one.name, one.source.line) for one in found] == [
        ("one.example", 5),
        ("api.a.example", 8),
        ("secure.a.example", 8),
        ("two.example", 10),
    ]


def test_names_in_nft_and_in_saved_rules() -> None:
    nft = b"table inet t {\n chain c {\n  ip daddr three.example accept # ip daddr no.example\n }\n}\n"
    saved = b"*filter\n-A FORWARD -d four.example/32 -j DROP\n-A FORWARD -s 192.0.2.1 -j DROP\nCOMMIT\n"
    found = case([accept()], files={"/etc/nftables.conf": nft, "/etc/iptables/rules.v4": saved}).gateway.resolved_names
    assert {one.name for one in found} == {"three.example", "four.example"}


def test_a_required_name_weighs_more() -> None:
    hits = list(firewall_rule_from_resolved_name.find(case([accept()], files={"/etc/firewall.sh": SCRIPT})))
    assert [hit.severity for hit in hits] == [None, Severity.HIGH, Severity.HIGH, None]
    assert "resolved just once" in hits[0].summary
