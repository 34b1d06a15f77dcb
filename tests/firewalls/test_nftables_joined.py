"""Neighbouring ``!=``: which ones nft joins, asked of nft itself, and what a listing of them leaves open."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from agent.firewalls.nftables.joined import PLACES, may_join, runs
from agent.judge.trace import Tracer
from tests.judge.build import FORWARD, accept, drop, flow, gateway, match, ruleset
from tests.kernel import needs

NEIGHBOURS = [
    f"{header} {one} != {_value} {header} {other} != {_value}"
    for header, fields in PLACES.items()
    for one, other in pairwise(fields)
    for _value in ("1:2:3:4:5:6" if header == "ether" and other != "type" else "1",)
] + [
    "ip saddr != 1.2.3.4 ip daddr != 5.6.7.8",
    "ip6 saddr != ::1 ip6 daddr != ::2",
    "ip6 hoplimit != 6 ip6 saddr != ::1",
    "ether saddr != 1:2:3:4:5:6 ether type != 0x88cc",
    "ip ttl != 5 ip protocol != 6 ip checksum != 1",
    "udp sport != 1 udp dport != 2 udp length != 3",
    "tcp dport != 2 meta mark 1 tcp sport != 1",
    "tcp dport != 2 counter tcp sport != 1",
    "tcp sport != { 1, 7 } tcp dport != 2",
    "tcp sport != 1-7 tcp dport != 2",
    "tcp sport 1 tcp dport != 2",
]  # fmt: skip
PORTS = [match("tcp", "sport", 22, "!="), match("tcp", "dport", 80, "!=")]


@needs.kernel[0]
@needs.kernel[1]
def test_nft_joins_what_we_say() -> None:
    with needs.gateway() as shell:
        assert shell("nft add table inet t; nft add chain inet t f").returncode == 0
        for rule in NEIGHBOURS:
            added = shell(f"nft flush chain inet t f; nft --debug=netlink add rule inet t f '{rule}'")
            if added.returncode != 0 or ("ether type" in rule and "cmp neq" not in added.stdout):
                continue  # an older nft does not know the field
            listing = json.loads(shell("nft -j list table inet t").stdout)["nftables"]
            (expr,) = (one["rule"]["expr"] for one in listing if "rule" in one)
            compared = sum("!=" in json.dumps(one) for one in expr)
            joined = (
                sum(last - first - 1 for first, last in runs(expr))
                if may_join(listing[0]["metainfo"]["version"])
                else 0
            )
            loaded = added.stdout.count("cmp neq") + added.stdout.count("range neq") + added.stdout.count("0x1 ]")
            assert loaded == compared - joined, f"{rule}\n{added.stdout}"


def verdict(version: str, rule: list[dict[str, Any]], **fields: Any) -> tuple[str, str]:
    data = ruleset({"forward": [[*rule, drop()], [accept()]]}, {"forward": FORWARD | {"policy": "drop"}})
    data = data.replace(b'"json_schema_version"', b'"version": "%s", "json_schema_version"' % version.encode())
    answer = Tracer(gateway(data)).answer(flow(**fields))
    return answer.verdict, " ".join(answer.why)


@pytest.mark.parametrize(
    ("sport", "dport", "old", "new"),
    [(22, 80, "accept", "accept"), (5, 80, "unknown", "accept"), (22, 5, "unknown", "accept"), (5, 5, "drop", "drop")],
)
def test_open_where_just_one_field_differs(sport: int, dport: int, old: str, new: str) -> None:
    found, why = verdict("1.0.6", PORTS, sport=sport, dport=dport)
    assert found == old
    assert ("nft joined" in why) == (old == "unknown")
    assert verdict("1.1.3", PORTS, sport=sport, dport=dport)[0] == new


def test_other_comparisons_mean_what_they_say() -> None:
    apart = [PORTS[0], {"counter": {"packets": 0, "bytes": 0}}, PORTS[1]]
    assert verdict("1.0.6", apart, sport=5, dport=80)[0] == "accept"
    backwards = PORTS[::-1]  # nft lists what it joined in the order of the header
    assert verdict("1.0.6", backwards, sport=5, dport=80)[0] == "accept"
    alone = [match("tcp", "sport", 22), PORTS[1]]
    assert verdict("1.0.6", alone, sport=5, dport=5)[0] == "accept"


@pytest.mark.parametrize(
    ("version", "joins"),
    [("1.0.6", True), ("0.9.8", True), ("1.0.9", True), ("1.1.0", False), ("1.1", False), ("2.0", False), (None, True)],
)
def test_versions(version: str | None, joins: bool) -> None:
    assert may_join(version) is joins
