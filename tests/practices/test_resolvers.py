"""How resolvers and clients guard against forged answers and forged addresses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from agent.facts import bgp
from agent.model.requirement import PortNeed, Requirement
from agent.model.resolver import Resolver, Safety
from agent.model.source import Source
from agent.resolvers import adguardhome, bind, dnsmasq, knot_resolver, pdns_recursor, resolved, unbound
from agent.snapshot import Artifact, Snapshot, Status
from agent.snapshot.programs import ARTIFACT, unit_of
from rules.practices import (
    bgp_without_origin_validation,
    name_set_expires_early,
    name_set_without_ipv6,
    resolver_fixed_source_port,
    resolver_without_dnssec,
    source_address_not_validated,
)
from tests.daemons.snapshots import NOW, snapshot
from tests.judge.build import accept, match
from tests.practices.case import case

if TYPE_CHECKING:
    from agent.model.network import Network
    from agent.practice import Case


def of(*resolvers: Resolver) -> Case:
    found = case([accept()])
    return replace(found, gateway=replace(found.gateway, resolvers=resolvers))


def read(kind: Any, name: str, path: str, text: str) -> Resolver:
    program = {"name": name, "pid": 7, "arguments": [name], "listeners": []}
    files = {path: text, "/etc/hosts": "", "/etc/resolv.conf": ""}
    (found,) = kind.read(snapshot(files, [program]), frozenset({"livechat.com"})).resolvers
    return found  # type: ignore[no-any-return] # kind is a module


DNSMASQ = ("dnsmasq", "/etc/dnsmasq.conf")
UNBOUND = ("unbound", "/etc/unbound/unbound.conf")
BIND = ("named", "/etc/bind/named.conf")
PDNS = ("pdns_recursor", "/etc/powerdns/recursor.conf")
KNOT = ("kresd", "/etc/knot-resolver/kresd.conf")
ADGUARD = ("AdGuardHome", "/opt/AdGuardHome/AdGuardHome.yaml")
RESOLVED = ("systemd-resolved", "/etc/systemd/resolved.conf")


@pytest.mark.parametrize(
    ("kind", "place", "text", "validates", "fixed"),
    [
        (dnsmasq, DNSMASQ, "server=1.1.1.1\n", False, None),
        (dnsmasq, DNSMASQ, "dnssec\nquery-port=53\n", True, "query-port=53"),
        (unbound, UNBOUND, "server:\n auto-trust-anchor-file: /x\n", True, None),
        (unbound, UNBOUND, 'server:\n trust-anchor-file: /x\n module-config: "iterator"\n', False, None),
        (unbound, UNBOUND, "server:\n trust-anchor-file: /x\n val-permissive-mode: yes\n", False, None),
        (unbound, UNBOUND, "server:\n verbosity: 1\n", False, None),
        (
            unbound,
            UNBOUND,
            "server:\n outgoing-port-avoid: 0-65535\n outgoing-port-permit: 5353\n",
            False,
            "outgoing-port-permit: 5353",
        ),
        (unbound, UNBOUND, "server:\n outgoing-port-permit: 1024-65535\n", False, None),
        (bind, BIND, "options { dnssec-validation no; };\n", False, None),
        (bind, BIND, "options {\n query-source address * port 53;\n};\n", True, "query-source address * port 53;"),
        (pdns_recursor, PDNS, "dnssec=validate\n", True, None),
        (pdns_recursor, PDNS, "quiet=yes\n", False, None),
        (pdns_recursor, PDNS, "udp-source-port-min=53\nudp-source-port-max=53\n", False, "udp-source-port-min=53"),
        (knot_resolver, KNOT, "cache.size = 100*MB\n", True, None),
        (knot_resolver, KNOT, "trust_anchors.remove('.')\n", False, None),
        (adguardhome, ADGUARD, "dns:\n  enable_dnssec: true\n", True, None),
        (adguardhome, ADGUARD, "dns:\n  enable_dnssec: false\n", False, None),
        (resolved, RESOLVED, "[Resolve]\nDNSSEC=no\n", False, None),
        (resolved, RESOLVED, "[Resolve]\nDNSSEC=yes\n", True, None),
    ],
)
def test_how_a_resolver_guards_itself(
    kind: Any, place: tuple[str, str], text: str, validates: bool, fixed: str | None
) -> None:
    found = read(kind, *place, text)
    assert found.safety.validates is validates
    assert (found.safety.fixed_port and found.safety.fixed_port.text) == fixed
    blamed = [hit.subject for hit in resolver_without_dnssec.find(of(found))]
    assert blamed == [("resolver", found.kind)] * (not validates)
    assert [hit.sources[0].text for hit in resolver_fixed_source_port.find(of(found))] == [fixed] * bool(fixed)


def test_what_is_not_known_is_not_blamed() -> None:
    assert not list(resolver_without_dnssec.find(of(Resolver("bind", (), safety=Safety(None)))))


# ---- sets that are filled from names ----

SET = {"name": "chat", "type": "ipv4_addr", "flags": ["timeout"], "timeout": 60}
BY_SET = [match("ip", "daddr", "@chat"), accept()]


def filled(text: str, *, ipv6: bool = True, **changed: Any) -> Case:
    files = {"/etc/dnsmasq.conf": text.encode()}
    need = Requirement("p", "*.livechat.com", (PortNeed("tcp", 443),))
    return case(BY_SET, sets=[SET | changed], files=files, need=need, ipv6=ipv6)


FILL = "nftset=/livechat.com/4#inet#filter#chat\n"


def test_a_set_that_lacks_ipv6() -> None:
    (hit,) = name_set_without_ipv6.find(filled(FILL))
    assert hit.subject == ("set", "inet filter chat")
    assert "nftset=/livechat.com/4#inet#filter#chat,6#inet#filter#chat6" in hit.remedy
    assert not list(name_set_without_ipv6.find(filled(FILL, ipv6=False))), "IPv6 goes nowhere"
    assert not list(name_set_without_ipv6.find(filled("nftset=/example.org/4#inet#filter#chat\n")))


@pytest.mark.parametrize(
    ("more", "timeout", "found"),
    [
        ("", 60, True),
        ("max-cache-ttl=30\n", 60, False),
        ("max-cache-ttl=300\n", 60, True),
        ("cache-size=0\n", 60, False),
        ("cache-size=1000\n", 60, True),
        ("", 7 * 86_400, False),
        ("", None, False),
    ],
)
def test_a_set_that_forgets_before_the_cache_does(more: str, timeout: int | None, found: bool) -> None:
    hits = list(name_set_expires_early.find(filled(FILL + more, timeout=timeout)))
    assert len(hits) == found


# ---- forged sources ----


def test_sources_that_nobody_checks() -> None:
    """The recorded gateway checks the reverse path; without that any address passes."""
    found = case([accept()])
    network = found.gateway.network
    checks = {name: "1" for name in network.sysctls if name.endswith(".rp_filter")} | {
        "net.ipv4.conf.all.rp_filter": "1"
    }

    def with_checks(value: str) -> list[str | None]:
        sysctls = dict(network.sysctls) | dict.fromkeys(checks, value)
        changed: Network = replace(network, sysctls=sysctls)
        one = case([accept()], network=changed)
        return [hit.zone for hit in source_address_not_validated.find(one)]

    assert with_checks("0") == ["lan0", "lan1"]
    assert with_checks("1") == []


def test_rules_about_sources_are_a_check_as_well() -> None:
    own = {"set": [{"prefix": {"addr": "192.168.0.0", "len": 16}}]}
    checked = case([match("ip", "saddr", own), accept()])
    assert not list(source_address_not_validated.find(checked))


# ---- BGP ----

FRR = """\
router bgp 64500
 neighbor 192.0.2.1 remote-as 64501
 neighbor 192.0.2.2 remote-as external
 neighbor 192.0.2.3 remote-as 64500
 neighbor UP peer-group
 neighbor UP remote-as 64502
 neighbor 192.0.2.4 peer-group UP
 !
 address-family ipv4 unicast
  neighbor 192.0.2.2 route-map CHECKED in
  neighbor UP route-map OTHER in
 exit-address-family
