"""Conditions on connections, as packets in different states meet them (conntrack_mt in xt_conntrack.c)."""

from __future__ import annotations

import pytest

from agent.firewalls.iptables.read import read
from agent.judge.evaluate import Evaluator
from agent.judge.packet import ABSENT, DST_NAT, Packet, followed, packet, put
from agent.model.expression import CtState, Field
from agent.model.firewall import AnyOf, Match, Tool
from agent.model.intervals import address_value


def new(proto: int = 6, state: CtState = CtState.NEW, *, reply: bool = False) -> Packet:
    source, destination = address_value("10.0.0.1")[1], address_value("10.0.0.2")[1]
    port = 443 if proto == 6 else ABSENT
    return followed(packet(4, proto, source, destination, sport=port, dport=port, ct_state=state, reply=reply))


PACKETS = {
    "raw": packet(4, 6, address_value("10.0.0.1")[1], address_value("10.0.0.2")[1], sport=443, dport=443),
    "new": new(),
    "established": new(state=CtState.ESTABLISHED),
    "reply": new(state=CtState.ESTABLISHED, reply=True),
    "error": new(1, CtState.RELATED),
    "related": new(state=CtState.RELATED),
    "invalid": new(state=CtState.INVALID),
    "untracked": new(state=CtState.UNTRACKED),
    "dnatted": put(new(), Field.CT_STATUS, DST_NAT),
}


def holds(rule: str, one: Packet) -> bool | None:
    text = f"*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack {rule}\nCOMMIT\n"
    (table,), _ = read(text, Tool.IPTABLES_LEGACY, 4, "x", {})
    evaluator = Evaluator(lambda _question, _packet: 0, lambda _packet, _members, _value: None)
    result: bool | None = True
    for step in table.chains["FORWARD"].rules[0].steps:
        assert isinstance(step, Match | AnyOf)
        held = evaluator.holds(step, one) if isinstance(step, Match) else evaluator.any_holds(step, one)
        if held is False:
            return False
        result = held and result
    return result


@pytest.mark.parametrize(
    ("rule", "yes", "unknown"),
    [
        ("--ctstate NEW", "new dnatted", ""),
        ("! --ctstate NEW", "raw established reply error related invalid untracked", ""),
        ("--ctstate INVALID,UNTRACKED", "raw invalid untracked", ""),
        ("--ctstate DNAT", "dnatted", "established reply error related"),
        ("! --ctstate DNAT", "raw new invalid untracked", "established reply error related"),
        ("--ctstatus SEEN_REPLY", "", "established reply error related"),
        ("--ctdir ORIGINAL", "new established error related dnatted", ""),
        ("! --ctdir ORIGINAL", "reply", ""),
        ("--ctproto tcp", "new established reply related dnatted", "error"),
        ("! --ctproto tcp", "", "error"),
        ("--ctproto icmp", "", "error"),
        ("--ctstate NEW,INVALID --ctproto udp", "raw invalid", ""),
        ("--ctstate NEW,INVALID ! --ctproto udp", "raw new invalid dnatted", ""),
        ("--ctorigdst 10.0.0.0/24", "new", "established reply error related dnatted"),
        ("--ctorigdst 11.0.0.1", "", "established reply error related dnatted"),
        ("! --ctorigdst 11.0.0.1", "new", "established reply error related dnatted"),
        ("--ctorigsrc 10.0.0.1 --ctorigdstport 400:500", "new", "established reply error related dnatted"),
        ("--ctreplsrc 10.0.0.2", "", "new established reply error related dnatted"),
        ("--ctstate INVALID --ctexpire 5", "raw invalid", ""),
    ],
)
def test_conditions(rule: str, yes: str, unknown: str) -> None:
    found = {name: holds(rule, one) for name, one in PACKETS.items()}
    assert {name for name, held in found.items() if held} == set(yes.split())
    assert {name for name, held in found.items() if held is None} == set(unknown.split())
