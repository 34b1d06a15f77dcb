"""Rules as steps, real dumps, and broken ones."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.firewalls.iptables import ipset
from agent.firewalls.iptables.headers import addresses, network
from agent.firewalls.iptables.read import read
from agent.model.expression import (
    Binary,
    Concat,
    Device,
    Expr,
    Fib,
    Field,
    IntervalTable,
    Literal,
    NamedSet,
    Opaque,
    Read,
)
from agent.model.firewall import (
    AddToSet,
    AnyOf,
    Assign,
    Base,
    ChainType,
    Dnat,
    Hook,
    Jump,
    Match,
    Notrack,
    NotUnderstood,
    Queue,
    Reject,
    Simple,
    Snat,
    Step,
    Tool,
    Tproxy,
    Uncertain,
)
from agent.model.intervals import Intervals, address_value, name_prefix, name_value
from tests.firewalls.unread import unread

SHARED = Path(__file__).parents[2].parent / "shared" / "rulesets"
NEVER = Match(Read(Field.NFPROTO), Intervals())
TCP, UDP = Match(Read(Field.L4PROTO), Intervals.single(6)), Match(Read(Field.L4PROTO), Intervals.single(17))
TYPE_AND_CODE = Binary("|", Binary("<<", Read(Field.ICMP_TYPE), Literal(8)), Read(Field.ICMP_CODE))
SETS = (
    "create a hash:ip family inet\nadd a 10.0.0.1\ncreate p hash:ip,port family inet\nadd p 10.0.0.1,tcp:80\n"
    "create i hash:ip,port family inet\nadd i 10.0.0.1,icmp:8/0\nadd i 10.0.0.1,gre:0\n"
    "create l list:set size 8\nadd l a\nadd l p\ncreate odd hash:flow\ncreate m hash:ip,mark markmask 0xff\n"
    "create b hash:ip bitmask 255.0.255.0\ncreate n hash:net family inet\nadd n 10.0.0.0/8\nadd n 10.1.0.0/16 nomatch\n"
    "create ll list:set size 8\nadd ll l\ncreate w list:set size 8\nadd w gone\n"
)


def at(text: str) -> int:
    return address_value(text)[1]


def steps(rule: str, family: int = 4, table: str = "filter", chain: str = "FORWARD") -> tuple[Step, ...]:
    text = f"*{table}\n:{chain} DROP [0:0]\n:web - [0:0]\n-A {chain} {rule}\nCOMMIT\n"
    (found,), gaps = read(text, Tool.IPTABLES_LEGACY, family, "x", ipset.parse(SETS))
    assert not gaps
    assert str(found.chains[chain].rules[0].wording) == f"-A {chain} {rule}"
    return found.chains[chain].rules[0].steps


def field(where: Field, low: int, high: int | None = None, *, negated: bool = False) -> Match:
    return Match(Read(where), Intervals.span(low, low if high is None else high), negated)


def masked(where: Field | Expr, mask: int, value: int, *, negated: bool = False) -> Match:
    expr = Read(where) if isinstance(where, Field) else where
    return Match(Binary("&", expr, Literal(mask)), Intervals.single(value), negated)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("-s 10.0.0.7/24", (field(Field.SADDR, at("10.0.0.0"), at("10.0.0.255")),)),
        ("! -d 10.0.0.0/255.255.0.0", (field(Field.DADDR, at("10.0.0.0"), at("10.0.255.255"), negated=True),)),
        ("-s ! 10.0.0.1", (field(Field.SADDR, at("10.0.0.1"), negated=True),)),
        ("-s 10.0.0.9/255.0.0.255", (masked(Field.SADDR, 0xFF0000FF, 0x0A000009),)),
        ("-s 10.0.0.1,10.0.0.2", (AnyOf((field(Field.SADDR, at("10.0.0.1")), field(Field.SADDR, at("10.0.0.2")))),)),
        ("-i lan+", (field(Field.IIFNAME, *name_prefix("lan")),)),
        ("! -o wan0", (field(Field.OIFNAME, name_value("wan0"), negated=True),)),
        ("-i +", ()),
        ("! -i +", (NEVER,)),
        ("-p all", ()),
        ("! -p 0", (NEVER,)),
        ("! -p esp", (field(Field.L4PROTO, 50, negated=True),)),
        ("-p TCP", (TCP,)),
        ("-p 47", (field(Field.L4PROTO, 47),)),
        ("-f", (NEVER,)),
        ("! -f", ()),
        ("-4", ()),
        ("-6", (NEVER,)),
    ],
)
def test_what_every_rule_can_ask(rule: str, expected: tuple[Step, ...]) -> None:
    assert steps(f"{rule} -j DROP") == (*expected, Simple.DROP)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("-p tcp -m tcp ! --dport 80:90", (TCP, field(Field.DPORT, 80, 90, negated=True))),
        ("-p tcp -m tcp --dport ! 80", (TCP, field(Field.DPORT, 80, negated=True))),
        ("-p tcp --dport https", (TCP, field(Field.DPORT, 443))),
        ("-p udp --source-port :1023", (UDP, field(Field.SPORT, 0, 1023))),
        ("-p tcp -m tcp --syn", (TCP, masked(Field.TCP_FLAGS, 0x17, 2))),
        ("-p tcp -m tcp ! --tcp-flags SYN,ACK NONE", (TCP, masked(Field.TCP_FLAGS, 0x12, 0, negated=True))),
        ("-p tcp -m tcp --tcp-flags ALL SYN", (TCP, masked(Field.TCP_FLAGS, 63, 2))),
        ("-p tcp -m tcp --tcp-option 5", (TCP, Uncertain("--tcp-option 5"))),
        ("-p icmp -m icmp --icmp-type any", (field(Field.L4PROTO, 1),)),
        ("-p icmp -m icmp --icmp-type 8", (field(Field.L4PROTO, 1), field(Field.ICMP_TYPE, 8))),
        ("-p icmp -m icmp ! --icmp-type host-prohibited",
         (field(Field.L4PROTO, 1), Match(TYPE_AND_CODE, Intervals.single(0x30A), negated=True))),
        ("-p tcp -m multiport --dports 80,443,8000:8010",
         (TCP, Match(Read(Field.DPORT), Intervals.of([(80, 80), (443, 443), (8000, 8010)])))),
        ("-p tcp -m multiport ! --ports 80", (TCP, AnyOf((field(Field.SPORT, 80), field(Field.DPORT, 80)), negated=True))),
        ("-m iprange ! --src-range 10.0.0.1-10.0.0.9", (field(Field.SADDR, at("10.0.0.1"), at("10.0.0.9"), negated=True),)),
        ("-m addrtype --dst-type LOCAL,BROADCAST", (Match(Fib(Field.DADDR, "type"), Intervals.span(2, 3)),)),
        ("-m addrtype ! --src-type LOCAL --limit-iface-in",
         (Match(Fib(Field.SADDR, "type", Field.IIFNAME), Intervals.single(2), negated=True),)),
        ("-m devgroup --src-group 0x5/0xf",
         (Match(Binary("&", Device(Field.IIFNAME, "group"), Literal(15)), Intervals.single(5)),)),
        ("-m devgroup ! --dst-group 7", (Match(Device(Field.OIFNAME, "group"), Intervals.single(7), negated=True),)),
        ("-m devgroup --src-group lan", (Uncertain("devgroup --src-group lan: the number of this group"),)),
        ("-m mark --mark 0x10/0xf0", (masked(Field.MARK, 0xF0, 0x10),)),
        ("-m connmark ! --mark 1", (field(Field.CT_MARK, 1, negated=True),)),
        ("-m state --state NEW", (masked(Field.CT_STATE, 8, 0, negated=True),)),
        ("-m conntrack ! --ctstate RELATED,ESTABLISHED", (masked(Field.CT_STATE, 6, 0),)),
        ("-m conntrack ! --ctstate DNAT", (AnyOf((masked(Field.CT_STATUS, 32, 0, negated=True),), negated=True),)),
        ("-m conntrack --ctdir REPLY", (masked(Field.CT_STATE, 65, 0), field(Field.CT_DIRECTION, 1))),
        ("-m conntrack --ctstate NEW --ctexpire 1:9",
         (masked(Field.CT_STATE, 8, 0, negated=True),
          AnyOf((masked(Field.CT_STATE, 65, 0, negated=True), Match(Opaque("--ctexpire 1:9"), Intervals.single(1)))))),
        ("-m pkttype --pkt-type multicast", (field(Field.PKTTYPE, 2),)),
        ("-m ttl --ttl-lt 5", (field(Field.TTL, 0, 4),)),
        ("-m dscp ! --dscp-class AF21", (field(Field.DSCP, 18, negated=True),)),
        ("-m length --length 1500:", (field(Field.LENGTH, 1500, 65535),)),
        ("-m mac --mac-source 00:00:00:00:01:00", (field(Field.SMAC, 256),)),
        ("-m mac --mac ! 00:00:00:00:01:00", (field(Field.SMAC, 256, negated=True),)),
        ("-m comment --comment x", ()),
        ("-m recent --set --name x", ()),
        ("-m recent ! --set --name x", (NEVER,)),
        ("-m recent --update --seconds 60", (Uncertain("recent --update --seconds 60"),)),
        ("-m limit --limit 5/min", (Uncertain("limit --limit 5/min"),)),
        ('-m string --string "-j" --algo bm', (Uncertain("string --string -j --algo bm"),)),
    ],
)  # fmt: skip
def test_matches(rule: str, expected: tuple[Step, ...]) -> None:
    assert steps(f"{rule} -j DROP") == (*expected, Simple.DROP)


def test_what_can_be_decided_comes_first() -> None:
    rule = "-m nobodyknows --x 1 -m limit --limit 5/min -p tcp -m tcp --dport 80 -j ACCEPT"
    assert steps(rule) == (
        TCP, field(Field.DPORT, 80), Uncertain("-m nobodyknows --x 1", understood=False), Uncertain("limit --limit 5/min"), Simple.ACCEPT,
    )  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        "-p tcp -m state --state NEW --dport 80 -j ACCEPT",
        "-m state --state NEW -m tcp -p tcp --dport 80 -j ACCEPT",
        "-j ACCEPT -m state --state NEW -p tcp --dport 80",
        "-j ACCEPT -p tcp --dport 80 -m state --state NEW",
    ],
)
def test_options_find_their_extension(rule: str) -> None:
    found = steps(rule)
    assert set(found[:-1]) == {TCP, field(Field.DPORT, 80), masked(Field.CT_STATE, 8, 0, negated=True)}
    assert found[-1] is Simple.ACCEPT


def test_options_of_a_target_are_its_own() -> None:
    rule = "-m recent --set --mask 255.255.255.0 -j CONNMARK --save-mark --mask 0xff"
    (step,) = steps(rule, table="mangle")
    assert step == Assign(
        Field.CT_MARK,
        Binary(
            "^", Binary("&", Read(Field.CT_MARK), Literal(0xFFFFFF00)), Binary("&", Read(Field.MARK), Literal(0xFF))
        ),
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("-s 2001:db8::/32", (field(Field.SADDR, at("2001:db8::"), at("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")),)),
        ("-s ::1/::ff", (masked(Field.SADDR, 0xFF, 1),)),
        ("-p ipv6-icmp -m icmp6 --icmpv6-type 128", (field(Field.L4PROTO, 58), field(Field.ICMP_TYPE, 128))),
        ("-p icmpv6 --icmpv6-type no-route",
         (field(Field.L4PROTO, 58), Match(TYPE_AND_CODE, Intervals.single(0x100)))),
        ("-m rt --rt-type 0", (NEVER,)),
        ("-m rt ! --rt-type 0", (NEVER,)),
        ("-m hl --hl-eq 255", (field(Field.TTL, 255),)),
        ("-m addrtype --dst-type LOCAL", (Match(Fib(Field.DADDR, "type"), Intervals.single(2)),)),
        ("-m addrtype --dst-type MULTICAST", (field(Field.DADDR, at("ff00::"), (1 << 128) - 1),)),
        ("-m addrtype ! --dst-type LOCAL,MULTICAST",
         (AnyOf((field(Field.DADDR, at("ff00::"), (1 << 128) - 1, negated=True),
                 Match(Fib(Field.DADDR, "type"), Intervals.single(2), negated=True))),)),
    ],
)  # fmt: skip
def test_matches_of_ipv6(rule: str, expected: tuple[Step, ...]) -> None:
    assert steps(f"{rule} -j DROP", 6) == (*expected, Simple.DROP)


def test_a_packet_without_a_socket_has_no_owner_and_negations_match_it() -> None:
    assert steps("-m owner ! --uid-owner 0-99 -j DROP", chain="OUTPUT") == (
        Match(Read(Field.SKUID), Intervals.span(0, 99), negated=True, absent_is_outside=True), Simple.DROP,
    )  # fmt: skip
    named, _ = steps("-m owner --gid-owner proxy -j DROP", chain="OUTPUT")
    assert isinstance(named, Match)
    assert named.expr == Read(Field.SKGID)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("-j web", Jump("web")),
        ("-g web", Jump("web", goto=True)),
        ("-j RETURN", Simple.RETURN),
        ("-j REJECT", Reject("icmp port-unreachable")),
        ("-j REJECT --reject-with tcp-reset", Reject("tcp reset")),
        ("-j REJECT --reject-with icmp-proto-unreachable", Reject("icmp prot-unreachable")),
        ("-j REJECT --reject-with admin-prohib", Reject("icmp admin-prohibited")),
        ("-j NFQUEUE --queue-num 3", Queue()),
        ("-j NFQUEUE --queue-num 3 --queue-bypass", Queue(bypass=True)),
        ("-j NOTRACK", Notrack.NOTRACK),
        ("-j CT --notrack", Notrack.NOTRACK),
        ("-j MARK --set-mark 0x1", Assign(Field.MARK, Literal(1))),
        ("-j MARK --set-xmark 0x1/0xff",
         Assign(Field.MARK, Binary("^", Binary("&", Read(Field.MARK), Literal(0xFFFFFF00)), Literal(1)))),
        ("-j MARK --set-mark 0x100/0xff",
         Assign(Field.MARK, Binary("^", Binary("&", Read(Field.MARK), Literal(0xFFFFFE00)), Literal(0x100)))),
        ("-j MARK --and-mark 0xf", Assign(Field.MARK, Binary("&", Read(Field.MARK), Literal(15)))),
        ("-j MARK --or-mark 0xf", Assign(Field.MARK, Binary("|", Read(Field.MARK), Literal(15)))),
        ("-j CONNMARK --save-mark", Assign(Field.CT_MARK, Read(Field.MARK))),
        ("-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
         Assign(Field.MARK, Binary("^", Binary("&", Read(Field.MARK), Literal(0xFFFFFF00)),
                                   Binary("&", Read(Field.CT_MARK), Literal(0xFF))))),
        ("-j CONNMARK --restore-mark --left-shift-mark 4", Assign(Field.MARK, Opaque("CONNMARK with a shift"))),
        ("-j DNAT --to-destination 10.0.0.1:80-90",
         Dnat(Intervals.single(at("10.0.0.1")), Intervals.span(80, 90), family=4)),
        ("-j DNAT --to 10.0.0.1-10.0.0.9", Dnat(Intervals.span(at("10.0.0.1"), at("10.0.0.9")), Intervals(), family=4)),
        ("-j DNAT --to-destination :8080", Dnat(Intervals(), Intervals.single(8080), family=4)),
        ("-j REDIRECT --to-port 3128", Dnat(Intervals(), Intervals.single(3128), redirect=True, family=4)),
        ("-j REDIRECT", Dnat(Intervals(), Intervals(), redirect=True, family=4)),
        ("-j NETMAP --to 10.0.0.0/24",
         Dnat(Intervals.span(at("10.0.0.0"), at("10.0.0.255")), Intervals(), netmap=True, family=4)),
        ("-j DSCP --set-dscp-class EF", Assign(Field.DSCP, Literal(46))),
        ("-j HMARK --hmark-tuple src --hmark-mod 4 --hmark-rnd 1", Assign(Field.MARK, Opaque("HMARK"))),
        ("-j SYNPROXY --wscale 7", NotUnderstood("-j SYNPROXY --wscale 7")),
        ("-j NOBODYKNOWS", NotUnderstood("-j NOBODYKNOWS")),
    ],
)  # fmt: skip
def test_targets(rule: str, expected: Step) -> None:
    assert steps(rule) == (expected,)


@pytest.mark.parametrize(
    "rule",
    ['-j LOG --log-prefix "DROP: " --log-tcp-options', "-j TCPMSS --clamp-mss-to-pmtu", "-j NFLOG --nflog-group 1",
     "-j TRACE", "-j CT --helper ftp", "-p tcp -m tcp", "-j CHECKSUM --checksum-fill"],
)  # fmt: skip
def test_targets_without_effect(rule: str) -> None:
    assert all(isinstance(step, Match) for step in steps(rule))


def test_targets_of_postrouting() -> None:
    def nat(rule: str, family: int = 4) -> tuple[Step, ...]:
        return steps(rule, family, "nat", "POSTROUTING")

    assert nat("-j MASQUERADE") == (Snat(Intervals(), Intervals(), masquerade=True),)
    assert nat("-j SNAT --to-source 10.0.0.1-10.0.0.2:1024-2048") == (
        Snat(Intervals.span(at("10.0.0.1"), at("10.0.0.2")), Intervals.span(1024, 2048)),
    )
    network = Intervals.span(at("10.0.0.0"), at("10.0.0.255"))
    assert nat("-j NETMAP --to 10.0.0.0/24") == (Snat(network, Intervals(), netmap=True),)
    assert nat("-j SNAT --to-source 2001:db8::1", 6) == (Snat(Intervals.single(at("2001:db8::1")), Intervals()),)


@pytest.mark.parametrize(
    ("text", "addresses", "ports"),
    [
        ("2001:db8::1", Intervals.single(at("2001:db8::1")), Intervals()),
        ("[2001:db8::1]:80", Intervals.single(at("2001:db8::1")), Intervals.single(80)),
        (
            "[2001:db8::1-2001:db8::9]:80-81",
            Intervals.span(at("2001:db8::1"), at("2001:db8::9")),
            Intervals.span(80, 81),
        ),
        ("[2001:db8::1]-[2001:db8::9]", Intervals.span(at("2001:db8::1"), at("2001:db8::9")), Intervals()),
    ],
)
def test_destinations_of_ipv6(text: str, addresses: Intervals, ports: Intervals) -> None:
    assert steps(f"-j DNAT --to-destination {text}", 6) == (Dnat(addresses, ports, family=6),)


@pytest.mark.parametrize("options", ["10.0.0.1:80-90/8080", "10.0.0.1:80-90 --random"])
def test_ports_that_move_are_not_told(options: str) -> None:
    unknown, mapped = steps(f"-j DNAT --to-destination {options}")
    assert unknown == Assign(Field.DPORT, Opaque("port of DNAT"))
    assert mapped == Dnat(Intervals.single(at("10.0.0.1")), Intervals(), family=4)


def test_tproxy_marks_and_decides() -> None:
    mark, verdict = steps("-p tcp -j TPROXY --on-port 3129 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x1", table="mangle")[1:]
    assert isinstance(mark, Assign)
    assert verdict == Tproxy(3129, None, terminal=True)


# ---- sets ----


def lookup(rule: str, family: int = 4) -> Step:
    *_, step, verdict = steps(f"{rule} -j DROP", family)
    assert verdict is Simple.DROP
    return step


def test_a_set_is_looked_up_by_direction() -> None:
    step = lookup("-m set ! --match-set p src,dst")
    assert isinstance(step, Match)
    assert step.expr == Concat((Read(Field.SADDR), Read(Field.L4PROTO), Read(Field.DPORT)))
    assert step.negated
    assert step.absent_is_outside


def test_icmp_and_protocols_without_ports_are_alternatives() -> None:
    step = lookup("-m set --match-set i dst,dst")
    assert isinstance(step, AnyOf)
    ports = [match.expr.parts[2] for match in step.matches if isinstance(match.expr, Concat)]
    assert ports == [Read(Field.DPORT), TYPE_AND_CODE, Literal(0)]


def test_masks_of_a_set_are_laid_over_the_key() -> None:
    step = lookup("-m set --match-set m src,src")
    assert isinstance(step, Match)
    assert step.expr == Concat((Read(Field.SADDR), Binary("&", Read(Field.MARK), Literal(0xFF))))
    step = lookup("-m set --match-set b dst")
    assert isinstance(step, Match)
    assert step.expr == Binary("&", Read(Field.DADDR), Literal(0xFF00FF00))


def test_a_list_asks_its_members_and_leaves_out_those_with_more_dimensions() -> None:
    assert isinstance(lookup("-m set --match-set l src"), Match)
    step = lookup("-m set ! --match-set l src,dst")
    assert isinstance(step, AnyOf)
    assert (len(step.matches), step.negated) == (2, True)


def test_with_too_few_directions_the_kernel_does_not_look() -> None:
    assert steps("-m set --match-set p src -j DROP") == (NEVER, Simple.DROP)
    assert steps("-m set ! --match-set p src -j DROP") == (Simple.DROP,)


def test_return_nomatch_looks_for_exceptions() -> None:
    step = lookup("-m set --match-set n dst --return-nomatch")
    assert isinstance(step, Match)
    assert isinstance(step.members, NamedSet)
    assert step.members.elements == IntervalTable(Intervals.span(at("10.1.0.0"), at("10.1.255.255")))


@pytest.mark.parametrize(
    ("name", "why"),
    [("gone", "ipset does not list it"), ("odd", "hash:flow is not modelled"), ("ll", "a list in a list"),
     ("w", "ipset does not list it")],
)  # fmt: skip
def test_sets_that_are_not_known_say_why(name: str, why: str) -> None:
    step = lookup(f"-m set --match-set {name} src")
    assert isinstance(step, Match)
    assert isinstance(step.expr, Opaque)
    assert why in step.expr.name


def test_counters_of_sets_are_not_known() -> None:
    assert Uncertain("counters of a set: --packets-gt 5") in steps("-m set --match-set a src --packets-gt 5 -j DROP")


def test_targets_change_sets() -> None:
    (step,) = steps("-j SET --add-set a src --exist --timeout 60")
    assert isinstance(step, AddToSet)
    assert (step.key, step.delete, step.target.name) == (Read(Field.SADDR), False, "a")
    (step,) = steps("-j SET --del-set a dst")
    assert isinstance(step, AddToSet)
    assert step.delete
    assert steps("-j SET --add-set l src") == (NotUnderstood("--add-set l"),)
    assert steps("-j SET --add-set gone src") == ()
    assert steps("-j SET --map-set a src --map-mark") == (Assign(Field.MARK, Opaque("mark of a set's element")),)


# ---- what is wrong ----


@pytest.mark.parametrize(
    "rule",
    [
        "-s 10.0.0/24", "-s 10.0.0.0/33", "-s example.com", "-p nobodyknows", "-p tcp -m tcp --dport nobodyknows",
        "-p tcp -m tcp --dport 70000", "-p tcp -m tcp --nobodyknows 5", "-p tcp -m tcp --tcp-flags SYN",
        "-m conntrack --ctstate NOBODYKNOWS", "-m iprange --src-range 1", "-m set --match-set a sideways",
        "-m set --match-set a", "-m", "-p", "-m mark --mark x", "-m addrtype --dst-type NOWHERE",
        "--dport 80", "-p tcp -m multiport --dports x", "-m dscp --dscp-class ZZ",
    ],
)  # fmt: skip
def test_conditions_that_are_not_understood_are_told_after_those_that_are(rule: str) -> None:
    found = steps(f"-i lan0 {rule} -j DROP")
    assert found[0] == field(Field.IIFNAME, name_value("lan0"))
    assert unread(found)


@pytest.mark.parametrize(
    "rule",
    [
        "DROP", "-j", "-j DROP DROP", "-j REJECT --reject-with nobodyknows", "-j MARK", "-j MARK --set-mark x", "-j DNAT",
        "-j DNAT --to-destination nowhere", "-j SNAT --to-source 10.0.0.1:x", "-j NETMAP --to 10.0.0.0/255.0.0.255",
        "-j NETMAP", "-j TPROXY --on-port x", "-j SET --add-set a", "-j DSCP", "-j ACCEPT --foo", "-j DROP --dport 80",
    ],
)  # fmt: skip
def test_targets_that_are_not_understood_are_told(rule: str) -> None:
    (found,) = steps(rule)
    assert isinstance(found, NotUnderstood)


# ---- tables ----


@pytest.mark.parametrize(
    ("table", "chain", "expected"),
    [
        ("raw", "PREROUTING", Base(Hook.PREROUTING, -300)),
        ("mangle", "FORWARD", Base(Hook.FORWARD, -150)),
        ("mangle", "OUTPUT", Base(Hook.OUTPUT, -150, ChainType.ROUTE)),
        ("nat", "PREROUTING", Base(Hook.PREROUTING, -100, ChainType.NAT)),
        ("nat", "OUTPUT", Base(Hook.OUTPUT, -100, ChainType.NAT)),
        ("nat", "INPUT", Base(Hook.INPUT, 100, ChainType.NAT)),
        ("nat", "POSTROUTING", Base(Hook.POSTROUTING, 100, ChainType.NAT)),
        ("filter", "INPUT", Base(Hook.INPUT, 0)),
        ("security", "OUTPUT", Base(Hook.OUTPUT, 50)),
    ],
)
def test_built_in_chains_stand_at_their_hooks(table: str, chain: str, expected: Base) -> None:
    (found,), _ = read(f"*{table}\n:{chain} ACCEPT [0:0]\nCOMMIT\n", Tool.IPTABLES_NFT, 6, "x", {})
    assert found.chains[chain].base == expected
    assert (found.tool, found.title) == (Tool.IPTABLES_NFT, f"ip6 {table}")


def test_policies_and_user_chains() -> None:
    text = "*filter\n:FORWARD DROP [0:0]\n:INGRESS - [0:0]\n-A later -j DROP\nCOMMIT\n"
    (table,), _ = read(text, Tool.IPTABLES_LEGACY, 4, "x", {})
    forward = table.chains["FORWARD"].base
    assert forward is not None
    assert not forward.accepts
    assert table.chains["INGRESS"].base is None
    assert len(table.chains["later"].rules) == 1


def test_rules_keep_their_line_and_comment() -> None:
    text = '*filter\n:FORWARD DROP [0:0]\n[1:2] -A FORWARD -m comment --comment "for the shop" -j ACCEPT\nCOMMIT\n'
    (table,), _ = read(text, Tool.IPTABLES_LEGACY, 4, "x", {})
    (rule,) = table.chains["FORWARD"].rules
    assert (rule.line, rule.comment) == (3, "for the shop")
    assert str(rule.wording) == '-A FORWARD -m comment --comment "for the shop" -j ACCEPT'


def test_equal_endings_of_rules_are_read_for_each_chain_and_table() -> None:
    text = (
        "*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n-A PREROUTING -s 10.0.0.1 -j NETMAP --to 10.0.0.0/24\n"
        "-A POSTROUTING -s 10.0.0.1 -j NETMAP --to 10.0.0.0/24\n-A PREROUTING -j web\nCOMMIT\n"
        "*filter\n:FORWARD ACCEPT\n:web - [0:0]\n-A FORWARD -s 10.0.0.1 -j web\nCOMMIT\n"
    )
    nat, filtering = read(text, Tool.IPTABLES_LEGACY, 4, "x", {})[0]
    assert isinstance(nat.chains["PREROUTING"].rules[0].steps[-1], Dnat)
    assert isinstance(nat.chains["POSTROUTING"].rules[0].steps[-1], Snat)
    assert isinstance(nat.chains["PREROUTING"].rules[1].steps[-1], NotUnderstood)
    assert filtering.chains["FORWARD"].rules[0].steps[-1] == Jump("web")


def test_a_dump_that_was_cut_off_is_a_gap() -> None:
    text = "*raw\n:OUTPUT ACCEPT\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j ACC"
    tables, (gap,) = read(text, Tool.IPTABLES_LEGACY, 4, "dump", {})
    assert [table.name for table in tables] == ["raw", "filter"]
    assert gap.subject == "ip filter"
    assert "cut off after line 6" in gap.reason
    assert gap.source is not None
    assert (gap.source.artifact, gap.source.line) == ("dump", 6)


@pytest.mark.skipif(not SHARED.exists(), reason="the rulesets of real networks are not here")
@pytest.mark.parametrize(
    "name",
    [
        "docker",
        "home-user",
        "medium-company",
        "memphis-testbed",
        "openvpn",
        "polish-router",
        "ufw-server",
        "university-2013",
    ],
)
def test_real_dumps_are_understood(name: str) -> None:
    text = (SHARED / name / "iptables-save").read_text()
    tables, gaps = read(text, Tool.IPTABLES_LEGACY, 4, "x", {})
    assert not gaps
    rules = [rule for table in tables for chain in table.chains.values() for rule in chain.rules]
    assert len(rules) == sum(line.lstrip().startswith("-A ") for line in text.splitlines())
    assert not [rule for rule in rules if unread(rule.steps)]


@given(st.text(alphabet=st.sampled_from("*:-A!\"'\\ \nfilterCOMMIT[]#0"), max_size=80))
def test_the_reader_fails_in_one_way_only(text: str) -> None:
    with suppress(Malformed):
        read(text, Tool.IPTABLES_LEGACY, 4, "x", {})


WORDS = (
    "-s", "-d", "-i", "-p", "-m", "-j", "-g", "!", "tcp", "udp", "icmp", "set", "state", "conntrack", "multiport",
    "--dport", "--sport", "--ports", "--match-set", "--ctstate", "--ctorigdst", "--mark", "--icmp-type", "--tcp-flags",
    "10.0.0.1", "10.0.0.0/8", "80:90", "a", "src,dst", "NEW,DNAT", "SYN,ACK", "lan+", "+", "DROP", "DNAT", "SET", "MARK",
    "--to-destination", "--add-set", "--set-xmark", "0x1/0xff", "10.0.0.1:80-90/5", "owner", "--uid-owner", "TPROXY",
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from((4, 6)))
def test_no_rule_breaks_the_reader(rule: list[str], family: int) -> None:
    text = f"*filter\n:FORWARD DROP [0:0]\n-A FORWARD {' '.join(rule)}\nCOMMIT\n"
    (table,), gaps = read(text, Tool.IPTABLES_LEGACY, family, "x", ipset.parse(SETS))
    assert not gaps
    assert len(table.chains["FORWARD"].rules) == 1


@pytest.mark.parametrize("text", ["10.0.0.1/", "10.0.0.1/33", "10.0.0/24", "/24", "10.0.0.1/-1"])
def test_what_is_no_prefix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        network(text, 4)
    with pytest.raises(ValueError, match=r"."):
        addresses(Field.DADDR, text, 4, negated=False)
