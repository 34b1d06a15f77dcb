"""The report that leaves the house (schema ``gateproof.report/1``); pydantic stands here, at the border.

Times are RFC 3339 UTC, durations seconds. Lists are sorted; the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from agent.model.vocabulary import Reach, Severity, Stage


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceOut(_Value):
    """A place in the configuration, as in model.source.Source."""

    artifact: str
    line: int | None = None
    table: str | None = None
    chain: str | None = None
    handle: int | None = None
    text: str


class Verdict(_Value):
    """One required domain pattern from one zone by one road, port and address family."""

    pack: str
    domain: str
    zone: str
    road: str
    port: str
    required: bool = True
    """Whether the pack requires this port; one that is only preferred makes no finding of its own."""
    family: Literal[4, 6]
    verdict: Reach
    blocked_at: list[Stage] = Field(default_factory=list)
    coverage: float | None = Field(default=None, ge=0, le=1)
    decided_by: list[SourceOut] = Field(default_factory=list)
    because: str = Field(min_length=1)


class RuleOut(_Value):
    """The rule that a finding comes from."""

    id: str
    title: str
    pack: str | None = None
    severity_default: Severity
    manual: str


class Subject(_Value):
    """What a finding is about."""

    kind: Literal[
        "domain",
        "rule",
        "set",
        "resolver",
        "proxy",
        "certificate",
        "host",
        "zone",
        "pack",
        "suppression",
        "agent",
    ]
    name: str


class Evidence(_Value):
    """Something that speaks for a finding; no secrets, no payload."""

    type: Literal["config", "observed", "probe"]
    at: datetime
    data: dict[str, Any]


class Remedy(_Value):
    """What to do about it, in the owner's own tool."""

    text: str
    commands: list[str] = Field(default_factory=list)
    tool: str = ""
    proven: bool = False


class Host(_Value):
    """The audited host; ``id`` is derived from the machine id, never the raw one."""

    id: str
    name: str
    os: str
    agent_version: str


class Suppression(_Value):
    """Somebody's decision to live with a finding for a while."""

    owner: str
    reason: str
    expires: datetime


class Finding(_Value):
    """What a person should act on (schema ``gateproof.finding/1``); ``uid`` is stable over runs."""

    schema_: Literal["gateproof.finding/1"] = Field(default="gateproof.finding/1", alias="schema")
    uid: str = Field(pattern=r"^[0-9a-f]{32}$")
    rule: RuleOut
    severity: Severity
    verdict: Literal["fail", "unknown"]
    status: Literal["open", "suppressed", "resolved"] = "open"
    subject: Subject
    pack: str | None = None
    zone: str | None = None
    road: list[str] = Field(default_factory=list)
    family: list[int] = Field(default_factory=list)
    port: list[str] = Field(default_factory=list)
    blocked_at: list[Stage] = Field(default_factory=list)
    summary: str = Field(min_length=1, max_length=200)
    locus: list[SourceOut] = Field(default_factory=list)
    evidence: list[Evidence] = Field(default_factory=list)
    remedy: Remedy
    first_seen: datetime
    last_seen: datetime
    last_changed: datetime
    resolved_at: datetime | None = None
    count: int = 1
    seq: int | None = None
    source: Literal["config", "observed", "probe"] = "config"
    host: Host
    suppression: Suppression | None = None
    references: list[str] = Field(default_factory=list)


class Scan(_Value):
    """One audit: when the snapshot was taken, by whom, and how long judging took."""

    at: datetime
    artifacts: dict[str, str]
    """Artifact name to status (ok, absent, denied, failed, timeout)."""


class GapOut(_Value):
    """What could not be read or understood."""

    subject: str
    reason: str
    remedy: str = ""
    source: SourceOut | None = None


class PolicyOut(_Value):
    """One pack that was audited."""

    name: str
    title: str
    checked: str
    domains: list[str]


class Report(_Value):
    """One audit, whole."""

    schema_: Literal["gateproof.report/1"] = Field(default="gateproof.report/1", alias="schema")
    host: Host
    scan: Scan
    policy: list[PolicyOut]
    verdicts: list[Verdict]
    findings: list[Finding]
    gaps: list[GapOut]


def fingerprint(rule_id: str, pack: str | None, subject: Subject, zone: str | None, key: str) -> str:
    """Give the uid of FINDINGS.md: 32 hex digits that stay while the trouble stays."""
    identity = [rule_id, pack, subject.kind, subject.name, zone, key]
    return hashlib.sha256(orjson.dumps(identity)).hexdigest()[:32]
