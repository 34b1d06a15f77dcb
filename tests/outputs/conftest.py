"""Reports made by hand: what people will look at, and what every format must carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from agent.model.report import (
    Finding,
    GapOut,
    Host,
    PolicyOut,
    Remedy,
    Report,
    RuleOut,
    Scan,
    SourceOut,
    Subject,
    Verdict,
    fingerprint,
)
from agent.model.source import Source

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
HOST = Host(id="0" * 32, name="gw1", os="Debian GNU/Linux 12", agent_version="0.1.0")
DOMAINS = ("*.livechat.com", "*.livechatinc.com", "*.chatbot.com")
DROP = SourceOut(
    artifact="nft.json", table="inet filter", chain="forward", handle=42, text="ip daddr 23.32.0.0/11 drop"
)


@dataclass
class Scene:
    """A report in the making."""

    verdicts: list[Verdict] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    gaps: list[GapOut] = field(default_factory=list)
    artifacts: dict[str, str] = field(default_factory=lambda: {"nft.json": "ok"})

    def verdict(self, domain: str, zone: str, state: str = "allowed", **more: Any) -> Scene:
        values = {"road": "direct", "port": "tcp/443", "family": 4, "because": "all of public IPv4 is accepted"}
        found = {"pack": "livechat", "domain": domain, "zone": zone, "verdict": state}
        self.verdicts.append(TypeAdapter(Verdict).validate_python(values | found | more))
        return self

    def finding(self, name: str, *sources: SourceOut, kind: str = "domain", **more: Any) -> Scene:
        subject = TypeAdapter(Subject).validate_python({"kind": kind, "name": name})
        rule = TypeAdapter(RuleOut).validate_python(
            {
                "id": "required-domain-partly-blocked",
                "title": "A required domain is partly blocked",
                "severity_default": "high",
                "manual": "What it is.",
            }
        )
        command = "nft delete rule inet filter forward handle 42"
        values: dict[str, Any] = {
            "schema": "gateproof.finding/1",
            "uid": fingerprint(rule.id, "livechat", subject, "lan0", ""),
            "rule": rule,
            "severity": "high",
            "verdict": "fail",
            "subject": subject,
            "zone": "lan0",
            "summary": f"{name} is partly blocked from lan0: 0.06 % of public IPv4 is dropped by {said(*sources)}"[
                :200
            ],
            "locus": list(sources),
            "remedy": Remedy(text=f"Remove the rule for {name}.", commands=[command]),
            "first_seen": NOW,
            "last_seen": NOW,
            "last_changed": NOW,
            "host": HOST,
        }
        self.findings.append(TypeAdapter(Finding).validate_python(values | more))
        return self

    def report(self) -> Report:
        policy = PolicyOut(name="livechat", title="LiveChat", checked="2026-11-23", domains=list(DOMAINS))
        scan = Scan(at=NOW, artifacts=self.artifacts)
        return Report(
            host=HOST, scan=scan, policy=[policy], verdicts=self.verdicts, findings=self.findings, gaps=self.gaps
        )


def said(*sources: SourceOut) -> str:
    """A source as sentences print it."""
    one = sources[0]
    return str(Source(one.artifact, one.text, one.line, one.table, one.chain, one.handle))


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def drop() -> SourceOut:
    return DROP


@pytest.fixture
def partly(scene: Scene) -> Report:
    """A gateway with one deny rule: three domains fare alike from lan0, all pass from the host."""
    because = f"0.06 % of public IPv4 (23.32.0.0/11) is dropped by {said(DROP)}"
    for domain in DOMAINS:
        for port in ("tcp/443", "tcp/80"):
            scene.verdict(
                domain, "lan0", "partial", port=port, because=because, decided_by=[DROP], blocked_at=["firewall"]
            )
            scene.verdict(domain, "lan0", "not-routed", port=port, family=6, because="no IPv6 route to the internet")
            scene.verdict(domain, "host", port=port)
        scene.verdict(
            domain, "lan0", "blocked", port="udp/443", required=False, because="all of public IPv4 is dropped"
        )
    for domain in reversed(DOMAINS):
        scene.finding(domain, DROP)
    return scene.report()
