"""Tools that write rules, in dumps that they made themselves; others by the names that their sources give.

The dumps are of ufw 0.36.2, Shorewall 5.2.8, FireHOL 3.1.7, fail2ban 1.0.2 and sshguard 2.4.2 on Debian 12.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.firewalls import iptables, nftables
from agent.firewalls.merge import merge
from agent.firewalls.owners import Owner, Owners
from agent.model.firewall import Firewall, Table, Tool, source_of
from agent.model.source import Source
from agent.snapshot import Artifact, Snapshot, Status
from tests.judge.build import FORWARD, drop, gateway, match, ruleset

DUMPS = Path(__file__).parent / "owners"


def firewall(path: Path) -> Firewall:
    """What the real program printed."""
    data = path.read_bytes()
    kind, name = (nftables.KIND, "nft.json") if path.suffix == ".json" else (iptables.KIND, "iptables-nft.txt")
    name = "ip6tables-nft.txt" if path.name == "ufw6.txt" else name
    snapshot = Snapshot(datetime(2026, 11, 23, tzinfo=UTC), {}, {name: Artifact(name, Status.OK, data)})
    return merge(kind.read(snapshot, frozenset()).tables, ())


def owner(path: Path, part: str) -> Owner | None:
    """The owner of the one rule whose text holds a part."""
    found = firewall(path)
    for table in (one for one in found.tables if one.name not in ("mangle", "nat", "raw")):
        for chain in table.chains.values():
            for rule in (*chain.rules, None):
                source = source_of(table, chain, rule)
                if part in (f"{chain.name} {source.text}" if rule is None else source.text):
                    return Owners(found).of(source)
    raise AssertionError(f"no rule with {part!r} in {path.name}")


@pytest.mark.parametrize(
    ("part", "commands"),
    [
        (
            "-A ufw-user-forward -d 23.32",
            "ufw route delete deny in on lan0 out on wan0 to 23.32.0.0/11 port 443 proto tcp",
        ),
        ("-A ufw-user-forward -d 104.16", "ufw route delete reject to 104.16.0.0/13"),
        ("-A ufw-user-output -d 23.32", "ufw delete deny out to 23.32.0.0/11 port 443 proto tcp"),
        ("FORWARD policy", "ufw default allow routed"),
        ("-A ufw-skip-to-policy-forward", "ufw default allow routed"),
        ("-A ufw-skip-to-policy-input", "ufw default allow incoming"),
    ],
)
def test_ufw_takes_back_what_it_was_told(part: str, commands: str) -> None:
    found = owner(DUMPS / "ufw.txt", part)
    assert found is not None
    assert (found.tool, found.commands) == ("ufw", (commands,))


def test_ufw_for_ipv6() -> None:
    found = owner(DUMPS / "ufw6.txt", "-A ufw6-user-forward")
    assert found is not None
    assert found.commands == ("ufw route delete deny to 2600:1400::/24 port 80,443 proto tcp",)


def test_files_of_ufw() -> None:
    found = owner(DUMPS / "ufw.txt", "-A ufw-before-forward -p icmp")
    assert found == Owner("ufw", "in /etc/ufw/before.rules or before6.rules", ("ufw reload",))


@pytest.mark.parametrize(
    ("file", "part", "tool", "place"),
    [
        (
            "shorewall.txt",
            "-A loc-net -d 23.32",
            "Shorewall",
            "in /etc/shorewall/rules and policy, for traffic from zone loc to zone net",
        ),
        ("shorewall.txt", "FORWARD policy", "Shorewall", "in /etc/shorewall/policy"),
        ("shorewall.txt", "-A reject", "Shorewall", "in /etc/shorewall"),
        (
            "firehol.txt",
            "-A in_lan2wan -d 23.32",
            "FireHOL",
            "in /etc/firehol/firehol.conf, in the interface or router lan2wan",
        ),
        ("firehol.txt", "-A FORWARD -j DROP", "FireHOL", "in /etc/firehol/firehol.conf"),
        ("sshguard.json", "drop", "sshguard", "in /etc/sshguard/whitelist; then restart sshguard"),
        (
            "fail2ban.json",
            "reject",
            "fail2ban",
            "in the jail sshd of fail2ban (`ignoreip` in /etc/fail2ban/jail.local keeps an address out)",
        ),
    ],
)
def test_tools_in_their_own_dumps(file: str, part: str, tool: str, place: str) -> None:
    found = owner(DUMPS / file, part)
    assert found is not None
    assert (found.tool, found.place) == (tool, place)


@pytest.mark.parametrize(
    ("table", "chain", "text", "tool", "named"),
    [
        ("inet firewalld", "filter_FWD_public_deny", "ip daddr 23.32.0.0/11 drop", "firewalld", "zone public"),
        ("inet firewalld", "filter_FWD_policy_lan-out_deny", "ip daddr 23.32.0.0/11 drop", "firewalld", "policy lan-out"),
        ("inet firewalld", "filter_FORWARD", "reject with icmpx admin-prohibited", "firewalld", "zones and policies"),
        ("ip crowdsec", "crowdsec-chain-forward", "ip saddr @crowdsec-blacklists drop", "CrowdSec", "decisions"),
        ("ip filter", "INPUT", "-A INPUT -m set --match-set f2b-sshd src -j REJECT", "fail2ban", "jail sshd"),
        ("ip filter", "f2b-nginx", "-A f2b-nginx -s 203.0.113.9/32 -j DROP", "fail2ban", "jail nginx"),
        ("ip filter", "DOCKER-ISOLATION-STAGE-2", "-A DOCKER-ISOLATION-STAGE-2 -o br0 -j DROP", "Docker", "DOCKER-USER"),
        ("ip filter", "KUBE-FORWARD", "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP", "Kubernetes", "Services"),
        ("ip filter", "NETAVARK_ISOLATION_2", "-A NETAVARK_ISOLATION_2 -o podman1 -j DROP", "Podman", "networks"),
        ("ip filter", "LIBVIRT_FWI", "-A LIBVIRT_FWI -o virbr0 -j REJECT", "libvirt", "networks"),
        ("ip filter", "ts-forward", "-A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP", "Tailscale", "tailscale"),
        ("ip raw", "PREROUTING", '-A PREROUTING ! -i wg0 -d 10.0.0.2/32 -m comment --comment "wg-quick(8) rule for wg0" -j DROP', "wg-quick", "wg0.conf"),
        ("ip wg-quick-wg0", "preraw", 'iifname != "wg0" ip daddr 10.0.0.2 drop', "wg-quick", "wg0.conf"),
        ("inet fw4", "forward_lan", 'ip daddr 23.32.0.0/11 drop comment "!fw4: Block CDN"', "OpenWrt", "“Block CDN”"),
        ("inet fw4", "forward", "policy drop", "OpenWrt", "defaults"),
        ("ip vyos_filter", "NAME_OUT", 'ip daddr 23.32.0.0/11 drop comment "ipv4-NAM-OUT-10"', "VyOS", "rule 10 of the ruleset OUT"),
        ("ip filter", "FORWARD", "-A FORWARD -m set --match-set firehol_level1 dst -j DROP", "FireHOL IP lists", "firehol_level1"),
    ],
)  # fmt: skip
def test_tools_by_their_names(table: str, chain: str, text: str, tool: str, named: str) -> None:
    found = Owners(Firewall()).of(Source("nft.json", text, 1, table, chain, None))
    assert found is not None
    assert found.tool == tool
    assert named in found.place


def test_commands_name_what_the_rule_is_about() -> None:
    ban = Source("iptables-save.txt", "-A f2b-nginx -s 203.0.113.9/32 -j DROP", 7, "ip filter", "f2b-nginx")
    found = Owners(Firewall()).of(ban)
    assert found is not None
    assert found.commands == ("fail2ban-client set nginx unbanip 203.0.113.9",)
    rule = Source(
        "nft.json", 'ip daddr 1.2.3.4 drop comment "ipv4-FWD-filter-20"', None, "ip vyos_filter", "VYOS_FORWARD_filter"
    )
    found = Owners(Firewall()).of(rule)
    assert found is not None
    assert found.commands == ("configure", "delete firewall ipv4 forward filter rule 20", "commit", "save")


def test_docker_sets_the_policy_of_forward() -> None:
    mine = gateway(ruleset({"FORWARD": [], "DOCKER-USER": []}, {"FORWARD": FORWARD | {"policy": "drop"}})).firewall
    (table,) = mine.tables
    found = Owners(mine).of(source_of(table, table.chains["FORWARD"], None))
    assert found is not None
    assert found.tool == "Docker"
    assert found.place.startswith("in DOCKER-USER")


def test_rules_of_ones_own_have_no_owner() -> None:
    mine = gateway(ruleset({"forward": [[match("ip", "daddr", "1.2.3.4"), drop()]]}, {"forward": FORWARD})).firewall
    table: Table = mine.tables[0]
    assert table.tool is Tool.NFTABLES
    chain = table.chains["forward"]
    assert Owners(mine).of(source_of(table, chain, chain.rules[0])) is None
    assert Owners(mine).of(source_of(table, chain, None)) is None
    for name in ("in_lan", "net-fw", "IN_lan", "docker", "FORWARD"):
        assert Owners(Firewall()).of(Source("iptables-save.txt", "-A x -j DROP", 1, "ip filter", name)) is None