exit
!
route-map CHECKED deny 10
 match rpki invalid
exit
route-map OTHER permit 10
exit
"""
BIRD = """\
function bad() { return roa_check(r4, net, bgp_path.last) = ROA_INVALID; }
filter checked { if bad() then reject; accept; }
template bgp up { local as 64500; ipv4 { import filter checked; export none; }; }
protocol bgp a from up { neighbor 192.0.2.1 as 64501; }
protocol bgp b { local as 64500; neighbor 192.0.2.2 as 64502; ipv4 { import all; }; } # roa_check( in a comment
protocol bgp c { local as 64500; neighbor 192.0.2.3 as 64500; ipv4 { import all; }; }
protocol bgp d { local as 64500; neighbor 192.0.2.4 as 64503; ipv4 { import none; export all; }; }
protocol bgp e { local as 64500; neighbor 192.0.2.5 as 64504; ipv4 { export all; }; }
"""


@pytest.mark.parametrize(
    ("program", "path", "text", "sessions"),
    [
        ("bgpd", "/etc/frr/frr.conf", FRR, {"192.0.2.1": False, "192.0.2.2": True, "192.0.2.4": False}),
        ("bird", "/etc/bird/bird.conf", BIRD, {"192.0.2.1": True, "192.0.2.2": False}),
    ],
)
def test_sessions_that_compare_origins(program: str, path: str, text: str, sessions: dict[str, bool]) -> None:
    artifacts = {
        ARTIFACT: Artifact(ARTIFACT, Status.OK, json.dumps([{"name": program, "pid": 7}]).encode()),
        f"files{path}": Artifact(f"files{path}", Status.OK, text.encode()),
    }
    artifacts |= {f"files{unit_of(one)}": Artifact(f"files{unit_of(one)}", Status.ABSENT) for one in ("bgpd", "bird")}
    artifacts.setdefault("files/etc/frr/bgpd.conf", Artifact("files/etc/frr/bgpd.conf", Status.ABSENT))
    piece = bgp.read(Snapshot(NOW, {}, artifacts), frozenset())
    assert {one.neighbor: one.validates for one in piece.bgp} == sessions
    found = case([accept()])
    (hit,) = bgp_without_origin_validation.find(replace(found, gateway=replace(found.gateway, bgp=piece.bgp)))
    assert [source.line for source in hit.sources] == [one.source.line for one in piece.bgp if not one.validates]
    assert all(isinstance(source, Source) for source in hit.sources)
