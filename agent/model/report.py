"""The report that leaves the house (schema ``gateproof.report/1``).

Times are RFC 3339 UTC, durations seconds. Lists are sorted; the same inputs give the same bytes. The classes are
plain, as loading pydantic costs more than auditing a thousand rules; it checks what is read back, and makes the
schema from the same annotations.
"""

from __future__ import annotations

import hashlib
from dataclasses import field
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

import orjson

from agent.model.limits import CLOSED, Limits
from agent.model.record import record
from agent.model.vocabulary import Reach, Severity, Stage, SubjectKind

Summary = Annotated[str, Limits(min_length=1, max_length=200)]
Uid = Annotated[str, Limits(pattern=r"^[0-9a-f]{32}$")]


FINDING: Final = "gateproof.finding/1"
REPORT: Final = "gateproof.report/1"


@record(kw_only=True, slots=False)
class SourceOut:
    """A place in the configuration, as in model.source.Source."""

    __pydantic_config__: ClassVar = CLOSED
    artifact: str
    line: int | None = None
    table: str | None = None
    chain: str | None = None
    handle: int | None = None
    text: str


@record(kw_only=True, slots=False)
class Verdict:
    """One required domain pattern from one zone by one road, port and address family."""

    __pydantic_config__: ClassVar = CLOSED
    pack: str
    domain: str
    zone: str
    road: str
    port: str
    required: bool = True
    """Whether the pack requires this port; one that is only preferred makes no finding of its own."""
    family: Literal[4, 6]
    verdict: Reach
    blocked_at: list[Stage] = field(default_factory=list)
    coverage: Annotated[float, Limits(ge=0, le=1)] | None = None
    decided_by: list[SourceOut] = field(default_factory=list)
    because: Annotated[str, Limits(min_length=1)]


@record(kw_only=True, slots=False)
class RuleOut:
    """The rule that a finding comes from."""

    __pydantic_config__: ClassVar = CLOSED
    id: str
    title: str
    pack: str | None = None
    severity_default: Severity
    manual: str


@record(kw_only=True, slots=False)
class Subject:
    """What a finding is about."""

    __pydantic_config__: ClassVar = CLOSED
    kind: SubjectKind
    name: str


@record(kw_only=True, slots=False)
class Evidence:
    """Something that speaks for a finding; no secrets, no payload."""

    __pydantic_config__: ClassVar = CLOSED
    type: Literal["config", "observed", "probe"]
    at: datetime
    data: dict[str, Any]


@record(kw_only=True, slots=False)
class Remedy:
    """What to do about it, in the owner's own tool."""

    __pydantic_config__: ClassVar = CLOSED
    text: str
    commands: list[str] = field(default_factory=list)
    tool: str = ""
    proven: bool = False


@record(kw_only=True, slots=False)
class Host:
    """The audited host; ``id`` is derived from the machine id, never the raw one."""

    __pydantic_config__: ClassVar = CLOSED
    id: str
    name: str
    os: str
    agent_version: str


@record(kw_only=True, slots=False)
class Suppression:
    """Somebody's decision to live with a finding for a while."""

    __pydantic_config__: ClassVar = CLOSED
    owner: str
    reason: str
    expires: datetime


@record(kw_only=True, slots=False)
class Finding:
    """What a person should act on (schema ``gateproof.finding/1``); ``uid`` is stable over runs."""

    __pydantic_config__: ClassVar = CLOSED
    schema: Literal["gateproof.finding/1"] = FINDING
    uid: Uid
    rule: RuleOut
    severity: Severity
    verdict: Literal["fail", "unknown"]
    status: Literal["open", "suppressed", "resolved"] = "open"
    subject: Subject
    pack: str | None = None
    zone: str | None = None
    road: list[str] = field(default_factory=list)
    family: list[int] = field(default_factory=list)
    port: list[str] = field(default_factory=list)
    blocked_at: list[Stage] = field(default_factory=list)
    summary: Summary
    locus: list[SourceOut] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    remedy: Remedy
    first_seen: datetime
    last_seen: datetime
    last_changed: datetime
    resolved_at: datetime | None = None
    count: int = 1
    """Audits that found it."""
    flaps: int = 0
    """Times within a day that it came back."""
    seq: int | None = None
    source: Literal["config", "observed", "probe"] = "config"
    host: Host
    suppression: Suppression | None = None
    references: list[str] = field(default_factory=list)


@record(kw_only=True, slots=False)
class Scan:
    """One audit: when the snapshot was taken, by whom, and how long judging took."""

    __pydantic_config__: ClassVar = CLOSED
    at: datetime
    artifacts: dict[str, str]
    """Artifact name to status (ok, absent, denied, failed, timeout)."""

    @property
    def unread(self) -> dict[str, str]:
        """Those that could not be read; what is absent is known."""
        return {name: status for name, status in self.artifacts.items() if status not in {"ok", "absent"}}


@record(kw_only=True, slots=False)
class GapOut:
    """What could not be read or understood."""

    __pydantic_config__: ClassVar = CLOSED
    subject: str
    reason: str
    remedy: str = ""
    source: SourceOut | None = None


@record(kw_only=True, slots=False)
class PolicyOut:
    """One pack that was audited."""

    __pydantic_config__: ClassVar = CLOSED
    name: str
    title: str
    checked: str
    domains: list[str]


@record(kw_only=True, slots=False)
class SuppressionOut:
    """One decision to live with findings for a while, and what it does now."""

    __pydantic_config__: ClassVar = CLOSED
    owner: str
    reason: str
    expires: datetime
    scope: dict[str, str]
    """``rule``, ``domain``, ``zone``, ``locus``, ``uid``: those that it names."""
    state: Literal["active", "expiring", "expired"]
    findings: int
    """How many it holds back."""


@record(kw_only=True, slots=False)
class Report:
    """One audit, whole."""

    __pydantic_config__: ClassVar = CLOSED
    schema: Literal["gateproof.report/1"] = REPORT
    host: Host
    scan: Scan
    policy: list[PolicyOut]
    verdicts: list[Verdict]
    findings: list[Finding]
    gaps: list[GapOut]
    notes: list[str] = field(default_factory=list)
    """What was seen and not judged, in a sentence each."""
    suppressions: list[SuppressionOut] = field(default_factory=list)


def fingerprint(rule_id: str, pack: str | None, subject: Subject, zone: str | None, key: str) -> str:
    """Give the uid of FINDINGS.md: 32 hex digits that stay while the trouble stays."""
    identity = [rule_id, pack, subject.kind, subject.name, zone, key]
    return hashlib.sha256(orjson.dumps(identity)).hexdigest()[:32]
