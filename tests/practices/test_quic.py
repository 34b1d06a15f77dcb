"""HTTP/3 that is dropped where TCP passes."""

from __future__ import annotations

from typing import Any

import pytest

from agent.model.requirement import PortNeed, Requirement
from rules.practices.quic_dropped_not_rejected import find
from tests.judge.build import accept, drop, match
from tests.practices.case import case

TCP = [match("tcp", "dport", {"set": [80, 443]}), accept()]
UDP = match("udp", "dport", 443)
CDN = match("ip", "daddr", {"prefix": {"addr": "23.32.0.0", "len": 11}})
NEED = Requirement("p", "*.a.example", (PortNeed("tcp", 443), PortNeed("udp", 443, required=False)))


def hits(*rules: list[dict[str, Any]], policy: str = "drop") -> list[Any]:
    """What is found from lan0."""
    return [hit for hit in find(case(*rules, policy=policy, need=NEED)) if hit.zone == "lan0"]


@pytest.mark.parametrize(
    ("rules", "policy", "text"),
    [
        ([TCP], "drop", "policy drop"),
        ([[UDP, drop()]], "accept", "udp dport 443 drop"),
        ([[CDN, UDP, drop()]], "accept", "ip daddr 23.32.0.0/11 udp dport 443 drop"),
    ],
)
def test_dropped_where_tcp_passes(rules: list[list[dict[str, Any]]], policy: str, text: str) -> None:
    (hit,) = hits(*rules, policy=policy)
    assert hit.sources[0].text == text
    assert text in hit.summary
    assert hit.ports == {"udp/443"}


def test_the_command_stands_before_the_policy() -> None:
    (hit,) = hits(TCP)
    assert hit.commands == ("nft add rule inet filter forward udp dport 443 reject",)


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        ([TCP, [UDP, {"reject": {"type": "icmpx", "expr": "port-unreachable"}}]], "drop"),
        ([TCP, [UDP, accept()]], "drop"),
        ([[drop()]], "accept"),  # nothing passes at all: that is another finding
        ([[CDN, drop()]], "accept"),
        ([], "accept"),
    ],
)
def test_near_misses(rules: list[list[dict[str, Any]]], policy: str) -> None:
    assert not hits(*rules, policy=policy)
