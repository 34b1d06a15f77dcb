"""The whole program against a kernel: what it reports, and how findings live as rules come and go."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from tests.kernel import needs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs.kernel
GATEPROOF = f"{sys.executable} -m agent"
OPEN = """nft -f - <<END
table inet filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "lan0" tcp dport { 80, 443 } accept
    iifname "lan0" udp dport 443 accept
  }
}
END
"""
ALLOW_LIST = """nft -f - <<END
table inet filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ip daddr { 23.40.0.0/14, 104.16.7.7 } tcp dport { 80, 443 } accept
  }
}
END
"""
DENY = "nft insert rule inet filter forward ip daddr 23.32.0.0/11 drop\n"


def report(shell: needs.Shell) -> dict[str, Any]:
    done = shell(f"{GATEPROOF} audit --format json || [ $? = 1 ]")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_an_open_gateway_has_no_findings() -> None:
    with needs.gateway() as shell:
        shell(OPEN)
        found = report(shell)
    assert not found["findings"]
    assert {one["verdict"] for one in found["verdicts"]} == {"allowed", "not-routed"}


def test_an_allow_list_is_reported_with_rule_and_handle() -> None:
    with needs.gateway() as shell:
        shell(ALLOW_LIST)
        found = report(shell)
        listing = shell("nft -a list ruleset").stdout
    by_rule = {one["rule"]["id"]: one for one in found["findings"] if one["zone"] == "lan0"}
    assert set(by_rule) == {"required-domain-partly-blocked", "web-filtered-by-ip", "quic-dropped-not-rejected"}
    assert by_rule.pop("quic-dropped-not-rejected")["locus"][0]["text"] == "policy drop"
    for finding in by_rule.values():
        (locus,) = (one for one in finding["locus"] if one["text"].endswith("accept"))
        assert f"{locus['text']} # handle {locus['handle']}" in listing


def test_replies_that_nobody_lets_back_in() -> None:
    with needs.gateway() as shell:
        shell(OPEN.replace("ct state established,related accept", ""))
        found = report(shell)
        shell(OPEN + "nft insert rule inet filter forward ip saddr 23.32.0.0/11 drop")
        partly = report(shell)
    blocked, half = (
        [one for one in one_report["findings"] if one["rule"]["id"].startswith("required")]
        for one_report in (found, partly)
    )
    assert {one["rule"]["id"] for one in blocked} == {"required-domain-blocked"}
    assert all("reached, but the replies are dropped" in one["summary"] for one in (*blocked, *half))
    assert "ct state established,related accept" in blocked[0]["remedy"]["text"]
    assert {one["rule"]["id"] for one in half} == {"required-domain-partly-blocked"}
    assert half[0]["locus"][0]["text"] == "ip saddr 23.32.0.0/11 drop"


def test_a_finding_keeps_its_uid_and_ends_with_its_rule(tmp_path: Path) -> None:
    run = f"{GATEPROOF} run --once --state-dir {tmp_path}"
    with needs.gateway() as shell:
        shell(OPEN + DENY)
        assert shell(run).returncode == 0
        first = json.loads((tmp_path / "findings.json").read_text())["findings"]
        handle = next(
            one["locus"][0]["handle"] for one in first if one["rule"]["id"] == "required-domain-partly-blocked"
        )
        shell(f"nft delete rule inet filter forward handle {handle}\n{DENY}")
        assert shell(run).returncode == 0
        second = json.loads((tmp_path / "findings.json").read_text())["findings"]
        moved = next(
            one["locus"][0]["handle"] for one in second if one["rule"]["id"] == "required-domain-partly-blocked"
        )
        shell(f"nft delete rule inet filter forward handle {moved}")
        assert shell(run).returncode == 0
        third = json.loads((tmp_path / "findings.json").read_text())["findings"]
    assert moved != handle
    assert [one["uid"] for one in first] == [one["uid"] for one in second] == [one["uid"] for one in third]
    assert {one["status"] for one in second} == {"open"}
    assert {one["status"] for one in third} == {"resolved"}
    assert {one["first_seen"] for one in third} == {one["first_seen"] for one in first}
    events = [json.loads(line)["event"] for line in (tmp_path / "findings.jsonl").read_text().splitlines()]
    assert events == ["opened"] * len(first) + ["resolved"] * len(first)
    assert len(first) == 7  # six domains, and the practice
