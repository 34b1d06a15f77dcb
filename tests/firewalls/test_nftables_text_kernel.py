"""The text of a rule is what ``nft -a list ruleset`` prints, but for counters and comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from agent.firewalls.nftables.read import parse
from tests.kernel import needs
from tests.kernel.netns import Namespace, ProgramFailed
from tests.kernel.rulesets import make

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs.kernel

PLAIN = (
    "accept", "drop", "return", "continue", "jump other", "goto other", "reject", "reject with tcp reset", "reject with icmpx admin-prohibited",
    "reject with icmp host-unreachable", "reject with icmpv6 no-route", 'iifname "lan*" oifname != "wan0" accept', "iif lo accept",
    "ip daddr 23.32.0.0/11 drop", "ip daddr != { 10.0.0.0/8, 192.168.1.1 } drop", "ip saddr 10.0.0.1-10.0.0.9 accept", "ip daddr @n accept",
    "ip6 daddr fe80::/10 accept", "tcp dport 443 accept", "tcp dport { 80, 443 } accept", "tcp dport 8000-8010 accept", "udp sport != 53 drop",
    "tcp flags syn accept", "tcp flags == syn accept", "tcp flags == 0 drop", "ct state == new accept", "ct status == 0 drop",
    "tcp flags != 0 drop", "ct state != { new, invalid } drop", "tcp flags == syn | ack accept", "tcp flags != syn | ack accept", "tcp flags & (fin | syn | rst | ack) == syn accept", "tcp flags != syn drop", "tcp flags syn,ack accept",
    "tcp flags & (syn | ack) == syn | ack drop", "ct state established,related accept", "ct state { new, invalid } drop", "ct state != new accept",
    "ct mark 0x10 accept", "ct mark set mark", "meta mark set 0x77", "meta mark 0x1-0xff accept", "meta mark & 0xff == 0x10 drop", "meta mark set ct mark",
    "meta mark set meta mark & 0xffffff00 | 0x1", "meta l4proto { tcp, udp } accept", "meta nfproto ipv4 accept", "meta pkttype broadcast drop",
    "meta skuid 0 accept", "meta skuid != 1000-2000 drop", "meta length > 100 drop", 'meta day "Monday" drop', "ip protocol icmp accept",
    "icmp type echo-request accept", "icmpv6 type { nd-neighbor-solicit, nd-router-advert } accept", "ip dscp cs1 drop", "ip ttl < 5 drop",
    "ip length 100-200 accept", "ip frag-off & 0x1fff != 0 drop", "ether saddr 00:11:22:33:44:55 drop", "ip6 nexthdr ipv6-icmp accept", "ip6 hoplimit 1 drop",
    "ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 443 } accept", "tcp dport vmap { 22 : accept, 80 : jump other, 443 : drop }",
    "iifname vmap { lan0 : accept, wan0 : drop }", "ip daddr vmap { 10.0.0.0/8 : accept, 11.0.0.0-12.0.0.9 : drop }", "fib daddr type local accept",
    "fib saddr . iif oif missing drop", "fib daddr . mark type != unicast drop", "limit rate 10/second accept", "limit rate over 5/minute burst 9 packets drop",
    "limit rate 10 kbytes/second accept", 'log prefix "x: " level warn', "log group 3", "queue num 1-3 bypass", "queue to 4", "notrack", "numgen random mod 10 < 3 drop",
    "jhash ip saddr mod 4 == 1 accept", "quota 500 mbytes", "quota over 10 kbytes drop", "ct count over 10 drop", "add @d { ip saddr }",
    "update @d { ip saddr timeout 1m }", "add @d { ip saddr limit rate 5/second }", "tcp option maxseg size set 1400", "tcp option maxseg size 1-500 drop",
    "tcp option sack-perm exists accept", "ct direction original accept", "ct status dnat accept", "ct original ip saddr 10.0.0.1 accept", "ct bytes > 1000 drop",
    "ct helper ftp accept", "@th,16,16 443 accept", "socket transparent 1 accept", "rt classid 1 drop", "ip saddr & 255.0.0.255 == 10.0.0.1 drop",
    "exthdr hbh exists drop", "exthdr frag missing accept", "frag id 5 drop", "hbh hdrlength 3 drop", "meta priority set 1:2", "dup to 10.0.0.9", "sctp dport 5 accept", "dccp dport 5 accept", "esp spi 100 drop", "th dport 53 accept",
    "meta iiftype ether accept", "iifgroup 5 drop", "iifgroup { 0, 5 } drop", "oifgroup 0-3 drop", "oifgroup != 0 drop", "meta cpu 0 accept", 'meta hour "08:00"-"17:00" accept', "ip version 4 accept", "tcp sequence 5 drop",
    "tcp dport != 80-90 drop", "icmp code 3 drop", "ip daddr set 10.0.0.9", "ip dscp set ef", "tcp dport set 80", "meta nftrace set 1", "ct zone set 3", "counter accept",
    'accept comment "why not"', "icmp type { echo-request, echo-reply } limit rate 4/second accept", "rt ip nexthop 10.0.0.1 accept", "rt mtu 1400 accept",
    "tcp option maxseg size set rt mtu", "synproxy mss 1460 wscale 7 timestamp sack-perm", "update @d { ip saddr timeout 1d2h30m4s }",
    "reject with icmp port-unreachable", "reject with icmpx port-unreachable", "meta mark set tcp dport map { 80 : 0x1, 443 : 0x77 }",
)  # fmt: skip
NAT = (
    "dnat ip to 10.0.0.1", "tcp dport 80 dnat ip to 10.0.0.1:80", "meta l4proto tcp dnat ip to 10.0.0.1-10.0.0.9:80-90", "udp dport 53 dnat ip6 to [fd00::1]:80",
    "tcp dport 80 redirect to :3128", "redirect", "tcp dport 80 redirect to :3128-3130 random",
    "dnat ip to tcp dport map { 80 : 10.0.0.1, 443 : 10.0.0.2 }", "dnat ip prefix to ip daddr map { 10.1.0.0/16 : 10.2.0.0/16 }",
    "dnat ip addr . port to tcp dport map { 80 : 10.0.0.1 . 8080 }",
)  # fmt: skip
SOURCE_NAT = (
    "masquerade", "meta l4proto tcp masquerade to :1024-2048 random", "snat ip to 10.0.0.1", "snat ip to 10.0.0.1-10.0.0.9 persistent", "snat ip6 to fd00::1",
    "snat ip to ip saddr map { 10.0.0.1 : 192.0.2.1 }", "oifname wan0 masquerade fully-random",
)  # fmt: skip
KNOWN: dict[str, str] = {}
LISTED = re.compile(r"\t\t(.*) # handle (\d+)")
COUNTER = re.compile(r"(^| )counter packets \d+ bytes \d+")
COMMENT = re.compile(r' comment "[^"]*"$')


def base(chain: str, hook: str, kind: str, rules: list[str]) -> str:
    lines = "".join(f"    {rule}\n" for rule in rules)
    return f"  chain {chain} {{ type {kind} hook {hook} priority 0\n{lines}  }}\n"


def listed(text: str) -> dict[int, str]:
    """The rules by handle; long sets go over several lines."""
    joined = re.sub(r",\s*\n\s+", ", ", text)
    found = {int(handle): rule for rule, handle in LISTED.findall(joined)}
    return {handle: modern(COUNTER.sub("", COMMENT.sub("", rule)).strip()) for handle, rule in found.items()}


def modern(rule: str) -> str:
    """The text of nft 1.1 for what older versions print in other words."""
    rule = re.sub(r"(limit rate (?:over )?\d+/\w+)(?! burst)\b", r"\1 burst 5 packets", rule)
    fragment = r"frag-off & (\d+) ([!=]=) (\d+)\b"
    return re.sub(fragment, lambda one: f"frag-off & {int(one[1]):#x} {one[2]} {int(one[3]):#x}", rule)


def loaded(namespace: Namespace, rules: tuple[str, ...], hook: str, kind: str) -> Iterator[str]:
    """Load each rule that this kernel and this nft know; yields those that they refuse."""
    sets = "  set n { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }\n  set d { type ipv4_addr; size 99; flags dynamic,timeout; }\n"
    namespace.run(("nft", "-f", "-"), f"table inet t {{\n{sets}  chain other {{ }}\n{base('c', hook, kind, [])}}}\n")
    for rule in rules:
        try:
            namespace.run(("nft", "-f", "-"), f"add rule inet t c {rule}\n")
        except ProgramFailed:
            yield rule


def compared(namespace: Namespace) -> list[tuple[str, str]]:
    """The rules that differ: our text and nft's."""
    wanted = listed(namespace.run(("nft", "-a", "list", "ruleset")))
    tables, _ = parse(namespace.run(("nft", "-j", "list", "ruleset")).encode(), "nft.json")
    ours = {
        rule.handle: str(rule.wording) for table in tables for chain in table.chains.values() for rule in chain.rules
    }
    assert set(ours) == set(wanted)
    return [(ours[handle], text) for handle, text in wanted.items() if ours[handle] != text]


