"""What proxies do that the vendors warn against."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agent.firewalls.owners import Owners
from agent.judge.verdicts import judge
from agent.model.evidence import Observed, Webhook
from agent.model.naming import Mistake
from agent.model.network import Listener
from agent.model.proxy import (
    ALLOWED,
    DENIED,
    PASS,
    Act,
    Agents,
    Door,
    Form,
    Names,
    Not,
    Open,
    Proxy,
    ProxyRule,
    ProxyStage,
    Ruling,
    Test,
)
from agent.model.requirement import PortNeed, Requirement
from agent.model.resolver import NameSet, Scope
from agent.model.source import Source
from agent.practice import Case
from rules.practices import (
    name_list_mistake,
    proxy_trusts_connect_host,
    required_domain_decrypted,
    tls_decrypted_everywhere,
    webhook_blocked_by_user_agent,
    webhook_trusted_by_user_agent,
)
from tests.judge.test_roads import home

if TYPE_CHECKING:
    from agent.model.gateway import Gateway

NEED = Requirement("p", "*.livechat.com", (PortNeed("tcp", 443),), apex=True, webhook_agents=("LiveChat webhook/1.0",))
BUMP = Source("files/etc/squid/squid.conf", "ssl_bump bump all", 5)
LINE = Source("files/etc/squid/squid.conf", "http_access allow chat", 3)
CHAT = Names((NameSet(Scope.SUBTREE, "livechat.com"),))
HELLO = Names((NameSet(Scope.SUBTREE, "livechat.com"),), hello=True)
ALL = Not(Names(()))
DECRYPTS = Ruling(Act.NEXT, decrypts=True)


def rule(test: Test, ruling: Ruling, source: Source = LINE) -> ProxyRule:
    return ProxyRule(test, ruling, source)


def stage(*rules: ProxyRule, otherwise: Ruling = PASS) -> ProxyStage:
    return ProxyStage("http_access", rules, otherwise)


def case(form: Form, *stages: ProxyStage, mistakes: tuple[Mistake, ...] = ()) -> Case:
    proxy = Proxy("squid", (Door(Listener("tcp", "*", 3128), ((form, stages),)),), mistakes=mistakes)
    gateway = home(proxy, nat=form in (Form.TLS, Form.HTTP))
    judged = judge(gateway, (NEED,))
    return Case(gateway, (NEED,), judged.judgements, judged.proofs, Owners(gateway.firewall), judged.prover)


def handing_on(gateway: Gateway) -> Gateway:
    """The same with a proxy that hands to fixed servers what it does not look into."""
    (proxy,) = gateway.proxies
    return replace(gateway, proxies=(replace(proxy, doors=tuple(replace(one, hands_on=True) for one in proxy.doors)),))


@pytest.mark.parametrize("form", [Form.CONNECT, Form.TLS])
def test_decrypted_everywhere(form: Form) -> None:
    (hit,) = tls_decrypted_everywhere.find(case(form, stage(rule(ALL, DECRYPTS, BUMP))))
    assert hit.sources == (BUMP,)
    assert "ssl_bump bump all" in hit.summary


@pytest.mark.parametrize(("place", "hits"), [("10.0.0.5:443", 0), ("", 1)])
def test_the_front_of_a_site_is_not_asked_by_connect(place: str, hits: int) -> None:
    found = case(Form.CONNECT, stage(rule(CHAT, Ruling(Act.ALLOW, upstream=place)), otherwise=DENIED))
    gateway = handing_on(found.gateway)
    assert len(list(proxy_trusts_connect_host.find(replace(found, gateway=gateway)))) == hits


@pytest.mark.parametrize("on_the_road", [False, True])
def test_the_front_of_a_site_counts_where_clients_are_led_to_it(on_the_road: bool) -> None:
    found = case(Form.TLS, stage(rule(ALL, DECRYPTS, BUMP), otherwise=Ruling(Act.ALLOW, upstream="10.0.0.5:443")))
    judgements = found.judgements if on_the_road else ()
    gateway = handing_on(found.gateway)
    assert (
        len(list(tls_decrypted_everywhere.find(replace(found, gateway=gateway, judgements=judgements)))) == on_the_road
    )


@pytest.mark.parametrize(
    "rules",
    [
        (rule(CHAT, DECRYPTS, BUMP),),
        (rule(Open("user", "who it is"), DECRYPTS, BUMP),),
        (rule(ALL, DENIED),),
        (),
    ],
)
def test_not_decrypted_everywhere(rules: tuple[ProxyRule, ...]) -> None:
    assert not list(tls_decrypted_everywhere.find(case(Form.CONNECT, stage(*rules))))


def test_a_required_domain_that_is_decrypted() -> None:
    (hit,) = required_domain_decrypted.find(case(Form.CONNECT, stage(rule(CHAT, DECRYPTS, BUMP))))
    assert (hit.subject, hit.zone, hit.sources) == (("domain", "*.livechat.com"), "lan0", (BUMP,))
    assert "ssl::server_name .livechat.com" in hit.remedy
    spliced = stage(rule(CHAT, PASS), rule(ALL, DECRYPTS, BUMP))
    assert not list(required_domain_decrypted.find(case(Form.CONNECT, spliced)))


def test_a_proxy_that_trusts_connect() -> None:
    by_name = stage(rule(CHAT, PASS), otherwise=DENIED)
    (hit,) = proxy_trusts_connect_host.find(case(Form.CONNECT, by_name))
    assert hit.sources == (LINE,)
    by_both = (by_name, stage(rule(HELLO, PASS), otherwise=DENIED))
    assert not list(proxy_trusts_connect_host.find(case(Form.CONNECT, *by_both)))
    blocking = stage(rule(CHAT, DENIED))
    assert not list(proxy_trusts_connect_host.find(case(Form.CONNECT, blocking))), "nothing is kept in"


class Says:
    """A pattern for one word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __contains__(self, text: str) -> bool:
        return self.word in text

    def begun(self, text: str) -> bool | None:
        return True if self.word in text else None


