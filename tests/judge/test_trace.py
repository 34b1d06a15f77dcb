"""One flow through small rulesets: finality, jumps, marks, doubts, and bad input."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import Malformed
from agent.judge.flow import read_flow
from agent.judge.trace import Tracer
from agent.model.gateway import Gateway
from agent.model.network import Interface, Network
from agent.model.source import Gap
from tests.judge.build import FORWARD, accept, drop, flow, forward, gateway, match, meta, ruleset

WEB = match("tcp", "dport", {"set": [80, 443]})
LIMIT = {"limit": {"rate": 10, "per": "second"}}
JUMP: dict[str, Any] = {"jump": {"target": "other"}}
GOTO: dict[str, Any] = {"goto": {"target": "other"}}
RETURN: dict[str, Any] = {"return": None}
MARK = {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 5}}


@pytest.mark.parametrize(
    ("rules", "others", "verdict"),
    [
        ([[WEB, accept()]], {}, "accept"),
        ([[match("tcp", "dport", 80), accept()]], {}, "drop"),
        ([[JUMP], [accept()]], {"other": [[drop()]]}, "drop"),
        ([[JUMP], [accept()]], {"other": [[RETURN], [drop()]]}, "accept"),
        ([[GOTO], [accept()]], {"other": [[RETURN]]}, "drop"),
        ([[JUMP], [accept()]], {"other": [[{"goto": {"target": "third"}}], [drop()]], "third": [[RETURN]]}, "accept"),
        ([[LIMIT, accept()], [accept()]], {}, "accept"),
        ([[LIMIT, accept()], [drop()]], {}, "unknown"),
        ([[LIMIT, {"log": None}], [accept()]], {}, "accept"),
        ([[MARK], [meta("mark", 5), accept()]], {}, "accept"),
        ([[MARK], [meta("mark", 6), accept()]], {}, "drop"),
        ([[LIMIT, MARK], [meta("mark", 5), accept()]], {}, "unknown"),
        ([[{"reject": {"type": "tcp reset"}}]], {}, "reject"),
        ([[match("ip", "daddr", "23.40.1.2", "!="), drop()], [accept()]], {}, "accept"),
        ([[match("ip6", "daddr", "2001:db8::1", "!="), drop()], [accept()]], {}, "accept"),
        ([[meta("iifname", "lan*"), accept()]], {}, "accept"),
        ([[meta("oifname", {"set": ["wan1", "ppp*"]}), accept()]], {}, "drop"),
        ([[{"something new": {}}], [accept()]], {}, "unknown"),
    ],
)
def test_verdicts(rules: list[Any], others: dict[str, Any], verdict: str) -> None:
    assert Tracer(forward(*rules, **others)).answer(flow()).verdict == verdict


def test_drop_in_one_chain_is_final_and_accept_is_not() -> None:
    two = ruleset(
        {"first": [[accept()]], "second": [[drop()]]},
        {"first": FORWARD | {"prio": -10}, "second": FORWARD | {"prio": 10}},
    )
    answer = Tracer(gateway(two)).answer(flow())
    assert (answer.verdict, answer.source and answer.source.chain) == ("drop", "second")


def test_the_last_registered_of_equal_priority_runs_first() -> None:
    two = ruleset(
        {"first": [[drop()]], "second": [[{"reject": {"type": "icmpx"}}]]}, {"first": FORWARD, "second": FORWARD}
    )
    assert Tracer(gateway(two)).answer(flow()).verdict == "reject"


def test_unknown_names_the_rule() -> None:
    answer = Tracer(forward([LIMIT, accept()])).answer(flow())
    assert answer.verdict == "unknown"
    assert any("limit rate 10/second accept" in why and "handle 101" in why for why in answer.why)


def test_without_routes_all_roads_must_agree() -> None:
    answer = Tracer(forward([WEB, accept()])).answer(flow(out_iface=None))
    assert (answer.verdict, answer.why) == ("accept", ())
    answer = Tracer(forward([meta("oifname", "wan0"), accept()])).answer(flow(out_iface=None))
    assert answer.verdict == "unknown"
    assert "no routing table" in answer.why


def test_what_could_not_be_read_is_never_an_accept() -> None:
    open_gateway = forward([accept()])
    blind = Gateway(type(open_gateway.firewall)(open_gateway.firewall.tables, (Gap("iptables-legacy", "denied"),)))
    assert Tracer(open_gateway).answer(flow()).verdict == "accept"
    assert Tracer(blind).answer(flow()).verdict == "unknown"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"dst":"1.2.3.4","proto":"tcp"}', "'dport' is missing"),
        (b'{"dst":"1.2.3.4","proto":"tcp","dport":70000}', "0 to 65535"),
        (b'{"dst":"x","proto":"tcp","dport":1}', "x"),
        (b'{"dst":"1.2.3.4","src":"::1","proto":"tcp","dport":1}', "different families"),
        (b'{"dst":"1.2.3.4","proto":"tcp","dport":1,"colour":"red"}', "unknown key 'colour'"),
        (b'{"dst":"1.2.3.4","proto":"tcp","dport":1,"tcp_flags":["sin"]}', "tcp_flags"),
        (b'{"dst":"1.2.3.4","proto":"tcp","dport":1,"ct_state":"old"}', "ct_state"),
    ],
)
def test_bad_flows_say_what_is_wrong(line: bytes, message: str) -> None:
    with pytest.raises(Malformed, match="line 7") as caught:
        read_flow(line, 7)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("iface", "rule", "verdict"),
    [
        ("lan0", [meta("iifgroup", 5), accept()], "accept"),
        ("lan0", [meta("iifgroup", "default"), accept()], "drop"),
        ("lan1", [meta("iifgroup", "default"), accept()], "accept"),
        ("lan2", [meta("iifgroup", 5), accept()], "unknown"),  # a group of this host's own name
        ("lan3", [meta("iifgroup", 5), accept()], "unknown"),  # an interface that is not listed
        ("lan0", [meta("iifgroup", "guests"), accept()], "unknown"),
    ],
)
def test_groups_of_interfaces(iface: str, rule: list[dict[str, Any]], verdict: str) -> None:
    interfaces = (
        Interface("lan0", 1, up=True, group=5),
        Interface("lan1", 2, up=True),
        Interface("lan2", 3, up=True, group=None),
    )
    one = gateway(
        ruleset({"forward": [rule]}, {"forward": FORWARD | {"policy": "drop"}}), Network(interfaces=interfaces)
    )
    assert Tracer(one).answer(flow(in_iface=iface)).verdict == verdict