@pytest.mark.parametrize(
    ("rules", "hook", "kind"),
    [
        (PLAIN, "prerouting", "filter"),
        (PLAIN, "output", "filter"),
        (NAT, "prerouting", "nat"),
        (SOURCE_NAT, "postrouting", "nat"),
    ],
)
def test_rules_by_hand(rules: tuple[str, ...], hook: str, kind: str) -> None:
    namespace = Namespace()
    try:
        namespace.run(("ip", "link", "set", "lo", "up"))
        refused = list(loaded(namespace, rules, hook, kind))
        assert len(refused) < len(rules) / 4, refused
        assert not compared(namespace)
    finally:
        namespace.close()


@pytest.mark.parametrize("flavour", ["nft-inet", "nft-ip", "nft-ip6"])
def test_random_rules(flavour: str) -> None:
    for seed in range(30):
        namespace = Namespace()
        try:
            for name in ("lan0", "lan1", "wan0", "wan1"):
                namespace.run(("ip", "link", "add", name, "type", "veth", "peer", "name", f"p{name}"))
            ruleset = make(flavour, seed)
            for load in ruleset.loads:
                namespace.run(load.argv, load.text)
            # handles are a table's own: one table at a time
            if ruleset.loads[0].text.count("\ntable ") == 0:
                assert not compared(namespace), seed
        finally:
            namespace.close()
