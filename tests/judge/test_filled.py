"""Which sets the names of a requirement get into."""

from __future__ import annotations

import pytest

from agent.judge.filled import Target, fills
from agent.model.naming import FilledSet
from agent.model.requirement import Requirement
from agent.model.source import Source

SOURCE = Source("files/etc/dnsmasq.conf", "", 1)


def filled(name: str, *domains: str) -> FilledSet:
    return FilledSet(name, "inet filter", domains, SOURCE, 4)


@pytest.mark.parametrize(
    ("pattern", "sets", "always", "at_times"),
    [
        ("*.livechat.com", [filled("a", "livechat.com")], "a", ""),
        ("api.livechat.com", [filled("a", "livechat.com")], "a", ""),
        ("*.livechat.com", [filled("a", "com")], "a", ""),
        ("*.livechat.com", [filled("a", "#")], "a", ""),
        ("*.livechat.com", [filled("a", "")], "a", ""),
        ("*.livechat.com", [filled("a", "chat.com")], "", ""),
        ("*.livechat.com", [filled("a", "api.livechat.com")], "", "a"),
        ("livechat.com", [filled("a", "api.livechat.com")], "", ""),
        ("*.livechat.com", [filled("a", "livechat.com"), filled("b", "livechat.com")], "ab", ""),
        ("*.livechat.com", [filled("a", "livechat.com"), filled("b", "com")], "a", ""),
        ("*.livechat.com", [filled("a", "livechat.com"), filled("b", "api.livechat.com")], "", "ab"),
        ("*.livechat.com", [filled("a", "livechat.com", "api.livechat.com")], "a", ""),
        ("*.livechat.com", [], "", ""),
    ],
)
def test_a_name_gets_into_the_sets_of_the_longest_domain(
    pattern: str, sets: list[FilledSet], always: str, at_times: str
) -> None:
    def targets(names: str) -> frozenset[Target]:
        return frozenset(Target("inet filter", name, 4) for name in names)

    assert fills(sets, Requirement("p", pattern, ())) == (targets(always), targets(at_times))
