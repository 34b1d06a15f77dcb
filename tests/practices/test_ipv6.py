"""Rules that were written for IPv4 only: free over IPv6, or closed there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rules.practices.ipv6_forgotten import find
from tests.judge.build import accept, drop, match
from tests.practices.case import case

if TYPE_CHECKING:
    from agent.practice import Hit

CDN = match("ip", "daddr", {"prefix": {"addr": "23.32.0.0", "len": 11}})
FOUR = {"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": "ipv4"}}


def hits(*rules: list[dict[str, Any]], policy: str, ipv6: bool = True) -> list[Hit]:
    """What is found from lan0."""
    return [hit for hit in find(case(*rules, policy=policy, ipv6=ipv6)) if hit.zone == "lan0"]


def test_a_restriction_that_ipv6_walks_around() -> None:
    (hit,) = hits([CDN, drop()], policy="accept")
    assert "passes freely over IPv6, though IPv4 is restricted, by inet filter forward: policy accept" in hit.summary
    assert hit.families == {6}
    assert hit.ports == {"tcp/443"}


def test_ipv6_that_nobody_opened() -> None:
    (hit,) = hits([FOUR, accept()], policy="drop")
    assert "passes over IPv4, and all of IPv6 is stopped, by inet filter forward: policy drop" in hit.summary


def test_equal_treatment_is_none_of_it() -> None:
    assert not hits([accept()], policy="drop")
    assert not hits([drop()], policy="accept")
    assert not hits([FOUR, drop()], policy="drop")
    assert not hits([CDN, drop()], policy="accept", ipv6=False)
