"""Tables of sets against ``ipset test``: random elements, exceptions and overlaps, for all types that this kernel has."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

import pytest

from agent.firewalls.iptables import ipset
from agent.judge.evaluate import Evaluator
from agent.judge.packet import packet
from agent.model.intervals import address_value, name_value
from tests.kernel import needs
from tests.kernel.netns import Namespace, ProgramFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.judge.packet import Value

pytestmark = needs.kernel

ANSWER = re.compile(r"(\S+) is (NOT )?in set s\.")
NAMES = ("eth0", "eth1", "ethernet", "lan0")
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
PORTS = (80, 443)


def host(random: Random) -> str:
    """Few addresses, so that networks overlap and questions hit."""
    return f"10.{random.choice((0, 0, 1))}.{random.choice((0, 1, 2))}.{random.randrange(8)}"


def net(random: Random, shortest: int = 8) -> str:
    length = random.choice((shortest, 9, 15, 16, 22, 24, 29, 31, 32))
    return f"{host(random)}/{length}"


def port(random: Random) -> str:
    return f"{random.choice(list(PROTOCOLS))}:{random.choice(PORTS)}"


def excluded(random: Random) -> str:
    return " nomatch" if random.random() < 0.35 else ""


def wildcard(random: Random) -> str:
    return random.choice((f"{random.choice(NAMES)}", f"{random.choice(NAMES)}", "eth wildcard", "e wildcard"))


MAKERS: dict[str, Callable[[Random], str]] = {
    "hash:ip": host,
    "hash:ip netmask 30": host,
    "hash:net": lambda random: net(random) + excluded(random),
    "hash:ip,port": lambda random: f"{host(random)},{port(random)}",
    "hash:net,port": lambda random: f"{net(random)},{port(random)}{excluded(random)}",
    "hash:ip,port,ip": lambda random: f"{host(random)},{port(random)},{host(random)}",
    "hash:ip,port,net": lambda random: f"{host(random)},{port(random)},{net(random)}{excluded(random)}",
    "hash:net,net": lambda random: f"{net(random)},{net(random)}{excluded(random)}",
    "hash:net,port,net": lambda random: f"{net(random)},{port(random)},{net(random)}{excluded(random)}",
    "hash:net,iface": lambda random: f"{net(random)},{wildcard(random)}{excluded(random)}",
    "bitmap:ip range 10.0.0.0-10.0.2.255": lambda random: f"10.0.{random.randrange(3)}.{random.randrange(8)}",
}


def question(random: Random, dimensions: tuple[str, ...]) -> tuple[str, Value]:
    """A key as ipset reads it, and as packets show it."""
    words: list[str] = []
    key: list[int] = []
    for dimension in dimensions:
        if dimension == "port":
            words.append(port(random))
            name, _, number = words[-1].partition(":")
            key += [PROTOCOLS[name], int(number)]
        elif dimension == "iface":
            words.append(random.choice(NAMES))
            key.append(name_value(words[-1]))
        else:
            words.append(host(random))
            key.append(address_value(words[-1])[1])
    return ",".join(words), tuple(key) if len(key) > 1 else key[0]


@pytest.mark.parametrize("kind", MAKERS)
def test_tables_answer_as_the_kernel_does(kind: str) -> None:
    random = Random(kind)
    evaluator = Evaluator(lambda _question, _packet: 0, lambda _packet, _members, _value: None)
    some = packet(4, 6, 0, 0)
    namespace = Namespace()
    try:
        for _ in range(6):
            try:
                namespace.run(("ipset", "create", "s", *kind.split()))
            except ProgramFailed as error:
                pytest.skip(f"not in this kernel: {error}")
            namespace.run(("ipset", "restore", "-exist"), "".join(f"add s {MAKERS[kind](random)}\n" for _ in range(14)))
            found = ipset.parse(namespace.run(("ipset", "save")))["s"]
            assert not found.unknown
            asked = dict(question(random, found.dimensions) for _ in range(120))
            lines = "".join(f"test s {words}\n" for words in asked)
            answers = ANSWER.findall(namespace.run(("sh", "-c", "ipset - 2>&1"), lines + "quit\n"))
            assert [words for words, _ in answers] == list(asked)
            for words, outside in answers:
                inside = evaluator.inside(found.tables.inside, asked[words], some)
                assert inside is (not outside), (words, namespace.run(("ipset", "save")))
            namespace.run(("ipset", "destroy", "s"))
    finally:
        namespace.close()
