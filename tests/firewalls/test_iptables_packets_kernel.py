"""Conditions that are easy to get wrong, against packets that this host sends to itself: what the counters say."""

from __future__ import annotations

import re
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from agent.firewalls.iptables import ipset
from agent.firewalls.iptables.read import read
from agent.judge.evaluate import Evaluator
from agent.judge.packet import ABSENT, WITH_PORTS, Packet, followed, packet, put
from agent.model.expression import CtState, Field
from agent.model.firewall import AnyOf, Match, Simple, Tool
from agent.model.intervals import address_value, name_value
from tests.kernel import needs
from tests.kernel.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs.kernel

SETS = (
    "create bp bitmap:port range 0-65535", "add bp 80", "create p hash:ip,port", "add p 127.0.0.1,tcp:80",
    "add p 127.0.0.1,dccp:0", "create n hash:net", "add n 127.0.0.0/8", "add n 127.0.1.0/24 nomatch",
    "create l list:set", "add l p", "add l n", "create i hash:net,iface", "add i 127.0.0.0/8,lo",
    "create w hash:net,iface", "add w 127.0.0.0/8,lo", "add w 127.0.0.0/16,eth0",
)  # fmt: skip
COUNTED = re.compile(r"\[(\d+):\d+\] -A OUTPUT ")
LOCAL = 2


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    inside = Namespace()
    try:
        inside.run(("ip", "link", "set", "lo", "up"))
        inside.run(("ip", "addr", "add", "fd00::1/64", "dev", "lo", "nodad"))
        inside.run(("ipset", "restore"), "".join(f"{line}\n" for line in SETS))
        yield inside
    finally:
        inside.close()


def send(namespace: Namespace, family: int, proto: int, destination: str) -> None:
    """Send ports 1234 and 80 with a header that is long enough for any protocol."""
    body = struct.pack("!HHHH", 1234, 80, 24, 0) + b"\x00" * 4 + b"\x50\x02" + b"\x00" * 10
    with namespace.entered():
        sender = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_RAW, proto)
    with sender:
        sender.sendto(body, (destination, 0))


def seen(family: int, proto: int, destination: str, state: CtState) -> Packet:
    source = "127.0.0.1" if family == 4 else "fd00::1"
    sport, dport = (1234, 80) if proto in WITH_PORTS else (ABSENT, ABSENT)
    ends = address_value(source)[1], address_value(destination)[1]
    flags = 2 if proto == 6 else ABSENT
    leaving = packet(family, proto, *ends, sport=sport, dport=dport, tcp_flags=flags, ct_state=state)
    routed = put(followed(leaving), Field.OIFNAME, name_value("lo"))
    return put(put(routed, Field.SKUID, 0), Field.SKGID, 0)


def matched(namespace: Namespace, family: int, rule: str, one: Packet) -> bool | None:
    """What the reader makes of the rule."""
    evaluator = Evaluator(lambda _question, _packet: LOCAL, lambda _packet, _members, _value: None)
    dump = f"*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT {rule}\nCOMMIT\n"
    (table,), _ = read(dump, Tool.IPTABLES_LEGACY, family, "x", ipset.parse(namespace.run(("ipset", "save"))))
    result: bool | None = True
    for step in table.chains["OUTPUT"].rules[0].steps:
        if step is Simple.ACCEPT:
            break
        assert isinstance(step, Match | AnyOf)
        held = evaluator.holds(step, one) if isinstance(step, Match) else evaluator.any_holds(step, one)
        if held is False:
            return False
        result = held and result
    return result


