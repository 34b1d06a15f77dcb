"""Traps that auditors fall into, each against the kernel's own listing."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.kernel import needs

pytestmark = needs.kernel
GATEPROOF = f"{sys.executable} -m agent"


def trace(shell: needs.Shell, **flow: Any) -> dict[str, Any]:
    body = {"in_iface": "lan0", "src": "192.168.7.20", "dst": "23.40.1.2", "proto": "tcp", "dport": 443} | flow
    done = shell(f"echo '{json.dumps(body)}' | {GATEPROOF} trace --flows -")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def load(shell: needs.Shell, script: str) -> None:
    done = shell(script)
    assert done.returncode == 0, done.stderr


def test_native_nftables_without_any_iptables() -> None:
    with needs.gateway() as shell:
        load(shell, "nft 'add table inet f; add chain inet f x { type filter hook forward priority 0; policy drop; }'")
        answer = trace(shell)
    assert (answer["verdict"], answer["table"], answer["rule"]) == ("drop", "inet f", "policy drop")


def test_legacy_rules_that_nft_does_not_show() -> None:
    with needs.gateway() as shell:
        load(shell, "iptables-legacy -A FORWARD -d 23.32.0.0/11 -j DROP")
        assert "drop" not in shell("nft list ruleset").stdout
        answer = trace(shell)
        other = trace(shell, dst="8.8.8.8")
    assert (answer["verdict"], answer["rule"]) == ("drop", "-A FORWARD -d 23.32.0.0/11 -j DROP")
    assert other["verdict"] == "accept"


def test_both_backends_filter_when_both_are_loaded() -> None:
    with needs.gateway() as shell:
        load(
            shell,
            "iptables-nft -A FORWARD -p tcp -m multiport --dports 80,443 -j ACCEPT; iptables-legacy -P FORWARD DROP",
        )
        assert trace(shell)["verdict"] == "drop"


def test_extensions_that_nfts_json_does_not_tell_come_from_iptables_save() -> None:
    with needs.gateway() as shell:
        load(shell, "iptables-nft -A FORWARD -p tcp -m multiport --dports 80,443 -j REJECT")
        answer = trace(shell)
        other = trace(shell, dport=22)
    assert answer["verdict"] == "reject"
    assert "multiport" in answer["rule"]
    assert answer["handle"] is not None
    assert other["verdict"] == "accept"


def test_dockers_dnat_goes_past_ufws_input_rules() -> None:
    with needs.gateway() as shell:
        load(
            shell,
            "ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up\n"
            "iptables-nft -P INPUT DROP; iptables-nft -N ufw-user-input; iptables-nft -A INPUT -j ufw-user-input\n"
            "iptables-nft -A ufw-user-input -p tcp --dport 8080 -j DROP\n"
            "iptables-nft -t nat -N DOCKER\n"
            "iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"
            "iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\n",
        )
        answer = trace(shell, in_iface="wan0", src="203.0.113.9", dst="198.51.100.2", dport=8080)
        other = trace(shell, in_iface="wan0", src="203.0.113.9", dst="198.51.100.2", dport=8081)
    assert answer["verdict"] == "accept"
    assert answer["to"] == {"iface": "docker0", "dst": "172.17.0.2", "dport": 80}
    assert other["verdict"] == "drop"


def test_bridge_and_arp_tables_filter_no_routed_packet() -> None:
    with needs.gateway() as shell:
        load(
            shell,
            "nft 'add table arp f; add chain arp f x { type filter hook input priority 0; policy drop; };"
            " add table bridge f; add chain bridge f x { type filter hook forward priority 0; policy drop; }'",
        )
        assert trace(shell)["verdict"] == "accept"


def test_a_policy_on_its_own_line() -> None:
    with needs.gateway() as shell:
        load(shell, "iptables-legacy -P FORWARD DROP")
        answer = trace(shell)
    assert (answer["verdict"], answer["rule"], answer["chain"]) == ("drop", "policy drop", "FORWARD")


def test_without_rights_the_answer_is_unknown_and_not_clean() -> None:
    with needs.gateway() as shell:
        load(shell, "nft 'add table inet f; add chain inet f x { type filter hook forward priority 0; policy drop; }'")
        # programs of other tests stay out of sight: without rights their network namespace is not known
        alone = "unshare --pid --fork --mount-proc"
        done = shell(f"{alone} setpriv --bounding-set=-all --inh-caps=-all {GATEPROOF} audit --format json")
    assert done.returncode == 2, done.stderr
    assert "root" in done.stderr
    found = json.loads(done.stdout)
    assert {one["verdict"] for one in found["verdicts"]} <= {"unknown", "not-routed"}
    assert {one["rule"]["id"] for one in found["findings"]} == {"required-domain-unknown", "source-unreadable"}
    assert any("CAP_NET_ADMIN" in gap["remedy"] for gap in found["gaps"])