WEBHOOK = Agents((Says("webhook"),))


def test_webhooks_that_are_refused_by_their_user_agent() -> None:
    refusing = case(Form.HTTP, stage(rule(WEBHOOK, DENIED)))
    (hit,) = webhook_blocked_by_user_agent.find(refusing)
    assert "LiveChat webhook/1.0" in hit.summary
    assert hit.sources == (LINE,)
    assert hit.seen == ()
    assert not list(webhook_trusted_by_user_agent.find(refusing))


def test_how_webhooks_were_answered_speaks_for_it() -> None:
    calls = Webhook(pack="p", agent="LiveChat webhook/1.0", first=1.0, last=2.0, count=3, statuses=((403, 3),))
    other = Webhook(pack="p", agent="chatbot/1.0", first=1.0, last=2.0, count=9)
    seen = replace(
        case(Form.HTTP, stage(rule(WEBHOOK, DENIED))), observed=Observed(since=0.0, until=3.0, webhooks=(other, calls))
    )
    (hit,) = webhook_blocked_by_user_agent.find(seen)
    (sight,) = hit.seen
    assert dict(sight.data)["answers"] == {"403": 3}


def test_webhooks_that_are_trusted_for_their_user_agent() -> None:
    trusting = case(Form.HTTP, stage(rule(WEBHOOK, ALLOWED), otherwise=DENIED))
    (hit,) = webhook_trusted_by_user_agent.find(trusting)
    assert hit.sources == (LINE,)
    assert not list(webhook_blocked_by_user_agent.find(trusting))


@pytest.mark.parametrize("word", ["curl", "Mozilla"])
def test_other_user_agents_are_no_matter(word: str) -> None:
    other = case(Form.HTTP, stage(rule(Agents((Says(word),)), DENIED)))
    assert not list(webhook_blocked_by_user_agent.find(other))
    assert not list(webhook_trusted_by_user_agent.find(other))


def test_a_browser_is_no_webhook_and_what_is_open_is_not_blamed() -> None:
    unsure = case(Form.HTTP, stage(rule(Open("time", "the time"), DENIED), rule(WEBHOOK, DENIED)))
    assert [hit.sources for hit in webhook_blocked_by_user_agent.find(unsure)] == []


def test_mistakes_in_name_lists_are_told_with_their_remedy() -> None:
    star = Source("files/etc/squid/squid.conf", "acl chat dstdomain *.livechat.com", 2)
    mistake = Mistake("* is taken literally in dstdomain", "Write .livechat.com.", star)
    found = case(Form.CONNECT, stage(), mistakes=(mistake,))
    (hit,) = name_list_mistake.find(found)
    assert (hit.remedy, hit.sources) == ("Write .livechat.com.", (star,))
    assert not list(name_list_mistake.find(replace(found, gateway=home())))