@pytest.mark.parametrize(
    "rule",
    [
        "-m set --match-set bp dst", "-m set --match-set p dst,dst", "-m set --match-set p dst",
        "-m set ! --match-set p dst", "-m set --match-set p dst,dst,src", "-m set --match-set n dst",
        "-m set ! --match-set n dst", "-m set --match-set n dst --return-nomatch",
        "-m set ! --match-set n dst --return-nomatch", "-m set --match-set l dst", "-m set --match-set l dst,dst",
        "-m set --match-set l dst,dst --return-nomatch", "-m set --match-set i dst,dst", "-m set --match-set i dst,src",
        "-m set ! --match-set i dst,src", "-m set --match-set w dst,dst", "-m set ! --match-set w dst,dst",
        "-m owner --uid-owner 7", "-m owner ! --uid-owner 7", "-m owner --uid-owner 0", "-m recent --set --name a",
        "-m recent ! --set --name b", "-p tcp --dport 80", "-p tcp -m state --state NEW,UNTRACKED --dport 80",
        "-j ACCEPT -p udp --dport 80", "! -f", "-d 127.0.0.1/255.0.0.255", "! -d 127.0.0.1/255.0.0.255",
    ],
)  # fmt: skip
@pytest.mark.parametrize("destination", ["127.0.0.1", "127.0.1.1"])
def test_ipv4(namespace: Namespace, rule: str, destination: str) -> None:
    for proto in (6, 17, 33, 47, 132, 136):
        assert counted(namespace, 4, rule, proto, destination) is matched(
            namespace, 4, rule, seen(4, proto, destination, CtState.NEW)
        ), proto


@pytest.mark.parametrize(
    "rule",
    [
        *(f"-m addrtype {turn}--dst-type {kinds}" for turn in ("", "! ")
          for kinds in ("UNICAST", "LOCAL", "MULTICAST", "UNICAST,LOCAL", "LOCAL,MULTICAST")),
        "-m rt --rt-type 0", "-m rt ! --rt-type 0", "-m frag --fragid 0", "-m hbh", "-m dst ! --dst-len 0",
        "-d fd00::1/ffff::ff", "! -d fd00::1/ffff::ff", "-p udp --dport 80",
    ],
)  # fmt: skip
def test_ipv6(namespace: Namespace, rule: str) -> None:
    assert counted(namespace, 6, rule, 17, "fd00::1") is matched(
        namespace, 6, rule, seen(6, 17, "fd00::1", CtState.NEW)
    )


@pytest.mark.parametrize(
    "rule",
    [
        "-m conntrack --ctstate UNTRACKED --ctproto 99", "-m conntrack --ctstate UNTRACKED ! --ctproto 17",
        "-m conntrack --ctproto 17", "-m conntrack ! --ctproto 99", "-m conntrack --ctdir ORIGINAL",
        "-m conntrack ! --ctstate DNAT", "-m conntrack --ctstate NEW", "-m state --state UNTRACKED",
        "-m connmark ! --mark 5", "-m conntrack ! --ctorigdst 127.0.0.9",
    ],
)  # fmt: skip
@pytest.mark.parametrize("tracked", [True, False])
def test_conntrack(namespace: Namespace, rule: str, *, tracked: bool) -> None:
    one = seen(4, 17, "127.0.0.1", CtState.NEW if tracked else CtState.UNTRACKED)
    wanted = matched(namespace, 4, rule, one)
    assert counted(namespace, 4, rule, 17, "127.0.0.1", notrack=not tracked) is wanted


def counted(
    namespace: Namespace, family: int, rule: str, proto: int, destination: str, *, notrack: bool = False
) -> bool:
    """Whether the kernel counted the packet for the rule; nothing arrives, so that no answer is counted."""
    program = "iptables-legacy" if family == 4 else "ip6tables-legacy"
    untracked = "-A OUTPUT -j NOTRACK\n" if notrack else ""
    text = f"*raw\n{untracked}-A PREROUTING -j DROP\nCOMMIT\n*filter\n-A OUTPUT {rule}\nCOMMIT\n"
    namespace.run((f"{program}-restore",), text)
    send(namespace, family, proto, destination)
    (found,) = COUNTED.findall(namespace.run((f"{program}-save", "-c", "-t", "filter")))
    return int(found) > 0
