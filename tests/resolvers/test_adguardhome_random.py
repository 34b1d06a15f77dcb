"""Lists of AdGuard Home as rules, against one question at a time as it goes through urlfilter."""

from __future__ import annotations

import re
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.source import Source
from agent.resolvers.adguardhome.lines import FilterRule, parse
from agent.resolvers.adguardhome.patterns import expression
from tests.resolvers.test_adguardhome import NULL, answer, client, read

PATTERNS: Final = (
    "||livechat.com^", "||a.livechat.com^", "|livechat.com^", ".livechat.com^", "livechat.com^", "|a.livechat.com|",
    "||com^", "/(^|\\.)b\\.livechat\\.com$/", "*", "://b.livechat.com^",
)  # fmt: skip
MODIFIERS: Final = (
    "important", "badfilter", "dnstype=A", "dnstype=~AAAA", "denyallow=a.livechat.com", "denyallow=com",
    "client=10.0.0.0/8", "client=~10.1.0.0/16", "ctag=device_phone", "third-party", "dnsrewrite=10.9.9.9",
)  # fmt: skip
NAMES: Final = ("livechat.com", "a.livechat.com", "x.a.livechat.com", "b.livechat.com", "c.livechat.com")
CLIENTS: Final = {"10.0.0.1": {"10.0.0.0/8"}, "10.1.0.1": {"10.0.0.0/8", "10.1.0.0/16"}, "192.168.0.1": set[str]()}
PHONE: Final = "10.1.0.1"

line = st.builds(
    lambda sign, pattern, modifiers: sign + pattern + ("$" + ",".join(modifiers) if modifiers else ""),
    st.sampled_from(("", "", "@@")),
    st.sampled_from(PATTERNS),
    st.lists(st.sampled_from(MODIFIERS), max_size=2, unique_by=lambda text: text.partition("=")[0]),
)
lists = st.lists(line, max_size=5)


def fits(rule: FilterRule, name: str, family: int, who: str) -> bool:
    regex = expression(rule.pattern)
    tags = {"device_phone"} if who == PHONE else set[str]()
    return (
        regex is not None
        and re.search(regex, name) is not None
        and family in rule.families
        and not any(name == one or name.endswith("." + one) for one in rule.denyallow)
        and not CLIENTS[who].intersection(rule.clients.but)
        and (not rule.clients.given or bool(CLIENTS[who].intersection(rule.clients.given)))
        and (not rule.tags.given or bool(tags.intersection(rule.tags.given)))
    )


def parsed(lines: list[str]) -> list[FilterRule]:
    found = (parse(text, Source("list", text)) for text in lines)
    return [one for one in found if isinstance(one, FilterRule)]


def basic(rules: list[FilterRule], name: str, family: int, who: str) -> FilterRule | str | None:
    """The rule that decides, if any; ``?`` where versions differ."""
    fitting = [one for one in rules if fits(one, name, family, who)]
    bad = [one for one in fitting if one.badfilter]
    left = [one for one in fitting if not one.badfilter]
    negated = [
        one
        for one in left
        if any(
            (each.pattern, each.exception, each.important, each.clients, each.tags)
            == (one.pattern, one.exception, one.important, one.clients, one.tags)
            for each in bad
        )
    ]
    known = [one for one in rules if one.badfilter]
    if len(known) > 1 or any(one.denyallow for one in known):
        return "?"
    left = [one for one in left if one not in negated and one.rewrite is None]
    return max(left, key=lambda one: (one.important, one.exception), default=None)


def expected(blocking: list[str], allowing: list[str], name: str, family: int, who: str) -> str:
    allow = basic(parsed(allowing), name, family, who)
    if allow is not None:
        return "?" if allow == "?" else "passed-on"
    rules = parsed(blocking)
    rewriting = [one for one in rules if one.rewrite and fits(one, name, family, who)]
    if any(one.exception for one in rewriting) or (rewriting and any(one.badfilter for one in rules)):
        return "?"
    if rewriting:
        return "10.9.9.9" if family == 4 else "nodata"
    found = basic(rules, name, family, who)
    if found == "?":
        return "?"
    return "passed-on" if not isinstance(found, FilterRule) or found.exception else {4: NULL, 6: "::"}[family]


@settings(max_examples=150, deadline=None)
@given(lists, lists)
def test_each_question_fares_as_in_urlfilter(blocking: list[str], allowing: list[str]) -> None:
    document = {
        "user_rules": blocking,
        "whitelist_filters": [{"enabled": True, "id": 7}],
        "clients": {"persistent": [client("phone", PHONE, tags=["device_phone"])]},
    }
    found = read(document, {"/opt/AdGuardHome/data/filters/7.txt": "\n".join(allowing)})
    for who in CLIENTS:
        for name in NAMES:
            for family in (4, 6):
                theirs = expected(blocking, allowing, name, family, who)
                if theirs != "?":
                    assert answer(found, name, family, who) == theirs, (name, family, who)
