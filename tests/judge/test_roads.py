"""Roads: by NAT to a proxy, by asking one, and what each stage says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.judge.verdicts import judge
from agent.model.gateway import Gateway, Zone
from agent.model.intervals import Intervals, address_value
from agent.model.network import Address, Interface, Listener, Network, Route
from agent.model.pac import Pac, PacRule
from agent.model.proxy import (
    ALLOWED,
    DENIED,
    PASS,
    SAME_ADDRESS,
    Act,
    Clients,
    Door,
    Form,
    Names,
    Not,
    Open,
    Proxy,
    ProxyRule,
    ProxyStage,
    Ruling,
    Targets,
    Urls,
)
from agent.model.requirement import PortNeed, Requirement
from agent.model.resolver import NameSet, Scope
from agent.model.source import Source
from agent.model.vocabulary import HOST, Reach
from tests.judge.build import accept, drop, gateway, match, meta, ruleset

NEED = Requirement("p", "*.livechat.com", (PortNeed("tcp", 443),), apex=True)
LIST = Source("files/etc/squid/squid.conf", "http_access allow chat", 3)
END = Source("files/etc/squid/squid.conf", "http_access deny all", 4)
WHOLE = Names((NameSet(Scope.SUBTREE, "livechat.com"),))


def network() -> Network:
    def link(name: str, index: int, text: str) -> Interface:
        value = address_value(text)[1]
        low = value & ~0xFF
        return Interface(name, index, up=True, addresses=(Address(4, value, (low, low | 0xFF), 24),))

    return Network(
        (link("lan0", 2, "192.168.7.1"), link("wan0", 3, "198.51.100.2")),
        (
            Route(4, "main", (0, 0xFFFFFFFF), 0, devices=("wan0",)),
            Route(4, "main", (0xC0A80700, 0xC0A807FF), 24, devices=("lan0",)),
            Route(4, "local", (0xC0A80701, 0xC0A80701), 32, "local", ("lan0",)),
            Route(4, "local", (0xC6336402, 0xC6336402), 32, "local", ("wan0",)),
        ),
        (),
        {"net.ipv4.ip_forward": "1", "net.ipv4.conf.lan0.forwarding": "1", "net.ipv4.conf.wan0.forwarding": "1"},
        known=True,
    )


def home(*proxies: Proxy, nat: bool = False, forward: bool = True, inside: bool = True) -> Gateway:
    """A gateway; ``nat`` sends the web to port 3128, ``forward`` and ``inside`` say what the packet filter lets by."""
    chains = {"forward": [[accept() if forward else drop()]], "input": [[accept() if inside else drop()]]}
    bases = {
        "forward": {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"},
        "input": {"type": "filter", "hook": "input", "prio": 0, "policy": "accept"},
    }
    if nat:
        redirect = {"redirect": {"port": 3128}}
        chains["pre"] = [[meta("iifname", "lan0"), match("tcp", "dport", 443), redirect]]
        bases["pre"] = {"type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}
    found = gateway(ruleset(chains, bases), network())
    clients = ((4, Intervals.span(0xC0A80702, 0xC0A807FE)),)
    return replace(found, proxies=proxies, zones=(Zone("lan0", "lan0", clients), Zone(HOST, None)))


def squid(form: Form, *rules: ProxyRule, otherwise: Ruling = DENIED) -> Proxy:
    stage = ProxyStage("http_access", rules, otherwise, END)
    return Proxy("squid", (Door(Listener("tcp", "*", 3128), ((form, (stage,)),)),))


def verdicts(one: Gateway, need: Requirement = NEED) -> dict[tuple[str, str], tuple[Reach, str]]:
    return {
        (judged.zone, judged.road): (judged.verdict, judged.because)
        for judged in judge(one, (need,)).judgements
        if judged.family == 4
    }


def test_what_nat_sends_to_a_proxy_is_decided_there() -> None:
    found = verdicts(home(squid(Form.TLS, ProxyRule(WHOLE, ALLOWED, LIST)), nat=True))
    assert found["lan0", "transparent-proxy"][0] is Reach.ALLOWED
    found = verdicts(home(squid(Form.TLS), nat=True))
    assert found["lan0", "transparent-proxy"] == (
        Reach.BLOCKED,
        f"every name is denied by squid http_access: {END}",
    )


def test_a_proxy_that_serves_no_such_requests_blocks_them() -> None:
    found = verdicts(home(squid(Form.HTTP), nat=True))
    assert found["lan0", "transparent-proxy"][0] is Reach.BLOCKED


def test_nat_to_where_nobody_is_known_to_listen_is_unknown() -> None:
    assert verdicts(home(nat=True))["lan0", "transparent-proxy"][0] is Reach.UNKNOWN


def test_an_explicit_proxy_is_a_road_of_its_own() -> None:
    proxy = squid(Form.CONNECT, ProxyRule(WHOLE, ALLOWED, LIST))
    found = verdicts(home(proxy, forward=False))
    assert found["lan0", "direct"][0] is Reach.BLOCKED
    assert found["lan0", "proxy:192.168.7.1:3128"][0] is Reach.ALLOWED


@pytest.mark.parametrize("by_script", [False, True])
def test_clients_ask_a_proxy_from_addresses_of_its_family(by_script: bool) -> None:
    lan = Clients(((4, Intervals.span(0xC0A80700, 0xC0A807FF)),))
    one = home(squid(Form.CONNECT, ProxyRule(lan, ALLOWED, LIST)), forward=False)
    zone = replace(one.zones[0], sources=(*one.zones[0].sources, (6, Intervals.span(1 << 100, (1 << 100) + 9))))
    always = PacRule(NameSet(Scope.SUBTREE, ""), 443, ("PROXY 192.168.7.1:3128",))
    pacs = (Pac(Source("files/var/www/html/wpad.dat", ""), (always,)),) if by_script else ()
    found = verdicts(replace(one, zones=(zone, one.zones[1]), pacs=pacs))
    assert found["lan0", "proxy:192.168.7.1:3128"][0] is Reach.ALLOWED


@pytest.mark.parametrize(
    ("forward", "ruling", "verdict"),
    [
        (True, ALLOWED, Reach.ALLOWED),
        (False, ALLOWED, Reach.PARTIAL),
        (True, DENIED, Reach.PARTIAL),
        (False, DENIED, Reach.BLOCKED),
    ],
)
def test_a_script_that_parts_names_closes_those_whose_way_is_closed(
    forward: bool, ruling: Ruling, verdict: Reach
) -> None:
    script = Pac(
        Source("files/var/www/html/wpad.dat", ""),
        (
            PacRule(NameSet(Scope.BELOW, "livechat.com"), 443, ("DIRECT",)),
            PacRule(NameSet(Scope.SUBTREE, ""), 443, ("PROXY 192.168.7.1:3128",)),
        ),
    )
    one = home(squid(Form.CONNECT, ProxyRule(WHOLE, ruling, LIST)), forward=forward)
    ((_, found),) = [
        (road, told[0]) for (zone, road), told in verdicts(replace(one, pacs=(script,))).items() if zone == "lan0"
    ]
    assert found is verdict


def test_a_proxy_that_clients_cannot_reach_is_no_road() -> None:
    found = verdicts(home(squid(Form.CONNECT, ProxyRule(WHOLE, ALLOWED, LIST)), inside=False))
    assert {road for _, road in found} == {"direct"}


def test_names_clients_and_addresses_that_are_treated_apart_are_told() -> None:
    some = Names((NameSet(Scope.EXACT, "cdn.livechat.com"),))
    found = verdicts(home(squid(Form.TLS, ProxyRule(some, DENIED, END), otherwise=PASS), nat=True))
    verdict, because = found["lan0", "transparent-proxy"]
    assert (verdict, because) == (Reach.PARTIAL, f"cdn.livechat.com is denied by squid http_access: {END}")
    guests = Clients(((4, Intervals.span(0xC0A80780, 0xC0A807FF)),))
    found = verdicts(home(squid(Form.TLS, ProxyRule(guests, DENIED, END), otherwise=PASS), nat=True))
    verdict, because = found["lan0", "transparent-proxy"]
    assert verdict is Reach.PARTIAL
    assert because.startswith("every name for clients 192.168.7.128/26, 192.168.7.192/27 and ")
    bad = Targets(((4, Intervals.span(0x17200000, 0x173FFFFF)),))
    found = verdicts(home(squid(Form.TLS, ProxyRule(bad, DENIED, END), otherwise=PASS), nat=True))
    assert found["lan0", "transparent-proxy"] == (
        Reach.PARTIAL,
        f"every name at 23.32.0.0/11 is denied by squid http_access: {END}",
    )


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ((ProxyRule(Open("time", "the time of day"), ALLOWED, LIST),), Reach.UNKNOWN),
        ((ProxyRule(Open("user", "who it is"), ALLOWED, LIST), ProxyRule(WHOLE, ALLOWED, END)), Reach.ALLOWED),
        (
            (ProxyRule(Not(Open("user", "")), DENIED, LIST), ProxyRule(Not(Open("user", "")), ALLOWED, LIST)),
            Reach.BLOCKED,
        ),
    ],
)
def test_what_cannot_be_known_is_followed_both_ways(rules: tuple[ProxyRule, ...], verdict: Reach) -> None:
    found = verdicts(home(squid(Form.TLS, *rules), nat=True))
    assert found["lan0", "transparent-proxy"][0] is verdict


def test_other_addresses_than_the_clients_are_unknown_without_one_resolver_for_both() -> None:
    forged = ProxyRule(Not(Open(SAME_ADDRESS, "the proxy may find another address")), DENIED, LIST)
    found = verdicts(home(squid(Form.TLS, forged, otherwise=PASS), nat=True))
    assert found["lan0", "transparent-proxy"][0] is Reach.UNKNOWN


def test_the_packet_filter_behind_a_proxy_counts() -> None:
    one = home(squid(Form.CONNECT, ProxyRule(WHOLE, ALLOWED, LIST)))
    chains = {"out": [[match("tcp", "dport", 443), drop()]]}
    bases = {"out": {"type": "filter", "hook": "output", "prio": 0, "policy": "accept"}}
    closed = replace(one, firewall=gateway(ruleset(chains, bases)).firewall)
    verdict, because = verdicts(closed)["lan0", "proxy:192.168.7.1:3128"]
    assert verdict is Reach.BLOCKED
    assert "tcp dport 443 drop" in because


def test_every_stage_is_told_also_behind_the_one_that_stops_it() -> None:
    one = home(squid(Form.CONNECT))
    (judged,) = [
        found for found in judge(one, (NEED,)).judgements if found.road.startswith("proxy:") and found.family == 4
    ]
    assert [(hop.stage, hop.verdict) for hop in judged.hops] == [
        ("squid http_access", "blocked"),
        ("squid's names", "allowed"),
        ("packet filter, from squid", "allowed"),
    ]
    assert judged.hops[0].sources == (END,)


def test_a_chain_of_proxies_here_is_followed() -> None:
    inner = squid(Form.CONNECT)
    passing = ProxyStage("forward", (), Ruling(PASS.act, upstream="127.0.0.1:3128"), LIST)
    outer = Proxy("privoxy", (Door(Listener("tcp", "192.168.7.1", 8118), ((Form.CONNECT, (passing,)),)),))
    one = home(inner, outer)
    loop = Route(4, "local", (0x7F000000, 0x7FFFFFFF), 8, "local", ("lo",))
    one = replace(one, network=replace(one.network, routes=(*one.network.routes, loop)))
    verdict, because = verdicts(one)["lan0", "proxy:192.168.7.1:8118"]
    assert verdict is Reach.BLOCKED
    assert "squid http_access" in because


def test_names_are_told_apart_by_patterns_of_urls() -> None:
    from agent.model.regular import Dialect, pattern  # noqa: PLC0415 - this test alone

    ads = Urls((pattern("^http://ads", Dialect.POSIX_EXTENDED),), "http://", "/", path=True)
    need = replace(NEED, ports=(PortNeed("tcp", 80),))
    one = home(squid(Form.GET, ProxyRule(ads, DENIED, LIST), otherwise=PASS))
    verdict, because = verdicts(one, need)["lan0", "proxy:192.168.7.1:3128"]
    assert verdict is Reach.PARTIAL
    assert "names like ads.livechat.com" in because


@pytest.mark.parametrize(
    ("upstreams", "verdict"),
    [
        (["10.0.0.5:443", "10.0.0.6:993"], Reach.BLOCKED),
        (["10.0.0.5:3128"], Reach.UNKNOWN),
        (["10.0.0.5:443", ""], Reach.ALLOWED),
        (["192.168.7.1:9999"], Reach.ALLOWED),
        (["127.0.0.1:9999"], Reach.UNKNOWN),
        (["172.17.0.2:9999"], Reach.UNKNOWN),
    ],
)
def test_what_hands_all_on_to_servers_is_no_proxy(upstreams: list[str], verdict: Reach) -> None:
    rules = [
        ProxyRule(Names((NameSet(Scope.SUBTREE, f"{at}.example"),)), Ruling(Act.ALLOW, upstream=one), LIST)
        for at, one in enumerate(upstreams[:-1])
    ]
    stage = ProxyStage("backend", tuple(rules), Ruling(Act.ALLOW, upstream=upstreams[-1]))
    front = Proxy("haproxy", (Door(Listener("tcp", "0.0.0.0", 8443), ((Form.CONNECT, (stage,)),), hands_on=True),))  # noqa: S104
    behind = Door(Listener("tcp", "0.0.0.0", 9999), ((Form.CONNECT, (ProxyStage("all", (), ALLOWED),)),))  # noqa: S104
    contained = Proxy("tinyproxy", (), addresses=("172.17.0.2",))
    found = judge(home(front, Proxy("squid", (behind,)), contained, forward=False), (NEED,)).judgements
    roads = {one.road: one.verdict for one in found if (one.zone, one.family) == ("lan0", 4)}
    assert roads.get("proxy:192.168.7.1:8443", roads["direct"]) is verdict


def test_where_a_door_may_send_requests() -> None:
    away, near = Ruling(Act.ALLOW, upstream="10.0.0.5:443"), Ruling(Act.ALLOW, upstream="10.0.0.6:443")
    first = ProxyStage("a", (ProxyRule(WHOLE, near, LIST), ProxyRule(WHOLE, Ruling(Act.NEXT, skips=1), LIST)))
    for stages, places in (
        ((first, ProxyStage("b", (), away)), {"10.0.0.5:443", "10.0.0.6:443", ""}),
        ((replace(first, rules=first.rules[:1]), ProxyStage("b", (), away)), {"10.0.0.5:443", "10.0.0.6:443"}),
        ((ProxyStage("b", (ProxyRule(WHOLE, away, LIST),)),), {"10.0.0.5:443", ""}),
        ((ProxyStage("b", (), DENIED),), set()),
        ((), {""}),
    ):
        door = Door(Listener("tcp", "*", 8443), ((Form.TLS, stages),))
        assert door.sends_to(Form.TLS, Form.CONNECT) == places
