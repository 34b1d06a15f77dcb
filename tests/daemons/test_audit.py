"""The whole program beside real resolvers: which of them clients ask, and what its lines do to required domains."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemons.internet import needs
from tests.kernel.needs import gateway

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.daemons
GATEPROOF = f"{sys.executable} -m agent"
ROUTE_6 = "ip -6 addr add 2001:db8:7::1/64 dev lan0 nodad; ip -6 addr add 2001:db8:1::2/64 dev wan0 nodad; ip -6 route add default via 2001:db8:1::1; sysctl -qw net.ipv6.conf.all.forwarding=1\n"
STARTED = "setpriv --pdeathsig KILL "
"""In front of a daemon, which then ends with the shell that started it, whatever happens."""
READY = (
    " &\ndaemon=$!\ntrap 'kill $daemon' EXIT\n"
    "for _ in $(seq 200); do ! ss -Hlun 'sport = :53' | grep -q . || break; sleep 0.05; done\n"
)


def audited(folder: Path, lines: str, before: str = ROUTE_6) -> dict[str, Any]:
    """The report of a gateway with a dnsmasq of these lines."""
    config = folder / "dnsmasq.conf"
    config.write_text(f"no-resolv\nno-hosts\nserver=198.51.100.53\n{lines}\n")
    with gateway() as shell:
        done = shell(
            f"{before}\n"
            f"{STARTED}dnsmasq -k --conf-file={config} --user=root --pid-file= --listen-address=192.168.7.1 --bind-interfaces"
            f"{READY}"
            f"{GATEPROOF} audit --format json || [ $? = 1 ]"
        )
        assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def audited_with_unbound(folder: Path, lines: str, zone: str) -> dict[str, Any]:
    """The report of a gateway with an Unbound of these lines and one policy zone."""
    config = folder / "unbound.conf"
    (folder / "block.zone").write_text(f"@ SOA a. b. 1 2 3 4 5\n{zone}\n")
    config.write_text(
        'server:\n chroot: ""\n username: ""\n use-syslog: no\n interface: 0.0.0.0\n interface: ::0\n'
        f' module-config: "respip iterator"\n access-control: 192.168.0.0/16 allow\n pidfile: ""\n{lines}\n'
        f"rpz:\n name: block.test\n zonefile: {folder}/block.zone\n"
    )
    with gateway() as shell:
        done = shell(f"{ROUTE_6}{STARTED}unbound -d -c {config}{READY}{GATEPROOF} audit --format json || [ $? = 1 ]")
        assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def verdicts(report: dict[str, Any], domain: str = "*.livechat.com", zone: str = "lan0") -> dict[int, str]:
    found = [
        one for one in report["verdicts"] if (one["domain"], one["zone"], one["port"]) == (domain, zone, "tcp/443")
    ]
    return {one["family"]: one["verdict"] for one in found}


@needs("dnsmasq")
def test_a_domain_that_a_resolver_blocks_is_named_with_its_line(tmp_path: Path) -> None:
    report = audited(tmp_path, "address=/livechat.com/#\naddress=/cdn.chatbot.com/")
    assert verdicts(report) == {4: "blocked", 6: "blocked"}
    assert verdicts(report, "*.chatbot.com") == {4: "partial", 6: "partial"}
    assert verdicts(report, "*.helpdesk.com") == {4: "allowed", 6: "allowed"}
    assert verdicts(report, zone="host") == {4: "allowed", 6: "allowed"}, "this host asks others"
    found = {(one["rule"]["id"], one["subject"]["name"]): one for one in report["findings"] if one["zone"] == "lan0"}
    blocked = found["required-domain-blocked", "*.livechat.com"]
    assert blocked["blocked_at"] == ["dns"]
    assert (blocked["locus"][0]["line"], blocked["locus"][0]["text"]) == (4, "address=/livechat.com/#")
    assert "server=/livechat.com/#" in blocked["remedy"]["text"]
    partly = found["required-domain-partly-blocked", "*.chatbot.com"]
    assert "cdn.chatbot.com and all below it are said not to exist" in partly["summary"]
    assert "server=" not in partly["remedy"]["text"], "the line about cdn.chatbot.com would win over it"


@needs("dnsmasq")
def test_one_family_may_be_led_astray_and_the_other_not(tmp_path: Path) -> None:
    assert verdicts(audited(tmp_path, "address=/livechat.com/10.0.0.1")) == {4: "blocked", 6: "allowed"}


@needs("dnsmasq")
def test_a_family_without_addresses_is_no_road(tmp_path: Path) -> None:
    assert verdicts(audited(tmp_path, "filter-AAAA")) == {4: "allowed", 6: "not-routed"}


@needs("dnsmasq")
def test_the_only_family_without_addresses_is_blocked(tmp_path: Path) -> None:
    report = audited(tmp_path, "filter-A", before="")
    assert verdicts(report) == {4: "blocked", 6: "not-routed"}
    assert {one["blocked_at"][0] for one in report["findings"] if one["zone"] == "lan0" and one["blocked_at"]} == {
        "dns"
    }


@needs("dnsmasq")
def test_clients_that_cannot_reach_a_resolver_do_not_ask_it(tmp_path: Path) -> None:
    closed = "nft 'add table ip t; add chain ip t i { type filter hook input priority 0; }; add rule ip t i udp dport 53 drop'"
    assert verdicts(audited(tmp_path, "address=/livechat.com/#", ROUTE_6 + closed)) == {4: "allowed", 6: "allowed"}


@needs("dnsmasq")
def test_a_line_that_is_not_followed_leaves_the_domain_open(tmp_path: Path) -> None:
    report = audited(tmp_path, "bogus-nxdomain=23.0.0.0/8")
    assert verdicts(report) == {4: "unknown", 6: "unknown"}
    assert any("bogus-nxdomain" in gap["reason"] for gap in report["gaps"])


@needs("unbound")
def test_a_policy_zone_of_unbound_blocks_with_file_and_line(tmp_path: Path) -> None:
    report = audited_with_unbound(
        tmp_path,
        ' local-zone: chatbot.com static\nview:\n name: "staff"\nserver:\n access-control-view: 192.168.7.128/25 staff\n',
        "*.livechat.com CNAME .\napi.helpdesk.com CNAME .",
    )
    assert verdicts(report) == {4: "partial", 6: "partial"}, "the bare domain is open"
    assert verdicts(report, "*.helpdesk.com") == {4: "partial", 6: "partial"}
    assert verdicts(report, "*.livechatinc.com") == {4: "allowed", 6: "allowed"}
    assert verdicts(report, "*.chatbot.com") == {4: "blocked", 6: "blocked"}
    found = {one["subject"]["name"]: one for one in report["findings"] if one["zone"] == "lan0"}
    policy = found["*.livechat.com"]
    assert policy["locus"][0]["artifact"] == f"files{tmp_path}/block.zone"
    assert (policy["locus"][0]["line"], policy["locus"][0]["text"]) == (2, "*.livechat.com CNAME .")
    assert "rpz-passthru" in found["*.chatbot.com"]["remedy"]["text"]
    assert policy["remedy"]["tool"] == "unbound"
