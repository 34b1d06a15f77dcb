"""A walk follows what is not known both ways, and asks about it once."""

from __future__ import annotations

import pytest

from agent.model.course import Ask, walk
from agent.model.intervals import Intervals
from agent.model.proxy import ALLOWED, DENIED, Act, Agents, Clients, Form, ProxyRule, ProxyStage, Targets, Test, Urls
from agent.model.regular import Dialect, pattern
from agent.model.source import Source

SOME = ((4, Intervals.span(0x0A000000, 0x0AFFFFFF)),)
FIREFOX = pattern("Firefox", Dialect.PCRE)
PAGE = pattern("/page", Dialect.PCRE)


@pytest.mark.parametrize("test", [Clients(SOME), Targets(SOME), Agents((FIREFOX,)), Urls((PAGE,), path=True)])
def test_what_a_request_leaves_open_goes_two_ways(test: Test) -> None:
    stage = ProxyStage("rules", (ProxyRule(test, DENIED, Source("a", "deny")),), ALLOWED)
    ways = walk((stage, stage), Ask(Form.GET, "livechat.com", 80))
    assert sorted(way.ruling.act for way in ways) == [Act.ALLOW, Act.DENY]
    assert {len(way.open_by) for way in ways} == {1}
